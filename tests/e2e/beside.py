#!/usr/bin/env python3
"""What others do on the engine's interface while it works: af_xdp_shared.sh's kernel peers and floods.

    beside.py serve PORT ADDR...           a kernel TCP server: what it hears, it says again
    beside.py talk ADDR PORT OCTETS        one connection to it; all must come back as it went
    beside.py flood SOURCE ADDR COUNT      as many datagrams, as fast as they go
    beside.py reach ADDR                   ICMPv6 echo
"""
import hashlib
import socket
import struct
import sys
import threading


def serve(port, addrs):
    def answer(listener):
        while True:
            conn, _ = listener.accept()
            with conn:
                while data := conn.recv(65536):
                    conn.sendall(data)

    for addr in addrs:
        family = socket.AF_INET6 if ":" in addr else socket.AF_INET
        threading.Thread(target=answer, args=(socket.create_server((addr, port), family=family),)).start()
    print("ready", flush=True)


def talk(addr, port, octets):
    data = hashlib.shake_128(b"beside").digest(octets)
    back = b""
    with socket.create_connection((addr, port), timeout=20) as conn:
        def send():
            conn.sendall(data)
            conn.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send)
        sender.start()
        while piece := conn.recv(65536):
            back += piece
        sender.join()
    assert back == data, f"{len(back)} of {octets} octets came back, or others"


def flood(source, addr, count):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.bind((source, 0))
        for _ in range(count):
            out.sendto(b"flood", (addr, 9))


def reach(addr):
    with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as raw:
        raw.settimeout(10)
        data = struct.pack("!HH", 7, 1) + b"beside"
        raw.sendto(b"\x80\0\0\0" + data, (addr, 0))
        while True:
            answer, peer = raw.recvfrom(2000)
            if answer[0] == 129 and peer[0] == addr:
                break
    assert answer[4:] == data, answer


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(int(sys.argv[2]), sys.argv[3:])
    elif sys.argv[1] == "reach":
        reach(sys.argv[2])
    elif sys.argv[1] == "talk":
        talk(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    else:
        flood(sys.argv[2], sys.argv[3], int(sys.argv[4]))
