/* Records as they lie in the store: fixed heads, big-endian, written and read through base/span.h.
 * Each value in the store ends with a CRC-32C that the table and log layer adds and checks. */
#ifndef ENGINE_STORE_RECORD_H
#define ENGINE_STORE_RECORD_H

#include "base/span.h"
#include "engine/job/job.h"

#define RECORD_JOBS_MAX 8       /* jobs of one command */
#define RECORD_PACKET_MAX 1408u /* ten short messages */
#define RECORD_ANSWER_MAX 2048u /* additional response data kept in a result */
#define RECORD_CAP 4096u        /* the longest record of any kind */

MUST_CHECK enum err record_job_read(struct span in, struct job *out);
void record_job_write(struct writer *out, const struct job *job);

/* What a worker needs to queue a job; the script stays in the store. */
struct record_pending {
    uint64_t job_id;
    struct eid eid;
    uint32_t client;
    uint8_t priority;
    uint8_t flags; /* RECORD_PENDING_* */
    uint64_t not_before_ms, expiry_ms, accepted_ms;
};

#define RECORD_PENDING_IDEMPOTENT 0x01
#define RECORD_PENDING_STOPPED 0x02 /* cancelled in flight: what has left is the last */

MUST_CHECK enum err record_pending_read(struct span in, struct record_pending *out);
void record_pending_write(struct writer *out, const struct record_pending *pending);
struct record_pending record_pending_of(const struct job *job);

/* One sealed command packet, journalled before its first octet leaves. The packet comes last. */
struct record_command {
    uint64_t id;
    struct eid eid;
    uint8_t job_count;
    uint64_t jobs[RECORD_JOBS_MAX];
    uint8_t apdus[RECORD_JOBS_MAX]; /* command TLVs of each job, by position in the script */
    uint16_t spi;
    uint8_t kic, kid, tar[3], cc_len;
    uint16_t keyset; /* its id (engine/device) */
    uint64_t cntr;
    uint16_t concat_ref;
    uint8_t ref_bits; /* 0, 8 or 16 */
    uint8_t flags;    /* RECORD_COMMAND_* */
    uint64_t sealed_ms, expiry_ms;
    struct span packet; /* borrowed; wrapped under the KEK at rest when the SPI does not cipher */
};

#define RECORD_COMMAND_COMPACT 0x01
#define RECORD_COMMAND_IDEMPOTENT 0x02
#define RECORD_COMMAND_EXACT 0x04 /* the CNTR is also kept for the device's next command */

MUST_CHECK enum err record_command_read(struct span in, struct record_command *out);
void record_command_write(struct writer *out, const struct record_command *command);

/* One short message of one attempt: what the SMSC called it and said of it. */
#define RECORD_NEVER_LEFT UINT32_MAX /* its time was over, or SMPP cannot carry it */

struct record_attempt {
    uint64_t job_id;
    uint8_t attempt, part, part_count; /* attempt from 1, part from 0 */
    uint8_t state;                     /* SMPP message_state of the receipt; 0: none yet */
    uint32_t status;                   /* command_status of submit_sm_resp; RECORD_NEVER_LEFT */
    uint64_t at_ms;
    uint64_t validity_ms; /* until when a copy may be under way */
    char message_id[65];
};

MUST_CHECK enum err record_attempt_read(struct span in, struct record_attempt *out);
void record_attempt_write(struct writer *out, const struct record_attempt *attempt);

#define RECORD_POR_NONE 0xFF /* reserved as a status code: no response packet verified */

/* The end of a command: one outcome per job, all durable in one transaction. */
struct record_result {
    uint64_t command_id; /* 0: the job never had one */
    uint64_t job_id;
    struct eid eid;
    uint32_t client;
    uint8_t outcome;    /* enum job_outcome */
    uint8_t reason;     /* enum err; ERR_OK when the outcome says it all */
    uint8_t por_status; /* RSC of the PoR; RECORD_POR_NONE */
    uint8_t attempts;
    bool ends_command; /* the last job of its command: the journal entry goes */
    uint64_t accepted_ms, finished_ms;
    uint64_t uplink_id; /* consumed with it; 0: none */
    struct span answer; /* this job's part of the additional response data: R-APDUs, each with its
                           2-octet length in front; or the raw data when it could not be split */
    uint8_t answer_raw; /* 1: raw */
};

MUST_CHECK enum err record_result_read(struct span in, struct record_result *out);
void record_result_write(struct writer *out, const struct record_result *result);

/* One short message from the network, before anything was made of it. */
struct record_uplink {
    uint64_t id; /* edge in the top octet, a sequence below; never re-used */
    uint8_t account;
    bool udhi, resolved, sar; /* as struct sms_ud_source (io/sms/sms_udh.h) */
    uint8_t sar_total, sar_index;
    uint16_t sar_ref;
    uint64_t source;      /* MSISDN, as sms_msisdn gives it */
    uint64_t destination; /* likewise our address; 0 when alphanumeric */
    uint64_t received_ms;
    struct span tp_ud; /* borrowed */
};

MUST_CHECK enum err record_uplink_read(struct span in, struct record_uplink *out);
void record_uplink_write(struct writer *out, const struct record_uplink *uplink);

#endif
