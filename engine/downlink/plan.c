/* Who may start, with which security, under which counter: from a device in line to secured data. */
#include "crypto/cntr.h"
#include "crypto/ct.h"
#include "engine/downlink/downlink.h"
#include "engine/session/apdu.h"
#include "engine/session/line.h"
#include "engine/store/store_thread.h"

/* SGP.02 §2.4.3: higher counter, ciphered, CC; PoR by SMS-SUBMIT likewise. */
#define SPI_DEFAULT 0x1639u
#define SPI_DEFAULT_EXACT (SPI_DEFAULT | SCP80_SPI_COUNTER)
#define CNTR_RAISE ((uint64_t)1 << 38)
#define CNTR_SEQUENCES (1u << CNTR_SEQUENCE_BITS)
#define BLOCK_ASK_AT (CNTR_SEQUENCES / 4 * 3)

/* ---- Starting ---------------------------------------------------------------------------------- */

static uint64_t cookie_of(const struct worker *worker, const struct session *session)
{
    return (uint64_t)session_index(worker, session) << 32 | session->epoch;
}

/* Asks the store for the script of the device's first job, or for the octets of its command. */
static void ask_store(struct worker *worker, struct session *session)
{
    struct msg *msg = channel_take(worker->journal);
    ASSERT(msg != NULL); /* the caller looked */
    msg->cookie = cookie_of(worker, session);
    msg->eid = session->eid;
    msg->account = session->account;
    msg->part_count = session->credits;
    if (session->is_command) {
        msg->kind = MSG_FETCH_COMMAND;
        msg->id = session->command_id;
    } else {
        msg->kind = MSG_FETCH_JOB;
        msg->id = waiting_at(worker, line_first(session))->job_id;
        msg->status = session->keyset;
        msg->flags = session->exact ? STORE_FETCH_EXACT : 0;
    }
    channel_push(worker->journal, msg);
}

/* One device of this account's line. NULL: the line or the credits are at their end. */
static struct session *start_one(struct worker *worker, uint32_t account)
{
    struct worker_account *a = &worker->accounts[account];
    if (a->credits < WORKER_PARTS_MAX || channel_room(worker->journal) == 0) {
        a->short_ns = worker->core.now_ns;
        return NULL;
    }
    struct session *session = ready_pop(worker, account);
    if (session == NULL)
        return NULL;
    bool repeats = session->now.state == SESSION_REPEATING;
    bool granted = session_event(worker, session, (struct session_input){ .event = EVENT_GRANTED },
                                 STAGE_PLAN, NULL);
    ASSERT(granted); /* only those that wait for it stand in line */
    session->credits = repeats ? session->part_count : (uint8_t)worker->config->jobs.segments_max;
    a->credits -= session->credits;
    elapsed_granted(worker, session);
    ask_store(worker, session);
    return session;
}

bool downlink_start(struct worker *worker)
{
    bool any = false;
    uint32_t accounts = worker->config->account_count;
    for (uint32_t step = 0; step < accounts; step++) {
        uint32_t account = (worker->account_turn + step) % accounts;
        struct session *asked[WORKER_BATCH];
        uint32_t count = 0;
        while (count < WORKER_BATCH && (asked[count] = start_one(worker, account)) != NULL)
            count++;
        elapsed_asked(worker, asked, count);
        any |= count > 0;
    }
    worker->account_turn++;
    return any;
}

/* ---- Planning ---------------------------------------------------------------------------------- */

/* Counter block and sequence for the slot's next command. ERR_FULL: none yet, asked for. */
static enum err slot_counter_next(struct worker *worker, uint32_t slot, uint32_t *block,
                                  uint32_t *sequence)
{
    struct slot_counter *c = &worker->slots[slot];
    if ((c->block == 0 || c->sequence == CNTR_SEQUENCES) && c->next_block != 0) {
        *c = (struct slot_counter){ .block = c->next_block };
    }
    bool spent = c->block == 0 || c->sequence == CNTR_SEQUENCES;
    if ((spent || c->sequence >= BLOCK_ASK_AT) && !c->asked && c->next_block == 0) {
        struct msg *msg = channel_take(worker->journal);
        if (msg != NULL) {
            msg->kind = MSG_BLOCK;
            msg->id = slot;
            c->asked = true;
            channel_push(worker->journal, msg);
        }
    }
    if (spent)
        return ERR_FULL;
    *block = c->block;
    *sequence = c->sequence++;
    return ERR_OK;
}

