"""pyt-diff migrate: the database of pytest-testmon as a beginning."""

import json
import sqlite3
import subprocess

import pytest
from project import assert_idle

# The tables of pytest-testmon 2.2.0.
SCHEMA = """
    CREATE TABLE metadata (dataid TEXT PRIMARY KEY, data TEXT);
    CREATE TABLE environment (
        id INTEGER PRIMARY KEY ASC, environment_name TEXT, system_packages TEXT,
        python_version TEXT, UNIQUE (environment_name, system_packages, python_version));
    CREATE TABLE test_execution (
        id INTEGER PRIMARY KEY ASC, environment_id INTEGER, test_name TEXT, duration FLOAT,
        failed BIT, forced BIT,
        FOREIGN KEY(environment_id) REFERENCES environment(id) ON DELETE CASCADE);
    CREATE INDEX test_execution_fk_name ON test_execution (environment_id, test_name);
    CREATE TABLE file_fp (
        id INTEGER PRIMARY KEY, filename TEXT, method_checksums BLOB, mtime FLOAT, fsha TEXT,
        UNIQUE (filename, fsha, method_checksums));
    CREATE TABLE test_execution_file_fp (
        test_execution_id INTEGER, fingerprint_id INTEGER,
        FOREIGN KEY(test_execution_id) REFERENCES test_execution(id) ON DELETE CASCADE,
        FOREIGN KEY(fingerprint_id) REFERENCES file_fp(id));
    CREATE INDEX test_execution_file_fp_both
        ON test_execution_file_fp (test_execution_id, fingerprint_id);
    CREATE TABLE suite_execution_file_fsha (
        suite_execution_id INTEGER, filename TEXT, fsha text);
"""
TESTS = {
    "test_cart.py::test_label": (0.5, 0),
    "test_cart.py::test_total": (2.0, 0),
    "test_prices.py::test_discount": (0.25, 0),
    "test_prices.py::test_tax": (1.0, 0),
}
IMPORTED = "imported by 'pyt-diff migrate', not recorded yet"


class Database:
    """A .testmondata as pytest-testmon leaves it."""

    def __init__(self, path):
        self.path = path
        self.write(SCHEMA + "PRAGMA journal_mode = WAL; PRAGMA user_version = 14;")

    def write(self, script):
        db = sqlite3.connect(self.path)
        db.executescript(script)
        db.commit()
        db.close()

    def add(self, python, tests):
        db = sqlite3.connect(self.path)
        with db:
            environment = db.execute(
                "INSERT INTO environment VALUES (NULL, 'default', ?, ?)", (python, python)
            ).lastrowid
            for name, (duration, failed) in tests.items():
                test = db.execute(
                    "INSERT INTO test_execution VALUES (NULL, ?, ?, ?, ?, 0)",
                    (environment, name, duration, failed),
                ).lastrowid
                filename = name.partition("::")[0]
                db.execute(
                    "INSERT OR IGNORE INTO file_fp VALUES (NULL, ?, x'01000000', NULL, 'ab')",
                    (filename,),
                )
                db.execute(
                    "INSERT INTO test_execution_file_fp"
                    " SELECT ?, id FROM file_fp WHERE filename = ?",
                    (test, filename),
                )
        db.close()


@pytest.fixture
def testmon(shop):
    return Database(shop.root / ".testmondata")


@pytest.fixture
def version(shop):
    """The Python of the project, as testmon writes it."""
    code = "import platform; print(platform.python_version())"
    return subprocess.check_output([str(shop.python), "-c", code], text=True).strip()


def selection(shop, *args):
    answer = json.loads(shop.run("--dry-run", "--json", *args).out)
    return {t["nodeid"]: t for t in answer["selected"]}


def outcomes(shop):
    db = sqlite3.connect(shop.database)
    rows = db.execute("SELECT test_name, duration, failed FROM test_execution").fetchall()
    db.close()
    return {name: rest for name, *rest in rows}


