#!/usr/bin/env python3
"""Compare the engine's blocks with the code objects that CPython makes of its standard library.

    check_blocks_stdlib.py BLOCKS_DUMP PYTHON...

For each interpreter every file of its library is compiled, and every code object must be located in
the block that it belongs to. The same files with other comments, blank lines, indentation
and line ends must have the same keys and checksums.
"""

import ast
import collections
import io
import os
import subprocess
import sys
import tempfile
import tokenize
import warnings

CO_OPTIMIZED = 1
CO_NESTED_SCOPE = ("<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>")


class Dump:
    """The blocks_dump program in its command mode."""

    def __init__(self, program):
        self.process = subprocess.Popen(
            [program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
        )

    def blocks(self, path):
        self._send("F " + path)
        rows = []
        while True:
            row = self.process.stdout.readline().rstrip("\n")
            if not row:
                return rows
            line, end, kind, checksum, name, key = row.split(" ", 5)
            rows.append((int(line), int(end), kind, checksum, name, key))

    def locate(self, line, name):
        self._send("Q %d %s" % (line, name))
        return int(self.process.stdout.readline())

    def _send(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()


def children(code):
    return [const for const in code.co_consts if hasattr(const, "co_firstlineno")]


class FileCheck:
    def __init__(self, dump, path, rows, counts, tree):
        self.dump, self.path, self.rows, self.counts = dump, path, rows, counts
        self.problems = []
        self.fstring_lines, self.lazy, self.lambdas = set(), set(), collections.Counter()
        for node in ast.walk(tree):
            if isinstance(node, ast.Lambda):
                self.lambdas[node.lineno] += 1
            elif isinstance(node, ast.JoinedStr):
                inner = [n.lineno for n in ast.walk(node) if isinstance(n, ast.Lambda)]
                self.fstring_lines.update(inner)
            elif type(node).__name__ in ("TypeAlias", "TypeVar"):
                name = node.name if isinstance(node.name, str) else node.name.id
                self.lazy.add(name)

    def walk(self, code, owner):
        self.visit_children(code, owner, True)

    def visit_children(self, code, owner, module_level):
        for child in children(code):
            at = self.dump.locate(child.co_firstlineno, child.co_name)
            own, keeps_level = self.has_block(child, module_level)
            self.counts["code objects"] += 1
            if own and self.is_block_of(at, child):
                expected = at
            elif own:
                self.report(child, at, "has no block")
                expected = at
            else:
                expected = owner
                self.check_owner(child, at, owner)
            self.visit_children(child, expected, module_level and keeps_level)

    def has_block(self, code, module_level):
        """Whether a block is due, and whether classes inside are at module level like this."""
        if code.co_name == "<lambda>":
            single = self.lambdas[code.co_firstlineno] == 1
            return single and code.co_firstlineno not in self.fstring_lines, False
        if code.co_name in self.lazy and code.co_flags & CO_OPTIMIZED:
            return False, False
        if code.co_name.startswith("<generic parameters of"):
            return False, True
        if code.co_name in CO_NESTED_SCOPE:
            return False, False
        if code.co_flags & CO_OPTIMIZED:
            return True, False
        return not module_level, True

    def is_block_of(self, at, code):
        return self.rows[at][0] == code.co_firstlineno and self.rows[at][4] == code.co_name

    def check_owner(self, code, at, owner):
        if at == owner:
            return
        if code.co_name in self.lazy and self.rows[at][0] <= code.co_firstlineno:
            return  # the header of a definition belongs to both sides
        if self.rows[at][0] <= self.rows[owner][0] and self.rows[at][1] >= self.rows[owner][1]:
            self.counts["shared with an outer block"] += 1
        else:
            self.report(code, at, "belongs to %r" % (self.rows[owner],))

    def report(self, code, at, what):
        self.counts["mismatches"] += 1
        self.problems.append(
            "%s:%d: %s %s, located in %r"
            % (self.path, code.co_firstlineno, code.co_name, what, self.rows[at])
        )


def relaid(source):
    """The same program with other comments, blank lines, and twice the indentation."""
    text = source.decode("utf-8")
    lines = text.splitlines(keepends=True) if "\f" not in text and "\v" not in text else None
    if lines is None or any(c in text for c in "\r\x1c\x1d\x1e\x85\u2028\u2029"):
        return None
    starts_statement, first, indentable, ends = True, set(), set(), set()
    strings = 0
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        kind = tokenize.tok_name[token.type]
        in_string = strings > 0
        strings += (kind == "FSTRING_START") - (kind == "FSTRING_END")
        if kind in ("INDENT", "DEDENT", "ENDMARKER"):
            continue
        if not in_string:
            if not lines[token.start[0] - 1][: token.start[1]].strip(" \t"):
                indentable.add(token.start[0] - 1)
        if kind in ("NL", "COMMENT"):
            continue
        if starts_statement:
            first.add(token.start[0] - 1)
        starts_statement = kind == "NEWLINE"
        if starts_statement:
            ends.add(token.start[0] - 1)
    out = ["# first\n"]
    decorated = False
    for i, line in enumerate(lines):
        if i in indentable:
            blank = line[: len(line) - len(line.lstrip(" \t"))]
            line = blank + line
            if i in first:
                # A comment in the wrong column behind a decorator is more than the grammar can do.
                if len(blank) % 3 == 0 and not decorated:
                    out.append("\n   # other\n")
                decorated = line.lstrip().startswith("@")
        if i in ends and line.endswith("\n"):
            line = line[:-1] + "  # trailing\r\n"
        out.append(line)
    return "".join(out).encode("utf-8")


def check_relaid(dump, path, rows, scratch, counts):
    with open(path, "rb") as file:
        source = file.read()
    try:
        other = relaid(source)
        if other is None:
            return
        compile(other, path, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, tokenize.TokenError):
        return
    with open(scratch, "wb") as file:
        file.write(other)
    counts["laid out anew"] += 1
    if [row[2:] for row in dump.blocks(scratch)] != [row[2:] for row in rows]:
        counts["layout changed a checksum"] += 1
        print("%s: other blocks when laid out anew" % path)


def check_file(dump, path, scratch, counts):
    with open(path, "rb") as file:
        source = file.read()
    try:
        tree = ast.parse(source)
        code = compile(source, path, "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        counts["not compiled by CPython"] += 1
        return
    counts["files"] += 1
    rows = dump.blocks(path)
    if rows[0][2] == "broken":
        counts["broken files"] += 1
        print("%s: broken" % path)
        return
    check = FileCheck(dump, path, rows, counts, tree)
    check.walk(code, 0)
    for problem in check.problems[:5]:
        print(problem)
    check_relaid(dump, path, rows, scratch, counts)


def check_library(program):
    """Runs in the interpreter whose library it is."""
    warnings.simplefilter("ignore")
    sys.setrecursionlimit(20000)
    counts = collections.Counter()
    dump = Dump(program)
    with tempfile.TemporaryDirectory() as folder:
        scratch = os.path.join(folder, "relaid.py")
        for parent, folders, names in os.walk(os.path.dirname(os.__file__)):
            folders.sort()
            for name in sorted(names):
                if name.endswith(".py"):
                    check_file(dump, os.path.join(parent, name), scratch, counts)
    print(sys.version.split()[0], ", ".join("%s %d" % pair for pair in sorted(counts.items())))
    return bool(counts["mismatches"] or counts["layout changed a checksum"])


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    if sys.argv[2] == "--here":
        return check_library(sys.argv[1])
    failed = 0
    for python in sys.argv[2:]:
        failed |= subprocess.call([python, __file__, sys.argv[1], "--here"])
    return failed


if __name__ == "__main__":
    sys.exit(main())
