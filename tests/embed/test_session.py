"""Entering every Python of this machine in each of the three ways, with a stand-in for the tracer.

PTD_BUILD is the build directory; its session_test/ holds the driver, the host, the stub and the
stand-in. Interpreters are those of pyenv, the system and PATH; PTD_TEST_PYTHONS (":" between them)
names more. Each serves through an environment made for it, into which the packages of the running
Python are linked; tests that need pytest are skipped where it does not take them.
"""

import functools
import glob
import json
import os
import pty
import re
import shlex
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import pytest

PARTS = Path(os.environ.get("PTD_BUILD", "build")).resolve() / "session_test"
NAMES = ["session_driver", "pyt-diff-host", "pyt-diff-preload.so", "_pytdiff.abi3.so"]
DRIVER = str(PARTS / "session_driver")
HOSTS = ["embed", "preload", "exec"]
PYTEST = ["-q", "-p", "no:cacheprovider"]
IN_VENV = "import sys; print(*sys.version_info[:2], sys.prefix != sys.base_prefix)"

# What a program can see of its interpreter: run by plain Python and by ours, the answers agree.
IDENTITY = """
import os, json, subprocess, sys
import ctypes, decimal, hashlib, select, socket, struct, unicodedata, zlib
child = "import sys, os; print([sys.prefix, '_pytdiff' in sys.builtin_module_names])"
facts = {
    "prefix": sys.prefix, "base": sys.base_prefix, "executable": sys.executable,
    "version": sys.version, "path": [p for p in sys.path if p],
    "flags": str(sys.flags), "encoding": [sys.getfilesystemencoding(), sys.stdout.encoding],
    "environ": {k: v for k, v in os.environ.items() if k not in ("_", "PTD_FAKE_EVAL")},
    "child": subprocess.check_output([sys.executable, "-c", child]).decode(),
    "shell": subprocess.check_output("echo $LD_PRELOAD", shell=True).decode(),
    "maps": "libpython" in open("/proc/self/maps").read(),
    "builtin": "_pytdiff" in sys.builtin_module_names,
    "comm": open("/proc/self/comm").read(), "mode": None, "argv": sys.argv[1:],
}
if "_pytdiff" in sys.modules:
    facts["mode"] = sys.modules["_pytdiff"].mode
print(json.dumps(facts))
"""


def test_parts_are_built():
    assert [name for name in NAMES if not (PARTS / name).exists()] == []


def run(*command, **options):
    options.setdefault("timeout", 120)
    # Not what a library has put into the environment behind Python's back, as readline does.
    options.setdefault("env", dict(os.environ))
    options.setdefault("stdin", None if "input" in options else subprocess.DEVNULL)
    return subprocess.run(
        [str(c) for c in command],
        capture_output=True,
        text=True,
        check=False,
        **options,
    )


@functools.lru_cache(None)
def version_of(python):
    """(major, minor, whether it lies in an environment), or None."""
    words = run(python, "-c", IN_VENV).stdout.split()
    return (int(words[0]), int(words[1]), words[2] == "True") if len(words) == 3 else None


def interpreters():
    root = os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")
    found = glob.glob(os.path.join(root, "versions", "*", "bin", "python3"))
    found += [p for p in glob.glob("/usr/bin/python3*") if re.search(r"/python3[.\d]*$", p)]
    found += [sys.executable] + list(filter(None, [shutil.which("python3")]))
    by_real = {}
    for path in found:
        with open(path, "rb") as file:  # a shim is one of the others under another name
            if file.read(2) != b"#!":
                by_real.setdefault(os.path.realpath(path), os.path.realpath(path))
    more = [p for p in os.environ.get("PTD_TEST_PYTHONS", "").split(":") if p]
    usable = [p for p in list(by_real.values()) + more if version_of(p)]
    return [p for p in usable if (3, 8) <= version_of(p)[:2] <= (3, 14)]


