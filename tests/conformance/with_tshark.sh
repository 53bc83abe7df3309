#!/bin/sh
# Our SMPP PDUs through Wireshark's dissector: with_tshark.sh SMPP_PDUS. It must read what we meant, and find
# nothing malformed. Exits 77 where tshark is not installed.
set -eu
command -v tshark >/dev/null && command -v text2pcap >/dev/null || exit 77
pdus=$1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
HOME=$dir && export HOME

"$pdus" >"$dir/pdus.txt"
text2pcap -q -T 40000,2775 "$dir/pdus.txt" "$dir/pdus.pcap" 2>"$dir/log" || { cat "$dir/log"; exit 1; }
read_fields() {
    tshark -r "$dir/pdus.pcap" -d tcp.port==2775,smpp -T fields -E separator='|' "$@" 2>>"$dir/log"
}

read_fields -Y _ws.malformed -e frame.number >"$dir/malformed"
if [ -s "$dir/malformed" ]; then
    echo "malformed to tshark, packets:" && cat "$dir/malformed"
    exit 1
fi

read_fields -e smpp.command_id -e smpp.sequence_number -e smpp.command_status >"$dir/headers"
cat >"$dir/headers.wanted" <<'END'
0x00000009|1|
0x80000009|1|0x00000000
0x00000004|10|
0x00000004|11|
0x00000005|12|
0x00000103|13|
0x80000004|10|0x00000000
0x80000003|14|0x00000000
0x00000015|20|
0x80000015|20|0x00000000
0x80000004|11|0x00000058
0x80000000|21|0x00000003
0x00000006|22|
0x80000006|22|0x00000000
END
diff "$dir/headers.wanted" "$dir/headers"

read_fields -Y 'smpp.command_id == 4' -e smpp.service_type -e smpp.source_addr \
    -e smpp.destination_addr -e smpp.esm.submit.features -e smpp.protocol_id -e smpp.data_coding \
    -e smpp.sm_length -e smpp.user_message_reference -e smpp.more_messages_to_send \
    -e gsm_sms.udh.mm.msg_parts -e gsm_sms.udh.mm.msg_part >"$dir/submits"
cat >"$dir/submits.wanted" <<'END'
OTA|447700900123|882390000012345|0x01|0x7f|0xf6|140|0x0007|1|2|1
OTA|447700900123|882390000012345|0x01|0x7f|0xf6|74|0x0007|1|2|2
END
diff "$dir/submits.wanted" "$dir/submits"

read_fields -Y 'smpp.command_id == 5' -e smpp.esm.submit.msg_type -e smpp.receipted_message_id \
    -e smpp.message_state >"$dir/receipts"
echo '0x01|5d2f9a01|2' >"$dir/receipts.wanted"
diff "$dir/receipts.wanted" "$dir/receipts"

read_fields -Y 'smpp.command_id == 0x103' -e smpp.sar_msg_ref_num -e smpp.sar_total_segments \
    -e smpp.sar_segment_seqnum -e smpp.qos_time_to_live >"$dir/data"
echo '9|2|1|3600' >"$dir/data.wanted"
diff "$dir/data.wanted" "$dir/data"
