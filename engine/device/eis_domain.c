/* Security domains and key sets of an EIS (SGP.02 annex B, SecurityDomain). SCP80 sets go to the
 * device; DEKs and the sets of other protocols are kept as they are, for later. */
#include "engine/device/eis_domain.h"

#include "crypto/ct.h"
#include "engine/device/eis_key.h"

#define KEYSETS_MAX 16
#define KEYS_MAX 16
#define COMPONENTS_MAX 4

/* Which KVNs a type of key set may have (GlobalPlatform, SGP.02 §2.2.5). KVNs are hex: 40 is 0x40. */
static const struct keyset_type {
    const char *name;
    uint8_t kvn_least, kvn_most;
    bool scp80;
} keyset_types[] = {
    { "SCP80", 0x01, 0x0F, true },
    { "SCP02", 0x20, 0x2F, false },
    { "SCP03", 0x30, 0x3F, false },
    { "SCP81", 0x40, 0x4F, false },
    { "TokenGeneration", 0x70, 0x70, false },
    { "ReceiptVerification", 0x71, 0x71, false },
    { "CA", 0x01, 0x7F, false },
};

/* Key component types (GlobalPlatform 2.3 table 11-16) and what an SCP80 key of them does: the low
 * nibble of KIc and KID (TS 102 225 §5.1.2) by length; 0: not for SCP80. */
static enum eis_kind kind_of(uint8_t type)
{
    switch (type) {
    case 0x88:
        return EIS_KIND_AES;
    case 0x80:
    case 0x82:
        return EIS_KIND_DES3;
    case 0x84:
        return EIS_KIND_DES;
    case 0x85:
        return EIS_KIND_PSK;
    default:
        return EIS_KIND_OTHER;
    }
}

static uint8_t algorithm_of(enum eis_kind kind, uint32_t len)
{
    switch (kind) {
    case EIS_KIND_AES:
        return 0x2;
    case EIS_KIND_DES3:
        return len == 16 ? 0x5 : 0x9;
    case EIS_KIND_DES:
        return 0x1;
    case EIS_KIND_PSK:
    case EIS_KIND_OTHER:
        break;
    }
    return 0;
}

/* One key component in clear. */
struct component {
    uint8_t role, kvn, index, type;
    enum eis_kind kind;
    uint32_t len;
    uint8_t key[EIS_VALUE_MAX];
};

static void keep_other(struct eis_build *build, const struct component *component)
{
    struct eis_other *other = &build->out->other;
    struct writer w = writer_over(other->octets + other->len, sizeof other->octets - other->len);
    writer_u8(&w, component->role);
    writer_u8(&w, component->kvn);
    writer_u8(&w, component->index);
    writer_u8(&w, component->type);
    writer_uint(&w, component->len, 2);
    writer_bytes(&w, span_of(component->key, component->len));
    if (w.err != ERR_OK)
        eis_field_fail(&build->field, "",
                       "is too much: keys other than KIc and KID of SCP80 take "
                       "more than %u octets together",
                       EIS_OTHER_MAX);
    else
        other->len += (uint32_t)writer_len(&w);
}

static void scp80_key(struct eis_build *build, const struct component *component,
                      struct device_keyset *set)
{
    uint8_t algorithm = algorithm_of(component->kind, component->len);
    if (algorithm == 0) {
        eis_field_fail(&build->field, "type",
                       "is no key that SCP80 uses; accepted: 88 (AES), 80 "
                       "or 82 (3DES), 84 (DES)");
    } else if (component->index == 1) {
        set->kic_algorithm = algorithm;
        set->kic_len = (uint8_t)component->len;
        memcpy(set->kic, component->key, component->len);
    } else if (component->index == 2) {
        set->kid_algorithm = algorithm;
        set->kid_len = (uint8_t)component->len;
        memcpy(set->kid, component->key, component->len);
        set->cc_len = component->kind == EIS_KIND_AES ? build->cc_len : 8;
    } else {
        keep_other(build, component); /* DEK: for PUT KEY */
    }
}

/* Reads type and value, unwraps. Leaves component->len 0 on failure. */
static void component_read(struct eis_build *build, json_t *json, const uint8_t *kcv,
                           struct component *out)
{
    struct eis_field *field = &build->field;
    out->len = 0;
    if (!json_is_object(json)) {
        eis_field_fail(field, "", "is no object; accepted: an object with type and value");
        return;
    }
    const char *type = eis_field_text(field, json, "type", EIS_REQUIRED);
    if (eis_field_hex(field, "type", type, 1, 1, &out->type) == 0)
        return;
    out->kind = kind_of(out->type);
    uint8_t value[EIS_VALUE_MAX];
    const char *text = eis_field_text(field, json, "value", EIS_REQUIRED);
    size_t len = eis_field_hex(field, "value", text, 0, sizeof value, value);
    struct eis_key_request request = {
        .lanes = build->options->lanes,
        .transport_key = build->options->transport_key,
        .transport_key_len = build->options->transport_key_len,
        .kind = out->kind,
        .value = span_of(value, len),
        .kcv = kcv,
    };
    if (!field->failed) {
        enum eis_key_verdict verdict = eis_key_unwrap(&request, out->key, &out->len);
        if (verdict != EIS_KEY_SOUND)
            eis_field_fail(field, "value", "%s (%s); accepted for type %02x: a key of %s%s",
                           eis_key_verdict_text(verdict), eis_key_verdict_label(verdict), out->type,
                           eis_kind_lengths(out->kind),
                           request.transport_key != NULL ? " under the transport key"
                                                         : " in clear");
    }
    wipe(value, sizeof value);
}

