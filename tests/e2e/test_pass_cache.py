"""--pass-cache: what passed on one machine does not run on another in the same state.

A "machine" is a directory of its own with a copy of the project and of the recorded data.
"""

import http.server
import json
import os
import shutil
import socket
import subprocess
import threading
import time
import typing
from pathlib import Path

import pytest
from project import Project, assert_idle, make_environment
from server import running

PYTHONS = [p for p in os.environ.get("PTD_TEST_PYTHONS", "").split(":") if p]

PRICES = """
import os

RATE = 20


def tax(net):
    return net * RATE // 100


def discount(net):
    return net // 10


def region():
    return os.environ.get("REGION", "eu")
"""

TESTS = """
import prices, pytest


def test_tax():
    assert prices.tax(100) in (20, 30)


def test_discount():
    assert prices.discount(100) in (10, 11)


def test_region():
    assert prices.region() in ("eu", "us")
    assert prices.tax(100)


@pytest.mark.parametrize("n", [1, 2])
def test_many(n):
    assert prices.tax(n) < 5
"""


class Machine(Project):
    """A project that talks to the server with a token."""

    def __init__(self, folder, server=None, token=None):
        folder.mkdir(parents=True)
        super().__init__(folder)
        if server:
            self.env.update(DRYCI_SERVER=server.url, DRYCI_TOKEN=token, DRYCI_TIMEOUT="20")

    def environment(self, extra=None):
        env = super().environment(extra)
        own = {**self.env, **(extra or {})}
        return {k: v for k, v in env.items() if not k.startswith("DRYCI") or k in own}

    def copy(self, folder):
        """Another machine with the same tree and the same baseline."""
        other = Machine(folder)
        shutil.rmtree(other.root)
        shutil.copytree(self.root, other.root)
        other.env = dict(self.env)
        other.python = self.python
        other.clock = self.clock
        # What the tests of this project look at without meaning to.
        other.spy, other.ran_log, other.started_log = self.spy, self.ran_log, self.started_log
        return other


@pytest.fixture
def server(tmp_path):
    with running(tmp_path / "passes.db", "--max-rate", "10000") as server:
        server.ci = server.token("ci")
        yield server


@pytest.fixture
def a(tmp_path, server):
    """The first machine, with a baseline."""
    machine = Machine(tmp_path / "somewhere" / "a", server, server.ci)
    machine.write("prices.py", PRICES)
    machine.write("test_prices.py", TESTS)
    machine.record("--baseline")
    return machine


@pytest.fixture
def b(tmp_path, a):
    """The second, elsewhere."""
    return a.copy(tmp_path / "b")


def change(*machines):
    for machine in machines:
        machine.replace("prices.py", "return net * RATE // 100", "return (net * RATE) // 100")


ALL_OF_TAX = {"test_tax", "test_region", "test_many[1]", "test_many[2]"}


def test_what_passed_there_does_not_run_here(a, b):
    change(a, b)
    there = a.record()
    assert there.names == ALL_OF_TAX
    here = b.run()
    assert here.status == 0
    assert here.ran == set() and here.started == []
    assert "nothing to run (4 of 5 tests affected, passed elsewhere in this state" in here.err


def test_without_the_cache_it_runs(a, b):
    change(a, b)
    a.record()
    b.run()
    # The answer before was the server's, and is not remembered as one about this machine.
    assert b.run("--pass-cache", "off").names == ALL_OF_TAX
    assert_idle(b.run("--pass-cache", "off"))


def test_another_content_runs(a, b):
    change(a)
    a.record()
    b.replace(
        "prices.py", "return net * RATE // 100", "return net * (RATE // 100) or 20 * net // 100"
    )
    assert b.run().names == ALL_OF_TAX


def test_part_of_it_runs(a, b):
    change(a, b)
    a.record()
    b.replace("prices.py", "net // 10\n", "net // 10 + 1\n")
    here = b.run()
    assert here.names == {"test_discount"}
    assert "5 of 5 tests affected, 4 of them passed elsewhere in this state" in here.err
    assert "1 passed, 4 deselected" in here.out


