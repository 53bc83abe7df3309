/* SMSC, network and cards together: what is accepted travels, arrives or does not, and is answered.
 */
#include "bench/fleet/fleet_network.h"

#include "bench/fleet/card_keys.h"

#include <stdlib.h>

#define NS_PER_MS UINT64_C(1000000)
#define PARCELS_MAX (UINT64_C(1) << 26)
#define FIRST_MESSAGE_ID UINT64_C(0x5d2f9a00)

struct fleet_config fleet_config_default(void)
{
    return (struct fleet_config){
        .device_count = 1,
        .seed = 1,
        .epoch_s = 1780000000, /* a date after the engine's own epoch, 2026-01-01 */
        .account = { { .system_id = "starling", .password = "secret" } },
        .late_response_ms = 5000,
        .deliver_window = 100,
        .deliver_timeout_ms = 30000,
        .deliver_retry_ms = 1000,
        .unreachable_retry_ms = 5000,
        .reorder_ms = 500,
        .report_tag = 0x1400,
        .key_sets = 1,
        .segments_max = 10,
        .replay_ms = 1000,
    };
}

static void check(const struct fleet_config *config, struct fault *fault)
{
    if (config->device_count == 0 || config->device_count > UINT32_MAX - config->first)
        fault_set(fault, "%u devices from index %u: count from 1, and the last index below 2^32",
                  config->device_count, config->first);
    if (config->key_sets < 1 || config->key_sets > FLEET_KEY_SETS)
        fault_set(fault, "%u key sets: 1 to %d", config->key_sets, FLEET_KEY_SETS);
    if (config->deliver_window < 1 || config->deliver_window > SMSC_WINDOW_MAX)
        fault_set(fault, "a deliver window of %u: 1 to %u", config->deliver_window,
                  SMSC_WINDOW_MAX);
    if (config->deliver_timeout_ms == 0 || config->deliver_retry_ms == 0 ||
        config->unreachable_retry_ms == 0)
        fault_set(fault, "deliver time-out or a retry time of 0 ms: give at least 1");
    if (config->account[0].system_id[0] == '\0')
        fault_set(fault, "no account: give a system id");
    if (strcmp(config->account[0].system_id, config->account[1].system_id) == 0)
        fault_set(fault, "both accounts have the system id \"%s\": give each its own",
                  config->account[0].system_id);
    if (config->report_tag > UINT16_MAX)
        fault_set(fault, "report tag %u: a TLV tag has 16 bits", config->report_tag);
    if (config->segments_max < 1 || config->segments_max > CARD_SEGMENTS_HELD)
        fault_set(fault, "%u segments: cards hold 1 to %u", config->segments_max,
                  CARD_SEGMENTS_HELD);
}

struct fleet *fleet_create(const struct fleet_config *config, uint64_t now_ns, struct fault *fault)
{
    check(config, fault);
    if (fault->text[0] != '\0')
        return NULL;
    struct fleet *fleet = calloc(1, sizeof *fleet);
    if (fleet == NULL) {
        fault_set(fault, "no memory for the fleet");
        return NULL;
    }
    fleet->config = *config;
    fleet->now_ns = now_ns;
    prng_init(&fleet->prng, config->seed);
    fleet->cards = calloc(config->device_count, sizeof *fleet->cards);
    fleet->desk.config = &fleet->config;
    fleet->desk.prng = &fleet->prng;
    fleet->desk.crypto = card_crypto_create();
    enum err err = transit_init(&fleet->transit, now_ns, PARCELS_MAX);
    if (fleet->cards == NULL || fleet->desk.crypto == NULL || err != ERR_OK) {
        fault_set(fault, "%s",
                  fleet->cards != NULL && err == ERR_OK
                      ? "OpenSSL lacks AES, 3DES, CMAC or SHA-256"
                      : "no memory for the cards: ask for fewer devices");
        fleet_free(fleet);
        return NULL;
    }
    for (uint32_t i = 0; i < config->device_count; i++) {
        card_init(&fleet->cards[i], config, config->first + i);
        fleet->cards[i].silent = i < config->silent_count;
    }
    fleet->smsc.config = &fleet->config;
    fleet->smsc.transit = &fleet->transit;
    fleet->smsc.prng = &fleet->prng;
    fleet->smsc.stats = &fleet->stats;
    fleet->smsc.message_id = FIRST_MESSAGE_ID;
    fleet->smsc.route = network_route;
    fleet->smsc.context = fleet;
    return fleet;
}

