"""Baselines that lie elsewhere: every kind of place, and everything that goes wrong on the way."""

import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import time
from contextlib import closing

import pytest
import servers
from project import Project, assert_idle

ALL = {
    "test_prices.py::test_tax",
    "test_prices.py::test_discount",
    "test_cart.py::test_total",
    "test_cart.py::test_label",
}
needs_moto = pytest.mark.skipif(not servers.has_moto(), reason="moto is not installed")
needs_redis = pytest.mark.skipif(not servers.REDIS, reason="redis-server is not installed")


@pytest.fixture(scope="module")
def s3():
    server = servers.S3()
    yield server
    server.close()


@pytest.fixture
def redis(tmp_path):
    server = servers.Redis(tmp_path)
    yield server
    server.close()


@pytest.fixture
def http():
    server = servers.Http()
    yield server
    server.close()


@pytest.fixture
def project(tmp_path):
    project = Project(tmp_path)
    nowhere = str(tmp_path / "none")
    project.env.update(
        AWS_SHARED_CREDENTIALS_FILE=nowhere, AWS_CONFIG_FILE=nowhere, PYT_DIFF_REMOTE_TIMEOUT="5"
    )
    return project


def clone(shop, name):
    """Another machine: a checkout elsewhere, with nothing recorded."""
    folder = shop.folder / name
    folder.mkdir()
    other = Project(folder)
    shutil.rmtree(other.root)
    shutil.copytree(shop.root, other.root, ignore=shutil.ignore_patterns(".pytest_cache"))
    other.env.update(shop.env)
    # The environment of its tests is the same.
    other.spy, other.ran_log, other.started_log = shop.spy, shop.ran_log, shop.started_log
    return other


PLACES = [
    "file",
    pytest.param("s3", marks=needs_moto),
    pytest.param("s3 role", marks=needs_moto),
    "http",
    "http without etags",
    pytest.param("redis", marks=needs_redis),
]


@pytest.fixture(params=PLACES)
def place(request, shop, tmp_path):
    """A URL with nothing there yet; what is needed to use it is in the project's environment."""
    kind = request.param
    if kind == "file":
        (tmp_path / "share").mkdir()
        return "file://%s/" % (tmp_path / "share")
    if kind.startswith("s3"):
        s3 = request.getfixturevalue("s3")
        shop.env.update(s3.env("role" if kind == "s3 role" else "ci"))
        return "s3://base/%s/" % tmp_path.name
    if kind.startswith("http"):
        http = request.getfixturevalue("http")
        return http.url("plain/main.db" if "without" in kind else "files/main.db")
    return request.getfixturevalue("redis").url()


def digest(project):
    return hashlib.sha256(project.database.read_bytes()).hexdigest()


def copy_of(project, target):
    """What a plain database looks like when it lies somewhere."""
    with sqlite3.connect(project.database) as db:
        db.execute("VACUUM INTO ?", (str(target),))
    return target.read_bytes()


def test_there_and_back(shop, place):
    shop.commit()
    other = clone(shop, "other")

    missing = other.run("--remote", place)
    assert missing.status == 3 and missing.ran == set(), missing
    assert "nothing is there yet" in missing.err and "hint: put it there" in missing.err
    assert place in missing.err

    done = shop.run("--remote", place, "--baseline", "--upload")
    assert done.status == 0 and done.ran == ALL, done
    assert "pyt-diff: uploaded the recorded data to %s (" % place in done.err

    first = other.run("--remote", place)
    assert first.ran == set() and "no tests affected (0 of 4" in first.err, first
    assert "pyt-diff: fetched the baseline of " in first.err and "(4 tests)" in first.err
    again = other.run("--remote", place)
    assert_idle(again)
    assert ("fetched" in again.err) == ("/plain/" in place), again

    other.replace("prices.py", "net // 10", "net // 11 + 1")
    assert other.run("--remote", place).ran == {"test_prices.py::test_discount"}
    assert other.run("--remote", place, "-q").err == ""
    since = other.run("--remote", place, "--since-baseline", "--no-record")
    assert since.ran == {"test_prices.py::test_discount"}

    # The next baseline: what others recorded meanwhile stays theirs.
    shop.replace("cart.py", 'return "total"', 'return "to" + "tal"')
    shop.commit()
    assert shop.run("--remote", place, "--baseline", "--upload").ran == {"test_cart.py::test_label"}
    news = other.run("--remote", place)
    assert news.ran == set() and "fetched the baseline" in news.err, news
    other.replace("cart.py", 'return "total"', 'return "to" + "tal"')
    assert_idle(other.run("--remote", place))


