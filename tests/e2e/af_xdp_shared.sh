#!/bin/bash
# One interface for the engine and the kernel, each on its own address; floods shed by the XDP program while jobs go on;
# what `starling xdp` shows and does; kill -9, take-over, and nothing left at the end.
. "$(dirname "$0")/common.sh"

beside=$(dirname "$0")/beside.py
kernel=10.98.0.3   # the host's, on the engine's interface
kernel6=2001:db8:98::3
engine6=2001:db8:98::1
stranger=10.98.0.50
pool=10.98.0.77    # a configured peer
quiet=10.98.0.51
echo_port=7007
server=

away() { ip netns exec "$RIG_NETNS" "$@"; }
xdp() { "$RIG_STARLING" xdp "$@" --interface "$RIG_LINK"; }
status() { xdp status --json >"$RIG_DIR/status" && jq -r ".[0] | $1" "$RIG_DIR/status"; }
counter() { status ".counters.$1"; }
metrics() { curl -sS -m 10 "$RIG_URL/metrics"; }
metrics_lint() { metrics | "$root/tests/e2e/metrics_lint.py"; }
groups() { ip maddr show dev "$RIG_LINK" | grep -c '33:33:ff:00:00:01'; } # what the NIC lets in for the engine
attached() { ip -d link show "$RIG_LINK" | grep -c 'prog/xdp'; }
talks() { away python3 "$beside" talk "${3:-$kernel}" $echo_port "$1" || fail "the kernel's own TCP: $2"; }
flood() { away python3 "$beside" flood "$1" 10.98.0.1 "$2" || fail "cannot flood from $1"; }

at_least() { # WHAT IS LEAST
    [ "$2" -ge "$3" ] || fail "$1: $2, should be at least $3"
    say "$1: $2"
}

shared_leave() {
    [ -n "$server" ] && kill "$server" 2>/dev/null
    ip link del star$$c 2>/dev/null
    leave
}
trap shared_leave EXIT

RIG_PORT_MORE="address6: $engine6/64
source_rate: 500
source_burst: 100"
RIG_MORE="peers:
  - { name: pool, prefix: $pool }"
devices=400
begin af_xdp $devices
command -v jq >/dev/null || skip "jq is not installed"
ip addr add $kernel/24 dev "$RIG_LINK"
sysctl -qw "net.ipv6.conf.$RIG_LINK.disable_ipv6=0" && away sysctl -qw "net.ipv6.conf.${RIG_LINK%a}b.disable_ipv6=0" &&
    ip addr add $kernel6/64 dev "$RIG_LINK" nodad && ip -n "$RIG_NETNS" addr add 2001:db8:98::2/64 dev "${RIG_LINK%a}b" nodad ||
    fail "no IPv6 on $RIG_LINK"
for addr in $stranger $pool $quiet; do
    ip -n "$RIG_NETNS" addr add $addr/24 dev "${RIG_LINK%a}b"
done

python3 "$beside" serve $echo_port $kernel $kernel6 >"$RIG_DIR/serves" &
server=$!
rig_until 10 "the kernel's server listens" grep -q ready "$RIG_DIR/serves"
talks 4000000 "beside the engine"
talks 1000000 "beside the engine, by IPv6" $kernel6
for addr in $kernel6 $engine6; do
    away python3 "$beside" reach $addr || fail "$addr does not answer"
done
at_least "solicitations for the engine" "$(counter neighbour)" 1
is_equal "the interface lets in multicast for the engine" "$(groups)" 1
say "the kernel's TCP and the engine's share $RIG_LINK"

say "--- floods, while jobs go on"
jobs_of flooded <"$RIG_DIR/eids" | submit_all $devices
flood $stranger 20000
flood $pool 20000
talks 1000000 "during the flood"
await_results $devices 60
check_all
is_equal "jobs executed" "$(rig_outcomes executed)" $devices
at_least "packets of the stranger shed" "$(status ".shed.worst[] | select(.source == \"$stranger\" and .kind == \"traffic\") | .shed")" 15000
at_least "packets shed by rate" "$(counter drop_source_rate)" 15000
is_equal "packets of the peer shed" "$(status '.peers[] | select(.name == "pool") | .shed')" 0
at_least "packets of the peer passed" "$(status '.peers[] | select(.name == "pool") | .passed')" 20000
is_equal "the SMSC is a peer, never shed" "$(status '.peers[] | select(.name == "main") | .shed')" 0
is_equal "sources that were shed" "$(status .shed.count)" 1
is_equal "metrics and maps agree on what was shed" \
    "$(metrics | awk '/^starling_xdp_total[{].*"drop_source_rate"/ { print $2 }')" "$(counter drop_source_rate)"
is_equal "and on what passed of the peer" \
    "$(metrics | awk '/^starling_xdp_peer_total[{].*"pool",prefix="10.98.0.77.32",event="passed"/ { print $2 }')" \
    "$(status '.peers[] | select(.name == "pool") | .passed')"
says "what Prometheus makes of /metrics" 0 "metrics are sound" metrics_lint

say "--- another station claims the engine's addresses"
away "$root/tests/conformance/claims.py" "${RIG_LINK%a}b" 02:00:00:00:00:99 10.98.0.1 $engine6 || fail "cannot claim"
rig_until 20 "the log tells of the conflict" grep -q \
    "address conflict: station 02:00:00:00:00:99 claims 10.98.0.1 or $engine6, 2 times" "$RIG_DIR/engine.log"
say "$(grep -o "address conflict.*" "$RIG_DIR/engine.log")"

