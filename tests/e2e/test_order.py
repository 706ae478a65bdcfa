"""The order of tests, shares for several machines, end-to-end tests, and what is told of time."""

import json
import re
import shutil
import sqlite3
import zlib

import pytest
from project import Project, assert_idle, has_module


def time_tests(project, seconds):
    """Gives tests durations as if they had taken so long."""
    with sqlite3.connect(project.database) as db:
        db.execute("UPDATE record SET duration_us = 1000")
        for name, took in seconds.items():
            done = db.execute(
                "UPDATE record SET duration_us = ? WHERE node_id IN"
                " (SELECT id FROM node WHERE name = ? OR name LIKE '%::' || ?)",
                (int(took * 1e6), name, name),
            )
            assert done.rowcount > 0, name
    db.close()


def short(names):
    return [name.rpartition("::")[2] for name in names]


def header(result):
    return result.err.splitlines()[0]


# ---- --first ----


@pytest.fixture
def letters(project):
    """Tests a to h in two files, of which b and f call one function; c fails when asked to."""
    project.write("lib.py", "def half(x):\n    return x // 2\n")
    project.write(
        "test_one.py",
        """
        import os

        import lib


        def test_a():
            pass


        def test_b():
            assert lib.half(4) == 2


        def test_c():
            assert not os.path.exists("fail")


        def test_d():
            pass
        """,
    )
    project.write(
        "test_two.py",
        """
        import lib


        def test_e():
            pass


        def test_f():
            assert lib.half(2) == 1


        def test_g():
            pass
        """,
    )
    return project


SECONDS = {
    "test_a": 5,
    "test_b": 2,
    "test_c": 9,
    "test_d": 0.3,
    "test_e": 0.2,
    "test_f": 1,
    "test_g": 0.1,
}


def test_first_runs_failed_then_affected_then_short_tests(letters):
    (letters.root / "fail").touch()
    letters.run()
    time_tests(letters, SECONDS)
    (letters.root / "fail").unlink()
    letters.replace("lib.py", "x // 2", "x >> 1")
    listed = letters.run("--first", "--dry-run")
    order = ["c", "f", "b", "g", "e", "d", "a"]
    assert short(listed.out.splitlines()[:7]) == ["test_" + c for c in order]
    assert "7/7 tests, 3 affected" in listed.out
    result = letters.run("--first")
    assert result.status == 0, result
    assert short(result.log) == ["test_" + c for c in order]
    assert header(result).startswith("pyt-diff: running all 7 tests, 3 affected first (")
    assert header(result).endswith("), about 18 s")
    assert "not run" not in result.err
    assert_idle(letters.run())


def test_first_without_changes(letters):
    letters.record()
    time_tests(letters, SECONDS)
    result = letters.record("--first")
    assert short(result.log) == ["test_" + c for c in "gedfbac"]
    assert "running all 7 tests, none of them affected, about 18 s" in result.err


def test_first_without_data_is_a_first_run(letters):
    result = letters.record("--first")
    assert "no data" in result.err
    assert short(result.log) == ["test_" + c for c in "abcdefg"]


def test_first_with_new_tests(letters):
    """A new test is one of the affected, and what one wants to see first."""
    letters.record()
    time_tests(letters, SECONDS)
    letters.write("test_new.py", "def test_new():\n    pass\n")
    letters.replace("lib.py", "x // 2", "x >> 1")
    result = letters.record("--first")
    assert short(result.log) == ["test_" + c for c in ["new", *"fbgedac"]]


def test_first_narrowed(letters):
    letters.record()
    time_tests(letters, SECONDS)
    letters.replace("lib.py", "x // 2", "x >> 1")
    result = letters.record("--first", "test_two.py", "-k", "not test_g")
    assert short(result.log) == ["test_f", "test_e"]
    assert " s" not in header(result).rpartition(")")[2]
    assert letters.run().names == {"test_b"}


