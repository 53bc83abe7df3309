/* SCP80: sealing commands and opening responses, keys of another device for every message, beside
 * OpenSSL's EVP one at a time under fresh keys.
 *
 * On paper, 112 octets (SPI 1639, AES-128): CMAC takes 8 blocks and the subkey 1, the cipher 8 of
 * 128 octets: 17 blocks of 10 AESENC, at one 512-bit AESENC (4 blocks) a cycle 43 cycles; two key
 * schedules of 10 steps 4 keys wide, about 15 cycles. So 16 ns at 3.6 GHz, all of it arithmetic.
 * Measured, batch of 64: the lanes 31 ns (16 of CMAC, 15 of CBC; 17 blocks at 2.5 ns a step of 16,
 * and about 7 ns a call to gather lanes and make schedules), layout, suites and this rig 30 ns.
 *
 * The baseline is given finished layouts and does nothing but the two EVP calls. Keys lie in a table
 * of 32 octets a device, read in random order, prefetched 16 ahead. STARLING_BENCH_DEVICES=10000000
 * adds a row group of that many (320 MB). */
#include "base/prng.h"
#include "bench/bench.h"
#include "crypto/scp80_batch.h"
#include "tests/support/lanes_ref.h"
#include "tests/support/scp80_ref.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define BATCH_MAX 64
#define MESSAGE_MAX 1024
#define AHEAD 16
#define DISTINCT                                                                                   \
    256u /* key sets that differ; the table repeats them: packets stay warm, keys do not */

enum op { SEAL, OPEN };

struct device {
    uint8_t kic[16], kid[16];
};

/* One row: what it works on. */
struct rig {
    enum op op;
    enum lanes_way way;
    uint32_t len, batch, devices;
    bool same_key;
};

static struct device *table;
static uint32_t table_count;
static uint8_t
    responses[DISTINCT * (MESSAGE_MAX + 128)]; /* of each distinct device, close together */
static uint32_t responses_len, response_len;   /* of the data, of each packet */
static uint8_t message[MESSAGE_MAX];

static const struct scp80_security security = { .transport = SCP80_SMS_PP,
                                                .spi = 0x1639,
                                                .kic = 0x12,
                                                .kid = 0x12,
                                                .tar = { 0, 0, 1 },
                                                .cntr = 7 };

static void table_make(uint32_t count)
{
    size_t size = (size_t)count * sizeof *table;
    table = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT(table != MAP_FAILED);
    madvise(table, size, MADV_HUGEPAGE); /* helps where it is allowed */
    table_count = count;
    struct prng prng;
    prng_init(&prng, 1);
    for (uint32_t i = 0; i < count; i++) {
        uint8_t *octets = (uint8_t *)&table[i];
        if (i >= DISTINCT)
            table[i] = table[i % DISTINCT];
        for (size_t o = 0; i < DISTINCT && o < sizeof *table; o++)
            octets[o] = (uint8_t)prng_next(&prng);
    }
}

static void keys_of(const struct device *device, struct scp80_keys *keys)
{
    memcpy(keys->kic, device->kic, sizeof device->kic);
    memcpy(keys->kid, device->kid, sizeof device->kid);
    keys->kic_len = keys->kid_len = 16;
    keys->cc_len = 8;
}

static void responses_make(uint32_t len)
{
    if (responses_len == len)
        return;
    for (uint32_t i = 0; i < DISTINCT; i++) {
        struct scp80_keys keys;
        uint8_t packet[SCP80_REF_CAP];
        keys_of(&table[i], &keys);
        response_len =
            (uint32_t)scp80_ref_response(&security, &keys, 0, span_of(message, len), 2, packet);
        memcpy(responses + (size_t)i * response_len, packet, response_len);
    }
    responses_len = len;
}

/* Which devices come next: random, known one batch ahead, so that keys are asked for 16 messages
 * before their turn also across batches. */
struct walk {
    struct prng prng;
    uint32_t next[2][BATCH_MAX];
    uint32_t turn;
};