class Environment:
    """A virtual environment and what is known about its Python."""

    def __init__(self, python, directory):
        self.python = python
        if not version_of(python)[2]:
            made = run(python, "-m", "venv", "--without-pip", directory)
            if made.returncode != 0:
                pytest.skip("no venv module: " + made.stdout + made.stderr)
            self.python = str(directory / "bin" / "python")
            site = next(Path(directory).glob("lib/python3*/site-packages"))
            (site / "ours.pth").write_text(sysconfig.get_path("purelib") + "\n")
        self.modules = {
            m for m in ("pytest", "xdist") if run(self.python, "-c", "import " + m).returncode == 0
        }

    def need(self, module):
        if module not in self.modules:
            pytest.skip("%s cannot be imported in this Python" % module)

    def drive(self, *args, host="auto", session="/nonexistent/session", **options):
        where = ["--python", self.python, "--host", host]
        where += ["--session", session] if session else []
        done = run(DRIVER, *where, *args, **options)
        found = re.search(r"status=(\d+) signal=(\d+)\n\Z", done.stderr)
        done.result = tuple(map(int, found.groups())) if found else None
        return done

    def show(self, host="auto"):
        done = run(DRIVER, "--show", "--python", self.python, "--host", host)
        assert done.returncode == 0, done.stderr
        return dict(line.split("=", 1) for line in done.stdout.splitlines())


@functools.lru_cache(None)
def environment_of(python, directory):
    return Environment(python, directory)


@pytest.fixture(params=interpreters(), ids=lambda p: p.strip("/").replace("/", "-"))
def environment(request, tmp_path_factory):
    top = tmp_path_factory.getbasetemp() / "environments"
    top.mkdir(exist_ok=True)
    return environment_of(request.param, top / re.sub(r"\W", "_", request.param))


@pytest.fixture
def one(tmp_path_factory):
    """One environment that has pytest."""
    top = tmp_path_factory.getbasetemp() / "environments"
    top.mkdir(exist_ok=True)
    for python in interpreters():
        found = environment_of(python, top / re.sub(r"\W", "_", python))
        if "pytest" in found.modules:
            return found
    pytest.skip("no Python here can import pytest")


@pytest.fixture(params=HOSTS)
def host(request):
    return request.param


def needs_host(environment, host):
    if host == "embed" and not environment.show()["libpython"]:
        pytest.skip("there is no libpython")


@pytest.fixture
def project(tmp_path, monkeypatch):
    for name in list(os.environ):
        if name.startswith(
            ("PYT_DIFF_", "PYTEST_", "PTD_FAKE", "VIRTUAL_ENV", "LD_PRELOAD", "COV_")
        ):
            monkeypatch.delenv(name)
    path = tmp_path / "project"
    path.mkdir()
    monkeypatch.chdir(path)
    return path


# --- what Python sees of itself -------------------------------------------------------------------


def test_found(environment, project):
    facts = environment.show()
    major, minor, _ = version_of(environment.python)
    assert facts["version"] == "%d.%d" % (major, minor)
    assert facts["python"] == environment.python
    assert facts["real"] == os.path.realpath(environment.python)
    assert facts["host"] == ("embed" if facts["shared"] == "1" else "preload")


def test_identity(environment, host, project, monkeypatch):
    needs_host(environment, host)
    monkeypatch.setenv("LD_PRELOAD", "libm.so.6")
    monkeypatch.setenv("ASAN_OPTIONS", "verify_asan_link_order=0")  # for a driver built with it
    plain = json.loads(run(environment.python, "-c", IDENTITY, "a b", "--c").stdout)
    done = environment.drive("a b", "--c", host=host, env=dict(os.environ, PTD_FAKE_EVAL=IDENTITY))
    assert done.result == (0, 0), done.stderr
    ours = json.loads(done.stdout)
    environ = ours["environ"]
    assert environ.pop("PYT_DIFF_SESSION") == "/nonexistent/session"
    assert shlex.split(environ.pop("PYT_DIFF_AS_PYTHON"))[1:3] == ["--as-python", host]
    assert environ["LD_PRELOAD"] == "libm.so.6"
    assert ours.pop("mode") == {"embed": "embed", "preload": "preload", "exec": "import"}[host]
    assert ours.pop("builtin") == (host != "exec")
    for name in ("mode", "builtin"):
        plain.pop(name)
    if host == "embed":
        assert ours.pop("maps") and plain.pop("maps") in (True, False)
    assert ours == plain


