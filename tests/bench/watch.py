#!/usr/bin/env python3
"""From a save to the first test, in watch mode, beyond what pytest itself takes to start.

A generated project is watched; a function of one module is changed again and again, and each time
the moment is noted at which the first test begins. Subtracted is what `python -m pytest FILE` takes
from its start to that moment, for the file of tests that the change affects.
"""

import argparse
import os
import queue
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import noop
import runs

CONFTEST = """\
import os
import time


def pytest_runtest_setup(item):
    with open(os.environ["BEGUN"], "a") as log:
        log.write("%.6f\\n" % time.time())
"""


class Project:
    def __init__(self, folder, scale):
        self.root = os.path.join(folder, "project")
        self.log = os.path.join(folder, "begun")
        self.layout = noop.Layout(self.root, scale)
        self.layout.generate()
        self.layout.write("tests/conftest.py", CONFTEST)
        self.changes = 0

    def change(self):
        """Another body for one function; the time right before it is written."""
        path = os.path.join(self.root, "src", "pkg000", "mod00.py")
        with open(path, encoding="utf-8") as stream:
            lines = stream.read().split("\n")
        self.changes += 1
        at = lines.index("def work0(value):") + 1
        lines[at] = "    total = value + 0 + 0 * %d" % self.changes
        if os.path.exists(self.log):
            os.unlink(self.log)
        now = time.time()
        with open(path, "w", encoding="utf-8") as stream:
            stream.write("\n".join(lines))
        return now

    def begun(self, limit=30):
        end = time.monotonic() + limit
        while time.monotonic() < end:
            if os.path.exists(self.log):
                with open(self.log) as stream:
                    line = stream.readline()
                if line.endswith("\n"):
                    return float(line)
            time.sleep(0.005)
        raise SystemExit("no test began")


class Watch:
    """pyt-diff watch without a terminal; a line on standard error ends each run."""

    def __init__(self, command, project, env):
        self.process = subprocess.Popen(
            command,
            cwd=project.root,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines = queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stderr:
            self.lines.put(line)
        self.lines.put("")

    def idle(self):
        """Waits for the end of a run; what was said until then."""
        said = []
        while True:
            line = self.lines.get(timeout=300)
            if not line:
                raise SystemExit("it has ended: " + "".join(said))
            if line.startswith("pyt-diff: watching"):
                return "".join(said)
            said.append(line)

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


def plain_start(python, project, env):
    """Seconds from the start of pytest to its first test."""
    if os.path.exists(project.log):
        os.unlink(project.log)
    now = time.time()
    command = [python, "-m", "pytest", "-q", "tests/part00/test_0000.py"]
    subprocess.run(command, cwd=project.root, env=env, check=True, stdout=subprocess.DEVNULL)
    return project.begun() - now


def measure(options, folder):
    project = Project(folder, options.scale)
    env = dict(os.environ, BEGUN=project.log)
    binary = os.path.abspath(options.pyt_diff)
    watch = Watch([binary, "watch", "--python", options.python, *options.args], project, env)
    try:
        watch.idle()
        saved, plain, said = [], [], ""
        for _ in range(options.runs):
            time.sleep(0.2)
            now = project.change()
            saved.append(project.begun() - now)
            said = watch.idle()
            plain.append(plain_start(options.python, project, env))
            time.sleep(0.3)
    finally:
        watch.end()
    print("%d sources; the last run said: %s" % (len(project.layout.files), said.strip()))
    beyond = [a - b for a, b in zip(saved, plain)]
    rows = [
        [name, *("%.0f" % (1000 * f(values)) for f in (statistics.median, min, max))]
        for name, values in (
            ("save to first test", saved),
            ("pytest to first test", plain),
            ("beyond pytest", beyond),
        )
    ]
    runs.print_table(["ms", "median", "least", "most"], rows)
    return 1 if 1000 * statistics.median(beyond) > options.limit else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pyt-diff", metavar="BIN", required=True)
    parser.add_argument("--python", default=sys.executable, help="an interpreter that has pytest")
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--scale", type=int, default=10, help="divide 10,000 files by this")
    parser.add_argument(
        "--limit", type=float, default=150, help="greatest median beyond pytest, ms"
    )
    parser.add_argument("args", nargs="*", metavar="ARG", help="more arguments for pyt-diff watch")
    options = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="ptd-watch-")
    try:
        return measure(options, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
