/* Sealed commands to the journal: nothing leaves before they are durable (design §4). */
#include "engine/downlink/downlink.h"
#include "engine/session/line.h"

void command_adopt(struct worker *worker, struct session *session,
                   const struct record_command *command)
{
    (void)worker;
    session->command_id = command->id;
    session->is_command = true;
    session->security = (struct scp80_security){
        .transport = SCP80_SMS_PP,
        .spi = command->spi,
        .kic = command->kic,
        .kid = command->kid,
        .cntr = command->cntr,
    };
    memcpy(session->security.tar, command->tar, sizeof command->tar);
    session->keyset = command->keyset;
    session->cc_len = command->cc_len;
    session->exact = (command->flags & RECORD_COMMAND_EXACT) != 0;
    session->compact = (command->flags & RECORD_COMMAND_COMPACT) != 0;
    session->concat_ref = command->concat_ref;
    session->ref_bits = command->ref_bits;
    size_t parts = sms_segment_count(command->packet.len, command->ref_bits == 16 ? 16 : 8);
    session->part_count = (uint8_t)(parts <= WORKER_PARTS_MAX ? parts : WORKER_PARTS_MAX);
}

static void record_fill(struct worker *worker, const struct session *session,
                        struct record_command *record)
{
    struct span packet = record->packet;
    *record = (struct record_command){
        .id = session->command_id,
        .eid = session->eid,
        .spi = session->security.spi,
        .kic = session->security.kic,
        .kid = session->security.kid,
        .cc_len = session->cc_len,
        .keyset = session->keyset,
        .cntr = session->security.cntr,
        .concat_ref = session->concat_ref,
        .ref_bits = session->ref_bits,
        .sealed_ms = worker->core.wall_ms,
        .expiry_ms = session->now.expiry_ms,
        .packet = packet,
    };
    memcpy(record->tar, session->security.tar, sizeof record->tar);
    if (session->compact)
        record->flags |= RECORD_COMMAND_COMPACT;
    if (session->now.idempotent)
        record->flags |= RECORD_COMMAND_IDEMPOTENT;
    if (session->exact)
        record->flags |= RECORD_COMMAND_EXACT;
    for (uint32_t at = session->flight; at != WORKER_NONE; at = waiting_at(worker, at)->next) {
        ASSERT(record->job_count < RECORD_JOBS_MAX);
        record->jobs[record->job_count] = waiting_at(worker, at)->job_id;
        record->apdus[record->job_count++] = waiting_at(worker, at)->apdu_count;
    }
}

void downlink_commit(struct worker *worker)
{
    /* A command is never durable before the result of the one before it (store_thread.c). */
    channel_flush_producer(worker->results);
    struct session *asked[WORKER_BATCH];
    uint32_t count = 0;
    for (uint32_t i = 0; i < worker->downlink_count; i++) {
        struct downlink_item *item = &worker->downlink[i];
        struct session *session = &worker->sessions[item->session];
        struct worker_account *account = &worker->accounts[session->account];
        /* The message that brought the script takes the packet back. */
        channel_untake(worker->journal, item->fetched);
        if (item->err != ERR_OK) {
            core_drop(&worker->core, STAGE_SEAL, item->err);
            account->credits += session->credits;
            session->credits = 0;
            session_event(worker, session,
                          (struct session_input){ .event = EVENT_FAILED, .reason = item->err },
                          STAGE_SEAL, NULL);
            continue;
        }
        account->credits += session->credits - session->part_count;
        session->credits = session->part_count;
        struct msg *msg = channel_take(worker->journal);
        ASSERT(msg != NULL);
        msg->kind = MSG_COMMIT;
        msg->cookie = (uint64_t)item->session << 32 | session->epoch;
        msg->account = session->account;
        msg->part_count = session->credits;
        msg->eid = session->eid;
        record_fill(worker, session, &item->record);
        msg->id = item->record.id;
        struct writer w = msg_writer(msg);
        record_command_write(&w, &item->record);
        enum err err = msg_written(msg, &w);
        ASSERT(err == ERR_OK); /* bodies hold the longest command */
        channel_push(worker->journal, msg);
        bool planned = session_event(
            worker, session, (struct session_input){ .event = EVENT_PLANNED }, STAGE_COMMIT, NULL);
        ASSERT(planned);
        asked[count++] = session;
    }
    elapsed_asked(worker, asked, count);
    worker->downlink_count = 0;
}