@pytest.mark.parametrize("form", ["-c", "-uc", "-cCODE", "-X dev -W ignore -c", "script", "module"])
def test_as_python(environment, host, project, form):
    """Workers: the command prefix, then any command line of Python's."""
    needs_host(environment, host)
    code = "import sys, os; print(__name__, sys.argv, '_pytdiff' in sys.builtin_module_names)"
    code += "\nprint(sys.flags, sys.prefix, sorted(os.environ))\nassert '_load' not in globals()"
    (project / "thing.py").write_text(code)
    args = {
        "-cCODE": ["-c" + code],
        "script": ["thing.py"],
        "module": ["-m", "thing"],
    }.get(form, form.split() + [code]) + ["x", "-c", "y"]
    show = "import os; print(os.environ['PYT_DIFF_AS_PYTHON'])"
    got = environment.drive(host=host, env=dict(os.environ, PTD_FAKE_EVAL=show))
    assert got.result == (0, 0), got.stderr
    ours = run(*shlex.split(got.stdout), *args)
    plain = run(environment.python, *args)
    assert plain.returncode == 0
    expected = plain.stdout if host == "exec" else plain.stdout.replace("] False", "] True")
    assert (ours.returncode, ours.stdout, ours.stderr) == (0, expected, plain.stderr)


def test_as_python_imports(environment, host, project):
    needs_host(environment, host)
    show = "import os; print(os.environ['PYT_DIFF_AS_PYTHON'])"
    prefix = environment.drive(host=host, env=dict(os.environ, PTD_FAKE_EVAL=show)).stdout
    code = "import sys; sys.path[:] = []; import _pytdiff; print(_pytdiff.mode)"
    done = run(*shlex.split(prefix), "-u", "-c", code)
    assert done.stdout == (host if host != "exec" else "import") + "\n", done.stderr


# --- pytest in it ---------------------------------------------------------------------------------

OUTCOMES = {
    "passed": (0, "def test(): pass", []),
    "failed": (1, "def test(): assert 0", []),
    "interrupted": (2, "def test(): raise KeyboardInterrupt", []),
    "internal": (3, "def test(): pass", ["-p", "broken"]),
    "usage": (4, "def test(): pass", ["--no-such-option"]),
    "none": (5, "", []),
    "exit": (6, "import pytest\ndef test(): pytest.exit('x', returncode=6)", []),
    "os_exit": (77, "import os\ndef test(): os._exit(77)", []),
}


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_exit_codes(one, project, outcome):
    status, source, args = OUTCOMES[outcome]
    (project / "broken.py").write_text("def pytest_collection_modifyitems(): raise RuntimeError")
    (project / "test_it.py").write_text(source)
    env = dict(os.environ, PYTHONPATH=str(project))
    plain = run(one.python, "-m", "pytest", *PYTEST, *args, env=env)
    assert plain.returncode == status, plain.stdout + plain.stderr
    for host in HOSTS:
        if host != "embed" or one.show()["libpython"]:
            assert one.drive(*PYTEST, *args, host=host, env=env).result == (status, 0)
    assert one.drive(*PYTEST, *args, session=None, env=env).result == (status, 0)


