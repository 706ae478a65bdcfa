"""`pyt-diff serve` as a process of a test, and small requests to it."""

import contextlib
import http.client
import json
import os
import re
import signal
import subprocess

BINARY = os.path.abspath(os.environ.get("PYT_DIFF", "build/pyt-diff"))
STORED = "/api/v1/query-passed"
PUBLISH = "/api/v1/publish"


def serve(*args):
    """`pyt-diff serve` with these arguments, until it ends."""
    return subprocess.run([BINARY, "serve", *map(str, args)], capture_output=True, text=True)


class Server:
    def __init__(self, database, *args):
        self.database = database
        self.args = args
        self.process = None
        self.port = 0
        self.log = ""

    def start(self, port=0):
        command = [BINARY, "serve", "--db", self.database, "--listen", f"127.0.0.1:{port}"]
        self.process = subprocess.Popen(
            [*map(str, command), *self.args], stderr=subprocess.PIPE, text=True
        )
        line = self.process.stderr.readline()
        match = re.search(r"listening on http://127\.0\.0\.1:(\d+)", line)
        assert match, line + self.process.stderr.read()
        self.port = int(match.group(1))
        return self

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def stop(self, number=signal.SIGTERM, timeout=20):
        """Its exit status."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)
        _, rest = self.process.communicate(timeout=timeout)
        self.log += rest
        return self.process.returncode

    def token(self, name, *args):
        done = serve("token", "add", name, "--db", self.database, *args)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)

    def ask(self, path, body, token, connection=None):
        """Status and answer; JSON when there is some."""
        connection = connection or self.connect()
        text = body if isinstance(body, (bytes, str)) else json.dumps(body)
        connection.request("POST", path, text, {"Authorization": f"Bearer {token}"})
        response = connection.getresponse()
        answer = response.read()
        is_json = response.getheader("Content-Type") == "application/json"
        return response.status, json.loads(answer) if is_json else answer.decode()

    def publish(self, token, passes, **kwargs):
        body = {"passed_node_ids_per_test_file": passes}
        return self.ask(PUBLISH, body, token, **kwargs)

    def passed(self, token, keys, **kwargs):
        status, answer = self.ask(STORED, {"test_file_hashes": keys}, token, **kwargs)
        return answer["node_ids"] if status == 200 else (status, answer)


@contextlib.contextmanager
def running(database, *args):
    server = Server(database, *args).start()
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.stop(signal.SIGKILL)
