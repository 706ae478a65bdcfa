"""`pyt-diff serve`: the protocol, tokens, bounds, the end, and dryci's own client against it."""

import json
import os
import signal
import sqlite3
import subprocess
import textwrap
import threading
import time
from pathlib import Path

import pytest
from server import PUBLISH, STORED, Server, running, serve

KEY = "0123456789abcdef" * 4
OTHER = "f" * 64
NODES = ["a" * 32, "0b" * 16, "c1" * 16]


@pytest.fixture
def server(tmp_path):
    with running(tmp_path / "passes.db") as server:
        yield server


@pytest.fixture
def token(server):
    return server.token("ci")


def test_what_was_published_is_found(server, token):
    assert server.publish(token, {KEY: NODES[:2], OTHER: []}) == (200, {})
    assert server.publish(token, {KEY: NODES[1:]}) == (200, {})
    first, second = server.passed(token, [KEY, OTHER])
    assert sorted(first) == sorted(NODES)
    assert second == []
    assert server.passed(token, []) == []


def test_it_is_there_after_a_restart(server, token):
    server.publish(token, {KEY: NODES})
    assert server.stop() == 0
    with running(server.database) as again:
        assert sorted(again.passed(token, [KEY])[0]) == sorted(NODES)


@pytest.mark.parametrize(
    "body",
    ["", "{", "[]", "nonsense", '{"test_file_hashes": {}}', '{"test_file_hashes": ["ab"]}']
    + ['{"test_file_hashes": [7]}', json.dumps({"test_file_hashes": ["x" * 64]})],
)
def test_a_question_that_cannot_be_understood(server, token, body):
    status, answer = server.ask(STORED, body, token)
    assert status == 422
    assert answer.strip()


@pytest.mark.parametrize(
    "passes", [{KEY: ["a"]}, {"ab": NODES}, {KEY: "a"}, {KEY: [None]}, {KEY: ["a" * 32] * 32769}]
)
def test_nothing_of_a_bad_publication_is_kept(server, token, passes):
    status, _ = server.publish(token, {OTHER: NODES, **passes})
    assert status == 422
    assert server.passed(token, [OTHER]) == [[]]


def test_a_list_that_is_missing_or_null_is_empty(server, token):
    """The reference server takes Go's zero values."""
    assert server.ask(STORED, {}, token) == (200, {"node_ids": []})
    assert server.ask(STORED, {"test_file_hashes": None}, token) == (200, {"node_ids": []})
    assert server.ask(PUBLISH, {"total_test_count": 3}, token) == (200, {})
    assert server.publish(token, {KEY: None}) == (200, {})


def test_who_may_ask(server, token):
    old = server.token("old", "--expires", "1")
    assert server.passed(old, [KEY]) == [[]]
    with sqlite3.connect(server.database) as db:
        db.execute("UPDATE token SET expires = created - 10 WHERE name = 'old'")
    assert server.passed("", [KEY])[0] == 401
    assert server.passed("ptd-" + "0" * 32, [KEY])[0] == 401
    assert server.passed("x" * 4000, [KEY])[0] == 401
    assert server.passed(old, [KEY]) == (401, "Token Expired\n")
    assert server.passed(token, [KEY]) == [[]]
    assert serve("token", "revoke", "ci", "--db", server.database).returncode == 0
    assert server.passed(token, [KEY]) == (401, "Token Revoked\n")


def test_a_token_that_only_asks(server, token):
    reader = server.token("fork", "--read-only")
    server.publish(token, {KEY: NODES})
    assert server.publish(reader, {OTHER: NODES}) == (403, "This token may not publish\n")
    assert sorted(server.passed(reader, [KEY, OTHER])[0]) == sorted(NODES)


def test_projects_are_apart(server, token):
    other = server.token("else", "--project", "other")
    server.publish(token, {KEY: NODES[:1]})
    server.publish(other, {KEY: NODES[1:2]})
    assert server.passed(token, [KEY]) == [NODES[:1]]
    assert server.passed(other, [KEY]) == [NODES[1:2]]


def test_tokens_are_listed_and_not_stored(tmp_path):
    database = tmp_path / "passes.db"
    server = Server(database)
    token = server.token("ci", "--expires", "30", "--project", "shop")
    server.token("fork", "--read-only")
    assert token.startswith("ptd-") and len(token) == 36
    listed = json.loads(serve("token", "list", "--json", "--db", database).stdout)
    ci, fork = listed["tokens"]
    assert (ci["name"], ci["project"], ci["state"], ci["read_only"]) == (
        "ci",
        "shop",
        "valid",
        False,
    )
    assert ci["expires"] - ci["created"] == 30 * 24 * 3600
    assert fork["read_only"] and fork["expires"] is None
    serve("token", "revoke", "ci", "--db", database)
    text = serve("token", "list", "--db", database).stdout
    assert [line.split()[:3] for line in text.splitlines()[1:]] == [
        ["ci", "shop", "revoked"],
        ["fork", "default", "valid"],
    ]
    for path in tmp_path.iterdir():
        assert token.encode() not in path.read_bytes()
    assert database.stat().st_mode & 0o77 == 0


