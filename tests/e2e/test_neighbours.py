"""Beside pytest-xdist, coverage, debuggers, other plugins and programs that trace."""

import os
import sqlite3

import pytest
from project import PYTHON, Project, assert_idle, has_module

PYTHONS = [p for p in os.environ.get("PTD_TEST_PYTHONS", "").split(":") if p] or [PYTHON]
needs_xdist = pytest.mark.skipif(not has_module("xdist"), reason="no pytest-xdist")
needs_cov = pytest.mark.skipif(not has_module("pytest_cov"), reason="no pytest-cov")

SHARED = """
import lib
import pytest


@pytest.fixture(scope="session")
def connection():
    return lib.connect()


def test_one():
    assert lib.one() == 1


@pytest.mark.parametrize("n", range(6))
def test_connected(connection, n):
    assert connection


def test_fails():
    assert lib.two() == 3


@pytest.mark.skip
def test_skipped():
    pass
"""
LIB = """
def one():
    return 1


def two():
    return 2


def connect():
    return 3
"""


def fill(project):
    project.write("lib.py", LIB)
    for name in "abc":
        project.write("test_%s.py" % name, SHARED)
    return project


def records(project):
    """The tests and their outcomes, in the order of their names."""
    with sqlite3.connect(project.database) as connection:
        return connection.execute(
            "SELECT node.name, record.outcome FROM record JOIN node ON node.id = node_id "
            "ORDER BY node.name, record.outcome"
        ).fetchall()


@needs_xdist
def test_workers_record_and_select_as_one_process(tmp_path):
    ways = {"serial": [], "workers": ["-n", "2"], "parallel": ["--parallel=2"]}
    projects = {}
    for way in ways:
        (tmp_path / way).mkdir()
        projects[way] = fill(Project(tmp_path / way))
    edits = [None, ("return 1", "return 1 + 0"), ("return 3", "return 4"), ("return 2", "return 3")]
    for edit in edits:
        seen = {}
        for way, project in projects.items():
            if edit:
                project.replace("lib.py", *edit)
            result = project.run(*ways[way])
            seen[way] = (result.status, sorted(result.log), records(project))
        assert seen["workers"] == seen["serial"]
        assert seen["parallel"] == seen["serial"]
    for way, project in projects.items():
        assert_idle(project.run(*ways[way]))
        assert_idle(project.run())


@needs_xdist
def test_records_of_workers_serve_one_process(shop):
    shop.record("-n", "2")
    assert_idle(shop.run())
    shop.replace("prices.py", "net * RATE // 100", "RATE * net // 100")
    assert shop.run("-n2").names == {"test_tax", "test_total"}
    shop.replace("prices.py", "RATE * net // 100", "net * RATE // 100")
    assert_idle(shop.run("-n", "2"))


@needs_xdist
def test_worker_that_crashes(project):
    project.write("test_a.py", "def test_a():\n    pass\n")
    project.write("test_b.py", "import os\n\n\ndef test_b():\n    os._exit(1)\n")
    project.write("test_c.py", "def test_c():\n    pass\n")
    result = project.run("-n", "2")
    assert result.status == 1
    assert "crashed while running 'test_b.py::test_b'" in result.out
    assert project.run("-n", "2").names == {"test_b"}
    project.replace("test_b.py", "os._exit(1)", "os.getpid()")
    assert project.run("-n", "2").status == 0
    assert_idle(project.run())


@needs_xdist
def test_distribution_by_file(project):
    fill(project)
    project.replace("lib.py", "return 2", "return 3")
    project.record("-n", "2", "--dist", "loadfile")
    project.replace("lib.py", "return 1", "return 1 + 0")
    assert project.run("-n", "2", "--dist", "loadfile").names == {"test_one"}
    assert_idle(project.run())


@needs_cov
@pytest.mark.parametrize("args", [(), ("-n", "2")])
def test_coverage_beside(shop, args):
    plain = shop.pytest("--cov=.", "--cov-report=term")
    result = shop.run("--cov=.", "--cov-report=term", *args)
    assert result.status == 0

    def table(text):
        return [line for line in text.splitlines() if line.startswith(("cart.py", "prices.py"))]

    assert table(result.out) == table(plain.out)
    shop.replace("prices.py", "net * RATE // 100", "RATE * net // 100")
    assert shop.run("--cov=.", *args).names == {"test_tax", "test_total"}


TRACERS = {
    "settrace": """
        import sys

        seen = []
        sys.settrace(lambda frame, event, arg: seen.append(frame.f_code.co_name))
        try:
            assert lib.value() == 1
        finally:
            sys.settrace(None)
        assert "value" in seen
    """,
    "setprofile": """
        import sys

        seen = []
        sys.setprofile(lambda frame, event, arg: seen.append(frame.f_code.co_name))
        try:
            assert lib.value() == 1
        finally:
            sys.setprofile(None)
        assert "value" in seen
    """,
    "trace left on": """
        import sys

        sys.settrace(lambda frame, event, arg: None)
        assert lib.value() == 1
    """,
    "cProfile": """
        import cProfile

        profile = cProfile.Profile()
        assert profile.runcall(lib.value) == 1
    """,
    "trace module": """
        import trace

        assert trace.Trace(count=1, trace=0).runfunc(lib.value) == 1
    """,
    "bdb": """
        import bdb

        assert bdb.Bdb().runcall(lib.value) == 1
    """,
    "threading.settrace": """
        import threading

        threading.settrace(lambda frame, event, arg: None)
        thread = threading.Thread(target=lib.value)
        thread.start()
        thread.join()
        threading.settrace(None)
    """,
}


