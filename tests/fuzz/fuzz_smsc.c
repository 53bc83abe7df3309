/* The simulated SMSC under any octets from an ESME, bound and not: what it sends is whole PDUs, and
 * with time everything under way comes to an end. */
#include "tests/fuzz/fuzz.h"

#include "bench/fleet/fleet.h"
#include "bench/fleet/smsc_pdu.h"

static void take_output(struct fleet *fleet, uint32_t conn)
{
    struct span out = fleet_conn_output(fleet, conn);
    size_t len = out.len;
    while (out.len > 0) {
        struct pdu_header header;
        ASSERT(pdu_header_read(out, &header) == ERR_OK && header.length <= out.len);
        out = span_after(out, header.length);
    }
    fleet_conn_sent(fleet, conn, len);
}

static void bind_transceiver(struct fleet *fleet, uint32_t conn)
{
    static const uint8_t body[] = "starling\0secret\0\0\x34\0\0";
    uint8_t buf[64];
    struct writer w = writer_over(buf, sizeof buf);
    pdu_header_write(&w, PDU_BIND_TRANSCEIVER, 0, 1);
    writer_bytes(&w, span_of(body, sizeof body));
    writer_patch(&w, 0, writer_len(&w), 4);
    ASSERT(fleet_conn_input(fleet, conn, written(&w), 0) == writer_len(&w));
    ASSERT(fleet_conn_output(fleet, conn).len > 16);
    take_output(fleet, conn);
}

static void drive(struct span in, bool bound)
{
    struct fleet_config config = fleet_config_default();
    struct fault fault = { "" };
    struct fleet *fleet = fleet_create(&config, 0, &fault);
    ASSERT(fleet != NULL);
    uint32_t conn = fleet_conn_open(fleet, 0);
    if (bound)
        bind_transceiver(fleet, conn);
    size_t half = in.len / 2;
    ASSERT(fleet_conn_input(fleet, conn, span_first(in, half), 0) == half);
    take_output(fleet, conn);
    ASSERT(fleet_conn_input(fleet, conn, span_after(in, half), 0) == in.len - half);
    uint64_t now_ns = 0;
    for (int i = 0; i < 100 && fleet_next_ns(fleet) != UINT64_MAX; i++) {
        uint64_t next_ns = fleet_next_ns(fleet);
        now_ns = next_ns > now_ns ? next_ns : now_ns;
        fleet_tick(fleet, now_ns);
        take_output(fleet, conn);
    }
    fleet_conn_closed(fleet, conn, now_ns);
    fleet_free(fleet);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = span_of(data, size < 65536 ? size : 65536);
    drive(in, false);
    drive(in, true);
    return 0;
}
