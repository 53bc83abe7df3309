#!/usr/bin/env python3
"""`starling xdp` where no engine runs: what it says, how it exits. What it does: tests/e2e/af_xdp_shared.sh."""
import os
import subprocess
import sys
import unittest

STARLING = sys.argv.pop(1)


def run(*args):
    done = subprocess.run([STARLING, "xdp", *args], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


class Xdp(unittest.TestCase):
    def test_help(self):
        code, out, err = run("--help")
        self.assertEqual((code, err), (0, ""))
        for word in ("status", "drop", "allow", "--interface", "--json"):
            self.assertIn(word, out)

    def test_misuse(self):
        for args, says in (
                ((), "status, drop or allow?"),
                (("look",), "status, drop and allow are what there is"),
                (("drop",), "of which address or prefix?"),
                (("allow", "--json"), "of which address or prefix?"),
                (("status", "192.0.2.1"), "status takes no prefix"),
                (("status", "--interface"), "lacks its value"),
                (("status", "--colour"), "an option that is none"),
                (("drop", "192.0.2.1", "192.0.2"), '"192.0.2" is neither an address nor a prefix'),
                (("drop", "192.0.2.0/33"), "neither an address nor a prefix"),
                (("allow", "2001:db8::/129"), "neither an address nor a prefix")):
            code, out, err = run(*args)
            self.assertEqual((code, out), (2, ""), args)
            self.assertIn(says, err)

    def test_no_engine(self):
        """Also for those who may not look, as it says then."""
        for args in (("status",), ("drop", "192.0.2.1"), ("allow", "2001:db8::/32")):
            code, out, err = run(*args, "--interface", "nosuchif0")
            self.assertEqual((code, out), (1, ""), args)
            if os.geteuid() == 0:
                self.assertIn("no engine of ours has interface nosuchif0", err)
                self.assertIn("xsk,iface=nosuchif0", err)


if __name__ == "__main__":
    unittest.main()
