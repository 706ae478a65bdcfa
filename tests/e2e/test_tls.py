"""Servers behind a proxy that does TLS: which certificates count, for baselines and pass caches.

Both go by the same client (runner/http); the variables are those of its documentation.
"""

import contextlib
import shutil
import socket
import ssl
import subprocess
import threading

import pytest
import servers
from server import running

# What the machine may have.
NONE = {"CURL_CA_BUNDLE": None, "SSL_CERT_FILE": None}

pytestmark = pytest.mark.skipif(not shutil.which("openssl"), reason="there is no openssl")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate of 127.0.0.1 that nobody knows, with its key."""
    folder = tmp_path_factory.mktemp("tls")
    file, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
        + ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
        + ["-keyout", key, "-out", file],
        check=True,
        capture_output=True,
    )
    return file, key


def pump(source, target):
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def serve(listener, context, port):
    """Until the listener is closed."""
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        try:
            client = context.wrap_socket(client, server_side=True)
        except OSError:  # who does not trust us goes away
            client.close()
            continue
        server = socket.create_connection(("127.0.0.1", port))
        for ends in ((client, server), (server, client)):
            threading.Thread(target=pump, args=ends, daemon=True).start()


@contextlib.contextmanager
def proxy(certificate, port):
    """The port of a proxy in front of this one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener, context, port), daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("variable", ["CURL_CA_BUNDLE", "SSL_CERT_FILE"])
def test_a_baseline(shop, certificate, variable):
    known = {**NONE, variable: str(certificate[0])}
    with contextlib.closing(servers.Http()) as http, proxy(certificate, http.port) as port:
        remote = ("--remote", "https://127.0.0.1:%d/files/main.db" % port)
        result = shop.run(*remote, "--baseline", "--upload")
        assert result.status == 3 and not result.ran and "certificate" in result.err, result
        assert shop.run(*remote, "--baseline", "--upload", env=known).status == 0
        shutil.rmtree(shop.cache)
        result = shop.run(*remote, env=known)
        assert result.status == 0 and not result.ran, result


@pytest.mark.parametrize("variable", ["CURL_CA_BUNDLE", "SSL_CERT_FILE"])
def test_a_pass_cache(shop, certificate, variable, tmp_path):
    known = {**NONE, variable: str(certificate[0])}
    database = tmp_path / "passes.db"
    shop.record()
    before = shop.database.read_bytes()
    shop.replace("prices.py", "net * RATE", "RATE * net")
    with running(database, "--max-rate", "10000") as server, proxy(
        certificate, server.port
    ) as port:
        shop.env.update(
            DRYCI_SERVER="https://127.0.0.1:%d" % port,
            DRYCI_TOKEN=server.token("ci"),
            DRYCI_TIMEOUT="20",
        )
        result = shop.run("--no-record")
        assert result.status == 0 and len(result.ran) == 2, result
        assert "everything affected runs: " in result.err and "certificate" in result.err
        assert "warning" not in shop.run(env=known).err
        shutil.rmtree(shop.cache)
        shop.cache.mkdir(parents=True)
        shop.database.write_bytes(before)
        result = shop.run(env=known)
        assert result.status == 0 and not result.ran, result
        assert "passed elsewhere in this state" in result.err


def test_another_name(shop, certificate):
    """A certificate counts for its own names only."""
    known = {**NONE, "CURL_CA_BUNDLE": str(certificate[0])}
    with contextlib.closing(servers.Http()) as http, proxy(certificate, http.port) as port:
        result = shop.run("--remote", "https://localhost:%d/files/main.db" % port, env=known)
    assert result.status == 3 and not result.ran and "localhost" in result.err, result
