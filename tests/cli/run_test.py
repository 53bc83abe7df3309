#!/usr/bin/env python3
"""`starling run`: starts on a port that leads nowhere, serves its API, ends in order."""
import json
import os
import pathlib
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import unittest
import urllib.error
import urllib.request

STARLING = sys.argv.pop(1)
TOKEN = "0123456789abcdef-token"
EID = "89001012012341234012345678901224"


class Run(unittest.TestCase):
    def setUp(self):
        self.holder = tempfile.TemporaryDirectory()
        self.at = pathlib.Path(self.holder.name)
        (self.at / "data").mkdir(mode=0o700)
        for name, text in (("kek", "5a" * 32), ("password", "secret"), ("token", TOKEN)):
            (self.at / name).write_text(text + "\n")
            (self.at / name).chmod(0o600)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.config = self.at / "starling.yaml"
        self.config.write_text(f"""
data_dir: {self.at}/data
kek_file: {self.at}/kek
devices_max: 1000
memory: {{hugepages: false, size: 256M}}
ports:
- {{name: p0, device: net_null0, address: 198.18.77.2/24}}
accounts:
- {{name: a0, port: p0, address: 198.18.77.1, system_id: s, password_file: {self.at}/password,
   source_address: "1"}}
routes:
- {{account: a0}}
api: {{port: {self.port}, clients: [{{name: c0, token_file: {self.at}/token}}]}}
jobs: {{waiting_max: 1000}}
""")
        self.env = dict(os.environ, XDG_RUNTIME_DIR=str(self.at))
        self.engine = None

    def tearDown(self):
        if self.engine is not None:
            self.engine.kill()
            self.engine.wait()
            self.engine.stderr.close()
        self.holder.cleanup()

    def test_captures_that_make_no_sense_are_refused(self):
        seen = str(self.at / "seen.pcap")
        for args in (["--pcap-peer", "198.18.77.1"], ["--pcap-port", "p0"],
                     ["--pcap", seen, "--pcap-peer", "nobody"], ["--pcap", seen, "--pcap-limit", "5"],
                     ["--pcap", seen, "--pcap-limit", "0M"], ["--pcap", seen, "more"]):
            self.refused("usage: starling run", 2, ["--config", str(self.config), *args])
        self.refused("--pcap-port p7: no port", 1,
                     ["--config", str(self.config), "--pcap", seen, "--pcap-port", "p7"])
        self.assertFalse((self.at / "seen.pcap").exists())
        self.config.write_text(self.config.read_text().replace(
            "device: net_null0", 'device: "net_af_packet0,iface=nosuchif0"'))
        self.refused("port net_af_packet0", 1, ["--config", str(self.config), "--pcap", seen])
        self.assertFalse((self.at / "seen.pcap").exists(), "nothing was captured, and the name is taken")
        (self.at / "seen.pcap").write_text("mine")
        self.refused("File exists; remove it", 1, ["--config", str(self.config), "--pcap", seen])
        self.assertEqual((self.at / "seen.pcap").read_text(), "mine")

    def start(self):
        self.engine = subprocess.Popen([STARLING, "run", "--config", str(self.config)],
                                       stderr=subprocess.PIPE, text=True, env=self.env)
        said = []
        for line in self.engine.stderr:
            said.append(line)
            if "ready" in line:
                return
        self.fail("".join(said))

    def stop(self):
        self.engine.send_signal(signal.SIGTERM)
        said = self.engine.stderr.read()
        self.assertEqual(self.engine.wait(60), 0, said)

    def ask(self, method, path, body=None, token=TOKEN):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method,
                                         data=body and json.dumps(body).encode())
        request.add_header("Authorization", f"Bearer {token}")
        if body:
            request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def refused(self, said, code=1, args=None):
        run = subprocess.run([STARLING, "run", *(args or ["--config", str(self.config)])],
                             capture_output=True, text=True, timeout=120, env=self.env)
        self.assertEqual(run.returncode, code, run.stderr)
        self.assertIn(said, run.stderr)

    def test_it_serves_and_ends_in_order_and_starts_again(self):
        for _ in range(2):
            self.start()
            self.assertEqual(self.ask("GET", "/healthz")[0], 200)
            self.assertEqual(self.ask("GET", "/readyz")[0], 503)  # no bind is up
            self.assertIn("starling_", self.ask("GET", "/metrics")[1])
            self.assertEqual(self.ask("POST", "/v1/jobs", {"eid": EID, "type": "audit"})[0], 404)
            self.assertEqual(self.ask("GET", "/v1/jobs/1", token="x" * 20)[0], 401)
            self.assertEqual(self.ask("GET", "/v1/results?wait=0"), (200, ""))
            self.stop()
            self.engine.stderr.close()
            self.engine = None

    def test_ring_and_pcap_devices_are_ports_by_their_configuration(self):
        """What a file holds is received, what the engine says to it goes into another."""
        seen, said = self.at / "in.pcap", self.at / "out.pcap"
        theirs, ours = b"\x02\0\0\0\0\x09", bytes([198, 18, 77, 2])
        arp = b"\0\1\x08\0\6\4"
        asks = (b"\xff" * 6 + theirs + b"\x08\6" + arp + b"\0\1" + theirs + bytes([198, 18, 77, 9]) +
                bytes(6) + ours)
        seen.write_bytes(struct.pack("=IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1) +
                         struct.pack("=IIII", 1, 0, len(asks), len(asks)) + asks)
        sound = self.config.read_text()
        for device in ("net_ring0", f"net_pcap0,rx_pcap={seen},tx_pcap={said}"):
            self.config.write_text(sound.replace("device: net_null0", f'device: "{device}"'))
            self.start()
            metrics = self.ask("GET", "/metrics")[1]
            self.assertIn('starling_net_total{port="p0",edge="0",layer="port",event="rx_frames"}', metrics)
            self.stop()
            self.engine.stderr.close()
            self.engine = None
        answer = arp + b"\0\2"
        self.assertIn(answer, said.read_bytes())
        at = said.read_bytes().index(answer) + len(answer)
        self.assertEqual(said.read_bytes()[at + 6:at + 20], ours + theirs + bytes([198, 18, 77, 9]))

    def test_what_keeps_it_from_starting_is_said(self):
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind(("127.0.0.1", self.port))
            other.listen()
            self.refused(f"127.0.0.1 port {self.port}")
        sound = self.config.read_text()
        self.config.write_text(sound.replace("size: 256M", "size: 900G"))
        self.refused("memory.size = 921600 MB: the machine has")
        self.config.write_text(sound)
        (self.at / "kek").chmod(0o644)
        self.refused("kek")
        (self.at / "kek").chmod(0o600)
        text = self.config.read_text()
        self.config.write_text(text.replace(
            "device: net_null0", 'device: "net_af_packet0,iface=nosuchif0"'))
        self.refused("nosuchif0")
        self.config.write_text(text.replace("devices_max", "devices_mix"))
        self.refused(f'{self.config}:4: the file: "devices_mix" is not a setting')

    def test_usage(self):
        self.refused("usage: starling run", 2, ["--loud"])
        self.refused("usage: starling run", 2, ["--config"])
        self.refused("usage: starling run", 2, ["--log", "loud", "--config", "x"])
        self.refused("usage: starling run", 2, ["here"])
        self.refused("cannot be read", 1, ["--config", str(self.at / "none")])


if __name__ == "__main__":
    unittest.main()
