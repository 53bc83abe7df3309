/* A job: one script for one EID and one security domain, and what may become of it (design §4). */
#ifndef ENGINE_JOB_JOB_H
#define ENGINE_JOB_JOB_H

#include "base/eid.h"
#include "base/fault.h"

#include <stdbool.h>

#define JOB_SCRIPT_MAX 1536u /* octets of C-APDUs, each with its 2-octet length in front */
#define JOB_KEY_MAX 64u      /* the caller's idempotency key */
#define JOB_PRIORITIES 4

enum job_kind { JOB_SCRIPT, JOB_AUDIT, JOB_DELETE_PROFILE };

/* Final outcomes. Once the SMSC may hold every segment only the first three can follow. */
enum job_outcome {
    JOB_PENDING,     /* none yet */
    JOB_EXECUTED,    /* a verified answer says it ran; R-APDUs may still carry error SWs */
    JOB_FAILED,      /* a verified answer says it did not, or it could not be sent */
    JOB_UNCONFIRMED, /* it may have run: audit the device */
    JOB_EXPIRED,     /* nothing left before its time passed */
    JOB_CANCELLED,   /* nothing left before the caller withdrew it */
};

/* Why, beside the outcome; enum err has the technical ones. */
struct job {
    uint64_t id;     /* 0 until durable */
    uint32_t client; /* index into config.api.clients */
    struct eid eid;
    uint8_t kind;                                   /* enum job_kind */
    uint8_t priority;                               /* 0 lowest .. 3 */
    bool idempotent;                                /* may run twice without harm; audits are */
    uint16_t spi;                                   /* 0: the profile's default, 1639 */
    uint8_t kvn;                                    /* 0: the domain's first SCP80 set */
    uint8_t tar[3];                                 /* 000000: the ISD-R */
    uint8_t attempts_max;                           /* 0: configured */
    uint64_t not_before_ms, expiry_ms, accepted_ms; /* wall clock, since 1970 */
    uint8_t key_len;
    char key[JOB_KEY_MAX];
    uint16_t apdu_count;
    uint16_t script_len;
    uint8_t script[JOB_SCRIPT_MAX]; /* apdu_count × (len 2, octets) */
};

/* What a job may ask for, and what it gets when it does not say. From config.jobs. */
struct job_rules {
    uint32_t segments_max; /* short messages of one command */
    uint64_t expiry_ms;    /* from acceptance, of a job that names none */
};

/* Why a job was refused, for people and programs: the field, and what it accepts. */
struct job_fault {
    const char *field; /* static; "" when it is the whole object */
    struct fault text;
};

/* Reads one JSON object (api/openapi.yaml, Job). `client` is left 0, `accepted_ms` becomes
 * `now_ms`, a typed job gets its script. ERR_MALFORMED with `fault` filled, *out then means
 * nothing.
 */
MUST_CHECK enum err job_from_json(struct span text, const struct job_rules *rules, uint64_t now_ms,
                                  struct job *out, struct job_fault *fault);

/* Names for API, CLI and logs. Static. */
const char *job_outcome_name(enum job_outcome outcome);
const char *job_kind_name(enum job_kind kind);

#endif
