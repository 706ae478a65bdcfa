"""A program in a terminal of its own: what it writes, keys, and how it leaves the terminal."""

import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

ESCAPES = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    def __init__(self, command, cwd, env):
        self.master, self.slave = pty.openpty()
        size = struct.pack("HHHH", 40, 120, 0, 0)
        import fcntl

        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, size)
        self.mode = termios.tcgetattr(self.slave)
        self.output = b""
        self.position = 0
        self.process = subprocess.Popen(
            command,
            cwd=cwd,
            env=env,
            stdin=self.slave,
            stdout=self.slave,
            stderr=self.slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )

    def read(self, seconds):
        """What comes within that time is added to the output."""
        ready, _, _ = select.select([self.master], [], [], seconds)
        if ready:
            self.output += os.read(self.master, 65536)

    @property
    def text(self):
        """What was written, as one reads it."""
        plain = ESCAPES.sub(b"", self.output).replace(b"\r\n", b"\n")
        return plain.decode("utf-8", "replace")

    def wait(self, pattern, seconds=30):
        """Waits until something that was not waited for yet matches; the match."""
        limit = time.monotonic() + seconds
        while True:
            match = re.search(pattern, self.text[self.position :])
            if match:
                self.position += match.end()
                return match
            if time.monotonic() > limit:
                raise AssertionError("no %r in\n%s" % (pattern, self.text[self.position :]))
            self.read(0.05)

    def quiet(self, seconds):
        """What is written in that time."""
        limit = time.monotonic() + seconds
        while time.monotonic() < limit:
            self.read(0.05)
        text = self.text[self.position :]
        self.position = len(self.text)
        return text

    def press(self, keys):
        os.write(self.master, keys.encode())

    def end(self, seconds=20):
        """The exit status, when it has ended."""
        limit = time.monotonic() + seconds
        while self.process.poll() is None:
            assert time.monotonic() < limit, "still running:\n" + self.text
            self.read(0.05)
        self.read(0.05)
        return self.process.returncode

    def is_restored(self):
        return termios.tcgetattr(self.slave) == self.mode

    def close(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        os.close(self.master)
        os.close(self.slave)
