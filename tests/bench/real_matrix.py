#!/usr/bin/env python3
"""Real projects under pyt-diff and under plain pytest, on every interpreter that is named.

For each: the outcome of every test of a recorded run equals plain pytest's, and so does the exit
status; a second run executes nothing and exits 0; the same with two pytest-xdist workers; after the
same small changes the records of both runs select the same tests. Exit status 1 on any difference.
"""

import argparse
import itertools
import json
import os
import shutil
import subprocess
import sys

import mutants
import mutate
import projects
import runs

FAILING = ("failed", "error", "collect-error")


class Case:
    """One project on one interpreter."""

    def __init__(self, options, project):
        self.options = options
        self.project = project
        self.work = project.work_copy("matrix")
        self.plain = runs.plain(project, self.work)
        self.problems = []
        self.caches = {}

    def cache(self, label):
        if label not in self.caches:
            path = os.path.join(self.project.cache, "state", self.project.label + "-" + label)
            shutil.rmtree(path, ignore_errors=True)
            self.caches[label] = path
        return self.caches[label]

    def run(self, label, own, extra):
        return runs.pyt_diff(
            self.options.pyt_diff, self.project, self.work, self.cache(label), own, extra
        )

    def problem(self, text, rows=(), output=""):
        self.problems.append(text)
        print("%s: %s" % (self.project.label, text), flush=True)
        for nodeid, expected, actual in list(rows)[:8]:
            print("    %s: %s, under pyt-diff %s" % (nodeid, expected, actual))
        if len(rows) > 8:
            print("    and %d more" % (len(rows) - 8))
        if output:
            print("    " + "\n    ".join(output.strip().splitlines()[-15:]))

    def stable(self, rows, extra):
        """The differences that plain pytest, run again the same way, does not show by itself."""
        if not rows:
            return rows
        again = runs.plain(self.project, self.work, extra)
        flaky = {row[0] for row in runs.differing(self.plain.outcomes, again.outcomes)}
        return [row for row in rows if row[0] not in flaky]

    def recorded(self, label, extra=()):
        """The recorded run, compared with plain pytest. Returns the cell of the table."""
        run = self.run(label, ["--baseline"], extra)
        rows = self.stable(runs.differing(self.plain.outcomes, run.outcomes), extra)
        if rows:
            self.problem("%s: %d outcomes differ" % (label, len(rows)), rows, run.output)
            return "%d differ" % len(rows)
        if run.status != self.plain.status:
            text = "%s: exit status %d, not %d" % (label, run.status, self.plain.status)
            self.problem(text, (), run.output)
            return "exit %d" % run.status
        return "equal"

    def second(self, label, extra=()):
        """Nothing has changed: only what failed runs again."""
        failing = {n: word for n, word in self.plain.outcomes.items() if word in FAILING}
        run = self.run(label, [], extra)
        unexpected = sorted(set(run.outcomes) - set(failing))
        wanted = 0 if not failing else self.plain.status
        if unexpected or run.status != wanted:
            text = "%s: second run executed %d tests that it need not, exit status %d" % (
                label,
                len(unexpected),
                run.status,
            )
            rows = [(n, "not executed", run.outcomes[n]) for n in unexpected]
            self.problem(text, rows, run.output)
            return "%d, exit %d" % (len(run.outcomes), run.status)
        words = "none" if not failing else "%d failing" % len(failing)
        started = "test session starts" in run.output
        return words + ", pytest started" if started and not failing else words

    def selection(self, label):
        """The node ids that would run now, by --dry-run --json; no Python is started for it."""
        command = [os.path.abspath(self.options.pyt_diff), "--python", self.project.python]
        command += ["--cache-dir", self.cache(label), "--dry-run", "--json"]
        command += runs.PLUGIN_ARGS + (["-n", "2"] if label == "xdist" else []) + self.project.args
        done = subprocess.run(
            command,
            cwd=self.work,
            env=self.project.environment(self.work),
            stdin=subprocess.DEVNULL,
            capture_output=True,
        )
        try:
            selected = {test["nodeid"] for test in json.loads(done.stdout.decode())["tests"]}
            # Tests that the arguments leave out are known to be there, but are not for comparing.
            return selected & set(self.plain.outcomes)
        except (ValueError, KeyError):
            return {"no JSON: %s" % done.stderr.decode("utf-8", "replace")[-200:]}

    def same_selection(self):
        """Serial and distributed records must agree on what a change affects."""
        sites = mutate.choose(self.work, self.project.entry, 7, ["body"])
        differ = 0
        for site in itertools.islice(sites, self.options.changes):
            with mutants.Mutation(self.work, site):
                serial, spread = self.selection("serial"), self.selection("xdist")
            if serial != spread:
                differ += 1
                rows = [(n, "selected", "not with -n 2") for n in sorted(serial - spread)]
                rows += [(n, "not selected", "selected with -n 2") for n in sorted(spread - serial)]
                self.problem("selections differ after %s" % site, rows)
        return "%d differ" % differ if differ else "equal"

    def measure(self):
        words = list(self.plain.outcomes.values())
        failing = sum(words.count(word) for word in FAILING)
        row = [self.project.label, len(words), failing]
        row += [self.recorded("serial"), self.second("serial")]
        if self.options.no_xdist:
            return row + ["-", "-", "-"]
        row += [self.recorded("xdist", ["-n", "2"]), self.second("xdist", ["-n", "2"])]
        return row + [self.same_selection()]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    projects.add_arguments(parser)
    parser.add_argument("--pyt-diff", metavar="BIN", required=True)
    parser.add_argument("--no-xdist", action="store_true", help="leave out the runs with -n 2")
    parser.add_argument("--changes", type=int, default=5, help="changes to compare selections by")
    options = parser.parse_args()
    pythons = projects.select_pythons(options.pythons)
    rows, problems = [], 0
    for _, project in projects.prepare(options.cache, options.projects, pythons):
        case = Case(options, project)
        rows.append(case.measure())
        problems += len(case.problems)
    print()
    header = ["project", "tests", "failing", "recorded", "again", "-n 2", "again", "selection"]
    runs.print_table(header, rows)
    print("\ninterpreters: " + ", ".join("%s (%s)" % (p.version, p.executable) for p in pythons))
    wanted = len(pythons) * len(options.projects.split(","))
    if len(rows) < wanted:
        print("%d of %d combinations could not be had" % (wanted - len(rows), wanted))
    return 1 if problems or not rows else 0


if __name__ == "__main__":
    sys.exit(main())
