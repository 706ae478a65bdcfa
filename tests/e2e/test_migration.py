"""What the README says instead of the command lines of other tools does what those promise."""

import json
import re
import shlex
import shutil
import signal
import sqlite3
import time
from pathlib import Path

import pytest
from project import has_module
from server import running

TOP = Path(__file__).resolve().parents[2]
SECTION = re.search(
    r"^## Coming from another tool\n(.*?)^## ", (TOP / "README.md").read_text("utf-8"), re.M | re.S
).group(1)
COMMANDS = sorted(set(re.findall(r"^\| `.*` \| `(.*)` \|$", SECTION, re.M)))

BY_TAX = {"test_tax", "test_total", "test_page"}  # changed, and not staged
BY_LABEL = {"test_label"}  # changed and staged
AFFECTED = BY_TAX | BY_LABEL
WITHOUT_E2E = AFFECTED - {"test_page"}
ALL = AFFECTED | {"test_discount"}
PLACEHOLDERS = {
    "NODEID": "test_cart.py::test_total",
    "FILE": "prices.py",
    "DIR": "elsewhere",
    "REF": "main",
    "EXPR": "discount or tax",
    "NAME": "staging",
    "CMD": "touch began",
}


class World:
    """A branch with changes; what was recorded on its base is there, and also in a shared place."""

    def __init__(self, shop):
        self.shop = shop
        self.share = shop.folder / "share"
        (self.share / "run-123").mkdir(parents=True)
        (self.share / "cache").mkdir()
        shop.write("e2e/test_page.py", "import prices\n\n\ndef test_page():\n    prices.tax(1)\n")
        shop.write("pytest.ini", "[pytest]\npythonpath = .\n")
        shop.write(".gitignore", b"__pycache__/\n.pytest_cache/\nelsewhere/\n*.db\nresults/\n")
        shop.commit()
        shop.git("update-ref", "refs/remotes/origin/main", "HEAD")
        shop.record("--baseline")
        self.copy(shop.root / "input1.db")
        (shop.root / "results").mkdir()
        for place in (
            *(shop.root / name for name in ("input2.db", "results/a.db", "results/b.db")),
            *(self.share / name for name in ("baseline.db", "run-123/a.db", "run-123/b.db")),
            self.share / "cache/baseline.db",
        ):
            shutil.copy(shop.root / "input1.db", place)
        shop.git("checkout", "-q", "-b", "feature")
        shop.replace("cart.py", 'return "total"', 'return "to" + "tal"')
        shop.git("add", "cart.py")
        shop.replace("prices.py", "net * RATE", "RATE * net")
        self.secrets = {}

    def copy(self, target):
        with sqlite3.connect(self.shop.database) as db:
            db.execute("VACUUM INTO ?", (str(target),))

    def split(self, command):
        words = shlex.split(command.replace("s3://bucket/", "file://%s/" % self.share))
        known = {**PLACEHOLDERS, **self.secrets}
        env = {}
        while "=" in words[0]:
            name, _, value = words.pop(0).partition("=")
            env[name] = known.get(value, value)
            if value == "DIR":
                env[name] = str(self.shop.root / env[name])
        assert words[0] == "pyt-diff"
        return [known.get(word, word) for word in words[1:]], env

    def run(self, command):
        args, env = self.split(command)
        python = self.shop.python
        if args and args[0] in ("merge", "inspect", "graph", "map"):
            self.shop.python = None  # which these do not ask for
        try:
            return self.shop.run(*args, env=env)
        finally:
            self.shop.python = python


@pytest.fixture
def world(shop):
    return World(shop)


def runs(names, again=(), says=""):
    """Runs these tests, and when it is said again those."""

    def check(world, command):
        result = world.run(command)
        assert result.status == 0 and result.names == set(names), result
        assert says in result.out + result.err, result
        if again is not None:
            result = world.run(command)
            assert result.status == 0 and result.names == set(again), result

    return check


def affected_first(world, command):
    result = world.run(command)
    assert result.status == 0 and result.names == ALL, result
    assert {name.rpartition("::")[2] for name in result.log[:4]} == AFFECTED, result


def plain_pytest(world, command):
    result = world.run(command)
    assert result.names == ALL and result.err == "", result
    assert world.shop.run().names == AFFECTED


