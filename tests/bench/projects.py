#!/usr/bin/env python3
"""Real projects to measure with: pinned source archives and the environments that test them.

projects.json names the archives (version and SHA-256) and, by version, everything that an
environment holds. Archives come through pip as this machine has it set up. Nothing is installed of
the project itself but its metadata: its own tree is what runs, found by PYTHONPATH.

As a program: `projects.py [--projects a,b] [--pythons 3.8,3.11]` makes everything ready and prints
what it made.
"""

import argparse
import glob
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
PLUGIN_DIR = os.path.join(HERE, "plugin")
DEFAULT_CACHE = os.path.join(ROOT, "build", "bench")
DEFAULT_PYTHON = "3.11"
PIP_QUIET = ["--quiet", "--disable-pip-version-check"]


class Unavailable(Exception):
    """A project or an interpreter that cannot be had here; the message says why."""


def load_registry():
    with open(os.path.join(HERE, "projects.json"), encoding="utf-8") as stream:
        return json.load(stream)


def version_key(text):
    return tuple(int(part) for part in text.split("."))


def add_arguments(parser, projects=None, pythons=DEFAULT_PYTHON):
    """The options that all measurements share."""
    parser.add_argument(
        "--cache", default=DEFAULT_CACHE, help="where archives, environments and copies are kept"
    )
    parser.add_argument(
        "--projects",
        default=projects or ",".join(load_registry()["projects"]),
        help="comma-separated names (default: %(default)s)",
    )
    parser.add_argument(
        "--pythons",
        default=pythons,
        help="comma-separated versions, paths, or 'all' (default: %(default)s)",
    )


def run(command, **options):
    """Runs a command of the set-up; its output is shown only when it fails."""
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        **options,
    )
    output = done.stdout.decode("utf-8", "replace")
    if done.returncode != 0:
        tail = "\n".join(output.strip().splitlines()[-12:])
        raise Unavailable("%s failed (%d):\n%s" % (" ".join(command), done.returncode, tail))
    return output


# ---- interpreters ---------------------------------------------------------------------------


class Python:
    def __init__(self, executable, version):
        self.executable = executable
        self.version = version  # "3.11"
        self.name = version


def candidate_executables():
    pyenv = os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")
    yield from sorted(glob.glob(os.path.join(pyenv, "versions", "*", "bin", "python3")))
    yield from sorted(glob.glob("/usr/bin/python3.*"))
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        yield from sorted(glob.glob(os.path.join(folder, "python3.*")))


