# Sourced: our port's end and a kernel peer's in network namespaces of their own, joined by a veth pair.
#
#   $ours   10.99.0.1, 2001:db8:99::1 for our stack on $iface; this namespace's kernel owns neither
#   $theirs 10.99.0.2, 2001:db8:99::2, the kernel's, on $peer
#
# Set queues=N before for a link of so many queues each way; $dir is there for files; namespaces, files and what runs in the background go at the end. Exits 77 where it cannot run.

our4=10.99.0.1 our6=2001:db8:99::1 their4=10.99.0.2 their6=2001:db8:99::2
our_nets=$our4/24,$our6/64
iface=sta$$ peer=stb$$
ours=starling-a$$ theirs=starling-b$$
namespaces="$ours $theirs"
background=
queues=${queues:-1}
dir=$(mktemp -d)

skip() { echo "skipped: $1"; exit 77; }
fail() { echo "$0: $1"; exit 1; }

cleanup() {
    for pid in $background; do kill "$pid" 2>/dev/null || true; done
    for pid in $background; do wait "$pid" 2>/dev/null || true; done
    for namespace in $namespaces; do ip netns del "$namespace" 2>/dev/null || true; done
    rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

needs() {
    [ "$(id -u)" = 0 ] || skip "needs root"
    for tool in ip ethtool "$@"; do
        command -v "$tool" >/dev/null || skip "$tool is not installed"
    done
}

# A veth sender leaves checksums and segmentation to hardware that is not there: interface_up NAMESPACE INTERFACE
interface_up() {
    ip netns exec "$1" ethtool -K "$2" tx off tso off gso off gro off >/dev/null
    ip -n "$1" link set "$2" up
}

namespaces_make() {
    ip netns add "$ours" 2>/dev/null || skip "cannot make network namespaces"
    ip netns add "$theirs"
    pairs="numrxqueues $queues numtxqueues $queues" # of a veth, each way
    ip link add "$iface" netns "$ours" $pairs type veth peer name "$peer" netns "$theirs" $pairs || skip "no veth"
    ip netns exec "$ours" sysctl -qw "net.ipv6.conf.$iface.disable_ipv6=1" || true
    ip -n "$theirs" addr add "$their4/24" dev "$peer"
    ip -n "$theirs" addr add "$their6/64" dev "$peer" nodad
    interface_up "$ours" "$iface"
    interface_up "$theirs" "$peer"
}

# The device of a driver, on $iface.
device_of() {
    case $1 in
    xsk) echo "xsk,iface=$iface" ;; # our own port
    af_packet) echo "net_af_packet0,iface=$iface,qpairs=$queues" ;;
    *) echo "net_${1}0,iface=$iface" ;;
    esac
}

# Runs a program in our namespace in place of the (sub)shell. libxdp wants bpffs; the mount is this command's own.
in_ours() {
    exec ip netns exec "$ours" sh -c 'mount -t bpf bpf /sys/fs/bpf 2>/dev/null; exec "$@"' sh "$@"
}
in_theirs() { exec ip netns exec "$theirs" "$@"; }

# start NAME COMMAND …: in the background, until it says "ready". What it says goes to $dir/NAME.out and .err.
started=
start() {
    name=$1
    shift
    "$@" >"$dir/$name.out" 2>"$dir/$name.err" &
    started=$!
    background="$background $started"
    for _ in $(seq 200); do
        grep -q ready "$dir/$name.out" && return 0
        kill -0 "$started" 2>/dev/null || { cat "$dir/$name.err"; fail "$name does not start"; }
        sleep 0.1
    done
    fail "$name does not get ready"
}

# stop PID NAME: it must end well.
stop() {
    kill "$1"
    wait "$1" || { cat "$dir/$2.out" "$dir/$2.err"; fail "$2 ended badly"; }
}