/* One key of a set. */
static void key_read(struct eis_build *build, json_t *json, const struct keyset_type *type,
                     uint32_t *seen, struct device_keyset *set, struct component *component)
{
    struct eis_field *field = &build->field;
    json_int_t most = type->scp80 ? 3 : 0x7F;
    component->index = (uint8_t)eis_field_int(field, json, "index", EIS_REQUIRED, 1, most, 0);
    if (component->index > 0 && component->index < 32) {
        if (*seen >> component->index & 1)
            eis_field_fail(field, "index", "is there twice in this key set");
        *seen |= UINT32_C(1) << component->index;
    }
    uint8_t kcv[EIS_KCV_LEN];
    const char *text = eis_field_text(field, json, "kcv", EIS_OPTIONAL);
    bool has_kcv = eis_field_hex(field, "kcv", text, sizeof kcv, sizeof kcv, kcv) > 0;
    json_t *components = eis_field_array(field, json, "keyComponents", EIS_REQUIRED, 1,
                                         type->scp80 ? 1 : COMPONENTS_MAX);
    for (size_t i = 0; i < json_array_size(components) && !field->failed; i++) {
        size_t mark = eis_field_enter_at(field, "keyComponents", i);
        component_read(build, json_array_get(components, i), has_kcv ? kcv : NULL, component);
        if (!field->failed && type->scp80)
            scp80_key(build, component, set);
        else if (!field->failed)
            keep_other(build, component);
        wipe(component->key, sizeof component->key);
        eis_field_leave(field, mark);
    }
}

static const struct keyset_type *type_read(struct eis_field *field, json_t *json)
{
    const char *name = eis_field_text(field, json, "type", EIS_REQUIRED);
    for (size_t i = 0; name != NULL && i < COUNT(keyset_types); i++)
        if (strcmp(keyset_types[i].name, name) == 0)
            return &keyset_types[i];
    eis_field_fail(field, "type",
                   "is no type of key set; accepted: SCP80, SCP81, SCP03, SCP02, "
                   "TokenGeneration, ReceiptVerification, CA");
    return NULL;
}

static uint8_t kvn_read(struct eis_field *field, json_t *json, const struct keyset_type *type)
{
    uint8_t kvn = 0;
    const char *text = eis_field_text(field, json, "version", EIS_REQUIRED);
    eis_field_hex(field, "version", text, 1, 1, &kvn);
    if (!field->failed && (kvn < type->kvn_least || kvn > type->kvn_most))
        eis_field_fail(field, "version",
                       "is %02x, which does not fit %s; accepted: %02x to %02x, in hex", kvn,
                       type->name, type->kvn_least, type->kvn_most);
    return kvn;
}

/* Hands a complete SCP80 set to the device. */
static void scp80_add(struct eis_build *build, uint32_t seen, struct device_keyset *set)
{
    struct device *device = &build->out->device;
    if (build->field.failed)
        return;
    if ((seen & 0x6) != 0x6)
        eis_field_fail(&build->field, "keys",
                       "lack index %s; accepted for SCP80: 1 (KIc) and 2 "
                       "(KID), and 3 (DEK) if there is one",
                       (seen & 0x2) != 0 ? "2 (KID)" : "1 (KIc)");
    else if (device->keyset_count == DEVICE_KEYSETS_MAX)
        eis_field_fail(&build->field, "", "is one SCP80 key set too many; accepted: %d a device",
                       DEVICE_KEYSETS_MAX);
    else
        device->keysets[device->keyset_count++] = *set;
}

