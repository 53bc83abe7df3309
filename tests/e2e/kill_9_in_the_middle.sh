#!/bin/bash
# The engine is killed again and again in the middle of its work, once in the middle of an upload.
# Every job that was acknowledged reaches one result, no card runs a command twice, and no counter
# is bound to two packets.
. "$(dirname "$0")/common.sh"

kills=$(quick_or_full 5 200)
devices=$(quick_or_full 3000 80000)
RIG_WINDOW=$(quick_or_full 20 10) # with the delay below: 200 or 100 a second, to be met in the middle
patience=$(quick_or_full 300 1800)
RIG_JOBS="por_grace: 5s"
seed=${STARLING_SEED:-$RANDOM}
RANDOM=$seed
say "seed $seed (STARLING_SEED)"

# The engine says at each start what it found open: nothing would mean that all was done before.
kill_and_restart() {
    local found
    sleep "0.$(printf '%03d' $((RANDOM % 900 + 50)))"
    rig_engine_stop KILL
    rig_engine_start || fail "no start after kill -9"
    found=$(grep recovery: "$RIG_DIR/engine.log" | tail -n 1 | sed 's/.*recovery: //')
    say "kill $i: $(results_count) results; $found"
    grep -qE '[1-9][0-9]* (commands|waiting)' <<<"$found" || fail "kill $i met no work"
}

lacks=$(rig_af_xdp_lacks)
[ -z "$lacks" ] && transport=af_xdp || transport=memif
begin $transport "$devices" --response-delay-ms 100 --delay-ms 20
half=$((devices / 2))
head -n $half "$RIG_DIR/eids" | jobs_of kill "\"expiresIn\":$patience" | submit_all $half
for ((i = 1; i < kills; i++)); do
    kill_and_restart
done

# An upload is cut off: what it acknowledged is not known, so it is sent again with its keys.
tail -n +$((half + 1)) "$RIG_DIR/eids" | jobs_of kill "\"expiresIn\":$patience" >"$RIG_DIR/second"
rig_submit <"$RIG_DIR/second" >"$RIG_DIR/cut" 2>/dev/null &
waiting=$!
sleep 0.05
rig_engine_stop KILL
wait $waiting
waiting=
rig_engine_start || fail "no start after kill -9"
ids_accepted "$RIG_DIR/cut" >>"$RIG_DIR/ids"
submit_all $((devices - half)) <"$RIG_DIR/second"
say "of the upload that was cut off, $(grep -c duplicate "$RIG_DIR/answers") jobs were there already"

await_results "$devices" "$patience"
check_all --unique-scripts
is_equal "jobs failed, expired or cancelled" \
    "$(grep -cE '"outcome":"(failed|expired|cancelled)"' "$RIG_DIR/results")" 0
stop_in_order
