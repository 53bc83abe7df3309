/* A bind and everything around it: octets of the SMSC in any pieces, submits, answers, time, the end. Each
 * step is one octet `operation(3 bits) argument(5)`; octets for the session follow where it says so. */
#include "tests/fuzz/fuzz.h"

#include "io/smpp/smpp_session.h"

#define SECOND 1000000000ull
#define COOKIES 4096u

enum operation { FEED, FEED_MORE, SUBMIT, ANSWER, TICK, UNBIND, CLOSE, START };

static const struct smpp_session_config config = {
    .system_id = "a", .password = "b", .window = 5, .inactivity_ms = 100000
};

static _Alignas(64) uint8_t memory[1u << 18];

static struct {
    bool open[COOKIES];
    size_t cookies;
    size_t ended;
    uint32_t delivered[8]; /* the last numbers */
    size_t deliveries;
} seen;

static void bound(void *ctx)
{
    (void)ctx;
}

static void submit_done(void *ctx, uint64_t cookie, uint32_t status, struct span message_id,
                        enum err err)
{
    (void)ctx;
    (void)status;
    ASSERT(cookie < seen.cookies && seen.open[cookie] && message_id.len <= 64);
    ASSERT(err == ERR_OK || err == ERR_TIMEOUT || err == ERR_CLOSED);
    seen.open[cookie] = false;
}

static bool deliver(void *ctx, uint32_t sequence, const struct smpp_message *message)
{
    (void)ctx;
    seen.delivered[seen.deliveries++ % COUNT(seen.delivered)] = sequence;
    return message->text.len % 5 != 4;
}

static void ended(void *ctx, enum err why, bool config_fault)
{
    (void)ctx;
    (void)why;
    (void)config_fault;
    seen.ended++;
}

static const struct smpp_events events = { bound, submit_done, deliver, ended };

static void submit(struct smpp_session *session, uint8_t len, struct writer *out, uint64_t now_ns)
{
    static const uint8_t text[32];
    if (seen.cookies == COOKIES)
        return;
    struct smpp_message message = { .text = span_of(text, len) };
    uint32_t room = smpp_session_room(session);
    seen.open[seen.cookies] = true;
    enum err err = smpp_session_submit(session, &message, seen.cookies, out, now_ns);
    ASSERT((err == ERR_OK) == (room > 0));
    if (err == ERR_OK)
        seen.cookies++;
}

static void feed(struct smpp_session *session, struct span in, struct writer *out, uint64_t now_ns)
{
    size_t taken = smpp_session_input(session, in, out, now_ns);
    ASSERT(taken <= in.len);
    ASSERT(taken == in.len || smpp_session_state(session) == SMPP_CLOSED ||
           writer_room(out) < SMPP_ANSWER_ROOM);
}

static void step(struct smpp_session *session, struct reader *r, struct writer *out,
                 uint64_t *now_ns)
{
    uint8_t octet = reader_u8(r);
    uint8_t argument = octet & 0x1F;
    size_t len = argument;
    switch ((enum operation)(octet >> 5)) {
    case FEED_MORE:
        len *= 8;
        /* fall through */
    case FEED:
        feed(session, reader_bytes(r, len < reader_left(r) ? len : reader_left(r)), out, *now_ns);
        break;
    case SUBMIT:
        submit(session, argument, out, *now_ns);
        break;
    case ANSWER:
        smpp_session_deliver_answer(session, seen.delivered[argument % COUNT(seen.delivered)],
                                    argument > 15 ? 0x64 : 0, out);
        break;
    case TICK:
        *now_ns += argument * SECOND;
        smpp_session_tick(session, out, *now_ns);
        ASSERT(smpp_session_next_ns(session) > *now_ns);
        break;
    case UNBIND:
        smpp_session_unbind(session, out, *now_ns);
        break;
    case CLOSE:
        smpp_session_closed(session);
        break;
    case START:
        if (smpp_session_state(session) == SMPP_CLOSED)
            smpp_session_start(session, out, *now_ns);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ASSERT(smpp_session_size(&config) <= sizeof memory);
    memset(&seen, 0, sizeof seen);
    struct smpp_session *session = smpp_session_init(memory, &config, &events, NULL);
    struct reader r = reader_over(span_of(data, size));
    uint64_t now_ns = SECOND;
    uint8_t buf[2048];
    struct writer out = writer_over(buf, sizeof buf);
    smpp_session_start(session, &out, now_ns);
    while (reader_more(&r)) {
        out = writer_over(buf, sizeof buf);
        step(session, &r, &out, &now_ns);
        ASSERT(out.err == ERR_OK);
        ASSERT(smpp_session_open(session) <= config.window);
    }
    smpp_session_closed(session);
    for (size_t i = 0; i < seen.cookies; i++)
        ASSERT(!seen.open[i]);
    return 0;
}
