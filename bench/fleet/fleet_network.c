/* The network: delay, loss, duplication, reordering both ways, and those who tamper with answers.
 */
#include "bench/fleet/fleet_network.h"

#include "bench/fleet/card_keys.h"

#define NS_PER_MS UINT64_C(1000000)
#define ESM_UDHI 0x40
#define ESM_DELIVERY_ACK 0x08
#define IEI_RESPONSE 0x71
#define NOBODY UINT32_MAX
#define UD_CAP 140u

enum { STATE_DELIVERED = 2, STATE_EXPIRED = 3, STATE_UNDELIVERABLE = 5 };

static uint64_t travel_ns(struct fleet *fleet)
{
    const struct fleet_config *config = &fleet->config;
    uint64_t ms = config->delay_ms;
    if (config->jitter_ms > 0)
        ms += prng_below(&fleet->prng, config->jitter_ms + 1u);
    if (fleet_chance(&fleet->prng, config->reorder_per_mille))
        ms += config->reorder_ms;
    return ms * NS_PER_MS;
}

static struct parcel *copy_of(struct fleet *fleet, const struct parcel *parcel)
{
    struct parcel *copy = transit_take(&fleet->transit);
    if (copy == NULL)
        return NULL;
    *copy = *parcel;
    copy->timer = (struct timer){ 0 };
    copy->next = NULL;
    return copy;
}

static void wait_for_expiry(struct fleet *fleet, struct parcel *parcel, uint64_t now_ns)
{
    if ((parcel->registered & 3) == 0) {
        transit_give(&fleet->transit, parcel);
        return;
    }
    parcel->kind = PARCEL_EXPIRY;
    parcel->ud_len = 0;
    transit_send(&fleet->transit, parcel, parcel->validity_ns, now_ns);
}

void network_route(void *context, struct parcel *parcel, struct span destination, uint64_t now_ns)
{
    struct fleet *fleet = context;
    const struct fleet_config *config = &fleet->config;
    uint32_t index;
    uint32_t profile;
    enum err err = card_find_msisdn(destination, &index, &profile);
    if (err != ERR_OK || index < config->first || index - config->first >= config->device_count) {
        fleet->stats.unreachable++;
        parcel->card = 0; /* the receipt names the first card's number: there is no other */
        parcel->ud_len = 0;
        smsc_receipt(&fleet->smsc, parcel, STATE_UNDELIVERABLE, now_ns);
        return;
    }
    parcel->card = index - config->first;
    parcel->profile = (uint8_t)profile;
    if (fleet_chance(&fleet->prng, config->lose_per_mille)) {
        fleet->stats.lost++;
        if (config->lose_silently)
            transit_give(&fleet->transit, parcel);
        else
            wait_for_expiry(fleet, parcel, now_ns);
        return;
    }
    if (fleet_chance(&fleet->prng, config->duplicate_per_mille)) {
        struct parcel *copy = copy_of(fleet, parcel);
        if (copy != NULL) {
            fleet->stats.duplicated++;
            copy->registered = 0; /* one receipt is enough */
            transit_send(&fleet->transit, copy, now_ns + travel_ns(fleet) + 5 * NS_PER_MS, now_ns);
        }
    }
    transit_send(&fleet->transit, parcel, now_ns + travel_ns(fleet), now_ns);
}

void network_expire(struct fleet *fleet, struct parcel *parcel, uint64_t now_ns)
{
    fleet->stats.expired++;
    smsc_receipt(&fleet->smsc, parcel, STATE_EXPIRED, now_ns);
}

/* An MO message from the card of `request`, not yet under way; NULL without memory. */
static struct parcel *mo_message(struct fleet *fleet, const struct parcel *request)
{
    struct parcel *mo = copy_of(fleet, request);
    if (mo == NULL)
        return NULL;
    mo->kind = PARCEL_FROM_CARD;
    mo->registered = 0;
    mo->attempt = 0;
    mo->ud_len = 0;
    mo->esm_class = ESM_UDHI;
    mo->pid = 0x7F;
    mo->dcs = 0xF6;
    return mo;
}

