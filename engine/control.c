/* One turn of intake: jobs and devices to the store, then to workers and directory. */
#include "engine/control.h"

#include "crypto/ct.h"
#include "crypto/secret.h"
#include "engine/device/device_record.h"
#include "engine/downlink/downlink.h"
#include "engine/store/query.h"

#include <stdlib.h>

/* Cookies of our own messages to the store, which nobody waits for. */
#define COOKIE_NONE UINT64_MAX

#define TRANSPORT_KEY_MAX 32u

/* Flag of MSG_DEVICE_PUT: the directory did not know it when it was sent. */
#define DEVICE_IS_NEW 0x01

struct msg *control_worker_msg(struct control *control, uint32_t worker, enum msg_kind kind)
{
    struct msg *msg = channel_take(control->to_worker[worker]);
    if (msg != NULL)
        msg->kind = (uint8_t)kind;
    return msg;
}

uint64_t control_waiting(const struct control *control, uint32_t worker)
{
    return control->admitted[worker] - store_thread_finished(control->store_thread, worker);
}

/* ---- Jobs in ----------------------------------------------------------------------------------- */

/* Durable jobs are held in their messages while the worker's channel is full. What comes home from
 * the worker makes room there, but may need a message to the store: jobs never take the last. */
bool control_has_room(void *ctx)
{
    const struct control *control = ctx;
    return channel_room(control->to_store) > MSG_BURST;
}

static bool is_out_of_step(struct control *control, const struct device *device, uint8_t keyset)
{
    struct store_txn *txn;
    struct exact_counter exact = { 0 };
    uint16_t id = device_keyset_id(device, keyset);
    if (store_txn_begin(control->store, STORE_READ, &txn) != ERR_OK)
        return false; /* its worker asks again */
    enum err err = query_exact(txn, &device->eid, id, &exact);
    store_txn_abort(txn);
    return err == ERR_OK && exact.out_of_step;
}

/* What only directory and store know of a job. */
static enum err job_check(struct control *control, const struct job *job, struct fault *fault)
{
    struct device_ref ref;
    enum err err = directory_find_eid(control->directory, &job->eid, &ref);
    struct device device;
    if (err == ERR_OK)
        err = directory_read(control->directory, ref, &device);
    if (err != ERR_OK) {
        fault_set(fault, "no device with this EID; register it with PUT /v1/devices/{eid}");
        return ERR_UNKNOWN;
    }
    int keyset = device_keyset_find(&device, job->tar, job->kvn);
    bool is_exact = (device.flags & DEVICE_EXACT_CNTR) != 0;
    uint8_t kvn = keyset >= 0 ? device.keysets[keyset].kvn : 0;
    bool is_lost = keyset >= 0 && is_exact && is_out_of_step(control, &device, (uint8_t)keyset);
    wipe(&device, sizeof device);
    if (is_lost) {
        fault_set(fault,
                  "the card waits for an earlier counter of key set version %02X: that message was "
                  "lost, its job has ended, and sending it now might run it; register the device "
                  "with other keys under that version, or with another version (PUT "
                  "/v1/devices/{eid}), or name another one in kvn",
                  kvn);
        return ERR_OUT_OF_STEP;
    }
    if (keyset >= 0 && spi_wants_exact(job->spi) && !is_exact) {
        fault_set(fault,
                  "spi %04X asks for a counter exactly one higher, which the device's EIS does not "
                  "demand (options.exactCounter); accepted: counter mode 10, such as 1639",
                  job->spi);
        return ERR_KEY;
    }
    if (keyset >= 0)
        return ERR_OK;
    fault_set(fault,
              "the device has no SCP80 key set for TAR %02X%02X%02X with version %u; see "
              "GET /v1/devices/{eid}",
              job->tar[0], job->tar[1], job->tar[2], job->kvn);
    return ERR_KEY;
}