def test_pytest(environment, host, project):
    environment.need("pytest")
    needs_host(environment, host)
    (project / "test_it.py").write_text("def test_a(): assert 0\ndef test_b(): import _pytdiff")
    done = environment.drive(*PYTEST, host=host)
    assert done.result == (1, 0), done.stderr
    assert "1 failed, 1 passed" in done.stdout


def test_workers(environment, host, project):
    """pytest-xdist: each worker has the module, entered the same way."""
    environment.need("xdist")
    needs_host(environment, host)
    (project / "test_it.py").write_text(
        "import os, sys, pytest, _pytdiff\n"
        "@pytest.mark.parametrize('n', range(4))\n"
        "def test(n):\n"
        "    assert os.environ['PYTEST_XDIST_WORKER']\n"
        "    assert 'PYT_DIFF_TRACER' not in os.environ and 'LD_PRELOAD' not in os.environ\n"
        "    assert (_pytdiff.mode, sys.executable) == (%r, %r)\n"
        % (host if host != "exec" else "import", environment.python)
    )
    done = environment.drive(*PYTEST, "-n", "2", host=host)
    assert done.result == (0, 0), done.stdout + done.stderr
    assert "4 passed" in done.stdout


def test_plain(environment, project):
    """Without a session: as `pytest`, and nothing of ours in the process."""
    environment.need("pytest")
    (project / "test_it.py").write_text(
        "import os, sys\ndef test():\n"
        "    assert '_pytdiff' not in sys.modules and '' not in sys.path\n"
        "    assert not [n for n in os.environ if n.startswith(('PYT_DIFF_', 'LD_PRELOAD'))]\n"
        "    assert sys.argv[1:] == ['-q', '-p', 'no:cacheprovider', '-k', 'not a  or b']\n"
    )
    env = dict(os.environ, PYT_DIFF_SESSION="/outer", PYT_DIFF_TRACER="/outer")
    done = environment.drive(*PYTEST, "-k", "not a  or b", session=None, env=env)
    assert done.result == (0, 0), done.stdout + done.stderr


def test_plain_closed_output(one, project):
    """`| head` ends it as it ends pytest's own command: quietly."""
    (project / "test_it.py").write_text("def test(): print('x' * 100000)")
    for command in ([one.python, "-m", "pytest"], [DRIVER, "--python", one.python]):
        line = shlex.join(command) + " -s -p no:cacheprovider 2>errors | true; cat errors"
        done = run("sh", "-c", line)
        assert "Traceback" not in done.stdout and "BrokenPipe" not in done.stdout


def test_no_pytest(environment, tmp_path, project):
    bare = tmp_path / "bare"
    if run(environment.python, "-m", "venv", "--without-pip", bare).returncode != 0:
        pytest.skip("no venv module")
    done = run(DRIVER, "--python", bare)
    assert done.returncode == 4
    assert "pyt-diff: error: no pytest in %s/bin/python" % bare in done.stderr


def test_input(one, host, project):
    needs_host(one, host)
    (project / "test_it.py").write_text("def test(): assert input() == 'typed'")
    assert one.drive(*PYTEST, "-s", host=host, input="typed\n").result == (0, 0)


# --- signals --------------------------------------------------------------------------------------

SLOW = """
import os, sys, time
def test():
    open("ready", "w").write(str(os.getpid()))
    os.rename("ready", "pid")
    time.sleep(60)
"""


class Child:
    """The driver in a session of its own on a pseudo-terminal, its test asleep."""

    def __init__(self, environment, host, project, before="", source=SLOW):
        (project / "test_it.py").write_text(source)
        script = before + 'exec "$0" "$@"'
        command = ["sh", "-c", script, DRIVER, "--python", environment.python, "--host", host]
        command += ["--session", str(project), *PYTEST, "-s"]
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.execvp("sh", command)
        deadline = time.monotonic() + 60
        while not (project / "pid").exists():
            assert time.monotonic() < deadline, self.output()
            time.sleep(0.02)
        self.inner = int((project / "pid").read_text())

    def output(self):
        text = b""
        try:
            while chunk := os.read(self.terminal, 4096):
                text += chunk
        except OSError:  # the last process has closed its end
            pass
        return text.decode()

    def result(self):
        text = self.output()
        os.waitpid(self.pid, 0)
        os.close(self.terminal)
        found = re.search(r"status=(\d+) signal=(\d+)", text)
        return tuple(map(int, found.groups())) if found else text


