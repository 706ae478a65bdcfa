#!/usr/bin/env python3
"""Questions that run no test, in a project of 10,000 source files and 10,000 tests.

Measures graph, affected, stale, map, stats and --since, with nothing changed and after changes.
"""

import argparse
import os
import shutil
import subprocess
import sys

import noop
import projects
import runs


def git(root, *args):
    identity = ["-c", "user.name=bench", "-c", "user.email=bench@example.invalid"]
    projects.run(["git", "-C", root, *identity, *args])


def make_project(folder, scale, ours):
    """The project in a repository, with its tests recorded."""
    root = os.path.join(folder, "project")
    cache = os.path.join(folder, "records")
    for path in (root, cache):
        shutil.rmtree(path, ignore_errors=True)
    layout = noop.Layout(root, scale)
    layout.generate()
    git(root, "init", "-q", "-b", "main", ".")
    with open(os.path.join(root, ".gitignore"), "w", encoding="utf-8") as stream:
        stream.write("__pycache__/\n.pytest_cache/\n")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "made up")
    done = subprocess.run(
        ours + ["--baseline", "-q"], cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    if done.returncode != 0:
        raise SystemExit("the baseline failed:\n%s" % done.stdout.decode()[-2000:])
    return layout


def change_constant(layout):
    package, module = next(layout.modules())
    path = os.path.join(layout.root, "src", package, module + ".py")
    with open(path, encoding="utf-8") as stream:
        text = stream.read()
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(text.replace("LIMIT = 100", "LIMIT = 101"))


def ask(rows, name, command, layout, count, status=0):
    cpu, wall, peak, _ = noop.repeat(command, layout.root, count, status)
    rows.append([name] + ["%.1f" % value for value in (cpu, wall, peak)])


def measure(options, folder):
    python = os.path.abspath(options.python)
    binary = os.path.abspath(options.pyt_diff)
    cache = ["--cache-dir", os.path.join(folder, "records")]
    ours = [binary, "--python", python, *cache]
    layout = make_project(folder, options.scale, ours)
    files = [path for path in layout.files if path.endswith(".py")]
    print("%d Python files, %d test files" % (len(files), layout.test_files), flush=True)
    graph, rows, n = [binary, "graph", *cache], [], options.runs
    store = os.path.join(folder, "records", "imports.cache")
    ask(rows, "graph --json, nothing known", graph + ["--json"], layout, 1)
    ask(rows, "graph --json", graph + ["--json"], layout, n)
    ask(rows, "graph --dot", graph + ["--dot"], layout, n)
    module = "src/pkg000/mod00.py"
    ask(
        rows,
        "graph --transitive --reverse FILE",
        graph + ["--transitive", "--reverse", module],
        layout,
        n,
    )
    ask(rows, "stats", [binary, "stats", *cache], layout, n)
    ask(
        rows,
        "map NODEID",
        [binary, "map", *cache, "tests/test_0000.py::test_0"]
        if os.path.exists(os.path.join(layout.root, "tests/test_0000.py"))
        else [binary, "map", *cache, module],
        layout,
        n,
    )
    ask(rows, "map --json, all of it", [binary, "map", "--json", *cache], layout, n)
    ask(rows, "stale, nothing changed", ours[:1] + ["stale", *ours[1:]], layout, n)
    ask(rows, "affected, nothing changed", ours[:1] + ["affected", *ours[1:]], layout, n)
    ask(rows, "affected FILE", [binary, "affected", *cache, module], layout, n)
    ask(
        rows,
        "--since main --dry-run, nothing changed",
        ours + ["--since", "main", "--dry-run"],
        layout,
        n,
    )
    noop.change_functions(layout, 20)
    before = os.stat(store).st_mtime_ns
    ask(rows, "graph --json, 20 functions changed", graph + ["--json"], layout, n)
    if os.stat(store).st_mtime_ns == before:
        raise SystemExit("the changed files were not looked at")
    ask(rows, "stale, 20 functions changed", ours[:1] + ["stale", *ours[1:]], layout, n, 1)
    ask(rows, "affected, 20 functions changed", ours[:1] + ["affected", *ours[1:]], layout, n)
    ask(
        rows,
        "affected --base main",
        ours[:1] + ["affected", "--base", "main", *ours[1:]],
        layout,
        n,
    )
    ask(rows, "--since main --dry-run", ours + ["--since", "main", "--dry-run"], layout, n)
    change_constant(layout)
    ask(rows, "stale, a constant changed", ours[:1] + ["stale", *ours[1:]], layout, n, 1)
    ask(
        rows,
        "--since main --dry-run, a constant",
        ours + ["--since", "main", "--dry-run"],
        layout,
        n,
    )
    runs.print_table(["", "CPU ms", "wall ms", "peak MB"], rows)
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pyt-diff", metavar="BIN", default=os.environ.get("PYT_DIFF"))
    parser.add_argument("--python", default=sys.executable, help="one with pytest")
    parser.add_argument("--cache", default=projects.DEFAULT_CACHE)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--scale", type=int, default=1, help="divide the size by this")
    options = parser.parse_args()
    if not options.pyt_diff:
        parser.error("--pyt-diff or $PYT_DIFF names the program")
    folder = os.path.join(os.path.abspath(options.cache), "work", "questions")
    os.makedirs(folder, exist_ok=True)
    return measure(options, folder)


if __name__ == "__main__":
    sys.exit(main())
