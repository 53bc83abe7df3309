#!/usr/bin/env python3
"""The kernel's end of with_kernel_tcp.sh: an echo server, a client with every kind of ending, a ping.

    kernel_tcp.py ping ADDR
    kernel_tcp.py server ADDR PORT
    kernel_tcp.py client ADDR PORT MEGABYTES
"""
import hashlib
import selectors
import socket
import struct
import sys
import threading


def serve(addr, port):
    listener = socket.create_server((addr, port), backlog=4096)
    print("ready", flush=True)

    def echo(conn):
        with conn:
            while data := conn.recv(65536):
                conn.sendall(data)

    while True:
        conn, _ = listener.accept()
        threading.Thread(target=echo, args=(conn,), daemon=True).start()


def stream(length):
    """Octets that repeat only after a prime, so that a lost or doubled piece cannot hide."""
    block = hashlib.shake_128(b"starling").digest(65521)
    return (block * (length // len(block) + 1))[:length]


def bulk(where, length):
    data = stream(length)
    with socket.create_connection(where, timeout=120) as conn:
        def send():
            conn.sendall(data)
            conn.shutdown(socket.SHUT_WR)  # half close: the echo must still come, whole
        sender = threading.Thread(target=send)
        sender.start()
        back = hashlib.sha256()
        got = 0
        while piece := conn.recv(65536):
            back.update(piece)
            got += len(piece)
        sender.join()
    assert got == length, f"{got} of {length} octets came back"
    assert back.digest() == hashlib.sha256(data).digest(), "octets changed"


def slow_reader(where):
    """The window closes both ways, stays closed, opens."""
    data = stream(3_000_000)
    conn = socket.socket()
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
    got = b""
    while len(got) < length:
        piece = conn.recv(length - len(got))
        assert piece, "closed early"
        got += piece
    return got


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


def client(addr, port, megabytes):
    where = (addr, port)
    bulk(where, megabytes * 1_000_000)
    short_ones(where, 300)
    resets(where, 20)
    many_at_once(where, 500)
    slow_reader(where)
    refused(where)
    bulk(where, 100_000)


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


if __name__ == "__main__":
    if sys.argv[1] == "ping":
        ping(sys.argv[2])
    elif sys.argv[1] == "server":
        serve(sys.argv[2], int(sys.argv[3]))
    else:
        client(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
