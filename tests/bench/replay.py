#!/usr/bin/env python3
"""Replays of a project's history: its consecutive releases, and commit-like edits.

At every step plain pytest runs everything and is the truth; each selector goes on from its own
records of the step before. Reported per selector: outcomes that changed and were not executed,
the fraction of the tests that ran, and the CPU time of all its runs against that of running
everything each time. The first run, which records, counts; so do the steps that change everything.
Exit status 1 when pyt-diff left out a changed outcome.
"""

import argparse
import json
import os
import shutil
import sys
import time

import edits
import engines
import projects
import runs


def files_below(top):
    found = {}
    for base, folders, names in os.walk(top):
        folders[:] = [name for name in folders if name not in (".git", "__pycache__")]
        for name in names:
            path = os.path.join(base, name)
            found[os.path.relpath(path, top)] = path
    return found


def content(path):
    if os.path.islink(path):
        return os.readlink(path).encode()
    with open(path, "rb") as stream:
        return stream.read()


def check_out(tree, work):
    """Makes `work` like `tree` as git would: files that are equal are not touched."""
    wanted, there = files_below(tree), files_below(work)
    changed = 0
    for name, path in there.items():
        if name not in wanted and not name.startswith(".pytest_cache"):
            os.unlink(path)
            changed += 1
    for name, path in wanted.items():
        target = os.path.join(work, name)
        if name in there and content(path) == content(target):
            continue
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if os.path.lexists(target):
            os.unlink(target)
        shutil.copy(path, target, follow_symlinks=False)
        os.utime(target, follow_symlinks=False)
        changed += 1
    return changed


class Releases:
    """The releases of the registry from the oldest on."""

    name = "releases"

    def __init__(self, project):
        earlier = project.entry.get("earlier")
        if not earlier:
            raise projects.Unavailable("no earlier releases of it are registered")
        self.trees = []
        for release in earlier:
            archive = projects.fetch_archive(project.cache, project.name, release, project.python)
            tree = os.path.join(
                project.cache, "trees", "%s-%s" % (project.name, release["version"])
            )
            projects.unpack(archive, tree)
            self.trees.append((release["version"], tree))
        self.trees.append((project.version, project.tree))

    def begin(self, works):
        for work in works:
            check_out(self.trees[0][1], work)

    def steps(self, works):
        for version, tree in self.trees[1:]:
            changed = [check_out(tree, work) for work in works]
            yield "%s, %d files" % (version, changed[0])


class Commits:
    """Generated edits, each on top of those before."""

    name = "commits"

    def __init__(self, project, seed, count):
        self.entry = project.entry
        self.seed = seed
        self.count = count

    def begin(self, works):
        self.editors = [edits.Editor(work, self.entry, self.seed) for work in works]

    def steps(self, works):
        for _ in range(self.count):
            said = [editor.commit() for editor in self.editors]
            yield said[0]


class Contender:
    """One selector on its way through the history."""

    def __init__(self, selector, project, work):
        self.selector = selector
        self.project = project
        self.work = work
        self.before = {}
        self.plain_cpu = self.cpu = 0.0
        self.changed = self.executed = self.total = 0
        self.misses = []

    def first(self):
        self.truth()
        run = self.selector.baseline(plugin=True)
        self.cpu += run.user + run.system

    def truth(self):
        """Runs everything; the outcomes that are not as they were at the last step."""
        run = runs.plain(self.project, self.work)
        self.plain_cpu += run.user + run.system
        rows = runs.differing(self.before, run.outcomes)
        self.before = run.outcomes
        return {row[0] for row in rows if row[2] != "absent"}

    def step(self, what):
        changed = self.truth()
        run = self.selector.select()
        self.cpu += run.user + run.system
        missed = sorted(changed - set(run.outcomes))
        if missed:
            again = runs.plain(self.project, self.work).outcomes
            flaky = {row[0] for row in runs.differing(self.before, again)}
            missed = [nodeid for nodeid in missed if nodeid not in flaky]
        self.changed += len(changed)
        self.total += len(self.before)
        self.executed += sum(1 for nodeid in run.outcomes if nodeid in self.before)
        self.misses += [(what, nodeid) for nodeid in missed]
        print(
            "  %-9s changed %4d, executed %4d of %d, missed %d, exit %d"
            % (
                self.selector.name,
                len(changed),
                len(run.outcomes),
                len(self.before),
                len(missed),
                run.status,
            ),
            flush=True,
        )

    def row(self):
        return [
            self.selector.name,
            self.changed,
            len(self.misses),
            "%.1f %%" % (100.0 * self.executed / max(1, self.total)),
            "%.2f" % (self.cpu / self.plain_cpu),
        ]


