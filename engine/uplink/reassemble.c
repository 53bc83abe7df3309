/* Short messages to whole packets (TS 31.115 §4.2). A single message keeps its message as memory;
 * parts are copied and wait, within bounds, in io/sms/sms_concat. */
#include "engine/uplink/uplink.h"

#define UPLINK_RECORDS_MAX WORKER_PARTS_MAX

void uplink_left(void *ctx, const uint64_t *tags, size_t count, enum err why)
{
    struct worker *worker = ctx;
    for (size_t i = 0; i < count; i++) {
        core_drop(&worker->core, STAGE_REASSEMBLE, why);
        if (channel_room(worker->results) > WORKER_LEFT_RESERVE)
            uplink_consumed(worker, tags[i]);
        else
            counter_add(&worker->counters.parts_left_logged, 1);
    }
}

/* The packet goes on to be opened, if it is a response and a command of its device is in flight. */
static enum err item_add(struct worker *worker, struct device_ref device, struct span packet,
                         uint8_t identifier, uint8_t udhl, bool borrowed)
{
    struct uplink_item *item = &worker->uplink[worker->uplink_count];
    if (identifier != SMS_RESPONSE)
        return ERR_UNSUPPORTED; /* a notification */
    if (packet.len > sizeof item->copy)
        return ERR_RANGE;
    struct session *session = session_find(worker, device);
    if (session == NULL || !session->is_command)
        return ERR_UNKNOWN; /* late, repeated, or nobody asked */
    item->device = device;
    item->session = session_index(worker, session);
    item->udhl = udhl;
    item->id_count = 0;
    item->msg = NULL;
    item->packet = packet;
    if (!borrowed) {
        memcpy(item->copy, packet.bytes, packet.len);
        item->packet = span_of(item->copy, packet.len);
    }
    worker->uplink_count++;
    return ERR_OK;
}

static enum err join(struct worker *worker, struct device_ref device,
                     const struct record_uplink *record, const struct sms_ud *ud)
{
    struct sms_part part = {
        .account = record->account,
        .origin = record->source,
        .ours = record->destination,
        .udh = ud->udh,
        .headerless = ud->headerless,
        .octets = ud->octets,
        .tag = record->id,
    };
    struct sms_whole whole;
    switch (sms_concat_add(worker->concat, &part, worker->core.now_ns, &whole)) {
    case SMS_CONCAT_WAITING:
        return ERR_OK;
    case SMS_CONCAT_REPEATED:
        return ERR_DUPLICATE;
    case SMS_CONCAT_DROPPED:
        return ERR_CONFLICT;
    case SMS_CONCAT_WHOLE:
        break;
    }
    enum err err =
        whole.tag_count > UPLINK_RECORDS_MAX
            ? ERR_RANGE
            : item_add(worker, device, whole.packet, whole.identifier, whole.udhl, false);
    if (err != ERR_OK) {
        core_drop(&worker->core, STAGE_REASSEMBLE, err);
        for (size_t i = 0; i < whole.tag_count; i++)
            uplink_consumed(worker, whole.tags[i]);
        return ERR_OK; /* accounted for, all parts alike */
    }
    struct uplink_item *item = &worker->uplink[worker->uplink_count - 1];
    memcpy(item->ids, whole.tags, whole.tag_count * sizeof item->ids[0]);
    item->id_count = (uint8_t)whole.tag_count;
    return ERR_OK;
}

/* Any error: the record is of no more use, and is counted by the caller. */
static enum err take_in(struct worker *worker, struct device_ref device,
                        const struct record_uplink *record, bool borrowed)
{
    struct sms_ud_source source = {
        .ud = record->tp_ud,
        .udhi = record->udhi,
        .resolved = record->resolved,
        .sar = record->sar,
        .sar_total = record->sar_total,
        .sar_index = record->sar_index,
        .sar_ref = record->sar_ref,
    };
    struct sms_ud ud;
    enum err err = sms_ud_classify(&source, &ud);
    if (err != ERR_OK)
        return err;
    if (ud.kind == SMS_UD_NOT_OURS)
        return ERR_IDENTIFIER;
    if (ud.kind == SMS_UD_PART)
        return join(worker, device, record, &ud);
    uint8_t identifier =
        ud.headerless ? (uint8_t)sms_packet_identifier(ud.octets) : ud.udh.identifier;
    err = item_add(worker, device, ud.octets, identifier, 2, borrowed);
    if (err != ERR_OK)
        return err;
    struct uplink_item *item = &worker->uplink[worker->uplink_count - 1];
    item->ids[0] = record->id;
    item->id_count = 1;
    return ERR_OK;
}

enum err uplink_replay(struct worker *worker, const struct msg *msg)
{
    struct record_uplink record;
    enum err err = record_uplink_read(msg_body(msg), &record);
    ASSERT(worker->uplink_count < WORKER_BATCH); /* control's burst comes first in a turn */
    if (err == ERR_OK)
        err = take_in(worker, msg->device, &record, false);
    if (err != ERR_OK) {
        core_drop(&worker->core, STAGE_REASSEMBLE, err);
        uplink_consumed(worker, msg->id);
    }
    return ERR_OK;
}

static void uplink_one(struct worker *worker, struct channel *channel, struct msg *msg)
{
    struct record_uplink record;
    uint32_t before = worker->uplink_count;
    enum err err = record_uplink_read(msg_body(msg), &record);
    if (err == ERR_OK)
        err = take_in(worker, msg->device, &record, true);
    if (err != ERR_OK) {
        core_drop(&worker->core, STAGE_REASSEMBLE, err);
        uplink_consumed(worker, msg->id);
    }
    struct uplink_item *item = &worker->uplink[before];
    if (worker->uplink_count > before && item->packet.bytes != item->copy) {
        item->msg = msg;
        item->channel = channel;
        return; /* home when opened */
    }
    channel_return(channel, msg);
}

/* What the worker keeps of a batch's devices, then their sessions and keys. */
static void devices_prefetch(struct worker *worker, struct msg *const msgs[], uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        directory_live_prefetch(worker->directory, msgs[i]->device.record);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t link = directory_live(worker->directory, msgs[i]->device.record)->session;
        if (link == 0)
            continue;
        session_prefetch(worker, link - 1);
        directory_prefetch(worker->directory, msgs[i]->device.record);
    }
}

bool uplink_reassemble(struct worker *worker)
{
    struct msg *msgs[MSG_BURST];
    bool any = false;
    /* Every part may leave at once. */
    if (channel_room(worker->results) > WORKER_CONCAT_PARTS + WORKER_LEFT_RESERVE)
        sms_concat_tick(worker->concat, worker->core.now_ns);
    for (uint32_t e = 0; e < worker->edge_count; e++) {
        /* Those taken in so far end their jobs later in this turn. */
        uint32_t cap = channel_room(worker->results) / WORKER_RESULT_RESERVE;
        cap = cap < WORKER_BATCH ? cap : WORKER_BATCH;
        cap = cap > worker->uplink_count ? cap - worker->uplink_count : 0;
        uint32_t count = channel_receive(worker->from_edge[e], msgs, cap);
        devices_prefetch(worker, msgs, count);
        for (uint32_t i = 0; i < count; i++) {
            if (msgs[i]->kind == MSG_UPLINK)
                uplink_one(worker, worker->from_edge[e], msgs[i]);
            else if (receipt_match(worker, msgs[i]))
                channel_return(worker->from_edge[e], msgs[i]);
        }
        any |= count > 0;
    }
    return any;
}