void fleet_free(struct fleet *fleet)
{
    if (fleet == NULL)
        return;
    for (uint32_t i = 0; i < SMSC_CONN_MAX; i++) {
        free(fleet->smsc.conn[i].in);
        free(fleet->smsc.conn[i].out);
    }
    transit_fini(&fleet->transit);
    card_crypto_free(fleet->desk.crypto);
    free(fleet->cards);
    free(fleet);
}

struct fleet_config *fleet_settings(struct fleet *fleet)
{
    return &fleet->config;
}

void fleet_set_silent(struct fleet *fleet, uint32_t index, bool silent)
{
    ASSERT(index < fleet->config.device_count);
    fleet->cards[index].silent = silent;
}

uint32_t fleet_conn_open(struct fleet *fleet, uint64_t now_ns)
{
    return smsc_conn_open(&fleet->smsc, now_ns);
}

size_t fleet_conn_input(struct fleet *fleet, uint32_t conn, struct span bytes, uint64_t now_ns)
{
    fleet->now_ns = now_ns;
    fleet->touched = true;
    return smsc_conn_input(&fleet->smsc, conn, bytes, now_ns);
}

struct span fleet_conn_output(const struct fleet *fleet, uint32_t conn)
{
    const struct smsc_conn *c = &fleet->smsc.conn[conn];
    return span_of(c->out + c->out_at, c->out_len);
}

void fleet_conn_sent(struct fleet *fleet, uint32_t conn, size_t len)
{
    fleet->touched = true; /* there is room for more */
    smsc_conn_sent(&fleet->smsc, conn, len);
}

enum fleet_conn_wish fleet_conn_wish(const struct fleet *fleet, uint32_t conn)
{
    return fleet->smsc.conn[conn].wish;
}

void fleet_conn_closed(struct fleet *fleet, uint32_t conn, uint64_t now_ns)
{
    fleet->now_ns = now_ns;
    fleet->touched = true;
    smsc_conn_closed(&fleet->smsc, conn);
}

static void dispatch(struct fleet *fleet, struct parcel *parcel, uint64_t now_ns)
{
    switch ((enum parcel_kind)parcel->kind) {
    case PARCEL_TO_CARD:
        network_arrive(fleet, parcel, now_ns);
        break;
    case PARCEL_EXPIRY:
        network_expire(fleet, parcel, now_ns);
        break;
    case PARCEL_FROM_CARD:
        smsc_deliver(&fleet->smsc, parcel);
        break;
    case PARCEL_OPEN:
        smsc_deliver_timeout(&fleet->smsc, parcel, now_ns);
        break;
    case PARCEL_RESPONSE:
        smsc_respond_late(&fleet->smsc, parcel);
        break;
    case PARCEL_QUEUED: /* is in no clockwork */
        ASSERT(false);
    }
}

void fleet_tick(struct fleet *fleet, uint64_t now_ns)
{
    struct timer *timer;
    struct parcel *parcel;
    fleet->now_ns = now_ns;
    fleet->touched = false;
    smsc_resume(&fleet->smsc, now_ns);
    while ((timer = wheel_pop(&fleet->transit.wheel, now_ns)) != NULL) {
        if (timer->kind == TRANSIT_CONN)
            smsc_enquire(&fleet->smsc, CONTAINER_OF(timer, struct smsc_conn, enquire), now_ns);
        else
            dispatch(fleet, CONTAINER_OF(timer, struct parcel, timer), now_ns);
    }
    while ((parcel = transit_ready(&fleet->transit)) != NULL)
        dispatch(fleet, parcel, now_ns);
    smsc_pump(&fleet->smsc, now_ns);
}

uint64_t fleet_next_ns(const struct fleet *fleet)
{
    if (fleet->touched || fleet->transit.ready_head != NULL)
        return fleet->now_ns;
    return wheel_next_ns(&fleet->transit.wheel);
}

const struct fleet_stats *fleet_stats(const struct fleet *fleet)
{
    return &fleet->stats;
}

uint64_t fleet_under_way(const struct fleet *fleet)
{
    return fleet->transit.taken;
}
