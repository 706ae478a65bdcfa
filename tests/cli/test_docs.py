"""The README and the man page name every option that --help names."""

import os
import re
import subprocess
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]


def options_in(text):
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]*[a-z]", text))


@pytest.fixture(scope="module")
def help_options():
    done = subprocess.run(
        [os.environ["PYT_DIFF"], "--help"], capture_output=True, text=True, check=True
    )
    return options_in(done.stdout)


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
