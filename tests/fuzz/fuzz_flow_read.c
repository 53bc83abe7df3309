/* One frame's flow: the same whichever way it goes, and of one family. */
#include "tests/fuzz/fuzz.h"

#include "io/flow_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct flow flow;
    enum flow_owner owner = flow_read(span_of(data, size), &flow);
    if (owner != FLOW_EDGE)
        return 0;
    struct flow back = { { flow.addr[1], flow.addr[0] }, { flow.port[1], flow.port[0] } };
    ASSERT(ip_is_v4(flow.addr[0]) == ip_is_v4(flow.addr[1]));
    for (uint32_t edges = 1; edges <= 16; edges++) {
        ASSERT(flow_edge(&flow, edges) < edges);
        ASSERT(flow_edge(&flow, edges) == flow_edge(&back, edges));
    }
    return 0;
}
