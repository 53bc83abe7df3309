/* From the additional response data of a command to each of its jobs' answers, by position. */
#include "engine/session/apdu.h"
#include "engine/session/line.h"

/* R-APDUs [from, to) of the response, each with its 2-octet length in front. */
static void r_apdus_write(struct writer *out, const struct script_response *response, size_t from,
                          size_t to)
{
    for (size_t i = from; i < to && i < response->r_apdu_count; i++) {
        const struct r_apdu *r_apdu = &response->r_apdus[i];
        writer_uint(out, r_apdu->data.len + 2, 2);
        writer_bytes(out, r_apdu->data);
        writer_u16(out, r_apdu->sw);
    }
}

/* Every job ends alike, without an answer of its own. */
static void end_alike(struct worker *worker, struct session *session, struct job_end end)
{
    for (uint32_t at = session->flight; at != WORKER_NONE;) {
        uint32_t next = waiting_at(worker, at)->next;
        end.ends_command = session->is_command && next == WORKER_NONE;
        job_finish(worker, session, at, &end);
        end.uplink_id = 0;
        at = next;
    }
}

/* Each job takes the R-APDUs of its C-APDUs. What provably did not run waits again, unless it was
 * the first: then the card refused the script as such. */
static void end_each(struct worker *worker, struct session *session, struct job_end end,
                     const struct script_response *response)
{
    size_t sent = 0;
    for (uint32_t at = session->flight; at != WORKER_NONE; at = waiting_at(worker, at)->next)
        sent += waiting_at(worker, at)->apdu_count;
    size_t ran = script_ran(response, sent, 0);
    size_t from = 0;
    uint32_t again = WORKER_NONE;
    for (uint32_t at = session->flight; at != WORKER_NONE;) {
        struct waiting *entry = waiting_at(worker, at);
        uint32_t next = entry->next;
        size_t to = from + entry->apdu_count;
        if (from >= ran && from > 0) {
            entry->next = again;
            again = at;
        } else {
            uint8_t buf[RECORD_ANSWER_MAX];
            struct writer w = writer_over(buf, sizeof buf);
            r_apdus_write(&w, response, from, to);
            struct job_end one = end;
            one.answer = written(&w);
            if (ran == 0 && sent > 0) {
                one.outcome = JOB_FAILED;
                one.reason = ERR_MALFORMED;
            } else if (w.err != ERR_OK) {
                one.reason = w.err;
            }
            one.ends_command = next == WORKER_NONE || to >= ran;
            job_finish(worker, session, at, &one);
            end.uplink_id = 0;
        }
        from = to;
        at = next;
    }
    for (uint32_t at = again; at != WORKER_NONE;) {
        uint32_t next = waiting_at(worker, at)->next;
        job_requeue(worker, session, at);
        at = next;
    }
}

void flight_end(struct worker *worker, struct session *session, enum job_outcome outcome,
                enum err reason, struct flight_answer *answer)
{
    struct job_end end = {
        .outcome = outcome,
        .reason = reason,
        .por_status = session->now.por_status,
        .command_id = session->command_id,
        .uplink_id = answer != NULL ? answer->uplink_id : 0,
    };
    if (answer != NULL)
        answer->is_consumed = session->flight != WORKER_NONE;
    struct script_response response;
    enum err err = ERR_UNEXPECTED;
    bool has_answer = outcome == JOB_EXECUTED && answer != NULL && session->is_command;
    if (has_answer)
        err = session->compact ? script_compact_response_read(answer->data, &response, NULL)
                               : script_expanded_response_read(answer->data, &response, NULL);
    if (has_answer && err == ERR_OK && !session->compact && answer->data.len > 0) {
        end_each(worker, session, end, &response);
    } else {
        if (has_answer) { /* compact tells one SW for all; nonsense is shown as it came */
            end.answer = span_first(answer->data, RECORD_ANSWER_MAX);
            end.answer_raw = true;
            end.reason = err;
        }
        end_alike(worker, session, end);
    }
    flight_clear(worker, session);
}