def test_another_function_of_the_file_does_not_matter(a, b):
    """The key is made of what the test entered."""
    change(a, b)
    a.replace("prices.py", "net // 10\n", "net // 10 + 1\n")
    assert a.record().names == ALL_OF_TAX | {"test_discount"}
    assert "passed elsewhere" in b.run().err
    assert b.run().ran == set()


def test_another_definition_runs(a, b):
    change(a, b)
    a.record()
    b.replace("prices.py", "RATE = 20", "RATE = 30")
    assert b.run().names >= {"test_tax", "test_region"}


def test_an_environment_variable(a, b):
    change(a, b)
    a.record()
    assert b.run(env={"REGION": "us"}).names == {"test_region"}
    other = a.copy(b.folder.parent / "c")
    assert other.run(env={"UNUSED": "us"}).ran == set()


def test_comments_do_not_matter(a, b):
    change(a, b)
    a.record()
    b.replace("prices.py", "def tax(net):", "# the usual rate\ndef tax(net):")
    assert b.run().ran == set()


def test_a_new_file_that_could_be_imported_instead(a, b):
    for machine in (a, b):
        machine.replace(
            "test_prices.py",
            "import prices, pytest",
            "import prices, pytest, colorsys\nprint(colorsys.__name__)",
        )
    assert len(a.record().names) == 5
    c, d = b.copy(b.folder.parent / "c"), b.copy(b.folder.parent / "d")
    assert b.run().ran == set()
    c.write("colorsys.py", "")
    assert len(c.run().names) == 5
    d.write("unrelated.py", "")
    assert d.run().ran == set()


def test_a_new_conftest_runs(a, b):
    change(a, b)
    a.record()
    b.write("conftest.py", "")
    assert b.run().names >= ALL_OF_TAX


def test_a_data_file(tmp_path, server):
    a = Machine(tmp_path / "a", server, server.ci)
    a.write(
        "test_data.py",
        """
        import os

        def value():
            return 1

        def test_data():
            assert open("data.txt").read() and value()

        def test_names():
            assert os.listdir("some") and value()

        def test_other():
            assert value()
        """,
    )
    a.write("data.txt", "x\n")
    a.write("some/one.txt", "")
    a.record()
    b, c = a.copy(tmp_path / "b"), a.copy(tmp_path / "c")
    for machine in (a, b, c):
        machine.replace("test_data.py", "return 1", "return 1 + 0")
    assert a.record().names == {"test_data", "test_names", "test_other"}
    b.write("data.txt", "y\n")
    assert b.run().names == {"test_data"}
    c.write("some/two.txt", "")
    assert c.run().names == {"test_names"}


def test_an_installed_package(tmp_path, server):
    a = Machine(tmp_path / "a", server, server.ci)

    def install(venv, version):
        info = venv.folder / f"dep-{version}.dist-info"
        for old in venv.folder.glob("dep-*.dist-info"):
            shutil.rmtree(old)
        info.mkdir()
        (venv.folder / "dep.py").write_text(f"VERSION = {version!r}\n")
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: dep\nVersion: {version}\n\n")
        # A script has the path of its interpreter in it: another one in each environment.
        (info / "RECORD").write_text(
            f"dep.py,sha256=v{version},1\n../../../bin/dep,sha256={venv.folder.parts[-6]},1\n"
        )

    class Venv:
        pass

    def environment(machine):
        venv = Venv()
        machine.python, venv.folder = make_environment(machine.folder / "venv")
        return venv

    install(environment(a), "1.0")
    a.write("work.py", "import dep\n\ndef work():\n    return dep.VERSION\n")
    a.write("test_work.py", "import work\n\ndef test_work():\n    assert work.work()\n")
    a.write("test_else.py", "def value():\n    return 1\n\ndef test_else():\n    assert value()\n")
    a.record()
    b, c = a.copy(tmp_path / "b"), a.copy(tmp_path / "c")
    install(environment(b), "1.0")
    install(environment(c), "2.0")
    for machine in (a, b, c):
        machine.replace("work.py", "return dep.VERSION", "return str(dep.VERSION)")
        machine.replace("test_else.py", "return 1", "return 1 + 0")
    assert a.record().names == {"test_work", "test_else"}
    assert b.run().ran == set()
    assert c.run().names == {"test_work"}


