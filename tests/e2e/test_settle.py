"""Which tests code that runs once has served is found out when a change touches it."""

import sqlite3
import textwrap

import pytest
from project import assert_idle

LIB = """
    import functools


    @functools.lru_cache(None)
    def table():
        return build()


    def build():
        return 1


    def plain():
        return 2
    """


@pytest.fixture
def shop(project):
    """Two tests that a cache serves, one of another module's cache, and two that none serves."""
    project.write("lib.py", textwrap.dedent(LIB))
    project.write("other.py", textwrap.dedent(LIB).replace("build", "make"))
    body = "import lib\n\n\ndef test_%s():\n    assert lib.%s() == %d\n"
    project.write("test_a.py", body % ("first", "table", 1))
    project.write("test_b.py", body % ("second", "table", 1))
    project.write("test_c.py", body % ("plain", "plain", 2))
    project.write("test_d.py", "import other\n\n\ndef test_d():\n    assert other.table() == 1\n")
    project.write("test_e.py", "import lib\nimport other\n\n\ndef test_e():\n    assert lib\n")
    project.record()
    assert_idle(project.run())
    return project


def kept(project):
    with sqlite3.connect(project.database) as db:
        return db.execute("SELECT count(*) FROM unsettled").fetchone()[0]


def change_build(project, to="return 2 - 1"):
    project.replace("lib.py", "return 1", to)


def test_only_when_it_matters(shop):
    assert kept(shop) == 1
    shop.replace("lib.py", "return 2", "return 4 - 2")
    assert shop.run().names == {"test_plain"}
    assert kept(shop)
    change_build(shop)
    assert shop.run().names == {"test_first", "test_second"}
    assert kept(shop) == 1  # of the run that came last
    assert_idle(shop.run())
    shop.replace("other.py", "return 1", "return 3 - 2")
    assert shop.run().names == {"test_d"}


def test_first_change_of_all(shop):
    change_build(shop)
    assert shop.run("--dry-run").out.count("::") == 2
    assert kept(shop) == 0
    assert shop.run().names == {"test_first", "test_second"}


def test_back_to_what_was_recorded_twice(shop):
    """Records of two runs in one state become one when they are settled."""
    shop.run("--force")
    change_build(shop)
    assert shop.run().names == {"test_first", "test_second"}
    change_build_back = ("return 2 - 1", "return 1")
    shop.replace("lib.py", *change_build_back)
    assert_idle(shop.run())


def test_baseline_stays(shop):
    shop.run("--baseline", "--force")
    change_build(shop)
    shop.run()
    shop.replace("lib.py", "return 2 - 1", "return 1")
    assert_idle(shop.run("--since-baseline"))
    change_build(shop)
    assert shop.run("--since-baseline").names == {"test_first", "test_second"}


def test_where_nothing_can_be_written(shop):
    change_build(shop)
    result = shop.run("--no-record")
    assert result.status == 0 and result.names >= {"test_first", "test_second"}
    assert kept(shop) == 1


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE unsettled SET session = x'00'",
        "UPDATE unsettled SET session = substr(session, 1, length(session) - 9)",
        "UPDATE unsettled SET sets = substr(sets, 1, 1)",
        "DELETE FROM unsettled",
    ],
)
def test_damage_selects_more(shop, damage):
    with sqlite3.connect(shop.database) as db:
        db.execute(damage)
        db.execute("UPDATE meta SET value = '' WHERE key = 'idle'")
    change_build(shop)
    result = shop.run()
    assert result.status == 0 and result.names >= {"test_first", "test_second", "test_plain"}
    assert_idle(shop.run())


def test_content_that_is_not_known_any_more(shop):
    """Without what the process saw of a source nobody can tell whom it served."""
    with sqlite3.connect(shop.database) as db:
        db.execute(
            "UPDATE version SET blocks = NULL, source = NULL WHERE id ="
            " (SELECT version_id FROM file WHERE path = 'other.py')"
        )
        db.execute("UPDATE meta SET value = '' WHERE key = 'idle'")
    change_build(shop)
    assert shop.run().names >= {"test_first", "test_second", "test_plain"}


def test_explanations_are_settled(shop):
    out = shop.run("explain", "test_c.py::test_plain").out
    assert kept(shop) == 0
    assert "depends on 4 parts of 2 files" in out, out


def test_inspect_leaves_a_file_as_it_is(shop):
    copy = shop.folder / "copy.db"
    with sqlite3.connect(shop.database) as db, sqlite3.connect(copy) as target:
        db.backup(target)
    before = copy.read_bytes()
    out = shop.ask("inspect", copy, "--test", "test_c.py::test_plain")
    assert copy.read_bytes() == before
    assert "table" not in out and "plain" in out, out
    assert "table" in shop.ask("inspect", copy, "--test", "test_b.py::test_second")


def test_merged_data_is_settled(shop):
    merged = shop.folder / "merged"
    merged.mkdir()
    parts = []
    for i, files in enumerate(
        (("test_a.py", "test_c.py"), ("test_b.py", "test_d.py", "test_e.py"))
    ):
        parts.append(str(shop.folder / ("part%d" % i)))
        shop.run("--cache-dir", parts[-1], "--baseline", *files)
    shop.ask("merge", merged / "pyt-diff.db", *parts)
    with sqlite3.connect(merged / "pyt-diff.db") as db:
        assert db.execute("SELECT count(*) FROM unsettled").fetchone()[0] == 0
    change_build(shop)
    result = shop.run("--cache-dir", str(merged))
    assert result.names == {"test_first", "test_second"}, result


def test_started_processes(project):
    """What a child process did is part of the suspect that started it."""
    lib = textwrap.dedent(LIB).replace("return build()", "return start()")
    start = """

        def start():
            import subprocess
            import sys

            code = "import lib; print(lib.build())"
            return int(subprocess.check_output([sys.executable, "-c", code]))
        """
    project.write("lib.py", lib + textwrap.dedent(start))
    body = "import lib\n\n\ndef test_%s():\n    assert lib.%s() == %d\n"
    project.write("test_a.py", body % ("first", "table", 1))
    project.write("test_b.py", body % ("second", "table", 1))
    project.write("test_c.py", body % ("plain", "plain", 2))
    project.record()
    assert_idle(project.run())
    change_build(project)
    assert project.run().names == {"test_first", "test_second"}
