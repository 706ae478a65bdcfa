"""pytest plugin of the measurements: appends what happened to every test to a file.

One JSON line per report, `[kind, node id, phase, outcome, xfail]`, to the file named by
PTD_OUTCOMES_FILE. Only the process that the user started writes: under pytest-xdist the workers'
reports arrive there as well.
"""

import json
import os

import pytest


class OutcomeLog:
    def __init__(self, path):
        self.path = path

    def write(self, *fields):
        with open(self.path, "a", encoding="utf-8") as stream:
            stream.write(json.dumps(fields) + "\n")

    def pytest_runtest_logreport(self, report):
        xfail = hasattr(report, "wasxfail")
        self.write("test", report.nodeid, report.when, report.outcome, xfail)

    def pytest_collectreport(self, report):
        if report.outcome != "passed":
            self.write("collect", report.nodeid, "collect", report.outcome, False)


@pytest.hookimpl(trylast=True)
def pytest_configure(config):
    path = os.environ.get("PTD_OUTCOMES_FILE")
    if path and not hasattr(config, "workerinput"):
        config.pluginmanager.register(OutcomeLog(path), "ptd-outcome-log")
