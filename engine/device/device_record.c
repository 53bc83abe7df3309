/* Stored devices: fixed clear head, two wrapped parts, JSON. */
#include "engine/device/device_record.h"

#include "crypto/ct.h"

#define VERSION 2
#define MSISDN_AT 1
#define AAD_AT 9 /* the EID */
#define KEYS_MAX (DEVICE_KEYSETS_MAX * 2 * DEVICE_KEY_MAX)

static void head_write(struct writer *out, const struct device *device)
{
    writer_u8(out, VERSION);
    writer_u64(out, device->msisdn);
    writer_bytes(out, span_of(device->eid.bytes, EID_LEN));
    writer_u8(out, device->flags);
    writer_u8(out, device->segments_max);
    writer_u8(out, device->domain_count);
    for (unsigned i = 0; i < device->domain_count; i++) {
        writer_u8(out, device->domains[i].role);
        writer_bytes(out, span_of(device->domains[i].tar, sizeof device->domains[i].tar));
        writer_u8(out, device->domains[i].compact);
    }
    writer_u8(out, device->keyset_count);
    for (unsigned i = 0; i < device->keyset_count; i++) {
        const struct device_keyset *set = &device->keysets[i];
        writer_u8(out, set->domain);
        writer_u8(out, set->kvn);
        writer_u8(out, (uint8_t)(set->kic_algorithm << 4 | set->kid_algorithm));
        writer_u8(out, set->kic_len);
        writer_u8(out, set->kid_len);
        writer_u8(out, set->cc_len);
        writer_u8(out, set->edition);
        writer_u40(out, set->cntr_base);
    }
}

/* The wrapped form of `in` with its length in front; what was written so far is the AAD. */
static void part_write(struct writer *out, size_t start, struct kek *kek, struct lanes *lanes,
                       struct span in)
{
    struct span aad = span_after(written(out), start + AAD_AT);
    writer_uint(out, in.len + KEK_OVERHEAD, 2);
    uint8_t *wrapped = writer_claim(out, in.len + KEK_OVERHEAD);
    if (wrapped == NULL)
        return;
    enum err err = kek_wrap(kek, lanes, aad, in, wrapped);
    if (err != ERR_OK)
        writer_fail(out, err);
}

/* The kept JSON, straight into the record. */
static void kept_write(struct writer *out, const json_t *kept)
{
    size_t len = json_dumpb(kept, NULL, 0, JSON_COMPACT);
    writer_uint(out, len, 2);
    uint8_t *text = writer_claim(out, len);
    if (text != NULL && json_dumpb(kept, (char *)text, len, JSON_COMPACT) != len)
        writer_fail(out, ERR_MALFORMED);
}

/* All but the JSON. */
static void parts_write(struct writer *out, struct kek *kek, struct lanes *lanes,
                        const struct device *device, const struct eis_other *other)
{
    ASSERT(device->domain_count <= DEVICE_DOMAINS_MAX);
    ASSERT(device->keyset_count <= DEVICE_KEYSETS_MAX);
    size_t start = writer_mark(out);
    head_write(out, device);

    uint8_t keys[KEYS_MAX];
    struct writer w = writer_over(keys, sizeof keys);
    for (unsigned i = 0; i < device->keyset_count; i++) {
        const struct device_keyset *set = &device->keysets[i];
        writer_bytes(&w, span_of(set->kic, set->kic_len));
        writer_bytes(&w, span_of(set->kid, set->kid_len));
    }
    ASSERT(w.err == ERR_OK);
    part_write(out, start, kek, lanes, written(&w));
    wipe(keys, sizeof keys);
    part_write(out, start, kek, lanes, span_of(other->octets, other->len));
}

void device_record_write(struct writer *out, struct kek *kek, struct lanes *lanes,
                         const struct eis *eis)
{
    parts_write(out, kek, lanes, &eis->device, &eis->other);
    kept_write(out, eis->kept);
}

/* Everything of a record, nothing opened. */
struct parts {
    struct span keys_aad, keys;
    struct span other_aad, other;
    struct span kept;
};

static void domains_read(struct reader *r, struct device *out)
{
    out->domain_count = reader_u8(r);
    if (out->domain_count > DEVICE_DOMAINS_MAX)
        reader_fail(r, ERR_MALFORMED);
    for (unsigned i = 0; i < out->domain_count && r->err == ERR_OK; i++) {
        struct device_domain *domain = &out->domains[i];
        domain->role = reader_u8(r);
        reader_copy(r, domain->tar, sizeof domain->tar);
        uint8_t compact = reader_u8(r);
        domain->compact = compact == 1;
        if (domain->role > DOMAIN_OTHER || compact > 1)
            reader_fail(r, ERR_MALFORMED);
    }
}

