"""The README and the man page say what --help says, which is made from tables in runner/config."""

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]


def options_in(text):
    return set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*[a-z0-9]", text))


def help_of(*command):
    done = subprocess.run(
        [os.environ["PYT_DIFF"], *command, "--help"], capture_output=True, text=True, check=True
    )
    return done.stdout


def entries(text):
    """The left column of a help text: "--mode affected|all", "--parallel[=N]"."""
    return set(re.findall(r"^  (--?[a-z][\w-]*(?:\[=\S+\]| \S+)?)(?=  |$)", text, re.M)) - {"-h"}


def commands():
    listed = re.search(r"^Commands:\n(.*?)^$", help_of(), re.M | re.S).group(1)
    return re.findall(r"^  ([a-z]+)  ", listed, re.M)


def plain(macro):
    """A line of the man page as it is read: fonts alternate, and do not separate words."""
    name, *words = shlex.split(re.sub(r"\\f[A-Z]", "", macro.replace("\\-", "-")))
    return ("" if len(name) == 3 else " ").join(words)


def man_section(name):
    text = (TOP / "docs/pyt-diff.1").read_text(encoding="utf-8")
    return re.search(r"^\.SH %s\n(.*?)(?=^\.SH )" % name, text, re.M | re.S).group(1)


def headings(section):
    """What stands below each .TP, several options of one paragraph apart."""
    found = set()
    for macro in re.findall(r"^\.TP\n(\..*)$", section, re.M):
        found.update(plain(macro).split(", "))
    return found


@pytest.fixture(scope="module")
def help_options():
    return options_in(help_of())


def test_man_page_has_the_options_of_the_table():
    ours = man_section("OPTIONS").partition('.SS "Options of pytest')[0]
    assert headings(ours) - {"--", "-h"} == entries(help_of())


def test_man_page_has_the_commands_of_the_table():
    section = man_section("COMMANDS")
    usages = {heading.split()[1]: heading for heading in headings(section)}
    assert list(usages) and set(usages) == set(commands())
    text = "\n".join(plain(line) if line[:1] == "." else line for line in section.splitlines())
    for command in commands():
        own = entries(help_of(command)) - entries(help_of())
        for option in own:
            assert option in text, (command, option)


def test_readme_names_every_command():
    text = (TOP / "README.md").read_text(encoding="utf-8")
    for command in commands():
        assert re.search(r"pyt-diff %s\b" % command, text), command


@pytest.mark.skipif(not shutil.which("mandoc"), reason="there is no mandoc")
def test_man_page_is_clean():
    page = TOP / "docs/pyt-diff.1"
    done = subprocess.run(
        ["mandoc", "-T", "lint", "-W", "warning", page], capture_output=True, text=True
    )
    assert done.stdout + done.stderr == ""


@pytest.mark.parametrize("name", ["README.md", "docs/pyt-diff.1"])
def test_every_option_is_documented(name, help_options):
    text = (TOP / name).read_text(encoding="utf-8").replace("\\-", "-")
    assert "--baseline" in help_options
    assert help_options - options_in(text) == set()


def test_nothing_else_is_in_the_table_of_the_readme(help_options):
    rows = re.findall(r"^\| (`-.*?) \|", (TOP / "README.md").read_text(encoding="utf-8"), re.M)
    assert options_in("\n".join(rows)) - help_options == set()


def test_version_is_the_same_everywhere():
    version = re.search(r"pyt-diff VERSION ([\d.]+)", (TOP / "CMakeLists.txt").read_text()).group(1)
    title = (TOP / "docs/pyt-diff.1").read_text().splitlines()[0]
    assert f'"pyt-diff {version}"' in title
    done = subprocess.run([os.environ["PYT_DIFF"], "--version"], capture_output=True, text=True)
    assert version in done.stdout
