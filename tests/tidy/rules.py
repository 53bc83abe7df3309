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
    r"pcap/.*": ["io/capture.c"],
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

# DPDK's memory, and the system's: taken by what opens, never by what turns. The allocation trap of
# tests/support holds the turns of these files to it.
POOLS = [r"rte_[zc]?m?alloc(?:_socket)?", r"rte_realloc(?:_socket)?", "rte_free", r"rte_memzone_\w+", r"rte_mempool_create\w*",
         "rte_mempool_free", r"rte_pktmbuf_pool_create\w*", "rte_ring_create", "rte_ring_free", r"rte_hash_create\w*",
         "mmap", "mmap64", "munmap", "mremap", "brk", "sbrk"]
MAY_TAKE_POOLS = [
    "bench/", "tests/", "io/port_*", "io/xdp/", "io/net/", "io/capture.c", "io/chunk.c", "io/frame*", "io/impair.c", "io/resteer.c", "io/tcp/tcp_conn.c",
    "engine/topology*", "engine/capture_thread.c", "engine/port_stack.c", "engine/msg.c", "engine/worker.c", "engine/smsc_account.c",
    "engine/device/locked_memory.c", "crypto/secret.c",
]

LOCKS = [r"pthread_(?:mutex|rwlock|spin|cond|barrier)_\w+", r"sem_(?:wait|timedwait)", r"rte_(?:spinlock|rwlock|ticketlock|seqlock)_\w+"]

BYTE_ORDER = ["ntohs", "ntohl", "htons", "htonl", r"[bl]e(?:16|32|64)toh", r"hto[bl]e(?:16|32|64)", r"rte_\w+_to_\w+_(?:16|32|64)",
              r"__builtin_bswap\d+", r"__bswap_\d+"]

CLOCKS = ["clock_gettime", "time", "gettimeofday", "timespec_get", "ftime", "clock",
          "rte_rdtsc", "rte_rdtsc_precise", "rte_get_tsc_cycles", "rte_get_timer_cycles", "__rdtsc"]

# Name of the rule, functions, where they are refused, where nevertheless allowed, what to do instead.
BANNED = [
    ("unsafe-call", ["strcpy", "strcat", "sprintf", "vsprintf", "gets", "alloca", "strtok", "stpcpy",
                     "atoi", "atol", "atoll", "rand", "srand", "random"],
     ["*"], [], "use span.h, snprintf, strtoul with its end checked, or prng.h"),
    ("allocation", ALLOCATORS, ["*"], MAY_ALLOCATE,
     "the data path allocates at start from DPDK; init and control files are listed in tests/tidy/rules.py"),
    ("allocation", POOLS, ["*"], MAY_TAKE_POOLS,
     "taken at start: by what opens, in the files listed in tests/tidy/rules.py"),
    ("lock", LOCKS, ["base/", "crypto/", "io/", "engine/"], ["base/log.c"],
     "nothing is locked: what crosses threads is a message on a ring (engine/msg.h)"),
    ("clock", CLOCKS, ["*"], ["engine/clock.c", "base/log.c", "bench/", "tests/"],
     "take now_ns as an argument; engine/clock.c is the one file that reads a clock"),
    ("clock", ["clock_now_ns", "clock_wall_ms"], ["base/", "crypto/", "io/", "engine/"],
     ["engine/clock.*", "engine/engine.c", "engine/capture_thread.c", "engine/lcores.c", "engine/store/store_thread.c", "engine/cli/"],
     "only the loops around the turns read the clock; take now_ns as an argument"),
    ("sleep", ["sleep", "usleep", "nanosleep", "rte_delay_ms", "rte_delay_us", "rte_delay_us_sleep"],
     ["base/", "crypto/", "io/", "tests/unit/", "tests/sim/"], [], "move virtual time on instead"),
    ("secret-compare", ["memcmp", "bcmp", "strcmp", "strncmp"], ["crypto/"], [], "compare with ct_equal of crypto/ct.h, or span_equal for what is public"),
    ("crc", ["rte_hash_crc"], ["*"], [], "it loads misaligned words; use crc32c or crc32c_more of base/crc.h"),
    ("raw-bytes", ["memcpy", "memmove"],
     ["*_wire.c", "base/ber.h", "io/net/", "io/tcp/", "io/sms/", "io/smpp/"], ["io/net/checksum.h", "io/net/ip.*"],
     "wire bytes go through reader and writer of base/span.h"),
    ("raw-bytes", BYTE_ORDER, ["base/", "crypto/", "io/", "engine/", "bench/fleet/"],
     ["io/net/checksum.h", "io/net/ip.*", "io/flow.c", "io/xdp/", "io/port_*", "engine/api/", "engine/cli/", "bench/fleet/fleet_socket.c"],
     "wire bytes go through reader and writer of base/span.h; kernel sockets have files of their own"),
]

# Shapes of code (regular expressions): name of the rule, shape, where refused, where nevertheless allowed, instead.
SHAPES = [
    ("raw-bytes", r"\(\s*(?:const )?struct \w+ \*\s*\)\s*[\w>.()-]*\bbytes\b", ["base/", "crypto/", "io/", "engine/", "bench/fleet/"], [],
     "no struct lies over a buffer: read it field by field"),
    ("raw-bytes", r"rte_pktmbuf_mtod\w*\([^;]*\bstruct\b", ["io/", "engine/"], [],
     "no struct lies over a frame: frame_bytes() and a reader"),
    ("secret-compare", r"\b(?:memcmp|bcmp|strn?cmp)\([^;]*\b\w*(?:passw|secret|token|kek|kcv|[._>]mac\b|[._>]cc\b|[._>]tag\b)",
     ["base/", "io/", "engine/"], [], "compare with ct_equal of crypto/ct.h"),
    ("thread-local", r"\b(?:__thread|_Thread_local|thread_local)\b", ["base/", "crypto/", "io/", "engine/"], [],
     "what a core may touch lies in struct edge and struct worker"),
]

# Calls that are nevertheless sound: what is compared is public; one struct's array is copied to another's; a
# MAC address; the head of a queue leaves it.
SOUND_CALLS = [
    r"memcmp\([^;]*\btar\b[^;]*\)",
    r"memcpy\(([^,;]+), [^,;]+, sizeof \1\)",
    r"memcpy\([^;]*, ETH_ADDR_LEN\)",
    r"memmove\(&([^,;]+)\[0\], &\1\[1\],",
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