enum err control_job_submit(void *ctx, const struct job *job, uint64_t cookie, struct fault *fault)
{
    struct control *control = ctx;
    enum err err = job_check(control, job, fault);
    if (err != ERR_OK) {
        counter_add(&control->counters.jobs_refused, 1);
        return err;
    }
    uint32_t worker = control_worker_of(control, &job->eid);
    if (!control->is_open ||
        control_waiting(control, worker) >= control->config->jobs.waiting_max) {
        counter_add(&control->counters.jobs_refused, 1);
        return ERR_FULL;
    }
    if (!control_has_room(control))
        return ERR_THROTTLED;
    struct msg *msg = channel_take(control->to_store);
    ASSERT(msg != NULL); /* room was looked at */
    msg->kind = MSG_JOB_PUT;
    msg->cookie = cookie;
    msg->eid = job->eid;
    msg->client = job->client;
    msg->priority = job->priority;
    msg->flags = job->idempotent ? ADMIT_IDEMPOTENT : 0;
    msg->not_before_ms = job->not_before_ms;
    msg->expiry_ms = job->expiry_ms;
    msg->value = job->accepted_ms;
    struct writer w = msg_writer(msg);
    record_job_write(&w, job);
    err = msg_written(msg, &w);
    if (err != ERR_OK) {
        channel_untake(control->to_store, msg);
        fault_set(fault, "the job is too long to be stored");
        return err;
    }
    control->admitted[worker]++;
    channel_push(control->to_store, msg);
    return ERR_OK;
}

/* False: the worker's channel is full. */
static bool admit(struct control *control, const struct msg *job)
{
    struct msg *msg = control_worker_msg(control, control_worker_of(control, &job->eid), MSG_ADMIT);
    if (msg == NULL)
        return false;
    msg->id = job->id;
    msg->eid = job->eid;
    msg->client = job->client;
    msg->priority = job->priority;
    msg->flags = job->flags & ADMIT_IDEMPOTENT;
    msg->not_before_ms = job->not_before_ms;
    msg->expiry_ms = job->expiry_ms;
    msg->value = job->value;
    msg->stamp_ns = control->stamp_ns;
    channel_push(control->to_worker[control_worker_of(control, &job->eid)], msg);
    return true;
}

static void job_durable(struct control *control, struct msg *msg)
{
    enum err err = (enum err)msg->err;
    control->answer(control->answer_ctx, msg->cookie, err, msg->id);
    if (err != ERR_OK) {
        control->admitted[control_worker_of(control, &msg->eid)]--;
        counter_add(err == ERR_DUPLICATE ? &control->counters.jobs_repeated
                                         : &control->counters.jobs_refused,
                    1);
        channel_untake(control->to_store, msg);
        return;
    }
    counter_add(&control->counters.jobs_accepted, 1);
    if (control->held_count == 0 && admit(control, msg)) {
        channel_untake(control->to_store, msg);
        return;
    }
    ASSERT(control->held_count < control->held_cap);
    control->held[(control->held_head + control->held_count++) % control->held_cap] = msg;
}

static bool held_admit(struct control *control)
{
    bool any = false;
    while (control->held_count > 0 && admit(control, control->held[control->held_head])) {
        channel_untake(control->to_store, control->held[control->held_head]);
        control->held_head = (control->held_head + 1) % control->held_cap;
        control->held_count--;
        any = true;
    }
    return any;
}

/* The worker could not take it, which is only so when its device was removed meanwhile. What was in
 * flight may have run. False: no message for its result; asked again. */
static bool admit_refused(struct control *control, const struct msg *msg)
{
    struct msg *out = channel_take(control->to_store);
    if (out == NULL)
        return false;
    bool flew = (msg->flags & ADMIT_IN_FLIGHT) != 0;
    struct record_result result = {
        .command_id = flew ? msg->id : 0,
        .ends_command = flew,
        .job_id = msg->id,
        .eid = msg->eid,
        .client = msg->client,
        .outcome = flew ? JOB_UNCONFIRMED : JOB_FAILED,
        .reason = msg->err,
        .por_status = RECORD_POR_NONE,
        .accepted_ms = msg->value,
        .finished_ms = control->now_ms,
    };
    out->kind = MSG_RESULT;
    out->cookie = COOKIE_NONE;
    out->eid = msg->eid;
    struct writer w = msg_writer(out);
    record_result_write(&w, &result);
    enum err err = msg_written(out, &w);
    ASSERT(err == ERR_OK);
    channel_push(control->to_store, out);
    return true;
}

/* Cancelled in flight: answered once the next start will know. The caller looked for room. */
static void stop_put(struct control *control, const struct msg *msg)
{
    struct msg *out = channel_take(control->to_store);
    ASSERT(out != NULL);
    out->kind = MSG_STOP;
    out->cookie = msg->cookie;
    out->id = msg->id;
    channel_push(control->to_store, out);
}

