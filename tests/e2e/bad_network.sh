#!/bin/bash
# A rehearsal (ports[].impair): what the engine receives and what it sends is lost, doubled, spoilt and out of order, and every
# job is executed all the same. Without the setting there is no such stage.
. "$(dirname "$0")/common.sh"

devices=$(quick_or_full 8000 50000)
weather="{ drop: 20000, duplicate: 10000, corrupt: 1000, reorder: 20000, reorder_by: 2ms }"
RIG_PORT_MORE="impair: { rx: $weather, tx: $weather }"
begin memif "$devices"
jobs_of weather <"$RIG_DIR/eids" | submit_all "$devices"
await_results "$devices" 300
check_all --unique-scripts
is_equal "jobs executed" "$(rig_outcomes executed)" "$devices"

curl -sS -m 10 "$RIG_URL/metrics" >"$RIG_DIR/metrics" || fail "no metrics"
event() { # LAYER EVENT
    awk -v layer="layer=\"$1\"" -v event="event=\"$2\"" \
        '/^starling_net_total/ && index($0, layer) && index($0, event) { sum += $NF } END { printf "%d", sum }' "$RIG_DIR/metrics"
}
for way in rx tx; do
    for what in lost duplicated reordered; do
        [ "$(event impair ${way}_$what)" -gt 0 ] || fail "nothing was ${way}_$what"
        say "${way}_$what: $(event impair ${way}_$what)"
    done
    is_equal "${way}: dropped for want of room" "$(event impair ${way}_full)" 0
done
[ "$(event tcp retransmits)" -gt 0 ] || fail "what was lost was not sent again"
say "sent again: $(event tcp retransmits)"
grep -q "net0: what it receives and sends is treated as ports\[\].impair says: a rehearsal" "$RIG_DIR/engine.log" ||
    fail "the log does not warn of a rehearsal"
stop_in_order
