"""The process that distributes tests to workers of pytest-xdist. PYTEST_DONT_REWRITE

A part of plugin.py, for runs where pytest-xdist is installed.
"""

import os

import _pytdiff

_state = _pytdiff._s


class Controller:
    """Registered where pytest-xdist distributes the tests."""

    @_pytdiff._hook(optionalhook=True)
    def pytest_xdist_setupnodes(self, config, specs):
        command = os.environ.get("PYT_DIFF_AS_PYTHON")
        for spec in specs:
            if command and spec.popen and not spec.python:
                spec.python = command

    @_pytdiff._hook(optionalhook=True)
    def pytest_configure_node(self, node):
        # A worker is not told how the tests are distributed.
        node.workerinput["pytdiff_dist"] = node.config.getvalue("dist")
        node.workerinput["pytdiff_chunk"] = node.config.getoption("maxschedchunk", None) or 0

    @_pytdiff._hook(optionalhook=True)
    def pytest_testnodedown(self, node):
        count = getattr(node, "workeroutput", {}).get("pytdiff_deselected", 0)
        _state.deselected = max(_state.deselected, count)
        if _state.plan and _state.plan.get("select"):
            _pytdiff._count_ignored(_state.config, count + _state.plan.get("ignored_tests", 0))