/* ERR_UNKNOWN: it ended meanwhile. */
static void stop_durable(struct control *control, const struct msg *msg)
{
    bool known = msg->err == ERR_OK || msg->err == ERR_UNKNOWN;
    control->answer(control->answer_ctx, msg->cookie, known ? ERR_CONFLICT : (enum err)msg->err,
                    msg->id);
}

/* ---- Devices ----------------------------------------------------------------------------------- */

/* The device that lost its number, durably: a restart must not bring it back. */
static enum err msisdn_release(struct control *control, const struct eid *eid, uint64_t msisdn)
{
    struct msg *msg = channel_take(control->to_store);
    if (msg == NULL)
        return ERR_THROTTLED;
    msg->kind = MSG_DEVICE_PUT;
    msg->flags = STORE_RELEASE;
    msg->cookie = COOKIE_NONE;
    msg->eid = *eid;
    msg->value = msisdn;
    channel_push(control->to_store, msg);
    return ERR_OK;
}

static void device_durable(struct control *control, const struct msg *msg)
{
    enum err err = (enum err)msg->err;
    struct device_ref ref;
    if (msg->kind == MSG_DEVICE_PUT && (msg->flags & DEVICE_IS_NEW))
        control->devices_coming--;
    bool known = directory_find_eid(control->directory, &msg->eid, &ref) == ERR_OK;
    if (err == ERR_OK && msg->kind == MSG_DEVICE_REMOVE) {
        err = directory_remove(control->directory, &msg->eid);
        counter_add(&control->counters.devices_removed, 1);
    } else if (err == ERR_OK) {
        struct device device;
        struct eid other;
        err = device_record_read(msg_body(msg), control->kek, control->lanes, &device);
        for (unsigned i = 0; i < device.keyset_count && err == ERR_OK; i++)
            device.keysets[i].flags = msg->part >> 2 * i & (KEYSET_PROVEN | KEYSET_RAISED);
        if (err == ERR_OK)
            err = directory_put(control->directory, &device, &ref, &other);
        uint64_t msisdn = device.msisdn;
        wipe(&device, sizeof device);
        if (err == ERR_CONFLICT) { /* the newest enabled profile wins */
            counter_add(&control->counters.msisdn_moved, 1);
            err = msisdn_release(control, &other, msisdn);
        }
        counter_add(&control->counters.devices_put, 1);
    }
    if (msg->cookie != COOKIE_NONE)
        control->answer(control->answer_ctx, msg->cookie, err, known ? 0 : 1);
}

enum err control_device_put(void *ctx, const struct eid *eid, struct span text, uint64_t cookie,
                            struct fault *fault)
{
    struct control *control = ctx;
    if (!control_has_room(control))
        return ERR_THROTTLED;
    struct msg *msg = channel_take(control->to_store);
    ASSERT(msg != NULL); /* room was looked at */
    struct eis_options options = {
        .lanes = control->lanes,
        .transport_key = control->transport_key,
        .transport_key_len = control->transport_key_len,
    };
    struct eis eis;
    enum err err = eis_line_read(text, 0, &options, &eis, fault);
    if (err != ERR_OK) {
        channel_untake(control->to_store, msg);
        return err;
    }
    struct device_ref ref;
    bool is_new = directory_find_eid(control->directory, &eis.device.eid, &ref) != ERR_OK;
    if (eid != NULL && memcmp(eid, &eis.device.eid, sizeof *eid) != 0) {
        fault_set(fault, "eid: differs from the EID of the path");
        err = ERR_MALFORMED;
    } else if (is_new && directory_count(control->directory) + control->devices_coming >=
                             control->config->devices_max) {
        fault_set(fault, "the directory holds devices_max = %u devices; raise it and restart",
                  control->config->devices_max);
        err = ERR_FULL;
    }
    msg->kind = MSG_DEVICE_PUT;
    msg->flags = is_new ? DEVICE_IS_NEW : 0;
    msg->cookie = cookie;
    msg->eid = eis.device.eid;
    if (err == ERR_OK) {
        struct writer w = msg_writer(msg);
        device_record_write(&w, control->kek, control->lanes, &eis);
        err = msg_written(msg, &w);
        if (err != ERR_OK)
            fault_set(fault, "the EIS is too long to be stored: leave out what is not needed");
    }
    eis_drop(&eis);
    if (err == ERR_OK) {
        control->devices_coming += is_new;
        channel_push(control->to_store, msg);
    } else {
        channel_untake(control->to_store, msg);
    }
    return err;
}

