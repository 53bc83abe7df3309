/* Two stacks over a bad network in virtual time: every octet arrives in order, or the connection
 * ends with a stated reason; nothing is left behind, invariants hold after each turn. A failure
 * prints its seed; STARLING_SEED=N runs that one alone, STARLING_SEEDS=N as many as that,
 * STARLING_FULL=1 ten thousand. */
#include "base/prng.h"
#include "io/impair.h"
#include "io/net/net_state.h"
#include "io/port_mem.h"
#include "io/tcp/tcp.h"
#include "io/tcp/tcp_check.h"
#include "io/tcp/tcp_conn.h"
#include "tests/support/alloc_trap.h"
#include "tests/support/path.h"
#include "tests/support/support.h"

#include <stdlib.h>

#define MS 1000000ull
#define TURN_NS 10000ull
#define SECOND (1000 * MS)
#define SEEDS_QUICK 600
#define SEEDS_FULL 10000
#define FRAMES 4096
#define CHUNKS 256
#define FRAMES_LEFT_MAX 20 /* while there are few */
#define CHUNK_LEN 4096
#define PORT 2775
#define ISN_TICK_NS 4000 /* RFC 6528 */
#define LIFE_MAX (4 * 3600 * SECOND)

/* ECHO: the server sends what it received and reads only while it can send, so that each window depends on
 * the acknowledgments of the other direction. */
enum story { BULK, HALF_CLOSE, CHAT, ECHO, ABORT, VANISH, STORY_COUNT };

/* What is between them beside loss and the like: a path whose MTU changes, with word of it or without; a peer
 * whose window shrinks. */
enum way { PLAIN, LOWER_MTU, BLACK_HOLE, SHRINKING, WAY_COUNT };

/* Where each direction meets the impairment: the client's end has both. */
enum place { RECEIVER, CLIENT, SENDER, PLACE_COUNT };

struct side {
    struct world *world;
    struct prng prng;
    struct port *wire; /* the impairment */
    struct port *path; /* over it */
    struct net *net;
    struct net_config config;
    struct chunk_pool *chunks;
    struct tcp_conn *conn;
    uint32_t goal; /* octets to send */
    uint32_t sent;
    uint32_t got;
    uint64_t resume_ns; /* 0: not stalled */
    uint32_t stall_ppm;
    uint32_t piece_max;
    bool full;
    bool opened, peer_closed, closing, closed, aborted;
    bool close_after_peer, echoes;
    enum err why;
};

struct world {
    uint64_t seed;
    uint64_t now_ns;
    uint64_t trouble_ns; /* when ABORT or VANISH strikes */
    enum story story;
    enum way way;
    enum place place;
    uint64_t change_ns; /* when the way changes next */
    uint32_t changes;   /* to come */
    struct prng way_prng;
    bool scarce;       /* few places, now and then hardly a frame */
    uint64_t hoard_ns; /* when that changes next */
    uint32_t hoards;   /* to come */
    uint32_t hoarded;
    struct prng scarce_prng;
    struct impair_config impairment;
    struct side sides[2]; /* client, server */
};

static struct rte_mempool *frames;
static struct rte_mbuf *hoard[FRAMES];
static struct {
    const char *reason;
    uint64_t value;
} tally[96];
static size_t tally_count;
static uint64_t way_dropped, way_clamped;

static uint8_t octet_at(const struct side *sender, uint32_t at)
{
    return (uint8_t)(at * 131 + (at >> 9) + sender->world->seed +
                     (sender == &sender->world->sides[0] ? 0 : 77));
}

#define sim_check(world, condition)                                                                \
    do {                                                                                           \
        if (!(condition))                                                                          \
            fail_msg("seed %lu at %.3f s: %s: STARLING_SEED=%lu runs it alone",                    \
                     (unsigned long)(world)->seed, (double)(world)->now_ns / 1e9, #condition,      \
                     (unsigned long)(world)->seed);                                                \
    } while (0)

static void on_opened(void *ctx, struct tcp_conn *conn)
{
    struct side *side = ctx;
    sim_check(side->world, !side->opened && !side->closed);
    side->opened = true;
    side->conn = conn;
}

