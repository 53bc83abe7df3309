/* One line of EIS: syntax, identity, profiles, options, and what is kept of it. Security domains
 * are in eis_domain.c. */
#include "engine/device/eis.h"

#include "crypto/ct.h"
#include "engine/device/eis_domain.h"
#include "io/sms/sms_address.h"

#define DEPTH_MAX 16u
#define PROFILES_MAX 32
#define ICCID_MAX 20
#define SEGMENTS_MAX 10

/* How deep objects and arrays lie in each other, bounded before anything recurses into them. */
static bool depth_is_bounded(struct span text)
{
    unsigned depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < text.len; i++) {
        char c = (char)text.bytes[i];
        if (in_string) {
            i += c == '\\';
            in_string = c != '"';
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > DEPTH_MAX)
                return false;
        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        }
    }
    return true;
}

/* The JSON object of a line. What jansson says of bad syntax quotes the input after "near": that
 * part may be a key and is cut off. */
static json_t *object_read(struct eis_field *field, struct span text)
{
    if (text.len == 0)
        eis_field_fail(field, "", "is empty; accepted: one JSON object");
    else if (text.len > EIS_LINE_MAX)
        eis_field_fail(field, "", "has %zu octets; accepted: at most %u", text.len, EIS_LINE_MAX);
    else if (!depth_is_bounded(text))
        eis_field_fail(field, "", "nests too deep; accepted: %u levels", DEPTH_MAX);
    if (field->failed)
        return NULL;
    json_error_t error;
    json_t *json = json_loadb((const char *)text.bytes, text.len, JSON_REJECT_DUPLICATES, &error);
    if (json == NULL) {
        char *near = strstr(error.text, " near ");
        if (near != NULL)
            *near = '\0';
        eis_field_fail(field, "", "is no JSON at character %d: %s", error.position, error.text);
    } else if (!json_is_object(json)) {
        eis_field_fail(field, "", "is no JSON object; accepted: one JSON object a line");
    }
    return json;
}

static void eid_field(struct eis_build *build, json_t *json)
{
    const char *text = eis_field_text(&build->field, json, "eid", EIS_REQUIRED);
    if (!eis_field_digits(&build->field, "eid", text, EID_DIGITS, EID_DIGITS))
        return;
    if (eid_read(span_of(text, EID_DIGITS), &build->out->device.eid) != ERR_OK)
        eis_field_fail(&build->field, "eid",
                       "has wrong check digits (the last two); accepted: a "
                       "number that is 1 modulo 97 (ISO 7064)");
}

static void options_read(struct eis_build *build, json_t *json)
{
    static const char *const names[] = { "exactCounter", "ccLength", "segmentsMax", "concatRef16" };
    struct eis_field *field = &build->field;
    struct device *device = &build->out->device;
    build->cc_len = 8;
    json_t *options = eis_field_object(field, json, "options", EIS_OPTIONAL);
    if (options == NULL)
        return;
    size_t mark = eis_field_enter(field, "options");
    eis_field_only(field, options, names, COUNT(names));
    if (eis_field_bool(field, options, "exactCounter", false))
        device->flags |= DEVICE_EXACT_CNTR;
    if (eis_field_bool(field, options, "concatRef16", false))
        device->flags |= DEVICE_REF16;
    json_int_t cc_len = eis_field_int(field, options, "ccLength", EIS_OPTIONAL, 4, 8, 8);
    if (!field->failed && cc_len != 4 && cc_len != 8)
        eis_field_fail(field, "ccLength", "is %d; accepted: 4 or 8", (int)cc_len);
    build->cc_len = (uint8_t)cc_len;
    device->segments_max =
        (uint8_t)eis_field_int(field, options, "segmentsMax", EIS_OPTIONAL, 1, SEGMENTS_MAX, 0);
    eis_field_leave(field, mark);
}

