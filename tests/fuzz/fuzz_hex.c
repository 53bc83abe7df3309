/* Hexadecimal text: what is taken has two digits an octet, and reads the same when written back. */
#include "tests/fuzz/fuzz.h"

#include "base/hex.h"

#define OCTETS_CAP 256

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t octets[OCTETS_CAP];
    struct writer w = writer_over(octets, sizeof octets);
    enum err err = hex_read(span_of(data, size), &w);
    ASSERT(err == ERR_OK || err == ERR_MALFORMED || err == ERR_FULL);
    if (err != ERR_OK)
        return 0;
    ASSERT(2 * writer_len(&w) == size);

    char text[2 * OCTETS_CAP + 1];
    hex_write(written(&w), text, sizeof text);
    ASSERT(strlen(text) == size);
    uint8_t again[OCTETS_CAP];
    struct writer w2 = writer_over(again, sizeof again);
    ASSERT(hex_read(span_text(text), &w2) == ERR_OK);
    ASSERT(span_equal(written(&w), written(&w2)));
    return 0;
}
