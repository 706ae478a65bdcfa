"""pyt-diff watch in a terminal: runs on every save, keys, and what is left behind."""

import os
import shutil
import signal
import subprocess
import time

import pytest
from terminal import Terminal

HINT = r"pyt-diff: watching.*press h for help, q to quit\n"


@pytest.fixture
def watch(shop):
    """Starts it in the project of conftest.py; waits for the first run to end."""
    opened = []

    def start(*args, wait=True, env=None):
        terminal = Terminal(
            shop.command(["watch", *args]), shop.root, dict(shop.environment(env), TERM="xterm")
        )
        opened.append(terminal)
        if wait:
            terminal.wait(HINT)
        return terminal

    yield start
    for terminal in opened:
        terminal.close()


def ran(project):
    return {name.rpartition("::")[2] for name in project.take(project.ran_log)}


def save(project, path, old, new):
    """As an editor does it: the time is now."""
    full = project.root / path
    text = full.read_text()
    assert old in text
    full.write_text(text.replace(old, new))


def assert_left(terminal, status):
    assert terminal.end() == status, terminal.text
    assert terminal.is_restored()


# ---- saves ----


@pytest.mark.parametrize("way", [[], ["--poll=0.1"]])
def test_a_save_runs_the_affected_tests(shop, watch, way):
    terminal = watch(*way)
    assert ran(shop) == {"test_tax", "test_discount", "test_total", "test_label"}
    save(shop, "prices.py", "RATE // 100", "RATE // 100 + 0")
    terminal.wait(r"pyt-diff: changed: prices.py\n")
    terminal.wait(r"2 of 4 tests affected \(prices.py: tax\)")
    terminal.wait(HINT)
    assert ran(shop) == {"test_tax", "test_total"}
    save(shop, "prices.py", "# the usual rate", "# another comment")
    terminal.wait(r"no tests affected")
    terminal.wait(HINT)
    assert ran(shop) == set()
    terminal.press("q")
    assert_left(terminal, 0)


def test_an_editor_that_saves_by_rename(shop, watch):
    terminal = watch()
    ran(shop)
    for suffix in ("~", ".swp", ".tmp"):
        new = shop.root / ("prices.py" + suffix)
        new.write_text((shop.root / "prices.py").read_text().replace("net // 10", "net // 10 + 0"))
        os.replace(new, shop.root / "prices.py")
        terminal.wait("changed: prices.py\n")
        terminal.wait(HINT)
        assert ran(shop) == {"test_discount"}


def test_new_directories_and_files_that_git_ignores(shop, watch):
    (shop.root / ".gitignore").write_text(
        "*.log\nbuild/\nscratch.py\n__pycache__/\n.pytest_cache/\n"
    )
    shop.git("init", "-q", ".")
    terminal = watch()
    ran(shop)
    deep = shop.root / "more" / "deep"
    deep.mkdir(parents=True)
    (deep / "test_deep.py").write_text("def test_deep():\n    pass\n")
    terminal.wait("changed: more/deep/test_deep.py")
    terminal.wait("1 passed")
    terminal.wait(HINT)
    (deep / "test_deep.py").write_text("def test_deep():\n    assert 1\n")
    terminal.wait("changed: more/deep/test_deep.py")
    terminal.wait(HINT)
    # Moved away, and another in its place.
    (shop.root / "more").rename(shop.root / "less")
    terminal.wait("changed:")
    terminal.wait(HINT)
    (shop.root / "less" / "deep" / "test_deep.py").write_text("def test_less():\n    assert 1\n")
    terminal.wait("changed: less/deep/test_deep.py")
    terminal.wait(HINT)
    (shop.root / "build").mkdir()
    (shop.root / "build" / "x.py").write_text("")
    (shop.root / "scratch.py").write_text("")
    (shop.root / "x.log").write_text("")
    (shop.root / "nobody_reads_this.txt").write_text("")
    assert terminal.quiet(1) == ""


def test_a_data_file_that_a_test_reads(shop, watch):
    shop.write("rate.txt", "20")
    shop.write(
        "test_data.py", "def test_data():\n    assert open('rate.txt').read().strip().isdigit()\n"
    )
    terminal = watch()
    ran(shop)
    (shop.root / "rate.txt").write_text("21")
    terminal.wait("changed: rate.txt")
    terminal.wait(HINT)
    assert ran(shop) == {"test_data"}


