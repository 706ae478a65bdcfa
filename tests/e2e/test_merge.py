"""pyt-diff merge: shards add up, commits do not mix, the output is whole or not there."""

import json
import shutil
import sqlite3

import pytest
from project import assert_idle


@pytest.fixture
def store(shop):
    """The shop with what differs between tests: fixtures, data, imports, failures."""
    shop.write(
        "conftest.py",
        """
        import pytest
        import prices


        @pytest.fixture(scope="session")
        def rate():
            return prices.RATE
        """,
    )
    shop.write("data.txt", b"7\n")
    shop.write(
        "test_more.py",
        """
        import pytest
        import cart
        import prices


        def test_rate(rate):
            assert rate == 20


        def test_data():
            assert open("data.txt").read() == "7\\n"


        def test_lazy():
            import helpers
            assert helpers.double(4) == 8


        @pytest.mark.parametrize("net", [10, 100])
        def test_each(net):
            assert cart.total(net) > net


        @pytest.mark.skip
        def test_skipped():
            assert False
        """,
    )
    shop.write(
        "helpers.py",
        """
        SCALE = 2


        def double(n):
            return n * SCALE


        def unused():
            return 3
        """,
    )
    shop.commit()
    return shop


EDITS = [
    ("prices.py", "net * RATE // 100", "RATE * net // 100"),
    ("prices.py", "net // 10", "net // 11"),
    ("prices.py", "RATE = 20", "RATE = 21"),
    ("cart.py", "net + tax(net)", "tax(net) + net"),
    ("cart.py", 'return "total"', 'return "sum"'),
    ("helpers.py", "n * SCALE", "SCALE * n"),
    ("helpers.py", "SCALE = 2", "SCALE = 3"),
    ("helpers.py", "return 3", "return 4"),
    ("conftest.py", "return prices.RATE", "return prices.RATE + 0"),
    ("data.txt", "7", "8"),
    ("test_more.py", "assert rate == 20", "assert 20 == rate"),
    ("test_cart.py", 'cart.label() == "total"', '"total" == cart.label()'),
]


def selected(project, where, *args):
    result = project.run("--cache-dir", where, "--json", "--no-record", *args)
    assert result.status == 0, result
    return {t["nodeid"] for t in json.loads(result.out)["tests"]}


def facts(project, database):
    """Everything that the records of a database say, without its numbers."""
    names = json.loads(project.ask("inspect", database, "--json"))
    tests = {}
    with sqlite3.connect(database) as db:
        nodes = [name for (name,) in db.execute("SELECT name FROM node WHERE is_file = 0")]
    for name in nodes:
        answer = json.loads(project.ask("inspect", database, "--test", name, "--json"))
        for record in answer["records"]:
            record["dependencies"].sort(key=str)
        tests[name] = json.loads(json.dumps(answer), object_hook=without_times)
    return (
        {k: v for k, v in names.items() if k in ("tests", "test_files", "dependencies", "sets")},
        [(e["name"], e["records"], e["baseline"]) for e in names["environments"]],
        [b["commit"] for b in names["baselines"]],
        tests,
    )


def without_times(value):
    return {k: v for k, v in value.items() if k not in ("duration", "recorded", "database", "run")}


def merge(project, *args, status=0):
    python, project.python = project.python, None
    try:
        result = project.run("merge", *map(str, args))
    finally:
        project.python = python
    assert result.status == status and result.started == [], result
    return result


SPLITS = {
    "paths": [("test_prices.py",), ("test_cart.py",), ("test_more.py",)],
    "words": [
        ("-k", "tax or label or lazy or skipped"),
        ("-k", "not (tax or label or lazy or skipped)"),
    ],
    "overlap": [("test_prices.py", "test_cart.py"), ("test_cart.py", "test_more.py")],
}


@pytest.mark.parametrize("split", SPLITS)
def test_shards_add_up(store, split):
    whole = store.folder / "whole"
    store.run("--cache-dir", str(whole), "--baseline")
    places = []
    for i, args in enumerate(SPLITS[split]):
        places.append(store.folder / ("shard%d" % i))
        done = store.run("--cache-dir", str(places[-1]), "--baseline", *args)
        assert done.status == 0, done
    merged = store.folder / "merged"
    merged.mkdir()
    out = merge(store, merged / "pyt-diff.db", *places)
    assert out.err == ""
    assert facts(store, merged / "pyt-diff.db") == facts(store, whole / "pyt-diff.db")

    first = store.run("--cache-dir", str(merged))
    assert first.ran == set(), first  # Python is asked once what it is
    assert_idle(store.run("--cache-dir", str(merged)))
    assert_idle(store.run("--cache-dir", str(merged), "--since-baseline"))
    for path, old, new in EDITS:
        store.replace(path, old, new)
        for args in ((), ("--since-baseline",)):
            expected = selected(store, str(whole), *args)
            assert selected(store, str(merged), *args) == expected, (path, args)
            assert expected or "unused" in old or old == "return 3", path
        store.replace(path, new, old)
    assert_idle(store.run("--cache-dir", str(merged)))


