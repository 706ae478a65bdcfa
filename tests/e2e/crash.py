#!/usr/bin/env python3
"""Nothing is lost: what kills, full disks and damaged files do to the next selection.

A generated project has some hundred tests. Each uses a few cells (functions, a constant, a session
fixture), every edit gives a cell a value that it never had, and a test that ends well appends the
values that it saw to a log. After whatever happened, one undisturbed `pyt-diff` must leave every
test with a run to its end with the values that its cells have now; that is the whole rule, and it
needs no knowledge of what pyt-diff recorded. One more run must then execute nothing.

Exit status 1 when the rule is broken anywhere.
"""

import argparse
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from crash_project import Project

# ---- processes ------------------------------------------------------------------------------


def children_of(pid):
    try:
        with open("/proc/%d/task/%d/children" % (pid, pid)) as stream:
            return [int(word) for word in stream.read().split()]
    except OSError:
        return []


def depths(pid, depth=0):
    """(pid, distance from the first) of a process and all that it started."""
    result = [(pid, depth)]
    for child in children_of(pid):
        result += depths(child, depth + 1)
    return result


def group_is_empty(group):
    try:
        os.killpg(group, 0)
        return False
    except ProcessLookupError:
        return True


def wait_for_group(group, seconds):
    """True when every process of the group ended by itself in time; else they are killed."""
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        if group_is_empty(group):
            return True
        time.sleep(0.02)
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return True
    return False


