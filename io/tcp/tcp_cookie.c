/* SYN cookies: numbers only. */
#include "io/tcp/tcp_cookie.h"

#include "io/net/siphash.h"

#define PERIOD_SHIFT 29
#define PERIOD_MASK 7u
#define MSS_SHIFT 26
#define MSS_MASK 7u
#define HASH_MASK 0x3ffffffu
#define TS_BITS 0x1fu
#define TS_SACK 0x10u
#define TS_WSCALE 0x0fu
#define TS_NO_WSCALE 0x0fu

/* In use, by what links carry; a peer's is rounded down. */
static const uint16_t mss_of[MSS_MASK + 1] = { 64, 536, 1220, 1360, 1400, 1440, 1460, 8940 };

static uint32_t cookie_of(const uint64_t key[2], const struct tcp_cookie_of *of, uint64_t period,
                          uint32_t mss_index)
{
    const uint64_t words[7] = { ip_word(of->local, 0),
                                ip_word(of->local, 1),
                                ip_word(of->peer, 0),
                                ip_word(of->peer, 1),
                                (uint64_t)of->local_port << 48 | (uint64_t)of->peer_port << 32 |
                                    of->peer_isn,
                                period,
                                mss_index };
    uint32_t hash = (uint32_t)siphash_words(key, words, COUNT(words), 2, 4) & HASH_MASK;
    return (uint32_t)(period & PERIOD_MASK) << PERIOD_SHIFT | mss_index << MSS_SHIFT | hash;
}

uint32_t tcp_cookie_make(const uint64_t key[2], const struct tcp_cookie_of *of, uint16_t mss,
                         uint64_t now_ns)
{
    uint32_t index = MSS_MASK;
    while (index > 0 && mss_of[index] > mss)
        index--;
    return cookie_of(key, of, now_ns / TCP_COOKIE_PERIOD_NS, index);
}

bool tcp_cookie_good(const uint64_t key[2], const struct tcp_cookie_of *of, uint32_t cookie,
                     uint64_t now_ns, uint16_t *mss)
{
    uint64_t period = now_ns / TCP_COOKIE_PERIOD_NS;
    uint32_t index = cookie >> MSS_SHIFT & MSS_MASK;
    if ((period & PERIOD_MASK) != cookie >> PERIOD_SHIFT && period > 0)
        period--;
    *mss = mss_of[index];
    return cookie_of(key, of, period, index) == cookie;
}

uint32_t tcp_cookie_ts(uint32_t ts_now, const struct tcp_header *syn)
{
    uint32_t bits = TS_NO_WSCALE;
    if (syn->has_wscale)
        bits = syn->wscale > TCP_WSCALE_MAX ? TCP_WSCALE_MAX : syn->wscale;
    if (syn->sack_permitted)
        bits |= TS_SACK;
    uint32_t ts = (ts_now & ~TS_BITS) | bits;
    return (ts & TS_BITS) > (ts_now & TS_BITS) ? ts - (TS_BITS + 1) : ts;
}

void tcp_cookie_ts_read(uint32_t echo, struct tcp_header *syn)
{
    syn->sack_permitted = (echo & TS_SACK) != 0;
    syn->has_wscale = (echo & TS_WSCALE) != TS_NO_WSCALE;
    syn->wscale = syn->has_wscale ? echo & TS_WSCALE : 0;
}
