# An engine and a simulated fleet beside each other on this machine; sourced, by deploy/quickstart
# and tests/e2e. The caller sets, before rig_open:
#
#   RIG_BUILD       where `starling` and `starling-fleet` were built
#   RIG_TRANSPORT   af_xdp: engine on a veth pair by AF_XDP, fleet on kernel sockets in a network
#                   namespace of its own (root); memif: shared memory between the two (anyone)
#   RIG_DEVICES     how many eUICCs
#   RIG_ACCOUNT     more lines of the SMSC account, e.g. "validity: 1m" (optional)
#   RIG_JOBS        more lines of the section jobs (optional)
#   RIG_PORT_MORE   more lines of the port (optional)
#   RIG_MORE        more sections (optional)
#   RIG_RUN         more arguments of `starling run` (optional, an array)
#   RIG_QUEUES      rx queues of the engine's interface, and as many edges (optional)
#   RIG_SECOND      first digits of the numbers that go through a second account (optional)
#   RIG_SECOND_AT   its SMSC's address when it is not the first one's; may be of IPv6 (optional)
#   RIG_WAITING     jobs that may wait; a thousand more than devices when not given
#
# and calls rig_close at its end, however it ends. All state is in $RIG_DIR.

RIG_ENGINE_PID=
RIG_FLEET_PID=
RIG_DIR=
RIG_LINK=
RIG_NETNS=
RIG_BPFFS=
RIG_TRANSPORT=${RIG_TRANSPORT:-}
RIG_WINDOW=${RIG_WINDOW:-500}

rig_say() { echo "${0##*/}: $*" >&2; }

# Why AF_XDP cannot be had here; nothing when it can.
rig_af_xdp_lacks() {
    if [ "$(id -u)" -ne 0 ]; then
        echo "not root"
    elif ! grep -q '^XDP ' /proc/net/protocols; then
        echo "this kernel has no AF_XDP sockets"
    elif ! command -v ip >/dev/null || ! command -v ethtool >/dev/null; then
        echo "iproute2 or ethtool is not installed"
    elif ! ip netns add "starling-probe-$$" 2>/dev/null; then
        echo "network namespaces may not be made here"
    else
        ip netns del "starling-probe-$$"
    fi
}