enum err control_device_remove(void *ctx, const struct eid *eid, uint64_t cookie)
{
    struct control *control = ctx;
    struct device_ref ref;
    if (directory_find_eid(control->directory, eid, &ref) != ERR_OK)
        return ERR_UNKNOWN;
    struct msg *msg = channel_take(control->to_store);
    if (msg == NULL)
        return ERR_THROTTLED;
    msg->kind = MSG_DEVICE_REMOVE;
    msg->cookie = cookie;
    msg->eid = *eid;
    channel_push(control->to_store, msg);
    return ERR_OK;
}

/* ---- The turn ---------------------------------------------------------------------------------- */

static bool store_home(struct control *control)
{
    struct msg *msgs[MSG_BURST];
    uint32_t count = channel_collect(control->to_store, msgs, MSG_BURST);
    for (uint32_t i = 0; i < count; i++) {
        struct msg *msg = msgs[i];
        if (msg->kind == MSG_JOB_PUT) {
            job_durable(control, msg);
            continue;
        }
        if (msg->kind == MSG_DEVICE_PUT || msg->kind == MSG_DEVICE_REMOVE)
            device_durable(control, msg);
        else if (msg->kind == MSG_RESULT) /* of a job no worker could take: ended here */
            control->admitted[control_worker_of(control, &msg->eid)]--;
        else if (msg->kind == MSG_STOP)
            stop_durable(control, msg);
        channel_untake(control->to_store, msg);
    }
    return count > 0;
}

static bool workers_home(struct control *control)
{
    struct msg *msgs[MSG_BURST];
    bool any = false;
    for (uint32_t w = 0; w < control->worker_count; w++) {
        uint32_t room = channel_room(control->to_store);
        uint32_t count =
            channel_collect(control->to_worker[w], msgs, room < MSG_BURST ? room : MSG_BURST);
        for (uint32_t i = 0; i < count; i++) {
            struct msg *msg = msgs[i];
            if (msg->kind == MSG_ADMIT && msg->err != ERR_OK) {
                bool refused = admit_refused(control, msg);
                ASSERT(refused); /* room was looked at */
            } else if (msg->kind == MSG_CANCEL) {
                counter_add(&control->counters.cancels, 1);
                if (msg->err == ERR_CONFLICT)
                    stop_put(control, msg);
                else
                    control->answer(control->answer_ctx, msg->cookie, (enum err)msg->err, msg->id);
            }
            channel_untake(control->to_worker[w], msg);
        }
        any |= count > 0;
    }
    return any;
}

bool control_turn(struct control *control, uint64_t now_ms)
{
    control->now_ms = now_ms;
    control->stamp_ns = clock_within_ns(&control->clock, 0);
    bool busy = held_admit(control);
    busy |= store_home(control);
    busy |= workers_home(control);
    channel_flush_producer(control->to_store);
    for (uint32_t w = 0; w < control->worker_count; w++)
        channel_flush_producer(control->to_worker[w]);
    return busy;
}

/* ---- Lifetime ---------------------------------------------------------------------------------- */

enum err control_init(struct control *control, struct fault *fault)
{
    control->held_cap = channel_room(control->to_store);
    control->held = calloc(control->held_cap, sizeof(struct msg *));
    if (control->held == NULL) {
        fault_set(fault, "no memory for %u held jobs", control->held_cap);
        return ERR_NO_MEMORY;
    }
    if (control->config->transport_key_file == NULL)
        return ERR_OK;
    control->transport_key = secret_alloc(TRANSPORT_KEY_MAX, fault);
    if (control->transport_key == NULL)
        return ERR_NO_MEMORY;
    return eis_transport_key_load(control->config->transport_key_file, control->transport_key,
                                  &control->transport_key_len, fault);
}

void control_fini(struct control *control)
{
    free(control->held);
    control->held = NULL;
    secret_free(control->transport_key, TRANSPORT_KEY_MAX);
    control->transport_key = NULL;
}