def test_own_upload_is_not_fetched_again(shop, http):
    url = http.url("files/main.db")
    shop.run("--remote", url, "--baseline", "--upload")
    assert http.requests() == [("GET", "/files/main.db"), ("PUT", "/files/main.db")]
    result = shop.run("--remote", url)
    assert_idle(result)
    assert "fetched" not in result.err
    assert http.requests() == [("GET", "/files/main.db")]


def test_local_wins(shop, http):
    """A failure that was seen here is not forgotten because it passed elsewhere."""
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
    url = http.url("files/main.db")
    other = clone(shop, "other")
    flip.touch()
    assert other.run("--baseline").status == 1
    flip.unlink()
    shop.run("--remote", url, "--baseline", "--upload")
    assert other.run("--remote", url, "--no-record").ran == {"test_flip.py::test_flip"}


def test_same_bytes_everywhere(shop, http):
    """What travels is packed, and says nothing about the machine it comes from."""
    url = http.url("files/main.db")
    shop.run("--remote", url, "--baseline", "--upload")
    assert http.files["main.db"][:4] == b"\x28\xb5\x2f\xfd"
    fetched = shop.folder / "fetched.db"
    assert merge(shop, fetched, url).status == 0
    with sqlite3.connect(fetched) as db:
        keys = {key for (key,) in db.execute("SELECT key FROM meta")}
    assert not [k for k in keys if k.startswith(("interpreter", "remote", "distributions"))]
    # One that is not packed will do as well.
    http.files["main.db"] = copy_of(shop, shop.folder / "plain.db")
    other = clone(shop, "other")
    assert other.run("--remote", url).ran == set()


# ---- where the URL comes from ----


@pytest.mark.parametrize(
    "path, text",
    [
        ("pyproject.toml", '[tool.pyt-diff]\nremote = "%s"\n'),
        ("pyproject.toml", '[tool.pytest.ini_options]\ndiff_remote_url = "%s"\n'),
        ("pytest.ini", "[pytest]\ndiff_remote_url = %s\n"),
        ("tox.ini", "[pytest]\ndiff_remote_url = %s\n"),
        ("setup.cfg", "[tool:pytest]\ndiff_remote_url = %s\n"),
    ],
)
def test_configured(shop, http, path, text):
    shop.write(path, (text % http.url("files/main.db")).encode())
    done = shop.run("--baseline", "--upload", "-W", "error")
    assert done.status == 0 and done.ran == ALL, done
    other = clone(shop, "other")
    assert other.run("-W", "error").ran == set()
    http.requests()
    assert_idle(other.run("--offline", "-W", "error"))
    assert http.requests() == []
    # The command line goes before the environment, and that before a file.
    env = {"PYT_DIFF_REMOTE": http.url("files/env.db")}
    assert "nothing is there" in other.run(env=env).err
    assert http.requests() == [("GET", "/files/env.db")]
    assert "nothing is there" in other.run("--remote", http.url("files/c.db"), env=env).err
    assert http.requests() == [("GET", "/files/c.db")]


def test_original_spellings(shop, http):
    url = http.url("files/main.db")
    shop.run("--diff-remote", url, "--diff-baseline", "--diff-upload")
    other = clone(shop, "other")
    other.replace("prices.py", "net // 10", "net // 11 + 1")
    for _ in range(2):
        result = other.run("--diff", "--diff-remote", url)
        assert result.ran == {"test_prices.py::test_discount"}, result


@pytest.mark.parametrize(
    "args, text",
    [
        (["--upload"], "--upload needs to know where to"),
        (["--upload", "--offline", "--remote", "file:///x"], "--upload and --offline exclude"),
        (["--upload", "--no-record", "--remote", "file:///x"], "--upload and --no-record exclude"),
        (["--upload", "--dry-run", "--remote", "file:///x"], "--upload and --dry-run exclude"),
        (["--diff", "--upload", "--remote", "file:///x"], "--upload and --diff exclude"),
        (["--remote", "ftp://host/x"], '"ftp://host/x" is no URL that pyt-diff knows'),
        (["--remote", "/tmp/x.db"], '"/tmp/x.db" is no URL that pyt-diff knows'),
        (["--remote", "s3:///key"], "there is no bucket in the URL"),
        (["--remote", "file://other/x.db"], "names another host"),
        (["--remote", "http://host:port/x.db"], "the host in this URL is none"),
    ],
)
def test_usage(shop, args, text):
    result = shop.run(*args)
    assert result.status == 4 and text in result.err and result.ran == set(), result


