#!/bin/bash
# The engine is killed again and again in the middle of its work, once in the middle of an upload.
# Every job that was acknowledged reaches one result, no card runs a command twice, and no counter
# is bound to two packets.
. "$(dirname "$0")/common.sh"

kills=$(quick_or_full 5 40)
devices=$(quick_or_full 3000 60000)
RIG_WINDOW=$(quick_or_full 20 50) # with the delay below: slow enough to be met in the middle
RIG_JOBS="por_grace: 5s"
seed=${STARLING_SEED:-$RANDOM}
RANDOM=$seed
say "seed $seed (STARLING_SEED)"

kill_and_restart() {
    sleep "0.$(printf '%03d' $((RANDOM % 900 + 50)))"
    rig_engine_stop KILL
    rig_engine_start || fail "no start after kill -9"
    say "killed and started again: $(results_count) results; $(grep recovery: "$RIG_DIR/engine.log" | tail -n 1 | sed 's/.*recovery: //')"
}

lacks=$(rig_af_xdp_lacks)
[ -z "$lacks" ] && transport=af_xdp || transport=memif
begin $transport "$devices" --response-delay-ms 100 --delay-ms 20
half=$((devices / 2))
head -n $half "$RIG_DIR/eids" | jobs_of kill '"expiresIn":240' | submit_all $half
for ((i = 1; i < kills; i++)); do
    kill_and_restart
done

# An upload is cut off: what it acknowledged is not known, so it is sent again with its keys.
tail -n +$((half + 1)) "$RIG_DIR/eids" | jobs_of kill '"expiresIn":240' >"$RIG_DIR/second"
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

await_results "$devices" 300
check_all --unique-scripts
is_equal "jobs failed, expired or cancelled" \
    "$(grep -cE '"outcome":"(failed|expired|cancelled)"' "$RIG_DIR/results")" 0
stop_in_order
