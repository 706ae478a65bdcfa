"""The tracer and the plugin, in every interpreter that has pytest.

PTD_BUILD is the build directory. PTD_TEST_PYTHONS names interpreters (separated by ":"); without it
those of pyenv and the system are tried.
"""

import functools
import glob
import json
import os
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.dirname(__file__))
from journal_reader import FIXTURE, MODULE, read_session

BUILD = os.environ.get("PTD_BUILD", "")
SO = os.path.join(BUILD, "_pytdiff.abi3.so")
pytestmark = pytest.mark.skipif(not os.path.exists(SO), reason="PTD_BUILD has no tracer")

START = """
import sys, importlib.util as u
s = u.spec_from_file_location("_pytdiff", %r)
m = u.module_from_spec(s); sys.modules["_pytdiff"] = m; s.loader.exec_module(m)
sys.exit(m.main())
"""


@functools.lru_cache(None)
def version_of(python):
    code = "import sys, pytest; print(*sys.version_info[:2], pytest.__version__)"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True)
    words = done.stdout.split()
    return (int(words[0]), int(words[1])) if done.returncode == 0 else None


def interpreters():
    named = os.environ.get("PTD_TEST_PYTHONS")
    if named:
        return named.split(":")
    root = os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")
    found = glob.glob(os.path.join(root, "versions", "3.*", "bin", "python"))
    found += [p for p in glob.glob("/usr/bin/python3*") if p[-1].isdigit()] + [sys.executable]
    by_real = {os.path.realpath(p): p for p in found if os.access(p, os.X_OK)}
    return [p for p in by_real.values() if (version_of(p) or (0, 0)) >= (3, 8)]


@pytest.fixture(params=interpreters() if os.path.exists(SO) else [], ids=lambda p: p.strip("/"))
def python(request):
    if version_of(request.param) is None:
        pytest.skip("no pytest in %s" % request.param)
    return request.param


class Project:
    def __init__(self, python, path):
        self.python, self.path, self.session = python, path / "project", path / "session"
        self.path.mkdir()
        self.session.mkdir()

    def write(self, name, text):
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return os.path.realpath(path)

    def run(self, *args, env=(), plan=(), prefix=(), **kwargs):
        for old in self.session.iterdir():
            old.unlink()
        content = {"version": 1, "rootdir": str(self.path), "record": True, "select": False}
        lists = ("ignore", "deselect", "keep", "markers", "here", "elsewhere", "slow")
        content.update({name: [] for name in lists}, ignored_tests=0, shard=0, shards=0)
        content.update(dict(plan))
        (self.session / "plan.json").write_text(json.dumps(content))
        variables = dict(
            os.environ, PYT_DIFF_SESSION=str(self.session), PYTHONDONTWRITEBYTECODE="1"
        )
        for name in ("PYTEST_ADDOPTS", "PYTEST_CURRENT_TEST", "PYTEST_XDIST_WORKER", "PYTHONPATH"):
            variables.pop(name, None)
        variables.update(env)
        self.done = subprocess.run(
            [*prefix, self.python, "-c", START % SO, "-p", "no:cacheprovider", *args],
            cwd=self.path,
            env=variables,
            capture_output=True,
            text=True,
            timeout=120,
            **kwargs,
        )
        self.journals = read_session(self.session)
        return self.journals[0] if self.journals else None


@pytest.fixture
def project(python, tmp_path):
    # Below a directory of pytest's own nothing is watched: the project must not look like one.
    import shutil
    import tempfile
    from pathlib import Path

    folder = Path(tempfile.mkdtemp(prefix="ptd-tracer-"))
    made = Project(python, folder)
    made.write("conftest.py", "")
    yield made
    shutil.rmtree(folder)


def names(codes):
    return {c[2] for c in codes}


T = "test_t.py::"


