"""What tidy.py holds the tree to. A rule that is too naive is changed here, with the reason in the commit."""

# A folder (the longest that fits) and the folders whose headers it may include.
LAYERS = {
    "base": ["base"],
    "crypto": ["crypto", "base"],
    "io": ["io", "base"],
    "engine": ["engine", "io", "crypto", "base"],
    "bench/fleet": ["bench/fleet", "io", "base"],  # must be able to disagree with the engine
    "bench": ["bench", "tests/support", "engine", "io", "crypto", "base"],
    "tests": ["tests", "bench", "engine", "io", "crypto", "base"],
}

# A foreign header (regular expression, whole) and where it may be included: files, folders ("/")
# or beginnings of names ("*"). Tests may include any: they prove things against the raw library.
FOREIGN = {
    r"intel-ipsec-mb\.h": ["crypto/lanes_mb.c"],
    r"rte_ethdev\.h|rte_eth_.*|rte_bus_.*": ["io/port_dpdk.c"],
    r"lmdb\.h": ["engine/store/", "bench/bench_store.c"],
    r"microhttpd\.h": ["engine/api/"],
    r"cyaml/.*": ["engine/config*"],
    r"openssl/.*": ["bench/"],
    r"(xdp|bpf)/.*|linux/bpf\.h|linux/if_xdp\.h": ["io/port_xsk*", "io/xdp/"],
    r"curl/.*": ["engine/cli/api_client.c"],
    r"jansson\.h": ["engine/", "bench/"],
    r"benchmark/.*": ["bench/bench_main.cc"],
    r"cmocka\.h": [],
}

ALLOCATORS = ["malloc", "calloc", "realloc", "reallocarray", "free", "aligned_alloc", "posix_memalign",
              "strdup", "strndup", "asprintf", "vasprintf"]

# Code that runs before the first turn, or on the control and store threads only (conventions,
# "Memory and ownership": no allocation on the data path after start).
MAY_ALLOCATE = [
    "bench/", "tests/",
    "engine/api/", "engine/cli/", "engine/store/", "engine/job/", "engine/device/",
    "engine/config*", "engine/control*", "engine/recovery.c",
    "crypto/kek.c", "crypto/keys.c", "crypto/lanes.c", "crypto/lanes_mb.c",
]

CLOCKS = ["clock_gettime", "time", "gettimeofday", "timespec_get", "ftime", "clock",
          "rte_rdtsc", "rte_rdtsc_precise", "rte_get_tsc_cycles", "rte_get_timer_cycles", "__rdtsc"]

# Name of the rule, functions, where they are refused, where nevertheless allowed, what to do instead.
BANNED = [
    ("unsafe-call", ["strcpy", "strcat", "sprintf", "vsprintf", "gets", "alloca", "strtok", "stpcpy",
                     "atoi", "atol", "atoll", "rand", "srand", "random"],
     ["*"], [], "use span.h, snprintf, strtoul with its end checked, or prng.h"),
    ("allocation", ALLOCATORS, ["*"], MAY_ALLOCATE,
     "the data path allocates at start from DPDK; init and control files are listed in tests/tidy/rules.py"),
    ("clock", CLOCKS, ["*"], ["engine/clock.c", "base/log.c", "bench/", "tests/"],
     "take now_ns as an argument; engine/clock.c is the one file that reads a clock"),
    ("sleep", ["sleep", "usleep", "nanosleep", "rte_delay_ms", "rte_delay_us", "rte_delay_us_sleep"],
     ["base/", "crypto/", "io/", "tests/unit/", "tests/sim/"], [], "move virtual time on instead"),
    ("secret-compare", ["memcmp"], ["crypto/"], [], "compare with ct_equal of crypto/ct.h, or span_equal for what is public"),
    ("crc", ["rte_hash_crc"], ["*"], [], "it loads misaligned words; use crc32c or crc32c_more of base/crc.h"),
    ("raw-bytes", ["memcpy", "memmove"], ["*_wire.c"], [], "wire bytes go through reader and writer of base/span.h"),
]

# Calls that are nevertheless sound: what is compared is public; one struct's array is copied to another's.
SOUND_CALLS = [
    r"memcmp\([^;]*\btar\b[^;]*\)",
    r"memcpy\(([^,;]+), [^,;]+, sizeof \1\)",
]

# Text that may appear nowhere in the tree (regular expression): unfinished work, a developer's paths.
WORDS = {
    r"\b(TO" r"DO|FIX" r"ME|X" r"XX|HA" r"CK)\b": "finish it, or file an issue",
    r"(?<![\w.~-])/(wo" r"rk|ro" r"ot|ho" r"me/\w+|tmp/w" r"t)(?=[/\s\"'`)]|$)": "a path of one machine",
    r"\bsha" r"red/(spec|vectors|design|conventions|platform|baselines)|\.lib" r"rary/": "a path outside the tree",
}

# File names are unique, but for these: both logs are called so in the design.
SAME_NAME = ["log.h"]

# Lines of a recorded file or function may only shrink; tests' main() is a table of cases.
UNCOUNTED_FUNCTIONS = r"tests/(unit|sim)/[^:]*:main"