def test_bad_configuration(shop):
    shop.write("pyproject.toml", b"[tool.pyt-diff]\nremote = 3\n")
    result = shop.run()
    assert result.status == 4, result
    assert "pyproject.toml: [tool.pyt-diff] remote: expected a URL" in result.err


# ---- what goes wrong ----


@pytest.fixture
def loaded(shop, http):
    """A project that has fetched once; somebody else has put another baseline there since."""
    url = http.url("files/main.db")
    other = clone(shop, "other")
    other.run("--remote", url, "--baseline", "--upload")
    shop.record("--remote", url)
    shop.record("--remote", url)
    other.replace("cart.py", 'return "total"', 'return "to" + "tal"')
    other.run("--remote", url, "--baseline", "--upload")
    http.requests()
    return shop


@pytest.mark.parametrize(
    "path, text, tries",
    [
        ("cut/main.db", "transfer closed", 4),
        ("stall/main.db", "no progress for too long", 1),
        ("huge/main.db", "the answer is larger than 1024 MB", 1),
        ("down/main.db", "the server failed (HTTP 500)", 4),
        ("forbidden/main.db", "access is denied (HTTP 403)", 1),
        ("token/main.db", "the server wants other credentials (HTTP 401)", 1),
        ("circle/main.db", "redirect", 6),
        ("page/main.db", "what is there is not a database of pyt-diff", 1),
        ("none/main.db", "nothing is there yet", 1),
    ],
)
def test_failures(loaded, http, path, text, tries):
    before = digest(loaded)
    started = time.monotonic()
    env = {"PYT_DIFF_REMOTE_TIMEOUT": "1"}
    result = loaded.run("--remote", http.url(path), env=env)
    assert result.status == 3 and result.ran == set() and result.started == [], result
    assert "error: cannot get the baseline from %s: " % http.url(path) in result.err
    assert text in result.err and "\nhint: " in result.err, result
    assert len(result.err.splitlines()) == 2, result
    assert len(http.requests()) == tries
    assert digest(loaded) == before
    assert time.monotonic() - started < 12
    assert not list(loaded.cache.glob("*.part"))
    assert_idle(loaded.run("--offline"))


@pytest.mark.skipif(not shutil.which("openssl"), reason="there is no openssl command")
def test_certificate_that_nobody_vouches_for(shop, tmp_path):
    make = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout key -out cert"
    subprocess.run(["openssl", *make.split()], cwd=tmp_path, check=True, capture_output=True)
    port = servers.free_port()
    listen = "s_server -www -cert cert -key key -accept 127.0.0.1:%d" % port
    with closing(servers.Server(port, ["openssl", *listen.split()], cwd=tmp_path)):
        result = shop.run("--remote", "https://localhost:%d/main.db" % port)
    assert result.status == 3 and result.ran == set(), result
    assert "certificate" in result.err.splitlines()[0]
    assert "hint: its certificate is checked against those that this system trusts" in result.err


def test_bounds(loaded, http):
    """An answer that never ends is cut off where the limit says."""
    before = digest(loaded)
    result = loaded.run("--remote", http.url("endless/main.db"), env={"PYT_DIFF_REMOTE_LIMIT": "8"})
    assert result.status == 3 and "the answer is larger than 8 MB" in result.err, result
    assert http.server.poured < 64 << 20
    assert digest(loaded) == before
    for name in ("PYT_DIFF_REMOTE_LIMIT", "PYT_DIFF_REMOTE_TIMEOUT"):
        result = loaded.run("--remote", http.url("files/main.db"), env={name: "much"})
        assert result.status == 4 and '%s: expected a whole number, got "much"' % name in result.err