static size_t on_received(void *ctx, struct tcp_conn *conn, struct span in)
{
    struct side *side = ctx;
    struct world *world = side->world;
    const struct side *sender = side == &world->sides[0] ? &world->sides[1] : &world->sides[0];
    sim_check(world, side->opened && !side->closed && !side->peer_closed && conn == side->conn);
    sim_check(world, in.len > 0 && side->resume_ns == 0);
    size_t take = in.len;
    if (side->echoes && side->full) {
        side->resume_ns = UINT64_MAX; /* on_writable */
        return 0;
    }
    if (prng_below(&side->prng, 1000000) < side->stall_ppm) {
        take = prng_below(&side->prng, in.len);
        if (prng_below(&side->prng, 4) == 0)
            tcp_resume(conn, world->now_ns);
        else
            side->resume_ns = world->now_ns + 1 + prng_below(&side->prng, 3 * SECOND);
    }
    for (size_t i = 0; i < take; i++)
        if (in.bytes[i] != octet_at(sender, side->got + (uint32_t)i))
            fail_msg("seed %lu: octet %zu is wrong", (unsigned long)world->seed, side->got + i);
    side->got += (uint32_t)take;
    return take;
}

static void on_writable(void *ctx, struct tcp_conn *conn)
{
    struct side *side = ctx;
    sim_check(side->world, side->full && conn == side->conn && tcp_send_room(conn) > 0);
    side->full = false;
    if (side->resume_ns == UINT64_MAX)
        side->resume_ns = side->world->now_ns;
}

static void on_peer_closed(void *ctx, struct tcp_conn *conn)
{
    struct side *side = ctx;
    (void)conn;
    sim_check(side->world, side->opened && !side->peer_closed && !side->closed);
    side->peer_closed = true;
}

static void on_closed(void *ctx, struct tcp_conn *conn, enum err why)
{
    struct side *side = ctx;
    (void)conn;
    sim_check(side->world, !side->closed && !side->aborted);
    side->closed = true;
    side->conn = NULL;
    side->why = why;
}

static const struct tcp_app app = { on_opened, on_received, on_writable, on_peer_closed,
                                    on_closed };

static void *on_accepted(void *ctx, struct tcp_conn *conn)
{
    struct side *side = ctx;
    sim_check(side->world, side->conn == NULL);
    side->conn = conn;
    return side;
}

static uint32_t draw(struct prng *prng, uint32_t least, uint32_t most)
{
    return least + (uint32_t)prng_below(prng, most - least + 1);
}

static void impairment_draw(struct world *world, struct prng *prng)
{
    static const uint32_t losses[] = { 0, 1000, 10000, 50000, 100000, 300000 };
    struct impair_config *config = &world->impairment;
    *config = (struct impair_config){ .loss_ppm = losses[prng_below(prng, COUNT(losses))],
                                      .delay_ns = prng_below(prng, 80) * MS,
                                      .reorder_ns = 40 * MS };
    if (prng_below(prng, 2) == 0)
        config->reorder_ppm = draw(prng, 0, 100000);
    if (prng_below(prng, 2) == 0)
        config->duplicate_ppm = draw(prng, 0, 100000);
    if (prng_below(prng, 2) == 0)
        config->corrupt_ppm = draw(prng, 0, 50000);
    if (prng_below(prng, 2) == 0)
        config->jitter_ns = prng_below(prng, 20) * MS;
}

/* Every other seed speaks IPv6. */
static struct ip_addr addr_at(const struct world *world, uint32_t end)
{
    struct ip_addr six = { { 0x20, 0x01, 0x0d, 0xb8, [15] = (uint8_t)(end + 1) } };
    return world->seed % 2 == 0 ? ip_addr_v4(0x0a630001 + end) : six;
}

static uint32_t few(struct world *world, uint32_t most)
{
    return world->scarce ? draw(&world->scarce_prng, 1, most) : 0;
}

