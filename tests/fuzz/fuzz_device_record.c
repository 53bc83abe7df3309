/* Stored devices: any octets are refused, or are a device within bounds. */
#include "tests/fuzz/fuzz.h"

#include "engine/device/device_record.h"

#include <stdlib.h>

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (lanes == NULL)
        start();
    struct span in = span_of(data, size), json;
    struct device device;
    struct eis_other other;
    enum err kept = device_record_kept(in, &json);
    enum err keys = device_record_read(in, kek, lanes, &device);
    enum err rest = device_record_other(in, kek, lanes, &other);
    if (keys == ERR_OK) {
        ASSERT(kept == ERR_OK);
        ASSERT(device.domain_count <= DEVICE_DOMAINS_MAX);
        ASSERT(device.keyset_count <= DEVICE_KEYSETS_MAX);
        for (unsigned i = 0; i < device.keyset_count; i++)
            ASSERT(device.keysets[i].domain < device.domain_count);
    }
    if (rest == ERR_OK)
        ASSERT(kept == ERR_OK && other.len <= EIS_OTHER_MAX);
    if (kept == ERR_OK)
        ASSERT(json.len <= size);
    return 0;
}
