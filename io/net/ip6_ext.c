/* The walk over extension headers. */
#include "io/net/ip6_ext.h"

#include "io/net/icmp.h"
#include "io/net/ip6.h"
#include "io/net/ndp.h"

#define OPTION_PAD1 0
#define OPTION_PADN 1

/* What the two high bits of an unknown option's type ask for (RFC 8200 §4.2). */
#define ACTION_SKIP 0
#define ACTION_DROP 1
#define ACTION_TELL_ALWAYS 2

static uint16_t place_of(struct span in, const struct reader *r)
{
    return (uint16_t)(IP6_HEADER_LEN + (in.len - reader_left(r)));
}

static enum ip6_ext_verdict option_refuse(uint8_t type, uint16_t pointer, struct ip6_ext *out)
{
    uint8_t action = type >> 6;
    if (action == ACTION_SKIP)
        return IP6_EXT_SOUND;
    if (action != ACTION_DROP) {
        out->problem = IP6_PROBLEM_OPTION;
        out->problem_to_group = action == ACTION_TELL_ALWAYS;
        out->pointer = pointer;
    }
    return IP6_EXT_REFUSED;
}

/* `at` is where in the packet the options begin. */
static enum ip6_ext_verdict options_read(struct span in, uint16_t at, struct ip6_ext *out)
{
    struct reader r = reader_over(in);
    for (uint32_t count = 0; reader_more(&r); count++) {
        uint16_t pointer = (uint16_t)(at + (in.len - reader_left(&r)));
        uint8_t type = reader_u8(&r);
        if (count == IP6_OPTIONS_MAX)
            return IP6_EXT_MALFORMED;
        if (type == OPTION_PAD1)
            continue;
        reader_bytes(&r, reader_u8(&r));
        if (r.err != ERR_OK)
            return IP6_EXT_MALFORMED;
        out->router_alert = out->router_alert || type == IP6_OPTION_ROUTER_ALERT;
        if (type == OPTION_PADN)
            continue;
        enum ip6_ext_verdict verdict = option_refuse(type, pointer, out);
        if (verdict != IP6_EXT_SOUND)
            return verdict;
    }
    return IP6_EXT_SOUND;
}

/* Of any type: none is understood, so only one that is at its end may pass (RFC 8200 §4.4). */
static enum ip6_ext_verdict routing_read(struct span in, uint16_t at, struct ip6_ext *out)
{
    struct reader r = reader_over(in);
    reader_u8(&r); /* routing type */
    uint8_t segments_left = reader_u8(&r);
    if (segments_left == 0)
        return IP6_EXT_SOUND;
    out->problem = IP6_PROBLEM_HEADER;
    out->pointer = at;
    return IP6_EXT_ROUTED;
}

static enum ip6_ext_verdict fragment_read(struct span in, struct ip6_ext *out)
{
    struct reader r = reader_over(in);
    uint16_t offset = reader_u16(&r);
    if ((offset & 0xfff9) != 0) /* an offset, or more to come */
        return IP6_EXT_PART;
    out->fragmented = true;
    return IP6_EXT_SOUND;
}

/* One header named `kind`; its next-header octet becomes out->protocol. */
static enum ip6_ext_verdict header_read(struct reader *r, struct span in, uint8_t kind,
                                        struct ip6_ext *out)
{
    out->next_at = place_of(in, r);
    out->protocol = reader_u8(r);
    size_t len = ((size_t)reader_u8(r) + 1) * 8 - 2;
    uint16_t at = place_of(in, r);
    struct span body = reader_bytes(r, kind == IP6_EXT_FRAGMENT ? 6 : len);
    if (r->err != ERR_OK)
        return IP6_EXT_MALFORMED;
    out->len = (uint16_t)(in.len - reader_left(r));
    if (kind == IP6_EXT_ROUTING)
        return routing_read(body, at, out);
    if (kind == IP6_EXT_FRAGMENT)
        return fragment_read(body, out);
    bool alert = out->router_alert;
    enum ip6_ext_verdict verdict = options_read(body, at, out);
    if (kind != IP6_EXT_HOP_BY_HOP)
        out->router_alert = alert; /* means nothing elsewhere */
    return verdict;
}

static bool is_extension(uint8_t kind)
{
    return kind == IP6_EXT_HOP_BY_HOP || kind == IP6_EXT_ROUTING || kind == IP6_EXT_FRAGMENT ||
           kind == IP6_EXT_DESTINATION;
}

enum ip6_ext_verdict ip6_ext_read(struct span in, uint8_t next, struct ip6_ext *out)
{
    *out =
        (struct ip6_ext){ .protocol = next, .next_at = IP6_NEXT_AT, .problem = IP6_PROBLEM_NONE };
    struct reader r = reader_over(in);
    for (uint32_t count = 0; is_extension(out->protocol); count++) {
        uint8_t kind = out->protocol;
        if (count == IP6_EXT_MAX)
            return IP6_EXT_MALFORMED;
        if (kind == IP6_EXT_HOP_BY_HOP && count > 0) { /* only right after the IPv6 header */
            out->problem = IP6_PROBLEM_NEXT;
            out->pointer = out->next_at;
            return IP6_EXT_REFUSED;
        }
        enum ip6_ext_verdict verdict = header_read(&r, in, kind, out);
        if (verdict != IP6_EXT_SOUND)
            return verdict;
    }
    return IP6_EXT_SOUND;
}

bool ip6_ext_before_error(struct span in, uint8_t next)
{
    struct reader r = reader_over(in);
    for (uint32_t count = 0; is_extension(next) && count < IP6_EXT_MAX; count++) {
        uint8_t kind = next;
        next = reader_u8(&r);
        size_t len = ((size_t)reader_u8(&r) + 1) * 8 - 2;
        reader_bytes(&r, kind == IP6_EXT_FRAGMENT ? 6 : len);
    }
    uint8_t type = reader_u8(&r);
    return r.err == ERR_OK && next == IP_PROTOCOL_ICMP6 &&
           (type < ICMP6_ECHO || type == NDP_REDIRECT);
}
