"""The recorded data: other checkouts, earlier states, damage, and what ends a run early."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest
from project import PYTHON, assert_idle, make_environment

ALL = {"test_tax", "test_discount", "test_total", "test_label"}
AFFECTED = {"test_tax", "test_total"}


def edit_tax(shop, old="net * RATE // 100", new="RATE * net // 100"):
    shop.replace("prices.py", old, new)


def database_is_sound(project):
    with sqlite3.connect(project.database) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


# ---- the same state, elsewhere or again --------------------------------------------------------


def test_copied_checkout(shop):
    shop.commit()
    shop.record("--baseline")
    old, shop.root = shop.root, shop.folder / "another" / "checkout"
    shutil.copytree(old, shop.root)
    shutil.rmtree(old)
    result = shop.run()
    assert result.names == set(), result
    assert_idle(shop.run("--since-baseline"))
    edit_tax(shop)
    assert shop.run().names == AFFECTED


def test_baseline_brought_to_a_fresh_clone(shop):
    shop.commit()
    shop.record("--baseline")
    clone = shop.folder / "clone"
    shop.git("clone", "-q", ".", str(clone))
    cache = clone / ".pytest_cache" / "pyt-diff"
    cache.mkdir(parents=True)
    shutil.copy(shop.database, cache)
    shop.root = clone
    assert shop.run().names == set()
    edit_tax(shop)
    assert shop.run().names == AFFECTED


def test_moved_times(shop):
    shop.record()
    for path in shop.root.glob("*.py"):
        shop.stamp(path)
    assert_idle(shop.run())
    for path in shop.root.glob("*.py"):
        os.utime(path, (1, 1))
    assert_idle(shop.run())
    for path in shop.root.glob("*.py"):  # new files with the old content
        text = path.read_bytes()
        path.unlink()
        path.write_bytes(text)
    result = shop.run()
    assert_idle(result)
    assert "nothing changed" in result.err


def test_earlier_states_run_nothing(shop):
    shop.commit()
    shop.record()
    shop.git("checkout", "-q", "-b", "other")
    edit_tax(shop)
    shop.write("test_more.py", "def test_more():\n    pass\n")
    shop.commit()
    assert shop.run().names == AFFECTED | {"test_more"}
    for branch in ("main", "other", "main", "other"):
        shop.git("checkout", "-q", branch)
        assert_idle(shop.run())


def test_failure_belongs_to_its_state(shop):
    shop.commit()
    shop.record()
    shop.git("checkout", "-q", "-b", "broken")
    shop.replace("prices.py", "net // 10", "net // 20")
    shop.commit()
    assert shop.run().status == 1
    shop.git("checkout", "-q", "main")
    assert_idle(shop.run())
    shop.git("checkout", "-q", "broken")
    result = shop.run()
    assert (result.names, result.status) == ({"test_discount"}, 1)


def test_many_states(shop):
    shop.record()
    values = ["RATE * net // %d00 * 1" % n for n in range(1, 5)]
    last = "net * RATE // 100"
    for value in values:
        edit_tax(shop, last, value)
        shop.run()
        last = value
    for value in reversed(values[:-1]):
        edit_tax(shop, last, value)
        result = shop.run()
        # 100 passes, the others fail and run again
        assert (result.names == set()) == (value == values[0]), value
        last = value


# ---- damage ----------------------------------------------------------------------------------


DAMAGE = {
    "empty": lambda data: b"",
    "cut": lambda data: data[: len(data) // 2],
    "a few bytes": lambda data: data[:100],
    "no database": lambda data: b"something else" * 500,
    "zeros": lambda data: bytes(len(data)),
    "header": lambda data: b"X" * 16 + data[16:],
    "middle": lambda data: data[:4096] + b"\xa5" * 8192 + data[12288:],
    "end": lambda data: data[:-8192] + b"\xff" * 8192,
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damaged_database(shop, kind):
    shop.record("--baseline")
    edit_tax(shop)
    data = shop.database.read_bytes()
    shop.database.write_bytes(DAMAGE[kind](data))
    result = shop.run()
    assert result.status == 0
    assert result.names >= AFFECTED
    if result.names == ALL and kind != "empty":
        assert "pyt-diff: warning: " in result.err
    assert "Traceback" not in result.err
    # Damage that only shows when the results are written costs the records of the other tests.
    if shop.run().names:
        assert result.names == AFFECTED
        assert "is corrupt; moved aside to" in result.err
    assert_idle(shop.run())
    database_is_sound(shop)


def test_damaged_database_is_kept(shop):
    shop.record()
    shop.database.write_bytes(b"something else" * 500)
    result = shop.run()
    assert "is corrupt; moved aside to" in result.err
    assert [p for p in shop.cache.iterdir() if p.name.endswith(".bad")] != []


def test_deleted_database(shop):
    shop.record()
    shutil.rmtree(shop.root / ".pytest_cache")
    assert shop.run().names == ALL
    assert_idle(shop.run())


def test_file_in_place_of_the_cache(shop):
    (shop.root / ".pytest_cache").write_text("in the way")
    result = shop.run("-p", "no:cacheprovider")
    assert (result.names, result.status) == (ALL, 0)
    assert "pyt-diff: warning: cannot record: " in result.err
    assert (shop.root / ".pytest_cache").read_text() == "in the way"


def immutable(path):
    done = subprocess.run(["chattr", "-R", "+i", str(path)], capture_output=True)
    return done.returncode == 0


def test_cache_that_cannot_be_written(shop):
    shop.record()
    edit_tax(shop)
    if os.geteuid() == 0:
        if not shutil.which("chattr") or not immutable(shop.cache):
            subprocess.run(["chattr", "-R", "-i", str(shop.cache)], capture_output=True)
            pytest.skip("root may write everywhere")
    else:
        shop.cache.chmod(0o555)
        shop.database.chmod(0o444)
    try:
        result = shop.run()
    finally:
        if os.geteuid() == 0:
            subprocess.run(["chattr", "-R", "-i", str(shop.cache)])
        else:
            shop.cache.chmod(0o755)
            shop.database.chmod(0o644)
    assert (result.names, result.status) == (AFFECTED, 0)
    assert "cannot record: " in result.err
    assert shop.run().names == AFFECTED
    assert_idle(shop.run())


# ---- ends of a run ---------------------------------------------------------------------------


@pytest.fixture
def slow(project):
    project.write("test_a.py", "def test_a():\n    pass\n")
    project.write(
        "test_b.py",
        """
        import os
        import time


        def test_b():
            time.sleep(float(os.environ.get("SLEEP", "0")))
        """,
    )
    project.write("test_c.py", "def test_c():\n    pass\n")
    return project


def kill_session(leader):
    """What is still there of the processes of a session."""
    done = subprocess.run(
        ["ps", "-o", "pid=", "--sid", str(leader)], capture_output=True, encoding="ascii"
    )
    for pid in done.stdout.split():
        try:
            os.kill(int(pid), signal.SIGKILL)
        except ProcessLookupError:
            pass


def test_killed_engine(slow):
    process = slow.start(env={"SLEEP": "60"})
    slow.wait_for("test_b")
    process.kill()
    process.wait()
    limit = time.monotonic() + 5
    while time.monotonic() < limit:  # Python follows by itself
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            break
        time.sleep(0.05)
    kill_session(process.pid)
    process.communicate()
    result = slow.run()
    assert result.names == {"test_b", "test_c"}
    assert "recovered the results of 1 test from an interrupted run" in result.err.replace(
        "1 tests", "1 test"
    )
    assert_idle(slow.run())
    assert list((slow.cache / "sessions").glob("*")) == []
    database_is_sound(slow)


def test_everything_killed(slow):
    process = slow.start(env={"SLEEP": "60"})
    slow.wait_for("test_b")
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    result = slow.run()
    assert result.names == {"test_b", "test_c"}
    assert_idle(slow.run())


@pytest.mark.parametrize(
    "code",
    [
        "os._exit(3)",
        "os._exit(0)",
        "os.kill(os.getpid(), signal.SIGSEGV)",
        "os.kill(os.getpid(), signal.SIGKILL)",
        "os.abort()",
    ],
)
def test_crash_in_a_test(project, code):
    project.write("test_a.py", "def test_a():\n    pass\n")
    project.write("test_b.py", "import os, signal\n\n\ndef test_b():\n    %s\n" % code)
    project.write("test_c.py", "def test_c():\n    pass\n")
    result = project.run()
    assert result.names == {"test_a", "test_b"}
    # Plain pytest has no say after os._exit(0); we know that tests have not passed.
    assert result.status == (project.pytest().status or 1)
    assert project.run().names == {"test_b"}
    project.replace("test_b.py", code, "os.getpid()")
    assert project.run().names == {"test_b", "test_c"}
    assert_idle(project.run())


def test_exit_inside_a_test(project):
    project.write("test_a.py", "import sys\n\n\ndef test_a():\n    sys.exit(0)\n")
    assert project.run().status == 1
    assert project.run().names == {"test_a"}


def test_two_runs_at_once(slow):
    first = slow.start(env={"SLEEP": "1"})
    second = slow.start(env={"SLEEP": "1"})
    results = [slow.finish(first), slow.finish(second)]
    assert [r.status for r in results] == [0, 0], results
    assert "corrupt" not in results[0].err + results[1].err
    assert_idle(slow.run(env={"SLEEP": "1"}))
    database_is_sound(slow)


def test_many_runs_at_once(shop):
    shop.record()
    edit_tax(shop)
    processes = [shop.start("--baseline") for _ in range(4)]
    for process in processes:
        result = shop.finish(process)
        assert result.status == 0, result
    assert_idle(shop.run())
    assert_idle(shop.run("--since-baseline"))
    database_is_sound(shop)


def test_edit_while_another_run_goes_on(slow):
    slow.record()
    slow.write("test_b.py", (slow.root / "test_b.py").read_bytes() + b"\n\nprint()\n")
    process = slow.start(env={"SLEEP": "2"})
    slow.wait_for("test_b")
    slow.replace("test_c.py", "pass", "assert True")
    assert "test_c" in slow.run("test_c.py").names
    slow.finish(process)
    slow.run()
    assert_idle(slow.run())


# ---- the environment ---------------------------------------------------------------------------


def test_installed_distribution(shop):
    folder = shop.folder / "installed"
    folder.mkdir()
    shop.env["PYTHONPATH"] = "%s%s%s" % (shop.spy, os.pathsep, folder)
    shop.record()
    assert_idle(shop.run())
    (folder / "thing-1.0.dist-info").mkdir()
    (folder / "thing-1.0.dist-info" / "METADATA").write_text("Name: thing\nVersion: 1.0\n")
    result = shop.run()
    assert result.names == ALL
    assert "a package whose files are not known changed)" in result.err
    assert_idle(shop.run())
    os.rename(folder / "thing-1.0.dist-info", folder / "thing-1.1.dist-info")
    assert shop.run().names == ALL
    shutil.rmtree(folder / "thing-1.1.dist-info")
    assert_idle(shop.run())


def other_python(folder):
    """An environment of another version, with the packages of this one; None if there is none."""
    ask = "import pytest, sys; print('%d.%d' % sys.version_info[:2])"
    mine = subprocess.run([PYTHON, "-c", ask], capture_output=True, encoding="ascii").stdout
    candidates = [shutil.which("python3.%d" % minor) for minor in range(10, 15)]
    candidates += sorted(Path.home().glob(".pyenv/versions/3.1*/bin/python"))
    for number, path in enumerate(candidates):
        if not path or subprocess.run([path, "-c", ""], capture_output=True).returncode:
            continue
        python, _ = make_environment(folder / str(number), base=path)
        done = subprocess.run([python, "-c", ask], capture_output=True, encoding="ascii")
        if done.returncode == 0 and done.stdout != mine:
            return python
    return None


def test_another_python_has_records_of_its_own(shop):
    python = other_python(shop.folder)
    if not python:
        pytest.skip("no second Python with pytest")
    shop.record()
    first, shop.python = shop.python, python
    result = shop.run()
    assert result.names == ALL
    assert "no data for CPython" in result.err
    assert_idle(shop.run())
    shop.python = first
    assert_idle(shop.run())


@pytest.mark.parametrize("lines", [0, 1, 3, 6])
def test_output_that_nobody_reads(project, lines):
    # `pyt-diff | head`: pytest ends early, with the exit code of failing tests.
    for number in range(30):
        project.write("test_%d.py" % number, "def test_one():\n    pass\n")
    for _ in range(2):
        process = project.start("-v")
        for _ in range(lines):
            process.stdout.readline()
        process.stdout.close()
        process.stderr.read()
        process.stderr.close()
        process.wait()
    project.run()
    answer = project.run("--json")
    assert json.loads(answer.out)["total"] == 30, answer
    assert_idle(project.run())
