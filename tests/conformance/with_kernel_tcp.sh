#!/bin/sh
# The kernel's TCP against ours over a veth pair: with_kernel_tcp.sh TCP_ECHO af_packet|af_xdp|xsk [MEGABYTES]
# Ours is 10.99.0.1 in one namespace, whose kernel does not own that address; the kernel's is 10.99.0.2 in another.
# Exits 77 where it cannot run.
set -eu
echo_program=$1
driver=$2
megabytes=${3:-20}
here=$(dirname "$0")
iface=sta$$
case $driver in
xsk) device=xsk,iface=$iface ;; # our own port
*) device=net_${driver}0,iface=$iface ;;
esac

skip() { echo "skipped: $1"; exit 77; }
[ "$(id -u)" = 0 ] || skip "needs root"
for tool in ip ethtool python3; do
    command -v "$tool" >/dev/null || skip "$tool is not installed"
done

ours=starling-a$$
theirs=starling-b$$
peer=stb$$
server=
dir=$(mktemp -d)
cleanup() {
    if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; fi
    ip netns del "$ours" 2>/dev/null || true
    ip netns del "$theirs" 2>/dev/null || true
    rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

ip netns add "$ours" 2>/dev/null || skip "cannot make network namespaces"
ip netns add "$theirs"
ip link add "$iface" netns "$ours" type veth peer name "$peer" netns "$theirs" || skip "no veth"
ip netns exec "$ours" sysctl -qw "net.ipv6.conf.$iface.disable_ipv6=1" || true
ip netns exec "$theirs" sysctl -qw "net.ipv6.conf.$peer.disable_ipv6=1" || true
ip -n "$theirs" addr add 10.99.0.2/24 dev "$peer"
ip -n "$ours" link set "$iface" up
ip -n "$theirs" link set "$peer" up
# A veth sender leaves checksums and segmentation to hardware that is not there.
ip netns exec "$theirs" ethtool -K "$peer" tx off tso off gso off gro off >/dev/null
ip netns exec "$ours" ethtool -K "$iface" tx off tso off gso off gro off >/dev/null

# Runs our program on the port, in place of the (sub)shell. libxdp wants bpffs; the mount is this command's own.
our_tcp() {
    exec ip netns exec "$ours" sh -c 'mount -t bpf bpf /sys/fs/bpf 2>/dev/null; exec "$@"' sh \
        "$echo_program" "$device" 10.99.0.1/24 "$@"
}
kernel_tcp() { exec ip netns exec "$theirs" python3 "$here/kernel_tcp.py" "$@"; }

our_server() {
    our_tcp "$@" serve 7 >"$dir/ready" 2>"$dir/server" &
    server=$!
    for _ in $(seq 100); do
        grep -q ready "$dir/ready" && return 0
        kill -0 "$server" 2>/dev/null || { cat "$dir/server"; server=; exit 1; }
        sleep 0.1
    done
    echo "our server does not start"; exit 1
}
server_stop() { kill "$server"; wait "$server" || { cat "$dir/server"; exit 1; }; server=; }

for loss in 0 10000; do
    echo "== kernel client, our server, loss $loss ppm"
    our_server loss=$loss
    [ $loss != 0 ] || (kernel_tcp ping 10.99.0.1)
    (kernel_tcp client 10.99.0.1 7 "$megabytes")
    server_stop
    cat "$dir/server"

    echo "== our client, kernel server, loss $loss ppm"
    kernel_tcp server 10.99.0.2 7 >"$dir/ready" &
    server=$!
    for _ in $(seq 100); do grep -q ready "$dir/ready" && break; sleep 0.1; done
    (our_tcp loss=$loss bulk 10.99.0.2 7 $((megabytes * 1000000)))
    (our_tcp loss=$loss bulk 10.99.0.2 7 2000 200)
    if [ $loss = 0 ] && (our_tcp bulk 10.99.0.2 9 1) >"$dir/refused" 2>&1; then
        echo "a closed port was no error"; exit 1
    fi
    [ $loss != 0 ] || grep -q "the peer refused" "$dir/refused" || { cat "$dir/refused"; exit 1; }
    kill "$server"; wait "$server" 2>/dev/null || true; server=
done
echo "with_kernel_tcp $driver: all held"