/* The TAR as the packet says it, and the remote command format that goes with it. */
static void target_set(struct session *session, const struct job *job, const struct device *device,
                       const struct device_keyset *set)
{
    static const uint8_t none[3] = { 0, 0, 0 };
    const struct device_domain *domain = &device->domains[set->domain];
    bool named = !span_equal(span_of(job->tar, 3), span_of(none, 3));
    memcpy(session->security.tar, named ? job->tar : domain->tar, sizeof session->security.tar);
    session->compact = named ? script_tar_is_compact(job->tar) : domain->compact;
    for (uint8_t d = 0; named && d < device->domain_count; d++)
        if (span_equal(span_of(device->domains[d].tar, 3), span_of(job->tar, 3)))
            session->compact = device->domains[d].compact;
}

/* base + (block, sequence), or the last one + 1 where the card wants exactly that. There a number
 * whose message never arrived cannot be made good: the card goes on waiting for it, its octets might
 * yet run a job that has ended, and no others may bear it. See uplink/match.c. */
static enum err choose_cntr(struct worker *worker, const struct session *session,
                            const struct msg *fetched, const struct device_keyset *set,
                            uint64_t *cntr)
{
    if (session->exact) {
        uint64_t last = (fetched->flags & STORE_EXACT_KNOWN) ? fetched->value : set->cntr_base;
        *cntr = last + 1;
        return *cntr >> 40 == 0 ? ERR_OK : ERR_EXHAUSTED;
    }
    const struct device_live *live = directory_live(worker->directory, session->device.record);
    uint64_t base = set->cntr_base;
    if ((set->flags | device_live_flags(live, session->keyset)) & KEYSET_RAISED)
        base += CNTR_RAISE;
    uint32_t block, sequence;
    enum err err = slot_counter_next(worker, eid_slot(&session->eid), &block, &sequence);
    return err != ERR_OK ? err : cntr_compose(base, block, sequence, cntr);
}

/* C-APDUs as the job keeps them, in the target's format. */
static enum err script_write(const struct job *job, bool compact, struct writer *out)
{
    struct span c_apdus[SCRIPT_COMMANDS_MAX];
    struct reader r = reader_over(span_of(job->script, job->script_len));
    size_t count = 0;
    while (reader_more(&r) && count < COUNT(c_apdus)) {
        uint16_t len = reader_u16(&r);
        c_apdus[count++] = reader_bytes(&r, len);
    }
    enum err err = reader_end(&r);
    if (err != ERR_OK)
        return err;
    if (compact)
        script_compact_write(out, c_apdus, count);
    else
        script_expanded_write(out, c_apdus, count);
    return out->err;
}

static void security_set(struct session *session, const struct job *job,
                         const struct device *device, const struct device_keyset *set)
{
    session->security = (struct scp80_security){
        .transport = SCP80_SMS_PP,
        .spi = job->spi != 0    ? job->spi
               : session->exact ? SPI_DEFAULT_EXACT
                                : SPI_DEFAULT,
        .kic = (uint8_t)(set->kvn << 4 | set->kic_algorithm),
        .kid = (uint8_t)(set->kvn << 4 | set->kid_algorithm),
    };
    target_set(session, job, device, set);
}

/* Everything of the command but its CC and cipher. */
static enum err plan(struct worker *worker, struct session *session, const struct job *job,
                     const struct device *device, struct downlink_item *item)
{
    int found = device_keyset_find(device, job->tar, job->kvn);
    if (found < 0)
        return ERR_KEY;
    const struct device_keyset *set = &device->keysets[found];
    uint16_t id = device_keyset_id(device, (unsigned)found);
    bool exact = (device->flags & DEVICE_EXACT_CNTR) != 0;
    if (!exact && spi_wants_exact(job->spi))
        return ERR_DENIED;
    if (exact != session->exact || (exact && id != session->keyset)) {
        session->exact = exact; /* ask again, for that counter */
        session->keyset = id;
        return ERR_STALE;
    }
    if (item->fetched->err != ERR_OK)
        return (enum err)item->fetched->err; /* ERR_OUT_OF_STEP */
    session->keyset = id;
    session->cc_len = set->cc_len;
    session->msisdn = device->msisdn;
    security_set(session, job, device, set);

    struct writer data = writer_over(item->data, sizeof item->data);
    enum err err = script_write(job, session->compact, &data);
    if (err != ERR_OK)
        return err;
    uint32_t len = scp80_command_len(&session->security, set->cc_len, (uint32_t)writer_len(&data));
    uint8_t ref_bits = (device->flags & DEVICE_REF16) ? 16 : 8;
    size_t parts = len == 0 ? 0 : sms_segment_count(len, ref_bits);
    uint32_t parts_max =
        device->segments_max != 0 ? device->segments_max : worker->config->jobs.segments_max;
    if (len == 0)
        return ERR_UNSUPPORTED;
    if (parts == 0 || parts > parts_max || parts > session->credits)
        return ERR_RANGE;
    err = choose_cntr(worker, session, item->fetched, set, &session->security.cntr);
    if (err != ERR_OK)
        return err;
    session->part_count = (uint8_t)parts;
    session->ref_bits = parts > 1 ? ref_bits : 0;
    struct device_live *live = directory_live(worker->directory, session->device.record);
    session->concat_ref = parts > 1 ? ++live->concat_ref : 0;

    memcpy(item->keys.kic, set->kic, sizeof item->keys.kic);
    memcpy(item->keys.kid, set->kid, sizeof item->keys.kid);
    item->keys.kic_len = set->kic_len;
    item->keys.kid_len = set->kid_len;
    item->keys.cc_len = set->cc_len;
    item->record.packet = written(&data); /* secured data, until sealed */
    return ERR_OK;
}