def test_first_keeps_together_what_shares_a_fixture(project):
    """A fixture of a module is set up once in each rank, not again for each test between others."""
    project.write("lib.py", "def half(x):\n    return x // 2\n")
    fixture = """
        import pytest

        import lib


        @pytest.fixture(scope="module")
        def costly():
            with open("set_up", "a") as log:
                log.write(__name__ + "\\n")


        def test_1(costly):
            pass


        def test_2(costly):
            assert lib.half(2) == 1


        def test_3(costly):
            pass
        """
    project.write("test_m.py", fixture)
    project.write("test_n.py", fixture)
    project.record()
    time_tests(project, {"test_m.py::test_1": 0.1, "test_n.py::test_1": 0.2, "test_3": 0.3})
    (project.root / "set_up").unlink()
    project.replace("lib.py", "x // 2", "x >> 1")
    result = project.record("--first")
    assert result.log == [
        "test_m.py::test_2",
        "test_n.py::test_2",
        "test_m.py::test_1",
        "test_m.py::test_3",
        "test_n.py::test_1",
        "test_n.py::test_3",
    ]
    assert len((project.root / "set_up").read_text().splitlines()) == 4


# ---- several workers ----


def workers_of(project):
    """Which worker began which tests, in order."""
    begun = {}
    for line in (project.root / "begun").read_text().splitlines():
        worker, name = line.split()
        begun.setdefault(worker, []).append(name)
    return begun


@pytest.fixture
def crowd(project):
    """40 tests in four files, each of which notes the worker that it runs in."""
    project.write(
        "conftest.py",
        """
        import os


        def pytest_runtest_setup(item):
            with open("begun", "a") as log:
                log.write("%s %s\\n" % (os.environ.get("PYTEST_XDIST_WORKER", "-"), item.name))
        """,
    )
    for letter in "abcd":
        tests = ["def test_%s%d():\n    pass\n" % (letter, i) for i in range(10)]
        project.write("test_%s.py" % letter, "\n\n".join(tests))
    project.write("tests.txt", "")
    return project


@pytest.mark.skipif(not has_module("xdist"), reason="pytest-xdist is not installed")
@pytest.mark.parametrize("dist", ["load", "worksteal"])
def test_slow_tests_are_spread_over_workers(crowd, dist):
    crowd.record()
    time_tests(crowd, {"test_a0": 20, "test_a1": 30, "test_a2": 10, "test_b0": 0.5})
    (crowd.root / "begun").unlink()
    result = crowd.record("--mode", "all", "-n", "2", "--dist", dist)
    begun = workers_of(crowd)
    assert sorted(name for names in begun.values() for name in names) == sorted(short(result.ran))
    assert len(result.ran) == 40
    assert sorted(names[0] for names in begun.values()) == ["test_a0", "test_a1"]
    assert [names[1] for names in begun.values() if names[0] == "test_a1"] == ["test_a2"]
    # What took no part of a worker's time worth mentioning stays where it is.
    assert not any("test_b0" in names[:3] for names in begun.values())
    assert_idle(crowd.run("-n", "2"))


@pytest.mark.skipif(not has_module("xdist"), reason="pytest-xdist is not installed")
def test_affected_tests_come_first_in_all_workers(crowd):
    crowd.record()
    crowd.replace("test_d.py", "def test_d9():\n", "def test_d9():\n    assert 1\n")
    crowd.replace("test_d.py", "def test_d8():\n", "def test_d8():\n    assert 1\n")
    (crowd.root / "begun").unlink()
    result = crowd.record("--first", "-n", "2")
    assert len(result.ran) == 40
    assert {names[0] for names in workers_of(crowd).values()} == {"test_d8", "test_d9"}


# ---- --shard ----


def machines(project, tmp_path, count):
    """Copies of the project with its data, as so many machines that fetched the same baseline."""
    out = []
    for number in range(1, count + 1):
        folder = tmp_path / ("machine%d" % number)
        folder.mkdir()
        copy = Project(folder)
        shutil.rmtree(copy.root)
        shutil.copytree(project.root, copy.root)
        copy.spy, copy.ran_log = project.spy, project.ran_log  # the same environment
        out.append(copy)
    return out


