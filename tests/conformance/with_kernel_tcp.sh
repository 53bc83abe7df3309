#!/bin/sh
# The kernel's TCP against ours over a veth pair, both directions, IPv4 and IPv6, clean and with loss:
#     with_kernel_tcp.sh TCP_ECHO SOCKET_ECHO af_packet|af_xdp|xsk
# STARLING_FULL=1: 1 GB, 64 MB at each loss, 10,000 short connections, 5,000 at once. Exits 77 where it cannot run.
set -eu
tcp_echo=$1
socket_echo=$2
driver=$3
here=$(dirname "$0")
. "$here/namespaces.sh"
needs python3
namespaces_make
device=$(device_of "$driver")

if [ "${STARLING_FULL:-}" = 1 ]; then
    bulk=1000000000 lossy1=64000000 lossy5=64000000 short=10000 many=5000
else
    bulk=32000000 lossy1=3000000 lossy5=300000 short=500 many=300
fi

kernel_tcp() { in_theirs python3 "$here/kernel_tcp.py" "$@"; }
our_tcp() { in_ours "$tcp_echo" "$device" "$our_nets" "$@"; }

# counted NAME COUNTER: our server, stopped, counted at least one.
counted() { grep -q "$2 [1-9]" "$dir/$1.err" || { cat "$dir/$1.err"; fail "no $2"; }; }

# clean OUR_ADDR THEIR_ADDR SHARE: one SHARE-th of the bulk
clean() {
    echo "== $1: kernel client, our server"
    start server our_tcp keep=1000 serve 7
    (kernel_tcp client "$1" 7 $((bulk / $3)) "$short" "$many")
    stop "$started" server
    counted server tcp.keep_alives
    cat "$dir/server.err"

    echo "== $2: our client, kernel server"
    start kernel in_theirs "$socket_echo" "$2" 7
    (our_tcp bulk "$2" 7 $((bulk / $3)))
    (our_tcp bulk "$2" 7 2000 "$short" 50)
    (our_tcp bulk "$2" 7 2000 "$many") 2>"$dir/many.err" || { cat "$dir/many.err"; fail "many at once"; }
    cat "$dir/many.err"
    # The kernel was not known yet: no SYN may have been lost for that.
    if grep -q "neighbour.queue_full" "$dir/many.err"; then fail "SYNs were dropped before the first answer"; fi
    stop "$started" kernel
    if (our_tcp bulk "$2" 7 1) >"$dir/refused" 2>&1; then fail "a closed port was no error"; fi
    grep -q "the peer refused" "$dir/refused" || { cat "$dir/refused"; exit 1; }
}

# lossy OUR_ADDR THEIR_ADDR PPM OCTETS: what we receive is lost, doubled and put out of order
lossy() {
    bad="loss=$3 duplicate=$(($3 / 10)) reorder=$(($3 / 2))"
    echo "== $1: kernel client, our server, $bad"
    start server our_tcp $bad serve 7
    (kernel_tcp lossy "$1" 7 "$4" 20)
    stop "$started" server
    cat "$dir/server.err"
    echo "== $2: our client, kernel server, $bad"
    start kernel in_theirs "$socket_echo" "$2" 7
    (our_tcp $bad bulk "$2" 7 "$4")
    (our_tcp $bad bulk "$2" 7 2000 100)
    stop "$started" kernel
}

start server our_tcp serve 7
(kernel_tcp ping "$our4")
stop "$started" server
clean "$our4" "$their4" 1
clean "$our6" "$their6" 2
for family in 4 6; do
    eval "lossy \$our$family \$their$family 10000 $lossy1"
    eval "lossy \$our$family \$their$family 50000 $lossy5"
done
echo "with_kernel_tcp $driver: all held"