def test_merged_again_is_the_same(store):
    shards = []
    for i, name in enumerate(["test_prices.py", "test_cart.py", "test_more.py"]):
        shards.append(store.folder / ("s%d" % i))
        store.run("--cache-dir", str(shards[-1]), "--baseline", name)
    once, twice = store.folder / "once.db", store.folder / "twice.db"
    merge(store, once, *shards)
    merge(store, twice, shards[0], shards[1])
    merge(store, twice, twice, shards[2], once, shards[0])
    assert facts(store, once) == facts(store, twice)
    assert not list(store.folder.glob(".*"))


def test_different_commits(store):
    """Each test is compared with the state that its own record saw."""
    old, new = store.folder / "old", store.folder / "new"
    store.run("--cache-dir", str(old), "--baseline")
    store.replace("prices.py", "net // 10", "net // 10 + 0")
    store.commit()
    store.run("--cache-dir", str(new), "--baseline", "test_cart.py")
    merged = store.folder / "merged"
    merged.mkdir()
    out = merge(store, merged / "pyt-diff.db", old, new)
    assert "warning: the baselines are of different commits: " in out.err, out
    assert "each test keeps what was recorded of it" in out.err
    # test_discount was only ever recorded with the old function.
    for args in ((), ("--since-baseline",)):
        assert selected(store, str(merged), *args) == {"test_prices.py::test_discount"}
    store.replace("prices.py", "net // 10 + 0", "net // 10")
    assert selected(store, str(merged)) == set()


def test_later_record_wins(store):
    flip = store.folder / "flip"
    store.env["FLIP"] = str(flip)
    store.write(
        "test_flip.py",
        """
        def test_flip():
            import os
            assert not os.path.exists(os.environ["FLIP"])
        """,
    )
    a, b = store.folder / "a", store.folder / "b"
    store.run("--cache-dir", str(a), "--baseline", "test_flip.py")
    flip.touch()
    store.run("--cache-dir", str(b), "--baseline", "test_flip.py")
    for name, order in (("ab", (a, b)), ("ba", (b, a))):
        merged = store.folder / name
        merged.mkdir()
        merge(store, merged / "pyt-diff.db", *order)
        assert selected(store, str(merged), "test_flip.py") == {"test_flip.py::test_flip"}


def test_what_is_no_database(store):
    a = store.folder / "a"
    store.run("--cache-dir", str(a), "--baseline")
    other = store.folder / "other.db"
    other.write_bytes(b"something else\n" * 100)
    result = merge(store, store.folder / "out.db", a, other, status=3)
    assert "other.db is corrupt" in result.err, result
    result = merge(store, store.folder / "out.db", a, store.folder / "none.db", status=4)
    assert "cannot open" in result.err and "none.db" in result.err
    empty = store.folder / "empty"
    empty.mkdir()
    result = merge(store, store.folder / "out.db", empty, status=4)
    assert "ends in .db" in result.err
    # Somebody else's file is not overwritten.
    result = merge(store, other, a, status=4)
    assert "is not overwritten" in result.err, result
    assert other.read_bytes() == b"something else\n" * 100
    result = merge(store, store.folder / "none" / "out.db", a, status=3)
    assert not (store.folder / "out.db").exists()
    assert not list(store.folder.glob(".*"))


def test_usage(store):
    assert "needs an argument" in merge(store, store.folder / "out.db", status=4).err


def test_in_the_place_of_one_in_use(store):
    """The project's own database is replaced under a reader's eyes."""
    store.run("--baseline", "test_cart.py")
    shutil.copytree(store.cache, store.folder / "copy")
    other = store.folder / "b"
    store.run("--cache-dir", str(other), "--baseline", "test_prices.py", "test_more.py")
    with sqlite3.connect(store.database) as reader:
        reader.execute("BEGIN")
        (before,) = reader.execute("SELECT count(*) FROM record").fetchone()
        merge(store, store.database, store.folder / "copy", other)
        assert reader.execute("SELECT count(*) FROM record").fetchone() == (before,)
    store.record()
    assert_idle(store.run())


def test_damage_is_found(store):
    a = store.folder / "a"
    store.run("--cache-dir", str(a), "--baseline")
    with sqlite3.connect(a / "pyt-diff.db") as db:
        db.execute("UPDATE version SET codes = x'ff' WHERE codes IS NOT NULL")
    result = merge(store, store.folder / "out.db", a, status=3)
    assert "is damaged: a list of code objects" in result.err, result
    assert not (store.folder / "out.db").exists()
