"""Environment variables as dependencies: what a test reads selects it when it changes."""

import os
import signal

import pytest
from project import assert_idle


def write_test(project, body, name="test_it"):
    lines = ["import os", "", "", "def %s(monkeypatch):" % name]
    project.write(
        name + ".py", "\n".join(lines + ["    " + line for line in body.splitlines()]) + "\n"
    )


@pytest.fixture
def other(project):
    project.write("test_other.py", "def test_other():\n    pass\n")
    return project


READS = [
    "assert os.environ.get('WANTED') != 'x'",
    "assert os.getenv('WANTED', 'y') != 'x'",
    "assert os.environb.get(b'WANTED') != b'x'",
    "assert os.environ.setdefault('WANTED', 'y')",
    "assert ('WANTED' in os.environ) or True",
    "try:\n    os.environ['WANTED']\nexcept KeyError:\n    pass",
    "assert os.path.expandvars('$WANTED')",
    "for name, value in os.environ.items():\n    assert value is not None",
    "assert [name for name in os.environ]",
    "assert [name for name in os.environ.keys() if name != 'x']",
    "monkeypatch.delenv('WANTED', raising=False)",
    "import threading\nthreads = []\n"
    "def read():\n    threads.append(os.environ.get('WANTED'))\n"
    "thread = threading.Thread(target=read)\nthread.start()\nthread.join()",
]


def write_tests(project, bodies):
    for number, body in enumerate(bodies):
        write_test(project, body, "test_%d" % number)
    return {"test_%d" % number for number in range(len(bodies))}


def test_variables_that_are_read(other):
    readers = write_tests(other, READS)
    assert other.record(env={"WANTED": "1"}).names == readers | {"test_other"}
    assert_idle(other.run(env={"WANTED": "1"}))
    assert other.run(env={"WANTED": "2"}).names == readers
    assert_idle(other.run(env={"WANTED": "2"}))
    # Two states are remembered.
    assert_idle(other.run(env={"WANTED": "1"}))
    assert other.run(env={}).names == readers
    assert_idle(other.run(env={}))


NO_READS = [
    "os.environ['WANTED'] = 'x'\nassert os.environ['WANTED'] == 'x'",
    "monkeypatch.setenv('WANTED', 'x')\nassert os.environ['WANTED'] == 'x'",
    "from unittest import mock\nwith mock.patch.dict(os.environ, {'WANTED': 'x'}):\n"
    "    assert os.environ['WANTED'] == 'x'",
    "from unittest import mock\nwith mock.patch.dict(os.environ, {'A': 'x'}, clear=True):\n"
    "    pass",
    "assert os.environ.copy()",
    "assert dict(os.environ)",
    "assert {**os.environ, 'A': 'b'}",
    "assert os.environ.get('ANOTHER') is None",
    "assert os.environ",
]


def test_what_is_no_dependency(other):
    write_tests(other, NO_READS)
    other.record(env={"WANTED": "1"})
    assert_idle(other.run(env={"WANTED": "2"}))
    assert_idle(other.run(env={}))


def test_who_reads_it(other):
    other.write("settings.py", "import os\nDEBUG = os.environ.get('AT_IMPORT')\n")
    other.write(
        "conftest.py",
        """
        import os
        import pytest

        @pytest.fixture(scope="session")
        def shared():
            return os.environ.get("IN_FIXTURE")


        def pytest_configure(config):
            os.environ.get("IN_HOOK")
        """,
    )
    other.write("test_import.py", "import settings\n\n\ndef test_import():\n    pass\n")
    other.write(
        "test_fixture.py",
        "def test_one(shared):\n    pass\n\n\ndef test_two(shared):\n    pass\n",
    )
    everything = {"test_import", "test_one", "test_two", "test_other"}
    assert other.record().names == everything
    assert other.run(env={"AT_IMPORT": "1"}).names == {"test_import"}
    assert other.run(env={"AT_IMPORT": "1", "IN_FIXTURE": "1"}).names == {"test_one", "test_two"}
    env = {"AT_IMPORT": "1", "IN_FIXTURE": "1", "IN_HOOK": "1"}
    assert other.run(env=env).names == everything
    assert_idle(other.run(env=env))


def test_what_pytest_reads_for_itself(other):
    write_test(other, "assert monkeypatch")
    other.record()
    for name in ("COLUMNS", "LINES", "TERM", "CI", "NO_COLOR", "TMPDIR", "PWD", "SHLVL", "XYZ"):
        assert_idle(other.run(env={name: "7" if name != "TMPDIR" else str(other.folder)}))


