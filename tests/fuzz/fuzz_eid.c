/* EID text: what is taken has sound check digits and writes back as the very digits read. */
#include "tests/fuzz/fuzz.h"

#include "base/eid.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct eid eid;
    if (eid_read(span_of(data, size), &eid) != ERR_OK)
        return 0;
    ASSERT(eid_mod97(&eid) == 1 && eid_slot(&eid) < SLOT_COUNT);
    char text[EID_DIGITS + 1];
    eid_write(&eid, text);
    ASSERT(span_equal(span_text(text), span_of(data, size)));
    return 0;
}
