"""Runs of a test suite and what came of them: outcome by node id, exit status, CPU time."""

import contextlib
import json
import os
import resource
import shutil
import signal
import subprocess
import tempfile
import time

PLUGIN_ARGS = ["-p", "ptd_outcomes"]


class Run:
    def __init__(self, status, outcomes, output, user, system, wall):
        self.status = status
        self.outcomes = outcomes  # {node id: outcome}; only what ran is in it
        self.output = output  # the end of stdout and stderr, in the order they were written
        self.user = user
        self.system = system
        self.wall = wall


class Timeout(Exception):
    pass


def fold_outcomes(lines):
    """One word per node id from the reports of its phases, as pytest's summary would count it."""
    outcomes = {}
    for line in lines:
        kind, nodeid, phase, outcome, xfail = json.loads(line)
        if kind == "collect":
            word = "collect-error" if outcome == "failed" else "collect-skip"
        elif outcome == "failed":
            word = "failed" if phase == "call" else "error"
        elif outcome == "skipped":
            word = "xfailed" if xfail else "skipped"
        else:
            word = "xpassed" if xfail and phase == "call" else "passed"
        if outcomes.get(nodeid) in (None, "passed"):
            outcomes[nodeid] = word
    return outcomes


def read_outcomes(path):
    try:
        with open(path, encoding="utf-8") as stream:
            return fold_outcomes(stream)
    except FileNotFoundError:
        return {}


def stop_group(process):
    """Ends a process and all that it started; the run was made the leader of its own session."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def empty_directory(path):
    """Makes it anew; returns the path."""
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(path)
    return path


@contextlib.contextmanager
def scratch_directory():
    """An empty directory, always of the same name within one process."""
    path = os.path.join(tempfile.gettempdir(), "ptd-runs-%d" % os.getpid())
    shutil.rmtree(path, ignore_errors=True)
    os.mkdir(path, 0o700)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def execute(command, cwd, env, timeout=None):
    """Runs a command of a measurement and returns a Run; its outcomes come from the plugin."""
    # The variable is read by a plugin, so every test depends on it: it must not differ.
    with scratch_directory() as scratch:
        env = dict(env, PTD_OUTCOMES_FILE=os.path.join(scratch, "outcomes"))
        log = os.path.join(scratch, "output")
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        start = time.perf_counter()
        with open(log, "wb") as stream:
            process = subprocess.Popen(
                command,
                cwd=cwd,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                status = process.wait(timeout=timeout)
            except subprocess.TimeoutExpired:
                stop_group(process)
                raise Timeout("longer than %d s: %s" % (timeout, " ".join(command))) from None
            except BaseException:
                stop_group(process)
                raise
        wall = time.perf_counter() - start
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        with open(log, "rb") as stream:
            output = stream.read()[-20000:].decode("utf-8", "replace")
        outcomes = read_outcomes(env["PTD_OUTCOMES_FILE"])
    user = after.ru_utime - before.ru_utime
    system = after.ru_stime - before.ru_stime
    return Run(status, outcomes, output, user, system, wall)


def plain(project, work, extra=(), timeout=None, plugin=True):
    """Plain pytest over the project's tests."""
    command = [project.pytest] + (PLUGIN_ARGS if plugin else []) + list(extra) + project.args
    return execute(command, work, project.environment(work), timeout)


def alone(project, work, nodeids, timeout=None):
    """Plain pytest over these tests and no others."""
    options = [argument for argument in project.args if argument.startswith("-")]
    command = [project.pytest] + PLUGIN_ARGS + options + sorted(nodeids)
    return execute(command, work, project.environment(work), timeout)


def pyt_diff(binary, project, work, cache, own=(), extra=(), timeout=None, plugin=True):
    """pyt-diff over the same tests with the same arguments."""
    command = [os.path.abspath(binary), "--python", project.python, "--cache-dir", cache]
    command += list(own) + (PLUGIN_ARGS if plugin else []) + list(extra) + project.args
    return execute(command, work, project.environment(work), timeout)


def differing(expected, actual):
    """Sorted (node id, expected, actual) of the ids whose outcomes are not equal."""
    ids = sorted(set(expected) | set(actual))
    pairs = (
        (nodeid, expected.get(nodeid, "absent"), actual.get(nodeid, "absent")) for nodeid in ids
    )
    return [row for row in pairs if row[1] != row[2]]


def print_table(header, rows):
    """Columns as wide as they need to be; numbers come formatted."""
    table = [list(header)] + [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(header))]
    for index, row in enumerate(table):
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
        print("  ".join(cells).rstrip(), flush=True)
        if index == 0:
            print("  ".join("-" * width for width in widths), flush=True)