static void walk_draw(struct walk *walk, const struct rig *rig, uint32_t *out)
{
    for (uint32_t i = 0; i < rig->batch; i++)
        out[i] =
            rig->same_key ? 0 : (uint32_t)((prng_next(&walk->prng) >> 32) * rig->devices >> 32);
}

static void walk_start(struct walk *walk, const struct rig *rig)
{
    prng_init(&walk->prng, 2);
    walk->turn = 0;
    walk_draw(walk, rig, walk->next[1]);
}

/* On to the batch drawn before; draws the one after it. */
static const uint32_t *walk_on(struct walk *walk, const struct rig *rig)
{
    walk_draw(walk, rig, walk->next[walk->turn]);
    walk->turn ^= 1;
    return walk->next[walk->turn];
}

static const struct device *walk_at(const struct walk *walk, const struct rig *rig, uint32_t i)
{
    uint32_t ahead = i + AHEAD;
    if (ahead < rig->batch)
        __builtin_prefetch(&table[walk->next[walk->turn][ahead]]);
    else if (ahead - rig->batch < rig->batch)
        __builtin_prefetch(&table[walk->next[walk->turn ^ 1][ahead - rig->batch]]);
    return &table[walk->next[walk->turn][i]];
}

static uint8_t buffers[BATCH_MAX][MESSAGE_MAX + 128];

static bool seal_turn(struct lanes *lanes, const struct rig *rig, struct walk *walk)
{
    static struct scp80_keys keys[BATCH_MAX];
    static struct scp80_seal jobs[BATCH_MAX];
    walk_on(walk, rig);
    for (uint32_t i = 0; i < rig->batch; i++) {
        keys_of(walk_at(walk, rig, i), &keys[i]);
        jobs[i].security = security;
        jobs[i].keys = &keys[i];
        jobs[i].data = span_of(message, rig->len);
        jobs[i].packet = buffers[i];
        jobs[i].packet_cap = sizeof buffers[i];
    }
    scp80_seal_run(lanes, jobs, rig->batch);
    bool good = true;
    for (uint32_t i = 0; i < rig->batch; i++)
        good &= jobs[i].err == ERR_OK;
    return good;
}

static bool open_turn(struct lanes *lanes, const struct rig *rig, struct walk *walk)
{
    static struct scp80_keys keys[BATCH_MAX];
    static struct scp80_open_response jobs[BATCH_MAX];
    const uint32_t *next = walk_on(walk, rig);
    for (uint32_t i = 0; i < rig->batch; i++) {
        const uint8_t *packet = responses + (size_t)(next[i] % DISTINCT) * response_len;
        keys_of(walk_at(walk, rig, i), &keys[i]);
        jobs[i].command = security;
        jobs[i].keys = &keys[i];
        jobs[i].packet = span_of(packet, response_len);
        jobs[i].udhl = 2;
        jobs[i].buf = buffers[i];
        jobs[i].buf_cap = sizeof buffers[i];
    }
    scp80_open_response_run(lanes, jobs, rig->batch);
    bool good = true;
    for (uint32_t i = 0; i < rig->batch; i++)
        good &= jobs[i].err == ERR_OK;
    return good;
}

static void ours(struct bench *bench, void *arg)
{
    const struct rig *rig = arg;
    struct lanes *lanes = lanes_create_as(rig->way);
    if (lanes == NULL) {
        bench_skip(bench, "not on this machine");
        return;
    }
    struct walk walk;
    walk_start(&walk, rig);
    responses_make(rig->len);
    bool good = true;
    while (bench_more(bench))
        good &= rig->op == SEAL ? seal_turn(lanes, rig, &walk) : open_turn(lanes, rig, &walk);
    ASSERT(good);
    bench_items(bench, rig->batch);
    lanes_destroy(lanes);
}