static void capabilities_read(struct eis_field *field, json_t *json)
{
    json_t *capabilities = eis_field_object(field, json, "capabilities", EIS_OPTIONAL);
    if (capabilities == NULL)
        return;
    size_t mark = eis_field_enter(field, "capabilities");
    eis_field_bool(field, capabilities, "cattpSupport", false);
    eis_field_bool(field, capabilities, "httpSupport", false);
    eis_field_leave(field, mark);
}

/* Luhn over all digits, the check digit included (ITU-T E.118). */
static bool luhn_holds(const char *digits)
{
    unsigned sum = 0;
    bool twice = false;
    for (size_t i = strlen(digits); i-- > 0; twice = !twice) {
        unsigned digit = (unsigned)(digits[i] - '0') * (twice ? 2 : 1);
        sum += digit > 9 ? digit - 9 : digit;
    }
    return sum % 10 == 0;
}

struct profiles {
    unsigned enabled, fallback;
    const char *iccids[PROFILES_MAX];
};

static void iccid_read(struct eis_build *build, json_t *json, struct profiles *all, size_t index)
{
    struct eis_field *field = &build->field;
    const char *iccid = eis_field_text(field, json, "iccid", EIS_REQUIRED);
    if (!eis_field_digits(field, "iccid", iccid, 18, ICCID_MAX))
        return;
    if (!build->options->allow_bad_luhn && !luhn_holds(iccid))
        eis_field_fail(field, "iccid",
                       "has a wrong check digit (Luhn, the last digit); operators "
                       "without one need allow_bad_luhn");
    for (size_t i = 0; i < index; i++)
        if (all->iccids[i] != NULL && strcmp(all->iccids[i], iccid) == 0)
            eis_field_fail(field, "iccid", "is there twice in this device");
    all->iccids[index] = iccid;
}

static void profile_read(struct eis_build *build, json_t *json, struct profiles *all, size_t index)
{
    static const char *const states[] = { "InstallInProgress", "Created", "Disabled", "Enabled",
                                          "Deleted" };
    struct eis_field *field = &build->field;
    if (!json_is_object(json))
        eis_field_fail(field, "", "is no object; accepted: an object with iccid and state");
    iccid_read(build, json, all, index);
    uint8_t aid[16];
    eis_field_hex(field, "isd-p-aid", eis_field_text(field, json, "isd-p-aid", EIS_OPTIONAL), 5,
                  sizeof aid, aid);
    eis_field_digits(field, "imsi", eis_field_text(field, json, "imsi", EIS_OPTIONAL), 6, 15);
    const char *msisdn = eis_field_text(field, json, "msisdn", EIS_OPTIONAL);
    bool has_msisdn = eis_field_digits(field, "msisdn", msisdn, 5, SMS_MSISDN_DIGITS);
    if (has_msisdn && msisdn[0] == '0')
        eis_field_fail(field, "msisdn",
                       "starts with 0; accepted: an international number, country "
                       "code first, without + or 00");
    const char *state = eis_field_text(field, json, "state", EIS_REQUIRED);
    size_t known = 0;
    while (state != NULL && known < COUNT(states) && strcmp(states[known], state) != 0)
        known++;
    if (known == COUNT(states))
        eis_field_fail(field, "state",
                       "is not known; accepted: InstallInProgress, Created, "
                       "Disabled, Enabled, Deleted");
    if (eis_field_bool(field, json, "fallbackAttribute", false) && all->fallback++ > 0)
        eis_field_fail(field, "fallbackAttribute", "is true for a second profile; accepted: one");
    if (field->failed || state == NULL || strcmp(state, "Enabled") != 0)
        return;
    if (all->enabled++ > 0)
        eis_field_fail(field, "state", "is Enabled for a second profile; accepted: one");
    if (has_msisdn)
        build->out->device.msisdn = sms_msisdn_of(span_text(msisdn));
}