@pytest.mark.skipif(len(PYTHONS) < 2, reason="PTD_TEST_PYTHONS names fewer than two")
def test_another_python(a, b):
    other = next(p for p in PYTHONS if p != str(a.python))
    for machine in (a, b):
        machine.record("--python", other)
    change(a, b)
    a.record()
    assert b.run("--python", other).names == ALL_OF_TAX
    assert b.run().ran == set()


def test_another_option_that_matters(a, b):
    change(a, b)
    a.record()
    assert b.run("-W", "error").names >= ALL_OF_TAX
    assert b.run("-q", "--tb=short").ran == set()


def test_a_program_that_cannot_be_followed(tmp_path, server):
    """What it is lies outside of the tree: another machine may have another."""
    a = Machine(tmp_path / "a", server, server.ci)
    source = tmp_path / "static.c"
    source.write_text("int main(void) { return 0; }")
    subprocess.run(["cc", "-static", "-o", tmp_path / "static", source], check=True)
    a.write(
        "test_programs.py",
        f"""
        import subprocess

        def value():
            return 1

        def test_static():
            assert subprocess.run([{str(tmp_path / "static")!r}]).returncode == 0 and value()

        def test_echo():
            assert subprocess.run(["echo"], stdout=subprocess.DEVNULL).returncode == 0 and value()
        """,
    )
    a.record()
    a.replace("test_programs.py", "return 1", "return 1 * 1")
    b = a.copy(tmp_path / "b")
    assert a.record().names == {"test_static", "test_echo"}
    assert b.run().names == {"test_static"}
    for machine in (a, b):
        machine.write("pyproject.toml", '[tool.pyt-diff]\nopaque = "trust"\n')
        machine.record()
        machine.replace("test_programs.py", "return 1 * 1", "return 1 / 1")
    assert a.record().names == {"test_static", "test_echo"}
    assert b.run().ran == set()


def test_only_passes(tmp_path, server):
    a = Machine(tmp_path / "a", server, server.ci)
    a.write(
        "test_outcomes.py",
        """
        import pytest

        def value():
            return 1

        @pytest.fixture
        def broken():
            yield
            assert value() == 7

        def test_passes():
            assert value()

        def test_fails():
            assert value() == 7

        def test_skips():
            pytest.skip("not here", allow_module_level=bool(value()))

        @pytest.mark.xfail
        def test_xfails():
            assert value() == 7

        @pytest.mark.xfail
        def test_xpasses():
            assert value()

        def test_teardown(broken):
            assert value()
        """,
    )
    assert a.run().status == 1
    b = a.copy(tmp_path / "b")
    for machine in (a, b):
        machine.replace("test_outcomes.py", "return 1", "return 1 + 0")
    assert a.run().status == 1
    names = {"test_fails", "test_skips", "test_xfails", "test_xpasses", "test_teardown"}
    assert b.run().names == names


def test_what_failed_here_runs(a, b, tmp_path):
    """That it has passed there in the same state is no reason to leave it out."""
    flag = tmp_path / "flag"
    for machine in (a, b):
        machine.write(
            "test_flag.py", f"def test_flag():\n    assert not open({str(flag)!r}).read()\n"
        )
    flag.write_text("")
    assert a.record().names == {"test_flag"}
    flag.write_text("1")
    assert b.run("--pass-cache", "off").status == 1
    result = b.run()
    assert result.names == {"test_flag"} and result.status == 1


def test_named_tests_and_everything_run(a, b):
    change(a, b)
    a.record()
    assert b.run("test_prices.py::test_tax", "--no-record").names == {"test_tax"}
    assert len(b.run("--mode", "all", "--no-record").names) == 5