static void send_mo(struct fleet *fleet, struct parcel *mo, uint64_t due_ns, uint64_t now_ns)
{
    const struct fleet_config *config = &fleet->config;
    if (fleet_chance(&fleet->prng, config->mo_lose_per_mille)) {
        fleet->stats.mo_lost++;
        transit_give(&fleet->transit, mo);
        return;
    }
    if (fleet_chance(&fleet->prng, config->mo_duplicate_per_mille)) {
        struct parcel *copy = copy_of(fleet, mo);
        if (copy != NULL)
            transit_send(&fleet->transit, copy, due_ns + travel_ns(fleet), now_ns);
    }
    transit_send(&fleet->transit, mo, due_ns + travel_ns(fleet), now_ns);
}

/* A made-up answer: random octets under a plausible head, or "00" without the security asked for.
 */
static void forge(struct fleet *fleet, struct parcel *mo, const struct parcel *truth)
{
    struct writer w = writer_over(mo->ud, UD_CAP);
    struct reader r = reader_over(span_of(truth->ud, truth->ud_len));
    writer_bytes(&w, reader_bytes(&r, 3)); /* UDH */
    if (fleet_chance(&fleet->prng, 500)) {
        /* RPL 000A+..: RHL 0A, TAR, CNTR, PCNTR 00, RSC 00, and a script answer that says 9000. */
        reader_bytes(&r, 3);
        writer_u16(&w, 1 + 10 + 9);
        writer_u8(&w, 0x0A);
        writer_bytes(&w, reader_bytes(&r, 3));
        writer_u40(&w, fleet->desk.entry.cntr); /* a good guess */
        writer_u16(&w, 0);
        writer_u64(&w, 0xAB07800101230290);
        writer_u8(&w, 0);
    } else {
        writer_bytes(&w, reader_bytes(&r, 6));
        while (reader_more(&r)) {
            reader_u8(&r);
            writer_u8(&w, (uint8_t)prng_next(&fleet->prng));
        }
    }
    mo->ud_len = (uint8_t)writer_len(&w);
}

/* One more message beside the true one, from the card's own number. */
static void send_hostile(struct fleet *fleet, const struct parcel *truth,
                         void (*spoil)(struct fleet *, struct parcel *, const struct parcel *),
                         uint64_t due_ns, uint64_t now_ns)
{
    struct parcel *mo = copy_of(fleet, truth);
    if (mo == NULL)
        return;
    if (spoil != NULL)
        spoil(fleet, mo, truth);
    fleet->stats.hostile++;
    transit_send(&fleet->transit, mo, due_ns, now_ns);
}

static void alter(struct fleet *fleet, struct parcel *mo, const struct parcel *truth)
{
    uint64_t bit = prng_below(&fleet->prng, 8u * (truth->ud_len - 3u));
    mo->ud[3 + bit / 8] ^= (uint8_t)(1u << bit % 8);
}

static void cross(struct fleet *fleet, struct parcel *mo, const struct parcel *truth)
{
    (void)truth;
    uint32_t count = fleet->overheard_count;
    count = count < NETWORK_OVERHEARD ? count : NETWORK_OVERHEARD;
    const struct overheard *other = &fleet->overheard[prng_below(&fleet->prng, count)];
    mo->ud_len = other->ud_len;
    memcpy(mo->ud, other->ud, other->ud_len);
}

/* What an attacker on the way adds to one genuine message; none of it may change anything. */
static void tamper(struct fleet *fleet, const struct parcel *truth, uint64_t due_ns,
                   uint64_t now_ns)
{
    const struct fleet_config *config = &fleet->config;
    if (truth->ud_len <= 10 || truth->ud[0] != 2)
        return; /* only whole packets are worth it */
    if (fleet_chance(&fleet->prng, config->forge_per_mille))
        send_hostile(fleet, truth, forge, due_ns, now_ns);
    if (fleet_chance(&fleet->prng, config->alter_per_mille))
        send_hostile(fleet, truth, alter, due_ns, now_ns);
    if (fleet_chance(&fleet->prng, config->replay_per_mille))
        send_hostile(fleet, truth, NULL, due_ns + config->replay_ms * NS_PER_MS, now_ns);
    if (fleet->overheard_count > 0 && fleet_chance(&fleet->prng, config->cross_per_mille))
        send_hostile(fleet, truth, cross, due_ns, now_ns);
    struct overheard *kept = &fleet->overheard[fleet->overheard_count++ % NETWORK_OVERHEARD];
    kept->ud_len = truth->ud_len;
    memcpy(kept->ud, truth->ud, truth->ud_len);
}