/* The planned job leaves its line and flies. */
static void take_off(struct worker *worker, struct session *session, const struct job *job,
                     uint32_t index)
{
    struct waiting *entry = waiting_at(worker, index);
    line_remove(worker, session, index);
    wheel_disarm(&worker->core.wheel, &entry->timer);
    entry->next = WORKER_NONE;
    entry->apdu_count = (uint8_t)job->apdu_count;
    session->flight = index;
    session->command_id = entry->job_id;
    session->is_command = true;
    bool held = (entry->flags & WAITING_HELD) != 0;
    session->parts_left = session->parts_taken = 0;
    session->now.attempt = 0;
    session->now.attempts_max =
        job->attempts_max != 0 ? job->attempts_max : (uint8_t)worker->config->jobs.attempts_max;
    session->now.idempotent = (entry->flags & WAITING_IDEMPOTENT) != 0;
    session->now.again_used = session->now.stopped = false;
    session->now.left = session->now.held = held;
    session->now.por_status = RECORD_POR_NONE;
    session->now.expiry_ms = entry->expiry_ms;
}

static void credits_back(struct worker *worker, uint8_t account, uint8_t credits)
{
    worker->accounts[account].credits += credits;
}

void downlink_plan(struct worker *worker, struct msg *fetched)
{
    struct session *session = &worker->sessions[fetched->cookie >> 32];
    uint32_t first = line_first(session);
    bool expected =
        session->epoch == (uint32_t)fetched->cookie && session->now.state == SESSION_FETCHING;
    if (!expected || first == WORKER_NONE || waiting_at(worker, first)->job_id != fetched->id) {
        credits_back(worker, fetched->account, fetched->part_count);
        channel_untake(worker->journal, fetched);
        if (expected) { /* the job it was for expired meanwhile, or a more urgent one came */
            session->now.state = SESSION_IDLE;
            session_settle(worker, session);
        }
        return;
    }
    struct downlink_item *item = &worker->downlink[worker->downlink_count];
    item->fetched = fetched;
    item->session = session_index(worker, session);
    struct job job;
    struct device device;
    enum err err = (enum err)fetched->err;
    if (err == ERR_OK || err == ERR_OUT_OF_STEP) /* of the counter that was asked for */
        err = record_job_read(msg_body(fetched), &job);
    if (err == ERR_OK)
        err = directory_read(worker->directory, session->device, &device);
    if (err == ERR_OK) {
        err = plan(worker, session, &job, &device, item);
        wipe(&device, sizeof device);
    }
    if (err == ERR_OK) {
        take_off(worker, session, &job, first);
        worker->downlink_count++;
        return;
    }
    wipe(&item->keys, sizeof item->keys);
    credits_back(worker, fetched->account, fetched->part_count);
    session->credits = 0;
    channel_untake(worker->journal, fetched);
    if (err == ERR_FULL || err == ERR_STALE) { /* no counter block yet; or another counter */
        if (err == ERR_FULL)
            counter_add(&worker->counters.counter_wait, 1);
        session_event(worker, session, (struct session_input){ .event = EVENT_HELD_BACK },
                      STAGE_PLAN, NULL);
        return;
    }
    core_drop(&worker->core, STAGE_PLAN, err);
    job.apdu_count = 0;
    job.attempts_max = 0;
    take_off(worker, session, &job, first);
    session->is_command = session->now.held; /* sealed once: the journal's record ends with it */
    session_event(worker, session, (struct session_input){ .event = EVENT_FAILED, .reason = err },
                  STAGE_PLAN, NULL);
}