def uploads(names):
    def check(world, command):
        result = world.run(command)
        assert result.names == names and "pyt-diff: uploaded the recorded data" in result.err
        shutil.rmtree(world.shop.cache)
        url = "file://%s/" % (world.share / "cache" if "/cache/" in command else world.share)
        assert world.shop.run("--remote", url).names == AFFECTED - names

    return check


def fetches(world, command):
    shutil.rmtree(world.shop.cache)
    result = world.run(command)
    assert result.names == AFFECTED and "fetched the baseline" in result.err, result


def merges(world, command):
    result = world.run(command)
    assert result.status == 0 and "5 tests from 2 databases" in result.out, result
    output = world.split(command)[0][1]
    world.shop.python = None
    answer = json.loads(world.shop.run("inspect", output, "--json").out)
    assert answer["tests"] == 5


def prints(*texts, status=0):
    def check(world, command):
        result = world.run(command)
        assert (result.status, result.ran) == (status, set()), result
        for text in texts:
            assert re.search(text, result.out, re.M), result

    return check


def answers(get, expected):
    """Prints JSON, of which `get` takes what is expected."""

    def check(world, command):
        result = world.run(command)
        assert (result.status, result.ran) == (0, set()), result
        assert get(json.loads(result.out)) == expected, result.out

    return check


def node_names(answer):
    return {test["nodeid"].rpartition("::")[2] for test in answer["tests"]}


def stale(world, command):
    prints("^stale: 4 of 5 tests", status=1)(world, command)
    world.shop.record()
    prints("^up to date: 5 tests", status=0)(world, command)


def watches(world, command):
    shop = world.shop
    args, env = world.split(command)
    process = shop.start(*args, env=env)
    try:
        for name in sorted(AFFECTED):
            shop.wait_for(name)
        shop.replace("prices.py", "return net // 10", "return net // 10 + 0")
        shop.wait_for("test_discount")
    finally:
        process.send_signal(signal.SIGTERM)
        result = shop.finish(process)
    assert result.status == -signal.SIGTERM and result.names == ALL, result


def watches_with_a_command(world, command):
    args, env = world.split(command)
    process = world.shop.start(*args, env=env)
    began = world.shop.root / "began"
    try:
        while not began.exists():
            assert process.poll() is None
            time.sleep(0.02)
    finally:
        process.send_signal(signal.SIGTERM)
        result = world.shop.finish(process)
    assert result.ran == set(), result


def pass_cache(asked, told):
    def check(world, command):
        shop = world.shop
        before = shop.root / "input2.db"
        with running(shop.folder / "passes.db", "--max-rate", "10000") as server:
            world.secrets = {"URL": server.url, "TOKEN": server.token("ci")}
            shop.env["DRYCI_TIMEOUT"] = "20"
            seen = []
            for _ in range(2):
                seen.append(world.run(command))
                shutil.rmtree(shop.cache)
                shop.cache.mkdir()
                shutil.copy(before, shop.database)
            known = world.run("DRYCI_SERVER=URL DRYCI_TOKEN=TOKEN pyt-diff --dry-run").out
        assert seen[0].names == AFFECTED, seen[0]
        assert seen[1].names == (set() if asked and told else AFFECTED), seen[1]
        assert ("4 more passed elsewhere" in known) == told, known

    return check


