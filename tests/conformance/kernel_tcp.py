#!/usr/bin/env python3
"""The kernel's end of with_kernel_tcp.sh: a client with every kind of ending, a ping.

    kernel_tcp.py ping ADDR
    kernel_tcp.py client ADDR PORT OCTETS SHORT MANY    one bulk, SHORT connections in a row, MANY at once, and the odd ones
    kernel_tcp.py lossy ADDR PORT OCTETS SHORT          over a bad network
    kernel_tcp.py pieces ADDR PORT OCTETS               one connection that comes to rest now and then
    kernel_tcp.py move INTERFACE                        until it is killed: all that is sent changes its queue, again and again
"""
import hashlib
import os
import resource
import selectors
import socket
import struct
import subprocess
import sys
import threading

BLOCK = hashlib.shake_128(b"starling").digest(65521)  # a prime, so that a lost or doubled piece cannot hide


def stream(length):
    return (BLOCK * (length // len(BLOCK) + 1))[:length]


def blocks(length):
    """The stream, block by block."""
    for at in range(0, length, len(BLOCK)):
        yield BLOCK[:length - at]


def bulk(where, length):
    with socket.create_connection(where, timeout=300) as conn:
        def send():
            for block in blocks(length):
                conn.sendall(block)
            conn.shutdown(socket.SHUT_WR)  # half close: the echo must still come, whole
        sender = threading.Thread(target=send)
        sender.start()
        back = hashlib.sha1()
        got = 0
        while piece := conn.recv(262144):
            back.update(piece)
            got += len(piece)
        sender.join()
    wanted = hashlib.sha1()
    for block in blocks(length):
        wanted.update(block)
    assert got == length, f"{got} of {length} octets came back"
    assert back.digest() == wanted.digest(), "octets changed"


def slow_reader(where):
    """The window closes both ways, stays closed, opens."""
    data = stream(3_000_000)
    conn = socket.socket(socket.AF_INET6 if ":" in where[0] else socket.AF_INET)
    conn.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    conn.settimeout(60)
    conn.connect(where)
    sender = threading.Thread(target=lambda: conn.sendall(data))
    sender.start()
    threading.Event().wait(3)
    got = bytearray()
    while len(got) < len(data):
        piece = conn.recv(4096)
        assert piece, "closed early"
        got += piece
    sender.join()
    conn.close()
    assert bytes(got) == data, "octets changed"


def short_ones(where, count):
    for number in range(count):
        message = f"message {number}".encode()
        with socket.create_connection(where, timeout=30) as conn:
            conn.sendall(message)
            assert receive(conn, len(message)) == message


def receive(conn, length):
    got = bytearray()
    while len(got) < length:
        piece = conn.recv(length - len(got))
        assert piece, "closed early"
        got += piece
    return bytes(got)


def resets(where, count):
    for _ in range(count):
        conn = socket.create_connection(where, timeout=30)
        conn.sendall(b"gone")
        conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        conn.close()


def many_at_once(where, count):
    conns = []
    for _ in range(count):
        conns.append(socket.create_connection(where, timeout=60))
    poll = selectors.DefaultSelector()
    for number, conn in enumerate(conns):
        conn.sendall(struct.pack("!I", number) * 25)
        poll.register(conn, selectors.EVENT_READ, number)
    left = {number: 100 for number in range(count)}
    while left:
        ready = poll.select(60)
        assert ready, f"{len(left)} connections are silent"
        for key, _ in ready:
            data = key.fileobj.recv(left[key.data])
            assert data, "closed early"
            left[key.data] -= len(data)
            if left[key.data] == 0:
                del left[key.data]
                poll.unregister(key.fileobj)
    for conn in conns:
        conn.close()


def refused(where):
    try:
        socket.create_connection((where[0], where[1] + 1), timeout=30)
    except ConnectionRefusedError:
        return
    raise AssertionError("a port nobody listens on was not refused")


def idle_one(where):
    """Asks whether the far end still lives, every second: without an answer the kernel gives up in three."""
    conn = socket.create_connection(where, timeout=30)
    conn.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 1)
    conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1)
    conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 2)
    return conn


def shrink_windows():
    """The window's right edge may move left (RFC 9293, section 3.8.6), as memory gets short."""
    try:
        with open("/proc/sys/net/ipv4/tcp_shrink_window", "w") as setting:
            setting.write("1")
    except OSError:
        print("no tcp_shrink_window here: windows close, but do not shrink")


def client(where, length, short, many):
    bulk(where, length)
    short_ones(where, short)
    resets(where, 20)
    many_at_once(where, many)
    idle = idle_one(where)
    shrink_windows()
    slow_reader(where)
    idle.sendall(b"alive")
    assert receive(idle, 5) == b"alive"
    idle.close()
    refused(where)
    bulk(where, 100_000)


def lossy(where, length, short):
    bulk(where, length)
    short_ones(where, short)


def pieces(where, length):
    """The next piece is sent once the one before is back: at rest a flow may change its queue."""
    piece = BLOCK * 8
    with socket.create_connection(where, timeout=60) as conn:
        for _ in range(length // len(piece)):
            sender = threading.Thread(target=conn.sendall, args=(piece,))
            sender.start()
            assert receive(conn, len(piece)) == piece, "octets changed"
            sender.join()


def cpus():
    """All, as sysfs has masks: words of 32, the highest first."""
    count = os.sysconf("SC_NPROCESSORS_CONF")
    return ",".join([f"{(1 << count % 32) - 1:x}"] * (count % 32 > 0) + ["ffffffff"] * (count // 32))


def move(interface):
    """To the other of two queues with every few hundred frames. The second gets what begins, or is at rest; the first
    then gets all, also what is under way, for it is the only one."""
    device = f"/sys/class/net/{interface}"

    def queues(count):
        subprocess.run(["ethtool", "-L", interface, "tx", str(count)], check=True)
        if count == 2:
            with open(f"{device}/queues/tx-1/xps_cpus", "w") as setting:
                setting.write(cpus())

    def sent():
        with open(f"{device}/statistics/tx_packets") as packets:
            return int(packets.read())

    count = 2
    queues(count)
    print("ready", flush=True)
    while True:
        moved = sent()
        while sent() - moved < 300:
            threading.Event().wait(0.001)
        count = 3 - count
        queues(count)


def ping(addr):
    def internet_checksum(octets):
        words = struct.unpack(f"!{len(octets) // 2}H", octets)
        total = sum(words)
        while total >> 16:
            total = (total >> 16) + (total & 0xFFFF)
        return ~total & 0xFFFF

    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as raw:
        raw.settimeout(5)
        for number in range(3):
            head = struct.pack("!HHI", 0x0800, 0, 0x12340000 + number)
            data = bytes(range(256)) * 5
            head = struct.pack("!HHI", 0x0800, internet_checksum(head + data), 0x12340000 + number)
            raw.sendto(head + data, (addr, 0))
            answer = raw.recv(2000)[20:]
            assert answer[0] == 0 and answer[4:8] == head[4:8] and answer[8:] == data
            assert internet_checksum(answer) == 0


def main(command, where, *numbers):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    port, *rest = [int(number) for number in numbers] or [0]
    if command == "ping":
        ping(where)
    elif command == "move":
        move(where)
    else:
        {"client": client, "lossy": lossy, "pieces": pieces}[command]((where, port), *rest)


if __name__ == "__main__":
    main(*sys.argv[1:])