def test_bomb(loaded, http):
    """Small on the way, large when unpacked."""
    zstd = shutil.which("zstd")
    if not zstd:
        pytest.skip("there is no zstd command")
    before = digest(loaded)
    http.files["bomb.db"] = subprocess.run(
        [zstd, "-c"], input=bytes(40 << 20), capture_output=True, check=True
    ).stdout
    result = loaded.run("--remote", http.url("files/bomb.db"), env={"PYT_DIFF_REMOTE_LIMIT": "2"})
    assert result.status == 3 and "larger than 32 MB when unpacked" in result.err, result
    assert digest(loaded) == before


@pytest.mark.parametrize("damage", ["short", "flipped", "rows", "old"])
def test_damaged(loaded, http, damage):
    before = digest(loaded)
    whole = http.files["main.db"]
    plain = bytearray(copy_of(loaded, loaded.folder / "plain.db"))
    if damage == "short":
        http.files["bad.db"] = whole[:-100]
    elif damage == "flipped":
        middle = len(whole) // 2
        http.files["bad.db"] = whole[:middle] + bytes([whole[middle] ^ 64]) + whole[middle + 1 :]
    elif damage == "rows":
        for at in range(4096, len(plain), 4096):
            plain[at : at + 200] = bytes(200)
        http.files["bad.db"] = bytes(plain)
    else:
        plain[60:64] = (2).to_bytes(4, "big")  # user_version
        http.files["bad.db"] = bytes(plain)
    result = loaded.run("--remote", http.url("files/bad.db"))
    assert result.status == 3 and result.ran == set(), result
    assert ("an older pyt-diff" if damage == "old" else " damaged") in result.err or (
        damage == "short" and "ends early" in result.err
    ), result
    assert digest(loaded) == before
    # The way out that the hint names.
    done = loaded.run("--remote", http.url("files/bad.db"), "--baseline", "--force", "--upload")
    assert done.status == 0 and done.ran == ALL, done
    assert clone(loaded, "third").run("--remote", http.url("files/bad.db")).status == 0


@pytest.mark.parametrize("mode", ["flaky", "reset"])
def test_retries(loaded, http, mode):
    result = loaded.run("--remote", http.url(mode + "/main.db"))
    assert result.status == 0 and "fetched the baseline" in result.err, result
    assert len(http.requests()) == 3


def test_redirect(loaded, http):
    result = loaded.run("--remote", http.url("redirect/main.db"))
    assert result.status == 0 and "fetched the baseline" in result.err, result
    # Nobody's data is sent on to another place.
    result = loaded.run("--remote", http.url("redirect/main.db"), "--baseline", "--upload")
    assert result.status == 3, result
    assert "the server redirects to /files/main.db (HTTP 302)" in result.err


def test_credentials(loaded, http):
    """They reach the server, and nobody else."""
    token = {"PYT_DIFF_REMOTE_TOKEN": "secret-token"}
    assert loaded.run("--remote", http.url("token/main.db"), env=token).status == 0
    wrong = {"PYT_DIFF_REMOTE_TOKEN": "wrong-token"}
    result = loaded.run("--remote", http.url("token/main.db"), env=wrong)
    assert result.status == 3 and "wrong-token" not in result.err
    assert loaded.run("--remote", http.url("basic/main.db", "me:p%40ss@")).status == 0
    result = loaded.run("--remote", http.url("basic/main.db?key=hidden", "me:wrong@"))
    assert result.status == 3 and "wrong" not in result.err and "hidden" not in result.err
    assert http.url("basic/main.db") in result.err, result
    assert b"p%40ss" not in loaded.database.read_bytes()


def test_upload_that_fails(shop, http):
    url = http.url("readonly/main.db")
    result = shop.run("--remote", url, "--baseline", "--upload")
    assert result.status == 3 and result.ran == ALL, result
    assert "cannot upload to %s: the server takes no files (PUT, HTTP 405)" % url in result.err
    # What was recorded is not lost.
    assert_idle(shop.run())
    shop.replace("test_cart.py", '"total"', '"other"')
    result = shop.run("--remote", url, "--baseline", "--upload")
    assert result.status == 1 and "warning: cannot upload" in result.err, result


def test_only_what_ended_is_uploaded(shop, http):
    shop.write("test_exit.py", "import pytest\n\ndef test_exit():\n    pytest.exit('enough')\n")
    result = shop.run("--remote", http.url("files/main.db"), "--baseline", "--upload")
    assert result.status == 2 and "nothing was uploaded" in result.err, result
    assert http.files == {}


