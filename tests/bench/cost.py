#!/usr/bin/env python3
"""What recording costs: user CPU of a full recorded run against plain pytest, in paired runs.

One round runs plain pytest and every selector once, in turn; the ratio is taken within the round,
and the median over the rounds is reported, per project and for all of them together, whose times
are added up round by round. CPU is that of the whole process tree. `pyt-diff, first` starts without
any records, `pyt-diff` has them and is forced to run everything; the others start without records,
as their first run does.
"""

import argparse
import os
import shutil
import statistics
import sys

import engines
import projects
import runs


def fresh(selector):
    for place in selector.places():
        runs.empty_directory(place)


class Contender:
    """A named way to run the whole suite; returns a Run."""

    def __init__(self, name, function):
        self.name = name
        self.function = function
        self.failed = ""

    def __call__(self):
        return self.function()


def contenders(options, clean, peers, work, peer_work):
    state = os.path.join(clean.cache, "state", clean.label + "-cost")
    shutil.rmtree(state, ignore_errors=True)
    result = [Contender("plain", lambda: runs.plain(clean, work, plugin=False))]
    if options.pyt_diff:
        ours = engines.PytDiff(options.pyt_diff, clean, work, state)

        def first():
            fresh(ours)
            return ours.command(["--baseline"], plugin=False)

        result.append(Contender("pyt-diff, first", first))
        again = ["--baseline", "--force"]
        result.append(Contender("pyt-diff", lambda: ours.command(again, plugin=False)))
    if peers is not None:
        for kind in (engines.Testmon, engines.Difftest):
            selector = kind(peers, peer_work, state)

            def baseline(selector=selector):
                fresh(selector)
                return selector.baseline(plugin=False)

            result.append(Contender(selector.name, baseline))
    return result


def measure(options, clean, peers):
    """{name: [(user CPU of plain, of the contender) by round]} of one project."""
    work = clean.work_copy("cost")
    peer_work = peers.work_copy("cost-peers") if peers is not None else None
    everyone = contenders(options, clean, peers, work, peer_work)
    expected = runs.plain(clean, work).status
    if peer_work:
        runs.plain(peers, peer_work)  # writes the bytecode, as the line above does
    times = {contender.name: [] for contender in everyone}
    for _ in range(options.runs):
        base = None
        for contender in everyone:
            if contender.failed:
                continue
            run = contender()
            if run.status != expected:
                contender.failed = "exit %d" % run.status
                print("%s on %s: %s" % (contender.name, clean.label, contender.failed))
                print(run.output[-1500:], flush=True)
                continue
            base = run.user if contender.name == "plain" else base
            if base is not None:
                times[contender.name].append((base, run.user))
    return times


def ratio(pairs):
    return statistics.median(user / base for base, user in pairs)


def together(results, name):
    """The rounds of all projects as one: in each, the sums over the projects."""
    rounds = zip(*(times[name] for times in results.values() if times.get(name)))
    return [tuple(map(sum, zip(*pairs))) for pairs in rounds]


def cell(pairs):
    return "%.3f" % ratio(pairs) if pairs else "-"


def report(python, results):
    names = list(dict.fromkeys(name for times in results.values() for name in times))
    others = [name for name in names if name != "plain"]
    rows = []
    for label, times in results.items():
        base = statistics.median(user for _, user in times["plain"]) if times["plain"] else 0.0
        rows.append([label, "%.2f s" % base] + [cell(times.get(name)) for name in others])
    overall = []
    for name in others:
        ratios = [ratio(times[name]) for times in results.values() if times.get(name)]
        overall.append("%.3f" % statistics.median(ratios) if ratios else "-")
    rows.append(["median of the projects", ""] + overall)
    rows.append(["all together", ""] + [cell(together(results, name)) for name in others])
    print("\nPython %s: user CPU against plain pytest" % python)
    runs.print_table(["project", "plain"] + others, rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    projects.add_arguments(parser, pythons="3.11,3.12,3.13")
    parser.add_argument("--pyt-diff", metavar="BIN", help="without it the others only")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--no-peers", action="store_true")
    options = parser.parse_args()
    for python in projects.select_pythons(options.pythons):
        results = {}
        for _, clean in projects.prepare(options.cache, options.projects, [python]):
            peers = None
            if not options.no_peers:
                found = list(projects.prepare(options.cache, clean.name, [python], more="peers"))
                peers = found[0][1] if found else None
            results[clean.label] = measure(options, clean, peers)
            print("%s: measured" % clean.label, file=sys.stderr, flush=True)
        if results:
            report(python.version, results)
    return 0


if __name__ == "__main__":
    sys.exit(main())
