"""graph, affected, stale, map and stats: questions that run no test."""

import json
import os
import re
import shutil
import sqlite3
import subprocess

import pytest

# Commands that have no use for an interpreter.
NO_PYTHON = ("graph", "map", "stats")


def ask(project, *args, status=0, **kwargs):
    """The answer of a command, which starts no Python and runs nothing."""
    python = project.python
    if args[0] in NO_PYTHON:
        project.python = None
    result = project.run(*args, **kwargs)
    project.python = python
    assert result.status == status, result
    assert result.ran == set() and result.started == [], result
    return result


def ask_json(project, *args, **kwargs):
    answer = json.loads(ask(project, *args, "--json", **kwargs).out)
    assert answer["version"] == 1
    return answer


def without_python(project, *args, status=0):
    """These need no interpreter."""
    project.take(project.ran_log)
    done = subprocess.run(
        [project.binary, *args],
        cwd=project.root,
        env={"PATH": "/nonexistent", "HOME": "/nonexistent"},
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == status, done
    return done


@pytest.fixture
def recorded(shop):
    shop.commit()
    shop.record()
    return shop


# --- graph ---


def edges(answer):
    return {m["path"]: m["imports"] for m in answer["modules"]}


def test_graph_as_text(shop):
    done = without_python(shop, "graph")
    assert done.stdout.splitlines() == [
        "cart.py",
        "  prices.py",
        "prices.py",
        "test_cart.py",
        "  cart.py",
        "test_prices.py",
        "  prices.py",
    ]
    assert without_python(shop, "graph", "--transitive", "test_cart.py").stdout.splitlines() == [
        "test_cart.py",
        "  cart.py",
        "  prices.py",
    ]
    assert without_python(shop, "graph", "--reverse", "prices.py").stdout.splitlines() == [
        "prices.py",
        "  cart.py",
        "  test_prices.py",
    ]
    lines = without_python(
        shop, "graph", "--reverse", "--transitive", "prices.py"
    ).stdout.splitlines()
    assert lines == ["prices.py", "  cart.py", "  test_cart.py", "  test_prices.py"]


def test_graph_as_json(shop):
    shop.write("test_cart.py", "import cart\nimport os.path\n\n\ndef test_total():\n    pass\n")
    answer = ask_json(shop, "graph")
    assert answer["transitive"] is False
    assert answer["modules"][0] == {
        "path": "cart.py",
        "name": "cart",
        "imports": ["prices.py"],
        "imported_by": ["test_cart.py"],
        "outside": [],
    }
    assert answer["modules"][2]["outside"] == ["os"]
    answer = ask_json(shop, "graph", "--transitive", "prices.py")
    assert [m["imported_by"] for m in answer["modules"]] == [
        ["cart.py", "test_cart.py", "test_prices.py"]
    ]


def test_graph_for_graphviz(shop):
    shop.write('we"ird.py', "import cart\n")
    text = ask(shop, "graph", "--dot").out
    lines = [line.strip() for line in text.splitlines()]
    assert lines[0] == "digraph imports {" and lines[-1] == "}"
    assert '"test_cart.py" -> "cart.py";' in lines
    assert '"we\\"ird.py" -> "cart.py";' in lines
    # The arrows stay as they are: from who imports to what is imported.
    assert '"cart.py" -> "prices.py";' in ask(shop, "graph", "--dot", "--reverse").out
    if shutil.which("dot"):
        subprocess.run(["dot", "-Tsvg"], input=text, encoding="utf-8", check=True)


def test_graph_follows_changes(shop):
    assert edges(ask_json(shop, "graph"))["cart.py"] == ["prices.py"]
    shop.replace("cart.py", "from prices import tax", "import test_prices")
    assert edges(ask_json(shop, "graph"))["cart.py"] == ["test_prices.py"]
    shop.delete("prices.py")
    answer = ask_json(shop, "graph")
    assert edges(answer)["test_prices.py"] == []
    shop.write("prices/__init__.py", "")
    assert edges(ask_json(shop, "graph"))["test_prices.py"] == ["prices/__init__.py"]


def test_graph_parses_only_what_it_has_not_seen(shop):
    """A file that is not looked at again keeps what was said of it."""
    ask(shop, "graph")
    cache = shop.cache / "imports.cache"
    before = cache.read_bytes()
    time = os.stat(cache).st_mtime_ns
    ask(shop, "graph")
    assert cache.read_bytes() == before and os.stat(cache).st_mtime_ns == time
    # With the same signature the content is not even read; time stamps alone parse nothing.
    path = shop.root / "cart.py"
    stat = os.stat(path)
    path.rename(shop.root / "moved.py")
    assert edges(ask_json(shop, "graph"))["moved.py"] == ["prices.py"]
    assert stat.st_ino == os.stat(shop.root / "moved.py").st_ino


@pytest.mark.parametrize("damage", [b"", b"rubbish", None])
def test_graph_with_a_damaged_cache(shop, damage):
    expected = ask(shop, "graph").out
    cache = shop.cache / "imports.cache"
    data = cache.read_bytes()
    cache.write_bytes(data[: len(data) // 2] if damage is None else damage)
    assert ask(shop, "graph").out == expected
    assert cache.read_bytes()[:16] == data[:16]


def test_graph_where_nothing_can_be_written(shop):
    (shop.root / ".pytest_cache").write_text("in the way")
    result = ask(shop, "graph", "prices.py")
    assert result.out == "prices.py\n" and result.err == ""


def test_graph_makes_no_database(shop):
    ask(shop, "graph")
    assert sorted(os.listdir(shop.cache)) == [".gitignore", "CACHEDIR.TAG", "imports.cache"]


def test_graph_of_a_directory_below(shop):
    shop.write("sub/pytest.ini", "[pytest]\n")
    shop.write("sub/a.py", "import b\n")
    shop.write("sub/b.py", "")
    assert ask(shop, "graph", cwd="sub").out == "a.py\n  b.py\nb.py\n"
    assert ask(shop, "graph", "a.py", cwd="sub").out == "a.py\n  b.py\n"


def test_graph_refuses_what_it_does_not_know(shop):
    result = ask(shop, "graph", "cards.py", status=4)
    assert '"cards.py" is no Python source of the project' in result.err
    assert "did you mean cart.py?" in result.err
    assert (
        "--json and --dot exclude each other" in ask(shop, "graph", "--json", "--dot", status=4).err
    )


# --- stale ---


def test_stale(recorded):
    assert ask(recorded, "stale").out == "up to date: 4 tests\n"
    recorded.replace("prices.py", "net // 10", "net // 10 + 0")
    result = ask(recorded, "stale", status=1)
    assert result.out == (
        "stale: 1 of 4 tests has no record of the present state (prices.py: discount)\n"
    )
    result = ask(recorded, "stale", "-v", status=1)
    assert result.out.splitlines()[1] == "  test_prices.py::test_discount: prices.py: discount"
    # Asking settles nothing.
    assert recorded.run().names == {"test_discount"}
    assert ask(recorded, "stale").out == "up to date: 4 tests\n"
    recorded.replace("prices.py", "# the usual rate", "# a rate")
    ask(recorded, "stale")


def test_stale_as_json(recorded):
    answer = ask_json(recorded, "stale")
    assert (answer["stale"], answer["total"], answer["tests"]) == (False, 4, [])
    recorded.write("test_new.py", "def test_new():\n    pass\n")
    answer = ask_json(recorded, "stale", status=1)
    assert answer["stale"] is True
    assert [f["path"] for f in answer["files"]] == ["test_new.py"]


def test_a_recorded_failure_is_not_stale(shop):
    shop.replace("test_cart.py", '== "total"', '== "totals"')
    shop.run()
    assert ask(shop, "stale").out == "up to date: 4 tests\n"


def test_stale_without_records(shop):
    result = ask(shop, "stale", status=1)
    assert result.out == "stale: nothing is recorded yet\n"
    assert ask_json(shop, "stale", status=1)["no_data"] is True
    assert not shop.cache.exists()


def test_stale_for_another_python(recorded):
    with sqlite3.connect(recorded.database) as db:
        db.execute("UPDATE interpreter SET name = 'cpython 3.1 plan9 vax'")
    db.close()
    result = recorded.run("stale")
    assert result.status == 1
    assert re.match(r"stale: nothing is recorded for cpython .* yet\n", result.out)


def test_stale_looks_where_pytest_would(shop):
    shop.write("pytest.ini", "[pytest]\ntestpaths = checks\npythonpath = .\n")
    for name in ("test_cart.py", "test_prices.py"):
        (shop.root / "checks").mkdir(exist_ok=True)
        shutil.move(shop.root / name, shop.root / "checks" / name)
    shop.write("test_elsewhere.py", "def test_elsewhere():\n    pass\n")
    shop.record()
    ask(shop, "stale")


def test_stale_cannot_decide(recorded):
    (recorded.root / "pytest.ini").write_text("[pytest]\ndiff_batch_size = many\n")
    result = ask(recorded, "stale", status=4)
    assert "diff_batch_size" in result.err and result.out == ""


# --- affected ---


def modules(answer):
    return {m["path"] for m in answer["modules"]}


def ids(answer):
    return {t["nodeid"].rpartition("::")[2] for t in answer["tests"]}


def test_affected_by_what_changed(recorded):
    answer = ask_json(recorded, "affected")
    assert (answer["changed"], answer["modules"], answer["tests"]) == ([], [], [])
    recorded.replace("prices.py", "net * RATE", "1 * net * RATE")
    answer = ask_json(recorded, "affected")
    assert answer["changed"] == ["prices.py"]
    assert modules(answer) == {"prices.py", "cart.py", "test_cart.py", "test_prices.py"}
    assert ids(answer) == {"test_tax", "test_total"}
    assert answer["total"] == 4
    changed = {m["path"]: m["changed"] for m in answer["modules"]}
    assert changed["prices.py"] and not changed["cart.py"]
    result = ask(recorded, "affected")
    assert result.out.splitlines() == [
        "modules:",
        "  cart.py",
        "  prices.py (changed)",
        "  test_cart.py",
        "  test_prices.py",
        "tests:",
        "  test_cart.py::test_total",
        "  test_prices.py::test_tax",
        "4 modules, 2 of 4 tests affected",
    ]
    assert recorded.run().names == {"test_tax", "test_total"}


def test_affected_since_a_branch(recorded):
    recorded.git("checkout", "-q", "-b", "feature")
    recorded.replace("prices.py", "net // 10", "net // 10 + 0")
    recorded.write("readme.txt", b"more")
    recorded.commit()
    recorded.record()
    for option in ("--base", "--since"):
        answer = ask_json(recorded, "affected", option, "main")
        assert answer["changed"] == ["prices.py", "readme.txt"]
        assert ids(answer) == {"test_discount"}
        assert answer["since"]["ref"] == "main"
    lines = ask(recorded, "affected", "--base", "main").out.splitlines()
    assert "  readme.txt (changed)" in lines
    assert re.match(r"4 modules, 1 of 4 tests affected since main@[0-9a-f]{7}$", lines[-1])
    recorded.git("rm", "-q", "cart.py", "test_cart.py")
    assert "  cart.py (changed, gone)" in ask(recorded, "affected", "--base").out.splitlines()


def test_affected_by_staged_changes(recorded):
    recorded.replace("prices.py", "net // 10", "net // 10 + 0")
    recorded.git("add", "prices.py")
    recorded.replace("cart.py", 'return "total"', 'return "to" + "tal"')
    answer = ask_json(recorded, "affected", "--staged")
    assert answer["changed"] == ["prices.py"]
    assert ids(answer) == {"test_discount"} and answer["since"]["left_out"] == 1
    assert ids(ask_json(recorded, "affected", "--working-tree")) == {"test_label"}


def test_affected_without_git(shop):
    shop.record()
    shop.replace("prices.py", "net // 10", "net // 10 + 0")
    result = ask(shop, "affected", "--base", "main")
    assert "this is no git repository; the recorded data decides instead" in result.err
    assert "  test_prices.py::test_discount" in result.out.splitlines()


def test_affected_by_files_that_are_named(recorded):
    done = without_python(recorded, "affected", "prices.py")
    assert done.stdout.splitlines()[-1] == "4 modules, 4 of 4 tests affected"
    answer = json.loads(without_python(recorded, "affected", "cart.py", "--json").stdout)
    assert modules(answer) == {"cart.py", "test_cart.py"}
    assert ids(answer) == {"test_total", "test_label"}
    assert answer["tests"][0]["reason"] == "depends"
    recorded.write("test_new.py", "import cart\n")
    answer = json.loads(without_python(recorded, "affected", "cart.py", "--json").stdout)
    assert [f["path"] for f in answer["files"]] == ["test_new.py"]


def test_affected_by_a_data_file(recorded):
    recorded.write("data.txt", b"1")
    recorded.write("test_data.py", 'def test_data():\n    assert open("data.txt").read()\n')
    recorded.record()
    answer = ask_json(recorded, "affected", "data.txt")
    assert ids(answer) == {"test_data"} and answer["modules"] == []


def test_affected_by_files_without_records(shop):
    done = without_python(shop, "affected", "cart.py")
    assert done.stdout.splitlines() == [
        "modules:",
        "  cart.py (changed)",
        "  test_cart.py",
        "tests:",
        "  test_cart.py",
        "2 modules, 0 of 0 tests affected, 1 test file to collect; nothing is recorded yet",
    ]
    result = ask(shop, "affected", status=3)
    assert "there is no recorded data" in result.err


def test_affected_refuses(recorded):
    result = ask(recorded, "affected", "nowhere.py", status=4)
    assert '"nowhere.py" is no file of the project' in result.err
    result = ask(recorded, "affected", "cart.py", "--staged", status=4)
    assert "files and --staged exclude each other" in result.err


# --- map ---


def test_map(recorded):
    text = without_python(recorded, "map", "test_cart.py::test_total").stdout
    assert text.splitlines() == [
        "test_cart.py::test_total",
        "  cart.py",
        "  prices.py",
        "  test_cart.py",
    ]
    text = without_python(recorded, "map", "cart.py").stdout
    assert text.splitlines() == [
        "cart.py",
        "  test_cart.py::test_label",
        "  test_cart.py::test_total",
    ]
    assert len([x for x in ask(recorded, "map").out.splitlines() if x[0] != " "]) == 4
    lines = ask(recorded, "map", "--modules").out.splitlines()
    assert [x for x in lines if x[0] != " "] == [
        "cart.py",
        "prices.py",
        "test_cart.py",
        "test_prices.py",
    ]


def test_map_as_json(recorded):
    answer = ask_json(recorded, "map")
    assert answer["tests"]["test_prices.py::test_tax"] == ["prices.py", "test_prices.py"]
    assert answer["modules"]["cart.py"] == ["test_cart.py::test_label", "test_cart.py::test_total"]
    assert set(answer["modules"]) == {"cart.py", "prices.py", "test_cart.py", "test_prices.py"}
    for test, files in answer["tests"].items():
        for file in files:
            assert test in answer["modules"][file]


def test_map_of_a_class_and_of_several_environments(recorded):
    recorded.write(
        "test_class.py",
        """
        import cart


        class TestCart:
            def test_a(self):
                assert cart.label()

            def test_b(self):
                assert cart.label()
        """,
    )
    recorded.record()
    answer = ask_json(recorded, "map", "test_class.py::TestCart")
    assert set(answer["tests"]) == {
        "test_class.py::TestCart::test_a",
        "test_class.py::TestCart::test_b",
    }
    with sqlite3.connect(recorded.database) as db:
        db.execute("INSERT INTO interpreter (name) VALUES ('cpython 9.9')")
        db.execute(
            "INSERT INTO record (node_id, environment_id, run_id, outcome, duration_us, depsets)"
            " SELECT r.node_id, e.id, r.run_id, 0, 5, (SELECT depsets FROM record r2 JOIN node n2"
            " ON n2.id = r2.node_id WHERE n2.name = 'test_prices.py::test_tax')"
            " FROM record r JOIN node n ON n.id = r.node_id, interpreter e"
            " WHERE n.name = 'test_cart.py::test_label' AND e.name = 'cpython 9.9'"
        )
    db.close()
    answer = ask_json(recorded, "map", "test_cart.py::test_label")
    assert "test_prices.py" in answer["tests"]["test_cart.py::test_label"]


def test_map_refuses(recorded, tmp_path):
    result = ask(recorded, "map", "test_cart.py::test_totals", status=4)
    assert "did you mean test_cart.py::test_total?" in result.err
    shutil.rmtree(recorded.root / ".pytest_cache")
    result = ask(recorded, "map", status=3)
    assert "hint: nothing is recorded yet; run pyt-diff once" in result.err


# --- stats ---


def test_stats(recorded):
    recorded.replace("test_cart.py", '== "total"', '== "totals"')
    recorded.write("test_slow.py", "import time\n\n\ndef test_slow():\n    time.sleep(0.2)\n")
    assert recorded.run().status == 1
    answer = json.loads(without_python(recorded, "stats", "--json").stdout)
    assert answer["runs"] == 2 and answer["baselines"] == 0
    assert answer["test_files"] == 3 and answer["sources"] == 5
    assert answer["flaky"] == {"tests": 0, "times": 0}
    [environment] = answer["environments"]
    assert environment["tests"] == 5
    assert environment["outcomes"] == {"passed": 4, "failed": 1}
    assert environment["slowest"][0]["nodeid"] == "test_slow.py::test_slow"
    assert environment["slowest"][0]["duration"] >= 0.2
    assert environment["seconds"] >= 0.2
    durations = [test["duration"] for test in environment["slowest"]]
    assert durations == sorted(durations, reverse=True) and len(durations) == 5
    text = ask(recorded, "stats").out
    assert "5: 4 passed, 1 failed" in text and "test_slow.py::test_slow" in text


def test_stats_of_what_was_saved(recorded):
    recorded.write("test_slow.py", "import time\n\n\ndef test_slow():\n    time.sleep(0.2)\n")
    recorded.record()
    before = ask_json(recorded, "stats")["saved"]
    recorded.replace("prices.py", "net // 10", "net // 10 + 0")
    recorded.record()
    saved = ask_json(recorded, "stats")["saved"]
    assert saved["runs"] == before["runs"] + 1
    assert saved["seconds"] - before["seconds"] >= 0.2
    recorded.run("--mode", "all")
    assert ask_json(recorded, "stats")["saved"] == saved


def test_stats_of_another_database(recorded, tmp_path):
    copy = tmp_path / "copy.db"
    recorded.run()
    with sqlite3.connect(recorded.database) as source, sqlite3.connect(copy) as target:
        source.backup(target)
    source.close()
    target.close()
    assert ask_json(recorded, "stats", str(copy))["database"] == str(copy)
    assert ask(recorded, "stats", str(tmp_path / "none.db"), status=4).out == ""


# --- all of them ---


@pytest.mark.parametrize("command", ["graph", "affected", "stale", "map", "stats"])
def test_each_has_a_page(shop, command):
    text = ask(shop, command, "--help").out
    assert text.startswith("Usage: pyt-diff %s" % command) and "--json" in text
    assert ask(shop, command, "--nonsense", status=4).err


def test_questions_leave_the_next_run_as_it_was(recorded):
    recorded.replace("prices.py", "net // 10", "net // 10 + 0")
    for command in ("graph", "affected", "map", "stats"):
        ask(recorded, command)
    ask(recorded, "stale", status=1)
    result = recorded.run()
    assert result.names == {"test_discount"}
    assert "1 of 4 tests affected (prices.py: discount)" in result.err
