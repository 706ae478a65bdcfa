"""--line-coverage: the lines that tests execute, as coverage.py's data file.

PTD_TEST_PYTHONS may name interpreters with pytest (":" between them) beside the usual one: lines
come from a trace function up to Python 3.11 and from sys.monitoring later.
"""

import os
import sqlite3
import stat
import subprocess

import pytest
from project import PYTHON, has_module

FILE = "lines.db"


def answer(python, code):
    done = subprocess.run([python, "-c", code], capture_output=True, encoding="utf-8")
    return done.stdout.strip() if done.returncode == 0 else None


def usable_pythons():
    """One for each mechanism."""
    found = {}
    for python in [PYTHON, *os.environ.get("PTD_TEST_PYTHONS", "").split(":")]:
        later = python and answer(python, "import pytest, sys; print(sys.version_info >= (3, 12))")
        if later:
            found.setdefault(later, python)
    return [
        pytest.param(python, id="monitoring" if later == "True" else "trace")
        for later, python in found.items()
    ]


@pytest.fixture(params=usable_pythons())
def anywhere(request, project):
    """A project for each mechanism."""
    project.python = request.param
    return project


def numbers(bits):
    return {8 * i + bit for i, byte in enumerate(bits) for bit in range(8) if byte >> bit & 1}


class Data:
    """{file: {context: lines}}, read without coverage.py."""

    def __init__(self, project, name=FILE):
        self.root = os.path.join(os.path.realpath(project.root), "")
        db = sqlite3.connect(project.root / name)
        self.version = db.execute("select version from coverage_schema").fetchall()
        self.meta = dict(db.execute("select key, value from meta"))
        self.files = {self.name(path): {} for (path,) in db.execute("select path from file")}
        self.contexts = {c for (c,) in db.execute("select context from context")}
        for path, context, bits in db.execute(
            "select path, context, numbits from line_bits"
            " join file on file.id = file_id join context on context.id = context_id"
        ):
            self.files[self.name(path)][context] = numbers(bits)
        db.close()

    def name(self, path):
        assert path.startswith(self.root), path
        return path[len(self.root) :]

    def lines(self, file):
        return set().union(*self.files[file].values())


def write_small(project):
    project.write(
        "lib.py",
        """\
        def one(x):
            if x:
                return 1
            return 2


        def two():
            return one(
                0
            )
        """,
    )
    project.write("unused.py", "def nothing():\n    pass\n")
    project.write(
        "test_lib.py",
        b"import lib\nimport pytest\n\n\n@pytest.fixture\ndef made():\n    made = lib.one(1)\n"
        b"    yield made\n    lib.two()\n\n\ndef test_made(made):\n    assert made == 1\n\n\n"
        b"def test_two():\n    assert lib.two() == 2\n",
    )


def test_lines_and_contexts(anywhere):
    write_small(anywhere)
    result = anywhere.run("--line-coverage", FILE)
    assert result.status == 0, result
    data = Data(anywhere)
    assert data.version == [(7,)]
    assert data.meta["has_arcs"] == "0"
    assert data.files == {
        "lib.py": {
            "": {1, 7},
            "test_lib.py::test_made|setup": {2, 3},
            "test_lib.py::test_made|teardown": {2, 4, 8, 9},
            "test_lib.py::test_two|run": {2, 4, 8, 9},
        },
        "test_lib.py": {
            "": {1, 2, 5, 6, 12, 16},
            "test_lib.py::test_made|setup": {7, 8},
            "test_lib.py::test_made|run": {13},
            "test_lib.py::test_made|teardown": {9},
            "test_lib.py::test_two|run": {17},
        },
        "unused.py": {},
    }


