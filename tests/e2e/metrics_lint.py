#!/usr/bin/env python3
"""Reads /metrics from standard input as Prometheus does (text format 0.0.4) and says what it, or
its linter, would object to. Exit status: 0 nothing, 1 something."""
import re
import sys

NAME = r"[a-z_][a-z0-9_]*"
SAMPLE = re.compile(rf'({NAME})(?:\{{((?:{NAME}="[^"\\\n]*",?)*)\}})? (-?[0-9.e+-]+|\+Inf|NaN)$')
SOURCE = re.compile(r"\.[ch]\b|\b(base|crypto|engine|io)/")
OF_TYPE = {"summary": ("", "_sum", "_count"), "histogram": ("_bucket", "_sum", "_count")}


def objections(text):
    helped, typed, series, family = set(), {}, set(), None
    if not text.endswith("\n"):
        yield "the last line does not end"
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("# HELP "):
            family = line.split(" ")[2]
            if family in helped:
                yield f"{number}: {family} has a second HELP, or its samples are not together"
            if not line.split(" ", 3)[3:]:
                yield f"{number}: {family} has no text of help"
            if SOURCE.search(line):
                yield f"{number}: the help of {family} sends its reader to the source"
            helped.add(family)
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            if name != family or name in typed:
                yield f"{number}: TYPE of {name} out of place"
            typed[name] = kind
            if (kind == "counter") != name.endswith("_total"):
                yield f"{number}: {name} is a {kind}"
        else:
            sample = SAMPLE.match(line)
            if sample is None:
                yield f"{number}: no sample: {line}"
                continue
            if sample[1] not in {f"{family}{end}" for end in OF_TYPE.get(typed.get(family), ("",))}:
                yield f"{number}: {sample[1]} among the samples of {family}"
            if (sample[1], sample[2]) in series:
                yield f"{number}: {sample[1]} {sample[2]} is there twice"
            series.add((sample[1], sample[2]))
    if not series:
        yield "there is no sample"


FOUND = list(objections(sys.stdin.read()))
print("\n".join(FOUND) if FOUND else "metrics are sound")
sys.exit(1 if FOUND else 0)
