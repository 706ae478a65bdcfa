"""The views for readers of testmon's tables, read as such a program does: with plain sqlite3."""

import json
import sqlite3
import struct

import pytest

TESTS = {
    "test_cart.py::test_label",
    "test_cart.py::test_total",
    "test_prices.py::test_discount",
    "test_prices.py::test_tax",
}
# Columns in the order of testmon 2.2, schema version 14.
COLUMNS = {
    "metadata": ["dataid", "data"],
    "environment": ["id", "environment_name", "system_packages", "python_version"],
    "test_execution": ["id", "environment_id", "test_name", "duration", "failed", "forced"],
    "file_fp": ["id", "filename", "method_checksums", "mtime", "fsha"],
    "test_execution_file_fp": ["test_execution_id", "fingerprint_id"],
}


@pytest.fixture
def recorded(shop):
    shop.record()
    return shop


def ask(project, sql, *values):
    db = sqlite3.connect("file:%s?mode=ro" % project.database, uri=True)
    try:
        return db.execute(sql, values).fetchall()
    finally:
        db.close()


def executions(project):
    rows = ask(project, "SELECT test_name, duration, failed, forced FROM test_execution")
    found = {name: rest for name, *rest in rows}
    assert len(found) == len(rows)
    return found


def dependencies(project):
    """As testmon asks for them: test → file → set of numbers."""
    found = {}
    for name, filename, checksums in ask(
        project,
        "SELECT te.test_name, f.filename, f.method_checksums"
        " FROM test_execution te, test_execution_file_fp te_ffp, file_fp f"
        " WHERE te.environment_id = 1 AND te.id = te_ffp.test_execution_id"
        " AND te_ffp.fingerprint_id = f.id",
    ):
        assert isinstance(checksums, bytes)
        numbers = struct.unpack("<%di" % (len(checksums) // 4), checksums)
        found.setdefault(name, {}).setdefault(filename, set()).update(numbers)
    return found


@pytest.mark.parametrize("view", sorted(COLUMNS))
def test_columns(recorded, view):
    rows = ask(recorded, "SELECT name FROM pragma_table_info(?)", view)
    assert [name for (name,) in rows] == COLUMNS[view]
    assert ask(recorded, "SELECT type FROM sqlite_master WHERE name = ?", view) == [("view",)]


def test_environment(recorded):
    [(number, name, packages, version)] = ask(recorded, "SELECT * FROM environment")
    assert name.startswith("cpython " + version + " ") and packages is None
    assert ask(recorded, "SELECT DISTINCT environment_id FROM test_execution") == [(number,)]


def test_executions(recorded):
    found = executions(recorded)
    assert set(found) == TESTS
    for duration, failed, forced in found.values():
        assert 0 < duration < 60 and failed == 0 and forced == 0


def test_newest_records_only(recorded):
    recorded.replace("prices.py", "net // 10", "net // 5")
    assert recorded.run().status == 1
    found = executions(recorded)
    assert set(found) == TESTS
    assert {name for name in found if found[name][1]} == {"test_prices.py::test_discount"}
    # forced: not NULL for what the last run recorded
    assert {name for name in found if found[name][2] == 0} == {"test_prices.py::test_discount"}
    assert {name for name in found if found[name][2] is None} == TESTS - {
        "test_prices.py::test_discount"
    }


def test_gone_tests_are_not_shown(recorded):
    recorded.replace("test_prices.py", "def test_discount", "def test_reduction")
    recorded.delete("test_cart.py")
    recorded.run()
    assert set(executions(recorded)) == {
        "test_prices.py::test_reduction",
        "test_prices.py::test_tax",
    }


def test_failures_of_set_up(recorded):
    recorded.write("conftest.py", "import pytest\n@pytest.fixture\ndef bad():\n    assert 0\n")
    recorded.write("test_bad.py", "def test_bad(bad):\n    pass\ndef test_good():\n    pass\n")
    recorded.run()
    assert executions(recorded)["test_bad.py::test_bad"][1] == 1
    assert executions(recorded)["test_bad.py::test_good"][1] == 0


def test_files_are_those_of_inspect(recorded):
    recorded.write("rates.txt", "19")
    recorded.write("test_rates.py", "def test_rates():\n    assert open('rates.txt').read()\n")
    recorded.record()
    found = dependencies(recorded)
    assert set(found) == TESTS | {"test_rates.py::test_rates"}
    recorded.python = None
    for name, files in found.items():
        result = recorded.run("inspect", "--test", name, "--json")
        newest = json.loads(result.out)["records"][0]["dependencies"]
        real = {d["path"] for d in newest if d["kind"] in ("source", "file")}
        assert set(files) == real
    assert set(found["test_cart.py::test_total"]) >= {"test_cart.py", "cart.py", "prices.py"}
    assert "rates.txt" in found["test_rates.py::test_rates"]


def test_numbers_stand_for_code(recorded):
    found = dependencies(recorded)
    tax, discount = (found["test_prices.py::test_" + name] for name in ("tax", "discount"))
    # the module level is common, the functions are not
    assert tax["prices.py"] & discount["prices.py"]
    assert tax["prices.py"] - discount["prices.py"] and discount["prices.py"] - tax["prices.py"]
    every = [n for files in found.values() for numbers in files.values() for n in numbers]
    assert min(every) >= 0
    before = tax["prices.py"]
    recorded.replace("prices.py", "RATE // 100", "RATE * 2 // 200")
    recorded.run()
    after = dependencies(recorded)["test_prices.py::test_tax"]["prices.py"]
    assert len(after) == len(before) and not after & before


def test_numbers_are_as_documented(recorded):
    rows = ask(
        recorded,
        "SELECT v.method_checksums, fp.version_id, fp.codes FROM file_fp v"
        " JOIN fingerprint fp ON fp.id = v.id",
    )
    assert rows
    for checksums, version, codes in rows:
        number, factor, expected = 0, 1, b""
        for byte in codes:
            number += (byte & 127) * factor
            factor = factor * 128 if byte > 127 else 1
            if factor == 1:
                n = (version * 165902235 + number) % 2**28
                expected += bytes(n >> shift & 127 for shift in (0, 7, 14, 21))
        assert checksums == expected


def test_times_and_hashes(recorded):
    rows = ask(recorded, "SELECT DISTINCT filename, mtime, fsha FROM file_fp")
    for filename, mtime, fsha in rows:
        assert abs((recorded.root / filename).stat().st_mtime - mtime) < 1e-3
        assert len(fsha) == 32 and int(fsha, 16)
    assert len({filename for filename, *_ in rows}) == len(rows)
    recorded.replace("prices.py", "net // 10", "net // 10 + 0")
    recorded.run()
    rows = ask(recorded, "SELECT DISTINCT fsha, mtime FROM file_fp WHERE filename = 'prices.py'")
    assert len(rows) == 2 and sum(mtime is None for _, mtime in rows) == 1


def test_saved_time(recorded):
    assert ask(recorded, "SELECT * FROM metadata") == []
    recorded.replace("prices.py", "net // 10", "net // 10 + 0")
    recorded.run()
    [(key, value)] = ask(recorded, "SELECT * FROM metadata")
    assert key == "None:time_saved" and 0 < json.loads(value) < 60


def test_each_environment_is_shown(recorded):
    db = sqlite3.connect(recorded.database)
    with db:
        db.execute("INSERT INTO interpreter (name) VALUES ('cpython 3.9.1 linux x86_64')")
        db.execute(
            "INSERT INTO record (node_id, environment_id, run_id, outcome, duration_us, depsets)"
            " SELECT node_id, 2, run_id, 1, 2500000, depsets FROM record r"
            " JOIN node n ON n.id = r.node_id WHERE n.name = 'test_prices.py::test_tax'"
        )
    db.close()
    assert ask(
        recorded,
        "SELECT python_version, test_name, duration, failed FROM test_execution te"
        " JOIN environment e ON e.id = te.environment_id WHERE e.id = 2",
    ) == [("3.9.1", "test_prices.py::test_tax", 2.5, 1)]
    assert len(ask(recorded, "SELECT * FROM test_execution")) == len(TESTS) + 1
