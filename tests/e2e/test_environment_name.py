"""`--environment-name NAME`: records of their own for what pyt-diff cannot see."""

import json
import sqlite3

import pytest
from project import assert_idle

AFFECTED = {"test_tax", "test_total"}


def named(project, name, *args, **kwargs):
    return project.run("--environment-name", name, *args, **kwargs)


def change(project):
    project.replace("prices.py", "net * RATE", "RATE * net")


def test_names_keep_records_apart(shop):
    shop.record()
    first = named(shop, "staging")
    assert len(first.ran) == 4 and " [staging] yet: running all tests and recording" in first.err
    change(shop)
    assert named(shop, "staging").names == AFFECTED
    assert_idle(named(shop, "staging"))
    assert shop.run().names == AFFECTED  # whatever the other name has
    assert len(named(shop, "production").ran) == 4
    assert_idle(shop.run())
    assert_idle(named(shop, "staging"))


def test_each_has_a_baseline_of_its_own(shop):
    shop.record("--baseline")
    named(shop, "staging", "--baseline")
    change(shop)
    named(shop, "staging", "--baseline")
    assert_idle(named(shop, "staging", "--since-baseline", "--no-record"))
    assert shop.run("--since-baseline", "--no-record").names == AFFECTED


def test_a_failure_belongs_to_its_name(shop):
    shop.env["SERVICE"] = "up"
    shop.write(
        "test_cart.py",
        """
        import cart, ctypes

        def test_total():
            getenv = ctypes.CDLL(None).getenv
            getenv.restype = ctypes.c_char_p
            assert getenv(b"SERVICE") == b"up"  # what is not seen
        """,
    )
    shop.record()
    assert named(shop, "broken", env={"SERVICE": "down"}).status == 1
    assert_idle(shop.run())
    assert named(shop, "broken", env={"SERVICE": "down"}).names == {"test_total"}


@pytest.mark.parametrize("how", ["option", "testmon", "variable", "table", "ini", "override"])
def test_spellings(shop, how):
    shop.write("pytest.ini", "[pytest]\n")
    named(shop, "staging")
    change(shop)
    args, env = [], {}
    if how == "option":
        args = ["--environment-name=staging"]
    elif how == "testmon":
        args = ["--testmon", "--testmon-env", "staging"]
    elif how == "variable":
        env["PYT_DIFF_ENVIRONMENT_NAME"] = "staging"
    elif how == "table":
        shop.write("pyproject.toml", '[tool.pyt-diff]\nenvironment-name = "staging"\n')
    elif how == "ini":
        shop.write("pytest.ini", "[pytest]\ndiff_environment_name = staging\n")
    else:
        args = ["-o", "diff_environment_name=staging"]
    result = shop.run(*args, "--no-record", env=env)
    if how == "override":  # -o may change what pytest does, so everything runs
        assert len(result.ran) == 4 and "no data" not in result.err, result
    else:
        assert result.names == AFFECTED, result
    assert "no data" in shop.run("--no-record", "--environment-name", "other", env=env).err


def test_commands_know_it(shop):
    named(shop, "staging")
    assert shop.run("stale").status == 1
    assert shop.run("stale", "--environment-name", "staging").status == 0
    answer = json.loads(shop.run("doctor", "--json", "--environment-name", "staging").out)
    assert answer["python"]["version"]["value"].endswith(" [staging]")
    assert answer["settings"]["environment-name"] == {
        "value": "staging",
        "origin": "--environment-name",
    }
    why = shop.run("explain", "--environment-name=staging", "test_cart.py::test_total")
    assert "does not run" in why.out, why
    change(shop)
    assert "2 of 4 tests" in shop.run("affected", "--environment-name", "staging").out


def test_readers_of_testmons_tables_see_the_name(shop):
    shop.record()
    named(shop, "staging")
    with sqlite3.connect(shop.database) as db:
        rows = db.execute("SELECT environment_name, python_version FROM environment").fetchall()
    assert [name.endswith(" [staging]") for name, _ in rows] == [False, True]
    assert rows[0][1] == rows[1][1] and rows[0][1][0] == "3"


def test_an_interrupted_run_is_recovered_under_its_name(shop):
    shop.record()
    shop.write(
        "test_die.py",
        "import os, time\n\n\ndef test_a():\n    os.kill(os.getppid(), 9)\n    time.sleep(30)\n",
    )
    shop.env["PYT_DIFF_ENVIRONMENT_NAME"] = "staging"
    assert shop.run("test_cart.py", "test_die.py").status == -9
    shop.env.clear()
    shop.delete("test_die.py")
    assert "recovered the results of 2 tests" in shop.run().err
    assert named(shop, "staging").names == {"test_tax", "test_discount"}


@pytest.mark.parametrize(
    ("name", "problem"),
    [("a\nb", "has control characters"), ("x" * 201, "is longer than 200 bytes")],
)
def test_names_that_cannot_be_shown(shop, name, problem):
    result = named(shop, name)
    assert result.status == 4 and not result.started, result
    assert "error: the name of the environment " + problem in result.err
    assert "hint: it is set by --environment-name" in result.err