def test_each_test_runs_in_one_shard(crowd, tmp_path):
    crowd.record()
    seconds = {"test_%s%d" % (c, i): 0.1 + i * 0.37 for c in "abcd" for i in range(10)}
    time_tests(crowd, seconds)
    crowd.replace("conftest.py", "def pytest", "FLAG = 1\n\n\ndef pytest")
    for letter in "abc":
        crowd.replace("test_%s.py" % letter, "pass", "assert True")
    crowd.write("test_new.py", "\n\n".join("def test_x%d():\n    pass" % i for i in range(12)))
    expected = {name for name in seconds if name[5] in "abc"} | {"test_x%d" % i for i in range(12)}
    seen, shares, splits = [], [], set()
    for number, machine in enumerate(machines(crowd, tmp_path, 3), 1):
        plan = json.loads(machine.run("--json", "--shard", "%d/3" % number).out)
        splits.add(plan["shard"]["split"])
        shares.append(plan["seconds"])
        result = machine.record("--shard", "%d/3" % number)
        seen += short(result.log)
        assert "shard %d/3 runs" % number in result.err
        # Only what ran has moved: the rest is still to be done here.
        rest = machine.run()
        assert rest.names == expected - set(short(result.log)), rest
        assert_idle(machine.run())
    assert sorted(seen) == sorted(expected)
    assert len(splits) == 1
    mean = sum(shares) / 3
    assert max(abs(share - mean) for share in shares) <= 0.1 * mean, shares


def test_new_tests_are_shared_out_by_name(project):
    """Without any data, by what every machine knows: the node ids."""
    names = ["test_n.py::test_%d" % i for i in range(20)]
    project.write("test_n.py", "\n\n".join("def test_%d():\n    pass" % i for i in range(20)))
    expected = [n for n in names if zlib.crc32(n.encode()) % 2 == 1]
    result = project.record("--shard", "2/2")
    assert "running shard 2/2 of all tests" in result.err
    assert result.log == expected
    assert 4 < len(expected) < 16
    result = project.record()
    assert set(result.log) == set(names) - set(expected)


def test_a_shard_without_tests(project):
    project.write("test_n.py", "def test_n():\n    pass\n")
    project.record()
    project.replace("test_n.py", "pass", "assert 1")
    plans = [project.run("--shard", "%d/2" % i, "--dry-run").out for i in (1, 2)]
    assert sorted("test_n.py::test_n" in plan for plan in plans) == [False, True]
    empty = 1 + ["test_n.py::test_n" in plan for plan in plans].index(False)
    result = project.run("--shard", "%d/2" % empty)
    assert (result.status, result.log) == (0, []), result
    assert project.run().names == {"test_n"}


def test_a_shard_of_named_tests(letters):
    letters.record()
    seen = []
    for shard in ("1/2", "2/2"):
        seen += letters.record("--shard", shard, "test_one.py::test_a", "test_two.py").log
    assert seen == ["test_one.py::test_a"]


def test_shards_of_everything(crowd):
    crowd.record()
    seen = []
    for shard in ("1/3", "2/3", "3/3"):  # what was recorded meanwhile would be another split
        seen += crowd.record("--mode", "all", "--no-record", "--shard", shard).log
    assert len(seen) == 40 and len(set(seen)) == 40
    crowd.record("--mode", "all", "--shard", "1/3")
    assert_idle(crowd.run())


def test_fixtures_of_wider_scope_count_in_each_shard(project, tmp_path):
    """Each shard is a process of its own, which sets up what its tests use and records it."""
    project.write("lib.py", "def value():\n    return 1\n")
    project.write(
        "cache.py",
        "import lib\n\nSEEN = []\n\n\ndef once():\n    "
        "if not SEEN:\n        SEEN.append(lib.value())\n    return SEEN[0]\n",
    )
    project.write(
        "test_f.py",
        """
        import pytest

        import cache
        import lib


        @pytest.fixture(scope="session")
        def shared():
            return lib.value()


        def test_1(shared):
            assert shared


        def test_2(shared):
            assert shared


        def test_3():
            assert cache.once()


        def test_4():
            assert cache.once()
        """,
    )
    ran = []
    for number, machine in enumerate(machines(project, tmp_path, 2), 1):
        result = machine.record("--shard", "%d/2" % number)
        ran += short(result.log)
        machine.replace("lib.py", "return 1", "return 2")
        for name in short(result.log):
            assert name in machine.run("--dry-run").out
    assert sorted(ran) == ["test_1", "test_2", "test_3", "test_4"]