def test_nothing_listens(shop):
    url = "http://127.0.0.1:%d/main.db" % servers.free_port()
    result = shop.run("--remote", url)
    assert result.status == 3 and "(4 tries)" in result.err, result
    assert "--offline goes without it" in result.err


def test_read_only_cache(loaded, http):
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    loaded.cache.chmod(0o555)
    result = loaded.run("--remote", http.url("files/main.db"))
    loaded.cache.chmod(0o755)
    assert result.status == 3 and "cannot keep what is fetched" in result.err, result


# ---- several at once ----


def test_concurrent_uploads(shop, place):
    """Whoever is slower takes in what the faster one has put there: nothing is lost."""
    if "/plain/" in place:
        pytest.skip("a server without ETags cannot be asked to compare")
    for i in range(4):
        shop.write("test_shard%d.py" % i, "def test_it():\n    assert %d + 1\n" % i)
    shop.commit()
    machines = [clone(shop, "machine%d" % i) for i in range(4)]
    running = [
        m.start("--remote", place, "--baseline", "--upload", "test_shard%d.py" % i)
        for i, m in enumerate(machines)
    ]
    for machine, process in zip(machines, running):
        done = machine.finish(process)
        assert done.status == 0, done
    merged = shop.folder / "all.db"
    assert merge(shop, merged, place).status == 0
    answer = json.loads(inspect(shop, merged, "--json").out)
    assert answer["tests"] == 4, answer
    assert answer["environments"][0]["baseline"] == 4


# ---- S3 ----


@needs_moto
@pytest.mark.parametrize(
    "change, text",
    [
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, "the secret key is wrong (S3: SignatureDoesNotMatch)"),
        ({"AWS_ACCESS_KEY_ID": "AKIA0"}, "the access key is not known there"),
        ({"AWS_SESSION_TOKEN": "stale"}, "(S3: "),
        ({"AWS_ACCESS_KEY_ID": None}, "there are no credentials for S3"),
        ({"AWS_PROFILE": "none", "AWS_ACCESS_KEY_ID": None}, 'there is no profile "none"'),
    ],
)
def test_s3_credentials(shop, s3, change, text):
    shop.record()
    before = digest(shop)
    shop.env.update(s3.env())
    if "AWS_SESSION_TOKEN" in change:
        shop.env.update(s3.env("role"))
    shop.env.update(change)
    result = shop.run("--remote", "s3://base/x/")
    assert result.status in (3, 4) and text in result.err and "\nhint: " in result.err, result
    assert result.started == [] and digest(shop) == before


@needs_moto
def test_s3_denied_and_missing(shop, s3):
    shop.env.update(s3.env("nobody"))
    result = shop.run("--remote", "s3://base/x/")
    assert result.status == 3 and "access is denied (S3: AccessDenied)" in result.err, result
    shop.env.update(s3.env())
    result = shop.run("--remote", "s3://no-such/x/", "--baseline", "--upload")
    assert result.status == 3 and "there is no such bucket" in result.err, result
    assert result.ran == set()


@needs_moto
@pytest.mark.parametrize("key", ["a%20b+c%3D/d@e.db", "%C3%A9/x.db", "deep/er/prefix"])
def test_s3_keys(shop, s3, key):
    """Names that have to be encoded in one way only, or the signature is another."""
    shop.env.update(s3.env())
    url = "s3://base/" + key
    assert shop.run("--remote", url, "--baseline", "--upload").status == 0
    assert clone(shop, "other").run("--remote", url).ran == set()


@needs_moto
@pytest.mark.parametrize("where", ["credentials", "config"])
def test_s3_profiles(shop, s3, where, tmp_path):
    env = s3.env("role")
    named = "profile Team-1" if where == "config" else "Team-1"
    keys = (
        "aws_access_key_id = %(AWS_ACCESS_KEY_ID)s\n"
        "aws_secret_access_key=%(AWS_SECRET_ACCESS_KEY)s\n"
        "aws_session_token = %(AWS_SESSION_TOKEN)s\n" % env
    )
    place = "region = eu-west-1\nendpoint_url = %(AWS_ENDPOINT_URL)s\n" % env
    config = "# for tests\n[default]\nregion = nowhere\n[profile Team-1]\n" + place
    if where == "config":
        (tmp_path / "config").write_text(config + keys)
    else:
        (tmp_path / "config").write_text(config)
        (tmp_path / "credentials").write_text("[%s]\n%s" % (named, keys))
    shop.env.update(
        AWS_CONFIG_FILE=str(tmp_path / "config"),
        AWS_SHARED_CREDENTIALS_FILE=str(tmp_path / "credentials"),
        AWS_PROFILE="Team-1",
    )
    url = "s3://base/profile-%s/" % where
    assert shop.run("--remote", url, "--baseline", "--upload").status == 0
    assert clone(shop, "other").run("--remote", url).ran == set()


