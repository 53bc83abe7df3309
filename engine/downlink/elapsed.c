/* How long a command takes us, from the ring that brings it to the octets at the port.
 *
 *   control ─▶ admit, start ─▶ store ─▶ plan, seal, commit ─▶ store ─▶ segment ─▶ send ─▶ port
 *              └─ ours ───┘    script   └─ ours ─────────┘    disk     └─ ours ────────┘
 *
 * The session keeps when it began; every wait for the store moves that forward and is told apart.
 * What an SMSC's window, pace or throttling holds up is not ours either: a device that stands in line
 * for credits begins when there are some, and the edge leaves out what it could not send at once
 * (smsc.held_count). The clock is asked once a batch. */
#include "engine/downlink/downlink.h"

void elapsed_granted(struct worker *worker, struct session *session)
{
    uint64_t short_ns = worker->accounts[session->account].short_ns;
    if (session->since_ns < short_ns)
        session->since_ns = short_ns;
}

void elapsed_asked(struct worker *worker, struct session *const sessions[], uint32_t count)
{
    if (count == 0)
        return;
    uint64_t now_ns = core_within_ns(&worker->core);
    for (uint32_t i = 0; i < count; i++)
        sessions[i]->asked_ns = now_ns;
}

void elapsed_stored(struct worker *worker, const struct msg *msg)
{
    struct session *session = &worker->sessions[msg->cookie >> 32];
    if (session->epoch != (uint32_t)msg->cookie)
        return; /* another command's by now */
    uint64_t stored_ns = msg->stamp_ns != 0 ? msg->stamp_ns : worker->core.now_ns;
    /* The store may have it on disk before we looked at the clock. */
    uint64_t wait_ns = stored_ns > session->asked_ns ? stored_ns - session->asked_ns : 0;
    histogram_add(msg->kind == MSG_COMMIT ? &worker->journal_wait_ns : &worker->script_wait_ns,
                  wait_ns);
    session->since_ns += wait_ns;
}