def test_everything_runs_once(shop, testmon, version):
    testmon.add(version, dict(TESTS, **{"test_prices.py::test_tax": (1.0, 1)}))
    before = testmon.path.read_bytes()
    result = shop.run("migrate", ".testmondata")
    assert (result.status, result.err, result.ran) == (0, "", set())
    assert result.out.splitlines() == [
        ".testmondata: 4 tests imported, 1 of them failed",
        "  each runs once more before it is skipped (3.8 s in all):"
        " what it depends on is not imported",
    ]
    assert testmon.path.read_bytes() == before
    assert outcomes(shop) == {
        "test_cart.py::test_label": [0.5, 0],
        "test_cart.py::test_total": [2.0, 0],
        "test_prices.py::test_discount": [0.25, 0],
        "test_prices.py::test_tax": [1.0, 1],
    }
    result = shop.run()
    assert result.status == 0 and result.ran == set(TESTS)
    assert "4 of 4 tests affected (%s), about 3.8 s" % IMPORTED in result.err
    assert_idle(shop.run())
    assert all(failed == 0 for _, failed in outcomes(shop).values())


def test_only_a_part_runs(shop, testmon, version):
    """What was left out of the first run is still imported only."""
    testmon.add(version, TESTS)
    shop.run("migrate", ".testmondata")
    assert shop.run("test_prices.py").names == {"test_tax", "test_discount"}
    assert shop.run().names == {"test_total", "test_label"}
    assert_idle(shop.run())


def test_order_and_shards_know_it(shop, testmon, version):
    testmon.add(version, dict(TESTS, **{"test_prices.py::test_tax": (1.0, 1)}))
    shop.run("migrate", ".testmondata")
    first = shop.run("--first").log
    assert [name.rpartition("::")[2] for name in first] == [
        "test_tax",
        "test_discount",
        "test_label",
        "test_total",
    ]
    shop.database.unlink()
    shop.run("migrate", ".testmondata")
    # 2.0 s are as much as the three others
    assert shop.run("--shard", "1/2", "--no-record").names == {"test_total"}


def test_records_are_not_overwritten(shop, testmon, version):
    shop.record("test_prices.py")
    own = outcomes(shop)
    testmon.add(version, dict.fromkeys(TESTS, (9.0, 1)))
    result = shop.run("migrate", ".testmondata")
    assert result.status == 0
    assert result.out.splitlines()[:2] == [
        ".testmondata: 2 tests imported, 2 of them failed",
        "  2 left as recorded here",
    ]
    assert {name: row for name, row in outcomes(shop).items() if name in own} == own
    assert shop.run().names == {"test_total", "test_label"}
    result = shop.run("migrate", ".testmondata")
    assert (
        result.out
        == ".testmondata: 0 tests imported, 0 of them failed\n  4 left as recorded here\n"
    )
    assert_idle(shop.run())


def test_the_environment_with_this_python(shop, testmon, version):
    testmon.add("3.4.0", dict(TESTS, **{"test_cart.py::test_label": (7.0, 0)}))
    testmon.add(version, {name: TESTS[name] for name in TESTS if "label" not in name})
    testmon.add("3.3.9", {name: (8.0, 1) for name in TESTS if "label" not in name})
    result = shop.run("migrate", ".testmondata")
    assert result.out.splitlines()[:2] == [
        ".testmondata: 4 tests imported, 0 of them failed",
        "  1 recorded with another Python (3.4.0; here it is %s)" % version,
    ]
    assert outcomes(shop)["test_cart.py::test_label"] == [7.0, 0]
    assert outcomes(shop)["test_cart.py::test_total"] == [2.0, 0]


def test_tests_that_are_not_here(shop, testmon, version):
    testmon.add(
        version,
        dict(
            TESTS,
            **{
                "test_gone.py::test_a": (1.0, 1),
                "cart.py::test_no_test_file": (1.0, 0),
                "../test_cart.py::test_b": (1.0, 0),
                "/etc/passwd": (1.0, 0),
                "test_cart.py::test_renamed": (1.0, 1),
            },
        ),
    )
    result = shop.run("migrate", ".testmondata")
    assert result.out.splitlines()[:2] == [
        ".testmondata: 5 tests imported, 1 of them failed",
        "  4 left out: no test file of that name is here",
    ]
    assert shop.run().ran == set(TESTS)
    assert_idle(shop.run())
    assert set(outcomes(shop)) == set(TESTS)


def test_new_tests_run(shop, testmon, version):
    testmon.add(version, {name: TESTS[name] for name in TESTS if "tax" not in name})
    shop.run("migrate", ".testmondata")
    assert shop.run().ran == set(TESTS)