def test_code_of_each_test(project):
    project.write(
        "lib.py",
        "def a(): return b()\ndef b(): return 1\ndef c(): return [x for x in g()]\n"
        "def g():\n    yield a()\n",
    )
    project.write(
        "test_t.py",
        "import lib\ndef test_1(): lib.a()\ndef test_2(): lib.c()\n"
        "def test_3(): pass\ndef test_4(): lib.a()\n",
    )
    j = project.run()
    assert project.done.returncode == 0 and j.end == 0 and j.complete, project.done
    assert names(j.scope_of(T + "test_1").codes) == {"test_1", "a", "b"}
    assert names(j.scope_of(T + "test_2").codes) >= {"test_2", "a", "b", "c", "g"}
    assert names(j.scope_of(T + "test_3").codes) == {"test_3"}
    assert names(j.scope_of(T + "test_4").codes) == {"test_4", "a", "b"}
    assert j.started == [T + "test_%d" % n for n in (1, 2, 3, 4)]
    assert j.facts["tracer"] == ["eval" if version_of(project.python) < (3, 12) else "monitoring"]
    assert j.facts["role"] == ["main"]
    stat = os.stat(os.path.join(project.path, "lib.py"))
    index = j.files.index(os.path.realpath(project.path / "lib.py"))
    assert j.stats[index] == (stat.st_size, stat.st_mtime_ns, stat.st_ino)


def test_hot_code_is_seen_again_in_each_test(project):
    project.write("lib.py", "def hot(): pass\n")
    project.write(
        "test_t.py",
        "import lib\nimport pytest\n@pytest.mark.parametrize('n', range(20))\n"
        "def test(n):\n    for _ in range(1000 * (n % 2) + n % 3): lib.hot()\n",
    )
    j = project.run()
    for n in range(20):
        wanted = {"test", "hot"} if n % 2 or n % 3 else {"test"}
        assert names(j.scope_of(T + "test[%d]" % n).codes) == wanted, n


def test_generator_resumed_in_a_later_test(project):
    project.write(
        "lib.py", "def gen():\n    while True:\n        try: yield\n        except KeyError: pass\n"
    )
    project.write(
        "test_t.py",
        "import lib\ng = lib.gen()\ndef test_1(): next(g)\ndef test_2(): next(g)\n"
        "def test_3(): g.throw(KeyError())\ndef test_4(): pass\n",
    )
    j = project.run()
    for n in (1, 2, 3):
        assert "gen" in names(j.scope_of(T + "test_%d" % n).codes), n
    assert "gen" not in names(j.scope_of(T + "test_4").codes)


FIXTURES = """
import pytest
def helper(): pass
def closing(): pass
@pytest.fixture(scope="session")
def outer():
    helper()
    yield 1
    closing()
@pytest.fixture(scope="module")
def inner(outer): return outer
@pytest.fixture(scope="session", params=["x", "y"])
def choice(request): return request.param
@pytest.fixture(scope="session")
def broken(): raise ValueError
@pytest.fixture
def plain(inner): return inner
"""


def test_fixtures_of_wider_scope(project):
    project.write("conftest.py", FIXTURES)
    project.write(
        "test_t.py",
        """
import unittest
def test_1(outer): pass
def test_2(outer): pass
def test_3(inner): pass
def test_4(plain): pass
def test_5(request): request.getfixturevalue("inner")
def test_6(choice): pass
def test_7(broken): pass
def test_8(broken): pass
def test_9(): pass
def setup_module(): prepared()
def prepared(): pass
class TestU(unittest.TestCase):
    @classmethod
    def setUpClass(cls): prepared()
    def test_u(self): pass
    def test_v(self): pass
""",
    )
    j = project.run()
    for n in (1, 2):
        assert "outer[session]" in j.uses(T + "test_%d" % n)
        assert "inner[module]" not in j.uses(T + "test_%d" % n)
    for n in (3, 4, 5):
        assert {"outer[session]", "inner[module]"} <= j.uses(T + "test_%d" % n)
        assert {"helper", "closing", "inner"} <= j.closure(T + "test_%d" % n)
    x, y = (j.scope_of(T + "test_6[%s]" % p).uses for p in "xy")
    assert [j.scopes[i].label for i in x - y] == ["choice[session]"] and x != y
    for n in (7, 8):
        assert "broken" in j.closure(T + "test_%d" % n) and j.outcome(T + "test_%d" % n) == "error"
    assert not any("outer" in u or "broken" in u for u in j.uses(T + "test_9"))
    for name in ("test_9", "TestU::test_u", "TestU::test_v"):
        assert "prepared" in j.closure(T + name)
    outer = [s for s in j.scopes if s.kind == FIXTURE and s.label == "outer[session]"]
    assert len(outer) == 1 and "closing" in names(outer[0].codes)
    assert "helper" not in names(j.scope_of(T + "test_1").codes)