def test_control_c(one, host, project):
    needs_host(one, host)
    child = Child(one, host, project)
    os.write(child.terminal, b"\x03")
    assert child.result() == (2, 0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_forwarded(one, host, project, number):
    needs_host(one, host)
    child = Child(one, host, project)
    os.kill(child.pid, number)
    assert child.result() == (128 + number, number)


def test_nohup(one, project):
    source = SLOW.replace("60", "1")
    child = Child(one, "auto", project, before="trap '' HUP; ", source=source)
    os.kill(child.pid, signal.SIGHUP)
    assert child.result() == (0, 0)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_killed(one, host, project, number):
    needs_host(one, host)
    child = Child(one, host, project, before="ulimit -c 0; ")
    os.kill(child.inner, number)
    assert child.result() == (128 + number, number)


def test_dies_with_us(one, host, project):
    needs_host(one, host)
    # Without the trap the end of the terminal's session would end it.
    child = Child(one, host, project, before="trap '' HUP; ")
    os.kill(child.pid, signal.SIGKILL)
    os.waitpid(child.pid, 0)
    deadline = time.monotonic() + 20
    while is_running(child.inner):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_running(pid):
    try:
        return " Z " not in Path("/proc/%d/stat" % pid).read_text()
    except OSError:
        return False


def test_stopped_and_continued(one, project):
    """Ctrl-Z stops both, as they are one process group; SIGCONT lets both go on."""
    child = Child(one, "auto", project, source=SLOW.replace("60", "2"))
    os.write(child.terminal, b"\x1a")
    # An orphaned process group ignores the key; the signal itself does the same.
    os.killpg(child.pid, signal.SIGSTOP)
    assert os.WIFSTOPPED(os.waitpid(child.pid, os.WUNTRACED)[1])
    os.killpg(child.pid, signal.SIGCONT)
    assert child.result() == (0, 0)


def test_dispositions(one, host, project):
    """The child's signals are as they would be without us in between."""
    needs_host(one, host)
    code = "print([l for l in open('/proc/self/status') if l.startswith(('SigBlk', 'SigIgn'))])"
    for before in ("", "trap '' HUP TERM; ", "trap '' CHLD INT; "):
        plain = run("sh", "-c", before + 'exec "$0" -c "$1"', one.python, code)
        command = shlex.join([DRIVER, "--python", one.python, "--host", host, "--session", "/s"])
        env = dict(os.environ, PTD_FAKE_EVAL=code)
        ours = run("sh", "-c", before + "exec " + command, env=env)
        assert ours.stdout == plain.stdout != ""
        assert "status=0 signal=0" in ours.stderr


# --- where its files are --------------------------------------------------------------------------


def install(directory, bin_dir, lib_dir):
    for name in NAMES:
        target = directory / (bin_dir if name == "session_driver" else lib_dir) / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PARTS / name, target)
    return directory / bin_dir / "session_driver", directory / lib_dir


@pytest.mark.parametrize("lib_dir", ["lib/pyt-diff", "lib64/pyt-diff", "libexec/pyt-diff"])
def test_installed(one, project, tmp_path, lib_dir):
    driver, _ = install(tmp_path / "usr", "bin", lib_dir)
    (project / "test_it.py").write_text("def test(): import _pytdiff")
    done = run(driver, "--python", one.python, "--session", "/s", *PYTEST)
    assert done.returncode == 0, done.stdout + done.stderr