EVERYTHING = """\
import contextlib
import functools
import threading

TABLE = {
    "a": 1,
    "b": [
        n
        for n in range(3)
    ],
}


def decorated(function):
    @functools.wraps(function)
    def inner(*args,
              key=None):
        return function(
            *args
        )
    return inner


class Base:
    attribute = (
        1 +
        2
    )

    def method(self): return self.attribute

    @decorated
    def other(self,
              value):
        # nothing
        try:
            return 1 / value
        except ZeroDivisionError:
            pass
        finally:
            self.last = value

    @property
    def name(self):
        '''A text.'''
        return (lambda: (
            self.last
        ))()


def generator(n):
    for i in range(n):
        received = yield i
        if received:
            continue
        elif i > 100: return
    else:
        del received


def loop(n):
    total = 0
    while n:
        n -= 1
        if n % 2: continue
        total += n
    return total


@contextlib.contextmanager
def managed():
    with contextlib.suppress(KeyError):
        yield


async def coroutine():
    async def inner():
        return 5
    return await inner()


def in_thread():
    thread = threading.Thread(target=loop, args=(5,))
    thread.start()
    thread.join()


def deep(n):
    return deep(n - 1) if n else 0


def throws():
    raise KeyError(
        "x"
    )


def documented():
    '''
    >>> deep(2)
    0
    '''
"""
EVERYTHING_TESTS = """\
import asyncio

import everything
import pytest


@pytest.fixture(scope="module", params=[1, 2])
def base(request):
    base = everything.Base()
    yield base
    base.other(request.param)


@pytest.fixture(autouse=True)
def around():
    everything.loop(3)
    yield
    everything.deep(2)


def test_class(base):
    assert base.method() == 3
    assert base.other(0) is None
    assert base.name == 0


def test_generator():
    steps = everything.generator(3)
    next(steps)
    steps.send(1)
    steps.close()


def test_threw():
    steps = everything.generator(3)
    next(steps)
    with pytest.raises(ValueError):
        steps.throw(ValueError())
    with everything.managed():
        everything.throws()


@pytest.mark.parametrize("n", [5000, 5001, 3])
def test_hot(n):
    assert everything.loop(n)


def test_threads():
    everything.in_thread()


def test_coroutine():
    assert asyncio.run(everything.coroutine()) == 5


@pytest.mark.skip(reason="is not there")
def test_skipped():
    everything.throws()


def test_fails():
    everything.throws()


class TestClass:
    def setup_method(self):
        self.value = everything.TABLE["a"]

    def test_value(self):
        assert (
            self.value
            == 1
        )
"""
# What pytest-cov does with --cov-context=test.
SWITCH = """\
import coverage


class Contexts:
    def pytest_runtest_setup(self, item):
        coverage.Coverage.current().switch_context(item.nodeid + "|setup")

    def pytest_runtest_call(self, item):
        coverage.Coverage.current().switch_context(item.nodeid + "|run")

    def pytest_runtest_teardown(self, item):
        coverage.Coverage.current().switch_context(item.nodeid + "|teardown")


def pytest_sessionstart(session):
    session.config.pluginmanager.register(Contexts())


def pytest_sessionfinish():
    coverage.Coverage.current().switch_context("")
"""


def write_everything(project):
    project.write("everything.py", EVERYTHING)
    project.write("test_everything.py", EVERYTHING_TESTS.encode())
    project.write("conftest.py", "def pytest_runtest_logreport(report):\n    report.when\n")
    project.write("sub/__init__.py", "")
    project.write("sub/never.py", "x = 1\n")
    project.write("data/script.py", "x = 1\n")


def coverage_run(project, *args):
    (project.spy / "switch_contexts.py").write_text(SWITCH)
    # sys.monitoring, the default of later versions, knows no contexts.
    command = [str(project.python), "-m", "coverage", "run", "--data-file=theirs.db"]
    command += ["--source=.", "-m", "pytest", "-p", "switch_contexts", *args]
    return subprocess.run(
        command,
        cwd=project.root,
        env=project.environment({"COVERAGE_CORE": "ctrace"}),
        capture_output=True,
        encoding="utf-8",
    )


def test_equal_to_coverage(anywhere):
    if answer(anywhere.python, "import coverage; print(1)") is None:
        pytest.skip("no coverage for " + str(anywhere.python))
    write_everything(anywhere)
    args = ["-q", "--doctest-modules", "-p", "no:cacheprovider"]
    result = anywhere.run("--line-coverage", FILE, *args)
    theirs = coverage_run(anywhere, *args)
    assert result.status == theirs.returncode == 1, (result, theirs.stdout, theirs.stderr)
    ours, theirs = Data(anywhere), Data(anywhere, "theirs.db")
    assert set(ours.files) == set(theirs.files)
    assert ours.contexts == theirs.contexts
    for name in ours.files:
        assert ours.files[name] == theirs.files[name], name


def test_coverage_reports_on_it(project):
    if not has_module("coverage"):
        pytest.skip("no coverage for " + str(PYTHON))
    write_small(project)
    project.record("--line-coverage", FILE)

    def coverage(*args):
        command = [str(PYTHON), "-m", "coverage", *args, "--data-file", FILE]
        done = subprocess.run(
            command,
            cwd=project.root,
            env=project.environment(),
            capture_output=True,
            encoding="utf-8",
        )
        assert done.returncode == 0, done
        return done.stdout

    report = coverage("report", "-m")
    rows = {line.split()[0]: line.split() for line in report.splitlines() if ".py" in line}
    assert rows["lib.py"][1:] == ["6", "0", "100%"]
    assert rows["unused.py"][1:] == ["2", "2", "0%", "1-2"]
    coverage("html", "--show-contexts", "-d", "pages")
    assert "test_lib.py::test_two|run" in (project.root / "pages/lib_py.html").read_text()
    coverage("json", "--show-contexts", "-o", "-")


