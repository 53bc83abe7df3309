#!/bin/bash
# Two edges on one interface, a queue and an SMSC account each, one by IPv4, one by IPv6: the kernel puts a flow's frames on
# either queue, and every job of both accounts is executed; what is on the wrong queue is handed over, all of it.
. "$(dirname "$0")/common.sh"

[ "$(rig_cpus | wc -l)" -ge 2 ] || skip "one CPU only"
devices=$(quick_or_full 4000 100000)
RIG_QUEUES=2
RIG_SECOND=99900000002 # devices 2,000 to 2,999
RIG_SECOND_AT=2001:db8:98::2
RIG_PORT_MORE="address6: 2001:db8:98::1/64"

seen=$(mktemp -u "${TMPDIR:-/tmp}/starling-seen-XXXXXX.pcap")
RIG_RUN=(--pcap "$seen" --pcap-peer 10.98.0.2 --pcap-limit 100M)
trap 'rm -f "$seen"; leave' EXIT

metric() { # NAME LABEL...: the sum over the samples that have these labels
    local name=$1 lines
    shift
    lines=$(curl -sf -m 5 "$RIG_URL/metrics" | grep "^$name{")
    for label in "$@"; do lines=$(grep -F "$label" <<<"$lines"); done
    awk '{ sum += $NF } END { printf "%d", sum }' <<<"$lines"
}

at_least() { # WHAT IS LEAST
    [ "$2" -ge "$3" ] || fail "$1: $2, should be at least $3"
    say "$1: $2"
}

# The kernel's frames to one queue of the engine's, whatever their flow, from the next that finds the flow at rest.
all_to_queue() {
    ip netns exec "$RIG_NETNS" sh -c "cd /sys/class/net/$far/queues &&
        echo 0 >tx-$((1 - $1))/xps_cpus && echo $cpus >tx-$1/xps_cpus" || skip "this kernel does not let queues be chosen"
}

# A flow of each edge is on the wrong queue in one half of the jobs, and changes its queue between them.
begin af_xdp "$devices"
far=${RIG_LINK%a}b
cpus=$(printf '%x' $(((1 << $(nproc --all)) - 1)))
half=$((devices / 2))
all_to_queue 1
head -n $half "$RIG_DIR/eids" | jobs_of all | submit_all $half
await_results $half 300
all_to_queue 0
tail -n +$((half + 1)) "$RIG_DIR/eids" | jobs_of all | submit_all $half
await_results "$devices" 300
check_all --unique-scripts
is_equal "jobs executed" "$(rig_outcomes executed)" "$devices"
for edge in 0 1; do
    at_least "short messages of edge $edge" "$(metric starling_edge_submits_total "edge=\"$edge\"")" 1000
    at_least "frames of queue $edge" "$(metric starling_net_total "edge=\"$edge\"" 'layer="port"' 'event="rx_frames"')" 1
done
at_least "frames by IPv6" "$(metric starling_xdp_total 'event="ipv6"')" 100
passed=$(metric starling_net_total 'event="passed"')
at_least "frames handed over" "$passed" 1
is_equal "dropped on the way" "$(metric starling_net_total 'event="ring_full"')" 0
is_equal "arrived" "$(metric starling_net_total 'event="received"')" \
    $((passed + $(metric starling_net_total 'event="told_all"')))
stop_in_order

# What the engine captured of it all, in the eyes of another.
is_equal "mode of the capture" "$(stat -c %a "$seen")" 600
command -v tshark >/dev/null || skip "tshark is not installed: the capture was not read"
reordercap "$seen" "$seen.sorted" >/dev/null && mv "$seen.sorted" "$seen" # each queue's are in order, not all
# Stamps are those of an edge's turn, so an ACK by one queue may stand before what it acknowledges by the other: without
# analysis, which takes that for a retransmission and reads no SMPP in it.
binds=$(tshark -o tcp.analyze_sequence_numbers:FALSE -r "$seen" -Y 'smpp.command_id == 0x00000009' -T fields -e tcp.stream 2>/dev/null | sort -u | wc -l)
is_equal "binds captured, of the first account only" "$binds" 2
tshark -r "$seen" -Y ipv6 2>/dev/null | grep -q . && fail "another peer is in the capture"
[ "$(tshark -r "$seen" -Y 'smpp.command_id == 0x00000004' 2>/dev/null | wc -l)" -gt 0 ] || fail "no submit_sm captured"