def test_a_baseline_has_everything(a, b):
    change(a, b)
    a.record()
    assert b.record("--baseline").names == ALL_OF_TAX


def test_the_baseline_run_is_told_as_well(a, b):
    change(a, b)
    a.record("--baseline")
    assert b.run().ran == set()


def test_new_tests_in_a_file_whose_others_passed(a, b):
    """What was never recorded here has no key: its file is collected for it."""
    change(a, b)
    for machine in (a, b):
        machine.write("test_prices.py", TESTS + "\n\ndef test_new():\n    assert prices.tax(5)\n")
    assert "test_new" in a.record().names
    result = b.run()
    assert result.names == {"test_new"}
    assert "1 passed" in result.out


def test_with_xdist(a, b):
    change(a, b)
    assert a.record("-n", "2").names == ALL_OF_TAX
    assert b.run("-n", "2").ran == set()


def test_shards_keep_their_parts(a, b):
    """What another shard has told the server meanwhile does not change who runs what."""
    change(a, b)
    first = b.run("--shard", "1/2", "--no-record")
    change_back = a.record("--shard", "1/2")
    second = b.run("--shard", "2/2", "--no-record")
    assert first.names == change_back.names
    assert first.names | second.names == ALL_OF_TAX
    assert first.names & second.names == set()
    assert b.run("--shard", "1/2", "--no-record").ran == set()


def test_what_is_asked_shows_in_the_answers(a, b):
    change(a, b)
    a.record()
    b.replace("prices.py", "net // 10\n", "net // 10 + 1\n")
    answer = json.loads(b.run("--json").out)
    assert answer["passed_elsewhere"] == 4
    assert [t["nodeid"] for t in answer["tests"]] == ["test_prices.py::test_discount"]
    listed = b.run("--dry-run").out.splitlines()
    assert listed[0] == "test_prices.py::test_discount"
    assert listed[-1] == "1/5 tests affected, 4 more passed elsewhere"


def test_a_run_without_data_asks_nothing(a, tmp_path):
    change(a)
    a.record()
    fresh = a.copy(tmp_path / "fresh")
    shutil.rmtree(fresh.root / ".pytest_cache")
    assert len(fresh.run().names) == 5


def test_our_own_variables_do_not_count(tmp_path, server):
    """A test that goes through all variables one by one sees those of the pass cache as well."""
    a = Machine(tmp_path / "a", server, server.ci)
    a.write(
        "test_environment.py",
        """
        import os

        def test_environment():
            assert all(isinstance(os.environ[name], str) for name in list(os.environ))
        """,
    )
    bare = dict.fromkeys(("DRYCI_SERVER", "DRYCI_TOKEN", "DRYCI_TIMEOUT"))
    a.record(env=bare)
    assert_idle(a.run())
    assert_idle(a.run(env=bare))


# ---- settings ----


@pytest.fixture
def configured(a, tmp_path):
    """A copy of the first machine, where both have configuration files from the beginning."""
    a.write("pyproject.toml", "[tool.pyt-diff]\n")
    a.write("pytest.ini", "[pytest]\n")
    a.record()
    machine = a.copy(tmp_path / "configured")
    change(a, machine)
    return machine


def affected(machine, *args, env=None):
    """What would run, of how many."""
    return machine.run("--dry-run", *args, env=env).out.splitlines()[-1].split()[0]


def test_salt(a, configured):
    a.record(env={"DRYCI_SALT": "one"})
    assert affected(configured) == "4/5"
    assert affected(configured, "--pass-salt", "one") == "0/5"
    configured.write("pyproject.toml", '[tool.pyt-diff]\npass-salt = "one"\n')
    assert affected(configured) == "0/5"
    # The command line goes before the environment, that before the file.
    assert affected(configured, env={"DRYCI_SALT": "x"}) == "4/5"
    assert affected(configured, "--pass-salt", "one", env={"DRYCI_SALT": "x"}) == "0/5"


