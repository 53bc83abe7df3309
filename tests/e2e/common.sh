# What the end-to-end tests share; sourced. Needs the built programs in $STARLING_BUILD (default:
# build/ of the checkout). STARLING_FULL=1 asks for the full forms.
set -uo pipefail
shopt -s lastpipe # a check at the end of a pipe ends the test, not a subshell

root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.." && pwd)
# shellcheck source=deploy/rig.sh
. "$root/deploy/rig.sh"
RIG_BUILD=$(cd "${STARLING_BUILD:-$root/build}" 2>/dev/null && pwd)
full=${STARLING_FULL:-0}
waiting=

say() { echo "$(date +%T) $*"; }

fail() {
    echo "FAILED: $*"
    for name in engine fleet; do
        [ -f "$RIG_DIR/$name.log" ] && echo "--- $name:" && tail -n 15 "$RIG_DIR/$name.log"
    done
    exit 1
}

skip() {
    echo "skipped: $*"
    exit 77
}

leave() {
    trap '' INT TERM HUP
    [ -n "$waiting" ] && kill "$waiting" 2>/dev/null
    rig_close
}
trap leave EXIT
trap 'exit 130' INT TERM HUP

quick_or_full() { [ "$full" = 1 ] && echo "$2" || echo "$1"; }

is_equal() { # WHAT IS SHOULD_BE
    [ "$2" = "$3" ] || fail "$1: $2, should be $3"
    say "$1: $2"
}

# What a command says, and that it exits with that status: text on both its outputs.
says() { # WHAT EXIT_STATUS TEXT COMMAND...
    local what=$1 wanted=$2 text=$3 out status
    shift 3
    out=$("$@" 2>&1)
    status=$?
    grep -qiF -- "$text" <<<"$out" || fail "$what: said \"$out\", not \"$text\""
    [ "$status" -eq "$wanted" ] || fail "$what: exit status $status, not $wanted: $out"
    say "$what: $(grep -iF -m 1 -- "$text" <<<"$out" | cut -c 1-150)"
}

# Fleet and engine up, all devices registered.
begin() { # TRANSPORT DEVICES FLEET_OPTION...
    local lacks
    [ -x "$RIG_BUILD/engine/starling" ] || fail "no build in ${STARLING_BUILD:-$root/build}"
    RIG_TRANSPORT=$1 RIG_DEVICES=$2
    shift 2
    if [ "$RIG_TRANSPORT" = af_xdp ]; then
        lacks=$(rig_af_xdp_lacks)
        [ -z "$lacks" ] || skip "AF_XDP: $lacks"
    fi
    rig_open || fail "cannot prepare the run"
    rig_fleet_start "$@" || fail "the fleet did not start"
    rig_engine_start || fail "the engine did not start"
    rig_eis >"$RIG_DIR/eis"
    rig_import "$RIG_DIR/eis" >"$RIG_DIR/import" 2>&1 || fail "import: $(tail -n 3 "$RIG_DIR/import")"
    rig_eids "$RIG_DIR/eis" >"$RIG_DIR/eids"
    say "$RIG_DEVICES devices over $RIG_TRANSPORT"
}

# One job for each EID of stdin, as lines. A raw script is not idempotent: it may never run twice.
jobs_of() { # KEY_PREFIX [MORE_MEMBERS]
    sed "s/.*/{\"eid\":\"&\",\"script\":[\"80CAFF2100\"],\"key\":\"$1-&\"${2:+,$2}}/"
}

# Submits the lines of stdin; the ids of what was accepted are added to $RIG_DIR/ids.
submit_all() { # HOW_MANY
    rig_submit >"$RIG_DIR/answers" || fail "the upload was not answered"
    ids_accepted "$RIG_DIR/answers" >>"$RIG_DIR/ids"
    is_equal "jobs accepted" "$(ids_accepted "$RIG_DIR/answers" | wc -l)" "$1"
}

ids_accepted() { sed -n 's/.*"status":20[02],"id":"\([0-9]*\)".*/\1/p' "$1"; }

results_count() { rig_results 2>/dev/null && grep -c '^{' "$RIG_DIR/results"; }

finished() { [ "$(results_count)" -ge "$1" ]; }

await_results() { # HOW_MANY SECONDS
    rig_until "$2" "$1 results" finished "$1" || fail "$(results_count) of $1 results after $2 s"
}

# Every id that was acknowledged has one result and no other has any; nothing in the ledger disagrees.
check_all() { # LEDGER_CHECK_OPTION...
    rig_results || fail "the results cannot be read"
    local tries agrees=no
    sed 's/.*"id":"\([0-9]*\)".*/\1/' "$RIG_DIR/results" | sort >"$RIG_DIR/ended"
    sort -u "$RIG_DIR/ids" | cmp -s - "$RIG_DIR/ended" ||
        fail "the jobs accepted and the jobs with a result differ: $(sort -u "$RIG_DIR/ids" | diff - "$RIG_DIR/ended" | head -n 5)"
    for tries in 1 2 3 4 5 6; do # it is flushed every second
        rig_ledger_check "$@" >"$RIG_DIR/check" 2>&1 && agrees=yes && break
        sleep 0.5
    done
    [ $agrees = yes ] || fail "results and ledger differ: $(tail -n 5 "$RIG_DIR/check")"
    say "ledger: $(tail -n 1 "$RIG_DIR/check")"
    say "results: $(for o in executed failed unconfirmed expired cancelled; do printf '%s %s  ' "$(rig_outcomes $o)" $o; done)"
}

stop_in_order() {
    local started=$SECONDS status
    rig_engine_stop
    status=$?
    is_equal "exit status at SIGTERM" $status 0
    [ $((SECONDS - started)) -le 5 ] || fail "shutting down took $((SECONDS - started)) s"
}

# The same over each transport: a job to each device in one upload, each has its result.
all_jobs() { # TRANSPORT
    local devices
    devices=$(quick_or_full 8000 100000)
    begin "$1" "$devices"
    jobs_of all <"$RIG_DIR/eids" | submit_all "$devices"
    await_results "$devices" 300
    check_all --unique-scripts
    is_equal "jobs executed" "$(rig_outcomes executed)" "$devices"
    is_equal "counters of an impairment nobody asked for" \
        "$(curl -sS -m 10 "$RIG_URL/metrics" | grep -c 'layer="impair"')" 0
    stop_in_order
}