static void side_open(struct world *world, uint32_t end, struct port *port, struct prng *prng,
                      uint16_t mtu)
{
    static const uint32_t windows[] = { 1500, 4000, 65535, 262144, 1000000 };
    struct fault fault = { "" };
    struct side *side = &world->sides[end];
    side->world = world;
    prng_init(&side->prng, world->seed * 2 + end);
    struct impair_config ways[IMPAIR_WAYS] = { 0 };
    if (world->place == RECEIVER || (world->place == CLIENT && end == 0))
        ways[IMPAIR_RX] = world->impairment;
    if (world->place == SENDER || (world->place == CLIENT && end == 0))
        ways[IMPAIR_TX] = world->impairment;
    ways[IMPAIR_RX].seed = world->seed * 2 + end;
    ways[IMPAIR_TX].seed = world->seed * 2 + 1 - end;
    side->wire = impair_open(port, ways, &fault);
    sim_check(world, side->wire != NULL);
    side->path = path_open(side->wire);
    struct net_config config = { .mtu = mtu,
                                 .seed = { prng_next(prng), prng_next(prng) },
                                 .numa_node = SOCKET_ID_ANY,
                                 .conn_cap = 4,
                                 .held_cap = world->scarce ? few(world, 40) : 512,
                                 .sack_range_cap = few(world, 2),
                                 .send_ref_cap = few(world, 12),
                                 .send_len_max = windows[prng_below(prng, COUNT(windows))],
                                 .recv_len_max = windows[prng_below(prng, COUNT(windows))],
                                 .keep_alive_ms = 20000,
                                 .congestion = (uint8_t)prng_below(prng, 2),
                                 .without = (uint8_t)(prng_below(prng, 2) * prng_below(prng, 4)) };
    bool four = ip_is_v4(addr_at(world, end));
    *(four ? &config.addr4 : &config.addr6) = addr_at(world, end);
    *(four ? &config.prefix4 : &config.prefix6) = four ? 24 : 64;
    side->piece_max = config.send_len_max < CHUNK_LEN ? config.send_len_max : CHUNK_LEN;
    side->config = config;
    side->net = net_create(side->path, &config, world->now_ns, &fault);
    sim_check(world, side->net != NULL);
    if (world->seed % 2 == 0)
        side->net->tcp.ahead_conns_min = 0;
    side->chunks = chunk_pool_create(CHUNKS, CHUNK_LEN, SOCKET_ID_ANY);
    sim_check(world, side->chunks != NULL);
    side->goal = prng_below(prng, 4) == 0 ? 0 : draw(prng, 1, 200000);
    side->stall_ppm = prng_below(prng, 3) == 0 ? 100000 : 0;
}

/* Begins when the clock of ISNs is such that the client's sequence numbers pass the end of all, or of their
 * first half, under way. */
static void wrap_soon(struct world *world)
{
    struct fault fault = { "" };
    struct side *client = &world->sides[0];
    struct prng *prng = &client->prng;
    struct net *like = net_create(client->path, &client->config, world->now_ns, &fault);
    sim_check(world, like != NULL);
    struct tcp_endpoint server = { addr_at(world, 1), PORT };
    const struct tcp_conn *conn = tcp_connect(like, server, &app, client, world->now_ns);
    sim_check(world, conn != NULL);
    uint32_t end = prng_below(prng, 2) == 0 ? 0 : 0x80000000u;
    uint64_t wait_ns = (uint64_t)(end - draw(prng, 0, client->goal) - conn->iss) * ISN_TICK_NS;
    net_destroy(like);
    world->now_ns += wait_ns;
    world->trouble_ns += wait_ns;
    world->change_ns += world->change_ns != UINT64_MAX ? wait_ns : 0;
    world->hoard_ns += world->hoard_ns != UINT64_MAX ? wait_ns : 0;
}