def test_imports(project):
    a = project.write(
        "pkg/a.py",
        "from .b import deco\nimport os.path\n@deco\ndef one(): pass\n"
        "def two(): pass\n@deco\ndef three(): pass\nclass K:\n    pass\n",
    )
    b = project.write("pkg/b.py", "def deco(f):\n    return f\n")
    init = project.write("pkg/__init__.py", "")
    lazy = project.write("pkg/lazy.py", "def __getattr__(name): raise AttributeError(name)\n")
    project.write(
        "test_t.py",
        """
import importlib, pytest
def test_1():
    import pkg.a
def test_2():
    from pkg import a
def test_3(): importlib.import_module("pkg.lazy")
def test_4(): importlib.import_module(".lazy", "pkg")
def test_5():
    with pytest.raises(ImportError):
        import pkg.missing
def test_6():
    with pytest.raises(ImportError):
        from pkg import nothing
def test_7(): __import__("pkg", fromlist=["lazy"])
def test_8(): exec("from pkg.b import *", {})
def test_9(): exec("import pkg.a", {})
""",
    )
    j = project.run()
    assert project.done.returncode == 0, project.done.stdout
    for n, files in {
        1: {init, a},
        2: {init, a},
        3: {init, lazy},
        4: {init, lazy},
        5: {init},
        6: {init},
        7: {init, lazy},
        8: {init, b},
        9: {init, a},
    }.items():
        assert files <= j.scope_of(T + "test_%d" % n).files, n
    assert b not in j.scope_of(T + "test_2").files
    assert {"pkg.missing"} <= j.scope_of(T + "test_5").names
    assert {"pkg", "pkg.nothing"} <= j.scope_of(T + "test_6").names
    module = j.module(a)
    assert {init, b} <= module.files and {"pkg.b", "os.path"} <= module.names
    lines = {line for code, line in module.pairs if code[2] == "deco"}
    assert len(lines) == 2 and lines <= {3, 4, 6, 7} and 0 not in lines
    assert {(c[2], line) for c, line in module.pairs} >= {("K", 8)}
    assert names(module.codes) == {"<module>"}


def test_collection_is_charged(project):
    project.write("params.py", "def values():\n    return [1, 2]\n")
    path = project.write(
        "test_t.py",
        "import pytest, params\ndef pytest_generate_tests(metafunc):\n"
        "    if 'v' in metafunc.fixturenames:\n"
        "        metafunc.parametrize('v', params.values())\n"
        "def test(v): pass\n",
    )
    skipped = project.write(
        "test_skipped.py", "import pytest\npytest.skip('x', allow_module_level=True)\n"
    )
    j = project.run()
    scope, outcome, flags, ids = j.collected[path]
    assert (outcome, flags, ids) == ("passed", 0, [T + "test[1]", T + "test[2]"])
    assert {"pytest_generate_tests", "values"} <= names(j.scopes[scope].codes)
    assert path in j.scopes[scope].files and j.tests[T + "test[1]"][4] == scope
    assert j.collected[skipped][1] == "skipped"
    j = project.run(T + "test[1]")
    assert j.collected[path][2] == 1 and list(j.tests) == [T + "test[1]"]
    assert j.facts["partial"] == ["1"]


def test_broken_file(project):
    bad = project.write("test_bad.py", "import nothing_like_this\n")
    good = project.write("test_good.py", "def test(): pass\n")
    j = project.run()
    assert project.done.returncode == 2 and j.end == 2
    assert j.collected[bad][1] == "error" and j.collected[bad][2] == 0
    assert "nothing_like_this" in j.module(bad).names
    assert j.collected[good][1:] == ("passed", 0, ["test_good.py::test"])
    project.write("test_zlast.py", "def test(): pass\n")
    j = project.run("-x")  # the collection stops at the broken file
    assert project.done.returncode in (1, 2) and j.collected[bad][1:3] == ("error", 0)
    assert good not in j.collected


def test_outcomes(project):
    project.write(
        "test_t.py",
        """
import pytest, unittest
def test_pass(): pass
def test_fail(): assert 0
def test_skip(): pytest.skip("x")
@pytest.mark.xfail
def test_xfail(): assert 0
@pytest.mark.xfail
def test_xpass(): pass
@pytest.mark.xfail(strict=True)
def test_strict(): pass
@pytest.fixture
def down():
    yield
    raise ValueError
def test_down(down): pass
class TestU(unittest.TestCase):
    def test_sub(self):
        with self.subTest(i=1): self.fail()
        with self.subTest(i=2): pass
""",
    )
    j = project.run()
    wanted = {
        "test_pass": "passed",
        "test_fail": "failed",
        "test_skip": "skipped",
        "test_xfail": "xfailed",
        "test_xpass": "xpassed",
        "test_strict": "failed",
        "test_down": "error",
    }
    assert {k: j.outcome(T + k) for k in wanted} == wanted
    assert j.outcome(T + "TestU::test_sub") == "failed"


