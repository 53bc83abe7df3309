/* MLD: queries in, reports out. */
#include "io/net/mld.h"

#include "io/net/announce.h"
#include "io/net/checksum.h"
#include "io/net/ip6.h"
#include "io/net/net_state.h"
#include "io/net/siphash.h"

#define HOP_LIMIT 1
#define QUERY_1_LEN 16u /* after the ICMP header */
#define RECORD_LEN 20u
#define IS_EXCLUDE 2 /* of no source: all is wanted (RFC 3810 §5.2.12) */
#define CHANGE_TO_EXCLUDE 4
#define DELAY_FLOATS 0x8000u /* RFC 3810 §5.1.3 */
#define MS_NS 1000000u

static const struct ip_addr routers2 = { { 0xff, 0x02, [15] = 0x16 } }; /* RFC 3810 §5.2.14 */

static uint32_t delay_of(uint16_t code)
{
    if (code < DELAY_FLOATS)
        return code;
    return (uint32_t)((code & 0x0fff) | 0x1000) << (((code >> 12) & 7) + 3);
}

enum err mld_query_read(struct span in, uint32_t rest, struct mld_query *out)
{
    struct reader r = reader_over(in);
    uint16_t code = (uint16_t)(rest >> 16);
    *out = (struct mld_query){ .old = in.len == QUERY_1_LEN };
    out->delay_ms = out->old ? code : delay_of(code);
    reader_copy(&r, out->group.octets, IP_ADDR_LEN);
    if (r.err != ERR_OK)
        return r.err;
    if (!ip_is_none(out->group) && !ip6_is_group(out->group))
        return ERR_MALFORMED;
    if (out->old)
        return ERR_OK;
    reader_u16(&r); /* suppression and robustness, for routers; their interval */
    uint16_t sources = reader_u16(&r);
    reader_bytes(&r, (size_t)sources * IP_ADDR_LEN);
    return r.err == ERR_OK ? ERR_OK : ERR_MALFORMED;
}

/* With the router alert that every message bears (RFC 3810 §5, RFC 2711). */
static void message_send(struct net *net, const struct icmp_header *header, struct span body,
                         struct ip_addr dst)
{
    static const uint8_t alert[] = { IP_PROTOCOL_ICMP6, 0, IP6_OPTION_ROUTER_ALERT, 2, 0, 0, 1, 0 };
    struct rte_mbuf *frame = net_frame_take(net);
    if (frame == NULL)
        return;
    uint16_t len = (uint16_t)(ICMP_HEADER_LEN + body.len);
    uint64_t sum = checksum_pseudo(net->link_local, dst, IP_PROTOCOL_ICMP6, len);
    struct writer w = frame_append(frame, (uint16_t)(sizeof alert + len));
    writer_bytes(&w, span_of(alert, sizeof alert));
    icmp_header_write(&w, header, body, sum);
    writer_bytes(&w, body);
    ASSERT(w.err == ERR_OK);
    net_count(net, NET_MLD_REPORTS_OUT);
    ip6_send_group(net, frame, IP6_EXT_HOP_BY_HOP, HOP_LIMIT, net->link_local, dst);
}

/* Ours, each once; how many. */
static uint32_t groups_of(const struct net *net, struct ip_addr groups[MLD_GROUPS])
{
    groups[0] = ip6_solicited(net->config.addr6);
    groups[1] = ip6_solicited(net->link_local);
    return ip_equal(groups[0], groups[1]) ? 1 : 2;
}

static void report(struct net *net, uint8_t record, uint64_t now_ns)
{
    struct ip_addr groups[MLD_GROUPS];
    uint32_t count = groups_of(net, groups);
    uint8_t buf[MLD_GROUPS * RECORD_LEN];
    struct writer w = writer_over(buf, sizeof buf);
    bool old = now_ns < net->mld.old_ns;
    for (uint32_t i = 0; i < count; i++) {
        if (old) {
            struct icmp_header header = { .type = MLD_REPORT_1 };
            message_send(net, &header, span_of(groups[i].octets, IP_ADDR_LEN), groups[i]);
            continue;
        }
        writer_u8(&w, record);
        writer_u8(&w, 0);
        writer_u16(&w, 0); /* sources */
        writer_bytes(&w, span_of(groups[i].octets, IP_ADDR_LEN));
    }
    struct icmp_header header = { .type = MLD_REPORT, .rest = count };
    if (!old)
        message_send(net, &header, written(&w), routers2);
    net->mld.sent_ns = now_ns;
    wheel_arm(&net->wheel, &net->mld.timer, now_ns + MLD_REPEAT_NS);
}

void mld_join(struct net *net, uint64_t now_ns)
{
    net->mld.timer.kind = NET_TIMER_MLD;
    mld_repeat(net, now_ns);
}

void mld_repeat(struct net *net, uint64_t now_ns)
{
    report(net, CHANGE_TO_EXCLUDE, now_ns);
}

void mld_timer(struct net *net, uint64_t now_ns)
{
    report(net, IS_EXCLUDE, now_ns);
}

/* One answer for all that is asked until it leaves: it tells of every group. */
static void answer_later(struct net *net, uint32_t delay_ms, uint64_t now_ns)
{
    const uint64_t words[1] = { now_ns };
    uint64_t random = siphash_words(net->config.seed, words, COUNT(words), 2, 4);
    uint64_t due_ns = now_ns + random % ((uint64_t)delay_ms * MS_NS + 1);
    if (due_ns < net->mld.sent_ns + MLD_GAP_NS)
        due_ns = net->mld.sent_ns + MLD_GAP_NS;
    if (!timer_armed(&net->mld.timer) || due_ns / WHEEL_TICK_NS < net->mld.timer.tick)
        wheel_arm(&net->wheel, &net->mld.timer, due_ns);
}

static enum net_counter mld_step(struct net *net, struct span message,
                                 const struct icmp_header *header, const struct ip_in *in,
                                 uint64_t now_ns)
{
    struct mld_query query;
    struct ip_addr groups[MLD_GROUPS];
    if (header->type != MLD_QUERY)
        return NET_MLD_FOREIGN; /* another listener's */
    /* RFC 3810 §6.2: nobody from beyond the link, and nobody by mistake. */
    if (in->hop_limit != HOP_LIMIT || !ip6_is_link_local(in->src) || !in->router_alert ||
        mld_query_read(span_after(message, ICMP_HEADER_LEN), header->rest, &query) != ERR_OK)
        return NET_MLD_MALFORMED;
    uint32_t count = groups_of(net, groups);
    bool ours = ip_is_none(query.group);
    for (uint32_t i = 0; i < count; i++)
        ours = ours || ip_equal(query.group, groups[i]);
    if (!ours || !announce_ours(net) || net->announce.made == 0)
        return NET_MLD_FOREIGN;
    if (query.old)
        net->mld.old_ns = now_ns + MLD_OLD_QUERIER_NS;
    answer_later(net, query.delay_ms, now_ns);
    return NET_MLD_QUERIES_IN;
}

void mld_rx(struct net *net, struct rte_mbuf *frame, const struct icmp_header *header,
            const struct ip_in *in, uint64_t now_ns)
{
    enum net_counter which = mld_step(net, frame_bytes(frame), header, in, now_ns);
    net_drop(net, frame, which);
}
