"""Servers that tests start on the loopback device, each in a process of its own."""

import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

BUILD = Path(os.environ.get("PTD_BUILD", "build"))
MOTO_PYTHON = os.environ.get("PTD_MOTO_PYTHON", str(BUILD / "moto" / "bin" / "python"))
REDIS = shutil.which("redis-server")

EXPIRED = b"""<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>"""
MALFORMED = b"""<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>AuthorizationHeaderMalformed</Code><Message>the region is wrong; expecting
'eu-north-1'</Message><Region>eu-north-1</Region></Error>"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for_port(port, process, seconds=30):
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        assert process.poll() is None, "the server ended: %s" % process.args
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise AssertionError("%s does not answer" % process.args)


class Server:
    """A program that listens on a port; `with` ends it."""

    def __init__(self, port, command, env=None, cwd=None):
        self.port = port
        self.process = subprocess.Popen(
            command,
            env=dict(os.environ, **(env or {})),
            cwd=cwd,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        wait_for_port(port, self.process)

    def close(self):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Redis(Server):
    def __init__(self, folder, password=None):
        port = free_port()
        command = [REDIS, "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
        command += ["--requirepass", password] if password else []
        super().__init__(port, command, cwd=folder)

    def url(self, rest="/0/base.db", user=""):
        return "redis://%s127.0.0.1:%d%s" % (user, self.port, rest)


SET_UP = """
import boto3, json, sys
kw = dict(endpoint_url=sys.argv[1], region_name="eu-west-1",
          aws_access_key_id="x", aws_secret_access_key="y")
