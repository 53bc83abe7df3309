#!/bin/bash
# Forged, altered, replayed and foreign answers beside the true ones change nothing but counters.
. "$(dirname "$0")/common.sh"

devices=$(quick_or_full 2000 50000)
begin memif "$devices" --forge-per-mille 300 --alter-per-mille 300 --replay-per-mille 300 \
    --cross-per-mille 300 --replay-ms 200
jobs_of hostile <"$RIG_DIR/eids" | submit_all "$devices"
await_results "$devices" 120
check_all --unique-scripts
is_equal "jobs executed" "$(rig_outcomes executed)" "$devices"
dropped=$(rig_metric starling_drops_total)
[ "$dropped" -ge $((devices / 2)) ] || fail "only $dropped drops are counted"
say "dropped and counted: $(curl -sS "$RIG_URL/metrics" | sed -n 's/^starling_drops_total{\(.*\)} \(.*\)/\1 \2;/p' | tr '\n' ' ')"
stop_in_order