/* The same two computations by EVP: lengths as in the packet, copied to where they are worked on. */
static void openssl(struct bench *bench, void *arg)
{
    const struct rig *rig = arg;
    struct walk walk;
    uint32_t fixed = rig->op == SEAL ? 6 : 7, clear = rig->op == SEAL ? 10 : 9;
    uint32_t cipher_len = (fixed + 8 + rig->len + 15) / 16 * 16;
    uint8_t *text = buffers[0];
    struct rig one = *rig;
    one.batch = BATCH_MAX;
    walk_start(&walk, &one);
    while (bench_more(bench)) {
        walk_on(&walk, &one);
        for (uint32_t i = 0; i < BATCH_MAX; i++) {
            const struct device *device = walk_at(&walk, &one, i);
            struct lanes_cmac cmac = {
                .key = device->kid, .key_len = 16, .in = text, .len = clear + cipher_len - 8
            };
            struct lanes_cbc cbc = { .key = device->kic,
                                     .key_len = 16,
                                     .in = text + clear,
                                     .out = text + clear,
                                     .len = cipher_len };
            if (rig->op == SEAL) {
                lanes_ref_cmac_run(&cmac, 1);
                lanes_ref_cbc_encrypt(&cbc, 1);
            } else {
                lanes_ref_cbc_decrypt(&cbc, 1);
                lanes_ref_cmac_run(&cmac, 1);
            }
            bench_keep(cmac.mac);
        }
    }
    bench_items(bench, BATCH_MAX);
}

static const char *op_name(enum op op)
{
    return op == SEAL ? "seal" : "open";
}

static void add(const struct rig *rig, const char *keys, bool baseline)
{
    char name[96], against[96];
    struct rig *kept = malloc(sizeof *kept);
    ASSERT(kept != NULL);
    *kept = *rig;
    snprintf(against, sizeof against, "openssl %s %u octets, keys: %s", op_name(rig->op), rig->len,
             keys);
    snprintf(name, sizeof name, "%s %u octets, keys: %s, batch %u, %s", op_name(rig->op), rig->len,
             keys, rig->batch, lanes_way_name(rig->way));
    if (baseline)
        bench_row(against, openssl, kept);
    else
        bench_row_against(name, against, ours, kept);
}

/* One length and key spread: the baseline, then the batches. */
static void add_group(enum op op, enum lanes_way way, uint32_t len, uint32_t devices,
                      const char *keys, const uint32_t *batches, size_t batch_count)
{
    struct rig rig = {
        .op = op, .way = way, .len = len, .devices = devices, .same_key = devices == 1
    };
    add(&rig, keys, true);
    for (size_t i = 0; i < batch_count; i++) {
        rig.batch = batches[i];
        add(&rig, keys, false);
    }
}

int main(int argc, char **argv)
{
    static const uint32_t lens[] = { 32, 112, 140, 1024 }, batches[] = { 1, 8, 16, 64 };
    static const uint32_t full = BATCH_MAX;
    const char *more = getenv("STARLING_BENCH_DEVICES");
    uint32_t most = more != NULL ? (uint32_t)strtoul(more, NULL, 10) : 0;
    struct lanes *lanes = lanes_create();
    if (lanes == NULL)
        return 1;
    enum lanes_way best = lanes_way(lanes);
    lanes_destroy(lanes);
    table_make(most > 1u << 20 ? most : 1u << 20);

    for (enum op op = SEAL; op <= OPEN; op++) {
        for (size_t i = 0; i < COUNT(lens); i++) {
            add_group(op, best, lens[i], 1, "same", batches, COUNT(batches));
            add_group(op, best, lens[i], 1u << 10, "of 1 k devices", batches, COUNT(batches));
        }
        add_group(op, best, 112, 1u << 14, "of 16 k devices", &full, 1);
        add_group(op, best, 112, 1u << 17, "of 131 k devices", &full, 1);
        add_group(op, best, 112, 1u << 20, "of 1 M devices", &full, 1);
        if (most > 0)
            add_group(op, best, 112, most, "of as many devices as asked", &full, 1);
        for (enum lanes_way way = best + 1; way < LANES_WAY_COUNT; way++) {
            struct rig rig = { .op = op, .way = way, .len = 112, .devices = 1u << 10 };
            for (size_t i = 0; i < COUNT(batches); i++) {
                rig.batch = batches[i];
                add(&rig, "of 1 k devices", false);
            }
        }
    }
    return bench_main(argc, argv);
}