def test_merged_shards_are_one_baseline(crowd, tmp_path):
    """What three machines recorded selects as what one run of everything did."""
    crowd.write("lib.py", "def half(x):\n    return x // 2\n\n\ndef twice(x):\n    return 2 * x\n")
    crowd.write(
        "test_lib.py",
        """
        import pytest

        import lib


        @pytest.fixture(scope="module")
        def shared():
            return lib.twice(1)


        @pytest.mark.parametrize("x", range(6))
        def test_half(x):
            assert lib.half(2 * x) == x


        @pytest.mark.parametrize("x", range(6))
        def test_shared(shared, x):
            assert shared == 2
        """,
    )
    whole, one, *others = machines(crowd, tmp_path, 4)
    whole.record("--baseline")
    parts = [one, *others]
    for number, machine in enumerate(parts, 1):
        machine.record("--baseline", "--shard", "%d/3" % number)
    merged = tmp_path / "merged.db"
    whole.python = None  # which merge does not ask for
    done = whole.run("merge", str(merged), *(str(machine.database) for machine in parts))
    whole.python = one.python
    assert done.status == 0, done
    for path in one.cache.glob("pyt-diff.db*"):
        path.unlink()
    shutil.copy(merged, one.database)
    idle = one.run("--since-baseline")
    assert "no tests affected (0 of 52; nothing changed)" in idle.err
    for old, new in [("x // 2", "x >> 1"), ("2 * x", "x + x"), ("def half(x)", "def half(x, y=0)")]:
        selected = []
        for machine in (one, whole):
            machine.replace("lib.py", old, new)
            selected.append(sorted(machine.run("--dry-run", "--since-baseline").out.splitlines()))
        assert selected[0] == selected[1]
        assert len(selected[0]) > 6


@pytest.mark.parametrize("value", ["0/2", "3/2", "1", "a/b", "1/2/3", "1/0", "-1/2", "1/20000"])
def test_a_wrong_shard(letters, value):
    result = letters.run("--shard=" + value)
    assert result.status == 4, result
    assert re.match(r"pyt-diff: error: --shard: .*" + value, result.err), result
    assert result.started == []


# ---- end-to-end tests ----


@pytest.fixture
def browser(project):
    """A unit test, a marked test and one below a directory e2e, which all call one function."""
    project.write("pytest.ini", "[pytest]\nmarkers = e2e\n    ui\n")
    project.write("lib.py", "def half(x):\n    return x // 2\n")
    call = "import lib\n\n\ndef test_%s():\n    assert lib.half(2) == 1\n"
    project.write("test_unit.py", call % "unit")
    project.write(
        "test_mark.py", "import pytest\n" + call.replace("def", "@pytest.mark.e2e\ndef", 1) % "mark"
    )
    project.write("conftest.py", "")  # so that lib is found from e2e
    project.write("e2e/test_page.py", call % "page")
    return project


def test_end_to_end_tests_are_left_out(browser):
    browser.record()
    browser.replace("lib.py", "x // 2", "x >> 1")
    first = browser.run("--exclude-e2e")
    assert first.names == {"test_unit"}, first
    # Now it is known who has the marker: nothing is left to do, and pytest is not asked again.
    for _ in range(2):
        result = browser.run("--exclude-e2e")
        assert_idle(result)
        assert "2 affected end-to-end tests left out" in result.err
    assert browser.record("--no-exclude-e2e").names == {"test_mark", "test_page"}
    assert_idle(browser.run("--exclude-e2e"))


def test_end_to_end_tests_of_a_first_run(browser):
    assert browser.record("--exclude-e2e").names == {"test_unit"}
    assert browser.record("--exclude-e2e", "--mode", "all").names == {"test_unit"}
    assert browser.record().names == {"test_mark", "test_page"}


def test_a_named_end_to_end_test_runs(browser):
    browser.record()
    result = browser.record(
        "--exclude-e2e", "e2e/test_page.py::test_page", "test_mark.py::test_mark"
    )
    assert result.names == {"test_page", "test_mark"}