def ask_version(executable):
    """The minor version of a CPython that can make environments, or None."""
    code = (
        "import sys, ensurepip, venv; print('%d.%d' % sys.version_info[:2] "
        "if sys.implementation.name == 'cpython' else '')"
    )
    try:
        done = subprocess.run(
            [executable, "-I", "-c", code],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            timeout=30,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    text = done.stdout.decode().strip()
    return text if done.returncode == 0 and text else None


def find_pythons():
    """One interpreter for each minor version from 3.8 on, the first that is found."""
    found = {}
    for executable in candidate_executables():
        if not re.match(r"python3(\.\d+)?$", os.path.basename(executable)):
            continue
        hint = re.search(r"(?:versions/|python)(3\.\d+)", executable)
        if hint and (hint.group(1) in found or version_key(hint.group(1)) < (3, 8)):
            continue
        version = ask_version(executable)
        if version and version_key(version) >= (3, 8):
            found.setdefault(version, Python(executable, version))
    return found


def select_pythons(text):
    """The interpreters that --pythons names; those that are missing are said and left out."""
    found = find_pythons()
    if text == "all":
        return [found[version] for version in sorted(found, key=version_key)]
    chosen = []
    for name in text.split(","):
        if os.sep in name:
            version = ask_version(name)
            if version:
                python = Python(name, version)
                python.name = version + "-" + hashlib.sha256(name.encode()).hexdigest()[:6]
                chosen.append(python)
                continue
        elif name in found:
            chosen.append(found[name])
            continue
        print("no usable interpreter %s on this machine: left out" % name, file=sys.stderr)
    return chosen


# ---- archives -------------------------------------------------------------------------------


def file_sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        for chunk in iter(lambda: stream.read(1 << 20), b""):
            digest.update(chunk)
    return digest.hexdigest()


def pick_release(name, entry, version):
    for release in entry["releases"]:
        low, high = release["pythons"]
        if version_key(low) <= version_key(version) <= version_key(high):
            return release
    raise Unavailable("no release of %s is registered for Python %s" % (name, version))


def fetch_archive(cache, name, release, pip_python):
    """The verified source archive. pip checks the hash too, before it looks into the file."""
    folder = os.path.join(cache, "archives", "%s-%s" % (name, release["version"]))
    for path in glob.glob(os.path.join(folder, "*.tar.gz")):
        if file_sha256(path) == release["sha256"]:
            return path
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    with tempfile.TemporaryDirectory() as scratch:
        wanted = os.path.join(scratch, "wanted.txt")
        with open(wanted, "w", encoding="utf-8") as stream:
            stream.write(
                "%s==%s --hash=sha256:%s\n" % (name, release["version"], release["sha256"])
            )
        command = [pip_python, "-m", "pip", "download"] + PIP_QUIET
        command += ["--no-deps", "--no-binary", name, "--dest", folder, "-r", wanted]
        run(command)
    for path in glob.glob(os.path.join(folder, "*.tar.gz")):
        if file_sha256(path) == release["sha256"]:
            return path
    raise Unavailable("pip brought no archive of %s with the expected checksum" % name)


def unpack(archive, target):
    """Unpacks the one top directory of an archive as `target`."""
    if os.path.isdir(target):
        return
    scratch = target + ".unpacking"
    shutil.rmtree(scratch, ignore_errors=True)
    os.makedirs(scratch)
    with tarfile.open(archive) as tar:
        for member in tar.getmembers():
            parts = member.name.split("/")
            if member.name.startswith("/") or ".." in parts or member.isdev():
                raise Unavailable("unsafe name in %s: %s" % (archive, member.name))
            if (member.issym() or member.islnk()) and (
                member.linkname.startswith("/") or ".." in member.linkname.split("/")
            ):
                raise Unavailable("unsafe link in %s: %s" % (archive, member.name))
        options = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        tar.extractall(scratch, **options)
    tops = os.listdir(scratch)
    if len(tops) != 1:
        raise Unavailable("%s holds more than one directory" % archive)
    os.rename(os.path.join(scratch, tops[0]), target)
    os.rmdir(scratch)


# ---- environments ---------------------------------------------------------------------------


def site_packages(python):
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    return run([python, "-c", code]).strip()


def write_metadata(python, name, tree):
    """A dist-info from the archive's PKG-INFO: importlib.metadata answers, nothing is built."""
    with open(os.path.join(tree, "PKG-INFO"), encoding="utf-8") as stream:
        text = stream.read()
    version = re.search(r"^Version: *(\S+)", text, re.M).group(1)
    folder = "%s-%s.dist-info" % (name.replace("-", "_"), version)
    target = os.path.join(site_packages(python), folder)
    os.makedirs(target, exist_ok=True)
    contents = {"METADATA": text, "INSTALLER": "bench\n", "RECORD": ""}
    for leaf, content in contents.items():
        with open(os.path.join(target, leaf), "w", encoding="utf-8") as stream:
            stream.write(content)


def make_environment(folder, executable, requirements):
    """A virtual environment that holds exactly these pins; made again when they change."""
    stamp = os.path.join(folder, "pins.txt")
    wanted = "\n".join([executable] + requirements) + "\n"
    python = os.path.join(folder, "bin", "python")
    if os.path.exists(stamp):
        with open(stamp, encoding="utf-8") as stream:
            if stream.read() == wanted:
                return python
    shutil.rmtree(folder, ignore_errors=True)
    run([executable, "-m", "venv", folder])
    run([python, "-m", "pip", "install"] + PIP_QUIET + ["--no-deps"] + requirements)
    with open(stamp, "w", encoding="utf-8") as stream:
        stream.write(wanted)
    return python


class Project:
    """One project on one interpreter: an unpacked tree, an environment, and working copies.
    `more` names a list of the registry: what else is in the environment.
    """

    def __init__(self, cache, name, python, more=None):
        registry = load_registry()
        if name not in registry["projects"]:
            raise Unavailable("no project %s in the registry" % name)
        entry = registry["projects"][name]
        release = pick_release(name, entry, python.version)
        self.name = name
        self.version = release["version"]
        self.python_version = python.version
        self.label = "%s-%s-py%s" % (name, self.version, python.name)
        self.cache = os.path.abspath(cache)
        self.entry = entry
        self.args = list(entry["args"])
        requirements = registry["tools"] + entry["requirements"] + release.get("requirements", [])
        if more:
            requirements = requirements + registry[more]
        suffix = "-" + more if more else ""
        folder = os.path.join(self.cache, "envs", self.label + suffix)
        self.python = make_environment(folder, python.executable, requirements)
        self.pytest = os.path.join(folder, "bin", "pytest")
        archive = fetch_archive(self.cache, name, release, self.python)
        self.tree = os.path.join(self.cache, "trees", "%s-%s" % (name, self.version))
        unpack(archive, self.tree)
        write_metadata(self.python, name, self.tree)

    def work_copy(self, purpose):
        """A fresh copy of the tree as a git repository with one commit."""
        target = os.path.join(self.cache, "work", purpose, self.label)
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(self.tree, target, symlinks=True)
        identity = [
            "-c",
            "user.name=bench",
            "-c",
            "user.email=bench@localhost",
            "-c",
            "commit.gpgsign=false",
        ]
        run(["git", "init", "-q"], cwd=target)
        with open(os.path.join(target, ".git", "info", "exclude"), "a", encoding="utf-8") as stream:
            stream.write("__pycache__/\n.pytest_cache/\n*.pyc\n")
        run(["git", "add", "-A", "-f"], cwd=target)
        run(["git"] + identity + ["commit", "-q", "-m", "as released"], cwd=target)
        return target

    def environment(self, work):
        """The variables of a test run: ours out of the way, the copy's sources first."""
        keep = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TERM", "USER", "LOGNAME", "SHELL")
        env = {key: os.environ[key] for key in keep if key in os.environ}
        paths = [os.path.normpath(os.path.join(work, path)) for path in self.entry["path"]]
        env["PYTHONPATH"] = os.pathsep.join(paths + [PLUGIN_DIR])
        env["PYTHONHASHSEED"] = "0"  # otherwise the order of sets alone makes outcomes differ
        env["HYPOTHESIS_STORAGE_DIRECTORY"] = os.path.join(self.cache, "hypothesis")
        return env


def prepare(cache, projects, pythons, more=None):
    """Yields (Python, Project); what cannot be had is said and left out."""
    for python in pythons:
        for name in projects.split(","):
            try:
                yield python, Project(cache, name, python, more)
            except Unavailable as problem:
                print("%s on %s: left out: %s" % (name, python.version, problem), file=sys.stderr)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_arguments(parser)
    options = parser.parse_args()
    for python, project in prepare(
        options.cache, options.projects, select_pythons(options.pythons)
    ):
        print("%-28s %s" % (project.label, python.executable), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
