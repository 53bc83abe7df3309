/* EIS lines: what is taken is a device within bounds that is stored and read back the same; what is
 * refused says why, without quoting what may be a key. */
#include "tests/fuzz/fuzz.h"

#include "engine/device/device_record.h"

#include <ctype.h>
#include <stdlib.h>

#define QUOTED_HEX_MAX 8 /* as long a run of hex digits as our own words have: "accepted" */

static struct lanes *lanes;
static struct kek *kek;

static void stop(void)
{
    kek_drop(kek);
    lanes_destroy(lanes);
}

static void start(void)
{
    static const uint8_t key[KEK_LEN];
    struct fault fault = { "" };
    lanes = lanes_create();
    kek = kek_from(key, &fault);
    ASSERT(lanes != NULL && kek != NULL);
    ASSERT(atexit(stop) == 0); /* locked memory is invisible to the leak checker */
}

static void check_fault(const char *text)
{
    ASSERT(text[0] != '\0');
    unsigned run = 0;
    for (; *text != '\0'; text++) {
        run = isxdigit((unsigned char)*text) ? run + 1 : 0;
        ASSERT(run <= QUOTED_HEX_MAX);
    }
}

static void check_device(const struct device *device)
{
    ASSERT(eid_mod97(&device->eid) == 1);
    ASSERT(device->domain_count >= 1 && device->domain_count <= DEVICE_DOMAINS_MAX);
    ASSERT(device->keyset_count >= 1 && device->keyset_count <= DEVICE_KEYSETS_MAX);
    for (unsigned i = 0; i < device->keyset_count; i++) {
        const struct device_keyset *set = &device->keysets[i];
        ASSERT(set->domain < device->domain_count && set->kvn >= 1 && set->kvn <= 0xF);
        ASSERT(set->kic_len >= 8 && set->kic_len <= DEVICE_KEY_MAX && set->kic_len % 8 == 0);
        ASSERT(set->kid_len >= 8 && set->kid_len <= DEVICE_KEY_MAX && set->kid_len % 8 == 0);
        ASSERT(set->cc_len == 8 || set->cc_len == 4);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (lanes == NULL)
        start();
    struct eis_options options = { .lanes = lanes };
    struct eis eis;
    struct fault fault = { "" };
    if (eis_line_read(span_of(data, size), 1, &options, &eis, &fault) != ERR_OK) {
        check_fault(fault.text);
        return 0;
    }
    ASSERT(fault.text[0] == '\0');
    check_device(&eis.device);
    uint8_t buf[DEVICE_RECORD_MAX];
    struct writer w = writer_over(buf, sizeof buf);
    device_record_write(&w, kek, lanes, &eis);
    ASSERT(w.err == ERR_OK);
    struct device device;
    ASSERT(device_record_read(written(&w), kek, lanes, &device) == ERR_OK);
    ASSERT(memcmp(&device, &eis.device, sizeof device) == 0);
    eis_drop(&eis);
    return 0;
}
