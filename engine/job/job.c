/* A job from its JSON: each member by its row, then what members say of each other, then the script
 * of a typed operation and whether it fits the short messages allowed. */
#include "engine/job/job.h"

#include "base/hex.h"
#include "crypto/scp80_batch.h"
#include "engine/job/job_json.h"
#include "engine/job/rfc3339.h"
#include "engine/session/es5.h"
#include "io/sms/sms_concat.h"

#include <inttypes.h>

#define SPI_DEFAULT 0x1639
#define KIC_KID_AES 0x12
#define CC_LEN 8
#define EXPIRY_MS_MAX (365ull * 86400 * 1000)
#define PRIORITY_DEFAULT 1

const char *job_outcome_name(enum job_outcome outcome)
{
    static const char *const names[] = {
        [JOB_PENDING] = "pending", [JOB_EXECUTED] = "executed",
        [JOB_FAILED] = "failed",   [JOB_UNCONFIRMED] = "unconfirmed",
        [JOB_EXPIRED] = "expired", [JOB_CANCELLED] = "cancelled",
    };
    ASSERT((unsigned)outcome < COUNT(names));
    return names[outcome];
}

const char *job_kind_name(enum job_kind kind)
{
    static const char *const names[] = {
        [JOB_SCRIPT] = "script",
        [JOB_AUDIT] = "audit",
        [JOB_DELETE_PROFILE] = "delete-profile",
    };
    ASSERT((unsigned)kind < COUNT(names));
    return names[kind];
}

/* What members gave, beside what goes straight into the job. */
struct draft {
    struct job *job;
    const struct job_json *json;
    uint64_t now_ms;
    bool has_eid, has_kind, has_script, has_aid, has_tar, has_idempotent, has_expiry;
    uint8_t aid[ES5_AID_LEN];
    struct fault why; /* more than "accepted" can say */
};

typedef bool member_read(struct draft *draft, const struct job_json_member *value);

static bool hex_exactly(const struct job_json_member *value, uint8_t *out, size_t len)
{
    struct writer octets = writer_over(out, len);
    return value->kind == JOB_JSON_STRING && hex_read(value->text, &octets) == ERR_OK &&
           writer_len(&octets) == len;
}

static bool number_within(const struct job_json_member *value, int64_t least, int64_t most,
                          int64_t *out)
{
    *out = value->kind == JOB_JSON_INTEGER ? value->integer : least;
    return value->kind == JOB_JSON_INTEGER && *out >= least && *out <= most;
}

static bool is_word(const struct job_json_member *value, const char *word)
{
    return value->kind == JOB_JSON_STRING && span_equal(value->text, span_text(word));
}

static bool read_eid(struct draft *draft, const struct job_json_member *value)
{
    draft->has_eid = true;
    return value->kind == JOB_JSON_STRING && eid_read(value->text, &draft->job->eid) == ERR_OK;
}

static bool read_type(struct draft *draft, const struct job_json_member *value)
{
    draft->has_kind = true;
    for (int kind = 0; kind <= JOB_DELETE_PROFILE; kind++)
        if (is_word(value, job_kind_name((enum job_kind)kind))) {
            draft->job->kind = (uint8_t)kind;
            return true;
        }
    return false;
}

static bool add_c_apdu(struct draft *draft, struct writer *script, size_t index, struct span hex)
{
    size_t mark = writer_mark(script);
    writer_u16(script, 0);
    enum err err = hex_read(hex, script);
    size_t len = writer_len(script) - mark - 2;
    if (err == ERR_FULL || script->err != ERR_OK) {
        fault_set(&draft->why, "entry %zu goes beyond %u octets in all", index + 1, JOB_SCRIPT_MAX);
        return false;
    }
    if (hex.bytes == NULL || err != ERR_OK) {
        fault_set(&draft->why, "entry %zu is not hexadecimal", index + 1);
        return false;
    }
    err = c_apdu_check(span_of(script->start + mark + 2, len));
    if (err != ERR_OK) {
        fault_set(&draft->why, "entry %zu is no short C-APDU: %s", index + 1, err_text(err));
        return false;
    }
    writer_patch(script, mark, len, 2);
    return true;
}