static void world_open(struct world *world, uint64_t seed)
{
    struct prng prng;
    prng_init(&prng, seed);
    *world = (struct world){ .seed = seed, .now_ns = SECOND + prng_below(&prng, SECOND) };
    world->story = (enum story)prng_below(&prng, STORY_COUNT);
    world->trouble_ns = world->now_ns + prng_below(&prng, 5 * SECOND);
    impairment_draw(world, &prng);
    world->place = (enum place)(seed / 2 % PLACE_COUNT);
    world->way = prng_below(&prng, 2) == 0 ? PLAIN : (enum way)prng_below(&prng, WAY_COUNT);
    world->changes = world->way == PLAIN ? 0 : draw(&prng, 2, 6);
    world->change_ns = world->way == PLAIN ? UINT64_MAX : world->now_ns;
    prng_init(&world->way_prng, seed);
    prng_init(&world->scarce_prng, seed);
    world->scarce = prng_below(&world->scarce_prng, 4) == 0;
    world->hoards = world->scarce ? 2 * draw(&world->scarce_prng, 0, 4) : 0;
    world->hoard_ns = world->hoards > 0 ? world->now_ns : UINT64_MAX;
    struct fault fault = { "" };
    struct port *ends[2];
    struct port_mem_config config = { .frames = { frames, frames }, .depth = 512 };
    sim_check(world, port_mem_open(&config, ends, &fault));
    uint16_t mtu_min = ip_is_v4(addr_at(world, 0)) ? 576 : 1280;
    uint16_t mtu = (uint16_t)(prng_below(&prng, 2) == 0 ? 1500 : draw(&prng, mtu_min, 1500));
    for (uint32_t end = 0; end < 2; end++)
        side_open(world, end, ends[end], &prng, mtu);
    world->sides[1].close_after_peer = world->story == HALF_CLOSE || world->story == ECHO;
    if (world->story == ECHO) {
        world->sides[1].echoes = true;
        world->sides[1].goal = world->sides[0].goal;
        world->sides[0].stall_ppm = 0;
        world->sides[1].stall_ppm = 0;
    }
    struct side *client = &world->sides[0];
    struct side *server = &world->sides[1];
    if (seed % 3 == 0)
        wrap_soon(world);
    sim_check(world, tcp_listen(server->net, PORT, &app, on_accepted, server) == ERR_OK);
    client->conn = tcp_connect(client->net, (struct tcp_endpoint){ addr_at(world, 1), PORT }, &app,
                               client, world->now_ns);
    sim_check(world, client->conn != NULL);
    uint32_t iss = client->conn->iss;
    sim_check(world, seed % 3 != 0 || 0 - iss <= client->goal || 0x80000000u - iss <= client->goal);
}

/* Queues a piece of the stream, laid out in a chunk. */
static bool piece_send(struct side *side)
{
    struct world *world = side->world;
    uint32_t len = draw(&side->prng, 1, world->story == CHAT ? 200 : side->piece_max);
    uint32_t most = (side->echoes ? side->got : side->goal) - side->sent;
    len = len > most ? most : len;
    struct chunk *chunk = chunk_take(side->chunks);
    if (chunk == NULL)
        return false; /* all queued: some come back with the next acknowledgment */
    struct writer w = chunk_writer(chunk);
    for (uint32_t i = 0; i < len; i++)
        writer_u8(&w, octet_at(side, side->sent + i));
    chunk_commit(chunk, &w);
    enum err err = tcp_send(side->conn, chunk, 0, len, world->now_ns);
    chunk_give(chunk);
    sim_check(world, err == ERR_OK || err == ERR_FULL);
    side->full = err == ERR_FULL;
    if (err == ERR_OK)
        side->sent += len;
    return err == ERR_OK;
}

static void side_work(struct side *side)
{
    struct world *world = side->world;
    if (side->conn == NULL || !side->opened)
        return;
    if (side->resume_ns != 0 && world->now_ns >= side->resume_ns) {
        side->resume_ns = 0;
        tcp_resume(side->conn, world->now_ns);
    }
    uint32_t pieces = world->story == CHAT ? 1 : 100;
    uint32_t goal = side->echoes ? side->got : side->goal;
    while (!side->full && side->sent < goal && pieces-- > 0)
        if (!piece_send(side))
            break;
    bool all_sent = side->sent == side->goal;
    if (all_sent && !side->closing && (!side->close_after_peer || side->peer_closed)) {
        side->closing = true;
        tcp_close(side->conn, world->now_ns);
    }
}

static void trouble(struct world *world)
{
    if (world->trouble_ns > world->now_ns)
        return;
    world->trouble_ns = UINT64_MAX;
    struct side *side = &world->sides[world->seed % 2];
    if (world->story == ABORT && side->conn != NULL && side->opened) {
        tcp_abort(side->conn, world->now_ns);
        side->aborted = true;
        side->conn = NULL;
    }
    if (world->story == VANISH) {
        const struct impair_config nothing = { .loss_ppm = 1000000 };
        impair_set(world->sides[0].wire, IMPAIR_RX, &nothing);
        impair_set(world->sides[1].wire, IMPAIR_RX, &nothing);
    }
}

