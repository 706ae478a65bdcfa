"""Files as dependencies: what a test reads, lists or looks for selects it when it changes.

PYT_DIFF is the program; PTD_PYTHON an interpreter with pytest (this one if unset). The hosts that
the interpreter allows are all tried.
"""

import os
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import pytest

PYT_DIFF = os.environ.get("PYT_DIFF", "")
PYTHON = os.environ.get("PTD_PYTHON", sys.executable)
pytestmark = pytest.mark.skipif(not os.path.exists(PYT_DIFF), reason="PYT_DIFF names no program")

HEAD = """
import ctypes, glob, mmap, os, pathlib, sqlite3, sys
HERE = pathlib.Path(__file__).parent
ROOT = HERE.parent
def ran(name):
    with open(os.environ["RUN_LOG"], "a") as log:
        log.write(name + "\\n")
"""
OTHER = """
def test_other():
    ran("other")
"""


class Project:
    def __init__(self, root, host):
        self.root, self.host, self.log = root / "project", host, root / "ran.log"
        self.clock = 1600000000
        self.write("pytest.ini", "[pytest]\n")
        self.write("data/a.txt", "one\n")

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        self.clock += 10
        os.utime(path, (self.clock, self.clock))

    def tests(self, body):
        self.write("tests/test_t.py", HEAD + textwrap.dedent(body) + OTHER)

    def run(self, *args):
        """The names that ran; with their order and repetition left out."""
        if self.log.exists():
            self.log.unlink()
        env = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "PYTHON"))}
        env.update(RUN_LOG=str(self.log), PYTHONDONTWRITEBYTECODE="1")
        command = [PYT_DIFF, "--python", PYTHON, "--host", self.host, *args]
        self.done = subprocess.run(
            command, cwd=self.root, env=env, capture_output=True, text=True, timeout=120
        )
        assert self.done.returncode in (0, 1), self.done
        return set(self.log.read_text().split()) if self.log.exists() else set()


def allowed_hosts():
    found = []
    for host in ("embed", "preload", "exec"):
        command = [PYT_DIFF, "--python", PYTHON, "--host", host, "--version", "--version"]
        with tempfile.TemporaryDirectory(prefix="ptd-files-") as folder:
            Path(folder, "test_t.py").write_text("def test(): pass\n")
            done = subprocess.run(command[:-2] + ["-q"], cwd=folder, capture_output=True)
        if done.returncode == 0:
            found.append(host)
    return found


HOSTS = allowed_hosts() if os.path.exists(PYT_DIFF) else []
# Without libc's functions only what Python announces is seen.
FULL = [host for host in HOSTS if host != "exec"]


def make(host):
    folder = tempfile.TemporaryDirectory(prefix="ptd-files-")
    made = Project(Path(os.path.realpath(folder.name)), host)
    made.folder = folder
    return made


@pytest.fixture(params=HOSTS)
def project(request):
    made = make(request.param)
    yield made
    made.folder.cleanup()


@pytest.fixture(params=FULL)
def full(request):
    made = make(request.param)
    yield made
    made.folder.cleanup()


def check(project, body, edit, expected=frozenset({"it"})):
    """All run, then nothing, then after the edit what is expected, then nothing."""
    project.tests(body)
    everything = project.run("--baseline")
    assert "other" in everything, project.done
    assert project.run() == set(), project.done
    edit(project)
    assert project.run() == set(expected), project.done
    project.run()  # failed tests run again
    if project.done.returncode == 0:
        assert project.run() == set(), project.done


def change(project):
    project.write("data/a.txt", "two\n")


READERS = {
    "open": 'open(str(ROOT / "data/a.txt")).read()',
    "pathlib": '(ROOT / "data" / "a.txt").read_text()',
    "parent": 'open(str(HERE / ".." / "data" / "." / "a.txt")).read()',
    "os.open": 'os.read(os.open(str(ROOT / "data/a.txt"), os.O_RDONLY), 9).decode()',
    "relative": 'open(os.path.relpath(str(ROOT / "data/a.txt"))).read()',
    "bytes": 'open(os.fsencode(str(ROOT / "data/a.txt"))).read()',
    "readwrite": 'open(str(ROOT / "data/a.txt"), "r+").read()',
}


@pytest.mark.parametrize("how", READERS)
def test_content(project, how):
    check(project, 'def test_it():\n    ran("it")\n    assert %s\n' % READERS[how], change)


