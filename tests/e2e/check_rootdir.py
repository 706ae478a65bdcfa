"""Compare our search for rootdir and configuration with pytest's own, on random trees.

Usage: python check_rootdir.py DRIVER [--count N] [--seed S]

DRIVER is tests/fuzz/project_dump.c, built. The interpreter decides which pytest is compared.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import json
import os
import random
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from _pytest.cacheprovider import Cache
from _pytest.config import get_config
from _pytest.config.findpaths import determine_setup

VERSION = [int(part) for part in pytest.__version__.split(".")[:2]]
VALUES = {
    "python_files": ["check_*.py", "test_*.py  tests.py", "'a b.py' *_t.py", "", "*/unit/*.py"],
    "testpaths": ["tests", "a b/c", "tests\n  more", "'quoted dir' x"],
    "cache_dir": [".cache", "$PROBE/x", "~/y", "/tmp/z", "${PROBE}a/../b", "~nobody_here/c"],
    "addopts": ["-q", "-k 'a or b'", "-o cache_dir=from_addopts", '-m "x"\n   --lf # no comment',
                "--override-ini=python_files=over_*.py"],
    "markers": ["slow: x", "a\n  b: c", "[x", "x ; y"],
}  # fmt: skip
TOML_VALUES = {
    "python_files": [
        '"check_*.py"',
        "[\"a_*.py\", 'b b.py']",
        "[\n  'x.py', # one\n  \"y.py\",\n]",
    ],
    "testpaths": ['["tests", "a b"]', '"tests more"', "'''\ntests\nmore'''"],
    "cache_dir": ['".cache"', "'$PROBE/x'", '"\\u0061\\tb"', '"""\\\n   joined"""'],
    "addopts": ['"-q -k x"', '["-k", "a or b"]', '["-o", "cache_dir=from list"]', '""'],
    "xfail_strict": ["true", "false"],
    "markers": ["[]", '["a: b", """c\nd""",]', '["#", "]", \'"\']'],
}
NATIVE = {
    "python_files": ['["a_*.py", "b b.py"]', "[]"],
    "cache_dir": ['".cache"', "'n'"],
    "addopts": ['["-k", "a or b"]'],
    "xfail_strict": ["true"],
}
OTHER_TOML = [
    '[project]\nname = "x"\nversion = "1.0"\ndependencies = [\n  "a>=1",\n  "[tool.pytest]",\n]\n',
    "[tool.black]\nline-length = 1_000\nexclude = '''\n/(\n    \\.git[x]\n)/\n'''\n",
    '[[tool.mypy.overrides]]\nmodule = ["a.*"]\nx = {a = 1, "b.c" = [1, {d = 2}]}\n',
    '[a."b.c"."tool.pytest"]\nd = 1979-05-27 07:32:00Z\ne = -inf\n',
    '["tool"."black"]\n[tool . ruff . "lint"]\nselect = ["E"] # x = [\n',
    '[x]\ny = """a "quoted\\" [tool.pytest.ini_options] """"\nz = \'\'\'it\'\'\'\'\n',
]
OTHER_INI = [
    "[metadata]\nname = x\ndescription = a\n  b\n",
    "[flake8]\nignore =\n    E1\n    E2\n",
    "[tox]\nenvlist : py3\n# comment\n; comment\n",
    "[options] ; note\nx = [y]\n",
]
BROKEN = ["[pytest\n", "no section = 1\n", "[a]\nword\n", "[pytest]\na = 1\na = 2\n", "[a]\n[a]\n"]


def pairs(rng: random.Random, values: dict[str, list[str]], sign: str) -> str:
    keys = rng.sample(sorted(values), rng.randint(0, 3))
    return "".join(f"{key}{sign}{rng.choice(values[key])}\n" for key in keys)


def ini_text(rng: random.Random, section: str) -> str:
    parts = rng.sample(OTHER_INI, rng.randint(0, 2))
    if rng.random() < 0.6:
        body = pairs(rng, VALUES, rng.choice([" = ", "=", ": "]))
        parts.append(f"[{section}]{rng.choice(['', ' # note', ' ; note'])}\n# x\n{body}\n")
    if rng.random() < 0.03:
        parts.append(rng.choice(BROKEN))
    rng.shuffle(parts)
    text = "".join(parts)
    return text.replace("\n", "\r\n") if rng.random() < 0.1 else text


def inline_table(rng: random.Random) -> str:
    items = [f"{k} = {rng.choice(v)}" for k, v in TOML_VALUES.items() if rng.random() < 0.3]
    return "{" + ", ".join(item for item in items if "\n" not in item) + "}"


def pytest_table(rng: random.Random) -> str:
    body = pairs(rng, TOML_VALUES, " = ")
    native = pairs(rng, NATIVE, "=")
    return rng.choice([
        "[tool.pytest.ini_options]\n" + body,
        '[tool."pytest".ini_options] # x\n' + body,
        "[tool.pytest]\n" + "".join(f"ini_options.{line}\n" for line in ["minversion = '6'"]),
        "[tool]\npytest.ini_options = " + inline_table(rng) + "\n",
        "[tool.pytest]\n" + native,
        "[tool.pytest]\n",
        "[tool.pytest.plugin]\nx = 1\n",
    ])  # fmt: skip


def toml_text(rng: random.Random, own: bool) -> str:
    parts = rng.sample(OTHER_TOML, rng.randint(0, 3))
    if rng.random() < 0.5:
        parts.append(pytest_table(rng))
    if own and rng.random() < 0.6:
        parts.append("[pytest]\n" + pairs(rng, NATIVE, " = "))
    if rng.random() < 0.02:
        parts.append(rng.choice(["[x\n", 'y = "\n', "= 1\n"]))
    rng.shuffle(parts)
    return "".join(parts)


def make_file(rng: random.Random, directory: Path) -> None:
    name = rng.choice([
        "pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini", "tox.ini", "setup.cfg",
        "pyproject.toml", "pyproject.toml", "pyproject.toml", "setup.py", "setup.py",
        "test_a.py", "custom.toml", "custom.cfg", "4",
    ])  # fmt: skip
    path = directory / name
    if path.exists():
        return
    if rng.random() < 0.03:
        path.mkdir()
    elif name.endswith(".toml"):
        path.write_text(toml_text(rng, name != "pyproject.toml"))
    elif name.endswith(".ini"):
        path.write_bytes(ini_text(rng, "pytest").encode())
    elif name.endswith(".cfg"):
        path.write_bytes(ini_text(rng, "tool:pytest").encode())
    else:
        path.write_text("")


def make_tree(rng: random.Random, top: Path) -> list[Path]:
    dirs = [top]
    for _ in range(rng.randint(0, 5)):
        path = rng.choice(dirs) / rng.choice(["tests", "src", "a b", "unit"])
        path.mkdir(exist_ok=True)
        dirs.append(path)
    if rng.random() < 0.2:
        link = rng.choice(dirs) / "link"
        link.symlink_to(rng.choice(dirs))
        dirs.append(link)
    for _ in range(rng.choice([0, 1, 1, 2, 3, 6])):
        make_file(rng, rng.choice(dirs))
    return dirs


def path_args(rng: random.Random, dirs: list[Path]) -> list[str]:
    args = []
    for _ in range(rng.choice([0, 0, 1, 1, 2, 3])):
        path = rng.choice(dirs)
        name = rng.choice(
            ["", "", "test_a.py", "test_a.py::t[a::b]", "missing", "../", "x::y", "/"]
        )
        text = os.path.join(str(path) if rng.random() < 0.3 else os.path.relpath(path), name)
        args.append(text if name != "/" or rng.random() < 0.9 else "/")
    return args


def option_args(rng: random.Random, dirs: list[Path]) -> list[str]:
    some = os.path.relpath(rng.choice(dirs))
    file = os.path.join(
        some, rng.choice(["custom.toml", "custom.cfg", "pytest.ini", "pyproject.toml"])
    )
    return rng.choice([
        [], [], [], [], ["-x"], ["-vv"], ["-k", some], ["-n", "4"], ["--cov", some],
        ["--cov=" + some],
        ["--rootdir", some], ["--rootdir=$PROBE_DIR"], ["-c", file], ["--config-file=" + file],
        ["-c", "/dev/null"], ["-o", "cache_dir=over"], ["-opython_files=o_*.py"],
        ["--override-ini", "addopts=-o cache_dir=deep"], ["--deselect", some], ["-p", "no:doctest"],
        ["-rA"], ["--tb", "short"], ["--debug"], ["--", some], ["--unknown"], ["--unknown=" + some],
        ["--reruns", "4"], ["--ignore", some],
    ])  # fmt: skip


def expected(args: list[str]) -> dict[str, Any]:
    config = get_config()
    args = shlex.split(os.environ.get("PYTEST_ADDOPTS", "")) + args
    if hasattr(config, "_initini"):
        config._initini(args)
    else:
        namespace = config._parser.parse_known_args(args, namespace=copy.copy(config.option))
        config._rootpath, config._inipath, config._inicfg, *_ = determine_setup(
            inifile=namespace.inifilename,
            override_ini=namespace.override_ini,
            args=namespace.file_or_dir,
            rootdir_cmd_arg=namespace.rootdir or None,
            invocation_dir=config.invocation_params.dir,
        )
        config._parser.addini("addopts", "Extra command line options", "args")
        if VERSION >= [9, 1]:
            from _pytest.config.findpaths import parse_override_ini

            words = config.getini("addopts") + args
            known = config._parser.parse_known_args(words, namespace=copy.copy(config.option))
            config._inicfg.update(parse_override_ini(known.override_ini))
            config._inicache.clear()
    inifile = config.inipath
    addopts = config.getini("addopts")
    return {
        "rootdir": os.path.realpath(config.rootpath),
        "inifile": inifile and os.path.join(os.path.realpath(inifile.parent), inifile.name),
        "addopts": addopts,
        "python_files": config.getini("python_files"),
        "testpaths": config.getini("testpaths"),
        "cache_dir": os.path.realpath(
            Cache.cache_dir_from_config(config, _ispytest=True) / "pyt-diff"
        ),
    }


def ours(driver: str, args: list[str]) -> dict[str, Any]:
    version = str(VERSION[0] * 100 + VERSION[1])
    done = subprocess.run([driver, version, *args], capture_output=True, text=True, check=True)
    raw = json.loads(done.stdout)
    if raw["status"] == 0:
        for key in ["python_files", "testpaths"]:
            raw[key] = [raw[f"{key}.{i}"] for i in range(raw[key])]
    return raw


def compare(driver: str, args: list[str]) -> str:
    """'same', 'refused' (by pytest; we may find anything but must not crash), or what differs."""
    mine = ours(driver, args)
    try:
        with contextlib.redirect_stderr(None):
            theirs = expected(list(args))
    except (Exception, SystemExit, pytest.fail.Exception):
        return "refused"
    if mine["status"] != 0:
        return f"error: {mine['error']}\n  pytest: {theirs}"
    mine["cache_dir"] = os.path.realpath(mine["cache_dir"])
    mine["addopts"] = shlex.split(mine["addopts"])
    wrong = [
        f"{key}: ours {mine[key]!r}, pytest's {theirs[key]!r}"
        for key in theirs
        if mine[key] != theirs[key]
    ]
    return "\n  ".join(wrong) or "same"


def show_tree(top: Path) -> None:
    for path in sorted(top.rglob("*")):
        print(f"--- {path.relative_to(top)}{'/' if path.is_dir() else ''}")
        if path.is_file() and not path.is_symlink():
            print(path.read_text(), end="")


def one_case(driver: str, seed: int, base: Path) -> str:
    rng = random.Random(seed)
    top = base / "top"
    top.mkdir()
    try:
        dirs = make_tree(rng, top)
        os.environ["PROBE"] = "probe"
        os.environ["PROBE_DIR"] = str(rng.choice(dirs))
        os.chdir(rng.choice(dirs))
        paths = path_args(rng, dirs)
        cut = rng.randint(0, len(paths))
        args = paths[:cut] + option_args(rng, dirs) + paths[cut:]
        os.environ.pop("PYTEST_ADDOPTS", None)
        if rng.random() < 0.1:
            os.environ["PYTEST_ADDOPTS"] = shlex.join(option_args(rng, dirs))
        result = compare(driver, args)
        if result not in ("same", "refused"):
            env = os.environ.get("PYTEST_ADDOPTS")
            print(f"case {seed}: cwd {os.getcwd()} args {args} env {env}\n  {result}")
            show_tree(top)
        return result
    finally:
        os.chdir(base)
        shutil.rmtree(top)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("driver")
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    driver = os.path.abspath(options.driver)
    counts = {"same": 0, "refused": 0, "different": 0}
    with tempfile.TemporaryDirectory() as base:
        for seed in range(options.seed, options.seed + options.count):
            result = one_case(driver, seed, Path(base).resolve())
            counts[result if result in counts else "different"] += 1
            if counts["different"] >= 5:
                break
    print(f"pytest {pytest.__version__}: {counts}")
    return 1 if counts["different"] or not counts["same"] else 0


if __name__ == "__main__":
    sys.exit(main())