def test_hot_lines_count_in_each_context(anywhere):
    anywhere.write("lib.py", "def loop(n):\n    for i in range(n):\n        i += 1\n    return i\n")
    anywhere.write(
        "test_lib.py",
        b"import lib\nimport pytest\n\n\n@pytest.mark.parametrize('n', [9000, 9001, 1, 9002])\n"
        b"def test_loop(n):\n    assert lib.loop(n) == n\n",
    )
    anywhere.record("--line-coverage", FILE)
    lines = Data(anywhere).files["lib.py"]
    del lines[""]
    assert lines == {"test_lib.py::test_loop[%d]|run" % n: {2, 3, 4} for n in (9000, 9001, 1, 9002)}


def test_code_that_traces_itself(anywhere):
    """Its trace function works as ever, and no line is missing."""
    anywhere.write("lib.py", "def step(x):\n    y = x\n    return y\n")
    anywhere.write(
        "test_lib.py",
        b"""\
import sys
import lib


def test_trace():
    events = []

    def trace(frame, event, arg):
        events.append((frame.f_code.co_name, event))
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    lib.step(1)
    assert sys.gettrace() is trace
    sys.settrace(before)
    assert before is None
    assert sys.gettrace() is None
    seen = list(events)
    lib.step(2)
    assert events == seen == [
        ("step", "call"), ("step", "line"), ("step", "line"), ("step", "return")]


def test_none():
    sys.settrace(None)
    x = 1
    assert x


def test_after():
    lib.step(3)
""",
    )
    anywhere.record("--line-coverage", FILE)
    data = Data(anywhere)
    for name in ("test_trace", "test_after"):
        assert data.files["lib.py"]["test_lib.py::%s|run" % name] == {2, 3}
    ours = data.files["test_lib.py"]
    assert ours["test_lib.py::test_trace|run"] >= {6, 8, *range(12, 21)}
    assert ours["test_lib.py::test_none|run"] == {26, 27, 28}


def test_threads_of_all_kinds(anywhere):
    anywhere.write("lib.py", "def step(x):\n    y = x\n    return y\n")
    anywhere.write(
        "pick.py",
        "def pick(x):\n    if x is None:\n        return 1\n    x.append(1)\n    return 2\n",
    )
    anywhere.write(
        "test_lib.py",
        b"""\
import _thread
import threading
import time
import lib
import pick


def test_thread():
    thread = threading.Thread(target=lib.step, args=(1,))
    thread.start()
    thread.join()


def test_raw():
    lock = _thread.allocate_lock()
    lock.acquire()

    def run():
        lib.step(1)
        lock.release()

    _thread.start_new_thread(run, ())
    lock.acquire()


def test_known_code():
    got = []
    pick.pick(None)
    _thread.start_new_thread(pick.pick, (got,))
    while not got:
        time.sleep(0.01)
""",
    )
    anywhere.record("--line-coverage", FILE)
    data = Data(anywhere)
    for name in ("test_thread", "test_raw"):
        assert data.files["lib.py"]["test_lib.py::%s|run" % name] == {2, 3}
    assert data.files["pick.py"]["test_lib.py::test_known_code|run"] >= {2, 3, 4}


def test_audit_hooks(anywhere):
    """One in Python is called while ours takes a thread."""
    anywhere.write(
        "test_lib.py",
        b"""\
import sys
import threading


def step(x):
    y = x
    return y


def test_audit():
    sys.addaudithook(lambda event, args: step(event))
    thread = threading.Thread(target=step, args=(5,))
    thread.start()
    thread.join()
""",
    )
    anywhere.record("--line-coverage", FILE)
    lines = Data(anywhere).files["test_lib.py"]["test_lib.py::test_audit|run"]
    assert lines >= {6, 7, 11, 12, 13, 14}


@pytest.mark.skipif(not has_module("xdist"), reason="no pytest-xdist")
def test_workers_are_united(project):
    write_everything(project)
    assert project.run("--line-coverage", FILE).status == 1
    assert project.run("--mode=all", "--line-coverage", "parallel.db", "-n2").status == 1
    alone, together = Data(project), Data(project, "parallel.db")
    assert set(alone.files) == set(together.files)
    assert alone.contexts == together.contexts
    for name in alone.files:
        assert alone.lines(name) == together.lines(name)


def test_only_when_asked_for(shop):
    before = shop.record("-q")
    assert not list(shop.root.glob("*.db"))
    assert "coverage" not in before.err


