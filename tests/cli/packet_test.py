#!/usr/bin/env python3
"""`starling packet` over every vector of both kinds, and over lines that make no sense."""
import json
import pathlib
import subprocess
import sys
import unittest

STARLING = sys.argv.pop(1)
VECTORS = json.loads((pathlib.Path(__file__).parent.parent / "vectors/scp80.json").read_text())
SEAL_INPUT = ("id", "transport", "direction", "keys", "spi", "kic", "kid", "tar", "cntr", "cc_len",
              "plaintext", "concat_ref", "concat_ref_bits")
OPEN_INPUT = ("id", "transport", "direction", "keys", "request", "cc_len", "secured_packet",
              "tp_ud_segments", "arrival_order")


def packet(what, text, code=0):
    run = subprocess.run([STARLING, "packet", what], input=text, capture_output=True, timeout=120)
    assert run.returncode == code, (run.returncode, run.stderr)
    return [json.loads(line) for line in run.stdout.splitlines()]


def lines(vectors, members):
    picked = [{m: v[m] for m in members if m in v} for v in vectors]
    return "".join(json.dumps(p) + "\n" for p in picked).encode()


class Vectors(unittest.TestCase):
    def check_seal(self, vectors, out):
        self.assertEqual([o["id"] for o in out], [v["id"] for v in vectors])
        for vector, got in zip(vectors, out):
            with self.subTest(vector["id"]):
                self.assertEqual(got["secured_packet"], vector["secured_packet"])
                self.assertEqual(got["pcntr"], vector["pcntr"])
                self.assertEqual(got.get("tp_ud_segments"), vector.get("tp_ud_segments"))

    def test_seal_gives_the_packet_and_its_segments(self):
        vectors = [v for v in VECTORS["command"] if v["expect"] == "ok"]
        self.assertEqual(len(vectors), 85)
        self.check_seal(vectors, packet("seal", lines(vectors, SEAL_INPUT)))

    def test_seal_takes_whole_vectors_as_well(self):
        vectors = [v for v in VECTORS["command"] if v["expect"] == "ok"]
        text = "".join(json.dumps(v) + "\n" for v in vectors).encode()
        self.check_seal(vectors, packet("seal", text))

    def check_open(self, vectors, out):
        self.assertEqual([o["id"] for o in out], [v["id"] for v in vectors])
        for vector, got in zip(vectors, out):
            with self.subTest(vector["id"], title=vector["title"]):
                self.assertEqual(got.get("verdict"), vector["expect"], got)
                if vector["expect"] == "reject":
                    self.assertEqual(got["failed_check"], vector["failed_check"])
                    continue
                self.assertEqual(got["plaintext"], vector["plaintext"])
                self.assertEqual(got["pcntr"], vector["pcntr"])
                self.assertEqual(got["cntr"], vector.get("request", vector)["cntr"])
                if "request" in vector:
                    self.assertEqual(got["response_status"], vector["response_status"])

    def test_open_gives_the_verdict_of_every_vector(self):
        for kind in ("response", "command"):
            self.check_open(VECTORS[kind], packet("open", lines(VECTORS[kind], OPEN_INPUT)))

    def test_open_takes_both_kinds_in_one_run_and_the_packet_without_segments(self):
        vectors = VECTORS["response"] + VECTORS["command"]
        vectors = [v for v in vectors if v["id"] != "C102"]  # its packet is what was believed
        bare = tuple(m for m in OPEN_INPUT if m not in ("tp_ud_segments", "arrival_order"))
        self.check_open(vectors, packet("open", lines(vectors, bare)))

    def test_every_lost_segment_is_a_length_that_does_not_hold(self):
        vectors = [v for v in VECTORS["response"] + VECTORS["command"]
                   if v["expect"] == "ok" and len(v.get("tp_ud_segments", [])) > 1]
        cut = []
        for vector in vectors:
            count = len(vector["tp_ud_segments"])
            for lost in range(1, count + 1):
                order = [n for n in range(1, count + 1) if n != lost]
                cut.append(dict(vector, arrival_order=order))
        out = packet("open", lines(cut, OPEN_INPUT))
        self.assertGreater(len(out), 20)
        for got in out:
            self.assertEqual((got["verdict"], got.get("failed_check")), ("reject", "length"))