def test_interrupted_test_did_not_pass(project):
    project.write(
        "test_t.py",
        "def test_1(): pass\ndef test_2(): raise KeyboardInterrupt\ndef test_3(): pass\n",
    )
    j = project.run()
    assert project.done.returncode == 2 and j.end == 2
    assert j.outcome(T + "test_1") == "passed" and T + "test_3" not in j.tests
    assert T + "test_2" not in j.tests  # it has no end, as if the process had died
    j = project.run("--setup-only", "-k", "test_1")
    assert j.outcome(T + "test_1") == "error"


def test_killed_test(project):
    project.write("test_t.py", "import os\ndef test_1(): pass\ndef test_2(): os._exit(7)\n")
    j = project.run()
    assert project.done.returncode == 7 and j.complete and j.end is None
    assert list(j.tests) == [T + "test_1"] and j.started[-1] == T + "test_2"


def test_threads(project):
    project.write("lib.py", "def work(): pass\ndef slow(): pass\n")
    project.write(
        "slowmod.py",
        "import threading, time, lib\nready.set() if 'ready' in globals() else 0\n"
        "lib.slow()\ntime.sleep(0.3)\n",
    )
    project.write(
        "test_t.py",
        """
import threading, time, lib
def test_1():
    t = threading.Thread(target=lib.work); t.start(); t.join()
def test_2():
    t = threading.Thread(target=lambda: __import__("slowmod")); t.start()
    time.sleep(0.1)
    lib.work()
    t.join()
def test_3(): pass
""",
    )
    j = project.run()
    assert project.done.returncode == 0
    assert "work" in names(j.scope_of(T + "test_1").codes)
    assert "work" in names(j.scope_of(T + "test_2").codes)
    assert "slow" in j.closure(T + "test_2")
    assert names(j.scope_of(T + "test_3").codes) == {"test_3"}


def test_deep_recursion(project):
    project.write(
        "test_t.py",
        "import sys\ndef down(n): return 0 if n == 0 else 1 + down(n - 1)\n"
        "def test_1():\n    sys.setrecursionlimit(10**6)\n    down(60000)\n"
        "def test_2(): down(3)\n",
    )
    if version_of(project.python) < (3, 11):
        pytest.skip("plain Python overflows its stack as well")
    j = project.run()
    assert project.done.returncode == 0, project.done
    assert "down" in names(j.scope_of(T + "test_1").codes)
    assert (
        names(j.scope_of(T + "test_2").codes) == {"test_2", "down"}
        and j.tests[T + "test_2"][2] == 0
    )
    if version_of(project.python) == (3, 11):
        assert j.tests[T + "test_1"][2] == 1


def test_failing_import_without_a_file(project):
    """What is looked up of the importer must not clear the error of the import."""
    project.write(
        "test_t.py",
        "import pytest\ndef test_1():\n"
        "    with pytest.raises(ImportError):\n"
        "        exec('from missing_module import y', {})\n",
    )
    project.run()
    assert project.done.returncode == 0, project.done.stdout


def test_programs_are_opaque_where_starting_them_is_not_noticed(project):
    """The tracer alone, without the host or the stub: only forks are followed."""
    project.write(
        "test_t.py",
        """
import os, subprocess, sys
def test_1(): subprocess.run([sys.executable, "-c", "pass"], check=True)
def test_2(): subprocess.run(["true"], check=True)
def test_3():
    pid = os.fork()
    if not pid: os._exit(0)
    os.waitpid(pid, 0)
def test_4(): os.system("true")
def test_5(): pass
""",
    )
    j = project.run()
    assert project.done.returncode == 0, project.done.stdout
    assert [j.tests[T + "test_%d" % n][2] for n in (1, 2, 3, 4, 5)] == [2, 2, 0, 2, 0]
    assert all(not s.flags for s in j.scopes if s.kind == MODULE)


