#!/usr/bin/env python3
"""`starling check` and `starling kek`: what they find, what they make, how they exit."""
import http.server
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

STARLING = sys.argv.pop(1)
TWO = 1 if os.cpu_count() > 1 else 0


def run(*args):
    done = subprocess.run([STARLING, *args], capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout, done.stderr


class Place(unittest.TestCase):
    """A directory where everything is as it should be."""

    root = []

    def setUp(self):
        self.holder = tempfile.TemporaryDirectory()
        self.at = pathlib.Path(self.holder.name)
        (self.at / "data").mkdir(mode=0o700)
        self.assertEqual(run("kek", "create", str(self.at / "kek"))[0], 0)
        self.write("password", "secret12\n")
        self.write("token", "t" * 32 + "\n")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.configure()

    def tearDown(self):
        self.holder.cleanup()

    def write(self, name, text, mode=0o600):
        path = self.at / name
        path.write_text(text)
        path.chmod(mode)

    def configure(self, device="net_null0", address="198.18.77.2/24", more="", edges="[0]"):
        self.write("starling.yaml", f"""
data_dir: {self.at}/data
kek_file: {self.at}/kek
devices_max: 100
memory: {{hugepages: false}}
ports:
- {{name: p0, device: "{device}", edges: {edges}, address: {address}}}
accounts:
- {{name: a0, port: p0, address: 198.18.77.1, system_id: s, password_file: {self.at}/password,
   source_address: "1"}}
routes:
- {{account: a0}}
api: {{port: {self.port}, clients: [{{name: c0, token_file: {self.at}/token}}]}}
{more}""")

    within = []

    def check(self):
        done = subprocess.run([*self.within, STARLING, "check", "--json", "--config",
                               str(self.at / "starling.yaml"), *self.root],
                              capture_output=True, text=True, timeout=120)
        code, out, err = done.returncode, done.stdout, done.stderr
        self.assertEqual(err, "")
        found = json.loads(out)
        self.assertEqual(code, 1 if found["errors"] else 0)
        return [f for f in found["findings"] if f["level"] != "ok"]

    def found(self, subject, *words):
        for finding in self.check():
            if finding["subject"] == subject:
                for word in words:
                    self.assertIn(word, finding["what"] + " " + finding["fix"])
                self.assertTrue(finding["why"])
                self.assertTrue(finding["fix"])
                return finding["level"]
        self.fail(f"nothing found of {subject}")


class Check(Place):
    def test_a_sound_place_has_no_error(self):
        self.assertEqual([f for f in self.check() if f["level"] == "error"], [])
        code, out, _ = run("check", "--config", str(self.at / "starling.yaml"))
        self.assertEqual(code, 0)
        self.assertIn("0 errors", out)

    def test_data_directory(self):
        (self.at / "data").chmod(0o755)
        self.assertEqual(self.found("data_dir", "0755", "chmod 0700"), "error")
        (self.at / "data").rmdir()
        self.assertEqual(self.found("data_dir", "No such file", "install -d -m 0700"), "error")
        self.write("data", "")
        self.assertEqual(self.found("data_dir", "not a directory"), "error")

    def test_kek(self):
        (self.at / "kek").chmod(0o644)
        self.assertEqual(self.found("kek_file", "chmod 0600"), "error")
        (self.at / "kek").unlink()
        self.assertEqual(self.found("kek_file", "starling kek create"), "error")
        self.write("kek", "00" * 31)
        self.assertEqual(self.found("kek_file", str(self.at / "kek")), "error")

    def test_secrets(self):
        self.write("token", "t" * 32, 0o644)
        self.assertEqual(self.found("client c0", "0644", "chmod 0600"), "error")
        self.write("token", "t" * 32, 0o640)
        self.assertEqual(self.found("client c0", "0640"), "warning")
        self.write("token", "short")
        self.assertEqual(self.found("client c0", "5 characters", "openssl rand"), "error")
        (self.at / "password").unlink()
        self.assertEqual(self.found("account a0", "No such file"), "error")
        self.write("password", "longerthan8")
        self.assertEqual(self.found("account a0", "11 characters; accepted: 1 to 8"), "error")
        self.assertNotIn("longerthan8", json.dumps(self.check()))

    def test_two_clients_with_one_token(self):
        self.write("other", "t" * 32 + "\n")
        clients = f"{{name: c0, token_file: {self.at}/token}}"
        text = (self.at / "starling.yaml").read_text()
        self.write("starling.yaml", text.replace(
            clients, clients + f", {{name: c1, token_file: {self.at}/other}}"))
        self.assertEqual(self.found("client c1", "client c0", "openssl rand"), "error")
        self.assertNotIn("t" * 32, json.dumps(self.check()))
        self.write("other", "u" * 32 + "\n")
        self.assertEqual([f for f in self.check() if f["level"] == "error"], [])

    def test_memory_beyond_the_machine(self):
        text = (self.at / "starling.yaml").read_text()
        huge = text.replace("hugepages: false", "hugepages: false, size: 900G")
        self.write("starling.yaml", huge)
        self.assertEqual(self.found("memory.size", "921600 MB", "set memory.size"), "error")
        self.write("starling.yaml", text.replace("devices_max: 100", "devices_max: 100000000"))
        kib = int(pathlib.Path("/proc/meminfo").read_text().split()[1])
        if kib < 24000000:
            self.assertEqual(self.found("devices_max", "set devices_max"), "warning")
        self.write("starling.yaml", text + "jobs: {waiting_max: 100000000}\n")
        self.assertEqual(self.found("jobs.waiting_max", "memory.size"), "error")

    def test_devices(self):
        self.configure(device="net_af_packet0,iface=nosuchif0")
        self.assertEqual(self.found("port p0", "no interface nosuchif0", "ip -br link"), "error")
        self.configure(device="net_af_xdp0")
        self.assertEqual(self.found("port p0", "names no interface"), "error")
        self.configure(device="xsk,iface=nosuchif0")
        self.assertEqual(self.found("port p0", "no interface nosuchif0", "ip -br link"), "error")
        self.configure(device="0000:ff:1f.7")
        self.assertEqual(self.found("port p0", "no PCI device"), "error")
        self.configure(device="eth0")
        self.assertEqual(self.found("port p0", "neither a PCI address nor"), "error")

    def test_an_address_of_the_kernel(self):
        self.configure(address="127.0.0.1/8, gateway: 127.0.0.2")
        self.assertEqual(self.found("port p0", "also the kernel's", "ip addr del"), "error")

    def test_api_port_taken_by_another_or_by_an_engine(self):
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind(("127.0.0.1", self.port))
            other.listen()
            threading.Thread(target=lambda: other.accept()[0].close(), daemon=True).start()
            self.assertEqual(self.found("api", "in use", "ss -ltnp"), "error")

        class Engine(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b'{"status":"alive"}\n')

            def log_message(self, *_):
                pass

        with http.server.HTTPServer(("127.0.0.1", self.port), Engine) as engine:
            threading.Thread(target=engine.handle_request, daemon=True).start()
            self.assertEqual([f for f in self.check() if f["subject"] == "api"], [])

    def machine(self, **files):
        """A /sys of two CPUs, isolated, without a tick, each a core of its own, at full speed."""
        cpus = "sys/devices/system/cpu"
        tree = {f"{cpus}/isolated": "0-1", f"{cpus}/nohz_full": "0-1"}
        for cpu in (0, 1):
            tree[f"{cpus}/cpu{cpu}/topology/thread_siblings_list"] = f"{cpu}"
            tree[f"{cpus}/cpu{cpu}/cpufreq/scaling_governor"] = "performance"
            tree[f"{cpus}/cpu{cpu}/node0/cpulist"] = "0-1"
        tree["sys/class/net/lo/queues/rx-0/x"] = tree["sys/class/net/lo/queues/tx-0/x"] = ""
        tree.update({f"{cpus}/{name}": text for name, text in files.get("cpus", {}).items()})
        tree.update({f"sys/{name}": text for name, text in files.get("sys", {}).items()})
        for name, text in tree.items():
            path = self.at / "root" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text + "\n")
        self.root = ["--root", str(self.at / "root")]

    def cores(self, poll="busy", **more):
        self.configure(more=f"cores: {{edge: [0], workers: [{TWO}], poll: {poll}}}", **more)

    def test_cores_as_they_should_be(self):
        self.machine()
        self.cores()
        self.assertEqual([f for f in self.check() if f["subject"] == "cores"], [])

    def test_cores_shared_with_others(self):
        self.machine(cpus={"isolated": "2-7"})
        self.cores()
        self.assertEqual(self.found("cores", "not isolated", "isolcpus="), "warning")
        self.cores(poll="adaptive")
        self.assertEqual([f for f in self.check() if f["subject"] == "cores"], [])

    def test_isolated_cores_that_nap_or_tick(self):
        self.machine(cpus={"nohz_full": ""})
        self.cores(poll="adaptive")
        self.assertEqual(self.found("cores", "poll is adaptive", "poll: busy"), "warning")
        self.cores()
        self.assertEqual(self.found("cores", "have a tick", "nohz_full="), "warning")

    @unittest.skipIf(os.cpu_count() < 2, "one CPU")
    def test_two_roles_on_hyper_threads_of_one_core(self):
        self.machine(cpus={"cpu0/topology/thread_siblings_list": "0-1"})
        self.cores()
        self.assertEqual(self.found("cores", "CPUs 0 and 1 are one core", "lscpu -e"), "warning")

    def test_a_governor_that_saves(self):
        self.machine(cpus={"cpu0/cpufreq/scaling_governor": "powersave"})
        self.cores()
        self.assertEqual(self.found("cores", "CPUs 0 is not performance",
                                    "cpupower -c 0 frequency-set -g performance"), "warning")

    def test_a_nic_on_another_node(self):
        self.machine(sys={"class/net/lo/device/numa_node": "1"})
        self.cores(device="xsk,iface=lo")
        self.assertEqual(self.found("cores", "is on node 1, CPU 0", "node1/cpulist"), "warning")
        self.machine(sys={"class/net/lo/device/numa_node": "0"})
        self.assertEqual([f for f in self.check() if f["subject"] == "cores"], [])

    @unittest.skipIf(os.cpu_count() < 2, "one CPU")
    def test_fewer_queues_than_edges(self):
        self.machine()
        two = "cores: {edge: [0, 1], workers: [1], poll: busy}"
        self.configure(device="xsk,iface=lo", edges="[0, 1]", more=two)
        self.assertEqual(self.found("port p0", "1 rx queues, 2 edges", "ethtool -L lo combined 2"), "error")
        self.assertEqual(self.found("queues of port p0", "1 tx queues, 2 edges"), "error")
        self.configure(device="net_af_xdp0,iface=lo", edges="[0, 1]", more=two)
        self.assertEqual(self.found("queues of port p0", "its driver has 1 queue", "xsk,iface="), "error")
        self.configure(device="net_af_packet0,iface=lo", edges="[0, 1]", more=two)
        self.assertEqual(self.found("queues of port p0", "its driver has 1 queue", "add qpairs=2"), "error")
        self.configure(device="net_af_packet0,iface=lo,qpairs=2", edges="[0, 1]", more=two)
        self.assertNotIn("error", [f["level"] for f in self.check() if f["subject"] == "queues of port p0"])
        self.configure(device="net_memif0,socket=/s", edges="[0, 1]", more=two)
        self.assertEqual(self.found("queues of port p0", "its other end must have as many"), "warning")

    def veth(self, *more):
        """From now on the check runs in a network namespace with a veth pair, near and far."""
        commands = ["mount -t sysfs sysfs /sys", "ip link add near type veth peer name far",
                    "ip link set near up", "ip link set far up", *more, 'exec "$@"']
        self.within = ["unshare", "-nm", "sh", "-ec", "\n".join(commands), "sh"]
        self.configure(device="xsk,iface=near")
        probe = subprocess.run([*self.within, "true"], capture_output=True, check=False)
        if probe.returncode != 0:
            self.skipTest("cannot make a veth pair in a namespace")

    def of_port(self):
        return [f["what"] for f in self.check() if f["subject"] in ("port p0", "queues of port p0")]

    @unittest.skipIf(os.geteuid() != 0, "needs root")
    def test_a_veth_whose_peer_leaves_checksums_to_nobody(self):
        self.veth()
        self.assertEqual(self.found("queues of port p0", "near is a veth", "ethtool -K PEER tx off"),
                         "warning")
        self.veth("ethtool -K far tx off >/dev/null")
        self.assertEqual(self.of_port(), [])

    @unittest.skipIf(os.geteuid() != 0, "needs root")
    def test_tags_that_are_taken_off_before_xdp(self):
        quiet = "ethtool -K far tx off >/dev/null"
        self.veth(quiet)
        self.configure(device="xsk,iface=near", address="198.18.77.2/24, vlan: 7")
        self.assertEqual(self.found("queues of port p0", "VLAN 7", "ethtool -K near rxvlan off"),
                         "warning")
        self.veth(quiet, "ethtool -K near rxvlan off >/dev/null")
        self.configure(device="xsk,iface=near", address="198.18.77.2/24, vlan: 7")
        self.assertEqual(self.of_port(), [])

    @unittest.skipIf(os.geteuid() != 0, "needs root")
    def test_an_interface_that_is_down_or_short(self):
        self.veth("ip link set near down")
        self.assertEqual(self.found("port p0", "near is down", "ip link set dev near up"), "warning")
        self.veth("ip link set near mtu 1400")
        self.assertEqual(self.found("port p0", "MTU of 1400", "mtu 1500, or ports[].mtu: 1400"),
                         "warning")

    def test_an_interface_that_is_not_ethernet(self):
        self.configure(device="xsk,iface=lo")
        self.assertEqual(self.found("port p0", "lo is not Ethernet", "ip -br link"), "error")

    @unittest.skipIf(os.geteuid() != 0, "needs root")
    def test_rights_that_af_xdp_needs(self):
        self.veth("ethtool -K far tx off >/dev/null")
        for right in ("net_admin", "net_raw"):
            self.within[-2] = self.within[-2].replace('exec "$@"', "") + \
                f'exec setpriv --bounding-set=-{right} "$@"'
            self.assertEqual(self.found("port p0", "CAP_NET_ADMIN, CAP_NET_RAW and CAP_BPF"), "error")
            self.veth("ethtool -K far tx off >/dev/null")

    def test_broken_configuration_is_one_finding_and_the_machine_is_checked_all_the_same(self):
        self.configure(more="colour: red")
        self.assertEqual(self.found("configuration", '"colour" is not a setting'), "error")
        code, out, _ = run("check", "--config", str(self.at / "none.yaml"))
        self.assertEqual(code, 1)
        self.assertIn("cannot be read", out)
        self.assertIn("cpu", out)

    def test_without_configuration_the_machine_alone(self):
        code, out, _ = run("check")
        self.assertIn(code, (0, 1))
        self.assertIn("memory locks", out)

    def test_usage(self):
        for args in (["--loud"], ["here"], ["--config"]):
            code, _, err = run("check", *args)
            self.assertEqual(code, 2)
            self.assertIn("usage: starling check", err)
        self.assertEqual(run("check", "--help")[0], 0)


