#!/bin/sh
# Whole protocols of others through us: with_relayed_tcp.sh TCP_RELAY af_packet|af_xdp|xsk
# A kernel client speaks to our TCP as server, and our TCP as client to a kernel server: curl to an HTTP server,
# openssl s_client to s_server. Exits 77 where it cannot run.
set -eu
relay=$1
driver=$2
. "$(dirname "$0")/namespaces.sh"
needs python3 curl openssl
namespaces_make
device=$(device_of "$driver")

size=$([ "${STARLING_FULL:-}" = 1 ] && echo 100000000 || echo 4000000)
head -c "$((size / 2))" /dev/urandom | od -An -v -tx1 -w32 >"$dir/file" # in lower case: s_client obeys Q, K and R
checksum=$(sha256sum <"$dir/file")
same() { [ "$(sha256sum <"$1")" = "$checksum" ] || fail "$2: octets changed"; }

# through OUR_PORT THEIR_ADDR THEIR_PORT: starts the relay
through() { start relay in_ours "$relay" "$device" "$our_nets" "$1" "$2" "$3"; relay_pid=$started; }
# Waits until a kernel server listens on the port.
listening() {
    for _ in $(seq 100); do
        ip netns exec "$theirs" ss -Hltn "sport = :$1" | grep -q . && return 0
        sleep 0.1
    done
    fail "nothing listens on port $1"
}

(cd "$dir" && in_theirs python3 -m http.server --bind :: 8000) >"$dir/http.log" 2>&1 &
http=$!
background="$background $http"
listening 8000
for target in "$their4" "$their6"; do
    through 80 "$target" 8000
    for url in "http://$our4/file" "http://[$our6]/file"; do
        echo "== curl $url, on to $target"
        (in_theirs curl -sSf --max-time 100 -o "$dir/got" "$url")
        same "$dir/got" curl
    done
    (in_theirs curl -sSf --max-time 100 "http://$our4/file" "http://$our4/file" "http://[$our6]/file") | sha256sum >"$dir/thrice"
    [ "$(cat "$dir/file" "$dir/file" "$dir/file" | sha256sum)" = "$(cat "$dir/thrice")" ] || fail "curl, three files: octets changed"
    [ "$(in_theirs curl -s -o /dev/null -w '%{http_code}' --max-time 30 "http://$our4/none")" = 404 ] || fail "no 404"
    stop "$relay_pid" relay
done

openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=starling -keyout "$dir/key" -out "$dir/cert" -days 1 2>"$dir/req" || fail "no certificate"
for family in 4 6; do
    eval "our=\$our$family their=\$their$family"
    [ "$family" = 4 ] || our="[$our]" their="[$their]"
    for version in tls1_2 tls1_3; do
        echo "== openssl s_client to $our, on to s_server at $their, $version"
        rm -f "$dir/tls"
        # s_server prints what it gets: one file up, and its own line down.
        (sleep 1000 | in_theirs openssl s_server "-$version" -accept "$their:4433" -cert "$dir/cert" -key "$dir/key" -quiet -naccept 1) >"$dir/tls" 2>"$dir/tls.err" &
        tls=$!
        background="$background $tls"
        listening 4433
        eval "through 443 \$their$family 4433"
        (in_theirs openssl s_client "-$version" -connect "$our:443" -CAfile "$dir/cert" -verify_return_error -quiet -no_ign_eof) \
            <"$dir/file" >"$dir/client" 2>&1 || { cat "$dir/client" "$dir/tls.err"; fail "s_client ended badly"; }
        for _ in $(seq 100); do
            [ "$(stat -c %s "$dir/tls")" -ge "$(stat -c %s "$dir/file")" ] && break
            sleep 0.1
        done
        same "$dir/tls" "TLS"
        stop "$relay_pid" relay
        kill "$tls" 2>/dev/null || true
    done
done
echo "with_relayed_tcp $driver: all held"