iam = boto3.client("iam", **kw)
def user(name, actions):
    iam.create_user(UserName=name)
    policy = {"Version": "2012-10-17",
              "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]}
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]
role = iam.create_role(RoleName="r", AssumeRolePolicyDocument="{}")["Role"]
iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=json.dumps(
    {"Version": "2012-10-17",
     "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}))
sts = boto3.client("sts", **kw)
sts = sts.assume_role(RoleArn=role["Arn"], RoleSessionName="session")["Credentials"]
boto3.client("s3", **kw).create_bucket(
    Bucket="base", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
print(json.dumps({"ci": user("ci", "s3:*"), "nobody": user("nobody", "ec2:*"),
                  "role": [sts["AccessKeyId"], sts["SecretAccessKey"], sts["SessionToken"]]}))
"""


class S3(Server):
    """moto, which checks every signature and every permission."""

    def __init__(self):
        import json

        port = free_port()
        self.endpoint = "http://127.0.0.1:%d" % port
        # While there are no users yet, nothing can be checked.
        super().__init__(
            port,
            [MOTO_PYTHON, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
            {"INITIAL_NO_AUTH_ACTION_COUNT": "1000000"},
        )
        done = subprocess.run(
            [MOTO_PYTHON, "-c", SET_UP, self.endpoint], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        self.keys = json.loads(done.stdout)
        reset = urllib.request.Request(
            self.endpoint + "/moto-api/reset-auth",
            data=b"0",
            headers={"Content-Type": "text/plain"},
        )
        urllib.request.urlopen(reset).close()

    def env(self, who="ci", **more):
        key = self.keys[who]
        env = {
            "AWS_ACCESS_KEY_ID": key[0],
            "AWS_SECRET_ACCESS_KEY": key[1],
            "AWS_REGION": "eu-west-1",
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        if len(key) > 2:
            env["AWS_SESSION_TOKEN"] = key[2]
        env.update(more)
        return env


def has_moto():
    if not os.access(MOTO_PYTHON, os.X_OK):
        return False
    return subprocess.run([MOTO_PYTHON, "-c", "import moto.server"]).returncode == 0


class Handler(BaseHTTPRequestHandler):
    """A store of files with ETags, and what can go wrong, by the first part of the path."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if status != 304:
            self.wfile.write(body)

    def handle_any(self):
        server = self.server
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        server.requests.append((self.command, self.path, dict(self.headers), body))
        mode, _, name = unquote(self.path).lstrip("/").partition("/")
        getattr(self, "on_" + mode.replace("-", "_"), self.on_missing)(name, body)

    do_GET = do_PUT = do_POST = handle_any

    def on_missing(self, name, body):
        self.answer(404)

    def on_files(self, name, body):
        server = self.server
        with server.lock:
            known = server.files.get(name)
            etag = '"%s"' % hashlib.md5(known).hexdigest() if known is not None else None
            if self.command == "PUT":
                wanted, fresh = self.headers.get("If-Match"), self.headers.get("If-None-Match")
                if (wanted and wanted != etag) or (fresh and known is not None):
                    return self.answer(412)
                server.files[name] = body
                return self.answer(201, ETag='"%s"' % hashlib.md5(body).hexdigest())
        if known is None:
            return self.answer(404)
        if self.headers.get("If-None-Match") == etag:
            return self.answer(304, ETag=etag)
        return self.answer(200, known, ETag=etag)

    def on_plain(self, name, body):
        """No ETags."""
        if self.command == "PUT":
            self.server.files[name] = body
            return self.answer(200)
        known = self.server.files.get(name)
        return self.answer(404) if known is None else self.answer(200, known)

    def begin(self, length):
        self.send_response(200)
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def on_cut(self, name, body):
        known = self.server.files[name]
        self.begin(len(known))
        self.wfile.write(known[: len(known) // 2])
        self.close_connection = True

    def on_stall(self, name, body):
        known = self.server.files[name]
        self.begin(len(known))
        self.wfile.write(known[: len(known) // 2])
        self.wfile.flush()
        self.server.over.wait(30)
        self.close_connection = True

    def on_huge(self, name, body):
        self.begin(5 * 1000**3)
        self.pour()

    def on_endless(self, name, body):
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        self.pour()
        self.close_connection = True

    def pour(self):
        block = os.urandom(1 << 16)
        try:
            for _ in range(5 * 1000**3 // len(block)):
                self.wfile.write(block)
                self.server.poured += len(block)
        except OSError:
            self.close_connection = True

    def on_redirect(self, name, body):
        self.answer(302, Location="/files/" + name)

    def on_circle(self, name, body):
        self.answer(302, Location=self.path)

    def on_flaky(self, name, body):
        with self.server.lock:
            self.server.failures += 1
            failing = self.server.failures <= 2
        if failing:
            return self.answer(503)
        return self.on_files(name, body)

    def on_reset(self, name, body):
        """The first two connections are torn down without an answer."""
        with self.server.lock:
            self.server.failures += 1
            failing = self.server.failures <= 2
        if not failing:
            return self.on_files(name, body)
        linger = b"\1\0\0\0\0\0\0\0"
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.connection.close()
        self.close_connection = True

    def on_down(self, name, body):
        self.answer(500, b"<html>oops</html>")

    def on_forbidden(self, name, body):
        self.answer(403)

    def on_token(self, name, body):
        if self.headers.get("Authorization") != "Bearer secret-token":
            return self.answer(401)
        return self.on_files(name, body)

    def on_basic(self, name, body):
        if self.headers.get("Authorization") != "Basic bWU6cEBzcw==":  # me:p@ss
            return self.answer(401)
        return self.on_files(name, body)

    def on_readonly(self, name, body):
        if self.command == "PUT":
            return self.answer(405)
        return self.on_files(name, body)

    def on_page(self, name, body):
        self.answer(200, b"<!doctype html><title>Welcome to the guest network</title>" * 20)

    def on_s3_expired(self, name, body):
        self.answer(400, EXPIRED)

    def on_s3_region(self, name, body):
        if "/eu-north-1/s3/" not in self.headers.get("Authorization", ""):
            return self.answer(400, MALFORMED)
        return self.on_files(name, body)

    def on_json(self, name, body):
        self.answer(200, self.headers.get("X-Test", "").encode() + b":" + body)


class Http:
    """In this process, so that tests see what arrived."""

    def __init__(self):
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.files = {}
        self.server.requests = []
        self.server.failures = 0
        self.server.poured = 0
        self.server.lock = threading.Lock()
        self.server.over = threading.Event()
        self.server.handle_error = lambda *args: None
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def url(self, path, user=""):
        return "http://%s127.0.0.1:%d/%s" % (user, self.port, path)

    @property
    def files(self):
        return self.server.files

    def requests(self):
        """What arrived since the last time: method and path."""
        seen, self.server.requests[:] = list(self.server.requests), []
        return [(method, path) for method, path, _, _ in seen]

    def close(self):
        self.server.over.set()
        self.server.shutdown()
        self.server.server_close()


if __name__ == "__main__":
    sys.exit("a module of the tests")
