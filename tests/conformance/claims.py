#!/usr/bin/env python3
"""A station that claims another's addresses, once each: claims.py INTERFACE ITS_MAC IPV4 IPV6."""
import socket
import struct
import sys


def internet_checksum(octets):
    total = sum(struct.unpack(f"!{len(octets) // 2}H", octets))
    while total >> 16:
        total = (total >> 16) + (total & 0xFFFF)
    return ~total & 0xFFFF


def arp(mac, addr):
    addr = socket.inet_pton(socket.AF_INET, addr)
    return (b"\xff" * 6 + mac + b"\x08\x06" + struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1)
            + mac + addr + bytes(6) + addr)


def advertisement(mac, addr):
    addr = socket.inet_pton(socket.AF_INET6, addr)
    source = socket.inet_pton(socket.AF_INET6, "fe80::99")
    nodes = socket.inet_pton(socket.AF_INET6, "ff02::1")
    message = struct.pack("!BBHI", 136, 0, 0, 0x20000000) + addr + b"\x02\x01" + mac
    pseudo = source + nodes + struct.pack("!II", len(message), 58)
    checksum = internet_checksum(pseudo + message)
    message = message[:2] + struct.pack("!H", checksum) + message[4:]
    header = struct.pack("!IHBB", 6 << 28, len(message), 58, 255)
    return b"\x33\x33\0\0\0\1" + mac + b"\x86\xdd" + header + source + nodes + message


def main(interface, mac, addr4, addr6):
    mac = bytes.fromhex(mac.replace(":", ""))
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
        raw.bind((interface, 0))
        raw.send(arp(mac, addr4))
        raw.send(advertisement(mac, addr6))


if __name__ == "__main__":
    main(*sys.argv[1:])
