"""The recipes in packaging/ name what the build needs, and agree with each other."""

import os
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
PACKAGING = TOP / "packaging"
BUILD = Path(os.environ.get("PTD_BUILD", TOP / "build"))
# Where Homebrew's name for a library is not that of pkg-config.
NO_LIBRARIES = {"libc6-dev", "libcmocka-dev", "python3-dev"}
FORMULAE = {"sqlite3": "sqlite", "libxxhash": "xxhash", "libcurl": "curl", "libzstd": "zstd"}


def read(path):
    return (TOP / path).read_text(encoding="utf-8")


def version():
    return re.search(r"pyt-diff VERSION ([\d.]+)", read("CMakeLists.txt")).group(1)


def libraries():
    """The -dev packages that `dev` installs to build the program; cmocka is for its unit tests."""
    wanted = re.search(r"^wanted_for_build\(\) \{\n(.*?)^\}", read("dev"), re.M | re.S).group(1)
    found = set(re.findall(r"want (\S+-dev)", wanted)) - NO_LIBRARIES
    assert "libsqlite3-dev" in found
    return found


def modules():
    texts = [read("CMakeLists.txt")] + [
        path.read_text()
        for path in (TOP / "embed", TOP / "runner")
        for path in path.rglob("CMake*")
    ]
    pattern = r"pkg_check_modules\(\w+ REQUIRED IMPORTED_TARGET ([^)]*)\)"
    found = [
        name for text in texts for names in re.findall(pattern, text) for name in names.split()
    ]
    found += [name for text in texts for name in re.findall(r"find_library\(\w+ ([\w-]+)", text)]
    return {name.partition(">")[0] for name in found}


def test_debian_names_the_libraries():
    fields = read("packaging/deb/debian/control").partition("\nPackage:")[0]
    assert libraries() - set(re.findall(r"[\w.+-]+-dev", fields)) == set()


def test_the_image_names_the_libraries():
    assert (
        libraries() - set(re.findall(r"[\w.+-]+-dev", read("packaging/container/Dockerfile")))
        == set()
    )


def test_the_formula_names_the_libraries():
    depends = set(re.findall(r'depends_on "([^"@]+)', read("packaging/homebrew/pyt-diff.rb")))
    assert "sqlite3" in modules()
    assert {FORMULAE.get(name, name) for name in modules()} - depends == set()


def test_certificates_by_which_servers_are_checked():
    assert "ca-certificates" in read("packaging/container/Dockerfile")
    recommended = re.search(r"^Recommends: (.*)", read("packaging/deb/debian/control"), re.M)
    assert "ca-certificates" in recommended.group(1)


def test_versions():
    assert read("packaging/deb/debian/changelog").startswith("pyt-diff (%s-" % version())
    assert "pyt-diff-%s.tar.gz" % version() in read("packaging/homebrew/pyt-diff.rb")


def test_the_formula_of_a_release(tmp_path):
    archive = tmp_path / "pyt-diff-1.2.tar.gz"
    archive.write_bytes(b"")
    formula = subprocess.run(
        [PACKAGING / "homebrew/release", "file:///somewhere/pyt-diff-1.2.tar.gz", archive],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert 'url "file:///somewhere/pyt-diff-1.2.tar.gz"' in formula
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert 'sha256 "%s"' % empty in formula
    if shutil.which("ruby"):
        subprocess.run(["ruby", "-c"], input=formula, text=True, check=True)


@pytest.fixture
def repository(tmp_path):
    """The tracked files as they are now, as a repository with one commit."""
    copy = tmp_path / "copy"
    listed = subprocess.run(
        ["git", "-C", TOP, "ls-files", "-z"], capture_output=True, text=True, check=True
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (TOP / name).exists():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(TOP / name, copy / name)
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.invalid"]
    for command in (["init", "-q"], ["add", "-A"], [*identity, "commit", "-q", "-m", "all"]):
        subprocess.run(["git", "-C", copy, *command], check=True)
    return copy


def test_source_archive_is_complete_and_the_same_each_time(repository, tmp_path):
    env = dict(os.environ, PTD_DEPS_DIR=str(BUILD / "_deps"))
    archives = []
    for out in ("first", "second"):
        command = [repository / "packaging/source", tmp_path / out]
        subprocess.run(command, env=env, check=True, capture_output=True)
        archives.append(tmp_path / out / ("pyt-diff-%s.tar.gz" % version()))
    assert archives[0].read_bytes() == archives[1].read_bytes()
    with tarfile.open(archives[0]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"CMakeLists.txt", "packaging/deb/debian/control"} <= names
    assert {"vendor/tree-sitter-python/src/parser.c", "vendor/tree-sitter-python/LICENSE"} <= names
    assert not [name for name in names if name.endswith((".node", ".wasm", ".so"))]
    assert not [name for name in names if name.startswith((".ci/", ".git/"))]
