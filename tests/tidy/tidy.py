#!/usr/bin/env python3
"""Holds the tree to its house rules: layers, banned calls, sizes, dead files, left-over words.

    tests/tidy/tidy.py [--build DIR] [--ratchet] [ROOT]

Prints one line per finding, "path:line: [rule] what; what to do", and exits 1 when there is one.
--build names a configured build folder: only with it can a .c file that no target compiles be found.
--ratchet lowers what limits.json records to today's sizes; it never raises or adds.
"""
import argparse
import collections
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import rules

CODE = (".c", ".h", ".cc")
Finding = collections.namedtuple("Finding", "path line rule text")

COMMENT = r"//[^\n]*|/\*.*?\*/"
STRING = r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''


def blank(match):
    return re.sub(r"[^\n]", " ", match.group())


def without_comments(text):
    keep = lambda m: m.group() if m.group()[0] in "\"'" else blank(m)
    return re.sub(f"{STRING}|{COMMENT}", keep, text, flags=re.S)


def bare_code(text):
    """Without comments and string contents; lines stay where they are."""
    return re.sub(f"{STRING}|{COMMENT}", blank, text, flags=re.S)


def fits(path, patterns):
    """A file, a folder ("io/"), a beginning ("engine/config*"), an end ("*_wire.c"), or all ("*")."""
    for p in patterns:
        if p.startswith("*") and path.endswith(p[1:]):
            return True
        if p.endswith("*") and path.startswith(p[:-1]):
            return True
        if path == p or (p.endswith("/") and path.startswith(p)):
            return True
    return False


def layer_of(path):
    inside = [layer for layer in rules.LAYERS if path.startswith(layer + "/")]
    return max(inside, key=len, default=None)


class Tree:
    """The files of the tree and their texts."""

    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.paths = sorted(p for p in self.list() if (self.root / p).is_file())
        self.texts = {}
        for path in self.paths:
            try:
                self.texts[path] = (self.root / path).read_text(encoding="utf-8")
            except UnicodeDecodeError:
                pass  # a corpus or a capture
        self.code = [p for p in self.paths if p.endswith(CODE) and p in self.texts]
        self.bare = {p: bare_code(self.texts[p]) for p in self.code}
        self.includes = {p: self.includes_of(p) for p in self.code}

    def list(self):
        if (self.root / ".git").exists() and shutil.which("git"):
            git = subprocess.run(["git", "-C", self.root, "ls-files", "-co", "--exclude-standard"],
                                 capture_output=True, text=True)
            if git.returncode == 0:
                return git.stdout.splitlines()
        found = []
        for folder, folders, files in os.walk(self.root):
            folders[:] = [f for f in folders if not f.startswith((".", "build")) and f != "__pycache__"]
            found += [os.path.relpath(os.path.join(folder, f), self.root) for f in files]
        return found

    def includes_of(self, path):
        """(line, name, quoted) of each #include."""
        out = []
        for number, line in enumerate(without_comments(self.texts[path]).splitlines(), 1):
            if m := re.match(r'\s*#\s*include\s*(["<])([^">]+)[">]', line):
                out.append((number, m.group(2), m.group(1) == '"'))
        return out


def check_layers(tree):
    known = set(tree.paths)
    for path in tree.code:
        layer = layer_of(path)
        if layer is None:
            yield Finding(path, 1, "layer", "code outside the layers of tests/tidy/rules.py")
            continue
        for line, name, quoted in tree.includes[path]:
            ours = layer_of(name)
            if quoted and ours is None:
                yield Finding(path, line, "include-root", f'"{name}": write includes from the root, "io/port.h"')
            elif quoted and name not in known:
                yield Finding(path, line, "include-root", f'"{name}" is not in the tree')
            elif not quoted and name in known:
                yield Finding(path, line, "include-root", f"<{name}>: ours are included in quotes")
            if ours is not None and not fits(name, [may + "/" for may in rules.LAYERS[layer]]):
                yield Finding(path, line, "layer",
                              f'"{name}": {layer} may include only {", ".join(rules.LAYERS[layer])}')


def check_foreign(tree):
    for path in tree.code:
        if path.startswith("tests/"):
            continue
        for line, name, _ in tree.includes[path]:
            for header, allowed in rules.FOREIGN.items():
                if re.fullmatch(header, name) and not fits(path, allowed):
                    where = ", ".join(allowed) or "tests"
                    yield Finding(path, line, "foreign", f"<{name}> enters through {where} only")


def check_calls(tree):
    for rule, names, refused, allowed, instead in rules.BANNED:
        call = re.compile(r"(?<![\w.>])(%s)\s*\(" % "|".join(names))
        for path in tree.code:
            if not fits(path, refused) or fits(path, allowed):
                continue
            for m in call.finditer(tree.bare[path]):
                if any(re.compile(sound).match(tree.bare[path], m.start()) for sound in rules.SOUND_CALLS):
                    continue
                line = tree.bare[path].count("\n", 0, m.start()) + 1
                yield Finding(path, line, rule, f"{m.group(1)}(): {instead}")


def check_code_shapes(tree):
    for rule, shape, refused, allowed, instead in rules.SHAPES:
        for path in tree.code:
            if not fits(path, refused) or fits(path, allowed):
                continue
            for m in re.finditer(shape, tree.bare[path]):
                line = tree.bare[path].count("\n", 0, m.start()) + 1
                yield Finding(path, line, rule, f"{' '.join(m.group().split())}: {instead}")