def test_many_saves_are_one_run(shop, watch):
    terminal = watch("--debounce", "0.5")
    ran(shop)
    for number in range(5):
        save(shop, "prices.py", "net // 10", "net // 10 + %d * 0" % number)
        time.sleep(0.1)
    terminal.wait(HINT)
    assert "session starts" in terminal.text
    time.sleep(0.7)
    text = terminal.quiet(0.5)
    assert "session starts" not in text
    assert len(shop.take(shop.ran_log)) == 1


SLOW = """
import time


def test_slow():
    for _ in range(600):
        time.sleep(0.1)


def test_after():
    pass
"""


def test_a_save_cancels_a_run(shop, watch):
    shop.write("test_slow.py", SLOW)
    terminal = watch(wait=False)
    shop.wait_for("test_slow")
    began = time.monotonic()
    save(shop, "test_slow.py", "range(600)", "range(1)")
    terminal.wait("changed: test_slow.py; stopping the tests")
    terminal.wait("KeyboardInterrupt")
    terminal.wait(HINT)
    assert time.monotonic() - began < 20
    assert {"test_slow", "test_after"} <= ran(shop)
    assert "flaky" not in terminal.text
    terminal.press("q")
    assert_left(terminal, 0)
    assert shop.run().status == 0


def test_tests_that_write_into_the_tree_do_not_cancel_themselves(shop, watch):
    """A file that changes in each run is not saved by hand."""
    shop.write("generated.py", "X = 0\n")
    shop.write(
        "test_slow.py",
        """
        import time


        def test_generates():
            with open("new_one.py", "w") as file:
                file.write("Y = 1\\n")
            with open("generated.py", "a") as file:
                file.write("X = %r\\n" % time.time())
            time.sleep(0.7)
        """,
    )
    terminal = watch(wait=False)
    terminal.wait("generated.py changes whenever tests run: this run goes on", seconds=60)
    terminal.wait("passed", seconds=60)
    terminal.wait(HINT)
    terminal.press("q")
    assert_left(terminal, 0)


# ---- keys ----


def test_keys(shop, watch):
    terminal = watch()
    ran(shop)
    terminal.press("\r")
    terminal.wait("no tests affected")
    terminal.wait(HINT)
    terminal.press("h")
    terminal.wait(r"Enter  run now(.*\n)+.*q +quit\n")
    terminal.press("a")
    terminal.wait("4 passed")
    terminal.wait("watching for all tests")
    assert len(ran(shop)) == 4
    terminal.press("f")
    terminal.wait("watching for the tests that failed")
    assert ran(shop) == set()
    terminal.press("o")
    terminal.wait("no tests affected")
    terminal.wait("pyt-diff: watching; press.*\n")
    terminal.press("\x1b[A" + "x")  # an arrow, and a key without a meaning
    assert terminal.quiet(0.5).strip() == ""
    terminal.press("q")
    assert_left(terminal, 0)


def test_failed_tests(shop, watch):
    terminal = watch()
    save(shop, "prices.py", "net // 10", "net // 11")
    terminal.wait("1 failed")
    terminal.wait(HINT)
    ran(shop)
    terminal.press("f")
    terminal.wait("1 failed")
    terminal.wait(HINT)
    assert ran(shop) == {"test_discount"}
    save(shop, "prices.py", "net // 11", "net // 10")
    terminal.wait("no tests affected|1 passed|deselected")
    terminal.wait(HINT)


def test_filters(shop, watch):
    terminal = watch()
    ran(shop)
    terminal.press("p")
    terminal.wait("files: ")
    terminal.press("cxx\x7f\x7fart\r")
    terminal.wait('watching, in files with "cart"')
    save(shop, "prices.py", "RATE // 100", "RATE // 100 + 0")
    terminal.wait("1 more affected outside|1 of 2 tests affected")
    terminal.wait(HINT)
    assert ran(shop) == {"test_total"}
    terminal.press("c")
    terminal.wait("1 passed")
    terminal.wait("pyt-diff: watching; press")
    assert ran(shop) == {"test_tax"}
    terminal.press("t")
    terminal.wait("names ")
    terminal.press("total\r")
    terminal.wait('by name "total"')
    save(shop, "prices.py", "RATE // 100", "RATE // 100 - 0")
    terminal.wait("1 passed")
    terminal.wait(HINT)
    assert ran(shop) == {"test_total"}
    terminal.press("p")
    terminal.wait("files: ")
    terminal.press("no such file\r")
    terminal.wait('no test file matches "no such file"')
    terminal.press("t")
    terminal.wait("names .*total")
    # A save while something is typed waits for the answer.
    save(shop, "cart.py", '"total"', '"tot" + "al"')
    assert "session starts" not in terminal.quiet(1)
    terminal.press("\x15\x1b")
    terminal.wait("0 of|deselected|affected")
    terminal.wait(HINT)
    terminal.press("q")
    assert_left(terminal, 0)