/* One key set; returns its KVN. */
static uint8_t keyset_read(struct eis_build *build, json_t *json, enum domain_role role,
                           uint8_t domain)
{
    struct eis_field *field = &build->field;
    if (!json_is_object(json))
        eis_field_fail(field, "", "is no object; accepted: an object with version, type and keys");
    const struct keyset_type *type = type_read(field, json);
    if (type == NULL)
        return 0;
    struct component component = { .role = (uint8_t)role, .kvn = kvn_read(field, json, type) };
    struct device_keyset set = { .domain = domain, .kvn = component.kvn & 0xF };
    uint8_t cntr[5];
    const char *text = eis_field_text(field, json, "cntr", EIS_OPTIONAL);
    struct reader r = reader_over(
        span_of(cntr, eis_field_hex(field, "cntr", text, sizeof cntr, sizeof cntr, cntr)));
    set.cntr_base = text != NULL ? reader_u40(&r) : 0;

    uint32_t seen = 0; /* bit per key index */
    json_t *keys = eis_field_array(field, json, "keys", EIS_REQUIRED, 1, KEYS_MAX);
    for (size_t i = 0; i < json_array_size(keys) && !field->failed; i++) {
        size_t mark = eis_field_enter_at(field, "keys", i);
        json_t *key = json_array_get(keys, i);
        if (!json_is_object(key))
            eis_field_fail(field, "",
                           "is no object; accepted: an object with index and "
                           "keyComponents");
        key_read(build, key, type, &seen, &set, &component);
        eis_field_leave(field, mark);
    }
    if (type->scp80)
        scp80_add(build, seen, &set);
    wipe(&set, sizeof set);
    return component.kvn;
}

static void keysets_read(struct eis_build *build, json_t *sd, enum domain_role role, uint8_t domain)
{
    struct eis_field *field = &build->field;
    bool seen[0x80] = { false };
    uint8_t before = build->out->device.keyset_count;
    json_t *sets = eis_field_array(field, sd, "keySets", EIS_REQUIRED, 1, KEYSETS_MAX);
    for (size_t i = 0; i < json_array_size(sets) && !field->failed; i++) {
        size_t mark = eis_field_enter_at(field, "keySets", i);
        uint8_t kvn = keyset_read(build, json_array_get(sets, i), role, domain) & 0x7F;
        if (seen[kvn])
            eis_field_fail(field, "version",
                           "is %02x, which another key set of this security "
                           "domain has too",
                           kvn);
        seen[kvn] = true;
        eis_field_leave(field, mark);
    }
    if (!field->failed && build->out->device.keyset_count == before)
        eis_field_fail(field, "keySets", "have no SCP80 set; accepted: at least one");
}

static void tars_read(struct eis_build *build, json_t *sd, enum domain_role role, bool compact)
{
    struct eis_field *field = &build->field;
    struct device *device = &build->out->device;
    json_t *tars = eis_field_array(field, sd, "tar", EIS_REQUIRED, 1, DEVICE_DOMAINS_MAX);
    for (size_t i = 0; i < json_array_size(tars) && !field->failed; i++) {
        size_t mark = eis_field_enter_at(field, "tar", i);
        struct device_domain domain = { .role = (uint8_t)role, .compact = compact };
        const char *text = json_string_value(json_array_get(tars, i));
        if (text == NULL)
            eis_field_fail(field, "", "is no string; accepted: 6 hex digits");
        eis_field_hex(field, "", text, sizeof domain.tar, sizeof domain.tar, domain.tar);
        for (unsigned k = 0; k < device->domain_count && !field->failed; k++)
            if (memcmp(device->domains[k].tar, domain.tar, sizeof domain.tar) == 0)
                eis_field_fail(field, "", "is there twice in this device");
        if (!field->failed && device->domain_count == DEVICE_DOMAINS_MAX)
            eis_field_fail(field, "", "is one TAR too many; accepted: %d a device",
                           DEVICE_DOMAINS_MAX);
        if (!field->failed)
            device->domains[device->domain_count++] = domain;
        eis_field_leave(field, mark);
    }
}

/* Remote command format: the ISD-R knows the expanded one only (SGP.02 §2.4.3). */
static bool format_is_compact(struct eis_field *field, json_t *sd, enum domain_role role)
{
    const char *format = eis_field_text(field, sd, "format", EIS_OPTIONAL);
    if (format == NULL || strcmp(format, "expanded") == 0)
        return false;
    if (role != DOMAIN_ISD_R && strcmp(format, "compact") == 0)
        return true;
    eis_field_fail(field, "format", "is not known here; accepted: %s",
                   role == DOMAIN_ISD_R ? "expanded" : "compact, expanded");
    return false;
}

void eis_domain_read(struct eis_build *build, json_t *eis, const char *name, enum domain_role role,
                     enum eis_need need)
{
    struct eis_field *field = &build->field;
    json_t *sd = eis_field_object(field, eis, name, need);
    if (sd == NULL)
        return;
    size_t mark = eis_field_enter(field, name);
    uint8_t aid[16];
    eis_field_hex(field, "aid", eis_field_text(field, sd, "aid", EIS_REQUIRED), 5, sizeof aid, aid);
    uint8_t domain = build->out->device.domain_count;
    tars_read(build, sd, role, format_is_compact(field, sd, role));
    if (!field->failed)
        keysets_read(build, sd, role, domain);
    eis_field_leave(field, mark);
}