@pytest.mark.parametrize("place", ["option", "table", "ini", "file"])
def test_where_settings_come_from(a, configured, place):
    a.record()
    url, token = configured.env.pop("DRYCI_SERVER"), configured.env.pop("DRYCI_TOKEN")
    assert affected(configured) == "4/5"
    args = []
    if place == "option":
        args = ["--pass-cache", url + "/", "--pass-token", token, "--pass-timeout", "20"]
    elif place == "table":
        text = f'[tool.pyt-diff]\npass-cache = "{url}"\npass-token = "{token}"\npass_timeout = 20\n'
        configured.write("pyproject.toml", text)
    elif place == "ini":
        text = f"[pytest]\ndiff_pass_cache = {url}\ndiff_pass_token = {token}\n"
        configured.write("pytest.ini", text)
    else:
        configured.write("token.txt", (token + "\n").encode())
        text = f'[tool.pyt-diff]\npass-cache = "{url}"\npass-token = "@token.txt"\n'
        configured.write("pyproject.toml", text)
    assert affected(configured, *args) == "0/5"
    assert affected(configured, "--dryci-no-skip", *args) == "4/5"
    assert affected(configured, "--pass-cache", "off") == "4/5"


@pytest.mark.parametrize(
    "args, env, text",
    [
        (["--pass-cache", "server:80"], {}, '"server:80" is no address of a pass cache'),
        (["--pass-cache", "ftp://x"], {}, '"ftp://x" is no address of a pass cache'),
        (["--pass-timeout", "soon"], {}, "--pass-timeout: expected a whole number"),
        ([], {"DRYCI_TIMEOUT": "soon"}, "DRYCI_TIMEOUT: expected a whole number"),
        (["--pass-token", "@nowhere"], {}, "cannot open"),
        (["--pass-token", "a b"], {}, "has blanks"),
        (["--dryci"], {"DRYCI_SERVER": None}, "--dryci: no pass cache is known"),
    ],
)
def test_wrong_settings(a, args, env, text):
    result = a.run(*args, env=env)
    assert result.status == 4 and text in result.err, result
    assert result.started == []


def test_a_wrong_value_in_a_file(a):
    a.write("pyproject.toml", "[tool.pyt-diff]\npass-timeout = 0\n")
    result = a.run()
    assert result.status == 4
    assert "pyproject.toml: [tool.pyt-diff] pass-timeout: expected a whole number" in result.err


def test_no_token(a):
    change(a)
    result = a.run(env={"DRYCI_TOKEN": None})
    assert result.status == 0 and result.names == ALL_OF_TAX
    assert "no token for the pass cache" in result.err


def test_only_asking_and_only_telling(a, b, server):
    change(a, b)
    a.record("--dryci-no-publish")
    assert b.run("--dry-run").out.splitlines()[-1].startswith("4/5")
    reader = server.token("fork", "--read-only")
    result = b.run(env={"DRYCI_TOKEN": reader})
    assert result.status == 0 and result.names == ALL_OF_TAX
    assert "what passed is not in it: access is denied (HTTP 403)" in result.err


# ---- servers that fail ----


class Bad(http.server.BaseHTTPRequestHandler):
    seen: typing.ClassVar = []

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        Bad.seen.append((self.path, dict(self.headers), body))
        how = self.server.how
        if how == "slow":
            time.sleep(5)
        if how == "cut":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
            return
        if how.startswith("busy") and len(Bad.seen) == 1:
            self.send_response(503)
            self.send_header("Content-Length", "0")
            self.send_header("Retry-After", how[4:])
            self.end_headers()
            return
        status, text = {
            "500": (500, "broken"),
            "redirect": (307, ""),
            "garbage": (200, "<html>"),
            "short": (200, '{"node_ids": []}'),
            "odd": (200, '{"node_ids": [[7], [7], [7], [7], [7], [7], [7], [7]]}'),
        }.get(
            how,
            (
                200,
                json.dumps({"node_ids": [[]] * len(json.loads(body).get("test_file_hashes", ()))}),
            ),
        )
        self.send_response(status)
        if how == "redirect":
            self.send_header("Location", f"http://127.0.0.1:{self.server.server_port}/other")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *args):
        pass


