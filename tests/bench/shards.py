#!/usr/bin/env python3
"""What a baseline made in parts selects, beside one made in one run.

Records a project in one run, and in parts by --shard I/N that are merged. For random mutants the
selections from both are compared, test by test. How evenly the recorded time of the one run is
shared out is said as well. Exit status 1 when a changed outcome is in neither, or in one only.
"""

import argparse
import json
import os
import shutil
import sqlite3
import subprocess
import sys

import engines
import mutants
import mutate
import projects
import runs


def record(options, project, work, state):
    """The caches of the whole and of the merged parts."""
    whole = engines.PytDiff(
        options.pyt_diff, project, work, runs.empty_directory(os.path.join(state, "whole"))
    )
    done = whole.baseline(plugin=False)
    print("one run: exit %d" % done.status, flush=True)
    parts = []
    for i in range(1, options.shards + 1):
        cache = runs.empty_directory(os.path.join(state, "part%d" % i))
        own = ["--baseline", "--shard", "%d/%d" % (i, options.shards)]
        done = runs.pyt_diff(options.pyt_diff, project, work, cache, own, plugin=False)
        print("part %d: exit %d" % (i, done.status), flush=True)
        parts.append(cache)
    merged = runs.empty_directory(os.path.join(state, "merged"))
    command = [options.pyt_diff, "merge", os.path.join(merged, "pyt-diff.db")] + parts
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return whole.state, merged


def dry_run(options, project, work, cache, own=()):
    """Node ids that would run; in the environment of all runs, which tests read."""
    scratch = runs.empty_directory(cache + ".now")
    shutil.copytree(cache, scratch, dirs_exist_ok=True)
    answer = cache + ".json"
    own = ["--dry-run", "--json", "--output-file", answer, *own]
    done = runs.pyt_diff(options.pyt_diff, project, work, scratch, own, plugin=False)
    if done.status != 0:
        sys.exit("pyt-diff --dry-run: exit %d\n%s" % (done.status, done.output))
    with open(answer, encoding="utf-8") as stream:
        return {test["nodeid"] for test in json.load(stream)["tests"]}


def durations(cache):
    with sqlite3.connect(os.path.join(cache, "pyt-diff.db")) as db:
        rows = db.execute(
            "SELECT name, duration_us FROM record JOIN node ON node.id = node_id WHERE is_file = 0"
        )
        return dict(rows.fetchall())


def say_balance(options, project, work, whole):
    known = durations(whole)
    sums = []
    for i in range(1, options.shards + 1):
        own = ["--mode", "all", "--shard", "%d/%d" % (i, options.shards)]
        sums.append(sum(known.get(name, 0) for name in dry_run(options, project, work, whole, own)))
    mean = sum(sums) / len(sums)
    spread = max(abs(value - mean) for value in sums) / mean if mean else 0.0
    print("recorded time of a part: at most %.2f %% from the mean" % (100 * spread), flush=True)


def compare(options, project):
    work = project.work_copy("shards")
    state = os.path.join(project.cache, "state", project.label + "-shards")
    truth = mutants.Truth(project, work)
    whole, merged = record(options, project, work, state)
    say_balance(options, project, work, whole)
    equal, failed, rows = 0, False, []
    sites = mutate.choose(work, project.entry, options.seed)
    for _, site in zip(range(options.count), sites):
        with mutants.Mutation(work, site):
            changed = set(truth.changed()[0])
            one = dry_run(options, project, work, whole)
            other = dry_run(options, project, work, merged)
        equal += one == other
        only_one, only_other = len(one - other), len(other - one)
        failed |= bool(changed - one) or bool(changed - other)
        rows.append([str(site), len(changed), len(one), only_one, only_other])
        if one != other:
            print("%s: %d only in one run, %d only in parts" % (site, only_one, only_other))
    print("%s: %d of %d selections are equal" % (project.label, equal, len(rows)))
    runs.print_table(["mutant", "changed", "selected", "only in one", "only in parts"], rows)
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    projects.add_arguments(parser, projects="click")
    parser.add_argument("--pyt-diff", metavar="BIN", required=True)
    parser.add_argument("--shards", type=int, default=4)
    parser.add_argument("--count", type=int, default=20, help="mutants per project")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    options.pyt_diff = os.path.abspath(options.pyt_diff)
    pythons = projects.select_pythons(options.pythons)
    failed = False
    for _, project in projects.prepare(options.cache, options.projects, pythons):
        failed |= compare(options, project)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
