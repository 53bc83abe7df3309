#!/usr/bin/env python3
"""`starling decode`: examples of the standards field by field, and bytes that make no sense."""
import json
import os
import pathlib
import subprocess
import sys
import unittest

STARLING = sys.argv.pop(1)
VECTORS = json.loads((pathlib.Path(__file__).parent.parent / "vectors/scp80.json").read_text())
PACKET = ("00381516391212000001"
          "4a94b145186c160cb7c59dce236dfdaac6d3f55ec9366f3373b5b330409e4d8abecd43949586b6045d3f07e08b1a961b")
SUBMIT = ("0000008f000000040000000000000002000101343437373030393030313233000101383832333930303030303132"
          "33343500407f000030303030303130303030303030303052000100f6003d027000" + PACKET + "020400020007")


def run(args, text=None):
    return subprocess.run([STARLING, "decode", *args], input=text, capture_output=True, text=True,
                          timeout=60)


def decode(kind, hex_text, code=0):
    done = run([kind, hex_text])
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    return json.loads(done.stdout)


class Decode(unittest.TestCase):
    def test_clear_fields_of_every_vector(self):
        sound = [v for kind in ("command", "response") for v in VECTORS[kind]
                 if v["expect"] == "ok" and v["transport"] != "TCP_IP"]
        done = run(["scp80", "-"], "".join(v["secured_packet"] + "\n" for v in sound))
        self.assertEqual(done.returncode, 0)
        for vector, got in zip(sound, map(json.loads, done.stdout.splitlines()), strict=True):
            with self.subTest(vector["id"]):
                self.assertEqual(got["kind"], vector["kind"])
                self.assertEqual(got["transport"], vector["transport"])
                self.assertEqual(got["tar"], vector.get("request", vector)["tar"])
                if vector["kind"] == "response":
                    continue
                for name in ("spi", "kic", "kid", "ciphered"):
                    self.assertEqual(got[name], vector[name])
                if not vector["ciphered"]:
                    for name in ("cntr", "pcntr", "plaintext"):
                        self.assertEqual(got[name], vector[name])

    def test_user_data_is_taken_as_well(self):
        for kind in ("command", "response"):
            for vector in VECTORS[kind]:
                if vector["expect"] != "ok" or len(vector.get("tp_ud_segments", "")) != 1:
                    continue
                got = decode("scp80", vector["tp_ud_segments"][0])
                self.assertEqual(got["secured_packet"], vector["secured_packet"], vector["id"])
        part = decode("scp80", "05000310020284cc")
        self.assertEqual((part["concat_ref"], part["concat_total"], part["concat_index"]), (16, 2, 2))

    def test_broken_packets_name_the_check(self):
        for vector in VECTORS["command"]:
            if vector["id"] == "C091":
                got = decode("scp80", vector["tp_ud_segments"][0], 1)
                self.assertEqual(got, {"error": vector["failed_check"], "at": 3})

    def test_deliver_of_the_example(self):
        got = decode("tpdu", "440c914477000910327ff6621122905161003d027000" + PACKET)
        self.assertEqual(got["type"], "SMS-DELIVER")
        self.assertEqual(got["oa"], {"ton": 1, "npi": 1, "digits": "447700900123"})
        self.assertEqual((got["pid"], got["dcs"], got["udl"]), ("7f", "f6", 61))
        self.assertEqual(got["udh"]["kind"], "command")
        self.assertEqual(got["udh"]["payload"], PACKET)
        self.assertEqual(decode("tpdu", "51070c914477000910327ff6a703027000")["type"], "SMS-SUBMIT")
        self.assertEqual(decode("tpdu", "00077ff603027100")["type"], "SMS-DELIVER-REPORT")

    def test_submit_sm_of_the_example(self):
        got = decode("smpp", SUBMIT)
        self.assertEqual(got["command"], "submit_sm")
        self.assertEqual(got["sequence_number"], 2)
        self.assertEqual(got["source_addr"]["digits"], "447700900123")
        self.assertEqual(got["destination_addr"]["digits"], "882390000012345")
        self.assertEqual(got["validity_period"], "000001000000000R")
        self.assertEqual((got["esm_class"], got["protocol_id"], got["data_coding"]), ("40", "7f", "f6"))
        self.assertEqual(got["short_message"], "027000" + PACKET)
        self.assertEqual(got["user_message_reference"], 7)

    def test_a_password_is_not_shown(self):
        body = b"a\0secret\0\0\x34\0\0\0"
        pdu = (16 + len(body)).to_bytes(4, "big") + bytes.fromhex("000000090000000000000001") + body
        done = run(["smpp", pdu.hex()])
        self.assertEqual(done.returncode, 0)
        self.assertNotIn("secret", done.stdout)
        self.assertNotIn(b"secret".hex(), done.stdout)

    def test_scripts_in_both_formats(self):
        got = decode("script", "aa11220580caff2100220880f24002024f0000")
        self.assertEqual([c["c_apdu"] for c in got["c_apdus"]], ["80caff2100", "80f24002024f0000"])
        got = decode("script", "ab0780010123029000")
        self.assertEqual((got["executed"], got["r_apdus"]), (1, [{"data": "", "sw": "9000"}]))
        self.assertTrue(decode("script", "af80230290000000")["indefinite"])
        self.assertEqual(decode("script", "016132")["r_apdus"][0]["sw"], "6132")
        self.assertEqual(decode("script", "80ec010100")["format"], "compact")

    def test_nonsense_names_reason_and_offset(self):
        self.assertEqual(decode("script", "aa07a20580caff2100", 1), {"error": "malformed", "at": 4})
        self.assertEqual(decode("smpp", "0000000f000000150000000000000009", 1)["error"], "length")
        self.assertEqual(decode("tpdu", "44", 1), {"error": "short", "at": 1})
        self.assertEqual(decode("tpdu", "44zz", 1), {"error": "malformed", "at": 1})
        self.assertEqual(decode("tpdu", "440", 1), {"error": "short", "at": 1})
        self.assertIn("error", decode("scp80", "", 1))

    def test_one_bad_line_spoils_no_other(self):
        done = run(["script", "-"], "ab0780010123029000\nzz\n\nab0780010123029000")
        self.assertEqual(done.returncode, 1)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual(["error" in line for line in lines], [False, True, False])

    def test_input_that_cannot_be_read_and_output_that_cannot_be_written_fail(self):
        directory = os.open("/", os.O_RDONLY)
        done = subprocess.run([STARLING, "decode", "tpdu", "-"], stdin=directory, timeout=60,
                              capture_output=True, text=True)
        os.close(directory)
        self.assertEqual(done.returncode, 1)
        self.assertIn("standard input", done.stderr)
        for args in (["decode", "script", "80caff2100"], ["--help"]):
            with open("/dev/full", "wb") as full:
                done = subprocess.run([STARLING, *args], stdout=full, stderr=subprocess.PIPE,
                                      text=True, timeout=60)
            self.assertEqual(done.returncode, 1)
            self.assertIn("standard output", done.stderr)

    def test_misuse_exits_2(self):
        for args in ([], ["scp80"], ["cheese", "00"], ["tpdu", "00", "00"]):
            self.assertEqual(run(args).returncode, 2)
        self.assertEqual(run(["--help"]).returncode, 0)


if __name__ == "__main__":
    unittest.main()
