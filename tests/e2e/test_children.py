"""Programs and processes that tests start: what they use is what their tests depend on."""

import os
import shutil
import subprocess

import pytest
from project import PYTHON, Project, assert_idle, has_module

PYTHONS = [p for p in os.environ.get("PTD_TEST_PYTHONS", "").split(":") if p] or [PYTHON]
WAYS = [(PYTHON, "embed"), (PYTHON, "preload")] + [(p, "auto") for p in PYTHONS if p != PYTHON]


@pytest.fixture(params=WAYS, ids=lambda way: "%s-%s" % (way[0].split("/")[-3], way[1]))
def started(request, tmp_path):
    """A project whose tests start things; `unused` is a function that no process enters."""
    project = Project(tmp_path)
    project.python, host = request.param
    if host != "auto":
        project.args = ["--host", host]
        probe = project.run("--host", host, "--dry-run")
        if probe.status == 4:
            pytest.skip(probe.err)
    else:
        project.args = []
    project.write("used.py", "def used():\n    return 1\n\n\ndef unused():\n    return 2\n")
    project.write("other.py", "def other():\n    return 1\n")
    return project


def run(project, *args, **kwargs):
    return project.run(*project.args, *args, **kwargs)


def record(project):
    result = run(project)
    assert result.status == 0, result
    assert_idle(run(project))
    return result


def affected(project, path, old, new):
    project.replace(path, old, new)
    return run(project).names


HEAD = """
import concurrent.futures, multiprocessing, os, subprocess, sys
import other

def work(n):
    import used
    return used.used()

def test_nothing():
    assert other.other()
"""


def test_python_of_every_kind(started):
    started.write("cli.py", "import used\nif __name__ == '__main__':\n    print(used.used())\n")
    started.write(
        "test_a.py",
        HEAD
        + """
OUT = dict(check=True, stdout=subprocess.PIPE)
def test_script():
    assert subprocess.run([sys.executable, "cli.py"], **OUT).stdout == b"1\\n"
def test_command():
    code = "import used; used.used()"
    assert subprocess.run([sys.executable, "-c", code], **OUT).stdout == b""
def test_module():
    assert subprocess.run([sys.executable, "-m", "cli"], **OUT).stdout == b"1\\n"
def test_cleared_environment():
    assert subprocess.run([sys.executable, "cli.py"], env={}, **OUT).stdout == b"1\\n"
def test_alone():
    command = [sys.executable, "-S", "-E", "-u", "cli.py"]
    assert subprocess.run(command, close_fds=True, **OUT).stdout == b"1\\n"
def test_isolated():
    code = "import sys; sys.path.insert(0, '.'); import used; used.used()"
    assert subprocess.run([sys.executable, "-I", "-c", code], **OUT).stdout == b""
def test_through_shell():
    assert os.system("env -i '%s' cli.py > /dev/null; exit 3" % sys.executable) == 3 << 8
def test_spawned():
    pid = os.posix_spawn(sys.executable, [sys.executable, "cli.py"], {})
    assert os.waitpid(pid, 0)[1] == 0
def test_popen():
    with os.popen("'%s' cli.py" % sys.executable) as stream:
        assert stream.read() == "1\\n"
def test_exec_again():
    code = "import os, sys; os.execv(sys.executable, [sys.executable, 'cli.py'])"
    assert subprocess.run([sys.executable, "-c", code], **OUT).stdout == b"1\\n"
def test_grandchild():
    code = "import subprocess, sys; subprocess.run([sys.executable, 'cli.py'])"
    assert subprocess.run([sys.executable, "-c", code], **OUT).stdout == b"1\\n"
def test_preexec():
    command = [sys.executable, "cli.py"]
    assert subprocess.run(command, preexec_fn=lambda: None, **OUT).stdout == b"1\\n"
""",
    )
    everything = record(started).names
    assert len(everything) == 13
    assert affected(started, "used.py", "return 2", "return 3") == set()
    assert affected(started, "used.py", "return 1", "return 0 + 1") == everything - {"test_nothing"}
    assert affected(started, "other.py", "return 1", "return 0 + 1") == {"test_nothing"}


def test_forks_and_pools(started):
    started.write(
        "test_a.py",
        HEAD
        + """
import pytest

def test_fork():
    pid = os.fork()
    if pid == 0:
        work(1)
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0

@pytest.mark.parametrize("way", ["fork", "spawn", "forkserver"])
def test_pool(way):
    with multiprocessing.get_context(way).Pool(2) as pool:
        assert pool.map(work, [1, 2]) == [1, 1]

@pytest.mark.parametrize("way", ["fork", "spawn", "forkserver"])
def test_process(way):
    process = multiprocessing.get_context(way).Process(target=work, args=(1,))
    process.start()
    process.join()
    assert process.exitcode == 0

def test_executor():
    with concurrent.futures.ProcessPoolExecutor(1) as pool:
        assert list(pool.map(work, [1, 2])) == [1, 1]

def test_killed():
    pid = os.fork()
    if pid == 0:
        work(1)
        os.kill(os.getpid(), 9)
    assert os.waitpid(pid, 0)[1] == 9
""",
    )
    everything = record(started).names
    assert len(everything) == 10
    assert affected(started, "used.py", "return 2", "return 3") == set()
    assert affected(started, "used.py", "return 1", "return 0 + 1") == everything - {"test_nothing"}
    assert affected(started, "other.py", "return 1", "return 0 + 1") == {"test_nothing"}