@pytest.mark.parametrize("kind", TRACERS)
def test_tracing_in_a_test(project, kind):
    project.write("lib.py", "def value():\n    return 1\n\n\ndef other():\n    return 2\n")
    body = TRACERS[kind].replace("\n    ", "\n").replace("\n    ", "\n    ")
    lines = [
        "    " + line.strip(" ") if not line.startswith("     ") else line
        for line in body.split("\n")
    ]
    project.write("test_a.py", "import lib\n\n\ndef test_traced():\n" + "\n".join(lines) + "\n")
    project.write("test_b.py", "import lib\n\n\ndef test_after():\n    assert lib.other()\n")
    plain = project.pytest()
    assert plain.status == 0, plain
    assert project.run().status == 0
    project.run()
    project.replace("lib.py", "return 1", "return 1 + 0")
    assert "test_traced" in project.run().names
    project.replace("lib.py", "return 2", "return 3")
    assert "test_after" in project.run().names


def test_plugin_in_the_project(project):
    project.write(
        "myplugin.py",
        """
        import pytest


        @pytest.fixture(autouse=True)
        def checked():
            assert limit() < 3


        def limit():
            return 2
        """,
    )
    project.write("test_a.py", "def test_a():\n    pass\n")
    project.write("pytest.ini", "[pytest]\naddopts = -p myplugin\npythonpath = .\n")
    project.env["PYTHONPATH"] = "%s%s%s" % (project.spy, os.pathsep, project.root)
    project.record()
    assert_idle(project.run())
    project.replace("myplugin.py", "return 2", "return 3")
    assert project.run().status == 1


def test_hooks_of_conftest(project):
    project.write(
        "conftest.py",
        """
        def pytest_collection_modifyitems(items):
            items.sort(key=order)


        def order(item):
            return item.name


        def pytest_runtest_setup(item):
            prepare()


        def prepare():
            return 1
        """,
    )
    project.write("test_a.py", "def test_b():\n    pass\n\n\ndef test_a():\n    pass\n")
    assert [name.rpartition("::")[2] for name in project.record().log] == ["test_a", "test_b"]
    assert_idle(project.run())
    project.replace("conftest.py", "return 1", "raise RuntimeError")
    assert project.run().status == 1


def test_last_failed_and_stepwise(shop):
    shop.replace("test_cart.py", "== 120", "== 0")
    shop.run()
    result = shop.run("--lf")
    assert (result.names, result.status) == ({"test_total"}, 1)
    shop.replace("test_cart.py", "== 0", "== 120")
    assert "test_total" in shop.run("--ff").names
    shop.run()
    assert_idle(shop.run())


def test_rerun_in_the_same_process(project):
    """A test that runs pytest itself."""
    project.write("conftest.py", "pytest_plugins = ['pytester']\n")
    project.write("lib.py", "def value():\n    return 1\n")
    project.write(
        "test_a.py",
        """
        import lib


        def test_inner(pytester):
            pytester.makepyfile("def test_x(): pass")
            pytester.runpytest_inprocess().assert_outcomes(passed=1)
            assert lib.value()


        def test_plain():
            pass
        """,
    )
    project.record()
    project.run()
    project.replace("lib.py", "return 1", "return 2")
    names = project.run().names
    assert "test_inner" in names
    assert "test_plain" not in names


def test_hosts_record_the_same(tmp_path):
    ran = {}
    for host in ("embed", "preload", "exec"):
        folder = tmp_path / host
        folder.mkdir()
        project = fill(Project(folder))
        result = project.run("--host", host)
        if result.status == 4:
            assert host in ("embed", "preload"), result
            continue
        assert result.status == 1
        project.replace("lib.py", "return 3", "return 4")
        ran[host] = project.run("--host", host).names
    assert "exec" in ran
    assert all(names == ran["exec"] for names in ran.values()), ran
    assert ran["exec"] == {"test_fails", *("test_connected[%d]" % n for n in range(6))}


@pytest.mark.parametrize("python", PYTHONS)
def test_each_python_selects_the_same(project, python):
    project.python = python
    fill(project)
    first = project.run()
    assert first.status == 1 and "3 failed, 21 passed, 3 skipped" in first.out, first
    assert project.run().names == {"test_fails"}
    project.replace("lib.py", "return 1", "return 1 + 0")
    assert project.run().names == {"test_fails", "test_one"}
    project.replace("lib.py", "return 3", "return 4")
    assert project.run().names == {"test_fails", *("test_connected[%d]" % n for n in range(6))}
    project.replace("lib.py", "return 2", "return 3")
    assert project.run().names == {"test_fails"}
    assert_idle(project.run())


def test_python_under_test_is_the_one_named(project):
    project.write(
        "test_a.py", "import sys\n\n\ndef test_a():\n    print(sys.executable)\n    assert 0\n"
    )
    assert str(PYTHON) in project.run().out