def make_contenders(options, clean, peers, history):
    state = os.path.join(clean.cache, "state", "%s-replay-%s" % (clean.label, history.name))
    shutil.rmtree(state, ignore_errors=True)
    found = []
    work = clean.work_copy("replay")
    if options.pyt_diff:
        found.append(Contender(engines.PytDiff(options.pyt_diff, clean, work, state), clean, work))
    if peers is not None:
        for kind in (engines.Testmon, engines.Difftest):
            place = peers.work_copy("replay-" + kind.name)
            found.append(Contender(kind(peers, place, state), peers, place))
    return found


def replay(options, clean, peers, history):
    contenders = make_contenders(options, clean, peers, history)
    works = [contender.work for contender in contenders]
    history.begin(works)
    for contender in contenders:
        contender.first()
    for number, what in enumerate(history.steps(works), 1):
        print("%s %d: %s" % (clean.label, number, what), flush=True)
        time.sleep(1.1)  # bytecode is valid by time stamps in whole seconds
        for contender in contenders:
            contender.step(what)
    print("\n%s, %s" % (clean.label, history.name))
    header = ["selector", "changed", "missed", "executed", "CPU against all"]
    runs.print_table(header, [contender.row() for contender in contenders])
    for contender in contenders:
        for what, nodeid in contender.misses[:10]:
            print("missed by %s at %s: %s" % (contender.selector.name, what, nodeid))
    print(flush=True)
    return [
        {
            "project": clean.label,
            "history": history.name,
            "selector": contender.selector.name,
            "changed": contender.changed,
            "missed": contender.misses,
            "executed": contender.executed,
            "total": contender.total,
            "cpu": contender.cpu,
            "plain_cpu": contender.plain_cpu,
        }
        for contender in contenders
    ]


def histories(options, project):
    kinds = options.histories.split(",")
    if "releases" in kinds:
        try:
            yield Releases(project)
        except projects.Unavailable as problem:
            print("%s: no replay of releases: %s" % (project.label, problem), file=sys.stderr)
    if "commits" in kinds:
        yield Commits(project, options.seed, options.commits)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    projects.add_arguments(parser, projects="click,flask,marshmallow")
    parser.add_argument("--pyt-diff", metavar="BIN", help="without it the others only")
    parser.add_argument("--peers", action="store_true", help="testmon and difftest too")
    parser.add_argument("--histories", default="releases,commits", help="default: %(default)s")
    parser.add_argument("--commits", type=int, default=12, help="how many are generated")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", metavar="FILE", help="the counts of every selector")
    options = parser.parse_args()
    log = []
    pythons = projects.select_pythons(options.pythons)
    for python, clean in projects.prepare(options.cache, options.projects, pythons):
        peers = None
        if options.peers:
            found = list(projects.prepare(options.cache, clean.name, [python], more="peers"))
            peers = found[0][1] if found else None
        for history in histories(options, clean):
            log += replay(options, clean, peers, history)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as stream:
            json.dump(log, stream, indent=1)
    return 1 if not log or any(r["missed"] for r in log if r["selector"] == "pyt-diff") else 0


if __name__ == "__main__":
    sys.exit(main())