def test_other_tools(project):
    project.write("lib.py", "def a(): pass\n")
    project.write(
        "test_t.py",
        """
import sys, lib
def test_1():
    sys.settrace(lambda *a: None); lib.a(); sys.settrace(None)
def test_2():
    sys.setprofile(lambda *a: None); lib.a(); sys.setprofile(None)
def test_3():
    if hasattr(sys, "monitoring"): sys.monitoring.set_events(3, 0)
    lib.a()
def test_4(): lib.a()
""",
    )
    j = project.run()
    for n in (1, 2, 4):
        assert "a" in names(j.scope_of(T + "test_%d" % n).codes)
        assert j.tests[T + "test_%d" % n][2] == 0
    if version_of(project.python) >= (3, 12):
        assert j.tests[T + "test_3"][2] == 1


def test_no_tracer(project):
    if version_of(project.python) < (3, 12):
        pytest.skip("nobody can take the evaluator before us")
    project.write("test_t.py", "def test(): pass\n")
    taken = START.replace("import sys,", "import sys; sys.monitoring.use_tool_id(4, 'x')\nimport")
    project.run()
    global_start = START
    try:
        globals()["START"] = taken
        j = project.run()
    finally:
        globals()["START"] = global_start
    assert project.done.returncode == 0 and j.facts["tracer"][0].startswith("none: ")
    assert j.tests == {}


def test_full_disk(project):
    project.write(
        "test_t.py", "import pytest\n@pytest.mark.parametrize('n', range(300))\ndef test(n): pass\n"
    )
    limit = (
        "import resource, os, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (40000, 40000)); "
        "os.execv(sys.argv[1], sys.argv[1:])"
    )
    j = project.run("-q", prefix=[sys.executable, "-c", limit])
    assert project.done.returncode == 0 and "cannot write the journal" in project.done.stderr
    assert "300 passed" in project.done.stdout
    assert j.complete and 0 < len(j.tests) < 300 and j.end is None


def test_deselection(project):
    project.write(
        "test_t.py",
        "import pytest\ndef test_1(): pass\n"
        "@pytest.mark.parametrize('n', [1, 2])\ndef test_2(n): pass\n",
    )
    project.write("test_u.py", "def test(): raise SystemError('collected')\n")
    plan = {
        "select": True,
        "ignore": ["test_u.py"],
        "ignored_tests": 5,
        "deselect": [T + "test_1", T + "test_2[1]"],
    }
    j = project.run(plan=plan)
    assert "1 passed, 7 deselected" in project.done.stdout, project.done.stdout
    assert list(j.tests) == [T + "test_2[2]"] and len(j.collected) == 1
    assert len(j.collected[os.path.realpath(project.path / "test_t.py")][3]) == 3
    project.run(plan=dict(plan, keep=[T + "test_2"]))
    assert "2 passed, 6 deselected" in project.done.stdout
    project.run(plan=dict(plan, deselect=[T + "test_1", T + "test_2[1]", T + "test_2[2]"]))
    assert project.done.returncode == 0 and "8 deselected" in project.done.stdout
    project.run("test_u.py", plan=plan)
    assert project.done.returncode == 1
    project.run("-k", "nothing")
    assert project.done.returncode == 5


def test_nothing_recorded(project):
    project.write("test_t.py", "def test(): pass\n")
    assert project.run(plan={"record": False}) is None and project.done.returncode == 0
    assert project.run(env={"PYT_DIFF_SESSION": ""}) is None and project.done.returncode == 0


def test_xdist(project):
    if subprocess.run([project.python, "-c", "import xdist"], capture_output=True).returncode:
        pytest.skip("no xdist")
    project.write("lib.py", "def a(): pass\n")
    project.write(
        "test_t.py",
        "import lib, pytest\n@pytest.mark.parametrize('n', range(8))\n"
        "def test(n): lib.a()\ndef test_gone(): pass\n",
    )
    os.symlink(SO, project.path / "_pytdiff.abi3.so")
    plan = {"select": True, "deselect": [T + "test_gone"], "ignored_tests": 2}
    project.run("-n2", plan=plan, env={"PYTHONPATH": str(project.path)})
    assert "8 passed, 3 deselected" in project.done.stdout, project.done
    roles = sorted(j.facts["role"][0] for j in project.journals)
    assert roles == ["controller", "worker", "worker"]
    tests = {}
    for j in project.journals:
        assert j.complete and j.end == 0
        for nodeid in j.tests:
            assert "a" in names(j.scope_of(nodeid).codes) and j.facts["role"] == ["worker"]
            tests[nodeid] = j
    assert len(tests) == 8
