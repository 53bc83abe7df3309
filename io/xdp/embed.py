#!/usr/bin/env python3
"""embed.py OBJECT HEADER: the octets of a compiled BPF object as a C array, so that none is looked for at run time."""
import sys

with open(sys.argv[1], "rb") as source:
    octets = source.read()
with open(sys.argv[2], "w", encoding="ascii") as header:
    header.write("/* Made from steer.bpf.c at build time. */\n"
                 "static const unsigned char steer_object[] = {\n")
    for at in range(0, len(octets), 20):
        header.write("    " + ", ".join(str(octet) for octet in octets[at:at + 20]) + ",\n")
    header.write("};\n")
