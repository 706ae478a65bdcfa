#!/usr/bin/env python3
"""Safety and precision by random mutants of real projects.

For every mutant plain pytest is the truth: it runs on the released tree and on the mutated one, and
the tests whose outcomes differ must be among those that the selector executes after the baseline
of the released tree. What is reported, by kind of mutant: changed outcomes, how many of them were
missed, how many were spilled, and the mean fraction of the tests that was selected. Exit status 1
when pyt-diff missed any.

Spilled is a changed outcome that was left out, where the run failed and the test has its old
outcome on the mutated tree as soon as those that were executed do not run before it: another test,
which was selected and failed, leaves something behind that makes it fail.
"""

import argparse
import collections
import itertools
import json
import os
import shutil
import subprocess
import sys
import time

import engines
import mutate
import projects
import runs


class Truth:
    """What plain pytest says about the released tree."""

    def __init__(self, project, work):
        self.project = project
        self.work = work
        first = runs.plain(project, work)
        second = runs.plain(project, work)
        self.outcomes = first.outcomes
        self.flaky = {row[0] for row in runs.differing(first.outcomes, second.outcomes)}
        self.timeout = 60 + 10 * max(first.wall, second.wall)

    def changed(self):
        """({node id: outcome} that the mutated tree changes, exit status, all its outcomes)."""
        first = runs.plain(self.project, self.work, timeout=self.timeout)
        flaky = set(self.flaky)
        rows = runs.differing(self.outcomes, first.outcomes)
        if rows:
            second = runs.plain(self.project, self.work, timeout=self.timeout)
            flaky |= {row[0] for row in runs.differing(first.outcomes, second.outcomes)}
        changed = {row[0]: row[2] for row in rows if row[0] not in flaky and row[2] != "absent"}
        return changed, first.status, first.outcomes

    def spilled(self, nodeids):
        """Those of them that keep their outcome when nothing else runs before."""
        alone = runs.alone(self.project, self.work, nodeids, self.timeout).outcomes
        return {nodeid for nodeid in nodeids if alone.get(nodeid) == self.outcomes.get(nodeid)}


class Mutation:
    """Applies a site to the working copy for the time of a `with` block."""

    def __init__(self, work, site):
        self.work = work
        self.path = os.path.join(work, site.path)
        self.site = site

    def __enter__(self):
        with open(self.path, "rb") as stream:
            self.source = stream.read()
        self.stat = os.stat(self.path)
        with open(self.path, "wb") as stream:
            stream.write(self.site.apply(self.source))
        # Bytecode and selectors compare times, some of them in whole seconds.
        now = max(time.time_ns(), self.stat.st_mtime_ns + 1_000_000_000)
        os.utime(self.path, ns=(now, now))

    def __exit__(self, *exception):
        with open(self.path, "wb") as stream:
            stream.write(self.source)
        os.utime(self.path, ns=(self.stat.st_atime_ns, self.stat.st_mtime_ns))
        self.clean()

    def clean(self):
        """Puts back whatever else the tests of a mutant left behind in the tree."""
        status = ["git", "status", "--porcelain"]
        if subprocess.run(status, cwd=self.work, stdout=subprocess.PIPE, check=True).stdout:
            subprocess.run(["git", "checkout", "-q", "--", "."], cwd=self.work, check=True)
            subprocess.run(["git", "clean", "-fdq"], cwd=self.work, check=True)


class Tally:
    def __init__(self):
        self.mutants = 0
        self.effective = 0
        self.changed = 0
        self.missed = 0
        self.spilled = 0
        self.fractions = []

    def add(self, changed, missed, spilled, fraction):
        self.mutants += 1
        self.effective += 1 if changed else 0
        self.changed += changed
        self.missed += missed
        self.spilled += spilled
        self.fractions.append(fraction)

    def row(self):
        mean = sum(self.fractions) / len(self.fractions) if self.fractions else 0.0
        counts = [self.mutants, self.effective, self.changed, self.missed, self.spilled]
        return counts + ["%.1f %%" % (100 * mean)]


