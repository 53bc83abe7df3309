#!/bin/bash
# The SMSC drops its connection, throttles every other message, loses a tenth of the deliveries each
# way and duplicates some. No job fails and none runs twice: a lost answer ends unconfirmed.
. "$(dirname "$0")/common.sh"

devices=$(quick_or_full 800 5000)
life=$(quick_or_full 60 300)
# Throttled whatever it does, the account goes down to a twentieth of this rate.
RIG_ACCOUNT=$'validity: 1m\nrate: 3000'
RIG_JOBS=$'por_grace: 5s\nbackoff: 2s'
begin memif "$devices" --drop-connection-after 200 --throttle-every 2 --lose-per-mille 100 \
    --duplicate-per-mille 50 --mo-lose-per-mille 100 --mo-duplicate-per-mille 50
jobs_of weather "\"expiresIn\":$life" <"$RIG_DIR/eids" | submit_all "$devices"
await_results "$devices" $((life + 60))
check_all --unique-scripts
is_equal "jobs failed or cancelled" "$(grep -cE '"outcome":"(failed|cancelled)"' "$RIG_DIR/results")" 0
executed=$(rig_outcomes executed)
[ "$executed" -ge $((devices * 7 / 10)) ] || fail "only $executed of $devices jobs are executed"
[ "$(rig_outcomes unconfirmed)" -gt 0 ] || fail "nothing was lost: the SMSC did not misbehave"
stop_in_order
