"""A small pytest project in a temporary directory, and pyt-diff run in it as a user runs it.

What really ran is not taken from anybody's output: the first statement of every test function that
`write` puts into a file notes the test in a log. Every start of the project's Python is noted too,
by a sitecustomize module, so "Python was not started" can be asserted.
"""

import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

BINARY = os.environ.get("PYT_DIFF", "build/pyt-diff")
PYTHON = os.environ.get("PTD_PYTHON", sys.executable)

TEST_DEF = re.compile(r"^([ \t]*)(?:async +)?def test\w*\(.*\)(?: *->.*)?:[ \t]*(?:#.*)?$")
NOTE = (
    'with open(__import__("os").environ["RAN_LOG"], "a", encoding="utf-8") as _log: '
    '_log.write(__import__("os").environ["PYTEST_CURRENT_TEST"].rpartition(" (")[0] + "\\n")'
)
SPY = """\
import os, sys
if "STARTED_LOG" in os.environ:
    with open(os.environ["STARTED_LOG"], "a") as _log:
        _log.write("%d %s\\n" % (os.getpid(), sys.executable))
"""
# What the caller's environment must not decide.
FOREIGN = ("PYTEST", "PYTHON", "PYT_DIFF", "PTD_", "VIRTUAL_ENV", "CONDA", "COV_", "COVERAGE")
COLOURS = ("PY_COLORS", "FORCE_COLOR", "CLICOLOR_FORCE", "CI", "GITHUB_ACTIONS")


def with_notes(text):
    lines = []
    for line in text.split("\n"):
        lines.append(line)
        match = TEST_DEF.match(line)
        if match:
            lines.append(match.group(1) + "    " + NOTE)
    return "\n".join(lines)


class Result:
    def __init__(self, status, out, err, ran, started):
        self.status = status
        self.out = out
        self.err = err
        self.log = ran  # in the order of the run, with repetitions
        self.started = started

    @property
    def ran(self):
        """The node ids of the tests that were entered."""
        return set(self.log)

    @property
    def names(self):
        """The same without their files and classes."""
        return {name.rpartition("::")[2] for name in self.log}

    def __repr__(self):
        return "exit status %s, ran %s\n--- stdout\n%s\n--- stderr\n%s" % (
            self.status,
            sorted(self.ran),
            self.out,
            self.err,
        )


