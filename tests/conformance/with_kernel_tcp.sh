#!/bin/sh
# The kernel's TCP against ours over a veth pair, both directions, IPv4 and IPv6, clean and with loss both ways:
#     with_kernel_tcp.sh TCP_ECHO SOCKET_ECHO af_packet|af_xdp|xsk [EDGES]
# With several edges on as many queues, frames that come to the wrong one are handed over; with xsk, where the sender chooses the
# queue, flows are also moved between queues in the middle.
# STARLING_FULL=1: 1 GB, 64 MB at each loss, 10,000 short connections, 5,000 at once. Exits 77 where it cannot run.
set -eu
tcp_echo=$1
socket_echo=$2
driver=$3
queues=${4:-1}
here=$(dirname "$0")
. "$here/namespaces.sh"
needs python3
namespaces_make
device=$(device_of "$driver")

if [ "${STARLING_FULL:-}" = 1 ]; then
    bulk=1000000000 lossy1=64000000 lossy5=64000000 short=10000 many=5000
else
    bulk=16000000 lossy1=3000000 lossy5=500000 short=300 many=300
fi

kernel_tcp() { in_theirs python3 "$here/kernel_tcp.py" "$@"; }
our_tcp() { in_ours "$tcp_echo" "$device" "$our_nets" "queues=$queues" "$@"; }
# their_client …: to our server, $started
their_client() {
    (kernel_tcp "$@") && return
    kill "$started"
    wait "$started" || true
    cat "$dir/server.err"
    fail "the kernel's client failed"
}
# With what it counts in client.err.
our_client() { (our_tcp "$@") 2>"$dir/client.err" || { cat "$dir/client.err"; fail "our client failed"; }; }

# sum NAME COUNTER: what our server or client, ended, counted on all edges
sum() { awk -v counter="$2" '$1 == counter { sum += $2 } END { printf "%d", sum }' "$dir/$1.err"; }
counted() { [ "$(sum "$1" "$2")" -gt 0 ] || { cat "$dir/$1.err"; fail "no $2"; }; }

# handed_over NAME: frames between edges, and none lost on the way
handed_over() {
    [ "$queues" -gt 1 ] || return 0
    counted "$1" resteer.passed
    crossed=$(($(sum "$1" resteer.passed) + $(sum "$1" resteer.told_all)))
    [ "$(sum "$1" resteer.received)" = "$crossed" ] || { cat "$dir/$1.err"; fail "$crossed frames were handed over, but not as many arrived"; }
    [ "$(sum "$1" resteer.ring_full)" = 0 ] || [ "${STARLING_FULL:-}" = 1 ] || { cat "$dir/$1.err"; fail "frames were lost between edges"; }
    echo "$1: $(sum "$1" resteer.passed) frames handed over"
}

# server_ends: stops our server
server_ends() {
    stop "$started" server
    cat "$dir/server.err"
}

# clean OUR_ADDR THEIR_ADDR
clean() {
    echo "== $1: kernel client, our server"
    start server our_tcp keep=1000 serve 7
    their_client client "$1" 7 "$bulk" "$short" "$many"
    server_ends
    counted server tcp.keep_alives
    handed_over server

    echo "== $2: our client, kernel server"
    start kernel in_theirs "$socket_echo" "$2" 7
    our_client bulk "$2" 7 "$bulk"
    our_client bulk "$2" 7 2000 $((short + many)) "$many"
    # The kernel was not known yet when they all began: no SYN may have been lost for that.
    [ "$(sum client neighbour.queue_full)" = 0 ] || { cat "$dir/client.err"; fail "SYNs were dropped before the first answer"; }
    handed_over client
    stop "$started" kernel
    if (our_tcp bulk "$2" 7 1) >"$dir/refused" 2>&1; then fail "a closed port was no error"; fi
    grep -q "the peer refused" "$dir/refused" || { cat "$dir/refused"; exit 1; }
}

# repaired NAME: our sender lost segments, and sent them again without waiting for time-outs alone
repaired() {
    for what in impair.tx_lost impair.rx_lost tcp.retransmits tcp.fast_retransmits tcp.recoveries; do counted "$1" "$what"; done
}

# lossy OUR_ADDR THEIR_ADDR PPM OCTETS: what we receive and what we send is lost, doubled and put out of order
lossy() {
    bad="loss=$3 duplicate=$(($3 / 10)) reorder=$(($3 / 2)) tx_loss=$3 tx_duplicate=$(($3 / 10)) tx_reorder=$(($3 / 2))"
    echo "== $1: kernel client, our server, $bad"
    start server our_tcp $bad serve 7
    their_client lossy "$1" 7 "$4" 20
    server_ends
    repaired server
    echo "== $2: our client, kernel server, $bad"
    start kernel in_theirs "$socket_echo" "$2" 7
    our_client $bad bulk "$2" 7 "$4"
    repaired client
    our_client $bad bulk "$2" 7 2000 50
    stop "$started" kernel
}

# both_queues NAME: each got a tenth of the frames at least, be it those of one flow
both_queues() {
    awk '$1 == "port.rx_frames" { sum += $2; count++; if (count == 1 || $2 < least) least = $2 }
        END { print "least of a queue: " least " frames of " sum; exit count != 2 || least * 10 < sum }' "$dir/$1.err" ||
        fail "$1: the flow did not change its queue"
}

# moved OUR_ADDR THEIR_ADDR: flows change their queue, at rest and under way
moved() {
    start mover kernel_tcp move "$peer"
    mover=$started
    echo "== $1: kernel client, our server, one flow that changes its queue"
    start server our_tcp serve 7
    their_client pieces "$1" 7 "$bulk"
    server_ends
    [ "$(sum server tcp.accepts)" = 1 ] || fail "more than one flow"
    both_queues server
    handed_over server
    echo "== $2: our client, kernel server, flows that change their queue"
    start kernel in_theirs "$socket_echo" "$2" 7
    our_client bulk "$2" 7 $((bulk / 32)) 32 2
    both_queues client
    handed_over client
    stop "$started" kernel
    kill "$mover"
}

start server our_tcp serve 7
their_client ping "$our4"
stop "$started" server
clean "$our4" "$their4"
clean "$our6" "$their6"
for family in 4 6; do
    [ "$queues" -gt 1 ] && [ "${STARLING_FULL:-}" != 1 ] || eval "lossy \$our$family \$their$family 10000 $lossy1"
    eval "lossy \$our$family \$their$family 50000 $lossy5"
    [ "$queues" = 1 ] || [ "$driver" != xsk ] || eval "moved \$our$family \$their$family"
done
echo "with_kernel_tcp $driver, edges: $queues: all held"