def test_what_the_parent_loaded_before_the_fork(started):
    started.write("late.py", "import used\nLIMIT = 1\n")
    started.write(
        "test_a.py",
        """
        import os
        import late

        def test_fork():
            pid = os.fork()
            if pid == 0:
                late.used.used()
                os._exit(0)
            assert os.waitpid(pid, 0)[1] == 0

        def test_nothing():
            pass
        """,
    )
    record(started)
    assert affected(started, "used.py", "return 2", "return 3") == set()
    assert affected(started, "used.py", "return 1", "return 0 + 1") == {"test_fork"}


def test_pool_of_the_session(started):
    """Each test has what its own work in the shared workers used."""
    started.write(
        "test_a.py",
        """
        import concurrent.futures, multiprocessing
        import used, other

        POOL = concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("fork"))

        def test_first():
            assert POOL.submit(used.used).result() == 1

        def test_second():
            assert POOL.submit(other.other).result() == 1

        def test_third():
            assert POOL.submit(used.unused).result() == 2

        def test_nothing():
            pass
        """,
    )
    record(started)
    assert affected(started, "other.py", "return 1", "return 0 + 1") == {"test_second"}
    assert affected(started, "used.py", "return 2", "return 3 - 1") == {"test_third"}
    assert affected(started, "used.py", "return 1", "return 0 + 1") == {"test_first"}


def test_server_of_a_fixture(started):
    started.write(
        "server.py",
        "import sys, used\nfor line in sys.stdin:\n    print(used.used(), flush=True)\n",
    )
    started.write(
        "test_a.py",
        """
        import subprocess, sys
        import pytest

        @pytest.fixture(scope="session")
        def server():
            command = [sys.executable, "server.py"]
            with subprocess.Popen(command, stdin=-1, stdout=-1, text=True) as process:
                yield process
                process.stdin.close()

        def ask(server):
            server.stdin.write("?\\n")
            server.stdin.flush()
            return server.stdout.readline()

        def test_first(server):
            assert ask(server) == "1\\n"

        def test_second(server):
            assert ask(server) == "1\\n"

        def test_nothing():
            pass
        """,
    )
    record(started)
    assert affected(started, "used.py", "return 2", "return 3") == set()
    assert affected(started, "used.py", "return 1", "return 0 + 1") == {"test_first", "test_second"}


def test_other_programs(started):
    for name in "abcde":
        started.write("%s.txt" % name, "1\n")
    started.write("sub/x", "1\n")
    tool = started.write("tool", "#!/bin/sh\nread line < c.txt\necho $line\n")
    tool.chmod(0o755)
    started.write(
        "test_a.py",
        HEAD
        + """
def test_cat():
    assert subprocess.check_output(["cat", "a.txt"]) == b"1\\n"
def test_shell():
    assert os.system("test -e nothing.txt || cat b.txt > /dev/null") == 0
def test_tool():
    assert subprocess.check_output(["./tool"]) == b"1\\n"
def test_list():
    assert b"x" in subprocess.check_output(["ls", "sub"])
def test_nested():
    code = "cat d.txt | env -i sh -c 'exec cat - e.txt'"
    assert subprocess.check_output(code, shell=True) == b"1\\n1\\n"
""",
    )
    record(started)
    assert affected(started, "a.txt", "1", "2") == {"test_cat"}
    started.replace("a.txt", "2", "1")
    assert_idle(run(started))
    assert affected(started, "b.txt", "1", "2") == {"test_shell"}
    assert affected(started, "c.txt", "1", " 1") == {"test_tool"}
    assert affected(started, "tool", "echo", "echo  ") == {"test_tool"}
    assert affected(started, "d.txt", "1", "2") == {"test_nested"}
    started.replace("d.txt", "2", "1")
    started.write("sub/y", "1\n")
    assert run(started).names == {"test_list"}
    started.write("nothing.txt", "")
    assert run(started).names == {"test_shell"}


def build(folder, name, source, *options):
    compiler = shutil.which("cc") or pytest.skip("no compiler")
    (folder / "p.c").write_text(source)
    command = [compiler, "-o", str(folder / name), str(folder / "p.c"), *options]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("cannot build with %s" % " ".join(options))


def test_programs_that_cannot_be_followed(started):
    """Any change below the rootdir selects them."""
    build(started.folder, "static", "int main(void) { return 0; }", "-static")
    started.write(
        "test_a.py",
        HEAD
        + """
def test_static():
    subprocess.run(["../static"], check=True)
def test_through_shell():
    assert os.system("../static") == 0
""",
    )
    record(started)
    started.write("unrelated.txt", "1\n")
    assert run(started).names == {"test_static", "test_through_shell"}
    assert_idle(run(started))


