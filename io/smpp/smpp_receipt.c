/* Delivery receipts, as they come: by TLV, as text in short_message or message_payload, complete or
 * not, in any case, under the wrong esm_class. */
#include "io/smpp/smpp_receipt.h"

#include "base/hex.h"

#define DIGITS_OF_U64 20u

struct field {
    const char *name;
    struct span value;
    bool present;
};

enum field_index { FIELD_ID, FIELD_SUBMIT, FIELD_DONE, FIELD_STAT, FIELD_ERR, FIELD_TEXT, FIELDS };

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c - 'A' + 'a') : c;
}

static bool starts_with(struct span in, const char *name)
{
    struct span wanted = span_text(name);
    if (in.len < wanted.len)
        return false;
    for (size_t i = 0; i < wanted.len; i++) {
        if (lower(in.bytes[i]) != wanted.bytes[i])
            return false;
    }
    return true;
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\r' || c == '\n' || c == '\t' || c == 0;
}

/* The value after `name:`, to the next blank. */
static struct span value_of(struct span after)
{
    size_t start = 0;
    while (start < after.len && after.bytes[start] == ' ')
        start++;
    size_t end = start;
    while (end < after.len && !is_blank(after.bytes[end]))
        end++;
    return span_first(span_after(after, start), end - start);
}

/* Names count at the start of a word, and nothing of what follows text: does. */
static void fields_read(struct span text, struct field fields[FIELDS])
{
    for (size_t at = 0; at < text.len && !fields[FIELD_TEXT].present; at++) {
        if (at > 0 && !is_blank(text.bytes[at - 1]))
            continue;
        struct span here = span_after(text, at);
        for (size_t i = 0; i < FIELDS; i++) {
            if (fields[i].present || !starts_with(here, fields[i].name))
                continue;
            fields[i].present = true;
            fields[i].value = value_of(span_after(here, strlen(fields[i].name)));
        }
    }
}

static const char *const state_names[SMPP_STATES] = {
    [SMPP_STATE_NONE] = "",      [SMPP_ENROUTE] = "ENROUTE", [SMPP_DELIVERED] = "DELIVRD",
    [SMPP_EXPIRED] = "EXPIRED",  [SMPP_DELETED] = "DELETED", [SMPP_UNDELIVERABLE] = "UNDELIV",
    [SMPP_ACCEPTED] = "ACCEPTD", [SMPP_UNKNOWN] = "UNKNOWN", [SMPP_REJECTED] = "REJECTD",
};

const char *smpp_state_name(enum smpp_state state)
{
    ASSERT(state < SMPP_STATES);
    return state_names[state];
}

bool smpp_state_is_final(enum smpp_state state)
{
    switch (state) {
    case SMPP_DELIVERED:
    case SMPP_EXPIRED:
    case SMPP_DELETED:
    case SMPP_UNDELIVERABLE:
    case SMPP_REJECTED:
        return true;
    case SMPP_STATE_NONE:
    case SMPP_ENROUTE:
    case SMPP_ACCEPTED:
    case SMPP_UNKNOWN:
    case SMPP_STATES:
        break;
    }
    return false;
}

/* By its first letters: DELIVRD and DELIVERED, UNDELIV and UNDELIVERABLE are the same. */
static enum smpp_state state_of(struct span stat)
{
    static const struct {
        const char *prefix;
        enum smpp_state state;
    } prefixes[] = {
        { "enroute", SMPP_ENROUTE }, { "deliv", SMPP_DELIVERED },       { "expired", SMPP_EXPIRED },
        { "delete", SMPP_DELETED },  { "undeliv", SMPP_UNDELIVERABLE }, { "accept", SMPP_ACCEPTED },
        { "unknown", SMPP_UNKNOWN }, { "reject", SMPP_REJECTED },
    };
    for (size_t i = 0; i < COUNT(prefixes); i++) {
        if (starts_with(stat, prefixes[i].prefix))
            return prefixes[i].state;
    }
    return SMPP_STATE_NONE;
}

static bool decimal_of(struct span text, uint64_t *out)
{
    if (text.len == 0 || text.len > DIGITS_OF_U64)
        return false;
    uint64_t value = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.bytes[i] < '0' || text.bytes[i] > '9')
            return false;
        uint64_t digit = (uint64_t)(text.bytes[i] - '0');
        if (value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *out = value;
    return true;
}