static bool read_script(struct draft *draft, const struct job_json_member *value)
{
    struct writer script = writer_over(draft->job->script, JOB_SCRIPT_MAX);
    size_t count = value->kind == JOB_JSON_ARRAY ? draft->json->entry_count : 0;
    draft->has_script = true;
    if (count == 0 || count > SCRIPT_COMMANDS_MAX)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!add_c_apdu(draft, &script, i, draft->json->entries[i]))
            return false;
    draft->job->apdu_count = (uint16_t)count;
    draft->job->script_len = (uint16_t)writer_len(&script);
    return true;
}

static bool read_aid(struct draft *draft, const struct job_json_member *value)
{
    draft->has_aid = true;
    return value->kind == JOB_JSON_STRING &&
           es5_isdp_from_text(value->text, draft->aid, &draft->why) == ERR_OK;
}

static bool read_tar(struct draft *draft, const struct job_json_member *value)
{
    static const uint8_t none[3];
    draft->has_tar = true;
    return hex_exactly(value, draft->job->tar, 3) && memcmp(draft->job->tar, none, 3) != 0;
}

static bool read_kvn(struct draft *draft, const struct job_json_member *value)
{
    int64_t kvn;
    bool sound = number_within(value, 1, 15, &kvn);
    draft->job->kvn = (uint8_t)kvn;
    return sound;
}

/* A result needs an answer that can be verified, and no card may run a command twice: a counter
 * that is checked, an RC or CC each way, a PoR always, no ciphering without CC (spec scp80 §2, §7).
 */
static bool read_spi(struct draft *draft, const struct job_json_member *value)
{
    uint8_t octets[2];
    if (!hex_exactly(value, octets, 2))
        return false;
    unsigned spi = (unsigned)octets[0] << 8 | octets[1];
    unsigned integrity = (spi & SCP80_SPI_INTEGRITY) >> SCP80_SPI_INTEGRITY_SHIFT;
    unsigned por_integrity = (spi & SCP80_SPI_POR_INTEGRITY) >> SCP80_SPI_POR_INTEGRITY_SHIFT;
    unsigned counter = (spi & SCP80_SPI_COUNTER) >> SCP80_SPI_COUNTER_SHIFT;
    draft->job->spi = (uint16_t)spi;
    return (spi & SCP80_SPI_RESERVED) == 0 && counter >= SCP80_COUNTER_HIGHER &&
           (integrity == SCP80_INTEGRITY_CC ||
            (integrity == SCP80_INTEGRITY_RC && (spi & SCP80_SPI_CIPHERED) == 0)) &&
           (por_integrity == SCP80_INTEGRITY_CC ||
            (por_integrity == SCP80_INTEGRITY_RC && (spi & SCP80_SPI_POR_CIPHERED) == 0)) &&
           (spi & SCP80_SPI_POR) == 1;
}

static bool read_priority(struct draft *draft, const struct job_json_member *value)
{
    int64_t priority;
    bool sound = number_within(value, 0, JOB_PRIORITIES - 1, &priority);
    draft->job->priority = (uint8_t)priority;
    return sound;
}

static bool read_idempotent(struct draft *draft, const struct job_json_member *value)
{
    draft->has_idempotent = true;
    draft->job->idempotent = value->kind == JOB_JSON_TRUE;
    return value->kind == JOB_JSON_TRUE || value->kind == JOB_JSON_FALSE;
}

static bool read_not_before(struct draft *draft, const struct job_json_member *value)
{
    return value->kind == JOB_JSON_STRING &&
           rfc3339_read(value->text, &draft->job->not_before_ms) == ERR_OK &&
           draft->job->not_before_ms <= draft->now_ms + EXPIRY_MS_MAX;
}

static bool read_expiry(struct draft *draft, const struct job_json_member *value)
{
    bool twice = draft->has_expiry;
    draft->has_expiry = true;
    return !twice && value->kind == JOB_JSON_STRING &&
           rfc3339_read(value->text, &draft->job->expiry_ms) == ERR_OK &&
           draft->job->expiry_ms > draft->now_ms &&
           draft->job->expiry_ms <= draft->now_ms + EXPIRY_MS_MAX;
}

