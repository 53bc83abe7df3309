#!/bin/bash
# One device with many jobs gets them in their order; very many jobs to a device that cannot be
# reached do not slow the others.
. "$(dirname "$0")/common.sh"

devices=2000
RIG_WAITING=20000
unreachable_jobs=$(quick_or_full 3000 10000)
begin memif $devices --silent 1
{
    off=$(sed -n 1p "$RIG_DIR/eids")
    for ((i = 0; i < unreachable_jobs; i++)); do
        echo "{\"eid\":\"$off\",\"script\":[\"80CAFF2100\"]}"
    done
} | rig_submit >"$RIG_DIR/unreachable"
is_equal "jobs for a device that is switched off" \
    "$(grep -c '"status":202' "$RIG_DIR/unreachable")" "$unreachable_jobs"

busy=$(sed -n 2p "$RIG_DIR/eids")
for ((i = 0; i < 1000; i++)); do
    echo "{\"eid\":\"$busy\",\"script\":[\"80CAFF2100\"]}"
done | submit_all 1000
tail -n +3 "$RIG_DIR/eids" | jobs_of others | submit_all $((devices - 2))
await_results $((devices - 2 + 1000)) 60
sed -n "s/.*\"id\":\"\([0-9]*\)\",\"eid\":\"$busy\".*/\1/p" "$RIG_DIR/results" >"$RIG_DIR/order"
is_equal "results of the one device" "$(wc -l <"$RIG_DIR/order")" 1000
sort -cn "$RIG_DIR/order" || fail "its jobs did not run in their order"
is_equal "jobs executed" "$(rig_outcomes executed)" $((devices - 2 + 1000))
check_all

send() { "$RIG_STARLING" send "$busy" --config "$RIG_DIR/starling.yaml" "$@"; }
says "an audit from the shell" 0 "executed, PoR status 00, 1 short messages sent" send --audit
says "file management answers in the compact format: one command, its SW" 0 "data: 016e00" \
    send --script 00A40000023F00 --tar b00010
metrics_lint() { curl -sS -m 10 "$RIG_URL/metrics" | "$root/tests/e2e/metrics_lint.py"; }
says "what Prometheus makes of /metrics" 0 "metrics are sound" metrics_lint
stop_in_order