/* Whether esm_class lets this be a receipt, and whether it says so. */
static enum err announced(const struct smpp_message *message, bool *by_class)
{
    if ((message->esm_class & SMPP_ESM_UDHI) != 0)
        return ERR_UNKNOWN;
    uint8_t type = message->esm_class & SMPP_ESM_TYPE;
    *by_class = type == SMPP_ESM_RECEIPT || type == SMPP_ESM_INTERMEDIATE;
    return *by_class || type == 0 ? ERR_OK : ERR_UNKNOWN;
}

enum err smpp_receipt_read(const struct smpp_message *message, struct smpp_receipt *out)
{
    *out = (struct smpp_receipt){ .state = SMPP_STATE_NONE };
    bool by_class;
    enum err err = announced(message, &by_class);
    if (err != ERR_OK)
        return err;

    struct field fields[FIELDS] = {
        { .name = "id:" },   { .name = "submit date:" }, { .name = "done date:" },
        { .name = "stat:" }, { .name = "err:" },         { .name = "text:" },
    };
    fields_read(message->text, fields);
    if (!by_class && (!starts_with(message->text, "id:") || !fields[FIELD_STAT].present ||
                      !(fields[FIELD_SUBMIT].present || fields[FIELD_DONE].present) ||
                      state_of(fields[FIELD_STAT].value) == SMPP_STATE_NONE))
        return ERR_UNKNOWN;

    out->message_id = fields[FIELD_ID].value;
    if ((message->tlvs & SMPP_HAS_RECEIPTED_ID) != 0 && message->receipted_id.len > 0)
        out->message_id = message->receipted_id;
    out->state = state_of(fields[FIELD_STAT].value);
    if ((message->tlvs & SMPP_HAS_MESSAGE_STATE) != 0 && message->message_state > SMPP_STATE_NONE &&
        message->message_state < SMPP_STATES)
        out->state = (enum smpp_state)message->message_state;

    out->error = fields[FIELD_ERR].value;
    uint64_t code;
    if ((message->tlvs & SMPP_HAS_NETWORK_ERROR) != 0) {
        out->has_network_code = true;
        out->network_code = message->network_error;
    } else if (decimal_of(out->error, &code) && code <= UINT16_MAX) {
        out->has_network_code = true;
        out->network_code = (uint16_t)code;
    }
    if (out->message_id.len == 0 || out->state == SMPP_STATE_NONE)
        return ERR_MALFORMED;
    return ERR_OK;
}

/* FNV-1a over the lower-case id without leading zeros; 0 is kept for "none". */
uint64_t smpp_id_key(struct span message_id)
{
    if (message_id.len == 0)
        return 0;
    size_t start = 0;
    while (start + 1 < message_id.len && message_id.bytes[start] == '0')
        start++;
    uint64_t hash = 0xCBF29CE484222325ull;
    for (size_t i = start; i < message_id.len; i++)
        hash = (hash ^ lower(message_id.bytes[i])) * 0x100000001B3ull;
    hash ^= hash >> 32;
    return hash != 0 ? hash : 1;
}

static uint64_t key_of_number(uint64_t value, unsigned base)
{
    uint8_t digits[DIGITS_OF_U64];
    size_t at = sizeof digits;
    do {
        digits[--at] = (uint8_t) "0123456789abcdef"[value % base];
        value /= base;
    } while (value > 0);
    return smpp_id_key(span_of(digits + at, sizeof digits - at));
}

static bool hexadecimal_of(struct span text, uint64_t *out)
{
    uint64_t value = 0;
    for (size_t i = 0; i < text.len; i++) {
        int digit = hex_digit((char)text.bytes[i]);
        if (digit < 0 || value >> 60 != 0)
            return false;
        value = value << 4 | (uint64_t)digit;
    }
    *out = value;
    return text.len > 0;
}

uint64_t smpp_id_key_in(struct span message_id, enum smpp_id_form form)
{
    uint64_t value;
    switch (form) {
    case SMPP_ID_AS_IS:
        return smpp_id_key(message_id);
    case SMPP_ID_DEC_OF_HEX:
        return decimal_of(message_id, &value) ? key_of_number(value, 16) : 0;
    case SMPP_ID_HEX_OF_DEC:
        return hexadecimal_of(message_id, &value) ? key_of_number(value, 10) : 0;
    case SMPP_ID_FORMS:
        break;
    }
    return 0;
}
