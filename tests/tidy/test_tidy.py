#!/usr/bin/env python3
"""Plants one violation of every rule in a small tree and holds tidy.py to finding it, and only it."""
import json
import pathlib
import sys
import tempfile

import tidy

HEAD = "/* What it is. */\n"
LIMITS = {"file_lines": 30, "test_file_lines": 40, "function_lines": 8, "files": {}, "functions": {}}

SOUND = {
    "base/span.h": HEAD + "#ifndef BASE_SPAN_H\n#define BASE_SPAN_H\n#include <stdint.h>\n#endif\n",
    "base/span.c": HEAD + '#include "base/span.h"\n',
    "crypto/ct.h": HEAD + '#ifndef CRYPTO_CT_H\n#define CRYPTO_CT_H\n#include "base/span.h"\n#endif\n',
    "crypto/ct.c": HEAD + '#include "crypto/ct.h"\n',
    "crypto/lanes_mb.c": HEAD + "#include <intel-ipsec-mb.h>\n",
    "io/port.h": HEAD + '#ifndef IO_PORT_H\n#define IO_PORT_H\n#include "base/span.h"\n#endif\n',
    "io/sms/sms_udh.h": HEAD + "#ifndef IO_SMS_UDH_H\n#define IO_SMS_UDH_H\n#endif\n",
    "io/sms/sms_udh.c": HEAD + '#include "io/sms/sms_udh.h"\n',
    "io/port_dpdk.c": HEAD + '#include "io/port.h"\n#include <rte_ethdev.h>\n',
    "engine/clock.c": HEAD + "void f(void)\n{\n    clock_gettime(0, 0);\n}\n",
    "engine/core.h": HEAD + "#ifndef ENGINE_CORE_H\n#define ENGINE_CORE_H\n#endif\n",
    "engine/control.c": HEAD + '#include "crypto/ct.h"\n#include "engine/core.h"\n#include "io/port.h"\n'
                            'void *g(void)\n{\n    return malloc(1); /* malloc(strcpy()) */\n}\n',
    "bench/fleet/card.c": HEAD + '#include "io/port.h"\n#include <openssl/evp.h>\n',
    "tests/unit/test_ct.c": HEAD + '#include "crypto/ct.h"\n#include <cmocka.h>\nint main(void)\n{\n'
                            + "    0;\n" * 20 + "}\n",
    "tests/fuzz/fuzz_ct.c": HEAD,
    "tests/fuzz/corpus/ct/seed": "x",
    "tests/vectors/ct.json": "{}",
    "tests/use.sh": "cat ct.json",
}
MARK = "TO" "DO"

