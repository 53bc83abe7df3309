/* The peer: segments in, and what is expected of those that come out. */
#include "base/hex.h"
#include "io/port_mem.h"
#include "tests/support/tcp_play_inside.h"

#include <stdlib.h>

static uint8_t flags_of(const char *text)
{
    static const char names[] = "FSRPAU";
    uint8_t flags = 0;
    for (; *text != '\0' && *text != '-'; text++) {
        const char *name = strchr(names, *text);
        play_check(name != NULL);
        flags |= (uint8_t)(1u << (name - names));
    }
    return flags;
}

/* A step's fields: what is set in `given`. */
struct fields {
    struct tcp_header header; /* numbers absolute */
    uint32_t len;
    bool seq, ack, win, te;
    uint32_t ago;
    uint8_t options[TCP_OPTIONS_MAX];
    size_t options_len;
};

static void sacks_take(struct tcp_header *header, char *value, uint32_t isn)
{
    char *rest = NULL;
    for (char *block = strtok_r(value, ",", &rest); block != NULL;
         block = strtok_r(NULL, ",", &rest)) {
        char *right = strchr(block, '-');
        play_check(right != NULL && header->sack_count < TCP_SACK_MAX);
        header->sacks[header->sack_count++] =
            (struct tcp_sack){ isn + play_number(block), isn + play_number(right + 1) };
    }
}

static void options_take(struct fields *fields, const char *hex)
{
    struct writer w = writer_over(fields->options, sizeof fields->options);
    play_check(hex_read(span_text(hex), &w) == ERR_OK);
    fields->options_len = writer_len(&w);
}

static bool option_take(struct tcp_header *header, const char *key, char *value, uint32_t sacks_isn)
{
    if (strcmp(key, "mss") == 0) {
        header->has_mss = true;
        header->mss = (uint16_t)play_number(value);
    } else if (strcmp(key, "ws") == 0) {
        header->has_wscale = true;
        header->wscale = (uint8_t)play_number(value);
    } else if (strcmp(key, "ts") == 0) {
        header->has_ts = true;
        header->ts_value = play_number(value);
    } else if (strcmp(key, "sackok") == 0) {
        header->sack_permitted = true;
    } else if (strcmp(key, "sack") == 0) {
        sacks_take(header, value, sacks_isn);
    } else {
        return false;
    }
    return true;
}

static void field_take(struct fields *fields, const char *key, char *value, uint32_t seq_isn,
                       uint32_t ack_isn)
{
    struct tcp_header *header = &fields->header;
    if (strcmp(key, "seq") == 0) {
        fields->seq = true;
        header->seq = seq_isn + play_number(value);
    } else if (strcmp(key, "ack") == 0) {
        fields->ack = true;
        header->ack = ack_isn + play_number(value);
    } else if (strcmp(key, "win") == 0) {
        fields->win = true;
        header->window = (uint16_t)play_number(value);
    } else if (strcmp(key, "len") == 0) {
        fields->len = play_number(value);
    } else if (strcmp(key, "to") == 0) {
        header->dst_port = (uint16_t)play_number(value);
    } else if (strcmp(key, "from") == 0) {
        header->src_port = (uint16_t)play_number(value);
    } else if (strcmp(key, "te") == 0) {
        fields->te = true;
        header->ts_echo = play_number(value);
    } else if (strcmp(key, "ago") == 0) {
        fields->ago = play_number(value);
    } else if (strcmp(key, "opt") == 0) {
        options_take(fields, value);
    } else {
        play_check(option_take(header, key, value, ack_isn));
    }
}

/* FLAGS and FIELD=VALUE from `rest`, whose numbers count from those ISNs. */
static struct fields fields_read(char *rest, uint32_t seq_isn, uint32_t ack_isn)
{
    struct fields fields = { 0 };
    char *word = strtok_r(NULL, " ", &rest);
    play_check(word != NULL);
    fields.header.flags = flags_of(word);
    while ((word = strtok_r(NULL, " ", &rest)) != NULL) {
        char *value = strchr(word, '=');
        play_check(value != NULL);
        *value = '\0';
        field_take(&fields, word, value + 1, seq_isn, ack_isn);
    }
    return fields;
}

