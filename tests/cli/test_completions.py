"""The completion scripts, in the shells themselves."""

import os
import pty
import re
import select
import shutil
import subprocess
import time
from pathlib import Path

import pytest

BINARY = Path(os.environ["PYT_DIFF"]).resolve()

BASH = """
source "$SCRIPT"
COMP_LINE=$1 COMP_POINT=${#1}
_pyt_diff
printf '%s\\n' "${COMPREPLY[@]}"
"""

# Completion of zsh exists only in its line editor. What is added to the list is noted on the way.
ZSH = """
PS1='ready> '
autoload -U compinit
compinit -u -D
source $SCRIPT
compadd() {
    if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\\ * ]]; then
        builtin compadd "$@"
        return
    fi
    local -a hits
    builtin compadd -A hits "$@"
    print -rl -- $hits >> $FOUND
    builtin compadd "$@"
}
note() { print -r -- end >> $FOUND; BUFFER= }
zle -N note
bindkey '^G' note
print source''d
"""


def in_bash(line, env, cwd):
    command = ["bash", "--norc", "-c", BASH, "bash", line]
    done = subprocess.run(
        command, env=env, cwd=cwd, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stderr == ""
    return done.stdout


def in_fish(line, env, cwd):
    command = ["fish", "--no-config", "-c", "source $SCRIPT; complete -C $argv[1]", line]
    done = subprocess.run(
        command, env=env, cwd=cwd, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stderr == ""
    return re.sub(r"\t.*", "", done.stdout)


def read_until(fd, condition):
    seen = b""
    end = time.monotonic() + 30
    while not condition(seen):
        assert time.monotonic() < end, seen.decode(errors="replace")
        if select.select([fd], [], [], 0.05)[0]:
            seen += os.read(fd, 65536)


def in_zsh(line, env, cwd):
    found = Path(env["FOUND"])
    found.write_text("")
    (found.parent / "zshrc").write_text(ZSH)
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(cwd)
        os.execvpe("zsh", ["zsh", "-f", "-i"], env)
    try:
        os.write(fd, b"source %s\n" % str(found.parent / "zshrc").encode())
        read_until(fd, lambda seen: b"sourced" in seen)
        os.write(fd, line.encode() + b"\t\x07")
        read_until(fd, lambda _: found.read_text().endswith("end\n"))
    finally:
        os.close(fd)
        os.waitpid(pid, 0)
    return found.read_text()[: -len("end\n")]


SHELLS = {"bash": in_bash, "zsh": in_zsh, "fish": in_fish}


@pytest.fixture(params=SHELLS)
def complete(request, shop, tmp_path):
    """What the shell offers for a line whose last word is not ended."""
    if not shutil.which(request.param):
        pytest.skip("there is no %s" % request.param)
    script = tmp_path / "script"
    with script.open("w") as out:
        subprocess.run([BINARY, "completions", request.param], stdout=out, check=True)
    env = shop.environment({"SCRIPT": str(script), "FOUND": str(tmp_path / "found")})
    env.update(
        PATH="%s:%s" % (BINARY.parent, env["PATH"]),
        HOME=str(tmp_path),
        TERM="dumb",
        SHELL="/bin/sh",
    )

    def offers(line):
        text = SHELLS[request.param](line, env, shop.root)
        return {word.rstrip("/ ") for word in text.splitlines() if word.strip()}

    offers.shell = request.param
    offers.project = shop
    return offers


def long_options(*args):
    done = subprocess.run([BINARY, *args, "--help"], capture_output=True, text=True, check=True)
    return set(re.findall(r"^  (?:-h, )?(--[a-z0-9-]+)", done.stdout, re.M))


@pytest.mark.parametrize("command", [[], ["explain"], ["inspect"]])
def test_options_are_those_of_the_help(complete, command):
    offered = complete(" ".join(["pyt-diff", *command, "--"]))
    assert {word for word in offered if word.startswith("--")} == long_options(*command)


def test_commands_stand_in_front_or_behind_our_options(complete):
    assert "explain" in complete("pyt-diff ex")
    assert "explain" in complete("pyt-diff --json --cache-dir somewhere ex")
    assert "explain" not in complete("pyt-diff -x ex")
    assert "explain" not in complete("pyt-diff explain ex")


def test_choices(complete):
    assert complete("pyt-diff --mode a") == {"affected", "all"}
    offered = complete("pyt-diff --host=e")
    assert {word.replace("--host=", "") for word in offered} == {"embed", "exec"}
    assert complete("pyt-diff completions ") >= {"bash", "zsh", "fish"}


def test_branches(complete):
    complete.project.commit()
    complete.project.git("branch", "feature-a")
    assert complete("pyt-diff --since fe") == {"feature-a"}
    assert complete("pyt-diff --since main --mode a") == {"affected", "all"}
    assert "--staged" in complete("pyt-diff --since --st")


def test_directories_and_files(complete):
    (complete.project.root / "docs").mkdir()
    (complete.project.root / "doc.txt").write_text("")
    assert complete("pyt-diff --cache-dir do") == {"docs"}
    assert complete("pyt-diff --line-coverage do") == {"docs", "doc.txt"}
    assert complete("pyt-diff -x do") == {"docs", "doc.txt"}
    assert complete("pyt-diff --mode all -- do") == {"docs", "doc.txt"}


def test_node_ids_come_from_the_recorded_data(complete):
    complete.project.record("--baseline")
    for line in ("pyt-diff test_prices.py::test_t", "pyt-diff explain test_prices.py::test_t"):
        offered = complete(line)
        # bash replaces the part behind the last colon only
        assert {word.rpartition(":")[2] for word in offered} >= {"test_tax"}
        assert not any("test_cart" in word for word in offered)


def test_unknown_shell():
    for args in (["tcsh"], []):
        done = subprocess.run([BINARY, "completions", *args], capture_output=True, text=True)
        assert done.returncode == 4
        assert "bash" in done.stderr and done.stdout == ""


def test_answer_that_does_not_arrive_is_an_error():
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [BINARY, "completions", "bash"], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 3
    assert "cannot write" in done.stderr
