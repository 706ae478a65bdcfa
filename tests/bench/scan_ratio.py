#!/usr/bin/env python3
"""CPU time of ptd_tree_scan against the floor, stat(2) of the same files.

usage: scan_ratio.py TREE_SCAN STAT_ONLY [FILES [DIRECTORIES [RUNS]]]
"""

import os
import resource
import statistics
import subprocess
import sys
import tempfile


def make_tree(root: str, files: int, directories: int) -> list[str]:
    """About three levels deep, with the usual company of caches and data files."""
    paths = []
    for i in range(directories):
        directory = os.path.join(root, "src", f"package_{i // 50}", f"part_{i % 50}")
        os.makedirs(os.path.join(directory, "__pycache__"))
        for j in range(files // directories):
            paths.append(os.path.join(directory, f"module_{j}.py"))
        for path in [*paths[-(files // directories) :], os.path.join(directory, "data.json")]:
            with open(path, "w") as file:
                file.write("x = 1\n")
    with open(os.path.join(root, ".gitignore"), "w") as file:
        file.write("".join(f"{p}\n" for p in ("*.pyc", "build/", "/dist", "*.log", "docs/_build/")))
    return paths


def cpu_ms(command: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)


def main() -> None:
    tree_scan, stat_only = sys.argv[1:3]
    files, directories, runs = (*map(int, sys.argv[3:6]), *(10000, 500, 30)[len(sys.argv) - 3 :])
    with tempfile.TemporaryDirectory() as top:
        root = os.path.join(top, "project")
        os.mkdir(root)
        paths = make_tree(root, files, directories)
        names = os.path.join(top, "names")
        with open(names, "w") as file:
            file.write("".join(f"{path}\n" for path in paths))
        times: dict[str, list[float]] = {"stat": [], "scan": [], "empty": []}
        os.mkdir(os.path.join(top, "empty"))
        for _ in range(runs):
            times["stat"].append(cpu_ms([stat_only, names]))
            times["scan"].append(cpu_ms([tree_scan, root]))
            times["empty"].append(cpu_ms([tree_scan, os.path.join(top, "empty")]))
    for name, values in times.items():
        print(f"{name}: median {statistics.median(values):.2f} ms, least {min(values):.2f} ms")
    print(f"ratio: {statistics.median(times['scan']) / statistics.median(times['stat']):.2f}")


if __name__ == "__main__":
    main()
