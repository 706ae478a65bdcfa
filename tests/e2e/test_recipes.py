"""The commands of docs/ci.md and .pre-commit-hooks.yaml do what is said of them there."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from project import Result

TOP = Path(__file__).resolve().parents[2]
PREFIX = re.compile(r"^ *(?:- run: |- )(pyt-diff.*)$", re.M)
STORED = re.compile(r"s3://\S+")


def section(heading):
    text = (TOP / "docs/ci.md").read_text(encoding="utf-8")
    return re.search(r"^## %s\n(.*?)(?=^## |\Z)" % heading, text, re.M | re.S).group(1)


def commands(heading):
    blocks = re.findall(r"^```yaml\n(.*?)^```", section(heading), re.M | re.S)
    found = [command for block in blocks for command in PREFIX.findall(block)]
    assert found, heading
    return found


class Machines:
    """Checkouts of one project that share nothing but a directory for the baseline."""

    def __init__(self, shop):
        self.project = shop
        self.remote = shop.folder / "remote"
        (self.remote / "parts").mkdir(parents=True)
        self.origin = shop.root
        self.tools = shop.folder / "bin"
        self.tools.mkdir()
        (self.tools / "pyt-diff").symlink_to(shop.binary)
        shop.git("init", "-q", "-b", "main")
        shop.commit()

    def fresh(self):
        """The same tree at the same place, as in a new container."""
        shutil.rmtree(self.origin / ".pytest_cache", ignore_errors=True)
        return self

    def run(self, command, **variables):
        for name, value in variables.items():
            command = command.replace("${{ matrix.%s }}" % name, value)
        assert "${{" not in command, command
        env = self.project.environment(dict(self.project.env))
        env.update(variables, PATH="%s:%s" % (self.tools, env["PATH"]))
        env["PYT_DIFF_REMOTE"] = "file://%s/" % self.remote
        env["PYT_DIFF_PYTHON"] = self.project.python
        self.project.take(self.project.ran_log)
        done = subprocess.run(
            ["sh", "-c", command], cwd=self.origin, env=env, capture_output=True, text=True
        )
        ran = self.project.take(self.project.ran_log)
        return Result(done.returncode, done.stdout, done.stderr, ran, [])


@pytest.fixture
def machines(shop):
    if not shutil.which("git"):
        pytest.skip("no git")
    return Machines(shop)


def first_baseline(machines):
    command = "pyt-diff --baseline --upload"
    assert command in section("On several machines")
    result = machines.run(command)
    assert result.status == 0 and len(result.ran) == 4, result


@pytest.mark.parametrize("heading", ["GitHub Actions", "GitLab"])
def test_baseline_and_affected(machines, heading):
    baseline, affected, *since = commands(heading)
    result = machines.run(baseline)
    assert result.status == 0 and len(result.ran) == 4, result
    machines.project.git("checkout", "-q", "-b", "topic")
    machines.project.replace("prices.py", "RATE // 100", "RATE // 100 + 0")
    machines.project.commit()
    result = machines.fresh().run(affected)
    assert result.status == 0 and result.names == {"test_tax", "test_total"}, result
    assert (machines.origin / "report.html").exists() and (machines.origin / "junit.xml").exists()
    machines.project.git("update-ref", "refs/remotes/origin/main", "main")
    for command in since:
        result = machines.fresh().run(command)
        assert result.status == 0 and result.names == {"test_tax", "test_total"}, result


def test_without_a_place_for_the_baseline(machines):
    (command,) = commands("GitHub Actions without a place for the baseline")
    assert "path: .pytest_cache/pyt-diff\n" in section(
        "GitHub Actions without a place for the baseline"
    )
    assert len(machines.run(command).ran) == 4
    cached = machines.project.folder / "cached"
    shutil.copytree(machines.origin / ".pytest_cache" / "pyt-diff", cached)
    machines.fresh()
    shutil.copytree(cached, machines.origin / ".pytest_cache" / "pyt-diff")
    machines.project.replace("prices.py", "net // 10", "net * 1 // 10")
    result = machines.run(command)
    assert result.status == 0 and result.names == {"test_discount"}, result


def on_all(machines, command, then=None):
    """What four machines run, each from the baseline as it was before."""
    ran = []
    for shard in "1234":
        machines.fresh()
        numbers = {"CI_NODE_INDEX": shard, "CI_NODE_TOTAL": "4", "shard": shard}
        result = machines.run(command, **numbers)
        assert result.status == 0, result
        ran += result.log
        if then:
            result = machines.run(then, **numbers)
            assert result.status == 0, result
    return ran


def test_shards(machines):
    affected, *main = commands("On several machines")
    first_baseline(machines)
    machines.project.replace("prices.py", "RATE = 20", "RATE = 10 + 10")
    ran = on_all(machines, affected)
    assert sorted(n.rpartition("::")[2] for n in ran) == ["test_tax", "test_total"]
    gitlab, github = main[:3], main[3:]
    for number, (run, put, merge) in enumerate([gitlab, github], 1):
        machines.project.replace("prices.py", "RATE = ", "RATE = %d - %d + " % (number, number))
        machines.project.commit()
        ran = on_all(machines, run, put)
        assert len(ran) == len(set(ran)) == 2, ran
        result = machines.fresh().run(merge)
        assert result.status == 0, result
        result = machines.run("pyt-diff")
        assert result.status == 0 and not result.ran, result


def test_hooks(machines):
    text = (TOP / ".pre-commit-hooks.yaml").read_text(encoding="utf-8")
    hooks = dict(
        zip(re.findall("^- id: (.*)$", text, re.M), re.findall("entry: (.*)$", text, re.M))
    )
    assert sorted(hooks) == ["pyt-diff", "pyt-diff-staged"]
    for name in hooks:
        assert "`%s`" % name in section("Before a push")
    first_baseline(machines)
    machines.project.replace("prices.py", "net // 10", "net * 1 // 10")
    machines.project.git("add", "prices.py")
    machines.project.replace("cart.py", '"total"', '"tot" "al"')
    result = machines.run(hooks["pyt-diff-staged"])
    assert result.status == 0 and result.names == {"test_discount"}, result
    result = machines.run(hooks["pyt-diff"])
    assert result.status == 0 and result.names == {"test_label"}, result


def test_every_command_is_tried():
    text = (TOP / "docs/ci.md").read_text(encoding="utf-8")
    tried = ["GitHub Actions", "GitHub Actions without a place for the baseline", "GitLab"]
    found = [c for heading in tried + ["On several machines"] for c in commands(heading)]
    assert len(found) == len(PREFIX.findall(text))
    assert set(STORED.findall(text)) <= {"s3://ci-cache/shop/", "s3://`,"}
    assert os.access(os.environ["PYT_DIFF"], os.X_OK)