/* The last change mends all, or leaves a black hole as it is. */
static void way_change(struct world *world)
{
    if (world->change_ns > world->now_ns)
        return;
    struct prng *prng = &world->way_prng;
    struct path_config config = { 0 };
    world->changes--;
    world->change_ns = UINT64_MAX;
    if (world->changes > 0) {
        world->change_ns = world->now_ns + prng_below(prng, 4 * SECOND);
        if (world->way == SHRINKING) {
            static const uint16_t windows[] = { 0, 1, 100, 1000, 8000 };
            config.window_clamped = true;
            config.window_max = windows[prng_below(prng, COUNT(windows))];
        } else {
            uint16_t least = ip_is_v4(addr_at(world, 0)) ? 576 : 1280;
            config.mtu = (uint16_t)draw(prng, least, 1500);
            config.silent = world->way == BLACK_HOLE;
        }
    } else if (world->way == BLACK_HOLE && prng_below(prng, 2) == 0) {
        return;
    }
    path_set(world->sides[0].path, &config);
    path_set(world->sides[1].path, &config);
}

/* Hardly a frame is left for a while, then all are there again. */
static void hoard_change(struct world *world)
{
    if (world->hoard_ns > world->now_ns)
        return;
    struct prng *prng = &world->scarce_prng;
    if (world->hoarded > 0) {
        while (world->hoarded > 0)
            rte_pktmbuf_free(hoard[--world->hoarded]);
    } else {
        uint32_t left = draw(prng, 0, FRAMES_LEFT_MAX);
        while (rte_mempool_avail_count(frames) > left)
            hoard[world->hoarded++] = rte_pktmbuf_alloc(frames);
    }
    world->hoards--;
    world->hoard_ns = world->hoards > 0 ? world->now_ns + prng_below(prng, 700 * MS) : UINT64_MAX;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void world_turn(struct world *world)
{
    trouble(world);
    way_change(world);
    hoard_change(world);
    uint64_t next = earlier(earlier(world->trouble_ns, world->change_ns), world->hoard_ns);
    bool moved = false;
    for (int end = 0; end < 2; end++) {
        struct side *side = &world->sides[end];
        uint64_t sent = counter_read(&side->wire->counters.tx_frames);
        moved = port_step(side->wire, world->now_ns) || moved;
        alloc_trap_arm();
        moved = net_rx(side->net, world->now_ns) == FRAME_BURST || moved;
        net_timers(side->net, world->now_ns);
        side_work(side);
        net_flush(side->net, world->now_ns);
        alloc_trap_disarm();
        const char *wrong = tcp_check(side->net);
        if (wrong != NULL)
            fail_msg("seed %lu at %.3f s, side %d: not so: %s", (unsigned long)world->seed,
                     (double)world->now_ns / 1e9, end, wrong);
        moved = counter_read(&side->wire->counters.tx_frames) != sent || moved;
        next = earlier(next, net_next_ns(side->net));
        next = earlier(next, impair_next_ns(side->wire));
        if (side->resume_ns != 0 && side->resume_ns != UINT64_MAX && side->conn != NULL)
            next = earlier(next, side->resume_ns);
        if (side->conn != NULL && side->opened && !side->full && side->sent < side->goal)
            next = earlier(next, world->now_ns + MS);
    }
    sim_check(world, moved || next != UINT64_MAX || world->sides[0].conn == NULL);
    if (moved || next <= world->now_ns)
        world->now_ns += TURN_NS;
    else
        world->now_ns = earlier(next, world->now_ns + 100 * SECOND);
}

static bool over(const struct side *side)
{
    return side->closed || side->aborted;
}

/* What the stacks went through, so that the test knows that it tried it. */
static uint64_t hits(const char *reason)
{
    for (size_t i = 0; i < tally_count; i++)
        if (strcmp(tally[i].reason, reason) == 0)
            return tally[i].value;
    return 0;
}

static void tally_add(void *ctx, const char *layer, const char *reason, uint64_t value)
{
    (void)ctx;
    if (strcmp(layer, "tcp") != 0 && strcmp(reason, "too_big") != 0 &&
        strcmp(reason, "no_frame") != 0)
        return;
    size_t i = 0;
    while (i < tally_count && strcmp(tally[i].reason, reason) != 0)
        i++;
    assert_true(i < COUNT(tally));
    if (i == tally_count)
        tally[tally_count++].reason = reason;
    tally[i].value += value;
}

static void judge(struct world *world)
{
    struct side *client = &world->sides[0];
    struct side *server = &world->sides[1];
    const struct impair_config *impairment = &world->impairment;
    sim_check(world, client->got <= server->sent && server->got <= client->sent);
    if (client->closed && client->why == ERR_OK)
        sim_check(world, server->got == client->goal && client->got == server->goal);
    if (server->closed && server->why == ERR_OK)
        sim_check(world, client->got == server->goal && server->got == client->goal);
    bool gentle = impairment->loss_ppm <= 50000 && impairment->corrupt_ppm <= 20000 &&
                  world->way != BLACK_HOLE;
    if (world->story != ABORT && world->story != VANISH && gentle) {
        sim_check(world, client->closed && client->why == ERR_OK);
        sim_check(world, server->closed && server->why == ERR_OK);
    }
    if (world->story == VANISH || world->story == ABORT)
        return;
    for (int end = 0; end < 2; end++)
        sim_check(world, world->sides[end].why == ERR_OK || world->sides[end].why == ERR_TIMEOUT ||
                             world->sides[end].why == ERR_UNREACHABLE ||
                             world->sides[end].why == ERR_RESET);
}

static void world_close(struct world *world)
{
    for (int end = 0; end < 2; end++) {
        struct side *side = &world->sides[end];
        sim_check(world, net_conn_count(side->net) == 0);
        sim_check(world, chunk_pool_free_count(side->chunks) == CHUNKS);
        net_counters(side->net, tally_add, NULL);
        way_dropped += path_dropped(side->path);
        way_clamped += path_clamped(side->path);
        net_destroy(side->net);
        chunk_pool_destroy(side->chunks);
    }
    port_close(world->sides[0].path);
    port_close(world->sides[1].path);
    sim_check(world, rte_mempool_avail_count(frames) == FRAMES);
}

static void run(uint64_t seed)
{
    static struct world world;
    world_open(&world, seed);
    uint64_t limit = world.now_ns + LIFE_MAX;
    /* The server may never hear of a client that gave up on its SYN. */
    while (!over(&world.sides[0]) || (world.sides[1].conn != NULL && !over(&world.sides[1]))) {
        world_turn(&world);
        sim_check(&world, world.now_ns < limit);
    }
    uint64_t rest = world.now_ns + 200 * SECOND; /* TIME-WAIT, half-open and neighbours run out */
    while (world.now_ns < rest)
        world_turn(&world);
    judge(&world);
    world_close(&world);
}

static void every_octet_arrives_or_the_end_has_a_reason(void **state)
{
    (void)state;
    struct fault fault = { "" };
    alloc_trap_system_calls();
    frames = frame_pool_create("sim", FRAMES, SOCKET_ID_ANY, &fault);
    assert_non_null(frames);
    const char *one = getenv("STARLING_SEED");
    const char *many = getenv("STARLING_SEEDS");
    uint64_t seeds = getenv("STARLING_FULL") != NULL ? SEEDS_FULL : SEEDS_QUICK;
    uint64_t first = one != NULL ? strtoull(one, NULL, 10) : 1;
    uint64_t last = one != NULL ? first : many != NULL ? strtoull(many, NULL, 10) : seeds;
    for (uint64_t seed = first; seed <= last; seed++)
        run(seed);
    rte_mempool_free(frames);
    static const char *const wanted[] = {
        "checksum",    "duplicate",    "out_of_order",     "out_of_window", "challenges",
        "retransmits", "rto",          "fast_retransmits", "probes",        "keep_alives",
        "resets_in",   "resets_out",   "timeouts",         "send_ref_full", "rst_blind",
        "recoveries",  "rto_spurious", "tail_probes",      "dsacks",        "paws",
        "too_big",     "held_full",    "board_full",       "no_frame"
    };
    assert_true(one != NULL || (way_dropped > 0 && way_clamped > 0));
    for (size_t i = 0; one == NULL && i < COUNT(wanted); i++)
        if (hits(wanted[i]) == 0)
            fail_msg("%s never happened: the seeds try too little", wanted[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_octet_arrives_or_the_end_has_a_reason),
    };
    eal_for_tests();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