def test_programs_that_cannot_be_followed_are_trusted(started):
    build(started.folder, "static", "int main(void) { return 0; }", "-static")
    started.write("pyproject.toml", "[tool.pyt-diff]\nopaque = 'trust'\n")
    started.write(
        "test_a.py",
        HEAD
        + """
def test_static():
    subprocess.run(["../static"], check=True)
""",
    )
    record(started)
    started.write("unrelated.txt", "1\n")
    assert_idle(run(started))
    assert affected(started, "pyproject.toml", "trust", "run") == {"test_static", "test_nothing"}
    started.write("unrelated.txt", "2\n")
    assert run(started).names == {"test_static"}
    started.replace("pyproject.toml", "run", "maybe")
    result = run(started)
    assert result.status == 4 and "expected run or trust" in result.err, result


def test_it_does_not_show(started):
    """What children print and how they end is as without us."""
    build(started.folder, "crash", "int main(void) { return *(volatile int *)0; }")
    started.write(
        "test_a.py",
        """
        import os, subprocess, sys

        def show(*command, **kwargs):
            done = subprocess.run(command, stdout=-1, stderr=-1, **kwargs)
            sys.stderr.write("%r %r %r\\n" % (done.stdout, done.stderr, done.returncode))

        def test_show():
            clean = {k: v for k, v in os.environ.items() if not k.startswith("PY")}
            show("env", env={"A": "1", "LD_PRELOAD": "", "B": "2"})
            show("env", env={"A": "1", "B": "2"})
            show("env", env={})
            show("sh", "-c", "env | grep -c -i -E 'pyt.diff|LD_PRELOAD'")
            show(sys.executable, "-c", "import os; print(sorted(os.environ))", env=clean)
            show(sys.executable, "-I", "-c", "import sys; print(sorted(sys.modules), sys.argv)")
            show(sys.executable, "-c", "import sys; print(sys.builtin_module_names, sys.path)")
            show(sys.executable, "-X", "importtime", "-c", "1/0", env={"PYTHONTRACEMALLOC": "1"})
            show("../crash")
            show("./nowhere/..", shell=True)
            show("sh", "-c", "kill -9 $$")
            show("sh", "-c", "ls /proc/self/fd | wc -l")
            try:
                show("no-such-program")
            except FileNotFoundError as error:
                print(error, file=sys.stderr)
        """,
    )
    args = ["-s", "-p", "no:cacheprovider"]
    plain = started.pytest(*args).err
    ours = run(started, *args).err

    def shown(text):
        lines = [line for line in text.splitlines() if not line.startswith("pyt-diff:")]
        return [line for line in lines if line and "import time" not in line]

    assert shown(ours) == shown(plain)


def test_foreign_preload(started):
    """A library that the user preloads stays the first, and the value comes out as it went in."""
    source = '#include <unistd.h>\n__attribute__((constructor)) void f(void) { write(1, "X", 1); }'
    build(started.folder, "own.so", source, "-shared", "-fPIC")
    started.write("a.txt", "1\n")
    started.write(
        "test_a.py",
        """
        import os, subprocess
        def test_preload():
            env = {"LD_PRELOAD": os.path.abspath("../own.so"), "PATH": os.environ["PATH"]}
            out = subprocess.check_output(["sh", "-c", "cat a.txt; echo $LD_PRELOAD"], env=env)
            assert out == b"XX1\\n%s\\n" % os.fsencode(env["LD_PRELOAD"])
        """,
    )
    record(started)
    started.write("b.txt", "1\n")
    assert_idle(run(started))
    assert affected(started, "a.txt", "1", "1 ") == {"test_preload"}


def test_many_at_once(started):
    started.write(
        "test_a.py",
        HEAD
        + """
def test_many():
    command = [sys.executable, "-S", "-c", "import used; print(used.used())"]
    many = [subprocess.Popen(command, stdout=-1) for _ in range(50)]
    assert [p.communicate()[0] for p in many] == [b"1\\n"] * 50
""",
    )
    record(started)
    assert affected(started, "used.py", "return 2", "return 3") == set()
    assert affected(started, "used.py", "return 1", "return 0 + 1") == {"test_many"}


@pytest.mark.skipif(not has_module("xdist"), reason="no pytest-xdist")
def test_children_of_workers(started):
    started.write(
        "test_a.py",
        HEAD
        + """
def test_child():
    subprocess.run([sys.executable, "-c", "import used; used.used()"], check=True)
def test_pool():
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map(work, [1, 2]) == [1, 1]
""",
    )
    result = run(started, "-n", "2")
    assert result.status == 0, result
    assert_idle(run(started))
    assert affected(started, "used.py", "return 2", "return 3") == set()
    assert affected(started, "used.py", "return 1", "return 0 + 1") == {"test_child", "test_pool"}


def test_started_by_an_import(started):
    started.write("a.txt", "1\n")
    started.write("lib.py", "import subprocess\nOUT = subprocess.check_output(['cat', 'a.txt'])\n")
    started.write("test_a.py", "import lib\ndef test_a():\n    assert lib.OUT\n")
    started.write("test_b.py", "def test_b():\n    pass\n")
    record(started)
    assert affected(started, "a.txt", "1", "1 ") == {"test_a"}