@needs_moto
def test_s3_virtual_host(shop, s3, tmp_path):
    """The bucket as part of the host's name."""
    (tmp_path / "config").write_text(
        "[default]\ns3 =\n  addressing_style = virtual\n  max_concurrent_requests = 2\n"
    )
    shop.env.update(s3.env())
    shop.env.update(
        AWS_CONFIG_FILE=str(tmp_path / "config"),
        AWS_ENDPOINT_URL="http://localhost:%d" % s3.port,
    )
    result = shop.run("--remote", "s3://base/virtual.db")
    assert "base.localhost" in result.err or "nothing is there yet" in result.err, result


def test_s3_expired_token(shop, http):
    shop.record()
    before = digest(shop)
    shop.env.update(
        AWS_ACCESS_KEY_ID="a",
        AWS_SECRET_ACCESS_KEY="b",
        AWS_SESSION_TOKEN="c",
        AWS_ENDPOINT_URL_S3=http.url("s3-expired"),
    )
    result = shop.run("--remote", "s3://base/x.db")
    assert result.status == 3, result
    assert "the session token has expired (S3: ExpiredToken)" in result.err
    assert "hint: get new credentials" in result.err
    assert digest(shop) == before


def test_s3_other_region(shop, http):
    """The server says where the bucket is: signed again for that place."""
    shop.env.update(
        AWS_ACCESS_KEY_ID="a",
        AWS_SECRET_ACCESS_KEY="b",
        AWS_REGION="us-east-2",
        AWS_ENDPOINT_URL=http.url("s3-region"),
    )
    assert shop.run("--remote", "s3://base/x.db", "--baseline", "--upload").status == 3
    http.files["base/x.db"] = b""
    result = shop.run("--remote", "s3://base/x.db", "--baseline", "--force", "--upload")
    assert result.status == 0, result
    assert clone(shop, "other").run("--remote", "s3://base/x.db").ran == set()


# ---- Redis ----


@needs_redis
def test_redis_password(shop, tmp_path):
    server = servers.Redis(tmp_path, password="pass")
    try:
        result = shop.run("--remote", server.url())
        assert result.status == 3 and "Redis refused: NOAUTH" in result.err, result
        result = shop.run("--remote", server.url(user=":wrong@"))
        assert result.status == 3 and "Redis refused: WRONGPASS" in result.err, result
        url = server.url("/3", user=":pass@")
        assert shop.run("--remote", url, "--baseline", "--upload").status == 0
        assert clone(shop, "other").run("--remote", url).ran == set()
        result = shop.run("--remote", server.url("/99", user=":pass@"))
        assert result.status == 3 and "Redis refused: ERR DB index" in result.err, result
    finally:
        server.close()


@needs_redis
def test_redis_other_type(shop, redis):
    subprocess.run(["redis-cli", "-p", str(redis.port), "SET", "base.db", "x"], check=True)
    result = shop.run("--remote", redis.url())
    assert result.status == 3 and "Redis refused: WRONGTYPE" in result.err, result


@needs_redis
def test_redis_large(shop, redis):
    value = ["HSET", "base.db", "etag", "1", "data", "x" * 100000]
    assert shop.run("--remote", redis.url(), "--baseline", "--upload").status == 0
    subprocess.run(["redis-cli", "-p", str(redis.port), *value], check=True)
    for _ in range(5):
        subprocess.run(
            ["redis-cli", "-p", str(redis.port), "EVAL"]
            + ["redis.call('HSET', 'base.db', 'data', string.rep('x', 3000000))", "0"],
            check=True,
        )
    result = shop.run("--remote", redis.url(), env={"PYT_DIFF_REMOTE_LIMIT": "2"})
    assert result.status == 3 and "the answer is larger than 2 MB" in result.err, result