void play_segment_in(char *rest)
{
    struct fields fields = fields_read(rest, play.their_isn, play.our_isn);
    struct tcp_header *header = &fields.header;
    if (!fields.seq)
        header->seq = play.their_isn + play.n;
    if (!fields.ack && (header->flags & TCP_ACK) != 0)
        header->ack = play.our_isn + play.a;
    if (!fields.win)
        header->window = 8000;
    if (header->has_ts && !fields.te)
        header->ts_echo = play.ts_seen - fields.ago;
    header->src_port = header->src_port != 0 ? header->src_port : play.their_port;
    header->dst_port = header->dst_port != 0 ? header->dst_port : play.our_port;
    uint8_t data[2000];
    uint32_t place = header->seq - play.their_isn + ((header->flags & TCP_SYN) != 0);
    play_check(fields.len <= sizeof data);
    for (uint32_t i = 0; i < fields.len; i++)
        data[i] = play_octet(place + i);
    struct rte_mbuf *frame =
        wire_segment(play_frames, &play.theirs, &play.ours, header,
                     span_of(fields.options, fields.options_len), span_of(data, fields.len));
    port_tx(play.ends[1], &frame, 1);
}

/* The next segment that came out, if any; its frame is to be given back. */
static struct rte_mbuf *segment_out(struct wire_in *out)
{
    struct rte_mbuf *frame;
    while (port_rx(play.ends[1], &frame, 1) == 1) {
        if (wire_read(frame_bytes(frame), out))
            return frame;
        frame_give(frame); /* neighbour discovery: is the peer still where it was? */
        frame = wire_answer(play_frames, &play.theirs, &play.ours);
        port_tx(play.ends[1], &frame, 1);
        play_turn();
    }
    return NULL;
}

void play_nothing_out(void)
{
    struct wire_in in;
    struct rte_mbuf *frame = segment_out(&in);
    if (frame != NULL)
        fail_msg("%s, \"%s\": flags %02x seq %u ack %u len %zu came out", play.clause, play.line,
                 in.header.flags, in.header.seq - play.our_isn, in.header.ack - play.their_isn,
                 in.data.len);
}

void play_drain(void)
{
    struct wire_in in;
    struct rte_mbuf *frame;
    while ((frame = segment_out(&in)) != NULL) {
        if (in.header.has_ts)
            play.ts_seen = in.header.ts_value;
        frame_give(frame);
    }
}

/* The sender's numbers of a stream that begins with this segment. */
static void isn_learn(const struct tcp_header *header)
{
    if (play.isn_known || (header->flags & TCP_SYN) == 0)
        return;
    play.isn_known = true;
    play.our_isn = header->seq;
    play.our_port = header->src_port;
}

static void data_check(const struct wire_in *in)
{
    uint32_t place = in->header.seq - play.our_isn;
    for (uint32_t i = 0; i < in->data.len; i++)
        play_check(in->data.bytes[i] == play_octet(place + i));
}

static void sacks_check(const struct tcp_header *wanted, const struct tcp_header *got)
{
    play_check(got->sack_count == wanted->sack_count);
    for (uint32_t i = 0; i < wanted->sack_count; i++)
        play_check(got->sacks[i].left == wanted->sacks[i].left &&
                   got->sacks[i].right == wanted->sacks[i].right);
}

void play_expect(char *rest)
{
    struct wire_in in;
    struct rte_mbuf *frame = segment_out(&in);
    const struct tcp_header *got = &in.header;
    play_check(frame != NULL);
    isn_learn(got);
    struct fields fields = fields_read(rest, play.our_isn, play.their_isn);
    const struct tcp_header *wanted = &fields.header;
    uint8_t flags = got->flags & (uint8_t)~TCP_PSH;
    uint32_t seq = got->seq - play.our_isn;
    uint32_t ack = got->ack - play.their_isn;
    if (flags != wanted->flags || (fields.seq && got->seq != wanted->seq) ||
        (fields.ack && got->ack != wanted->ack) || in.data.len != fields.len)
        fail_msg("%s, \"%s\": flags %02x seq %u ack %u len %zu came out", play.clause, play.line,
                 flags, seq, ack, in.data.len);
    data_check(&in);
    sacks_check(wanted, got);
    play_check(!fields.win || got->window == wanted->window);
    uint32_t shorter = ip_is_v4(play.ours.addr) ? 0 : 20;
    play_check(!wanted->has_mss || (got->has_mss && got->mss + shorter == wanted->mss));
    play_check(!wanted->has_wscale || got->has_wscale);
    play_check(!wanted->sack_permitted || got->sack_permitted);
    play_check(!fields.te || (got->has_ts && got->ts_echo == wanted->ts_echo));
    if (got->has_ts)
        play.ts_seen = got->ts_value;
    frame_give(frame);
}
