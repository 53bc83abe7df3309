/* struct device to and from its packed form. */
#include "engine/device/directory_record.h"

static void keyset_pack(const struct device_keyset *keyset, struct packed_keyset *out,
                        uint8_t keys[KEYS_LEN])
{
    ASSERT(keyset->domain < DEVICE_DOMAINS_MAX && keyset->kvn <= 0xF);
    ASSERT(keyset->cc_len <= 12 && keyset->cc_len % 4 == 0);
    ASSERT(keyset->kic_algorithm <= 0xF && keyset->kid_algorithm <= 0xF);
    ASSERT(keyset->flags <= 0x3);
    ASSERT(keyset->kic_len <= DEVICE_KEY_MAX && keyset->kic_len % 8 == 0);
    ASSERT(keyset->kid_len <= DEVICE_KEY_MAX && keyset->kid_len % 8 == 0);
    *out = (struct packed_keyset){
        .domain_kvn = (uint8_t)(keyset->domain << 6 | keyset->cc_len / 4 << 4 | keyset->kvn),
        .edition = keyset->edition,
        .algorithms = (uint8_t)(keyset->kic_algorithm << 4 | keyset->kid_algorithm),
        .flags_lens =
            (uint8_t)(keyset->flags << 6 | keyset->kic_len / 8 << 3 | keyset->kid_len / 8),
    };
    struct writer w = writer_over(out->cntr_base, sizeof out->cntr_base);
    writer_u40(&w, keyset->cntr_base);
    ASSERT(w.err == ERR_OK);
    memcpy(keys, keyset->kic, keyset->kic_len);
    memcpy(keys + keyset->kic_len, keyset->kid, keyset->kid_len);
}

/* Lengths from a packed set are bounded by what keyset_pack() accepted. */
static void keyset_unpack(const struct packed_keyset *in, const uint8_t keys[KEYS_LEN],
                          struct device_keyset *out)
{
    out->domain = in->domain_kvn >> 6;
    out->cc_len = (uint8_t)(4 * (in->domain_kvn >> 4 & 0x3));
    out->edition = in->edition;
    out->kvn = in->domain_kvn & 0xF;
    out->kic_algorithm = in->algorithms >> 4;
    out->kid_algorithm = in->algorithms & 0xF;
    out->flags = in->flags_lens >> 6;
    out->kic_len = (uint8_t)(8 * (in->flags_lens >> 3 & 0x7));
    out->kid_len = (uint8_t)(8 * (in->flags_lens & 0x7));
    struct reader r = reader_over(span_of(in->cntr_base, sizeof in->cntr_base));
    out->cntr_base = reader_u40(&r);
    ASSERT(out->kic_len <= DEVICE_KEY_MAX && out->kid_len <= DEVICE_KEY_MAX);
    memcpy(out->kic, keys, out->kic_len);
    memcpy(out->kid, keys + out->kic_len, out->kid_len);
}

void record_pack(const struct device *device, union record_image *out)
{
    ASSERT(device->domain_count <= DEVICE_DOMAINS_MAX);
    ASSERT(device->keyset_count <= DEVICE_KEYSETS_MAX);
    *out = (union record_image){
        .eid = device->eid,
        .msisdn = device->msisdn,
        .flags = device->flags,
        .segments_max = device->segments_max,
        .counts = (uint8_t)(device->domain_count << 4 | device->keyset_count),
    };
    for (unsigned i = 0; i < device->domain_count; i++) {
        const struct device_domain *domain = &device->domains[i];
        out->domains[i].role_compact = (uint8_t)(domain->role | (domain->compact ? 0x80 : 0));
        memcpy(out->domains[i].tar, domain->tar, sizeof domain->tar);
    }
    if (device->keyset_count > 0)
        keyset_pack(&device->keysets[0], &out->set, out->keys);
}

void unit_pack(const struct device_keyset *keyset, union unit_image *out)
{
    *out = (union unit_image){ 0 };
    keyset_pack(keyset, &out->set, out->keys);
}

void record_unpack(const union record_image *image, struct device *out)
{
    *out = (struct device){
        .eid = image->eid,
        .msisdn = image->msisdn,
        .flags = image->flags,
        .segments_max = image->segments_max,
        .domain_count = image->counts >> 4,
        .keyset_count = image->counts & 0xF,
    };
    for (unsigned i = 0; i < out->domain_count; i++) {
        out->domains[i].role = image->domains[i].role_compact & 0x7F;
        out->domains[i].compact = image->domains[i].role_compact >> 7;
        memcpy(out->domains[i].tar, image->domains[i].tar, sizeof out->domains[i].tar);
    }
    if (out->keyset_count > 0)
        keyset_unpack(&image->set, image->keys, &out->keysets[0]);
}

void unit_unpack(const union unit_image *image, struct device_keyset *out)
{
    keyset_unpack(&image->set, image->keys, out);
}