@pytest.fixture
def bad(request):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Bad)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    Bad.seen.clear()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("how", ["500", "redirect", "garbage", "short", "odd", "cut", "slow"])
def test_a_server_that_fails(a, bad, how):
    bad.how = how
    change(a)
    env = {"DRYCI_SERVER": f"http://127.0.0.1:{bad.server_port}", "DRYCI_TIMEOUT": "1"}
    started = time.monotonic()
    result = a.run(env=env)
    assert result.status == 0 and result.names == ALL_OF_TAX, result
    assert "warning: the pass cache http://127.0.0.1" in result.err
    assert "cannot be used, everything affected runs" in result.err
    assert time.monotonic() - started < 4
    assert len(Bad.seen) == 1  # and not told either
    assert_idle(a.run("--pass-cache", "off"))


@pytest.mark.parametrize(("seconds", "asked"), [("1", 3), ("30", 1)])
def test_a_busy_server(a, bad, seconds, asked):
    """Is asked once more when it wants to be, soon; then told."""
    bad.how = "busy" + seconds
    change(a)
    env = {"DRYCI_SERVER": f"http://127.0.0.1:{bad.server_port}", "DRYCI_TIMEOUT": "5"}
    started = time.monotonic()
    result = a.run(env=env)
    assert result.status == 0 and result.names == ALL_OF_TAX, result
    assert ("the server failed (HTTP 503)" in result.err) == (asked == 1), result
    assert len(Bad.seen) == asked and time.monotonic() - started < 10


def test_nobody_there(a):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = "http://127.0.0.1:%d" % free.getsockname()[1]
    change(a)
    result = a.run(env={"DRYCI_SERVER": url})
    assert result.status == 0 and result.names == ALL_OF_TAX
    assert "cannot be used, everything affected runs: Failed to connect" in result.err


def test_a_token_that_is_not_valid(a):
    change(a)
    result = a.run(env={"DRYCI_TOKEN": "ptd-no"})
    assert result.status == 0 and result.names == ALL_OF_TAX
    assert "the server wants other credentials (HTTP 401): Invalid Token" in result.err


def test_only_hashes_leave_the_machine(a, bad):
    bad.how = "good"
    change(a)
    url = f"http://127.0.0.1:{bad.server_port}"
    assert a.run(env={"DRYCI_SERVER": url}).names == ALL_OF_TAX
    for path, headers, body in Bad.seen:
        assert headers["Authorization"] == "Bearer " + a.env["DRYCI_TOKEN"]
        text = repr(headers) + body.decode()
        for secret in ("test_", "prices", "tax", str(a.root), "python", socket.gethostname()):
            assert secret not in text.replace("test_file_hashes", "").replace(
                "per_test_file", ""
            ).replace("test_count", ""), (path, secret)
    question, news = (json.loads(body) for _, _, body in Bad.seen)
    assert list(question) == ["test_file_hashes"]
    assert all(len(key) == 64 for key in question["test_file_hashes"])
    told = news.pop("passed_node_ids_per_test_file")
    assert {len(node) for nodes in told.values() for node in nodes} == {32}
    assert set(told) >= set(question["test_file_hashes"])
    assert news == {
        "total_test_count": 4,
        "passed_test_count": 4,
        "failed_test_count": 0,
        "skipped_test_count": 0,
        "skipped_by_cache_test_count": 0,
    }


def test_the_client_is_missing(a, tmp_path):
    """Installed without it: a warning and a normal run."""
    build = Path(a.binary).parent
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("pyt-diff", "pyt-diff-host", "_pytdiff.abi3.so", "pyt-diff-preload.so"):
        shutil.copy(build / name, folder)
    a.binary = str(folder / "pyt-diff")
    change(a)
    result = a.run()
    assert result.status == 0 and result.names == ALL_OF_TAX
    assert "cannot be used, everything affected runs" in result.err
    assert "pyt-diff-passes" in result.err
