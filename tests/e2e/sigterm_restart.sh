#!/bin/bash
# SIGTERM in the middle of the work: the engine shuts down in order within five seconds and exits 0;
# the next start finds devices, jobs and results, and finishes.
. "$(dirname "$0")/common.sh"

devices=$(quick_or_full 5000 50000)
RIG_WINDOW=20
begin memif "$devices" --delay-ms 20
jobs_of term <"$RIG_DIR/eids" | submit_all "$devices"
rig_until 60 "the first results" finished 200 || fail "no results"
rig_api "/v1/results?after=0" -N >"$RIG_DIR/stream" 2>/dev/null &
waiting=$!
rig_until 10 "the stream begins" grep -q '^{' "$RIG_DIR/stream" || fail "no result stream"
stop_in_order
wait $waiting
waiting=
before=$(grep -c '^{' "$RIG_DIR/stream")
[ "$before" -lt "$devices" ] || fail "all jobs had ended before SIGTERM came"
grep -q 'stopped$' "$RIG_DIR/engine.log" || fail "the engine did not say that it stopped"
say "stopped in the middle, after $before results; the open result stream ended"

rig_engine_start || fail "no second start"
is_equal "devices found again" "$(rig_metric starling_devices)" "$devices"
say "$(grep recovery: "$RIG_DIR/engine.log" | tail -n 1 | sed 's/.*recovery: //')"
await_results "$devices" 300
check_all --unique-scripts
is_equal "jobs executed" "$(rig_outcomes executed)" "$devices"
stop_in_order