static bool read_expires_in(struct draft *draft, const struct job_json_member *value)
{
    bool twice = draft->has_expiry;
    int64_t seconds;
    draft->has_expiry = true;
    bool sound = number_within(value, 1, (int64_t)(EXPIRY_MS_MAX / 1000), &seconds);
    draft->job->expiry_ms = draft->now_ms + (uint64_t)seconds * 1000;
    return !twice && sound;
}

static bool read_bearer(struct draft *draft, const struct job_json_member *value)
{
    (void)draft; /* one bearer so far: both words mean SMS */
    return is_word(value, "auto") || is_word(value, "sms");
}

static bool read_key(struct draft *draft, const struct job_json_member *value)
{
    struct span key = value->text;
    if (value->kind != JOB_JSON_STRING || key.len == 0 || key.len > JOB_KEY_MAX)
        return false;
    memcpy(draft->job->key, key.bytes, key.len);
    draft->job->key_len = (uint8_t)key.len;
    for (size_t i = 0; i < key.len; i++)
        if (key.bytes[i] < 0x21 || key.bytes[i] > 0x7E)
            return false;
    return true;
}

static const struct member {
    const char *name;
    member_read *read;
    const char *accepts;
} members[] = {
    { "eid", read_eid, "32 decimal digits whose check digits hold" },
    { "type", read_type, "\"script\", \"audit\" or \"delete-profile\"" },
    { "script", read_script, "an array of 1 to 64 C-APDUs as hexadecimal strings" },
    { "isdpAid", read_aid, "an ISD-P's AID, 32 hexadecimal digits, or its TAR, 6" },
    { "tar", read_tar, "6 hexadecimal digits, not 000000; left out: the ISD-R, 000001" },
    { "kvn", read_kvn, "a number from 1 to 15" },
    { "spi", read_spi,
      "4 hexadecimal digits: counter checked (10 or 11), CC (or RC unciphered) both ways, PoR "
      "always; such as \"1639\"" },
    { "priority", read_priority, "a number from 0 (lowest) to 3" },
    { "idempotent", read_idempotent, "true or false" },
    { "notBefore", read_not_before,
      "an RFC 3339 time within a year, such as 2026-11-22T14:05:00Z" },
    { "expiry", read_expiry, "an RFC 3339 time within a year, in the future, or else expiresIn" },
    { "expiresIn", read_expires_in, "seconds from 1 to 31536000, or else expiry" },
    { "bearer", read_bearer, "\"auto\" or \"sms\"" },
    { "key", read_key, "1 to 64 printable ASCII characters without blanks" },
};

static enum err refuse(struct job_fault *fault, const char *field, const char *problem,
                       const char *accepts)
{
    fault->field = field;
    fault_set(&fault->text, "%s%s%s; accepted: %s", field, field[0] != '\0' ? " " : "", problem,
              accepts);
    return ERR_MALFORMED;
}

static enum err read_members(struct draft *draft, struct job_fault *fault)
{
    uint32_t seen = 0;
    static_assert(COUNT(members) <= 32, "a bit each in `seen`");
    for (uint32_t m = 0; m < draft->json->count; m++) {
        const struct job_json_member *member = &draft->json->members[m];
        size_t i = 0;
        while (i < COUNT(members) && !span_equal(span_text(members[i].name), member->name))
            i++;
        if (i == COUNT(members))
            return refuse(fault, "", "the job has a member that is not one of a job's",
                          "eid, type, script, isdpAid, tar, kvn, spi, priority, idempotent, "
                          "notBefore, expiry, expiresIn, bearer, key");
        if ((seen >> i & 1) != 0)
            return refuse(fault, members[i].name, "is given twice", "each member once");
        seen |= 1u << i;
        if (!members[i].read(draft, member))
            return refuse(fault, members[i].name,
                          draft->why.text[0] != '\0' ? draft->why.text : "is not acceptable",
                          members[i].accepts);
    }
    return ERR_OK;
}

/* The C-APDUs of a typed operation, into the job's script. */
static void write_commands(struct job *job, const struct es5_commands *commands)
{
    struct writer script = writer_over(job->script, JOB_SCRIPT_MAX);
    for (size_t i = 0; i < commands->count; i++) {
        writer_u16(&script, (uint16_t)commands->c_apdus[i].len);
        writer_bytes(&script, commands->c_apdus[i]);
    }
    ASSERT(script.err == ERR_OK);
    job->apdu_count = (uint16_t)commands->count;
    job->script_len = (uint16_t)writer_len(&script);
}

