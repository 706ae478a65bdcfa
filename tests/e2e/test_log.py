"""The log of the runs in the cache directory."""

import os

import pytest
from project import assert_idle


@pytest.fixture
def log(shop):
    return shop.database.parent / "pyt-diff.log"


def entries(log):
    return log.read_text(encoding="utf-8").splitlines()


def edit(shop):
    shop.replace("prices.py", "net * RATE // 100", "RATE * net // 100")


def test_each_run_says_what_it_decided_and_how_it_ended(shop, log):
    shop.record()
    first = entries(log)
    assert "no data for CPython" in first[0] and " info " in first[0]
    assert first[-1].endswith("info exit code 0, 4 tests recorded"), first
    edit(shop)
    shop.run()
    second = entries(log)[len(first) :]
    assert "2 of 4 tests affected (prices.py: tax)" in second[0]
    assert any("test_tax: prices.py: tax" in line for line in second), second
    assert_idle(shop.run())
    assert "no tests affected" in entries(log)[-2]
    shop.run("--dry-run")
    assert "no tests affected" in entries(log)[-2]


def test_levels(shop, log):
    shop.env["PYT_DIFF_LOG_LEVEL"] = "off"
    shop.record()
    assert not log.exists()
    shop.env["PYT_DIFF_LOG_LEVEL"] = "debug"
    assert_idle(shop.run())
    assert " debug root %s" % shop.root in entries(log)[0]
    shop.env["PYT_DIFF_LOG_LEVEL"] = "warning"
    before = entries(log)
    assert_idle(shop.run())
    assert entries(log) == before
    shop.database.write_bytes(b"no database" * 1000)
    shop.run()
    added = entries(log)[len(before) :]
    assert len(added) == 1 and " warning " in added[0], added


def test_a_level_that_does_not_exist(shop, log):
    shop.env["PYT_DIFF_LOG_LEVEL"] = "loud"
    result = shop.run()
    assert result.status == 4 and not result.names
    assert "PYT_DIFF_LOG_LEVEL" in result.err and '"loud"' in result.err
    assert not log.exists()


def test_errors_are_in_it(shop, log):
    shop.record()
    assert shop.run("--line-coverage", "/nowhere/at/all").status != 0
    shop.replace("prices.py", "RATE", "RATE")
    result = shop.run("--remote", "file:///nowhere/at/all.db")
    assert result.status == 3
    assert " error " in entries(log)[-1], entries(log)


def test_a_large_log_is_put_aside(shop, log):
    shop.record()
    with open(log, "ab") as stream:
        stream.truncate(5 << 20)
    assert_idle(shop.run())
    assert os.path.getsize(str(log) + ".1") == 5 << 20
    assert len(entries(log)) == 2