# The CPUs we may use, one a line.
rig_cpus() {
    local part list
    list=$(awk '/^Cpus_allowed_list/ { print $2 }' /proc/self/status)
    for part in ${list//,/ }; do
        seq "${part%-*}" "${part#*-}"
    done
}

rig_port_is_free() { ! ss -ltnH "sport = :$1" | grep -q .; }

# Beginning elsewhere in each process, so that two at the same moment do not choose the same.
rig_free_port() {
    local i port
    for ((i = 0; i < 1000; i++)); do
        port=$((8080 + ($$ + i) % 1000))
        rig_port_is_free "$port" && echo "$port" && return
    done
    rig_say "no free TCP port from 8080 to 9079 for the API"
    return 1
}

rig_link_make() {
    RIG_LINK=star$$a
    RIG_NETNS=starling-$$
    local far=star$$b quiet=net.ipv6.conf
    local queues=(numrxqueues "${RIG_QUEUES:-1}" numtxqueues "${RIG_QUEUES:-1}")
    ip netns add "$RIG_NETNS" &&
        ip link add "$RIG_LINK" "${queues[@]}" type veth peer name "$far" "${queues[@]}" &&
        ip link set "$far" netns "$RIG_NETNS" &&
        sysctl -qw "$quiet.$RIG_LINK.disable_ipv6=1" && ip link set "$RIG_LINK" up &&
        ip netns exec "$RIG_NETNS" sh -c "
            sysctl -qw $quiet.$far.disable_ipv6=1 && ip addr add 10.98.0.2/24 dev $far &&
                ip link set lo up && ip link set $far up &&
                ethtool -K $far tx off tso off gso off gro off >/dev/null" || return 1
    if [[ ${RIG_SECOND_AT:-} = *:* ]]; then
        ip netns exec "$RIG_NETNS" sysctl -qw "$quiet.$far.disable_ipv6=0" &&
            ip -n "$RIG_NETNS" addr add "$RIG_SECOND_AT/64" dev "$far" nodad || return 1
    fi
    if ! grep -q ' /sys/fs/bpf bpf ' /proc/mounts && mount -t bpf bpf /sys/fs/bpf 2>/dev/null; then
        RIG_BPFFS=ours
    fi
}

# What the engine takes at start, MB: a fixed part, and what every device's job may need.
rig_memory_mb() { echo $((250 + 50 * ${RIG_QUEUES:-1} + RIG_DEVICES / 1000)); }

rig_hugepages() {
    local free
    free=$(awk '/^HugePages_Free/ { print $2 }' /proc/meminfo)
    if [ "$(id -u)" -eq 0 ] && grep -q '^Hugepagesize: *2048 kB' /proc/meminfo &&
        [ $((${free:-0} * 2)) -ge "$(rig_memory_mb)" ]; then
        echo true
    else
        echo false
    fi
}

rig_second() { # ACCOUNT or ROUTE: its lines
    [ -n "${RIG_SECOND:-}" ] || return 0
    if [ "$1" = ROUTE ]; then
        echo "  - { prefix: \"$RIG_SECOND\", account: second }"
    else
        echo "  - { name: second, port: net0, address: \"${RIG_SECOND_AT:-10.98.0.2}\", system_id: second, window: $RIG_WINDOW,"
        echo "      password_file: $RIG_DIR/password, source_address: \"882001234568\", binds: 2 }"
    fi
}

rig_config() { # DEVICE
    local cpus edges count=${RIG_QUEUES:-1}
    mapfile -t cpus < <(rig_cpus)
    edges=$(printf ', %s' "${cpus[@]:0:count}")
    cat <<END
data_dir: $RIG_DIR/data
kek_file: $RIG_DIR/kek
devices_max: $((RIG_DEVICES + 1000))
cores: { edge: [${edges:2}], workers: [${cpus[1]:-${cpus[0]}}], poll: adaptive }
memory: { hugepages: $(rig_hugepages), size: $(rig_memory_mb)M }
ports:
  - name: net0
    device: $1
    address: 10.98.0.1/24
    edges: [$(seq -s ', ' 0 $((count - 1)))]
$(sed 's/^./    &/' <<<"${RIG_PORT_MORE:-}")
${RIG_MORE:-}
accounts:
  - name: main
    port: net0
    address: 10.98.0.2
    system_id: starling
    password_file: $RIG_DIR/password
    source_address: "882001234567"
    binds: 2
    window: $RIG_WINDOW
$(sed 's/^./    &/' <<<"${RIG_ACCOUNT:-}")
$(rig_second ACCOUNT)
routes:
  - account: main
$(rig_second ROUTE)
api:
  port: $RIG_PORT
  clients:
    - name: demo
      token_file: $RIG_DIR/token
jobs:
  waiting_max: ${RIG_WAITING:-$((RIG_DEVICES + 1000))}
$(sed 's/^./  &/' <<<"${RIG_JOBS:-}")
END
}

rig_secret() { od -An -N"$1" -tx1 /dev/urandom | tr -d ' \n'; }

rig_open() {
    local device
    RIG_STARLING=$RIG_BUILD/engine/starling
    RIG_FLEET=$RIG_BUILD/bench/fleet/starling-fleet
    RIG_DIR=$(mktemp -d "${TMPDIR:-/tmp}/starling-XXXXXX") || return 1
    RIG_PORT=$(rig_free_port) || return 1
    RIG_URL=http://127.0.0.1:$RIG_PORT
    if [ "$RIG_TRANSPORT" = af_xdp ]; then
        rig_link_make || { rig_say "cannot make the veth pair and its namespace" && return 1; }
        device=${RIG_DEVICE:-xsk},iface=$RIG_LINK
    else
        device=net_memif0,role=client,socket=$RIG_DIR/memif,socket-abstract=no
    fi
    (
        umask 077
        mkdir "$RIG_DIR/data" && rig_secret 16 >"$RIG_DIR/token" &&
            rig_secret 4 >"$RIG_DIR/password" && rig_config "$device" >"$RIG_DIR/starling.yaml"
    ) || return 1
    "$RIG_STARLING" kek create "$RIG_DIR/kek" >/dev/null
}

# Until the command succeeds. Fails after so many seconds, or when engine or fleet have ended.
rig_until() { # SECONDS WHAT COMMAND...
    local deadline=$((SECONDS + $1)) what=$2
    shift 2
    until "$@"; do
        rig_alive || return 1
        if [ $SECONDS -ge $deadline ]; then
            rig_say "waited in vain: $what"
            return 1
        fi
        sleep 0.1
    done
}

rig_alive() {
    local name pid
    for name in fleet engine; do
        [ $name = fleet ] && pid=$RIG_FLEET_PID || pid=$RIG_ENGINE_PID
        if [ -n "$pid" ] && ! kill -0 "$pid" 2>/dev/null; then
            rig_say "the $name has ended; its last lines:"
            tail -n 12 "$RIG_DIR/$name.log" | sed 's/^/    /' >&2
            return 1
        fi
    done
}

rig_fleet_listens() { grep -qs "listening on" "$RIG_DIR/fleet.log"; }

# In sessions of their own: an interrupt is ours to pass on, in order.
rig_fleet_start() { # FLEET OPTIONS...
    local run=(setsid) where
    if [ "$RIG_TRANSPORT" = af_xdp ]; then
        run=(setsid ip netns exec "$RIG_NETNS")
        where=(--socket 10.98.0.2:2775)
        [[ ${RIG_SECOND_AT:-} = *:* ]] && where=(--socket '[::]:2775')
    else
        where=(--port "net_memif0,role=server,socket=$RIG_DIR/memif,socket-abstract=no"
            --address 10.98.0.2/24)
    fi
    XDG_RUNTIME_DIR=$RIG_DIR "${run[@]}" "$RIG_FLEET" run --devices "$RIG_DEVICES" \
        --system-id starling --password "$(<"$RIG_DIR/password")" --deliver-window "$RIG_WINDOW" \
        ${RIG_SECOND:+--second-system-id second --second-password "$(<"$RIG_DIR/password")"} \
        --ledger "$RIG_DIR/ledger" "${where[@]}" "$@" >"$RIG_DIR/fleet.log" 2>&1 </dev/null &
    RIG_FLEET_PID=$!
    rig_until 20 "the fleet listens" rig_fleet_listens
}

rig_is_ready() { curl -sf -m 5 -o "$RIG_DIR/ready" "$RIG_URL/readyz"; }

rig_engine_start() {
    XDG_RUNTIME_DIR=$RIG_DIR setsid "$RIG_STARLING" run --config "$RIG_DIR/starling.yaml" \
        ${RIG_RUN[@]+"${RIG_RUN[@]}"} \
        >>"$RIG_DIR/engine.log" 2>&1 </dev/null &
    RIG_ENGINE_PID=$!
    rig_until 60 "the engine is bound to the SMSC" rig_is_ready
}

# Ends one of our processes; its exit status. The shell's own word on a killed child is not wanted.
rig_end() { # SIGNAL PID
    local deadline=$((SECONDS + 15))
    kill -s "$1" "$2"
    while kill -0 "$2"; do
        if [ $SECONDS -ge $deadline ]; then
            rig_say "process $2 does not end; killing it" 2>&3
            kill -s KILL "$2"
            deadline=$((SECONDS + 15))
        fi
        sleep 0.05
    done
    wait "$2"
} 3>&2 2>/dev/null

rig_engine_stop() { # [SIGNAL]
    local pid=$RIG_ENGINE_PID
    RIG_ENGINE_PID=
    rig_end "${1:-TERM}" "$pid"
}

rig_fleet_stop() {
    local pid=$RIG_FLEET_PID
    RIG_FLEET_PID=
    rig_end TERM "$pid"
}

rig_close() {
    [ -n "$RIG_ENGINE_PID" ] && rig_engine_stop
    [ -n "$RIG_FLEET_PID" ] && rig_fleet_stop
    [ -n "$RIG_LINK" ] && ip link del "$RIG_LINK" 2>/dev/null
    [ -n "$RIG_NETNS" ] && ip netns del "$RIG_NETNS" 2>/dev/null
    [ -n "$RIG_BPFFS" ] && umount /sys/fs/bpf
    RIG_LINK= RIG_NETNS= RIG_BPFFS=
    [ -n "$RIG_DIR" ] && rm -rf "$RIG_DIR"
    RIG_DIR=
}

# ---- Asking the engine --------------------------------------------------------------------------

rig_api() { # PATH CURL_ARGUMENT...
    local path=$1
    shift
    curl -sS -H "Authorization: Bearer $(<"$RIG_DIR/token")" "$@" "$RIG_URL$path"
}

rig_import() { # [FILE]
    "$RIG_STARLING" device import "${1:--}" --config "$RIG_DIR/starling.yaml"
}

rig_eis() { "$RIG_FLEET" eis --devices "$RIG_DEVICES"; }

rig_eids() { sed 's/^{"eid":"\([0-9]*\)".*/\1/' "$1"; } # of a file with EIS lines

# Jobs as lines from stdin; the answers, a line each, to stdout.
rig_submit() {
    rig_api /v1/jobs -m 300 -H 'Content-Type: application/x-ndjson' --data-binary @-
}

# The sum of a counter over its labels.
rig_metric() { # NAME...
    curl -sS -m 10 "$RIG_URL/metrics" | awk -v names="$*" '
        BEGIN { split(names, wanted, " "); for (i in wanted) is[wanted[i]] = 1 }
        { name = $1; sub(/[{].*/, "", name); if (name in is) sum += $NF }
        END { printf "%d\n", sum }'
}

rig_outcomes() { grep -c "\"outcome\":\"$1\"" "$RIG_DIR/results"; }

# All results there are; those that were read before are not asked for again.
rig_results() {
    local file=$RIG_DIR/results after
    [ -f "$file" ] || : >"$file"
    after=$(tail -n 1 "$file" | sed -n 's/^{"sequence":\([0-9]*\),.*/\1/p')
    rig_api "/v1/results?after=${after:-0}&wait=0" -f -m 120 -o "$file.more" &&
        sed '/^$/d' "$file.more" >>"$file"
}

rig_ledger_check() { # CHECK OPTIONS...
    "$RIG_FLEET" ledger check "$RIG_DIR/ledger" --results "$RIG_DIR/results" "$@"
}
