#!/bin/sh
# Our TCP against itself, two processes joined by memif, clean, with loss both ways, over two queues: tcp_over_memif.sh TCP_ECHO
# Needs no privilege.
set -eu
echo_program=$1
dir=$(mktemp -d)
server=
cleanup() {
    if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; fi
    rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 1' INT TERM
XDG_RUNTIME_DIR=$dir
export XDG_RUNTIME_DIR

# over LOSS QUEUES CONNECTIONS
over() {
    echo "== loss $1 ppm each way, queues: $2"
    memif=net_memif0,socket=$dir/memif$1.$2,socket-abstract=no
    "$echo_program" "$memif,role=server" 10.99.0.1/24 "loss=$1" "queues=$2" serve 7 >"$dir/out$1.$2" 2>"$dir/server" &
    server=$!
    for _ in $(seq 100); do
        grep -q ready "$dir/out$1.$2" && break
        kill -0 "$server" 2>/dev/null || { cat "$dir/server"; exit 1; }
        sleep 0.1
    done
    timeout 100 "$echo_program" "$memif,role=client,mac=02:00:00:00:00:99" 10.99.0.2/24 "loss=$1" "queues=$2" \
        bulk 10.99.0.1 7 $((20000000 / $3)) "$3"
    kill "$server"
    wait "$server" || { cat "$dir/server"; exit 1; }
    server=
}
over 0 1 1
over 10000 1 1
over 0 2 10
[ "$(grep -c 'tcp.accepts 5$' "$dir/server")" = 2 ] || { cat "$dir/server"; exit 1; } # each edge has its half
echo "tcp_over_memif: all held"