class Project:
    def __init__(self, folder):
        self.folder = folder
        self.root = folder / "project"
        self.spy = folder / "spy"
        self.ran_log = folder / "ran.log"
        self.started_log = folder / "started.log"
        self.binary = os.path.abspath(BINARY)
        self.python = PYTHON
        self.env = {}
        self.clock = time.time() - 1000000  # every write gets a strictly newer time
        self.root.mkdir()
        self.spy.mkdir()
        (self.spy / "sitecustomize.py").write_text(SPY)
        (self.root / ".gitignore").write_text("__pycache__/\n.pytest_cache/\n")

    @property
    def cache(self):
        return self.root / ".pytest_cache" / "pyt-diff"

    @property
    def database(self):
        return self.cache / "pyt-diff.db"

    def stamp(self, path):
        self.clock += 10
        os.utime(path, (self.clock, self.clock))

    def write(self, path, text):
        """Writes a file of the project; tests in it note that they ran. Bytes stay as they are."""
        full = self.root / path
        full.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(text, str):
            text = with_notes(textwrap.dedent(text)).encode("utf-8")
        full.write_bytes(text)
        self.stamp(full)
        return full

    def replace(self, path, old, new):
        full = self.root / path
        text = full.read_text(encoding="utf-8")
        assert old in text
        full.write_text(text.replace(old, new), encoding="utf-8")
        self.stamp(full)

    def delete(self, path):
        (self.root / path).unlink()

    def git(self, *args):
        env = dict(
            os.environ,
            GIT_AUTHOR_NAME="a",
            GIT_AUTHOR_EMAIL="a@example.invalid",
            GIT_COMMITTER_NAME="a",
            GIT_COMMITTER_EMAIL="a@example.invalid",
            GIT_CONFIG_GLOBAL=os.devnull,
            GIT_CONFIG_SYSTEM=os.devnull,
        )
        subprocess.run(["git", *args], cwd=self.root, env=env, check=True, capture_output=True)

    def commit(self):
        if not (self.root / ".git").exists():
            self.git("init", "-q", "-b", "main", ".")
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "state")

    def environment(self, extra=None):
        env = {k: v for k, v in os.environ.items() if not k.startswith(FOREIGN + COLOURS)}
        env.update(
            PYTHONPATH=str(self.spy),
            RAN_LOG=str(self.ran_log),
            STARTED_LOG=str(self.started_log),
            NO_COLOR="1",
        )
        env.update(self.env)
        env.update(extra or {})
        return {k: v for k, v in env.items() if v is not None}

    def command(self, args):
        own = [] if self.python is None else ["--python", str(self.python)]
        return [self.binary, *own, *args]

    def start(self, *args, env=None, cwd=None):
        """Starts pyt-diff in a process group of its own."""
        return subprocess.Popen(
            self.command(args),
            cwd=self.root if cwd is None else self.root / cwd,
            env=self.environment(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )

    def finish(self, process, timeout=60):
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        return Result(
            process.returncode, out, err, self.take(self.ran_log), self.take(self.started_log)
        )

    def run(self, *args, env=None, cwd=None):
        self.take(self.ran_log)
        self.take(self.started_log)
        return self.finish(self.start(*args, env=env, cwd=cwd))

    def ask(self, *args):
        """The output of a command that takes no interpreter."""
        command = [self.binary, *map(str, args)]
        done = subprocess.run(command, capture_output=True, encoding="utf-8")
        assert done.returncode == 0, done
        return done.stdout

    def record(self, *args, **kwargs):
        """A run that is expected to pass, and to be followed by one that has nothing to do."""
        result = self.run(*args, **kwargs)
        assert result.status == 0, result
        return result

    def pytest(self, *args):
        """Plain pytest, for comparison."""
        self.take(self.ran_log)
        done = subprocess.run(
            [str(self.python), "-m", "pytest", "-p", "no:cacheprovider", *args],
            cwd=self.root,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
        )
        return Result(done.returncode, done.stdout, done.stderr, self.take(self.ran_log), [])

    def wait_for(self, name, seconds=30):
        """Waits until the log of the tests that ran names one that ends so."""
        limit = time.monotonic() + seconds
        while time.monotonic() < limit:
            if self.ran_log.exists() and any(
                line.endswith(name) for line in self.ran_log.read_text().splitlines()
            ):
                return
            time.sleep(0.02)
        raise AssertionError("%s did not start" % name)

    @staticmethod
    def take(log):
        """The lines of a log, which is empty afterwards."""
        if not log.exists():
            return []
        lines = log.read_text(encoding="utf-8").splitlines()
        log.unlink()
        return lines


def assert_idle(result):
    """Nothing ran, and not even Python was started."""
    assert result.status == 0, result
    assert result.ran == set(), result
    assert result.started == [], result
    assert "pyt-diff: no tests affected" in result.err, result


def make_environment(folder, with_pytest=True, base=PYTHON):
    """A virtual environment with the pytest of PYTHON: its interpreter, its site-packages."""
    subprocess.run([base, "-m", "venv", "--without-pip", str(folder)], check=True)
    site = next(Path(folder).glob("lib/python*/site-packages"))
    if with_pytest:
        where = "import os, pytest; print(os.path.dirname(os.path.dirname(pytest.__file__)))"
        done = subprocess.run(
            [PYTHON, "-c", where], capture_output=True, encoding="utf-8", check=True
        )
        (site / "packages.pth").write_text(done.stdout)
    return folder / "bin" / "python", site


def has_module(name):
    return subprocess.run([PYTHON, "-c", "import " + name], capture_output=True).returncode == 0
