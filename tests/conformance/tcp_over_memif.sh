#!/bin/sh
# Our TCP against itself, two processes joined by memif, clean and with loss both ways: tcp_over_memif.sh TCP_ECHO
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

for loss in 0 10000; do
    echo "== loss $loss ppm each way"
    memif=net_memif0,socket=$dir/memif$loss,socket-abstract=no
    "$echo_program" "$memif,role=server" 10.99.0.1/24 loss=$loss serve 7 \
        >"$dir/ready$loss" 2>"$dir/server" &
    server=$!
    for _ in $(seq 100); do
        grep -q ready "$dir/ready$loss" && break
        kill -0 "$server" 2>/dev/null || { cat "$dir/server"; exit 1; }
        sleep 0.1
    done
    timeout 100 "$echo_program" "$memif,role=client,mac=02:00:00:00:00:99" 10.99.0.2/24 loss=$loss \
        bulk 10.99.0.1 7 20000000
    kill "$server"
    wait "$server" || { cat "$dir/server"; exit 1; }
    server=
done
echo "tcp_over_memif: all held"
