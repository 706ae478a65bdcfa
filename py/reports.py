"""What came out where, for the reports of the engine. PYTEST_DONT_REWRITE

A part of plugin.py, for runs that have such reports.
"""

import os
import sys

import _pytdiff

_state = _pytdiff._s


class Reports:
    """Tells the engine what came out where, and the JUnit file why each test ran. Registered in the
    process that reports, after the tests: these see nothing of it.
    """

    def __init__(self, config):
        self.config = config
        self.file = None
        self.tests = {}  # node id -> [outcome, seconds, path, line, message]
        self.junit = _state.plan.get("reasons")
        if _state.plan.get("reports"):
            self.file = os.path.join(os.path.abspath(os.environ["PYT_DIFF_SESSION"]), "reports")

    @_pytdiff._hook(trylast=True)
    def pytest_sessionstart(self, session):
        if self.junit is not None:
            _tell_junit(session.config)

    @_pytdiff._hook(tryfirst=True)
    def pytest_runtest_logreport(self, report):
        if self.junit is not None and report.when == "teardown":
            report.user_properties.append(("pyt-diff.reason", self._reason(report.nodeid)))
        if self.file is None:
            return
        if report.outcome == "rerun":
            self.tests.pop(report.nodeid, None)
            return
        outcome = _pytdiff._phase_outcome(report)
        if (
            outcome != _pytdiff._FAILED
            and "context" in report.__dict__
            and _pytdiff._is_subtest(report)
        ):
            return
        entry = self.tests.setdefault(report.nodeid, [None, 0.0, "", 0, ""])
        entry[1] += getattr(report, "duration", 0.0)
        if entry[0] is None or _pytdiff._RANK[outcome] > _pytdiff._RANK[entry[0]]:
            entry[0] = outcome
            entry[2:] = self._failure(report) if report.failed else ["", 0, ""]
        if report.when not in ("setup", "call"):  # "???": its worker died
            self._tell(report.nodeid, *self.tests.pop(report.nodeid))

    def pytest_collectreport(self, report):
        if self.file is not None and report.failed:
            self._tell(report.nodeid, _pytdiff._ERROR, 0.0, *self._failure(report))

    def _reason(self, nodeid):
        path = nodeid.partition("::")[0]
        return self.junit.get(nodeid) or self.junit.get(path) or _state.plan["otherwise"]

    def _failure(self, report):
        """Path, line and text: of the innermost frame in the project, else of the test."""
        crash = getattr(report.longrepr, "reprcrash", None)
        message = getattr(crash, "message", None) or str(report.longrepr or "").strip()
        trace = getattr(report.longrepr, "reprtraceback", None)
        places = [getattr(e, "reprfileloc", None) for e in getattr(trace, "reprentries", ())]
        for place in reversed([p for p in places + [crash] if p is not None]):
            path = os.path.realpath(str(place.path))
            if self._is_ours(path) and os.path.isfile(path):
                return [path, int(place.lineno), message]
        path, line = (getattr(report, "location", None) or (report.nodeid, None))[:2]
        full = os.path.join(_state.rootdir, path)
        return [full if os.path.isfile(full) else "", (line or 0) + 1, message]

    def _is_ours(self, path):
        inside = path.startswith(os.path.join(_state.rootdir, ""))
        return inside and not path.startswith(os.path.join(os.path.realpath(sys.prefix), ""))

    def _tell(self, nodeid, outcome, seconds, path, line, message):
        fields = (nodeid, outcome, max(int(seconds * 1e6), 0), path, line, message[:4000])
        row = b"".join(
            str(field).replace("\0", " ").encode("utf-8", "replace") + b"\0" for field in fields
        )
        try:
            with open(self.file, "ab") as file:
                file.write(row)
        except OSError:
            self.file = None  # the reports say nothing about what follows


def _tell_junit(config):
    """The selection as properties of the test suite."""
    try:
        from _pytest.junitxml import xml_key
    except ImportError:
        return
    stash = getattr(config, "stash", None) or getattr(config, "_store", {})
    xml = stash.get(xml_key, None)
    if xml is not None:
        xml.add_global_property("pyt-diff.selected", str(_state.plan["selected"]))
        xml.add_global_property("pyt-diff.total", str(_state.plan["total"]))
