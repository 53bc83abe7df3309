#!/usr/bin/env python3
"""`starling send` against a server of the test's own that answers as engine/api/openapi.yaml says."""
import http.server
import json
import pathlib
import subprocess
import sys
import tempfile
import threading
import unittest

STARLING = sys.argv.pop(1)
EID = "89001012012341234012345678901224"
TOKEN = "0123456789abcdef-token"


class Engine(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, body):
        body = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append((self.path, self.headers["Authorization"], json.loads(body)))
        self.answer(*self.server.post)

    def do_GET(self):
        self.server.looks += 1
        views = self.server.views
        self.answer(200, views[min(self.server.looks, len(views)) - 1])

    def log_message(self, *_):
        pass


WAITING = {"id": "42", "state": "in-flight", "attempts": []}
FINAL = {"id": "42", "state": "final", "outcome": "executed", "porStatus": "00",
         "responses": ["9000", "ff216a88"], "attempts": [{"attempt": 1}]}


class Send(unittest.TestCase):
    def setUp(self):
        self.holder = tempfile.TemporaryDirectory()
        self.token = pathlib.Path(self.holder.name) / "token"
        self.token.write_text(TOKEN + "\n")
        self.token.chmod(0o600)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Engine)
        self.server.daemon_threads = True
        self.server.seen, self.server.looks = [], 0
        self.server.post, self.server.views = (202, {"id": "42"}), [WAITING, FINAL]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def tearDown(self):
        self.server.shutdown()
        self.server.server_close()
        self.holder.cleanup()

    def send(self, *args):
        run = subprocess.run(
            [STARLING, "send", *args, "--url", f"http://127.0.0.1:{self.server.server_port}",
             "--token-file", str(self.token)], capture_output=True, text=True, timeout=120)
        return run.returncode, run.stdout, run.stderr

    def job(self):
        path, token, job = self.server.seen[0]
        self.assertEqual((path, token), ("/v1/jobs", f"Bearer {TOKEN}"))
        return job

    def test_waits_for_the_result_and_shows_it(self):
        code, out, err = self.send(EID, "--audit")
        self.assertEqual((code, err), (0, ""))
        self.assertEqual(self.job(), {"eid": EID, "type": "audit"})
        self.assertEqual(self.server.looks, 2)
        self.assertIn("job 42: executed, PoR status 00, 1 short messages sent", out)
        self.assertIn("R-APDU 1: SW 9000", out)
        self.assertIn("R-APDU 2: SW 6a88 ff21", out)

    def test_every_option_reaches_the_job(self):
        code, out, _ = self.send(EID, "--script", "80ca9f7f00,80E28800", "--tar", "b20100", "--kvn",
                                 "3", "--spi", "1E39", "--priority", "2", "--idempotent", "--key",
                                 "k1", "--expires-in", "60", "--json")
        self.assertEqual(code, 0)
        self.assertEqual(json.loads(out), FINAL)
        self.assertEqual(self.job(), {
            "eid": EID, "type": "script", "script": ["80ca9f7f00", "80E28800"], "tar": "b20100",
            "kvn": 3, "spi": "1E39", "priority": 2, "idempotent": True, "key": "k1",
            "expiresIn": 60})

    def test_without_waiting(self):
        code, out, _ = self.send(EID, "--delete-profile", "000011", "--no-wait")
        self.assertEqual((code, out), (0, "job 42 accepted\n"))
        self.assertEqual(self.job()["isdpAid"], "000011")
        self.assertEqual(self.server.looks, 0)

    def test_another_outcome_is_a_failure(self):
        self.server.views = [dict(FINAL, outcome="unconfirmed", reason="timeout")]
        code, out, _ = self.send(EID, "--audit")
        self.assertEqual(code, 1)
        self.assertIn("job 42: unconfirmed (timeout)", out)

    def test_time_that_runs_out_says_where_the_job_is(self):
        self.server.views = [WAITING]
        code, out, err = self.send(EID, "--audit", "--timeout", "0")
        self.assertEqual(code, 1)
        self.assertIn("in-flight", out)
        self.assertIn("GET /v1/jobs/42", err)

    def test_refusals_are_shown(self):
        self.server.post = (400, {"error": "script makes 900 octets", "field": "script"})
        code, out, err = self.send(EID, "--script", "80ca9f7f00")
        self.assertEqual((code, out), (1, ""))
        self.assertIn("script makes 900 octets", err)

    def test_misuse(self):
        for args in ([], [EID], ["--audit"], [EID, "--audit", "--script", "00"], [EID, "--loud"],
                     [EID, "--audit", "--kvn", "x"], [EID, "--audit", "--kvn"],
                     [EID, EID, "--audit"], [EID, "--audit", "--timeout", "-1"]):
            code, out, err = self.send(*args)
            self.assertEqual((code, out), (2, ""), args)
            self.assertIn("usage: starling send", err)
        self.assertEqual(self.server.seen, [])
        run = subprocess.run([STARLING, "send", "--help"], capture_output=True, text=True)
        self.assertEqual((run.returncode, run.stderr), (0, ""))


if __name__ == "__main__":
    unittest.main()