def test_not_installed(one, project, tmp_path):
    driver = shutil.copy(DRIVER, tmp_path / "driver")
    done = run(driver, "--python", one.python, "--session", "/s")
    assert done.returncode == 103
    assert "error: pyt-diff-host is neither in %s nor" % tmp_path in done.stderr


@pytest.mark.parametrize("name", ["it's here", "a:b", "x $y"])
def test_strange_directories(one, host, project, tmp_path, name):
    """Such names cannot stand in LD_PRELOAD: then another way is taken, or it is an error."""
    needs_host(one, host)
    driver, _ = install(tmp_path / name, "p q", "p q")
    show = "import os; print(os.environ['PYT_DIFF_AS_PYTHON'])"
    env = dict(os.environ, PTD_FAKE_EVAL=show)
    done = run(driver, "--python", one.python, "--host", host, "--session", "/s", env=env)
    if host == "preload":
        assert done.returncode == 104 and "LD_PRELOAD cannot hold" in done.stderr
        return
    assert done.returncode == 0, done.stderr
    code = "import _pytdiff; print(_pytdiff.mode)"
    worker = run(*shlex.split(done.stdout), "-c", code)
    assert worker.stdout == (host if host != "exec" else "import") + "\n", worker.stderr


def test_broken_tracer(one, host, project, tmp_path):
    """Our failure never looks like the exit status of tests."""
    needs_host(one, host)
    driver, parts = install(tmp_path / "p", "bin", "bin")
    (parts / "_pytdiff.abi3.so").write_text("not a library")
    done = run(driver, "--python", one.python, "--host", host, "--session", "/s")
    assert done.returncode == 3
    assert "pyt-diff: error: cannot load the tracer" in done.stderr


def test_broken_library(one, project, tmp_path):
    host = PARTS / "pyt-diff-host"
    (tmp_path / "libpython.so").write_text("not a library")
    for args in (["--embed"], ["--as-python", "embed"]):
        done = run(host, *args, tmp_path / "libpython.so", one.python, "-c", "pass")
        assert done.returncode == 4
        assert "pyt-diff: error: cannot load libpython" in done.stderr


def test_host_by_hand():
    for args in ([], ["--as-python"], ["--as-python", "what", "-", "python"], ["--help"]):
        done = run(PARTS / "pyt-diff-host", *args)
        assert done.returncode == 4
        assert "not meant to be run by hand" in done.stderr


def test_stub_elsewhere(one, tmp_path):
    """In a process that is no Python of ours the stub does nothing and stays in the environment."""
    stub = str(PARTS / "pyt-diff-preload.so")
    env = dict(os.environ, LD_PRELOAD=stub, PYT_DIFF_TRACER="/nonexistent")
    done = run("/bin/sh", "-c", "echo $LD_PRELOAD $PYT_DIFF_TRACER", env=env)
    assert (done.stdout, done.stderr) == (stub + " /nonexistent\n", "")
    del env["PYT_DIFF_TRACER"]
    done = run(one.python, "-c", "import os; print(os.environ['LD_PRELOAD'])", env=env)
    assert (done.stdout, done.stderr) == (stub + "\n", "")


@pytest.mark.parametrize(
    "before, after, left",
    [
        ("libm.so.6:", "", "libm.so.6"),
        ("", ":libm.so.6", "libm.so.6"),
        ("libm.so.6 ", " libdl.so.2", "libm.so.6 libdl.so.2"),
        ("", "", "None"),
    ],
)
def test_stub_leaves(one, before, after, left):
    stub = str(PARTS / "pyt-diff-preload.so")
    tracer = str(PARTS / "_pytdiff.abi3.so")
    env = dict(os.environ, LD_PRELOAD=before + stub + after, PYT_DIFF_TRACER=tracer)
    code = "import os, _pytdiff; print(os.environ.get('LD_PRELOAD'))"
    done = run(one.python, "-c", code, env=env)
    assert (done.stdout, done.stderr) == (left + "\n", "")
