/* A chain of BER lengths and values: what was read is written back in no more octets. */
#include "tests/fuzz/fuzz.h"

#include "base/ber.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reader r = reader_over(span_of(data, size));
    while (reader_more(&r)) {
        size_t before = reader_left(&r);
        size_t len = reader_ber_len(&r);
        if (r.err != ERR_OK)
            break;
        size_t taken = before - reader_left(&r);
        ASSERT(len <= BER_LEN_MAX && ber_len_size(len) <= taken);

        uint8_t buf[3];
        struct writer w = writer_over(buf, sizeof buf);
        writer_ber_len(&w, len);
        ASSERT(w.err == ERR_OK && writer_len(&w) == ber_len_size(len));
        struct reader again = reader_over(written(&w));
        ASSERT(reader_ber_len(&again) == len && reader_end(&again) == ERR_OK);

        struct reader value = reader_sub(&r, len);
        ASSERT(value.err == r.err);
        ASSERT(r.err != ERR_OK || reader_left(&value) == len);
    }
    return 0;
}