LOW_LEVEL = {
    "dir_fd": 'os.open("a.txt", os.O_RDONLY, dir_fd=os.open(str(ROOT / "data"), os.O_RDONLY))',
    "mmap": 'mmap.mmap(os.open(str(ROOT / "data/a.txt"), os.O_RDONLY), 0, prot=mmap.PROT_READ)',
    "fopen": 'ctypes.CDLL(None).fopen(os.fsencode(str(ROOT / "data/a.txt")), b"r")',
}


@pytest.mark.parametrize("how", LOW_LEVEL)
def test_content_by_other_ways(full, how):
    check(full, 'def test_it():\n    ran("it")\n    assert %s\n' % LOW_LEVEL[how], change)


def test_sqlite(full):
    import sqlite3

    def fill(project, value):
        path = project.root / "data" / "rows.db"
        if path.exists():
            path.unlink()
        with sqlite3.connect(str(path)) as db:
            db.execute("create table t(x)")
            db.execute("insert into t values(?)", (value,))
        db.close()

    fill(full, 1)
    check(
        full,
        """
        def test_it():
            ran("it")
            db = sqlite3.connect(str(ROOT / "data" / "rows.db"))
            assert db.execute("select x from t").fetchone()
        """,
        lambda p: fill(p, 2),
    )


LISTERS = {
    "listdir": 'os.listdir(str(ROOT / "data"))',
    "scandir": 'list(os.scandir(str(ROOT / "data")))',
    "glob": 'glob.glob(str(ROOT / "data" / "*"))',
    "pathlib": 'list((ROOT / "data").rglob("*"))',
    "walk": 'list(os.walk(str(ROOT / "data")))',
}


@pytest.mark.parametrize("how", LISTERS)
@pytest.mark.parametrize("deleted", [False, True], ids=["new", "deleted"])
def test_listing(project, how, deleted):
    def edit(project):
        if deleted:
            (project.root / "data" / "a.txt").unlink()
        else:
            project.write("data/b.txt", "")

    body = 'def test_it():\n    ran("it")\n    assert %s is not None\n' % LISTERS[how]
    check(project, body, edit)


def test_listing_is_not_content(project):
    body = 'def test_it():\n    ran("it")\n    assert os.listdir(str(ROOT / "data"))\n'
    check(project, body, change, expected=())


@pytest.mark.parametrize(
    "how",
    ["os.path.exists(%s)", "pathlib.Path(%s).is_file()", "os.access(%s, os.R_OK)"],
    ids=["exists", "is_file", "access"],
)
@pytest.mark.parametrize("there", [False, True], ids=["created", "deleted"])
def test_existence(full, how, there):
    def edit(project):
        if there:
            (project.root / "data" / "a.txt").unlink()
        else:
            project.write("data/new.txt", "")

    name = 'str(ROOT / "data/%s.txt")' % ("a" if there else "new")
    check(full, 'def test_it():\n    ran("it")\n    %s\n' % (how % name), edit)


def test_missing_file_is_created(project):
    check(
        project,
        """
        def test_it():
            ran("it")
            try:
                open(str(ROOT / "settings.ini"))
            except OSError:
                pass
        """,
        lambda p: p.write("settings.ini", ""),
    )
    assert "settings.ini" in os.listdir(project.root)


def test_reasons(full):
    full.tests('def test_it():\n    ran("it")\n    os.path.exists(str(ROOT / "settings.ini"))\n')
    full.run("--baseline")
    full.write("settings.ini", "")
    assert full.run("-v") == {"it"}
    assert "settings.ini: appeared" in full.done.stderr


def test_changed_directory(project):
    body = """
    def test_it():
        ran("it")
        old = os.getcwd()
        os.chdir(str(ROOT / "data"))
        try:
            assert open("a.txt").read()
        finally:
            os.chdir(old)
    """
    check(project, body, change)


def test_read_at_import(project):
    project.write("conftest.py", "import sys, os\nsys.path.insert(0, os.path.dirname(__file__))\n")
    project.write(
        "lib.py",
        "import os\nTEXT = open(os.path.join(os.path.dirname(__file__), 'data', 'a.txt')).read()\n",
    )
    check(project, 'def test_it():\n    ran("it")\n    import lib\n    assert lib.TEXT\n', change)