# Name, file, its text (or lines put after the sound file's first), rule expected (None: clean), line.
CASES = [
    ("the sound tree", None, "", None, 0),
    ("base includes engine", "base/span.c", '#include "engine/core.h"', "layer", 2),
    ("crypto includes io", "crypto/ct.c", '#include "io/port.h"', "layer", 2),
    ("io includes crypto", "io/port_dpdk.c", '#include "crypto/ct.h"', "layer", 2),
    ("io includes engine", "io/port_dpdk.c", '#include "engine/core.h"', "layer", 2),
    ("fleet includes engine", "bench/fleet/card.c", '#include "engine/core.h"', "layer", 2),
    ("fleet includes crypto", "bench/fleet/card.c", '#include "crypto/ct.h"', "layer", 2),
    ("an include in a comment", "io/port_dpdk.c", '/* #include "engine/core.h" */', None, 0),
    ("an include not from the root", "io/port_dpdk.c", '#include "port.h"', "include-root", 2),
    ("ours in angle brackets", "io/port_dpdk.c", "#include <base/span.h>", "include-root", 2),
    ("IPsec-MB outside its file", "crypto/ct.c", "#include <intel-ipsec-mb.h>", "foreign", 2),
    ("ethdev in the engine", "engine/control.c", "#include <rte_ethdev.h>", "foreign", 2),
    ("LMDB outside the store", "engine/control.c", "#include <lmdb.h>", "foreign", 2),
    ("microhttpd outside the API", "engine/control.c", "#include <microhttpd.h>", "foreign", 2),
    ("cyaml outside config", "engine/control.c", "#include <cyaml/cyaml.h>", "foreign", 2),
    ("OpenSSL in the product", "crypto/ct.c", "#include <openssl/evp.h>", "foreign", 2),
    ("strcpy", "engine/control.c", "int h(void) { strcpy(a, b); }", "unsafe-call", 2),
    ("a member called free", "io/port_dpdk.c", "int h(void) { port->free(a); port.time(b); }", None, 0),
    ("a function whose name ends so", "io/port_dpdk.c", "int h(void) { msg_free(a); }", None, 0),
    ("malloc on the data path", "io/port_dpdk.c", "int h(void) { return malloc (1); }", "allocation", 2),
    ("a clock in logic", "io/port_dpdk.c", "int h(void) { return time(0); }", "clock", 2),
    ("a sleep in a test", "tests/unit/test_ct.c", "int h(void) { usleep(1); }", "sleep", 2),
    ("memcmp in crypto", "crypto/ct.c", "int h(void) { return memcmp(a, b, 1); }", "secret-compare", 2),
    ("an array copied whole", "io/sms_wire.c", HEAD + "int h(void) { memcpy(a->tar, b.tar, sizeof a->tar); }", None, 0),
    ("an array copied by another's size", "io/sms_wire.c", HEAD + "int h(void) { memcpy(a, b, sizeof b); }",
     "raw-bytes", 2),
    ("memcmp of a TAR", "crypto/ct.c", "int h(void) { return memcmp(a.tar, b->tar, sizeof a.tar); }", None, 0),
    ("memcmp of a CC on a TAR's line", "crypto/ct.c", "int h(void) { return memcmp(a.cc, b, 8); tar; }",
     "secret-compare", 2),
    ("DPDK's CRC over bytes", "crypto/ct.c", "int h(void) { return rte_hash_crc(a, 1, 0); }", "crc", 2),
    ("memcpy in a codec", "io/sms_wire.c", HEAD + "int h(void) { memcpy(a, b, 1); }", "raw-bytes", 2),
    ("DPDK's memory on the data path", "engine/control.c", "int h(void) { return rte_zmalloc_socket(a, 1, 0, 0); }",
     "allocation", 2),
    ("DPDK's memory where ports open", "io/port_dpdk.c", "int h(void) { return rte_zmalloc(a, 1, 0); }", None, 0),
    ("a pool on the data path", "io/sms/sms_udh.c", "int h(void) { return rte_mempool_create(a); }", "allocation", 2),
    ("a map on the data path", "engine/control.c", "int h(void) { return mmap(0, 1, 2, 3, 4, 5); }", "allocation", 2),
    ("a mutex", "engine/control.c", "int h(void) { pthread_mutex_lock(&a); }", "lock", 2),
    ("a spinlock", "io/port_dpdk.c", "int h(void) { rte_spinlock_lock(&a); }", "lock", 2),
    ("a stage that asks the clock", "engine/control.c", "int h(void) { return clock_now_ns(); }", "clock", 2),
    ("memmove in a codec of another name", "io/sms/sms_udh.c", "int h(void) { memmove(a, b, 1); }", "raw-bytes", 2),
    ("a MAC address copied", "io/net/arp.c", HEAD + "int h(void) { memcpy(a.src, b, ETH_ADDR_LEN); }", None, 0),
    ("byte order by hand", "io/sms/sms_udh.c", "int h(void) { return ntohs(a); }", "raw-bytes", 2),
    ("byte order by DPDK", "engine/control.c", "int h(void) { return rte_be_to_cpu_16(a); }", "raw-bytes", 2),
    ("a struct over a span", "io/sms/sms_udh.c", "int h(void) { a = (const struct udh *)in.bytes; }", "raw-bytes", 2),
    ("a struct over a frame", "io/port_dpdk.c", "int h(void) { a = rte_pktmbuf_mtod(m, struct eth *); }", "raw-bytes", 2),
    ("memcmp of a token", "engine/control.c", "int h(void) { return memcmp(token, b, 1); }", "secret-compare", 2),
    ("strcmp of a password", "engine/control.c", "int h(void) { return strcmp(a->password, b); }", "secret-compare", 2),
    ("strcmp of a name", "engine/control.c", "int h(void) { return strcmp(a->name, b); }", None, 0),
    ("a thread's own variable", "io/port_dpdk.c", "static _Thread_local int a;", "thread-local", 2),
    ("a name in a string", "crypto/ct.c", 'const char *h = "memcmp(a)";', None, 0),
    ("a long file", "base/span.c", "int x;\n" * 30, "size", 1),
    ("a long function", "base/span.c", "int long_one(void)\n{\n" + "    0;\n" * 9 + "}\n", "size", 2),
    ("a header nobody includes", "base/lone.h", HEAD + "#ifndef BASE_LONE_H\n#define BASE_LONE_H\n#endif\n", "dead", 1),
    ("a corpus without harness", "tests/fuzz/corpus/gone/seed", "x", "dead", 1),
    ("a vector nobody reads", "tests/vectors/lone.json", "{}", "dead", 1),
    ("no opening comment", "base/bare.c", "int x;\n", "shape", 1),
    ("another file's name", "crypto/span.c", HEAD, "shape", 1),
    ("another header's guard", "base/copy.h", HEAD + '#ifndef BASE_SPAN_H\n#define BASE_SPAN_H\n#endif\n', "shape", 1),
    ("unfinished work", "README.md", f"a\n{MARK}: b\n", "words", 2),
    ("a developer's path", "tests/use.sh", "cat ct.json\ncd /wo" "rk/x\n", "words", 2),
]


