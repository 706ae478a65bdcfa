"""Test selectors behind one interface, so that all are measured in the same way.

A selector makes a baseline of a working copy once. Its records are kept aside and put back before
each change, so that every change is measured against the same baseline.
"""

import os
import shutil

import runs


class Selector:
    """Base: `places` are the paths that hold the records, `saved` is where they are kept aside."""

    name = ""

    def __init__(self, project, work, state):
        self.project = project
        self.work = work
        self.state = os.path.join(state, self.name)
        self.saved = self.state + ".saved"
        runs.empty_directory(self.state)

    def places(self):
        return [self.state]

    def save(self):
        shutil.rmtree(self.saved, ignore_errors=True)
        for index, place in enumerate(self.places()):
            shutil.copytree(place, os.path.join(self.saved, str(index)), symlinks=True)

    def restore(self):
        for index, place in enumerate(self.places()):
            shutil.rmtree(place, ignore_errors=True)
            shutil.copytree(os.path.join(self.saved, str(index)), place, symlinks=True)

    def baseline(self, plugin=True):
        raise NotImplementedError

    def select(self, timeout=None):
        raise NotImplementedError


class PytDiff(Selector):
    name = "pyt-diff"

    def __init__(self, binary, project, work, state):
        super().__init__(project, work, state)
        self.binary = binary

    def command(self, own, timeout=None, plugin=True):
        return runs.pyt_diff(
            self.binary, self.project, self.work, self.state, own, (), timeout, plugin
        )

    def baseline(self, plugin=True):
        return self.command(["--baseline"], plugin=plugin)

    def select(self, timeout=None):
        return self.command([], timeout)


class Testmon(Selector):
    name = "testmon"
    options = ("-p", "no:difftest", "--testmon")

    def command(self, timeout=None, plugin=True):
        env = self.project.environment(self.work)
        env["TESTMON_DATAFILE"] = os.path.join(self.state, "testmondata")
        command = [self.project.pytest] + (runs.PLUGIN_ARGS if plugin else [])
        command += list(self.options) + self.project.args
        return runs.execute(command, self.work, env, timeout)

    def baseline(self, plugin=True):
        return self.command(plugin=plugin)

    def select(self, timeout=None):
        return self.command(timeout)


class Difftest(Selector):
    name = "difftest"

    def places(self):
        return [os.path.join(self.work, ".pytest_cache", "pytest-difftest")]

    def command(self, option, timeout=None, plugin=True):
        command = [self.project.pytest] + (runs.PLUGIN_ARGS if plugin else [])
        command += ["-p", "no:testmon", option] + self.project.args
        return runs.execute(command, self.work, self.project.environment(self.work), timeout)

    def baseline(self, plugin=True):
        for place in self.places():
            shutil.rmtree(place, ignore_errors=True)
        return self.command("--diff-baseline", plugin=plugin)

    def select(self, timeout=None):
        return self.command("--diff", timeout)