def test_the_reason(other):
    write_test(other, "assert os.environ.get('WANTED') != 'x'")
    other.record()
    result = other.run("-v", env={"WANTED": "secret-value"})
    assert "environment variable WANTED changed" in result.err
    for path in other.cache.iterdir():
        if path.is_file():
            assert b"secret-value" not in path.read_bytes()


def test_variables_that_count_for_every_test(other):
    write_test(other, "pass")
    other.write(
        "pyproject.toml", "[tool.pyt-diff]\nenv = ['MODE', 'APP_*']\nignore-env = ['APP_X']\n"
    )
    everything = {"test_it", "test_other"}
    other.record()
    assert other.run(env={"MODE": "1"}).names == everything
    assert other.run(env={"APP_A": "1"}).names == everything
    assert_idle(other.run(env={"APP_X": "1", "APP_A": "1"}))
    assert other.run("-v", env={"PYTHONHASHSEED": "1", "APP_A": "1"}).names == everything
    other.write("pyproject.toml", "[tool.pyt-diff]\nenv = ['MODE', 'NEW']\n")
    assert other.run(env={"PYTHONHASHSEED": "1", "APP_A": "1"}).names == everything


def test_variables_that_never_count(other):
    write_test(other, "assert os.environ.get('WANTED') != 'x'")
    other.write("pyproject.toml", "[tool.pyt-diff]\n")
    other.record()
    other.write("pyproject.toml", "[tool.pyt-diff]\nignore-env = ['WANT*']\n")
    assert_idle(other.run(env={"WANTED": "1"}))


def test_the_same_in_an_ini_file(other):
    write_test(other, "assert os.environ.get('WANTED') != 'x'")
    other.write("pytest.ini", "[pytest]\ndiff_env = MODE\ndiff_ignore_env = WANTED\n")
    result = other.record("--strict-config")
    assert_idle(other.run("--strict-config", env={"WANTED": "1"}))
    assert other.run("--strict-config", env={"MODE": "1"}).names == result.names


def test_os_environ_is_as_it_was(other):
    write_test(
        other,
        """
import collections.abc, copy, pickle, sys
import pytest
environ = os.environ
assert type(environ) is os._Environ and isinstance(environ, collections.abc.MutableMapping)
assert type(environ._data) is dict
assert environ.copy() == dict(environ) == {**environ} == {k: v for k, v in environ.items()}
assert type(environ.copy()) is dict and sorted(environ) == sorted(environ.keys())
assert list(environ.values()) == [environ[k] for k in environ]
with pytest.raises(KeyError) as caught:
    environ["NOT_THERE"]
assert caught.value.args == ("NOT_THERE",)
with pytest.raises(TypeError):
    environ[1]
with pytest.raises(TypeError):
    environ.get(1)
shallow = copy.copy(environ)
assert type(shallow) is os._Environ and shallow["HOME_OF_TEST"] == "1"
with pytest.raises(Exception):
    pickle.dumps(environ)
assert environ.pop("NOT_THERE", 5) == 5 and environ.pop("HOME_OF_TEST") == "1"
environ["HOME_OF_TEST"] = "2"
assert os.getenv("HOME_OF_TEST") == "2" and os.environb[b"HOME_OF_TEST"] == b"2"
assert "HOME_OF_TEST" in environ and len(environ) == len(list(environ))
environ.update(X_Y="1")
del environ["X_Y"]
if sys.version_info >= (3, 9):
    assert type(environ | {"A": "b"}) is dict and (environ | {"A": "b"})["A"] == "b"
monkeypatch.setenv("X_Y", "1")
assert repr(environ).startswith("environ({")
saved = dict(environ)
environ.clear()
assert not environ
environ.update(saved)
assert dict(environ) == saved
""".strip(),
    )
    result = other.run(env={"HOME_OF_TEST": "1"})
    assert result.status == 0, result


def test_an_interrupted_run(other):
    other.write(
        "test_a.py",
        "import os\n\n\ndef test_a():\n    assert os.environ.get('WANTED') != 'x'\n"
        "    assert os.environ['PYTEST_CURRENT_TEST']\n",
    )
    other.write(
        "test_b.py",
        "import os, time\n\n\ndef test_b():\n"
        "    if 'HANG' in os.environ:\n        time.sleep(60)\n",
    )
    process = other.start(env={"HANG": "1"})
    other.wait_for("::test_b")
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert other.run(env={"WANTED": "5"}).names == {"test_a", "test_b", "test_other"}
    assert_idle(other.run(env={"WANTED": "5"}))


def test_xdist(other):
    write_test(other, "assert os.environ.get('WANTED') != 'x'\nos.environ['PYTEST_XDIST_WORKER']")
    other.record("-n", "2")
    assert_idle(other.run("-n", "2"))
    assert other.run("-n", "2", env={"WANTED": "1"}).names == {"test_it"}