def test_a_test_that_loses_its_marker(browser):
    browser.record()
    browser.replace("lib.py", "x // 2", "x >> 1")
    browser.run("--exclude-e2e")
    browser.replace("test_mark.py", "@pytest.mark.e2e\n", "")
    assert browser.record("--exclude-e2e").names == {"test_mark"}


def test_the_marker_of_another_branch_does_not_count(browser):
    """Each state of a file has its own markers, also when it is not collected again."""
    browser.record()
    with_marker = (browser.root / "test_mark.py").read_bytes()
    browser.replace("test_mark.py", "@pytest.mark.e2e\n", "")
    without_marker = (browser.root / "test_mark.py").read_bytes()
    assert browser.record("--exclude-e2e").names == {"test_mark"}
    browser.write("test_mark.py", with_marker)
    browser.replace("lib.py", "x // 2", "x >> 1")
    assert browser.run("--exclude-e2e").names == {"test_unit"}
    assert_idle(browser.run("--exclude-e2e"))
    browser.write("test_mark.py", without_marker)
    assert browser.record("--exclude-e2e").names == {"test_mark"}
    browser.replace("lib.py", "x >> 1", "x >> 1 + 0")
    assert browser.record("--exclude-e2e").names == {"test_unit", "test_mark"}
    browser.write("test_mark.py", with_marker)
    assert_idle(browser.run("--exclude-e2e"))


def test_end_to_end_tests_are_configured(browser):
    browser.write(
        "pyproject.toml",
        '[tool.pyt-diff]\nexclude-e2e = true\ne2e-markers = ["ui"]\ne2e-paths = ["test_unit.py"]\n',
    )
    browser.replace("test_mark.py", "mark.e2e", "mark.ui")
    assert browser.record().names == {"test_page"}
    assert browser.record("--no-exclude-e2e").names == {"test_mark", "test_unit"}


def test_end_to_end_tests_in_pytests_section(browser):
    browser.write(
        "pytest.ini",
        "[pytest]\nmarkers = e2e\ndiff_exclude_e2e = yes\n"
        "diff_e2e_markers = e2e\ndiff_e2e_paths = e2e/\n",
    )
    result = browser.record("-W", "error")
    assert result.names == {"test_unit"}, result


@pytest.mark.parametrize(
    "line, message",
    [
        (
            'exclude-e2e = "maybe"',
            'pyproject.toml: [tool.pyt-diff] exclude-e2e: expected true or false, got "maybe"',
        ),
        ('e2e-markers = "not e2e"', None),
        ('e2e-markers = ["a-b"]', '"a-b" is no name of a marker'),
        ('e2e-paths = ["../x"]', 'e2e-paths: the pattern "../x"'),
    ],
)
def test_wrong_settings_of_end_to_end_tests(browser, line, message):
    browser.write("pyproject.toml", "[tool.pyt-diff]\n" + line + "\n")
    result = browser.run("--dry-run")
    assert result.status == (4 if message else 0), result
    assert message is None or message in result.err


# ---- time ----


def test_what_is_said_about_time(letters):
    letters.record()
    time_tests(letters, SECONDS)
    letters.replace("lib.py", "x // 2", "x >> 1")
    result = letters.record()
    assert header(result).endswith("(lib.py: half), about 3.0 s"), result
    assert result.err.splitlines()[-1] == "pyt-diff: 5 tests not run, about 15 s saved"
    time_tests(letters, SECONDS)
    letters.replace("lib.py", "x >> 1", "x // 2 + 0")
    result = letters.record("-k", "test_b")
    assert header(result).endswith("(lib.py: half)") and "saved" not in result.err
    result = letters.record("-q")
    assert "saved" not in result.err


def test_short_tests_are_not_worth_a_word(letters):
    letters.record()
    letters.replace("lib.py", "x // 2", "x >> 1")
    result = letters.record()
    assert header(result).endswith("(lib.py: half)")
    assert len(result.err.splitlines()) == 1


def test_the_time_of_new_tests_is_not_known(letters):
    letters.record()
    time_tests(letters, SECONDS)
    letters.replace("lib.py", "x // 2", "x >> 1")
    letters.write("test_new.py", "def test_new():\n    pass\n")
    assert header(letters.record()).endswith(", 3.0 s or more")
