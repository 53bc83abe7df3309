#!/bin/bash
# Bad input is told what, where and what to do; the good lines beside it are taken.
. "$(dirname "$0")/common.sh"

begin memif 10000

# Devices again, one line of them broken: updates all the others.
sed '7412s/"eid":"/"eid":"x/' "$RIG_DIR/eis" >"$RIG_DIR/broken"
says "EIS line 7,412 is broken" 1 "broken:7412: eid:" rig_import "$RIG_DIR/broken"
says "and the other 9,999 are taken" 1 "9999 updated" rig_import "$RIG_DIR/broken"
sed -n '17s/.*/{"no json/p' "$RIG_DIR/eis" >"$RIG_DIR/broken"
says "EIS that is no JSON" 1 "broken:1:" rig_import "$RIG_DIR/broken"
says "EIS file that does not exist" 1 "/nowhere/eis" rig_import /nowhere/eis

# Jobs.
eid=$(head -n 1 "$RIG_DIR/eids")
stranger=$("$RIG_FLEET" eis --first 20000 --devices 1 | rig_eids -)
post_job() { # JSON
    rig_api /v1/jobs -w '\n%{http_code}' -H 'Content-Type: application/json' -d "$1"
}
long=$(printf '80E29000FF%0510d' 0)
says "unknown EID" 0 "PUT /v1/devices" post_job "{\"eid\":\"$stranger\",\"type\":\"audit\"}"
says "EID of the wrong length" 0 "eid" post_job '{"eid":"8999","type":"audit"}'
says "over-long script" 0 "script" post_job \
    "{\"eid\":\"$eid\",\"script\":[$(printf '"%s",' "$long" "$long" "$long" "$long")\"80CAFF2100\"]}"
says "script that is no hexadecimal" 0 "script" post_job "{\"eid\":\"$eid\",\"script\":[\"80CAXX2100\"]}"
says "unknown member" 0 "accepted: eid, type" post_job "{\"eid\":\"$eid\",\"type\":\"audit\",\"colour\":\"red\"}"
says "wrong token" 0 "api.clients" curl -sS -H 'Authorization: Bearer 00112233445566778899' "$RIG_URL/v1/jobs/1"
says "no such path" 0 "openapi.yaml" rig_api /v1/job
{
    head -n 500 "$RIG_DIR/eids" | jobs_of good
    echo "{\"eid\":\"$stranger\",\"type\":\"audit\"}"
    echo '{"eid":'
    tail -n 500 "$RIG_DIR/eids" | jobs_of good
} | submit_all 1000
says "line 501 of a bulk" 0 '"line":501,"status":404' cat "$RIG_DIR/answers"
says "line 502 of a bulk" 0 '"line":502,"status":400' cat "$RIG_DIR/answers"
await_results 1000 60
check_all --unique-scripts
is_equal "jobs executed" "$(rig_outcomes executed)" 1000
stop_in_order

# Configuration.
yaml=$RIG_DIR/starling.yaml
run_with() { # SED_EXPRESSION
    sed "$1" "$yaml" >"$RIG_DIR/bad.yaml"
    XDG_RUNTIME_DIR=$RIG_DIR timeout 30 "$RIG_STARLING" run --config "$RIG_DIR/bad.yaml"
}
says "broken YAML" 1 "bad.yaml:5" run_with '5s/$/ ]/'
says "unknown setting" 1 '"binders" is not a setting' run_with 's/binds:/binders:/'
says "value out of range" 1 "window" run_with 's/window: .*/window: 0/'
says "device that does not exist" 1 "net_nosuch0" run_with 's/device: .*/device: net_nosuch0/'
if [ -z "$(rig_af_xdp_lacks)" ]; then
    says "interface that does not exist" 1 "iface=nosuch0" \
        run_with 's/device: .*/device: net_af_xdp0,iface=nosuch0/'
fi
says "account on a port that is not there" 1 "net9" run_with 's/port: net0/port: net9/'
says "file that does not exist" 1 "/nowhere" run_with 's,kek_file: .*,kek_file: /nowhere/kek,'
chmod 644 "$RIG_DIR/kek"
says "KEK file for the world to read" 1 "chmod" run_with ''
chmod 600 "$RIG_DIR/kek"

# Nothing of that did harm.
rig_engine_start || fail "the engine does not start again"
is_equal "devices" "$(rig_metric starling_devices)" 10000
stop_in_order
