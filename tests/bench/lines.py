#!/usr/bin/env python3
"""What line coverage costs beside coverage.py's own, and whether both found the same lines.

One round runs plain pytest, pyt-diff without and with --line-coverage (everything runs, records are
there), `coverage run`, and pytest-cov with a context per test, in turn; ratios of user CPU to plain
pytest are taken within the round, and the median over the rounds is reported. Lines that only one
of them found, and lines with another set of contexts, are counted; exit status 1 says that there
are some of the former. Contexts differ where the timing of threads does, and where pytest-cov
measures programs that tests start (its versions before 7, so Python 3.8 and 3.9).
"""

import argparse
import os
import shutil
import sqlite3
import statistics
import sys

import cost
import projects
import runs

WITHOUT = ["-p", "no:pytest_cov"]


def contexts_by_line(path):
    """{(file, line): contexts}; "" is left out: pytest-cov ends before the session does."""
    found = {}
    db = sqlite3.connect(path)
    for file, context, bits in db.execute(
        "select path, context, numbits from line_bits"
        " join file on file.id = file_id join context on context.id = context_id"
    ):
        for index, byte in enumerate(bits):
            for bit in range(8):
                if byte >> bit & 1:
                    found.setdefault((file, 8 * index + bit), set()).add(context)
    db.close()
    return found


def differences(state):
    """(lines, lines that only one has, lines with another set of contexts)."""
    ours = contexts_by_line(os.path.join(state, "ours"))
    run = contexts_by_line(os.path.join(state, "run"))
    cov = contexts_by_line(os.path.join(state, "cov"))
    others = sum(ours.get(key, set()) - {""} != cov.get(key, set()) - {""} for key in {*ours, *cov})
    return len(run), len(set(ours) ^ set(run)), others


def contenders(options, project, work, state):
    python = [project.python, "-m"]
    source = os.path.join(state, "coveragerc")
    with open(source, "w", encoding="utf-8") as stream:
        stream.write("[run]\nsource = %s\n" % work)

    def ours(own):
        return runs.pyt_diff(options.pyt_diff, project, work, state, own, WITHOUT, plugin=False)

    def theirs(name, command):
        env = dict(project.environment(work), COVERAGE_FILE=os.path.join(state, name))
        env["COVERAGE_CORE"] = "ctrace"  # what knows contexts
        return runs.execute(command + project.args, work, env)

    coverage = [*python, "coverage", "run", "--rcfile", source, "-m", "pytest", *WITHOUT]
    cov = [*python, "pytest", "--cov", work, "--cov-config", source]
    cov += ["--cov-context=test", "--cov-report="]
    lines = ["--mode=all", "--line-coverage", os.path.join(state, "ours")]
    return [
        cost.Contender("plain", lambda: runs.plain(project, work, WITHOUT, plugin=False)),
        cost.Contender("pyt-diff", lambda: ours(["--mode=all"])),
        cost.Contender("--line-coverage", lambda: ours(lines)),
        cost.Contender("coverage run", lambda: theirs("run", coverage)),
        cost.Contender("pytest-cov, contexts", lambda: theirs("cov", cov)),
    ]


def measure(options, project):
    work = project.work_copy("lines")
    state = os.path.join(project.cache, "state", project.label + "-lines")
    shutil.rmtree(state, ignore_errors=True)
    os.makedirs(state)
    everyone = contenders(options, project, work, state)
    for contender in everyone:  # bytecode and records, and the data that is compared
        contender()
    times = {contender.name: [] for contender in everyone}
    for _ in range(options.runs):
        base = None
        for contender in everyone:
            user = contender().user
            base = user if base is None else base
            times[contender.name].append((base, user))
    return times, differences(state)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    projects.add_arguments(parser, projects="click,more-itertools", pythons="3.8,3.11,3.12")
    parser.add_argument("--pyt-diff", metavar="BIN", required=True)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    rows, header = [], None
    for python in projects.select_pythons(options.pythons):
        for _, project in projects.prepare(options.cache, options.projects, [python], "coverage"):
            times, found = measure(options, project)
            header = ["project", "plain", *list(times)[1:], "lines", "differ", "in contexts"]
            base = statistics.median(user for _, user in times["plain"])
            ratios = [cost.cell(pairs) for pairs in list(times.values())[1:]]
            rows.append([project.label, "%.2f s" % base, *ratios, *map(str, found)])
            print("%s: measured" % project.label, file=sys.stderr, flush=True)
    if rows:
        runs.print_table(header, rows)
    return int(any(row[-2] != "0" for row in rows))


if __name__ == "__main__":
    sys.exit(main())