def functions(tree, path):
    """(name, first line, count of lines): by the house style's braces in column 0."""
    lines = tree.bare[path].splitlines()
    start = 0
    for i, line in enumerate(lines):
        if line == "{":
            head = i - 1
            while head > 0 and lines[head - 1].strip() and not lines[head - 1].startswith(("}", "#")) \
                    and not lines[head - 1].rstrip().endswith(";"):
                head -= 1
            start = i
            signature = " ".join(lines[head:i])
            name = (re.findall(r"(\w+)\s*\(", signature) or ["?"])[0]
        elif line == "}" and start:
            yield name, head + 1, i - head + 1
            start = 0


def sizes(tree):
    """key -> (path, line, count of lines, limit's name)"""
    out = {}
    for path in tree.code:
        kind = "test_file_lines" if path.startswith("tests/") else "file_lines"
        out[path] = (path, 1, len(tree.texts[path].splitlines()), kind)
        for name, line, count in functions(tree, path):
            key = f"{path}:{name}"
            if not re.fullmatch(rules.UNCOUNTED_FUNCTIONS, key):
                out[key] = (path, line, count, "function_lines")
    return out


def check_sizes(tree, limits):
    today = sizes(tree)
    recorded = {**limits["files"], **limits["functions"]}
    for key, (path, line, count, kind) in today.items():
        limit = recorded.get(key, limits[kind])
        if count > limit:
            yield Finding(path, line, "size", f"{key} has {count} lines, limit {limit}: look for its second idea")
        elif key in recorded and count < limit:
            yield Finding(path, line, "size", f"{key} shrank from {limit} to {count} lines: run tests/tidy/tidy.py --ratchet")
    for key in recorded.keys() - today.keys():
        yield Finding("tests/tidy/limits.json", 1, "size", f"{key} is gone: run tests/tidy/tidy.py --ratchet")


def ratchet(tree, limits, path):
    today = sizes(tree)
    for table in ("files", "functions"):
        for key, limit in list(limits[table].items()):
            count = today[key][2] if key in today else 0
            if count <= limits[today[key][3]] if key in today else True:
                del limits[table][key]
            else:
                limits[table][key] = min(limit, count)
    path.write_text(json.dumps(limits, indent=2) + "\n")


def built_sources(build):
    targets = json.loads((pathlib.Path(build) / "meson-info/intro-targets.json").read_text())
    for target in targets:
        for source in target["target_sources"]:
            yield from source.get("sources", [])


def check_dead(tree, build):
    if build is not None:
        compiled = {os.path.realpath(s) for s in built_sources(build)}
        for path in tree.code:
            if path.endswith((".c", ".cc")) and os.path.realpath(tree.root / path) not in compiled:
                yield Finding(path, 1, "dead", "no target of meson compiles it")
    included = {name for path in tree.code for _, name, _ in tree.includes[path]}
    for path in tree.code:
        if path.endswith(".h") and path not in included:
            yield Finding(path, 1, "dead", "nobody includes it")
    for path in tree.paths:
        parts = path.split("/")
        if path.startswith("tests/fuzz/corpus/") and f"tests/fuzz/fuzz_{parts[3]}.c" not in tree.code:
            yield Finding(path, 1, "dead", "a corpus without its harness")
        if path.startswith("tests/vectors/") and not any(
                parts[-1] in text or parts[-2] != "vectors" and parts[-2] in text
                for user, text in tree.texts.items()
                if user.endswith((".c", ".py", ".sh", "meson.build"))):
            yield Finding(path, 1, "dead", "no test reads it")


def check_shape(tree):
    places = {}
    for path in tree.code:
        text = tree.texts[path]
        if not text.startswith(("/*", "//")):
            yield Finding(path, 1, "shape", "begin with a comment: what it is, where on the path")
        name = path.rsplit("/", 1)[-1]
        if name in places and name not in rules.SAME_NAME:
            yield Finding(path, 1, "shape", f"{places[name]} has the same name")
        places[name] = path
        if not path.endswith(".h"):
            continue
        # io/smpp/smpp_wire.h: IO_SMPP_SMPP_WIRE_H, or shorter, names being unique, IO_SMPP_WIRE_H
        guards = [re.sub(r"[^A-Z0-9]", "_", g.upper()) for g in (path, f"{path.split('/')[0]}/{name}")]
        if not any(re.search(rf"^#ifndef {g}\n#define {g}$", text, re.M) for g in guards):
            yield Finding(path, 1, "shape", f"the include guard is {guards[1]}")


def check_words(tree):
    for path, text in tree.texts.items():
        if path.startswith(("tests/vectors/", "tests/fuzz/corpus/")):
            continue
        for word, why in rules.WORDS.items():
            for m in re.finditer(word, text, re.M):
                line = text.count("\n", 0, m.start()) + 1
                yield Finding(path, line, "words", f"{m.group().strip()!r}: {why}")


def findings(tree, limits, build=None):
    found = [*check_layers(tree), *check_foreign(tree), *check_calls(tree), *check_code_shapes(tree),
             *check_sizes(tree, limits),
             *check_dead(tree, build), *check_shape(tree), *check_words(tree)]
    return sorted(found)


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--build", help="a configured build folder")
    options.add_argument("--ratchet", action="store_true", help="lower the recorded sizes to today's")
    options.add_argument("root", nargs="?", default=pathlib.Path(__file__).resolve().parents[2])
    args = options.parse_args()

    tree = Tree(args.root)
    path = tree.root / "tests/tidy/limits.json"
    limits = json.loads(path.read_text())
    if args.ratchet:
        ratchet(tree, limits, path)
    found = findings(tree, limits, args.build)
    for finding in found:
        print(f"{finding.path}:{finding.line}: [{finding.rule}] {finding.text}")
    print(f"tidy: {len(tree.paths)} files, {len(found)} findings")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