def test_the_debugger(shop, watch):
    terminal = watch()
    save(shop, "prices.py", "net // 10", "net // 11")
    terminal.wait("1 failed")
    terminal.wait(HINT)
    terminal.press("d")
    terminal.wait(r"\(Pdb\) ")
    save(shop, "prices.py", "net // 11", "net // 10 + 0")
    terminal.press("p 6 * 7\n")
    terminal.wait("42")
    terminal.press("q\n")
    terminal.wait("Exiting|Exit")
    # What was saved meanwhile runs now, and the keys are ours again.
    terminal.wait("1 passed")
    terminal.wait(HINT)
    terminal.press("q")
    assert_left(terminal, 0)


# ---- ends ----


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_ends_by_signals(shop, watch, number):
    terminal = watch()
    terminal.process.send_signal(number)
    assert_left(terminal, -number)


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGQUIT])
def test_a_crash_leaves_the_terminal_whole(shop, watch, number):
    terminal = watch()
    assert not terminal.is_restored()
    terminal.process.send_signal(number)
    assert_left(terminal, -number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, None])
def test_the_tests_end_with_it(shop, watch, number):
    shop.write("test_slow.py", SLOW.replace("def test_slow", "import os\n\n\ndef test_slow"))
    shop.replace(
        "test_slow.py", "    for _", "    open('pid', 'w').write(str(os.getpid()))\n    for _"
    )
    terminal = watch(wait=False)
    shop.wait_for("test_slow")
    limit = time.monotonic() + 10
    while not (shop.root / "pid").exists() or not (shop.root / "pid").read_text():
        assert time.monotonic() < limit
        time.sleep(0.05)
    pid = int((shop.root / "pid").read_text())
    if number == signal.SIGINT:
        terminal.press("\x03")
    elif number:
        terminal.process.send_signal(number)
    else:
        terminal.press("q")
    assert_left(terminal, -number if number else 0)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    # What had finished by then is recorded.
    assert "test_tax" not in shop.run("--dry-run").out


def test_tests_that_do_not_want_to_end(shop, watch):
    shop.write("test_slow.py", SLOW)
    shop.replace(
        "test_slow.py",
        "    for _",
        "    __import__('signal').signal(2, lambda *a: None)\n    for _",
    )
    terminal = watch(wait=False)
    shop.wait_for("test_slow")
    time.sleep(0.5)
    terminal.press("\x03")
    time.sleep(0.5)
    assert terminal.process.poll() is None
    terminal.press("\x03")
    assert_left(terminal, -signal.SIGINT)


def test_a_run_that_crashes(shop, watch):
    shop.write("test_crash.py", "import os\n\n\ndef test_crash():\n    os.kill(os.getpid(), 11)\n")
    terminal = watch()
    assert "ended by signal 11" in terminal.text
    shop.write("test_crash.py", "def test_crash():\n    pass\n")
    terminal.wait("3 passed")
    terminal.wait(HINT)
    terminal.press("q")
    assert_left(terminal, 0)


def test_tests_that_change_the_terminal(shop, watch):
    """What they set does not stay: neither for the keys, nor for the shell afterwards."""
    shop.write(
        "test_raw.py",
        """
        import os
        import tty


        def test_raw():
            terminal = os.open("/dev/tty", os.O_RDWR)
            tty.setraw(terminal)
            os.close(terminal)
        """,
    )
    terminal = watch()
    assert "1 failed" not in terminal.text
    terminal.press("a")
    terminal.wait("5 passed")
    terminal.wait("for all tests")
    terminal.press("q")
    assert_left(terminal, 0)


@pytest.mark.skipif(not shutil.which("bash"), reason="there is no bash")
def test_it_can_be_stopped_and_continued(shop, watch):
    shop.record()
    terminal = Terminal(
        ["bash", "--norc", "--noprofile", "-i"],
        shop.root,
        dict(shop.environment(), TERM="xterm", PS1="$ "),
    )
    try:
        terminal.press(" ".join(shop.command(["watch"])) + "\n")
        terminal.wait(HINT)
        terminal.press("\x1a")
        terminal.wait("Stopped")
        terminal.press("stty -a; echo done-$((40+2))\n")
        terminal.wait("[^-]icanon(.|\n)*done-42")
        terminal.press("fg\n")
        time.sleep(0.5)
        terminal.press("h")
        terminal.wait("q +quit")
        terminal.press("q")
        terminal.wait(r"\$ ")
        terminal.press("echo left-$((40+2))\n")
        terminal.wait("left-42")
        terminal.press("exit\n")
        terminal.end()
    finally:
        terminal.close()


