/* What every fuzz harness offers: one input, any octets, nothing kept from call to call.
 * A property that must hold is an ASSERT; the crash is then the finding. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include "base/span.h"

/* Called by libFuzzer, or by tests/fuzz/replay.c. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