def planted(path, text):
    files = dict(SOUND)
    if path in files and not path.endswith(".sh"):
        first, rest = files[path].split("\n", 1)
        files[path] = f"{first}\n{text}\n{rest}"
    elif path is not None:
        files[path] = text
    if path == "base/copy.h":
        files["base/span.c"] += '#include "base/copy.h"\n'
    return files


def write(files, root):
    for name, content in files.items():
        file = pathlib.Path(root, name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)


def found_in(files, limits=LIMITS, build=None):
    with tempfile.TemporaryDirectory() as root:
        write(files, root)
        if build is not None:
            info = pathlib.Path(root, "build/meson-info")
            info.mkdir(parents=True)
            sources = [{"sources": [str(pathlib.Path(root, f)) for f in build]}]
            (info / "intro-targets.json").write_text(json.dumps([{"target_sources": sources}]))
        tree = tidy.Tree(root)
        return [(f.path, f.line, f.rule) for f in tidy.findings(tree, limits, build and f"{root}/build")]


def ratchet(files, limits):
    with tempfile.TemporaryDirectory() as root:
        write(files, root)
        path = pathlib.Path(root, "limits.json")
        tidy.ratchet(tidy.Tree(root), json.loads(json.dumps(limits)), path)
        return json.loads(path.read_text())


def check(name, got, wanted):
    if got == wanted:
        return 0
    print(f"FAILED {name}\n  found  {got}\n  wanted {wanted}")
    return 1


def main():
    failed = 0
    for name, path, text, rule, line in CASES:
        wanted = [] if rule is None else [(path, line, rule)]
        failed += check(name, found_in(planted(path, text)), wanted)

    sources = [f for f in SOUND if f.endswith(".c")]
    failed += check("all compiled", found_in(SOUND, build=sources), [])
    failed += check("one not compiled", found_in(SOUND, build=sources[1:]), [(sources[0], 1, "dead")])

    long_file = planted("base/span.c", "int x;\n" * 30)  # 33 lines
    record = lambda count: {**LIMITS, "files": {"base/span.c": count}}
    failed += check("a recorded file", found_in(long_file, record(33)), [])
    failed += check("a recorded file that grew", found_in(long_file, record(32)), [("base/span.c", 1, "size")])
    failed += check("a recorded file that shrank", found_in(long_file, record(34)), [("base/span.c", 1, "size")])
    failed += check("the ratchet lowers", ratchet(long_file, record(34)), record(33))
    failed += check("the ratchet never raises", ratchet(long_file, record(32)), record(32))
    failed += check("the ratchet drops what is within the limit", ratchet(SOUND, record(34)), LIMITS)

    print(f"test_tidy: {len(CASES) + 8} cases, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