# ---- options ----


def test_a_command_of_ones_own(shop, watch):
    terminal = watch("--command", "echo it runs $((40 + 2)); exit 3", "--bell")
    assert "it runs 42\n" in terminal.text
    assert terminal.output.count(b"\a") == 1
    save(shop, "prices.py", "net // 10", "net // 10 + 0")
    terminal.wait("it runs 42")
    terminal.wait(HINT)
    terminal.press("\r")
    terminal.wait("it runs 42")
    terminal.wait(HINT)
    terminal.press("w")
    terminal.wait("Enter, a")
    terminal.press("q")
    assert_left(terminal, 0)
    assert shop.take(shop.ran_log) == []


def test_arguments_go_to_pytest(shop, watch):
    terminal = watch("-v", "test_cart.py", "--clear", "--", "-k", "label")
    assert "test_label" in terminal.text
    assert ran(shop) == {"test_label"}
    assert b"\x1b[2J" in terminal.output
    save(shop, "cart.py", '"total"', '"tot" + "al"')
    terminal.wait("changed: cart.py\n")
    assert terminal.output.rindex(b"\x1b[2J") < terminal.output.rindex(b"changed: cart.py")


def test_without_a_terminal(shop):
    """As a service: no keys, no hint about them, until it is ended."""
    process = shop.start("watch")
    shop.wait_for("test_tax")
    time.sleep(1.5)
    shop.take(shop.ran_log)
    save(shop, "prices.py", "net // 10", "net // 10 + 0")
    shop.wait_for("test_discount")
    time.sleep(1)
    process.send_signal(signal.SIGTERM)
    result = shop.finish(process)
    assert result.status == -signal.SIGTERM
    assert "press" not in result.err and "pyt-diff: watching\n" in result.err


@pytest.mark.parametrize(
    "args, message",
    [
        (["--debounce", "soon"], "--debounce: expected seconds"),
        (["--debounce", "0"], "--debounce: expected seconds"),
        (["--poll=-1"], "--poll: expected seconds"),
        (["--command"], "--command needs a value"),
        (["--json"], "watch has no option --json"),
    ],
)
def test_wrong_options(shop, args, message):
    result = shop.run("watch", *args)
    assert result.status == 4, result
    assert message in result.err


def test_a_broken_configuration_is_said_and_survived(shop, watch):
    shop.write("pyproject.toml", "[tool.pytest.ini_options]\n")
    terminal = watch()
    (shop.root / "pyproject.toml").write_text("[tool.pyt-diff]\nopaque = 'maybe'\n")
    terminal.wait('expected run or trust, got "maybe"')
    terminal.wait(HINT)
    (shop.root / "pyproject.toml").write_text("[tool.pytest.ini_options]\n")
    terminal.wait("changed: pyproject.toml")
    terminal.wait(HINT)
    terminal.press("q")
    assert_left(terminal, 0)


def test_no_more_watches(shop, tmp_path, watch):
    """Where the kernel gives none, it is looked at from time to time."""
    done = subprocess.run(["unshare", "-U", "-r", "true"], capture_output=True)
    limit = "/proc/sys/fs/inotify/max_user_instances"
    if done.returncode or not os.path.exists(limit):
        pytest.skip("no user namespaces")
    script = "echo 0 > /proc/sys/user/max_inotify_instances && exec " + " ".join(
        shop.command(["watch", "--", "-p", "no:cacheprovider"])
    )
    terminal = Terminal(
        ["unshare", "-U", "-r", "sh", "-c", script],
        shop.root,
        dict(shop.environment(), TERM="xterm"),
    )
    try:
        terminal.wait("looking for changes every 0.5 s \\(no inotify: ")
        terminal.wait(HINT)
        save(shop, "prices.py", "net // 10", "net // 10 + 0")
        terminal.wait("changed: prices.py")
        terminal.wait("1 passed")
        terminal.wait(HINT)
        terminal.press("q")
        terminal.end()
    finally:
        terminal.close()