# ---- merge and inspect ----


def merge(project, *args):
    python, project.python = project.python, None
    try:
        return project.run("merge", *map(str, args))
    finally:
        project.python = python


def inspect(project, *args):
    python, project.python = project.python, None
    try:
        return project.run("inspect", *map(str, args))
    finally:
        project.python = python


def test_merge_there(shop, place):
    """Shards that lie elsewhere become one that lies elsewhere."""
    shop.commit()
    prefix = place if place.endswith("/") else place.rpartition("/")[0] + "/"
    for i, name in enumerate(["test_prices.py", "test_cart.py"]):
        one = clone(shop, "one%d" % i)
        url = prefix + "shard%d.db" % i
        assert one.run("--remote", url, "--baseline", "--upload", name).status == 0
    if place.startswith(("file", "s3")):
        inputs = [prefix]
    else:
        refused = merge(shop, shop.folder / "x.db", prefix)
        assert refused.status == 4 and "has no lists of files" in refused.err, refused
        inputs = [prefix + "shard0.db", prefix + "shard1.db"]
    out = prefix + "all.db"
    done = merge(shop, out, *inputs)
    assert done.status == 0 and "%s: 4 tests from 2 databases" % out in done.out, done
    result = clone(shop, "fresh").run("--remote", out)
    assert result.ran == set() and "no tests affected (0 of 4" in result.err, result
    answer = json.loads(inspect(shop, out, "--json").out)
    assert answer["tests"] == 4 and answer["database"] == out
    assert len(answer["baselines"]) == 1
    about = inspect(shop, out, "--test", "test_cart.py::test_total")
    assert "cart.py (by the test itself): total" in about.out, about
    text = inspect(shop, out)
    assert text.out.startswith(out + "\n") and "tests         4 in 2 files" in text.out


def test_merge_packed_file(shop, tmp_path):
    """What lies in a shared directory can be named as a file, too."""
    share = tmp_path / "share"
    share.mkdir()
    shop.run("--remote", "file://%s/" % share, "--baseline", "--upload")
    packed = share / "baseline.db"
    assert packed.read_bytes()[:4] == b"\x28\xb5\x2f\xfd"
    done = merge(shop, tmp_path / "out.db", packed, share)
    assert done.status == 0 and "4 tests from 2 databases" in done.out, done
    assert json.loads(inspect(shop, packed, "--json").out)["tests"] == 4


def test_merge_failures(shop, http):
    shop.record()
    result = merge(shop, shop.folder / "out.db", shop.cache, http.url("down/x.db"))
    assert result.status == 3, result
    assert "cannot get %s: the server failed (HTTP 500)" % http.url("down/x.db") in result.err
    result = merge(shop, shop.folder / "out.db", http.url("files/none.db"))
    assert result.status == 3 and "nothing is there" in result.err
    assert not (shop.folder / "out.db").exists()
    result = merge(shop, http.url("readonly/x.db"), shop.cache)
    assert result.status == 3 and "the server takes no files" in result.err, result
    result = inspect(shop, http.url("page/x.db"))
    assert result.status == 3 and "page/x.db is corrupt" in result.err, result


@pytest.mark.parametrize(
    "change",
    [
        "CREATE TRIGGER t AFTER INSERT ON record BEGIN SELECT 1; END",
        "ALTER TABLE node ADD COLUMN more TEXT",
        "PRAGMA writable_schema = ON; UPDATE sqlite_master SET sql = replace(sql,"
        " 'path TEXT NOT NULL', 'path TEXT') WHERE name = 'file'",
    ],
)
def test_other_tables_than_ours_are_refused(shop, tmp_path, change):
    """What is fetched may have been made by anybody."""
    shop.record("--baseline")
    copy = tmp_path / "there.db"
    copy_of(shop, copy)
    with sqlite3.connect(copy) as db:
        db.executescript(change)
    before = digest(shop)
    result = shop.run("--remote", "file://%s" % copy)
    assert result.status == 3 and "what is there is damaged" in result.err, result
    assert not result.started and digest(shop) == before
    shop.python = None
    result = shop.run("merge", tmp_path / "out.db", "file://%s" % copy)
    assert result.status == 3 and "is corrupt" in result.err, result
    assert not (tmp_path / "out.db").exists()