static void keysets_read(struct reader *r, struct device *out)
{
    out->keyset_count = reader_u8(r);
    if (out->keyset_count > DEVICE_KEYSETS_MAX)
        reader_fail(r, ERR_MALFORMED);
    for (unsigned i = 0; i < out->keyset_count && r->err == ERR_OK; i++) {
        struct device_keyset *set = &out->keysets[i];
        set->domain = reader_u8(r);
        set->kvn = reader_u8(r);
        uint8_t algorithms = reader_u8(r);
        set->kic_algorithm = algorithms >> 4;
        set->kid_algorithm = algorithms & 0xF;
        set->kic_len = reader_u8(r);
        set->kid_len = reader_u8(r);
        set->cc_len = reader_u8(r);
        set->edition = reader_u8(r);
        set->cntr_base = reader_u40(r);
        if (set->domain >= out->domain_count || set->kvn == 0 || set->kvn > 0xF ||
            set->kic_len > DEVICE_KEY_MAX || set->kic_len % 8 != 0 ||
            set->kid_len > DEVICE_KEY_MAX || set->kid_len % 8 != 0 || set->cc_len % 4 != 0 ||
            set->cc_len > 12)
            reader_fail(r, ERR_MALFORMED);
    }
}

static struct span part_read(struct reader *r, const uint8_t *aad_at, struct span *aad)
{
    *aad = span_of(aad_at, r->err == ERR_OK ? (size_t)(r->at - aad_at) : 0);
    struct span part = reader_bytes(r, (size_t)reader_uint(r, 2));
    if (part.len < KEK_OVERHEAD)
        reader_fail(r, ERR_SHORT);
    return part;
}

/* The clear parts into `device` (keys untouched) and the others' places. */
static enum err parts_read(struct span in, struct device *device, struct parts *out)
{
    struct reader r = reader_over(in);
    *device = (struct device){ 0 };
    if (reader_u8(&r) != VERSION)
        reader_fail(&r, ERR_UNSUPPORTED);
    device->msisdn = reader_u64(&r);
    const uint8_t *aad_at = r.at;
    reader_copy(&r, device->eid.bytes, EID_LEN);
    device->flags = reader_u8(&r);
    device->segments_max = reader_u8(&r);
    domains_read(&r, device);
    keysets_read(&r, device);
    out->keys = part_read(&r, aad_at, &out->keys_aad);
    out->other = part_read(&r, aad_at, &out->other_aad);
    out->kept = reader_bytes(&r, (size_t)reader_uint(&r, 2));
    return reader_end(&r);
}

enum err device_record_read(struct span in, struct kek *kek, struct lanes *lanes,
                            struct device *out)
{
    struct parts parts;
    enum err err = parts_read(in, out, &parts);
    size_t expected = KEK_OVERHEAD;
    for (unsigned i = 0; i < out->keyset_count && err == ERR_OK; i++)
        expected += (size_t)(out->keysets[i].kic_len + out->keysets[i].kid_len);
    if (err == ERR_OK && parts.keys.len != expected)
        err = ERR_MALFORMED;
    if (err != ERR_OK)
        return err;
    uint8_t keys[KEYS_MAX];
    err = kek_unwrap(kek, lanes, parts.keys_aad, parts.keys, keys);
    struct reader r = reader_over(span_of(keys, expected - KEK_OVERHEAD));
    for (unsigned i = 0; i < out->keyset_count && err == ERR_OK; i++) {
        reader_copy(&r, out->keysets[i].kic, out->keysets[i].kic_len);
        reader_copy(&r, out->keysets[i].kid, out->keysets[i].kid_len);
    }
    wipe(keys, sizeof keys);
    return err;
}

enum err device_record_release_msisdn(uint8_t *record, size_t len)
{
    if (len < AAD_AT)
        return ERR_SHORT;
    struct writer w = writer_over(record + MSISDN_AT, AAD_AT - MSISDN_AT);
    writer_u64(&w, 0);
    return w.err;
}

enum err device_record_kept(struct span in, struct span *json)
{
    struct device device;
    struct parts parts;
    enum err err = parts_read(in, &device, &parts);
    if (err == ERR_OK)
        *json = parts.kept;
    return err;
}

enum err device_record_other(struct span in, struct kek *kek, struct lanes *lanes,
                             struct eis_other *out)
{
    struct device device;
    struct parts parts;
    enum err err = parts_read(in, &device, &parts);
    if (err == ERR_OK && parts.other.len > sizeof out->octets + KEK_OVERHEAD)
        err = ERR_MALFORMED;
    if (err != ERR_OK)
        return err;
    out->len = (uint32_t)(parts.other.len - KEK_OVERHEAD);
    return kek_unwrap(kek, lanes, parts.other_aad, parts.other, out->octets);
}

enum err device_record_rewrite(struct span in, const struct device *device, struct kek *kek,
                               struct lanes *lanes, struct writer *out)
{
    struct eis_other other;
    struct span kept;
    enum err err = device_record_other(in, kek, lanes, &other);
    if (err == ERR_OK)
        err = device_record_kept(in, &kept);
    if (err == ERR_OK) {
        parts_write(out, kek, lanes, device, &other);
        writer_uint(out, kept.len, 2);
        writer_bytes(out, kept);
        err = out->err;
    }
    wipe(&other, sizeof other);
    return err;
}