class Malformed(unittest.TestCase):
    GOOD = VECTORS["command"][0]
    SECRET = GOOD["keys"]["kic"]

    def seal(self, **changes):
        line = {m: self.GOOD[m] for m in SEAL_INPUT if m in self.GOOD}
        line.update(changes)
        line = {k: v for k, v in line.items() if v != "absent"}
        return packet("seal", json.dumps(line).encode() + b"\n")[0]

    def test_each_member_is_named_when_it_is_wrong(self):
        for member in ("spi", "kic", "kid", "tar", "cntr", "plaintext", "keys"):
            for value in ("absent", "zz", 7, None, "0"):
                got = self.seal(**{member: value})
                self.assertEqual(set(got), {"id", "error"}, (member, value))
                self.assertEqual(got["id"], "C001")
                self.assertIn(member, got["error"])
                self.assertNotIn(self.SECRET, got["error"])

    def test_contradictions_are_errors(self):
        self.assertIn("cc_len", self.seal(cc_len=2)["error"])
        self.assertIn("concat_ref", self.seal(plaintext="00" * 300)["error"])
        self.assertIn("concat_ref", self.seal(concat_ref=256, concat_ref_bits=8)["error"])
        self.assertIn("key", self.seal(keys={"kic": self.SECRET[:20], "kid": self.SECRET})["error"])
        self.assertIn("key", self.seal(keys={})["error"])
        self.assertIn("not something this program does", self.seal(spi="1739")["error"])
        self.assertIn("transport", self.seal(transport="USSD")["error"])

    def test_nonsense_between_good_lines_costs_only_itself(self):
        good = lines([self.GOOD], SEAL_INPUT)
        noise = [b"{\n", b"[]\n", b"\xff\xfe\n", b"null\n", b'{"id":5}\n', b'{"id":"x","id":"y"}\n']
        out = packet("seal", good + good.join(noise) + good)
        self.assertEqual(len(out), 2 * len(noise) + 1)
        for at, got in enumerate(out):
            self.assertEqual("error" in got, at % 2 == 1, got)
        self.assertEqual(out[1]["id"], None)
        self.assertEqual(out[9]["id"], 5)

    def test_last_line_needs_no_newline_and_blank_lines_are_nothing(self):
        good = lines([self.GOOD], SEAL_INPUT)
        self.assertEqual(len(packet("seal", b"\n  \n" + good + b"\r\n" + good[:-1])), 2)
        self.assertEqual(packet("seal", b""), [])

    def test_huge_lines_are_refused_and_the_run_goes_on(self):
        good = lines([self.GOOD], SEAL_INPUT)
        out = packet("seal", b'{"plaintext":"' + b"0" * (9 << 20) + b'"}\n' + good)
        self.assertEqual(len(out), 2)
        self.assertIn("longer than", out[0]["error"])
        self.assertEqual(out[1]["secured_packet"], self.GOOD["secured_packet"])

    def test_bad_segments(self):
        line = dict(VECTORS["response"][0])
        for change in ({"tp_ud_segments": []}, {"tp_ud_segments": "02"}, {"tp_ud_segments": ["0"]},
                       {"tp_ud_segments": ["00" * 141]}, {"arrival_order": [0]},
                       {"arrival_order": [2]}, {"arrival_order": []}, {"request": {}},
                       {"tp_ud_segments": [None]}):
            got = packet("open", json.dumps(dict(line, **change)).encode())[0]
            self.assertIn("error", got, change)
        for segment in ("", "02", "027100", "0271000000", "ff7100"):
            got = packet("open", json.dumps(dict(line, tp_ud_segments=[segment])).encode())[0]
            self.assertEqual(got.get("verdict"), "reject", (segment, got))

    def test_answers_come_while_input_is_open(self):
        run = subprocess.Popen([STARLING, "packet", "seal"], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE)
        for _ in range(3):
            run.stdin.write(lines([self.GOOD], SEAL_INPUT))
            run.stdin.flush()
            self.assertIn("secured_packet", json.loads(run.stdout.readline()))
        run.stdin.close()
        self.assertEqual(run.wait(60), 0)
        run.stdout.close()

    def test_usage(self):
        for args in ([], ["fold"], ["seal", "open"], ["--loud"]):
            run = subprocess.run([STARLING, "packet", *args], input=b"", capture_output=True)
            self.assertEqual(run.returncode, 2)
            self.assertIn(b"usage: starling packet", run.stderr)
        run = subprocess.run([STARLING, "packet", "--help"], capture_output=True)
        self.assertEqual((run.returncode, run.stderr), (0, b""))


if __name__ == "__main__":
    unittest.main()
