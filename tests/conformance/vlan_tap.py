#!/usr/bin/env python3
"""A VLAN interface of the kernel's, without its 8021q module: what TAP sends goes out of LINK with a tag, what comes
there with that tag goes to TAP without.    vlan_tap.py LINK TAP ID"""
import fcntl
import os
import selectors
import socket
import struct
import sys

SOL_PACKET = 263
PACKET_AUXDATA = 8
AUXDATA = struct.Struct("=IIIHHHH")
VLAN_VALID = 0x10
TUNSETIFF = 0x400454CA
TAP_WITHOUT_HEADER = 0x1002


def tag_of(control):
    for level, kind, data in control:
        if level == SOL_PACKET and kind == PACKET_AUXDATA:
            status, _, _, _, _, tci, _ = AUXDATA.unpack(data[:AUXDATA.size])
            if status & VLAN_VALID:
                return tci & 0xFFF
    return 0


def main(link, tap, vlan):
    vlan = int(vlan)
    kernel = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(kernel, TUNSETIFF, struct.pack("16sH22x", tap.encode(), TAP_WITHOUT_HEADER))
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    wire.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
    wire.bind((link, 0))
    print("ready", flush=True)
    poll = selectors.DefaultSelector()
    poll.register(kernel, selectors.EVENT_READ)
    poll.register(wire, selectors.EVENT_READ)
    while True:
        for key, _ in poll.select():
            if key.fileobj == kernel:
                frame = os.read(kernel, 4096)
                try:
                    wire.send(frame[:12] + struct.pack("!HH", 0x8100, vlan) + frame[12:])
                except OSError:
                    pass  # full, or down: as on a wire
                continue
            frame, control, _, addr = wire.recvmsg(4096, 128)
            if addr[2] != socket.PACKET_OUTGOING and tag_of(control) == vlan:
                os.write(kernel, frame)


if __name__ == "__main__":
    main(*sys.argv[1:])
