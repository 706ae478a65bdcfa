"""Commits as people make them, for replays: small edits that mostly leave the suite passing.

A commit changes one to three places: mostly a function's body, sometimes a comment or docstring, a
new function, a new constant, or a new test. Which ones is a function of the seed and of the tree.
"""

import ast
import os
import random

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
KINDS = ("body",) * 6 + ("comment", "comment", "function", "constant", "test", "test")


def python_files(work, folders):
    for folder in folders:
        for base, _, names in os.walk(os.path.join(work, folder)):
            for name in sorted(names):
                if name.endswith(".py"):
                    yield os.path.relpath(os.path.join(base, name), work)


def functions_of(text):
    """Functions of a module that have a statement beside their docstring on a line of its own."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, FUNCTIONS):
            body = node.body[1:] if ast.get_docstring(node) is not None else node.body
            if body and body[0].lineno > node.lineno and not is_stub(body[0]):
                found.append((body[0].lineno, body[0].col_offset))
    return sorted(found)


def is_stub(statement):
    value = getattr(statement, "value", None)
    return isinstance(statement, ast.Expr) and isinstance(value, ast.Constant)


class Editor:
    def __init__(self, work, entry, seed):
        self.work = work
        self.random = random.Random(seed)
        tests = sorted(python_files(work, entry["tests"]))
        unused = tuple(entry.get("unused", ()))
        self.tests = [
            path
            for path in tests
            if os.path.basename(path).startswith("test_") and not path.startswith(unused)
        ]
        self.sources = sorted(set(python_files(work, entry["sources"])) - set(tests))
        self.number = 0

    def read(self, path):
        with open(os.path.join(self.work, path), encoding="utf-8") as stream:
            return stream.read()

    def write(self, path, text):
        with open(os.path.join(self.work, path), "w", encoding="utf-8") as stream:
            stream.write(text)

    def insert(self, path, statement):
        """A line in front of a random function's first statement; False when it has no function."""
        text = self.read(path)
        places = functions_of(text)
        if not places:
            return False
        line, column = self.random.choice(places)
        lines = text.splitlines(keepends=True)
        lines.insert(line - 1, " " * column + statement + "\n")
        self.write(path, "".join(lines))
        return True

    def edit(self, kind):
        """Makes one edit and says what it was."""
        self.number += 1
        name = "edit_%d" % self.number
        path = self.random.choice(self.tests if kind == "test" else self.sources)
        if kind == "body" and self.insert(path, "%s = %d" % (name, self.number)):
            return "body of a function in %s" % path
        if kind == "function":
            text = "\n\ndef %s(value):\n    return value\n" % name
        elif kind == "test":
            text = "\n\ndef test_%s():\n    assert True\n" % name
        elif kind == "constant":
            text = "\n_%s = %d\n" % (name, self.number)
        else:
            self.insert(path, "# %s" % name)
            return "comment in %s" % path
        self.write(path, self.read(path).rstrip("\n") + "\n" + text)
        return "%s at the end of %s" % (kind, path)

    def commit(self):
        count = self.random.choice((1, 1, 2, 3))
        return "; ".join(self.edit(self.random.choice(KINDS)) for _ in range(count))
