/* One SMPP session with its far end played by the test: what it reported, what it sent. */
#ifndef TESTS_SUPPORT_SMPP_BED_H
#define TESTS_SUPPORT_SMPP_BED_H

#include "io/smpp/smpp_session.h"
#include "tests/support/support.h"

#define SMPP_BED_DONE_MAX 4096u

struct smpp_bed {
    struct smpp_session *session;
    void *memory;
    uint8_t buf[65536];
    struct writer out;
    uint64_t now_ns;

    size_t bound;
    size_t done_count;
    struct {
        uint64_t cookie;
        uint32_t status;
        enum err err;
        char message_id[66];
    } done[SMPP_BED_DONE_MAX];
    size_t delivered;
    uint32_t deliver_sequence; /* the last */
    uint8_t deliver_first;     /* first octet of its text */
    bool deliver_refuse;
    size_t ended;
    enum err ended_why;
    bool ended_config_fault;
};

/* Window 4 and default timers when `config` is NULL. */
void smpp_bed_init(struct smpp_bed *bed, const struct smpp_session_config *config);
void smpp_bed_fini(struct smpp_bed *bed);

/* Starts and binds; forgets what was sent. */
void smpp_bed_bind(struct smpp_bed *bed);

/* A submit_sm with a text of `len` octets. */
enum err smpp_bed_submit(struct smpp_bed *bed, uint64_t cookie, size_t len);

/* Feeds hex; command_length is left to it when `0`s. Fails unless all was taken or the session ended. */
void smpp_bed_feed(struct smpp_bed *bed, const char *hex);

/* Feeds a header-only PDU, or submit_sm_resp with an id when `status` is 0. */
void smpp_bed_answer(struct smpp_bed *bed, uint32_t id, uint32_t status, uint32_t sequence);

/* Moves the clock to `now_ns` and ticks. */
void smpp_bed_tick(struct smpp_bed *bed, uint64_t now_ns);

/* Takes the next PDU out of what was sent; false when there is none. */
bool smpp_bed_sent(struct smpp_bed *bed, struct smpp_pdu *pdu);

#endif
