#!/usr/bin/env python3
"""The answer when nothing has changed, in a project of 10,000 source files and 10,000 tests.

Measures the no-change run against a program that only calls stat on the same files, and the peak
memory of the engine in that run and in a dry run after changes.
"""

import argparse
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import projects
import runs

PACKAGES = 500
TEST_FILES = 1000
TESTS_PER_FILE = 10
FUNCTIONS = 3


class Layout:
    """The generated project; `scale` divides its size, for trying the program out."""

    def __init__(self, root, scale):
        self.root = root
        self.packages = max(1, PACKAGES // scale)
        self.per_package = 20  # with the package's own file
        self.test_files = max(1, TEST_FILES // scale)
        self.files = []

    def write(self, path, text):
        target = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "w", encoding="utf-8") as stream:
            stream.write(text)
        self.files.append(target)

    def modules(self):
        for package in range(self.packages):
            for module in range(self.per_package - 1):
                yield "pkg%03d" % package, "mod%02d" % module

    def source(self, package, module):
        lines = ['"""Module %s of %s."""' % (module, package), "", "LIMIT = 100", ""]
        for number in range(FUNCTIONS):
            lines += [
                "",
                "def work%d(value):" % number,
                "    total = value + %d" % number,
                "    if total > LIMIT:",
                "        total = LIMIT",
                "    return total",
                "",
            ]
        return "\n".join(lines)

    def test_file(self, imported):
        lines = ["from %s import %s as m%d" % (p, m, i) for i, (p, m) in enumerate(imported)]
        for number in range(TESTS_PER_FILE):
            alias = "m%d" % (number % len(imported))
            lines += ["", "", "def test_%d():" % number]
            for function in range(FUNCTIONS):
                lines.append("    assert %s.work%d(1) == %d" % (alias, function, 1 + function))
        return "\n".join(lines) + "\n"

    def generate(self):
        for package in range(self.packages):
            self.write("src/pkg%03d/__init__.py" % package, "NAME = %d\n" % package)
        modules = list(self.modules())
        for package, module in modules:
            self.write("src/%s/%s.py" % (package, module), self.source(package, module))
        self.write("pytest.ini", "[pytest]\npythonpath = src\ntestpaths = tests\n")
        self.write("tests/conftest.py", "")
        generator = random.Random(1)
        share = (len(modules) + self.test_files - 1) // self.test_files
        for number in range(self.test_files):
            own = modules[number * share : (number + 1) * share]
            imported = own or generator.sample(modules, min(10, len(modules)))
            path = "tests/part%02d/test_%04d.py" % (number // 100, number)
            self.write(path, self.test_file(imported))


def wait_for(command, cwd):
    """(user + system seconds, wall seconds, peak kilobytes, exit status, output) of a command."""
    with tempfile.TemporaryFile() as sink:
        start = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.WEXITSTATUS(status) if os.WIFEXITED(status) else -1
        sink.seek(0)
        output = sink.read().decode("utf-8", "replace")
    return usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss, process.returncode, output


def repeat(command, cwd, count, status=0):
    """Medians of CPU and wall in milliseconds, the greatest peak in MB, the last output."""
    samples = [wait_for(command, cwd) for _ in range(count)]
    for sample in samples:
        if sample[3] != status:
            text = "%s: exit status %d\n%s"
            raise SystemExit(text % (" ".join(command), sample[3], sample[4][-2000:]))
    cpu = 1000 * statistics.median(sample[0] for sample in samples)
    wall = 1000 * statistics.median(sample[1] for sample in samples)
    return cpu, wall, max(sample[2] for sample in samples) / 1024, samples[-1][4]


def build_floor(folder):
    source = os.path.join(projects.HERE, "stat_only.c")
    if not os.path.exists(source):
        return None
    binary = os.path.join(folder, "stat_only")
    compiler = os.environ.get("CC", "cc")
    projects.run([compiler, "-O2", "-o", binary, source])
    return binary


def change_functions(layout, count):
    modules = list(layout.modules())
    for package, module in modules[:: max(1, len(modules) // count)][:count]:
        path = os.path.join(layout.root, "src", package, module + ".py")
        with open(path, encoding="utf-8") as stream:
            text = stream.read()
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(text.replace("total = value + 0", "total = 0 + value"))


def measure(options, python, folder):
    root = os.path.join(folder, "project")
    cache = os.path.join(folder, "records")
    for path in (root, cache):
        shutil.rmtree(path, ignore_errors=True)
    layout = Layout(root, options.scale)
    layout.generate()
    listing = os.path.join(folder, "files.txt")
    with open(listing, "w", encoding="utf-8") as stream:
        stream.write("".join(path + "\n" for path in layout.files))
    ours = [os.path.abspath(options.pyt_diff), "--python", python, "--cache-dir", cache]
    cpu, wall, _, status, output = wait_for(ours + ["--baseline", "-q"], root)
    print("baseline: exit %d, %.1f s CPU, %.1f s" % (status, cpu, wall), flush=True)
    if status != 0:
        print(output[-3000:])
        return 1
    size = sum(
        os.path.getsize(os.path.join(base, leaf))
        for base, _, leaves in os.walk(cache)
        for leaf in leaves
    )
    print("records: %.1f MB" % (size / 1e6))

    ours_row = repeat(ours, root, options.runs)
    print(ours_row[3].strip())
    rows = [["pyt-diff, nothing changed"] + ["%.1f" % value for value in ours_row[:3]]]
    floor = build_floor(folder)
    ratio = None
    if floor:
        floor_row = repeat([floor, listing], root, options.runs)
        rows.append(["stat of %d files" % len(layout.files)] + ["%.1f" % v for v in floor_row[:3]])
        ratio = ours_row[0] / floor_row[0]
    change_functions(layout, 20)
    dry = repeat(ours + ["--dry-run"], root, 3)
    rows.append(["pyt-diff --dry-run, 20 changes"] + ["%.1f" % value for value in dry[:3]])
    runs.print_table(["", "CPU ms", "wall ms", "peak MB"], rows)
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print("peaks below %.0f MB, that of the measuring process, cannot be told" % own)
    print("last line of the dry run: %s" % (dry[3].strip().splitlines() or [""])[-1])
    if ratio is not None:
        print("CPU against the floor: %.2f" % ratio)
    peak = max(ours_row[2], dry[2])
    return 1 if (ratio is not None and ratio > options.limit) or peak > 100 else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pyt-diff", metavar="BIN", required=True)
    parser.add_argument("--cache", default=projects.DEFAULT_CACHE)
    parser.add_argument("--pythons", default=projects.DEFAULT_PYTHON, help="the first is used")
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--scale", type=int, default=1, help="divide the size by this")
    parser.add_argument("--limit", type=float, default=3.0, help="greatest CPU ratio to the floor")
    options = parser.parse_args()
    pythons = projects.select_pythons(options.pythons)
    if not pythons:
        return 1
    cache = os.path.abspath(options.cache)
    env = os.path.join(cache, "envs", "tools-py%s" % pythons[0].name)
    tools = projects.load_registry()["tools"]
    python = projects.make_environment(env, pythons[0].executable, tools)
    folder = os.path.join(cache, "work", "noop")
    os.makedirs(folder, exist_ok=True)
    return measure(options, python, folder)


if __name__ == "__main__":
    sys.exit(main())
