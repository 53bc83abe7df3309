/* Command records at rest, without a KEK: plain ones write back as the very octets. */
#include "tests/fuzz/fuzz.h"

#include "engine/store/at_rest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t clear[RECORD_PACKET_MAX], buf[AT_REST_CAP];
    struct record_command command;
    struct span in = span_of(data, size);
    if (at_rest_read(in, NULL, NULL, clear, &command) != ERR_OK)
        return 0;
    struct writer w = writer_over(buf, sizeof buf);
    enum err err = at_rest_write(&w, &command, NULL, NULL);
    ASSERT(err == ERR_KEY || (err == ERR_OK && span_equal(written(&w), in)));
    return 0;
}