class Runner:
    """Starts pyt-diff in the project."""

    def __init__(self, options, project, folder):
        self.binary = os.path.abspath(options.pyt_diff)
        self.python = options.python
        self.project = project
        self.folder = folder
        self.cache = os.path.join(folder, "records")
        self.inside = False  # records in the default place, within the tree
        self.limit = None
        self.output = ""

    def environment(self):
        env = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "PYT_DIFF"))}
        env["CRASH_LOG"] = self.project.log
        # Python compares whole seconds and sizes: quick edits would meet stale bytecode.
        env["PYTHONDONTWRITEBYTECODE"] = "1"
        return env

    def before_exec(self):
        if self.limit is not None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.limit, self.limit))

    def start(self, *extra):
        command = [self.binary, "--python", self.python]
        if not self.inside:
            command += ["--cache-dir", self.cache]
        handle, path = tempfile.mkstemp(dir=self.folder, prefix="output-")
        process = subprocess.Popen(
            [*command, "-q", *extra],
            cwd=self.project.root,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=handle,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=self.before_exec if self.limit is not None else None,
        )
        os.close(handle)
        process.output_path = path
        return process

    def finish(self, process, timeout=180):
        try:
            status = process.wait(timeout=timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            status = "timeout"
        with open(process.output_path, encoding="utf-8", errors="replace") as stream:
            self.output = stream.read()
        os.unlink(process.output_path)
        return status

    def run(self, *extra):
        return self.finish(self.start(*extra))

    def said(self):
        """What pyt-diff said beyond its ordinary line."""
        for line in self.output.splitlines():
            if line.startswith("pyt-diff: ") and any(
                word in line for word in ("warning", "error", "PTD-")
            ):
                text = line[len("pyt-diff: ") :].replace(self.folder, "...")
                return re.sub(r"\d{4,}(\.\d+)?(-\d+)?", "N", text)
        return ""


# ---- scenarios ------------------------------------------------------------------------------


class Skip(Exception):
    pass


class Result:
    def __init__(self, name):
        self.name = name
        self.rounds = 0
        self.violations = []
        self.unsettled = 0
        self.repeated = 0
        self.survivors = 0
        self.said = {}
        self.skipped = ""

    def violation(self, text, output=""):
        self.violations.append(text)
        print("VIOLATION in %s, round %d: %s" % (self.name, self.rounds, text), flush=True)
        if output:
            print("    " + "\n    ".join(output.strip().splitlines()[-12:]), flush=True)

    def note(self, text):
        if text:
            self.said[text] = self.said.get(text, 0) + 1


class Bench:
    def __init__(self, options, folder):
        self.options = options
        self.generator = random.Random(options.seed)
        self.project = Project(folder, self.generator)
        self.runner = Runner(options, self.project, folder)
        self.duration = 1.0
        self.results = []

    # -- steps that scenarios share

    def baseline(self):
        shutil.rmtree(self.runner.cache, ignore_errors=True)
        self.project.forget()
        status = self.runner.run("--baseline")
        missing = self.project.outdated()
        if status != 0 or missing:
            print(self.runner.output)
            raise SystemExit(
                "the baseline itself fails: exit %s, %d missing" % (status, len(missing))
            )

    def settle(self, result, extra=(), wanted=(0,)):
        """The undisturbed run, the rule, and a run that must execute nothing."""
        due = len(self.project.outdated())
        before = self.project.executions()
        status = self.runner.run(*extra)
        output = self.runner.output
        result.note(self.runner.said())
        ran = self.project.executions() - before
        result.repeated += max(0, ran - due)
        if self.options.verbose:
            text = "%s %d: %d due, %d ran, exit %s, %s"
            print(text % (result.name, result.rounds, due, ran, status, self.runner.said()))
        if status not in wanted:
            result.violation("exit status %s of an undisturbed run" % status, output)
        lost = self.project.outdated()
        if lost:
            text = "%d of %d tests did not run though they had to, %s" % (len(lost), due, lost[0])
            result.violation(text, output)
            return
        before = self.project.executions()
        status = self.runner.run(*extra)
        if status not in wanted:
            result.violation("exit status %s of the run after it" % status, self.runner.output)
        if self.project.executions() != before:
            result.unsettled += 1

    def recover(self, result):
        """After a violation the records start afresh, so that each is counted once."""
        if self.project.outdated():
            self.baseline()

    # -- kills

    def victim(self, process, kind):
        """The process to kill, once there is one; None when the run ended before."""
        while process.poll() is None:
            found = depths(process.pid)
            wanted = [
                pid for pid, depth in found if (depth >= 2 if kind == "worker" else depth == 1)
            ]
            if wanted:
                return self.generator.choice(wanted)
            time.sleep(0.002)
        return None

    def kill_once(self, result, kind, extra, longest):
        """Starts a run and kills a part of it at a random moment; False when it ended before."""
        # Without constants, which may well select more tests than use them: what runs again
        # then is what was lost.
        self.project.edit(self.generator.choice([10, 40, 80]), constants=False)
        process = self.runner.start(*extra)
        start = time.monotonic()
        pid = process.pid if kind == "engine" else self.victim(process, kind)
        moment = start + self.generator.uniform(0, longest)
        time.sleep(max(0, moment - time.monotonic()))
        alive = pid is not None and process.poll() is None
        if alive:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                alive = False
        status = self.runner.finish(process)
        if not wait_for_group(process.pid, 15):
            result.survivors += 1
        if alive and kind == "python" and status == 0 and self.project.outdated():
            result.violation("exit status 0 though Python was killed", self.runner.output)
        return alive

    def kill_round(self, result, kind, extra):
        longest = self.duration
        while not self.kill_once(result, kind, extra, longest):
            longest *= 0.7
        if self.generator.random() < 0.5:
            self.project.edit(2, constants=False)
        self.settle(result, extra)
        self.recover(result)

    def kills(self, kind):
        def scenario(result):
            extra = ["-n", "2"] if kind == "worker" else []
            self.baseline()
            if extra:
                self.runner.run("--force", *extra)
            start = time.monotonic()
            self.runner.run("--baseline", "--force", *extra)
            self.duration = 1.1 * (time.monotonic() - start)
            for _ in range(self.options.rounds):
                result.rounds += 1
                self.kill_round(result, kind, extra)

        return scenario

    # -- damage

    def save_records(self):
        saved = self.runner.cache + ".saved"
        shutil.rmtree(saved, ignore_errors=True)
        shutil.copytree(self.runner.cache, saved, symlinks=True)

    def restore_records(self):
        shutil.rmtree(self.runner.cache, ignore_errors=True)
        shutil.copytree(self.runner.cache + ".saved", self.runner.cache, symlinks=True)

    def files(self, database):
        """The database of the records, or all their other files."""
        found = []
        for base, _, leaves in os.walk(self.runner.cache):
            for leaf in leaves:
                path = os.path.join(base, leaf)
                if leaf.endswith(".db") == database and os.path.getsize(path):
                    found.append(path)
        return sorted(found)

    def damage(self, path, how):
        size = os.path.getsize(path)
        if how == "delete":
            os.unlink(path)
            return
        with open(path, "r+b") as stream:
            if how.startswith("cut "):
                stream.truncate(int(size * float(how[4:])))
            elif how == "empty":
                stream.truncate(0)
            elif how == "garbage":
                stream.write(bytes(self.generator.randrange(256) for _ in range(size)))
            elif how == "longer":
                stream.seek(0, os.SEEK_END)
                stream.write(b"\xa5" * 5000)
            else:
                place = int(how[5:]) if how[5:].isdigit() else self.generator.randrange(size)
                stream.seek(min(place, size - 1))
                byte = stream.read(1)[0]
                stream.seek(min(place, size - 1))
                stream.write(bytes([byte ^ (1 << self.generator.randrange(8))]))

    WAYS = (
        "empty,cut 0.001,cut 0.1,cut 0.5,cut 0.9,cut 0.999,garbage,longer,delete,flip 0,flip 18,"
        "flip 30,flip 60,flip 100,flip 110,flip 4096,flip 5000"
    ).split(",") + ["flip any"] * 12

    def damaged(self, database):
        def scenario(result):
            self.baseline()
            self.save_records()
            for how in self.WAYS:
                result.rounds += 1
                if database:
                    self.restore_records()
                else:
                    self.leave_journals()
                targets = self.files(database)
                if not targets and database:
                    raise Skip("no database file (*.db) in the records")
                for path in targets:
                    self.damage(path, how)
                if not targets:
                    result.note("(killed, no file was left)")
                self.project.edit_somehow()
                self.settle(result)
                self.recover(result)

        return scenario

    def leave_journals(self):
        """Kills everything in the middle of a run, so that what it wrote stays behind."""
        self.project.edit(40)
        process = self.runner.start()
        self.victim(process, "python")
        time.sleep(self.generator.uniform(0.3, 0.8) * self.duration)
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.runner.finish(process)
        wait_for_group(process.pid, 15)

    # -- places that cannot be written

    def mount(self, *arguments):
        if os.geteuid() != 0:
            raise Skip("needs root for a mount")
        done = subprocess.run(["mount", *arguments], capture_output=True)
        if done.returncode != 0:
            raise Skip("mount: " + done.stderr.decode().strip())

    def unmount(self, path):
        subprocess.run(["umount", "-l", path], stderr=subprocess.DEVNULL, check=False)

    def full_disk_round(self, result, size):
        result.rounds += 1
        self.project.edit_somehow()
        for extra in (["--baseline"], []):
            status = self.runner.run(*extra)
            result.note(self.runner.said())
            if isinstance(status, str) or status < 0 or status >= 128:
                text = "%d kB free: died with %s" % (size, status)
                result.violation(text, self.runner.output)
            lost = self.project.outdated()
            if lost and status == 0:
                text = "%d kB free: exit 0, %d tests did not run" % (size, len(lost))
                result.violation(text, self.runner.output)
            self.project.edit_somehow()

    def full_disk(self, result):
        cache = self.runner.cache
        for size in (16, 48, 128, 256, 512, 1024, 2048, 4096):
            shutil.rmtree(cache, ignore_errors=True)
            os.makedirs(cache)
            try:
                self.mount("-t", "tmpfs", "-o", "size=%dk" % size, "tmpfs", cache)
            except Skip as reason:
                result.note("limit of the file size instead of a small disk: %s" % reason)
                self.file_size_limit(result, size)
                continue
            try:
                self.full_disk_round(result, size)
                self.mount("-o", "remount,size=256m", cache)
                self.settle(result)
            finally:
                self.unmount(cache)

    def file_size_limit(self, result, size):
        self.runner.limit = size * 1024
        try:
            self.full_disk_round(result, size)
        finally:
            self.runner.limit = None
        self.settle(result)

    no_cache = ("-p", "no:cacheprovider")  # pytest's own cache would warn

    def read_only(self, inside):
        def scenario(result):
            root = self.project.root
            self.runner.inside = inside
            if not inside:
                self.baseline()
                self.runner.run(*self.no_cache)
            try:
                for _ in range(3):
                    result.rounds += 1
                    self.project.edit_somehow()
                    self.read_only_round(result, root)
                    self.project.edit_somehow()
                    self.settle(result, self.no_cache)
            finally:
                self.runner.inside = False

        return scenario

    def read_only_round(self, result, root):
        self.mount("--bind", root, root)
        try:
            self.mount("-o", "remount,ro,bind", root)
            status = self.runner.run(*self.no_cache)
            result.note(self.runner.said())
            lost = self.project.outdated()
            if status != 0 or lost:
                text = "exit status %s, %d tests did not run" % (status, len(lost))
                result.violation(text, self.runner.output)
        finally:
            self.unmount(root)

    # -- at the same time

    def two_runs(self, result):
        self.baseline()
        for _ in range(self.options.rounds):
            result.rounds += 1
            self.project.edit_somehow()
            first = self.runner.start()
            time.sleep(self.generator.uniform(0, 0.8) * self.duration)
            if self.generator.random() < 0.5:
                self.project.edit(5)
            second = self.runner.start()
            for process in (first, second):
                status = self.runner.finish(process)
                result.note(self.runner.said())
                if status != 0:
                    text = "exit status %s of one of two runs" % status
                    result.violation(text, self.runner.output)
            self.settle(result)
            self.recover(result)

    def edit_in_run(self, result):
        self.baseline()
        for _ in range(self.options.rounds):
            result.rounds += 1
            self.project.edit(20)
            process = self.runner.start()
            time.sleep(self.generator.uniform(0, 1) * self.duration)
            self.project.edit(10)
            self.runner.finish(process)
            self.settle(result)
            self.recover(result)

    # -- all of them

    def scenarios(self):
        return {
            "kill-engine": self.kills("engine"),
            "kill-python": self.kills("python"),
            "kill-worker": self.kills("worker"),
            "database": self.damaged(True),
            "journal": self.damaged(False),
            "full-disk": self.full_disk,
            "read-only": self.read_only(False),
            "read-only-records": self.read_only(True),
            "two-runs": self.two_runs,
            "edit-in-run": self.edit_in_run,
        }

    def run(self, names):
        for name in names:
            result = Result(name)
            self.results.append(result)
            start = time.monotonic()
            try:
                self.scenarios()[name](result)
            except Skip as reason:
                result.skipped = str(reason)
            print("%s: %.0f s" % (name, time.monotonic() - start), file=sys.stderr, flush=True)


def print_results(results):
    line = "%-18s %6s %10s %9s %8s %9s"
    print(line % ("scenario", "rounds", "violations", "unsettled", "repeated", "survivors"))
    for result in results:
        counts = (result.rounds, len(result.violations), result.unsettled)
        print(line % ((result.name, *counts, result.repeated, result.survivors)))
        if result.skipped:
            print("    skipped: %s" % result.skipped)
        for text, count in sorted(result.said.items(), key=lambda item: -item[1])[:6]:
            print("    said %d times: %s" % (count, text))
    print(
        "unsettled: rounds where a further run still executed tests; repeated: tests run again\n"
        "although they had already ended well in this state (in the kills: results that were\n"
        "lost, elsewhere also selections wider than need be); survivors: rounds where processes\n"
        "outlived the run by 15 seconds"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pyt-diff", metavar="BIN", required=True)
    parser.add_argument("--python", required=True, help="an environment's, with pytest and xdist")
    parser.add_argument("--rounds", type=int, default=20, help="of each kind of kill")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scenarios", help="comma-separated; default: all of them")
    parser.add_argument("--verbose", action="store_true", help="a line for each round")
    parser.add_argument("--keep", metavar="DIR", help="work there and leave everything behind")
    options = parser.parse_args()
    folder = options.keep or tempfile.mkdtemp(prefix="ptd-crash-")
    os.makedirs(folder, exist_ok=True)
    try:
        bench = Bench(options, folder)
        names = options.scenarios.split(",") if options.scenarios else list(bench.scenarios())
        bench.run(names)
    finally:
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)
    print()
    print_results(bench.results)
    return 1 if any(result.violations for result in bench.results) else 0


if __name__ == "__main__":
    sys.exit(main())
