"""The generated project of crash.py: what it holds, how it is changed, what must have run."""

import glob
import os

MODULES = 12
FUNCTIONS = 8
TEST_FILES = 25
TESTS_PER_FILE = 10

SUPPORT = """\
import os
import time


def done(name, *values):
    time.sleep(0.003)
    path = os.path.join(os.environ["CRASH_LOG"], name)
    with open(path, "a") as stream:
        stream.write(" ".join(str(value) for value in values) + "\\n")
"""


class Project:
    """The generated project and what is known about it: cells, their values, tests, their cells."""

    def __init__(self, folder, generator):
        self.root = os.path.join(folder, "project")
        self.log = os.path.join(folder, "log")
        self.generator = generator
        self.counter = 1
        self.values = {"shared": 1}
        self.history = {}
        self.tests = {}
        os.makedirs(self.log)
        self.write("pytest.ini", "[pytest]\npythonpath = src\ntestpaths = tests\n")
        self.write("src/support.py", SUPPORT)
        for module in range(MODULES):
            for cell in self.cells_of(module):
                self.values[cell] = 1
            self.write_module(module)
        self.write_conftest()
        for number in range(TEST_FILES):
            self.write_tests(number)

    def write(self, path, text):
        target = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "w", encoding="utf-8") as stream:
            stream.write(text)

    def cells_of(self, module):
        return ["m%d.LEVEL" % module] + ["m%d.get%d()" % (module, n) for n in range(FUNCTIONS)]

    def write_module(self, module):
        lines = ["LEVEL = %d" % self.values["m%d.LEVEL" % module]]
        for number in range(FUNCTIONS):
            value = self.values["m%d.get%d()" % (module, number)]
            lines += ["", "", "def get%d():" % number, "    return %d" % value]
        self.write("src/m%d.py" % module, "\n".join(lines) + "\n")

    def write_conftest(self):
        text = 'import pytest\n\n\n@pytest.fixture(scope="session")\ndef shared():\n    return %d\n'
        self.write("tests/conftest.py", text % self.values["shared"])

    def write_tests(self, number):
        modules = self.generator.sample(range(MODULES), 3)
        lines = ["import %s" % name for name in ["m%d" % module for module in modules]]
        lines = sorted(lines) + ["import support"]
        for index in range(TESTS_PER_FILE):
            name = "test_%d_%d" % (number, index)
            cells = ["m%d.get%d()" % (m, self.generator.randrange(FUNCTIONS)) for m in modules]
            if index == 0:
                cells.append("m%d.LEVEL" % modules[0])
            if number % 3 == 0 and index < 5:
                cells.append("shared")
            argument = "shared" if "shared" in cells else ""
            self.tests[name] = cells
            lines += ["", "", "def %s(%s):" % (name, argument)]
            lines.append('    support.done("%s", %s)' % (name, ", ".join(cells)))
        self.write("tests/test_%d.py" % number, "\n".join(lines) + "\n")

    # -- changes

    def edit(self, count, constants=True):
        """New values for some cells; now and then one goes back to what it was before."""
        modules = set()
        cells = [cell for cell in sorted(self.values) if constants or "LEVEL" not in cell]
        for cell in self.generator.sample(cells, count):
            before = self.history.setdefault(cell, [])
            if before and self.generator.random() < 0.2:
                value = self.generator.choice(before)
            else:
                self.counter += 1
                value = self.counter
            before.append(self.values[cell])
            self.values[cell] = value
            modules.add(cell.split(".")[0])
        for name in modules:
            if name == "shared":
                self.write_conftest()
            else:
                self.write_module(int(name[1:]))

    def edit_somehow(self):
        self.edit(self.generator.choice([1, 3, 10, 40]))

    def forget(self):
        """The records were removed: earlier values and runs count for nothing."""
        self.history.clear()
        for path in glob.glob(os.path.join(self.log, "*")):
            os.unlink(path)

    # -- the rule

    def current(self, name):
        return " ".join(str(self.values[cell]) for cell in self.tests[name])

    def outdated(self):
        """The tests that have not run to their end with the values that their cells have now."""
        result = []
        for name in self.tests:
            try:
                with open(os.path.join(self.log, name)) as stream:
                    seen = stream.read().splitlines()
            except FileNotFoundError:
                seen = []
            if self.current(name) not in seen:
                result.append(name)
        return result

    def executions(self):
        total = 0
        for path in glob.glob(os.path.join(self.log, "*")):
            with open(path) as stream:
                total += len(stream.readlines())
        return total