def test_selective_run(shop):
    shop.record("--line-coverage", FILE)
    whole = Data(shop)
    assert "test_prices.py::test_discount|run" in whole.contexts
    shop.replace("prices.py", "return net // 10", "return net // 5 // 2")
    result = shop.run("--line-coverage", FILE)
    assert result.names == {"test_discount"}
    line = "pyt-diff: %s has the lines of what ran; 3 unaffected tests did not\n" % FILE
    assert line in result.err
    phases = {c for c in Data(shop).contexts if c}
    assert phases == {"test_prices.py::test_discount|run"}


def test_nothing_affected(shop):
    shop.record()
    result = shop.run("--line-coverage", FILE)
    assert "pyt-diff: nothing ran: %s is not written\n" % FILE in result.err
    assert not (shop.root / FILE).exists()
    shop.record("--line-coverage", FILE, "--mode=all")
    before = (shop.root / FILE).read_bytes()
    result = shop.run("--line-coverage", FILE)
    assert (result.status, result.started) == (0, [])
    assert "pyt-diff: nothing ran: %s is left as it is\n" % FILE in result.err
    assert (shop.root / FILE).read_bytes() == before


def test_without_recording(shop):
    result = shop.run("--no-record", "--line-coverage", FILE)
    assert result.status == 0, result
    assert "test_cart.py::test_total|run" in Data(shop).contexts
    assert len(shop.run().ran) == 4


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("folder", "folder is a directory"),
        ("folder/", "folder/ is a directory"),
        ("nowhere/lines.db", "cannot write into "),
        ("test_cart.py", "test_cart.py exists and is no data file of coverage.py"),
        ("pipe", "pipe is not a regular file"),
    ],
)
def test_bad_path(shop, path, message):
    (shop.root / "folder").mkdir()
    os.mkfifo(shop.root / "pipe")
    text = (shop.root / "test_cart.py").read_bytes()
    result = shop.run("--line-coverage", path)
    assert (result.status, result.started) == (4, []), result
    assert result.err.startswith("pyt-diff: error: --line-coverage: ")
    assert message in result.err
    assert (shop.root / "test_cart.py").read_bytes() == text


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_path_that_may_not_be_written(shop):
    folder = shop.root / "folder"
    folder.mkdir(mode=0o555)
    result = shop.run("--line-coverage", "folder/lines.db")
    assert (result.status, result.started) == (4, []), result


@pytest.mark.parametrize("option", ["--dry-run", "--json", "--no-testmon", "--co"])
def test_nothing_would_run(shop, option):
    result = shop.run(option, "--line-coverage", FILE)
    assert (result.status, result.started) == (4, []), result
    assert "--line-coverage and -" in result.err


def test_file_is_replaced(shop):
    (shop.root / FILE).write_bytes(b"")
    os.chmod(shop.root / FILE, 0o640)
    (shop.root / "link.db").symlink_to(FILE)
    shop.record("--line-coverage=link.db")
    assert (shop.root / "link.db").is_symlink()
    assert stat.S_IMODE((shop.root / FILE).stat().st_mode) == 0o640
    assert "test_cart.py::test_total|run" in Data(shop).contexts
    assert not [name for name in os.listdir(shop.root) if name.endswith(".tmp")]


def test_interpreter_that_ends_early(anywhere):
    anywhere.write("test_a.py", "def test_good():\n    x = 1\n    assert x\n")
    anywhere.write("test_b.py", "import os\n\n\ndef test_exit():\n    os._exit(3)\n")
    result = anywhere.run("--line-coverage", FILE)
    assert "1 process ended early: what was executed last is missing in " + FILE in result.err
    assert "test_a.py::test_good|run" in Data(anywhere).contexts


def needs_monitoring(project):
    if answer(project.python, "import sys; sys.monitoring; print(1)") is None:
        pytest.skip("this Python has no sys.monitoring")


def test_another_tool_has_the_id(anywhere):
    needs_monitoring(anywhere)
    write_small(anywhere)
    with open(anywhere.spy / "sitecustomize.py", "a") as file:
        file.write("sys.monitoring.use_tool_id(5, 'other')\n")
    result = anywhere.run("--line-coverage", FILE)
    assert result.status == 3
    assert "passed" in result.out
    assert "no lines for %s: another tool uses sys.monitoring id 5" % FILE in result.err
    assert not (anywhere.root / FILE).exists()


def test_events_that_were_switched_off(anywhere):
    needs_monitoring(anywhere)
    write_small(anywhere)
    anywhere.write(
        "test_a.py", "import sys\n\n\ndef test_it():\n    sys.monitoring.free_tool_id(5)\n"
    )
    result = anywhere.run("--line-coverage", FILE)
    assert result.status == 0
    assert "lines are missing in %s: other code switched the events off" % FILE in result.err