static void send_por(struct fleet *fleet, const struct parcel *request, struct card *card,
                     const struct card_reply *reply, uint64_t now_ns)
{
    uint64_t due_ns = now_ns + reply->delay_ms * NS_PER_MS;
    uint32_t index = fleet->config.first + request->card;
    uint32_t total = card_segment_count(reply->packet.len);
    if (total > 1)
        card->reference++;
    fleet->stats.pors++;
    for (uint32_t i = 0; i < total; i++) {
        struct parcel *mo = mo_message(fleet, request);
        if (mo == NULL)
            return;
        struct writer w = writer_over(mo->ud, UD_CAP);
        card_segment(reply->packet, IEI_RESPONSE, card->reference, index % 2 == 1, i, &w);
        ASSERT(w.err == ERR_OK);
        mo->ud_len = (uint8_t)writer_len(&w);
        tamper(fleet, mo, due_ns, now_ns);
        send_mo(fleet, mo, due_ns, now_ns);
    }
}

/* The user data of the SMS-DELIVER-REPORT, where the SMSC passes it on. */
static void send_report(struct fleet *fleet, struct parcel *receipt, const struct card_reply *reply,
                        uint64_t now_ns)
{
    static const uint8_t udh[] = { 0x02, IEI_RESPONSE, 0x00 };
    fleet->stats.pors++;
    struct parcel *to = receipt;
    if (fleet->config.report == FLEET_REPORT_DROP)
        return;
    if (fleet->config.report == FLEET_REPORT_DELIVER)
        to = mo_message(fleet, receipt);
    if (to == NULL)
        return;
    struct writer w = writer_over(to->ud, sizeof to->ud);
    writer_bytes(&w, span_of(udh, sizeof udh));
    writer_bytes(&w, reply->packet);
    ASSERT(w.err == ERR_OK);
    to->ud_len = (uint8_t)writer_len(&w);
    if (to == receipt)
        return;
    to->esm_class = ESM_DELIVERY_ACK;
    send_mo(fleet, to, now_ns, now_ns);
}

static void count(struct fleet *fleet)
{
    const struct card_desk *desk = &fleet->desk;
    fleet->stats.incomplete += desk->incomplete;
    fleet->stats.misdirected += desk->misdirected;
    if (!desk->processed)
        return;
    const struct fleet_entry *entry = &desk->entry;
    fleet->stats.packets++;
    fleet->stats.executed += entry->run;
    fleet->stats.dropped += !entry->authentic;
    fleet->stats.replays += entry->authentic && entry->status == 0x02;
    fleet->stats.errors += entry->authentic && entry->status != 0;
    if (fleet->config.on_packet != NULL)
        fleet->config.on_packet(fleet->config.context, entry);
}

/* The SMSC keeps what it cannot deliver and tries again until its validity ends. */
static void try_later(struct fleet *fleet, struct parcel *parcel, uint64_t now_ns)
{
    uint64_t due_ns = now_ns + fleet->config.unreachable_retry_ms * NS_PER_MS;
    fleet->stats.unreachable += parcel->attempt == 0;
    parcel->attempt = 1;
    transit_send(&fleet->transit, parcel,
                 due_ns < parcel->validity_ns ? due_ns : parcel->validity_ns, now_ns);
}

void network_arrive(struct fleet *fleet, struct parcel *parcel, uint64_t now_ns)
{
    struct card *card = &fleet->cards[parcel->card];
    if (now_ns >= parcel->validity_ns) { /* a dead copy never arrives: repetitions rely on it */
        network_expire(fleet, parcel, now_ns);
        return;
    }
    if (card->silent) {
        try_later(fleet, parcel, now_ns);
        return;
    }
    fleet->stats.delivered++;
    parcel->attempt = 0;
    struct parcel *receipt = copy_of(fleet, parcel); /* the card keeps the message itself */
    struct parcel *done =
        card_receive(&fleet->desk, card, fleet->config.first + parcel->card, parcel, now_ns);
    count(fleet);
    while (done != NULL) {
        struct parcel *next = done->next;
        transit_give(&fleet->transit, done);
        done = next;
    }
    if (receipt == NULL)
        return;
    receipt->ud_len = 0;
    for (uint32_t i = 0; i < fleet->desk.reply_count; i++) {
        const struct card_reply *reply = &fleet->desk.reply[i];
        if (reply->in_report)
            send_report(fleet, receipt, reply, now_ns);
        else
            send_por(fleet, receipt, card, reply, now_ns);
    }
    smsc_receipt(&fleet->smsc, receipt, STATE_DELIVERED, now_ns);
}