@pytest.mark.parametrize(
    "args, text",
    [
        (["token", "add"], "token add NAME"),
        (["token", "revoke", "nobody"], 'no valid token called "nobody"'),
        (["token", "add", "a b"], "has no blanks"),
        (["tokens"], "token add NAME"),
        (["token", "list", "--expires", "3"], "--expires is for 'serve token add' only"),
        (["--listen", "nowhere"], "--listen: expected HOST:PORT"),
        (["--listen", "127.0.0.1:99999"], "--listen: expected HOST:PORT"),
        (["--keep", "none"], "--keep: expected a whole number"),
    ],
)
def test_wrong_words(tmp_path, args, text):
    done = serve(*args, "--db", tmp_path / "passes.db")
    assert done.returncode == 4
    assert text in done.stderr


def test_a_name_is_taken_once(server, token):
    done = serve("token", "add", "ci", "--db", server.database)
    assert done.returncode == 4
    assert 'a token called "ci"' in done.stderr


def test_a_foreign_file_is_left_alone(tmp_path):
    for name, content in (("text", b"no database at all, just a text" * 40), ("db", None)):
        path = tmp_path / name
        if content:
            path.write_bytes(content)
        else:
            with sqlite3.connect(path) as db:
                db.execute("CREATE TABLE other (x)")
        before = path.read_bytes()
        done = serve("token", "list", "--db", path)
        assert done.returncode == 3, done
        assert path.read_bytes() == before


def test_a_port_that_is_taken(server):
    done = serve("--db", server.database, "--listen", f"127.0.0.1:{server.port}")
    assert done.returncode == 3
    assert "cannot listen on" in done.stderr and "--listen" in done.stderr


def test_size_is_bounded(tmp_path):
    with running(tmp_path / "passes.db", "--max-request", "1") as server:
        token = server.token("ci")
        connection = server.connect()
        connection.putrequest("POST", PUBLISH)
        connection.putheader("Authorization", f"Bearer {token}")
        connection.putheader("Content-Length", str((1 << 20) + 1))
        connection.endheaders()
        assert connection.getresponse().status == 413
        connection = server.connect()
        connection.putrequest("POST", PUBLISH)
        connection.putheader("Authorization", f"Bearer {token}")
        connection.putheader("Transfer-Encoding", "chunked")
        connection.endheaders()
        assert connection.getresponse().status == 411
        many = {f"{i:064x}": NODES for i in range(5000)}
        assert len(json.dumps(many)) < 1 << 20
        assert server.publish(token, many) == (200, {})


def test_rate_is_bounded(tmp_path):
    with running(tmp_path / "passes.db", "--max-rate", "5") as server:
        token, other = server.token("ci"), server.token("else")
        connection = server.connect()
        answers = [server.passed(token, [KEY], connection=connection) for _ in range(30)]
        refused = [a for a in answers if a == (429, "Too Many Requests\n")]
        assert 15 <= len(refused) <= 20
        assert server.passed(other, [KEY]) == [[]]
        time.sleep(0.5)
        assert server.passed(token, [KEY]) == [[]]


