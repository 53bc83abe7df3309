/* Any octets as a TCP header: what is read says the same when it is written and read again. */
#include "io/tcp/tcp_wire.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tcp_header header;
    enum err err = tcp_header_read(span_of(data, size), &header);
    if (err != ERR_OK) {
        ASSERT(err == ERR_SHORT || err == ERR_LENGTH || err == ERR_MALFORMED);
        return 0;
    }
    ASSERT(header.header_len >= TCP_HEADER_LEN && header.header_len <= size);
    ASSERT(header.sack_count <= TCP_SACK_MAX);
    bool syn = (header.flags & TCP_SYN) != 0;
    ASSERT(syn ? header.sack_count == 0
               : !header.has_mss && !header.has_wscale && !header.sack_permitted);
    uint8_t octets[TCP_HEADER_LEN + TCP_OPTIONS_MAX];
    struct writer w = writer_over(octets, sizeof octets);
    tcp_header_write(&w, &header);
    ASSERT(w.err == ERR_OK && writer_len(&w) == tcp_header_len(&header));
    struct tcp_header again;
    ASSERT(tcp_header_read(written(&w), &again) == ERR_OK);
    again.header_len = header.header_len;
    ASSERT(memcmp(&again, &header, sizeof header) == 0);
    return 0;
}