static enum err complete(struct draft *draft, struct job_fault *fault)
{
    struct job *job = draft->job;
    struct es5_commands commands = { 0 };
    if (!draft->has_eid)
        return refuse(fault, "eid", "is missing", members[0].accepts);
    if (!draft->has_kind && !draft->has_script)
        return refuse(fault, "type", "is missing", members[1].accepts);
    if (job->kind == JOB_SCRIPT && !draft->has_script)
        return refuse(fault, "script", "is missing", members[2].accepts);
    if (job->kind != JOB_SCRIPT && draft->has_script)
        return refuse(fault, "script", "is of no use here", "a script with type \"script\" only");
    if (job->kind != JOB_SCRIPT && draft->has_tar)
        return refuse(fault, "tar", "is of no use here", "a tar with type \"script\" only");
    if ((job->kind == JOB_DELETE_PROFILE) != draft->has_aid)
        return refuse(fault, "isdpAid", draft->has_aid ? "is of no use here" : "is missing",
                      "an isdpAid with type \"delete-profile\", and only there");
    if (job->not_before_ms != 0 && job->not_before_ms >= job->expiry_ms)
        return refuse(fault, "notBefore", "is not before the expiry", "a time before it");
    if (job->kind == JOB_AUDIT)
        es5_audit(&commands);
    if (job->kind == JOB_DELETE_PROFILE && es5_delete_profile(draft->aid, &commands) != ERR_OK)
        return refuse(fault, "isdpAid", "is not an ISD-P's", members[3].accepts);
    if (job->kind != JOB_SCRIPT)
        write_commands(job, &commands);
    if (job->kind == JOB_AUDIT && !draft->has_idempotent)
        job->idempotent = true;
    return ERR_OK;
}

/* Octets that the job's script makes as an expanded command script: the larger of both formats. */
static size_t secured_len(const struct job *job)
{
    struct span c_apdus[SCRIPT_COMMANDS_MAX];
    struct reader in = reader_over(span_of(job->script, job->script_len));
    for (size_t i = 0; i < job->apdu_count; i++)
        c_apdus[i] = reader_bytes(&in, reader_u16(&in));
    ASSERT(reader_end(&in) == ERR_OK);
    return script_expanded_len(c_apdus, job->apdu_count);
}

static bool fits(const struct job *job, size_t data_len, size_t capacity)
{
    struct scp80_security security = { .transport = SCP80_SMS_PP,
                                       .spi = job->spi != 0 ? job->spi : SPI_DEFAULT,
                                       .kic = KIC_KID_AES,
                                       .kid = KIC_KID_AES };
    uint32_t len = scp80_command_len(&security, CC_LEN, (uint32_t)data_len);
    return len == 0 || len <= capacity; /* 0: the key's algorithms decide, when they are known */
}

static enum err check_len(const struct job *job, const struct job_rules *rules,
                          struct job_fault *fault)
{
    size_t capacity = sms_segments_capacity(rules->segments_max, 8);
    size_t len = secured_len(job), most = len;
    if (fits(job, len, capacity))
        return ERR_OK;
    while (most > 0 && !fits(job, most, capacity))
        most--;
    fault->field = "script";
    fault_set(&fault->text,
              "script makes %zu octets in expanded format; accepted: at most %zu octets, which "
              "%" PRIu32 " short messages carry (jobs.segments_max)",
              len, most, rules->segments_max);
    return ERR_MALFORMED;
}

enum err job_from_json(struct span text, const struct job_rules *rules, uint64_t now_ms,
                       struct job *out, struct job_fault *fault)
{
    struct job_json json;
    fault->field = "";
    enum err err = job_json_read(text, &json, &fault->text);
    memset(out, 0, offsetof(struct job, script));
    out->priority = PRIORITY_DEFAULT;
    out->accepted_ms = now_ms;
    out->expiry_ms = now_ms + rules->expiry_ms;
    struct draft draft = { .job = out, .json = &json, .now_ms = now_ms };
    if (err == ERR_OK)
        err = read_members(&draft, fault);
    if (err == ERR_OK)
        err = complete(&draft, fault);
    if (err == ERR_OK)
        err = check_len(out, rules, fault);
    job_json_drop(&json);
    return err;
}