say "--- the drop list"
before=$(counter drop_listed)
xdp drop $quiet/32 >"$RIG_DIR/said" || fail "drop: $(<"$RIG_DIR/said")"
flood $quiet 20
is_equal "packets of a listed source dropped" $(($(counter drop_listed) - before)) 20
says "drop again" 0 "as it was before" xdp drop $quiet
says "allow" 0 "is let through" xdp allow 10.98.0.48/28
flood $quiet 20
is_equal "packets dropped once it is allowed" $(($(counter drop_listed) - before)) 20
xdp drop 203.0.113.0/24 >/dev/null || fail "drop of a prefix"
says "bad prefix" 2 "neither an address nor a prefix" xdp drop 203.0.113.0/33
says "no such interface" 1 "no engine of ours has interface" "$RIG_STARLING" xdp status --interface lo

say "--- one engine for an interface"
sed "s|^data_dir:.*|data_dir: $RIG_DIR/other|; s|port: $RIG_PORT|port: 0|" "$RIG_DIR/starling.yaml" >"$RIG_DIR/other.yaml"
mkdir -m 700 "$RIG_DIR/other"
says "a second engine" 1 "another engine runs on interface $RIG_LINK" \
    env XDG_RUNTIME_DIR="$RIG_DIR/other" "$RIG_STARLING" run --config "$RIG_DIR/other.yaml"
is_equal "programs on the interface" "$(attached)" 1
elsewhere() { # as in a container: what is pinned is not seen
    unshare -m sh -c 'mount -t bpf bpf /sys/fs/bpf && exec "$@"' sh "$@"
}
says "a second engine, with a bpffs of its own" 1 "another engine runs on interface $RIG_LINK, with a bpffs of its own" \
    elsewhere env XDG_RUNTIME_DIR="$RIG_DIR/other" "$RIG_STARLING" run --config "$RIG_DIR/other.yaml"
is_equal "programs on the interface" "$(attached)" 1
is_equal "the first engine is bound" "$(rig_is_ready && echo yes)" yes

say "--- the interface goes down, and up"
engine_said() { grep -qF -- "$1" "$RIG_DIR/engine.log"; }
is_up() { metrics | awk '/^starling_interface_up[{]/ { print $2 }'; }
is_equal "the interface is up" "$(is_up)" 1
ip link set "$RIG_LINK" down
rig_until 10 "the engine says that it is down" engine_said "interface $RIG_LINK is down" || fail "nothing said of a dead interface"
is_equal "the interface is up" "$(is_up)" 0
ip link set "$RIG_LINK" up && ip addr add $kernel6/64 dev "$RIG_LINK" nodad
rig_until 10 "the engine says that it is up" engine_said "interface $RIG_LINK is up again" || fail "nothing said of an interface that is back"

say "--- kill -9 and take-over"
rig_engine_stop KILL
is_equal "the program stays" "$(attached)" 1
is_equal "status knows that the engine is gone" "$(status .engine_alive)" false
talks 1000000 "after kill -9"
apart() { setpriv --bounding-set=-sys_admin env XDG_RUNTIME_DIR="$RIG_DIR/other" "$RIG_STARLING" run --config "$RIG_DIR/other.yaml"; }
says "who may not take over" 1 "only CAP_SYS_ADMIN may take off" apart
is_equal "programs on the interface" "$(attached)" 1
rig_engine_start || fail "no take-over"
is_equal "the engine is back" "$(status .engine_alive)" true
is_equal "programs on the interface" "$(attached)" 1
is_equal "the drop list is kept" "$(status '.listed[0].prefix')" 203.0.113.0/24
jobs_of again <"$RIG_DIR/eids" | submit_all $devices
await_results $((2 * devices)) 60
check_all

say "--- orderly end"
stop_in_order
is_equal "programs on the interface" "$(attached)" 0
is_equal "groups joined on the interface" "$(groups)" 0
[ ! -e "/sys/fs/bpf/starling/$RIG_LINK" ] || fail "pins are left: $(ls "/sys/fs/bpf/starling/$RIG_LINK")"
talks 1000000 "after the engine"

say "--- another's program is left alone"
foreign=$(echo /usr/lib/*/bpf/xsk_def_xdp_prog.o) # libxdp's own
ip link set dev "$RIG_LINK" xdp obj "$foreign" sec xdp || fail "cannot attach $foreign"
says "start" 1 "that is not ours, \"xsk_def_prog\"" \
    env XDG_RUNTIME_DIR="$RIG_DIR/other" "$RIG_STARLING" run --config "$RIG_DIR/other.yaml"
is_equal "programs on the interface" "$(attached)" 1
ip link set dev "$RIG_LINK" xdp off

say "--- the interface goes away"
rig_engine_start || fail "no start once the interface is ours alone"
ip link del "$RIG_LINK"
rig_until 10 "the engine says that it is gone" engine_said "interface $RIG_LINK is gone" || fail "nothing said of an interface that is gone"
is_equal "the interface is up" "$(is_up)" 0
rig_engine_stop KILL # its pins stay
says "status" 0 "gone, and its program, too" xdp status
ip link add star$$c type veth peer name star$$d && ip link set star$$c up || fail "no other interface"
sed -i "s|xsk,iface=.*|xsk,iface=star$$c|" "$RIG_DIR/other.yaml"
setpriv --bounding-set=-sys_admin env XDG_RUNTIME_DIR="$RIG_DIR/other" "$RIG_STARLING" run --config "$RIG_DIR/other.yaml" 2>"$RIG_DIR/other.log" &
other=$!
rig_until 20 "an engine starts elsewhere" grep -q "ready:" "$RIG_DIR/other.log" || fail "$(tail -n 3 "$RIG_DIR/other.log")"
rig_end TERM $other
is_equal "programs on the other interface" "$(ip -d link show star$$c | grep -c 'prog/xdp')" 0
is_equal "what the engine on the other interface leaves of both" "$(ls -A /sys/fs/bpf/starling 2>/dev/null)" ""