class Measurement:
    """One project: its truth, the selectors with their baselines, and the counts."""

    def __init__(self, project, selectors, work):
        self.project = project
        self.work = work
        self.truth = Truth(project, work)
        self.selectors = selectors
        self.tallies = collections.OrderedDict()
        self.misses = []
        self.log = []
        print(
            "%s: %d tests, %d of them flaky under plain pytest"
            % (project.label, len(self.truth.outcomes), len(self.truth.flaky)),
            flush=True,
        )
        for selector in selectors:
            baseline = selector.baseline()
            lost = runs.differing(self.truth.outcomes, baseline.outcomes)
            lost = [row for row in lost if row[0] not in self.truth.flaky]
            print(
                "%s: baseline, exit %d, %d outcomes unlike plain pytest"
                % (selector.name, baseline.status, len(lost)),
                flush=True,
            )
            selector.save()

    def judge(self, selector, site, changed, status):
        """Runs one selector on the mutated tree and counts."""
        selector.restore()
        try:
            run = selector.select(timeout=self.truth.timeout + 120)
        except runs.Timeout:
            print("  %s: %s: did not end in time" % (selector.name, site), flush=True)
            return
        missed = sorted(set(changed) - set(run.outcomes))
        spilled = self.truth.spilled(missed) if missed and run.status == 1 else set()
        missed = [nodeid for nodeid in missed if nodeid not in spilled]
        if not changed and status not in (0, 1, 5) and run.status in (0, 5):
            # Nothing could run at all, a broken conftest for example: that must show.
            missed = ["(exit status %d, not %d)" % (run.status, status)]
        wrong = [n for n in changed if n in run.outcomes and run.outcomes[n] != changed[n]]
        executed = sum(1 for nodeid in run.outcomes if nodeid in self.truth.outcomes)
        fraction = executed / max(1, len(self.truth.outcomes))
        for kind in (site.kind, "all"):
            self.tallies.setdefault((selector.name, kind), Tally()).add(
                len(changed), len(missed), len(spilled), fraction
            )
        row = {
            "selector": selector.name,
            "kind": site.kind,
            "site": str(site),
            "changed": len(changed),
            "missed": missed,
            "spilled": sorted(spilled),
            "executed": executed,
            "unlike plain": len(wrong),
            "exit": run.status,
            "plain exit": status,
        }
        self.log.append(row)
        print(
            "  %-9s changed %4d, executed %4d, missed %d%s%s%s"
            % (
                selector.name,
                len(changed),
                executed,
                len(missed),
                ", spilled %d" % len(spilled) if spilled else "",
                ", outcome unlike plain %d" % len(wrong) if wrong else "",
                ", exit %d, plain %d" % (run.status, status) if status > 1 else "",
            ),
            flush=True,
        )
        if missed:
            self.misses.append((selector.name, site, missed))

    def mutant(self, number, site):
        print("%d: %s" % (number, site), flush=True)
        with Mutation(self.work, site):
            try:
                changed, status, _ = self.truth.changed()
            except runs.Timeout:
                print("  plain pytest does not end on it: left out", flush=True)
                return False
            if not self.selectors:
                print("  changed %4d, exit %d" % (len(changed), status), flush=True)
            for selector in self.selectors:
                self.judge(selector, site, changed, status)
        return True

    def report(self):
        print("\n%s" % self.project.label)
        header = ["selector", "kind", "mutants", "effective", "changed", "missed", "spilled"]
        header.append("selected")
        order = list(mutate.KINDS) + ["all"]

        def rank(key):
            return key[0] != "pyt-diff", key[0], order.index(key[1])

        keys = sorted(self.tallies, key=rank)
        runs.print_table(header, [[key[0], key[1]] + self.tallies[key].row() for key in keys])
        for name, site, missed in self.misses:
            print("missed by %s: %s" % (name, site))
            for nodeid in missed[:5]:
                print("    %s" % nodeid)
            if len(missed) > 5:
                print("    and %d more" % (len(missed) - 5))


def make_selectors(options, project, work):
    state = os.path.join(project.cache, "state", project.label)
    shutil.rmtree(state, ignore_errors=True)
    selectors = []
    if options.pyt_diff:
        selectors.append(engines.PytDiff(options.pyt_diff, project, work, state))
    if options.peers:
        selectors.append(engines.Testmon(project, work, state))
        selectors.append(engines.Difftest(project, work, state))
    return selectors


def measure(options, project):
    work = project.work_copy("mutants")
    measurement = Measurement(project, make_selectors(options, project, work), work)
    kinds = options.kinds.split(",")
    sites = mutate.choose(work, project.entry, options.seed, kinds)
    if options.only:
        sites = itertools.islice(sites, options.only - 1, options.only)
    done = 0
    for number, site in enumerate(sites, options.only or 1):
        done += measurement.mutant(number, site)
        if done == options.count:
            break
    measurement.report()
    return measurement


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    projects.add_arguments(parser, projects="click,flask,marshmallow")
    parser.add_argument("--project", dest="projects", help="the same as --projects")
    parser.add_argument("--pyt-diff", metavar="BIN", help="without it the others only")
    parser.add_argument("--count", type=int, default=40, help="mutants per project")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kinds", default=",".join(mutate.KINDS), help="default: %(default)s")
    parser.add_argument("--only", type=int, metavar="N", help="the Nth mutant of this seed alone")
    parser.add_argument("--peers", action="store_true", help="testmon and difftest too")
    parser.add_argument("--json", metavar="FILE", help="every mutant with its result")
    options = parser.parse_args()
    pythons = projects.select_pythons(options.pythons)
    log, failed, measured = [], False, 0
    more = "peers" if options.peers else None
    for _, project in projects.prepare(options.cache, options.projects, pythons, more):
        measurement = measure(options, project)
        measured += 1
        failed |= any(miss[0] == "pyt-diff" for miss in measurement.misses)
        log += [dict(row, project=project.label) for row in measurement.log]
    if options.json:
        with open(options.json, "w", encoding="utf-8") as stream:
            json.dump(log, stream, indent=1)
    return 1 if failed or not measured else 0


if __name__ == "__main__":
    sys.exit(main())