class Kek(Place):
    def test_create_makes_64_digits_that_only_the_owner_reads(self):
        path = self.at / "new"
        code, out, err = run("kek", "create", str(path))
        self.assertEqual((code, err), (0, ""))
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)
        self.assertRegex(path.read_text(), r"\A[0-9a-f]{64}\n\Z")
        self.assertNotIn(path.read_text().strip(), out)
        self.assertNotEqual(path.read_text(), (self.at / "kek").read_text())

    def test_create_never_overwrites(self):
        before = (self.at / "kek").read_text()
        code, _, err = run("kek", "create", str(self.at / "kek"))
        self.assertEqual(code, 1)
        self.assertIn("never overwritten", err)
        self.assertEqual((self.at / "kek").read_text(), before)

    def test_usage(self):
        for args in ([], ["create"], ["show", "x"], ["create", "a", "b"]):
            self.assertEqual(run("kek", *args)[0], 2)


class Program(unittest.TestCase):
    def test_unknown_commands_are_misuse_and_help_is_not(self):
        for args in ([], ["fly"], ["--fly"]):
            code, out, err = run(*args)
            self.assertEqual((code, out), (2, ""))
            self.assertIn("usage: starling COMMAND", err)
        code, out, _ = run("--help")
        self.assertEqual(code, 0)
        for command in ("check", "kek", "packet"):
            self.assertIn(f"  {command} ", out)
        code, out, _ = run("--version")
        self.assertEqual(code, 0)
        self.assertRegex(out, r"\Astarling \d+\.\d+\.\d+\n\Z")


if __name__ == "__main__":
    unittest.main()