def test_an_old_pass_goes(tmp_path):
    server = Server(tmp_path / "passes.db", "--keep", "10")
    token = server.token("ci")
    server.start()
    server.publish(token, {KEY: NODES[:1], OTHER: NODES[:1]})
    today = int(time.time()) // 86400
    assert server.stop() == 0
    with sqlite3.connect(server.database) as db:
        db.execute("UPDATE pass SET day = ? WHERE key = ?", (today - 9, bytes.fromhex(KEY)))
        db.execute("UPDATE pass SET day = ? WHERE key = ?", (today - 11, bytes.fromhex(OTHER)))
    server.start()
    assert server.passed(token, [KEY]) == [NODES[:1]]
    limit = time.monotonic() + 10
    while time.monotonic() < limit:
        with sqlite3.connect(server.database) as db:
            rows = db.execute("SELECT key, day FROM pass").fetchall()
        if rows == [(bytes.fromhex(KEY), today)]:  # asked for today; the other is gone
            break
        time.sleep(0.05)
    assert server.stop() == 0
    assert rows == [(bytes.fromhex(KEY), today)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_requests_that_have_begun_are_finished(server, token, number):
    connection = server.connect()
    body = json.dumps({"passed_node_ids_per_test_file": {KEY: NODES}}).encode()
    connection.putrequest("POST", PUBLISH)
    connection.putheader("Authorization", f"Bearer {token}")
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders()
    connection.send(body[:20])
    time.sleep(0.2)
    server.process.send_signal(number)
    time.sleep(0.2)
    assert server.process.poll() is None
    with pytest.raises(ConnectionRefusedError):
        server.connect().connect()
    connection.send(body[20:])
    response = connection.getresponse()
    assert (response.status, response.read()) == (200, b"{}\n")
    assert server.stop() == 0
    with sqlite3.connect(server.database) as db:
        assert db.execute("SELECT count(*) FROM pass").fetchone() == (len(NODES),)


def test_a_second_signal_does_not_wait(server, token):
    connection = server.connect()
    connection.putrequest("POST", PUBLISH)
    connection.putheader("Authorization", f"Bearer {token}")
    connection.putheader("Content-Length", "100")
    connection.endheaders()
    connection.send(b"{")
    time.sleep(0.2)
    started = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    time.sleep(0.2)
    assert server.stop(signal.SIGTERM) == 0
    assert time.monotonic() - started < 5


def test_many_clients_at_once(server, token):
    """What each of them was told is stored is there, also what others published under the key."""
    told, problems = [], []

    def client(number):
        connection = server.connect()
        for i in range(10):
            node = f"{number:016x}{i:016x}"
            passes = {KEY: [node], f"{number * 100 + i:064x}": [node]}
            if server.publish(token, passes, connection=connection) != (200, {}):
                problems.append(node)
            told.append(node)
            if node not in server.passed(token, [KEY], connection=connection)[0]:
                problems.append(node)

    clients = [threading.Thread(target=client, args=(i,)) for i in range(8)]
    for thread in clients:
        thread.start()
    for thread in clients:
        thread.join()
    assert problems == []
    assert sorted(server.passed(token, [KEY])[0]) == sorted(told)


def test_nothing_acknowledged_is_lost_when_it_is_killed(tmp_path):
    server = Server(tmp_path / "passes.db", "--max-rate", "100000")
    token = server.token("ci")
    server.start()
    told = []

    def client(number):
        connection = server.connect()
        try:
            for i in range(100000):
                node = f"{number:016x}{i:016x}"
                if server.publish(token, {KEY: [node]}, connection=connection) == (200, {}):
                    told.append(node)
        except OSError:
            pass
        except Exception as problem:  # the answer was cut off
            assert "http.client" in repr(type(problem)), problem

    clients = [threading.Thread(target=client, args=(i,)) for i in range(4)]
    for thread in clients:
        thread.start()
    time.sleep(1)
    server.stop(signal.SIGKILL)
    for thread in clients:
        thread.join()
    server.start()
    stored = set(server.passed(token, [KEY])[0])
    assert server.stop() == 0
    assert len(told) > 20
    assert set(told) <= stored


# ---- dryci's own client ----

DRYCI = Path(os.environ.get("PTD_BUILD", "build")).absolute() / "dryci" / "bin" / "python"

CONFIG = """
inputs:
  - "tests/**/test_*.py"
global_deps: []
root_python_packages: ["shop", "tests"]
path_rules:
  "**/*.py":
    visit_imported_python_modules: true
    visit_grand_siblings: ["__init__.py"]
"""


@pytest.fixture
def dryci(tmp_path, server, token):
    if not DRYCI.exists():
        pytest.skip("pytest-dryci is not installed in build/dryci ('./dev test' does it)")
    root = tmp_path / "project"
    (root / "shop").mkdir(parents=True)
    (root / "tests").mkdir()
    (root / "repo_dagger.yaml").write_text(CONFIG)
    (root / "shop/__init__.py").write_text("")
    (root / "tests/__init__.py").write_text("")
    (root / "shop/tax.py").write_text("RATE = 20\n")
    (root / "tests/test_tax.py").write_text(
        textwrap.dedent(
            """
            import pytest
            from shop.tax import RATE

            def test_passes(): assert RATE == 20 or RATE == 19

            @pytest.mark.parametrize("n", [1, 2])
            def test_many(n): assert n

            def test_fails(): assert RATE == 7

            @pytest.mark.skip
            def test_skipped(): pass
            """
        )
    )
    (root / "tests/test_else.py").write_text("def test_else(): pass\n")

    def run(**extra):
        env = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "DRYCI"))}
        env.update(DRYCI_TOKEN=token, DRYCI_SERVER=server.url, DRYCI_TIMEOUT="20")
        env.update(extra)
        env["PATH"] = f"{DRYCI.parent}{os.pathsep}{env['PATH']}"
        return subprocess.run(
            [str(DRYCI), "-m", "pytest", "--dryci", "-v", "-p", "no:cacheprovider", "tests"],
            cwd=root,
            env=env,
            capture_output=True,
            text=True,
        ).stdout

    run.root = root
    return run


def test_the_client_of_dryci(dryci, server):
    first = dryci()
    assert "[DryCI: Skipping 0 tests based on cache]" in first
    assert "[DryCI: Published 4 passing test results]" in first
    second = dryci()
    assert "[DryCI: Skipping 4 tests based on cache]" in second
    assert "1 failed, 5 skipped" in second  # what failed and what was skipped is never cached
    (dryci.root / "shop/tax.py").write_text("RATE = 19\n")
    third = dryci()
    assert "[DryCI: Skipping 1 tests based on cache]" in third
    assert "test_else.py::test_else SKIPPED" in third
    assert "[DryCI: Skipping 0 tests based on cache]" in dryci(DRYCI_SALT="other")
    assert "DryCI Error" in dryci(DRYCI_TOKEN="ptd-wrong")
    assert "DryCI Error" not in first + second + third
    assert server.stop() == 0
