#!/bin/bash
# Durable acceptance through HTTP by itself: a bulk of jobs whose notBefore is hours away, from the first
# octet of the upload to the last line of its answer. Nothing is sent meanwhile. CPU is that of the
# engine's two threads that work: control (HTTP, JSON, checks) and store.
#
#   bench/acceptance.sh [DEVICES [JOBS [keys]]]     keys: each job with an idempotency key
set -uo pipefail
root=$(cd "$(dirname "$(readlink -f "$0")")/.." && pwd)
# shellcheck source=deploy/rig.sh
. "$root/deploy/rig.sh"
RIG_BUILD=$(cd "${STARLING_BUILD:-$root/build}" && pwd) || exit 1
RIG_TRANSPORT=memif RIG_DEVICES=${1:-20000}
jobs=${2:-500000} keys=${3:-}
RIG_WAITING=$((jobs * 3 + 1000))
rig_memory_mb() { echo $((400 + RIG_DEVICES / 1000 + RIG_WAITING / 1000)); }
rig_hugepages() { echo false; }
trap rig_close EXIT

# A thread's CPU so far, in ticks of 10 ms.
ticks() { awk '{ print $14 + $15 }' "/proc/$RIG_ENGINE_PID/task/$1/stat"; }

rig_open && rig_fleet_start && rig_engine_start || exit 1
rig_eis >"$RIG_DIR/eis" && rig_import "$RIG_DIR/eis" >"$RIG_DIR/import" 2>&1 || exit 1
control=$RIG_ENGINE_PID
store=$(basename "$(printf '%s\n' "/proc/$RIG_ENGINE_PID/task/"* | sort -V | tail -n 1)")
later=$(date -u -d '+20 hours' +%Y-%m-%dT%H:%M:%SZ)
for round in 1 2 3; do
    rig_eids "$RIG_DIR/eis" | awk -v jobs="$jobs" -v later="$later" -v keys="$keys" -v round=$round '
        { eid[n++] = $1 }
        END { for (i = 0; i < jobs; i++)
                  printf "{\"eid\":\"%s\",\"type\":\"audit\",\"notBefore\":\"%s\"%s}\n", eid[i % n], later,
                      keys == "" ? "" : ",\"key\":\"" round "-" i "\"" }' >"$RIG_DIR/jobs"
    control_before=$(ticks "$control") store_before=$(ticks "$store") started=$(date +%s%N)
    rig_api /v1/jobs -m 300 -H 'Content-Type: application/x-ndjson' -H 'Expect:' -X POST \
        -T "$RIG_DIR/jobs" >"$RIG_DIR/answers"
    took=$(($(date +%s%N) - started))
    taken=$(grep -c '"status":202' "$RIG_DIR/answers")
    echo "$taken of $jobs accepted in $((took / 1000000)) ms: $((taken * 1000000000 / took)) jobs/s;" \
        "CPU a job: control $((($(ticks "$control") - control_before) * 10000000 / jobs)) ns," \
        "store $((($(ticks "$store") - store_before) * 10000000 / jobs)) ns;" \
        "load average $(cut -d ' ' -f 1 /proc/loadavg)"
    [ "$taken" -eq "$jobs" ] || exit 1
done