static void profiles_read(struct eis_build *build, json_t *json)
{
    struct profiles all = { 0 };
    json_t *profiles =
        eis_field_array(&build->field, json, "profiles", EIS_OPTIONAL, 0, PROFILES_MAX);
    for (size_t i = 0; i < json_array_size(profiles) && !build->field.failed; i++) {
        size_t mark = eis_field_enter_at(&build->field, "profiles", i);
        profile_read(build, json_array_get(profiles, i), &all, i);
        eis_field_leave(&build->field, mark);
    }
}

/* Overwrites every string below: they are about to go back to the heap and may hold keys. */
static void json_wipe(json_t *json)
{
    json_t *value;
    const char *name;
    size_t i;
    json_array_foreach(json, i, value) json_wipe(value);
    json_object_foreach(json, name, value) json_wipe(value);
    if (json_is_string(json)) /* ours: the one reference to it is in this tree */
        wipe((void *)(uintptr_t)json_string_value(json), json_string_length(json));
}

/* Leaves of each key its index and KCV, of each component its type: wherever key sets may be, a
 * value under a wrong name included. Depth is bounded by depth_is_bounded(). */
static void strip_keys(json_t *json);

static void strip_members(json_t *array, const char *const *keep, size_t count)
{
    json_t *element, *value;
    size_t i;
    void *next;
    const char *name;
    json_array_foreach(array, i, element)
    {
        json_object_foreach_safe(element, next, name, value)
        {
            size_t known = 0;
            while (known < count && strcmp(keep[known], name) != 0)
                known++;
            if (known < count)
                continue;
            json_wipe(value);
            json_object_del(element, name);
        }
    }
}

static void strip_keys(json_t *json)
{
    static const char *const of_keyset[] = { "version", "type", "cntr", "keys", "certificates" };
    static const char *const of_key[] = { "index", "kcv", "keyComponents" };
    static const char *const of_component[] = { "type" };
    json_t *value;
    const char *name;
    size_t i;
    if (json_is_array(json)) {
        json_array_foreach(json, i, value) strip_keys(value);
        return;
    }
    json_object_foreach(json, name, value)
    {
        if (strcmp(name, "keySets") == 0)
            strip_members(value, of_keyset, COUNT(of_keyset));
        else if (strcmp(name, "keys") == 0)
            strip_members(value, of_key, COUNT(of_key));
        else if (strcmp(name, "keyComponents") == 0)
            strip_members(value, of_component, COUNT(of_component));
        strip_keys(value);
    }
}

static void kept_check(struct eis_build *build, json_t *json)
{
    if (build->field.failed)
        return;
    strip_keys(json);
    size_t len = json_dumpb(json, NULL, 0, JSON_COMPACT);
    if (len > EIS_KEPT_MAX)
        eis_field_fail(&build->field, "",
                       "has %zu octets beside the keys; accepted: at most %u; "
                       "shorten additionalProperties or signed parts",
                       len, EIS_KEPT_MAX);
}

enum err eis_line_read(struct span text, uint32_t line_no, const struct eis_options *options,
                       struct eis *out, struct fault *fault)
{
    struct eis eis = { 0 };
    struct eis_build build = { .field = { .line_no = line_no, .fault = fault },
                               .options = options,
                               .out = &eis };
    json_t *json = object_read(&build.field, text);
    eid_field(&build, json);
    options_read(&build, json);
    eis_domain_read(&build, json, "isd-r", DOMAIN_ISD_R, EIS_REQUIRED);
    eis_domain_read(&build, json, "mno-sd", DOMAIN_MNO_SD, EIS_OPTIONAL);
    profiles_read(&build, json);
    capabilities_read(&build.field, json);
    eis_field_object(&build.field, json, "additionalProperties", EIS_OPTIONAL);
    kept_check(&build, json);
    eis.kept = json;
    if (build.field.failed) {
        json_wipe(json);
        eis_drop(&eis);
        return ERR_MALFORMED;
    }
    *out = eis;
    wipe(&eis, sizeof eis);
    return ERR_OK;
}

void eis_drop(struct eis *eis)
{
    json_decref(eis->kept);
    wipe(eis, sizeof *eis);
}