def test_odd_values(shop, testmon, version):
    testmon.add(
        version,
        {
            "test_cart.py::test_label": (None, None),
            "test_cart.py::test_total": (-3.0, 0),
            "test_prices.py::test_discount": ("soon", 0),
            "test_prices.py::test_tax": (1e300, 1),
        },
    )
    assert shop.run("migrate", ".testmondata").status == 0
    assert outcomes(shop) == {
        "test_cart.py::test_label": [0.0, 1],
        "test_cart.py::test_total": [0.0, 0],
        "test_prices.py::test_discount": [0.0, 0],
        "test_prices.py::test_tax": [0.0, 1],
    }


def test_explain(shop, testmon, version):
    testmon.add(version, TESTS)
    shop.run("migrate", ".testmondata")
    out = shop.run("explain", "test_cart.py::test_total").out
    assert "test_cart.py::test_total runs:\n  %s\n" % IMPORTED in out
    result = shop.run("stale")
    assert result.status == 1 and IMPORTED in result.out


def test_merge_keeps_real_records(shop, testmon, version, tmp_path):
    """An import elsewhere does not stand in front of what was recorded here."""
    shop.record()
    real = tmp_path / "real.db"
    shop.database.rename(real)
    testmon.add(version, dict.fromkeys(TESTS, (9.0, 1)))
    shop.run("migrate", ".testmondata")
    python, shop.python = shop.python, None
    assert shop.run("merge", str(shop.database), str(real), str(shop.database)).status == 0
    shop.python = python
    result = shop.run()
    assert (result.status, result.ran) == (0, set()), result


# --- what is refused ---


def refused(shop, status, message):
    result = shop.run("migrate", ".testmondata")
    assert result.status == status, result
    assert result.out == "" and result.started == []
    assert result.err.splitlines()[0] == "pyt-diff: error: " + message
    assert not shop.database.exists()


def test_another_version(shop, testmon):
    testmon.write("PRAGMA user_version = 13")
    refused(shop, 4, ".testmondata has version 13 of testmon's tables, not 14")


def test_no_database(shop):
    path = shop.root / ".testmondata"
    refused(shop, 4, "cannot open .testmondata: No such file or directory")
    path.write_text("print('hello')\n" * 100)
    refused(shop, 4, ".testmondata is not a database of testmon")
    path.write_bytes(b"")
    refused(shop, 4, ".testmondata is not a database of testmon")
    path.unlink()
    path.mkdir()
    refused(shop, 4, ".testmondata is not a database of testmon")


def test_our_own_database(shop):
    shop.record()
    result = shop.run("migrate", str(shop.database))
    assert result.status == 4 and "is not a database of testmon" in result.err


def test_damage(shop, testmon, version):
    testmon.add(version, {"test_cart.py::test_%d" % i: (1.0, 0) for i in range(3000)})
    data = bytearray(testmon.path.read_bytes())
    for page in range(len(data) // 4096 // 2, len(data) // 4096):
        data[page * 4096 : page * 4096 + 2000] = b"\xa5" * 2000
    testmon.path.write_bytes(data)
    result = shop.run("migrate", ".testmondata")
    assert result.status == 3, result
    assert result.err.startswith("pyt-diff: error: .testmondata is damaged: "), result
    assert len(result.err.splitlines()) == 2 and not shop.database.exists()


def test_columns_are_missing(shop, testmon):
    testmon.write("ALTER TABLE test_execution RENAME COLUMN duration TO took")
    result = shop.run("migrate", ".testmondata")
    assert result.status == 3
    assert ".testmondata is damaged: no such column: t.duration\n" in result.err


def test_nothing_is_half_imported(shop, testmon, version):
    testmon.add(version, dict(TESTS))
    testmon.write("INSERT INTO test_execution VALUES (NULL, 1, '', 1, 0, 0)")
    result = shop.run("migrate", ".testmondata")
    assert result.status == 3 and "a test without a name" in result.err
    assert outcomes(shop) == {}


def test_where_nothing_can_be_written(shop, testmon, version):
    testmon.add(version, TESTS)
    (shop.root / ".pytest_cache").write_text("no directory")
    result = shop.run("migrate", ".testmondata")
    assert result.status == 3
    assert result.err.splitlines()[-1].endswith(
        "nothing is imported: the recorded data cannot be written"
    )
