"""pyt-diff inspect: what one database holds."""

import json
import subprocess

import pytest


@pytest.fixture
def inspect(shop):
    """Asks without an interpreter: none is needed."""

    def ask(*args, status=0, **kwargs):
        python, shop.python = shop.python, None
        try:
            result = shop.run("inspect", *args, **kwargs)
        finally:
            shop.python = python
        assert result.status == status and result.started == [], result
        return result.out if status == 0 else result.err

    return ask


def test_summary(shop, inspect):
    shop.commit()
    shop.record("--baseline")
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=shop.root, capture_output=True, text=True
    ).stdout.strip()
    out = inspect()
    assert out.startswith("%s\nsize " % shop.database), out
    assert "tests         4 in 2 files\n" in out
    assert "files         4 of Python, 0 of other kinds\n" in out
    assert ": 4 tests, 6 records; 4 passed; 4 in the baseline\n" in out
    assert "baselines\n  2" in out and commit in out
    assert out.endswith("flaky\n  none\n")
    answer = json.loads(inspect("--json"))
    assert (answer["tests"], answer["test_files"], answer["sources"]) == (4, 2, 4)
    assert answer["environments"][0]["outcomes"] == {"passed": 4}
    assert [b["commit"] for b in answer["baselines"]] == [commit]
    assert answer["flaky"] == []


def test_flaky(shop, inspect):
    flip = shop.folder / "flip"
    shop.env["FLIP"] = str(flip)
    shop.write(
        "test_flip.py",
        """
        def test_flip():
            import os
            assert not os.path.exists(os.environ["FLIP"])
        """,
    )
    shop.record()
    flip.touch()
    shop.run("--mode", "all")
    out = inspect()
    assert "flaky\n  test_flip.py::test_flip  1 time, last 2" in out
    assert out.endswith(" UTC (passed, then failed)\n")
    (flaky,) = json.loads(inspect("--json"))["flaky"]
    assert flaky["nodeid"] == "test_flip.py::test_flip" and flaky["times"] == 1
    assert (flaky["before"], flaky["after"]) == ("passed", "failed")


def test_a_test(shop, inspect):
    shop.record()
    out = inspect("--test", "test_cart.py::test_total")
    assert "  prices.py (by the test itself): tax\n" in out, out
    assert "  cart.py (by the test itself): total\n" in out
    assert "  prices.py (imported by its file): module level\n" in out
    answer = json.loads(inspect("--test", "test_cart.py::test_total", "--json"))
    (record,) = answer["records"]
    assert record["outcome"] == "passed"
    own = {d["path"]: d["blocks"] for d in record["dependencies"] if "itself" in d["through"]}
    assert own["prices.py"] == ["tax"] and own["cart.py"] == ["total"]


def test_a_file(shop, inspect):
    shop.record()
    out = inspect("--file", "prices.py")
    assert ": 4 of 4 tests\n" in out, out
    assert "  test_prices.py::test_tax: " in out
    (environment,) = json.loads(inspect("--file", "./prices.py", "--json"))["environments"]
    blocks = {t["nodeid"]: sorted(t["blocks"]) for t in environment["tests"]}
    assert blocks["test_prices.py::test_tax"] == ["", "tax"]
    assert blocks["test_cart.py::test_label"] == [""]


def test_a_database_elsewhere(shop, inspect):
    shop.record()
    here = json.loads(inspect("--json"))
    for name in (shop.database, shop.cache):
        there = json.loads(inspect("--json", str(name), cwd=".."))
        assert there["tests"] == here["tests"] == 4


def test_what_is_no_database(shop, inspect):
    assert "nothing is recorded yet" in inspect(status=3)
    assert not shop.cache.exists()
    assert "cannot open nothing: " in inspect("nothing", status=4)
    assert "prices.py is corrupt" in inspect("prices.py", status=3)
    shop.record()
    assert "is no recorded test\nhint: did you mean test_cart.py::test_total?" in inspect(
        "--test", "test_cart.py::test_totl", status=4
    )
    assert "did you mean prices.py?" in inspect("--file", "price.py", status=4)
    assert "exclude each other" in inspect("--file", "a", "--test", "b", status=4)
    assert "did you mean --test?" in inspect("--tes", "b", status=4)