def test_fixture_of_wider_scope(project):
    body = """
    import pytest
    @pytest.fixture(scope="module")
    def text():
        return (ROOT / "data" / "a.txt").read_text()
    def test_first(text):
        ran("first")
    def test_second(text):
        ran("second")
    """
    check(project, body, change, expected={"first", "second"})


def test_conftest_hook(full):
    full.write(
        "conftest.py",
        "import os\ndef pytest_configure(config):\n"
        "    config.flag = os.path.exists(os.path.join(os.path.dirname(__file__), 'flag'))\n",
    )
    body = 'def test_it():\n    ran("it")\n'
    check(full, body, lambda p: p.write("flag", ""), expected={"it", "other"})


def test_parameters_from_a_listing(project):
    body = """
    import pytest
    @pytest.mark.parametrize("path", sorted((ROOT / "data").glob("*.txt")), ids=lambda p: p.stem)
    def test_it(path):
        ran("it-" + path.stem)
        assert path.read_text()
    """
    project.write("tests/test_z.py", HEAD + 'def test_z():\n    ran("z")\n')
    project.tests(body)
    assert project.run("--baseline") == {"it-a", "other", "z"}
    project.write("data/b.txt", "x\n")
    found = project.run()
    assert "it-b" in found and "z" not in found
    assert project.run() == set()


@pytest.mark.parametrize("where", ["ROOT / 'out'", "tmp_path"])
def test_own_product(project, where):
    body = """
    def test_it(tmp_path):
        ran("it")
        folder = %s
        folder.mkdir(exist_ok=True)
        path = folder / "made.txt"
        assert path.exists() or True
        path.write_text(str(os.getpid()))
        assert path.read_text()
        assert os.listdir(str(folder))
    """
    project.tests(body % where)
    assert project.run("--baseline") == {"it", "other"}
    assert project.run() == set(), project.done
    for path in project.root.glob("out/*"):
        path.write_text("somebody else")
    # What was there is overwritten unseen; that it is there, and how large, may have been noticed.
    assert project.run() <= {"it"}


def test_source_as_data(project):
    project.write("lib.py", "A = 1\n")
    body = 'def test_it():\n    ran("it")\n    assert (ROOT / "lib.py").read_text()\n'
    check(project, body, lambda p: p.write("lib.py", "A = 1  # comment\n"))


def test_source_for_a_traceback(project):
    project.write("conftest.py", "import sys, os\nsys.path.insert(0, os.path.dirname(__file__))\n")
    project.write("lib.py", "def f():\n    raise ValueError\ndef g():\n    pass\n")
    body = """
    import inspect, traceback
    import lib
    def test_it():
        ran("it")
        try:
            lib.f()
        except ValueError:
            assert "raise ValueError" in traceback.format_exc()
        assert inspect.getsource(lib.f)
    """

    def edit(project):
        project.write("lib.py", "def f():\n    raise ValueError\ndef g():\n    return 1\n")

    check(project, body, edit, expected=())


def test_cache_and_collection_are_no_dependency(project):
    body = """
    def test_it(cache):
        ran("it")
        cache.set("x/n", cache.get("x/n", 0) + 1)
    """

    def edit(project):
        project.write("tests/notes.txt", "")
        project.write("unrelated/x.txt", "")

    check(project, body, edit, expected=())


def test_thread(full):
    body = """
    import threading
    def test_it():
        ran("it")
        thread = threading.Thread(target=(ROOT / "data" / "a.txt").read_text)
        thread.start()
        thread.join()
    """
    check(full, body, change)


def test_workers(project):
    probe = subprocess.run([PYTHON, "-c", "import xdist"], capture_output=True)
    if probe.returncode:
        pytest.skip("no pytest-xdist")
    project.tests('def test_it():\n    ran("it")\n    assert (ROOT / "data/a.txt").read_text()\n')
    assert project.run("--baseline", "-n", "2") == {"it", "other"}
    assert project.run("-n", "2") == set()
    change(project)
    assert project.run("-n", "2") == {"it"}


def test_time_stamp_set_by_the_test(project):
    """A file that is read and then only gets another time stamp is as it was."""
    project.tests(
        """
        import os
        def test_read():
            ran("read")
            assert open("data/a.txt").read()
            os.utime("data/a.txt")
        """
    )
    assert project.run("--baseline") == {"read", "other"}
    assert project.run() == set()
    project.write("data/a.txt", "two\n")
    assert project.run() == {"read"}