BASELINE = "s3://bucket/baseline.db"
E2E = "pyt-diff --since --exclude-e2e"
PASSES = "DRYCI_SERVER=URL DRYCI_TOKEN=TOKEN pyt-diff"
CHECKS = {
    "pyt-diff": runs(AFFECTED),
    "pyt-diff --baseline": runs(AFFECTED),
    "pyt-diff --baseline --force": runs(ALL, again=ALL),
    "pyt-diff --since-baseline --no-record": runs(AFFECTED, again=AFFECTED),
    "pyt-diff --since-baseline --no-record -v": runs(AFFECTED, AFFECTED, ": prices.py: tax\n"),
    "pyt-diff --baseline --upload --remote " + BASELINE: uploads(AFFECTED),
    "pyt-diff --since-baseline --no-record --remote " + BASELINE: fetches,
    "pyt-diff merge output.db input1.db input2.db": merges,
    "pyt-diff merge output.db ./results/": merges,
    "pyt-diff merge output.db s3://bucket/run-123/": merges,
    "pyt-diff merge s3://bucket/baseline.db s3://bucket/run-123/": merges,
    "pyt-diff inspect": prints("^tests +5 in 3 files", "^baselines"),
    "pyt-diff inspect --test NODEID": prints("^  prices.py .*: tax$", "^  cart.py .*: total$"),
    "pyt-diff inspect --file FILE": prints("^  test_prices.py::test_tax: "),
    "pyt-diff --first": affected_first,
    "pyt-diff --no-record": runs(AFFECTED, again=AFFECTED),
    "pyt-diff -k EXPR": runs({"test_tax"}, again=None),
    "pyt-diff --mode all -k EXPR": runs({"test_discount", "test_tax"}, again=None),
    "pyt-diff --environment-name NAME": runs(ALL, says=" [staging] yet: running all tests"),
    "pyt-diff --no-testmon": plain_pytest,
    "PYT_DIFF_CACHE_DIR=DIR pyt-diff": runs(ALL),
    "pyt-diff --since": runs(AFFECTED, again=AFFECTED),
    "pyt-diff --since origin/main": runs(AFFECTED, again=AFFECTED),
    "pyt-diff --staged": runs(BY_LABEL, again=BY_LABEL),
    "pyt-diff --working-tree": runs(BY_TAX, again=BY_TAX),
    "pyt-diff --since --parallel": runs(AFFECTED, None, "created: "),
    "pyt-diff --since --parallel=4": runs(AFFECTED, None, "created: 4/4 workers"),
    E2E: runs(WITHOUT_E2E, again=WITHOUT_E2E),
    "pyt-diff --since REF --exclude-e2e": runs(WITHOUT_E2E, again=WITHOUT_E2E),
    "pyt-diff --staged --exclude-e2e": runs(BY_LABEL, again=BY_LABEL),
    "pyt-diff --mode all --exclude-e2e": runs(ALL - {"test_page"}, again=ALL - {"test_page"}),
    E2E + " --dry-run": prints("^test_cart.py::test_label$", "^3/4 tests affected"),
    E2E + " --json": answers(node_names, WITHOUT_E2E),
    E2E + " --parallel": runs(WITHOUT_E2E, None, "created: "),
    E2E + " --parallel=4": runs(WITHOUT_E2E, None, "created: 4/4 workers"),
    E2E + " --cov": runs(WITHOUT_E2E, None, "TOTAL"),
    E2E + " --parallel --cov": runs(WITHOUT_E2E, None, "TOTAL"),
    "pyt-diff affected --base": prints("^  prices.py", "4 of 5 tests affected since origin/main@"),
    "pyt-diff affected --base REF --json": answers(node_names, AFFECTED),
    "pyt-diff affected --staged": prints("^  cart.py", "1 of 5 tests affected"),
    "pyt-diff graph --json": answers(
        lambda a: {m["path"]: m["imports"] for m in a["modules"]}["cart.py"], ["prices.py"]
    ),
    "pyt-diff map --json": answers(
        lambda a: a["tests"]["e2e/test_page.py::test_page"], ["e2e/test_page.py", "prices.py"]
    ),
    "pyt-diff stale": stale,
    "pyt-diff stale -v": stale,
    "pyt-diff watch": watches,
    "pyt-diff watch --debounce 1.0": watches,
    "pyt-diff watch -- -x": watches,
    "pyt-diff watch --command CMD": watches_with_a_command,
    "PYT_DIFF_REMOTE=s3://bucket/cache/ pyt-diff --since --exclude-e2e --upload": uploads(
        WITHOUT_E2E
    ),
    PASSES: pass_cache(asked=True, told=True),
    PASSES + " --dryci-no-skip": pass_cache(asked=False, told=True),
    PASSES + " --dryci-no-publish": pass_cache(asked=True, told=False),
}


def test_each_command_is_checked():
    assert set(COMMANDS) == set(CHECKS)


@pytest.mark.parametrize("command", COMMANDS)
def test_does_what_it_promises(world, command):
    if "--parallel" in command and not has_module("xdist"):
        pytest.skip("no pytest-xdist")
    if "--cov" in command and not has_module("pytest_cov"):
        pytest.skip("no pytest-cov")
    CHECKS[command](world, command)
