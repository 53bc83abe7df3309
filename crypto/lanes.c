/* Which way a machine does its lanes, and the batch cut into chunks of like jobs. */
#include "crypto/lanes.h"

#include "base/log.h"
#include "crypto/lanes_mb.h"
#include "crypto/secret.h"

#include <stdlib.h>

static bool supported(enum lanes_way way)
{
    switch (way) {
    case LANES_VAES:
    case LANES_MB_VAES:
        return lanes_vaes_supported();
    case LANES_MB_AESNI:
        return lanes_keys_aesni_supported();
    case LANES_MB:
        return true;
    }
    return false;
}

const char *lanes_way_name(enum lanes_way way)
{
    switch (way) {
    case LANES_VAES:
        return "vaes";
    case LANES_MB_VAES:
        return "ipsec-mb, keys by vaes";
    case LANES_MB_AESNI:
        return "ipsec-mb, keys by aes-ni";
    case LANES_MB:
        return "ipsec-mb";
    }
    return "";
}

static enum err init(struct lanes *lanes)
{
    struct fault fault = { .text = "" };
    lanes->secret = secret_alloc(sizeof *lanes->secret, &fault);
    if (lanes->secret == NULL) {
        log_error("crypto", "%s", fault.text);
        return ERR_NO_MEMORY;
    }
    enum err err = lanes_mb_init(lanes);
    return err != ERR_OK ? err : lanes_selftest(lanes);
}

struct lanes *lanes_create_as(enum lanes_way way)
{
    struct lanes *lanes = supported(way) ? calloc(1, sizeof *lanes) : NULL;
    if (lanes == NULL)
        return NULL;
    lanes->way = way;
    enum err err = init(lanes);
    if (err != ERR_OK) {
        log_error("crypto", "start-up by %s: %s", lanes_way_name(way), err_text(err));
        lanes_destroy(lanes);
        return NULL;
    }
    return lanes;
}

enum lanes_way lanes_way_best(void)
{
    enum lanes_way way = LANES_VAES;
    while (!supported(way))
        way++;
    return way;
}

struct lanes *lanes_create(void)
{
    return lanes_create_as(lanes_way_best());
}

void lanes_destroy(struct lanes *lanes)
{
    if (lanes == NULL)
        return;
    lanes_mb_fini(lanes);
    secret_free(lanes->secret, sizeof *lanes->secret);
    free(lanes);
}

enum lanes_way lanes_way(const struct lanes *lanes)
{
    return lanes->way;
}

static struct lanes_order_item item(uint32_t key_len, uint32_t blocks)
{
    ASSERT(key_len == 16 || key_len == 24 || key_len == 32);
    return (struct lanes_order_item){ .key_len = (uint8_t)key_len, .size = lanes_size(blocks) };
}

static uint32_t chunk(uint32_t left)
{
    return left < LANES_CHUNK ? left : LANES_CHUNK;
}

void lanes_cmac_run(struct lanes *lanes, struct lanes_cmac *jobs, uint32_t count)
{
    for (uint32_t first = 0; first < count; first += LANES_CHUNK) {
        struct lanes_cmac *some = jobs + first;
        struct lanes_order_item items[LANES_CHUNK];
        struct lanes_order order;
        for (uint32_t i = 0; i < chunk(count - first); i++)
            items[i] = item(some[i].key_len, some[i].len == 0 ? 1 : (some[i].len - 1) / 16 + 1);
        lanes_order_make(&order, items, chunk(count - first));
        for (uint32_t run = 0; run < order.run_count; run++) {
            if (lanes->way == LANES_VAES)
                lanes_vaes_cmac(&lanes->secret->vaes, some, &order.runs[run]);
            else
                lanes_mb_cmac(lanes, some, &order.runs[run]);
        }
    }
}

static void cbc(struct lanes *lanes, const struct lanes_cbc *jobs, uint32_t count, bool decrypt)
{
    for (uint32_t first = 0; first < count; first += LANES_CHUNK) {
        const struct lanes_cbc *some = jobs + first;
        struct lanes_order_item items[LANES_CHUNK];
        struct lanes_order order;
        for (uint32_t i = 0; i < chunk(count - first); i++) {
            ASSERT(some[i].len % LANES_BLOCK == 0);
            items[i] = item(some[i].key_len, some[i].len / LANES_BLOCK);
        }
        lanes_order_make(&order, items, chunk(count - first));
        for (uint32_t run = 0; run < order.run_count; run++) {
            if (lanes->way != LANES_VAES)
                lanes_mb_cbc(lanes, some, &order.runs[run], decrypt);
            else if (decrypt)
                lanes_vaes_cbc_decrypt(&lanes->secret->vaes, some, &order.runs[run]);
            else
                lanes_vaes_cbc_encrypt(&lanes->secret->vaes, some, &order.runs[run]);
        }
    }
}

void lanes_cbc_encrypt(struct lanes *lanes, const struct lanes_cbc *jobs, uint32_t count)
{
    cbc(lanes, jobs, count, false);
}

void lanes_cbc_decrypt(struct lanes *lanes, const struct lanes_cbc *jobs, uint32_t count)
{
    cbc(lanes, jobs, count, true);
}
