"""pytest's side of pyt-diff. PYTEST_DONT_REWRITE

Runs in the namespace of the built-in module ``_pytdiff``, which is the plugin. What costs time or
holds state about dependencies is in C, behind ``_c``; this file only tells it what pytest is doing.
"""

import json
import os
import sys

_c = globals()["_c"]

_PASSED, _FAILED, _ERROR, _SKIPPED, _XFAILED, _XPASSED = range(6)
_PARTIAL = 1
_NO_TESTS_COLLECTED = 5
_NONE = 0xFFFFFFFF


def _hook(**options):
    """Mark a hook implementation as pytest.hookimpl does, without importing pytest."""

    def mark(function):
        function.pytest_impl = options
        return function

    return mark


def _part(name):
    """What few runs need is a module of its own: compiling it takes time."""
    module = type(sys)("_pytdiff." + name)
    exec(_c.code(name), module.__dict__)
    return module


class _Deselected:
    """Stands for a test in a file that was not collected."""

    def __init__(self, nodeid):
        self.nodeid = self.name = nodeid


class _State:
    def __init__(self):
        self.plan = None
        self.role = "main"
        self.config = None
        self.rootdir = ""
        # The test that is running.
        self.outcome = None
        self.called = False
        self.duration = 0.0
        # By path as pytest has it:
        # (real path, file id, scope of its collection, ids of the files that it needs).
        self.files = {}
        # Files in the order of their collection: path -> [scope, outcome].
        self.collected = {}
        self.partial_files = frozenset()
        self.partial_all = False
        self.collection_done = False
        self.ignored = frozenset()
        self.told = set()  # entries of sys.path that the journal has
        self.deselected = 0
        # How pytest-xdist distributes, in its workers: --dist, and --maxschedchunk or 0.
        self.dist = ""
        self.chunk = 0
        self.summary_done = False


_s = _State()


def _load_plan():
    session = os.environ.get("PYT_DIFF_SESSION")
    if not session:
        return
    try:
        file = open(os.path.join(session, "plan.json"), encoding="utf-8", errors="surrogateescape")
    except OSError:
        return  # a process that outlived its session
    with file:
        _s.plan = json.load(file)
    if _s.plan.get("record"):
        _c.root(_s.plan.get("rootdir") or "")
        _c.start(os.path.abspath(session))
        _watch_metadata()
        if _s.plan.get("rootdir"):
            _c.leave_out(os.path.dirname(os.path.dirname(os.path.abspath(session))))
            _c.leave_out(sys.prefix)
        if _s.plan.get("lines"):
            _c.lines(_s.plan["rootdir"])


def _watch_metadata():
    """Note whose metadata is asked for; every way to it leads through one method."""
    from importlib import metadata

    find = metadata.MetadataPathFinder.find_distributions

    def find_distributions(*args, **kwargs):
        context = args[0] if args else kwargs.get("context")
        _c.distribution(getattr(context, "name", None))
        return find(*args, **kwargs)

    metadata.MetadataPathFinder.find_distributions = staticmethod(find_distributions)


# ---- scopes of tests ----


def _conftests_for(path, rootdir):
    """Paths of the conftest.py files that can reach a test file."""
    found = []
    manager = _s.config.pluginmanager
    for plugin in manager.get_plugins():
        name = getattr(plugin, "__file__", None)
        if not isinstance(name, str) or os.path.basename(name) != "conftest.py":
            continue
        folder = os.path.dirname(os.path.realpath(name))
        below_it = path.startswith(os.path.join(folder, ""))
        if below_it or not folder.startswith(os.path.join(rootdir, "")):
            found.append(name)
    return found


def _file_info(path, collecting=False):
    """What is known of a test file; path is a str as pytest has it."""
    info = _s.files.get(path)
    if info is None or collecting:
        real = os.path.realpath(path)
        file_id = _c.file(real)
        needs = tuple([file_id] + [_c.file(name) for name in _conftests_for(real, _s.rootdir)])
        scope = info[2] if info else _NONE
        info = _s.files[path] = (real, file_id, scope, needs)
    return info


@_hook(hookwrapper=True, tryfirst=True)
def pytest_runtest_protocol(item):
    path = str(item.path)
    info = _file_info(path)
    _s.outcome = None
    _s.called = False
    _s.duration = 0.0
    _c.test_begin(item.nodeid, info[0], info[1], info[2], info[3])
    result = yield
    if result.excinfo is not None:
        return  # interrupted: it has no end, as if the process had died
    outcome = _s.outcome
    if outcome is None or (outcome == _PASSED and not _s.called):
        outcome = _ERROR  # only set up: nothing is known of how it ends
    _c.test_end(outcome, _s.duration)
    _s.outcome = None


# How outcomes of the phases of one test combine: the highest rank wins.
_RANK = {_PASSED: 0, _SKIPPED: 1, _XPASSED: 1, _XFAILED: 1, _FAILED: 2, _ERROR: 3}


def _phase_outcome(report):
    if report.failed:
        return _FAILED if report.when == "call" else _ERROR
    if report.skipped:
        return _XFAILED if hasattr(report, "wasxfail") else _SKIPPED
    if hasattr(report, "wasxfail"):
        return _XPASSED
    return _PASSED


def pytest_runtest_logreport(report):
    state = _s
    if state.role == "controller":
        return
    attributes = report.__dict__
    word = report.outcome
    if word == "rerun":
        state.outcome = None
        state.called = False
        return
    plain = word == "passed" and "wasxfail" not in attributes
    outcome = _PASSED if plain else _phase_outcome(report)
    if outcome != _FAILED and "context" in attributes and _is_subtest(report):
        return
    if report.when == "call":
        state.called = True
    state.duration += attributes.get("duration", 0.0)
    if state.outcome is None or _RANK[outcome] > _RANK[state.outcome]:
        state.outcome = outcome


def _is_subtest(report):
    return type(report).__name__ in ("SubtestReport", "SubTestReport")


# ---- scopes of fixtures ----


def _fixture_file(fixturedef):
    code = getattr(getattr(fixturedef, "func", None), "__code__", None)
    return getattr(code, "co_filename", None)


_CACHED, _UNSURE, _SET_UP = range(3)


def _what_execute_does(fixturedef, request):
    """Whether a fixture hands out what it has, or is set up (again)."""
    cached = fixturedef.cached_result
    if cached is None:
        return _SET_UP
    key = fixturedef.cache_key(request)
    if key is cached[1]:
        return _CACHED
    try:  # versions of pytest differ about equal keys
        return _UNSURE if key == cached[1] else _SET_UP
    except Exception:
        return _UNSURE


def _watch_fixtures():
    from _pytest.fixtures import FixtureDef

    execute, finish = FixtureDef.execute, FixtureDef.finish

    def set_up(self, request):
        label = "%s[%s]" % (self.argname, self.scope)
        old, self._pytdiff_finish = self._pytdiff_finish, self._pytdiff_scope
        scope = self._pytdiff_scope = _c.fixture_new(label, _fixture_file(self))
        _c.push(scope, ())
        try:
            return execute(self, request)
        finally:
            _c.pop(scope)
            self._pytdiff_finish = old

    def hand_out(self, request, what):
        __tracebackhide__ = True
        if what == _SET_UP:
            return set_up(self, request)
        if what == _CACHED:
            return execute(self, request)
        scope = self._pytdiff_scope
        _c.push(scope, ())
        try:
            return execute(self, request)
        finally:
            _c.pop(scope)

    def watched_execute(self, request):
        __tracebackhide__ = True
        narrow = self._pytdiff_narrow
        if narrow is None:
            narrow = self._pytdiff_narrow = self.scope == "function"
        if narrow:
            return execute(self, request)
        try:
            return hand_out(self, request, _what_execute_does(self, request))
        finally:
            if self._pytdiff_scope is not None:
                _c.use(self._pytdiff_scope)

    def watched_finish(self, *args, **kwargs):
        __tracebackhide__ = True
        # While it is set up again, it is the instance before that is finished.
        scope = self._pytdiff_finish
        if scope is None:
            scope = self._pytdiff_scope
        if scope is None:
            return finish(self, *args, **kwargs)
        _c.push(scope, ())
        try:
            return finish(self, *args, **kwargs)
        finally:
            _c.pop(scope)

    FixtureDef._pytdiff_scope = FixtureDef._pytdiff_finish = FixtureDef._pytdiff_narrow = None
    FixtureDef.execute = watched_execute
    FixtureDef.finish = watched_finish


# ---- scopes of collections ----


def _collected_file(node):
    """The File that a collector is or belongs to; not for sessions and directories."""
    import pytest

    while node is not None:
        if isinstance(node, (pytest.Package, pytest.Session)):
            return None
        if isinstance(node, pytest.File):
            return node
        node = node.parent
    return None


@_hook(hookwrapper=True, tryfirst=True)
def pytest_make_collect_report(collector):
    file = _collected_file(collector)
    if file is None:
        yield
        return
    path = str(file.path)
    info = _s.files.get(path)
    if info is None or info[2] == _NONE:
        real, file_id, _, needs = _file_info(path, collecting=True)
        info = _s.files[path] = (real, file_id, _c.collect_new(file_id, file.nodeid), needs)
    entry = _s.collected.setdefault(path, [info[2], _PASSED])
    _c.push(info[2], info[3])
    result = yield
    _c.pop(info[2])
    report = result.get_result()
    if report.failed:
        entry[1] = _ERROR
    elif report.skipped and collector is file and entry[1] == _PASSED:
        entry[1] = _SKIPPED


def _report_collected(items, interrupted):
    if _s.collection_done:
        return
    _s.collection_done = True
    by_path = {path: [] for path in _s.collected}
    for item in items:
        by_path.setdefault(str(item.path), []).append(item.nodeid)
    _c.deltas()
    for path, ids in by_path.items():
        scope, outcome = _s.collected.get(path, (_NONE, _PASSED))
        real = _file_info(path)[0]
        partial = _s.partial_all or real in _s.partial_files
        if interrupted and outcome != _ERROR:
            partial = True
        _c.collected(scope, outcome, _PARTIAL if partial else 0, real, ids)
    _c.flush()


@_hook(hookwrapper=True, tryfirst=True)
def pytest_collection_modifyitems(session, config, items):
    _report_collected(items, interrupted=False)
    yield
    if _s.plan and any(map(_s.plan.get, ("markers", "select", "first", "slow"))):
        _part("selection").arrange(config, items)


# ---- what is left out ----


def pytest_ignore_collect(collection_path):
    if _s.ignored and os.path.realpath(str(collection_path)) in _s.ignored:
        return True
    return None


def _count_ignored(config, count):
    """Let pytest's last line count tests that were not even collected."""
    if count and not _s.summary_done:
        _s.summary_done = True
        config.hook.pytest_deselected(items=[_Deselected("(not collected)")] * count)


@_hook(trylast=True)
def pytest_collection_finish(session):
    if session.config is _s.config and _c.state()[0]:
        _c.fact("collected", "1")
    # After pytest's own "collected N items", which would subtract them.
    if _s.role == "main" and _s.plan and _s.plan.get("select"):
        _count_ignored(session.config, _s.plan.get("ignored_tests", 0))


# ---- lines ----


class _Contexts:
    """Tells which phase of which test is running. The order among other plugins' hooks, and so who
    is charged with their lines, is that of pytest-cov: registered when the session starts.
    """

    def pytest_runtest_setup(self, item):
        _c.context(item.nodeid + "|setup")

    def pytest_runtest_call(self, item):
        _c.context(item.nodeid + "|run")

    def pytest_runtest_teardown(self, item):
        _c.context(item.nodeid + "|teardown")

    @_hook(hookwrapper=True)
    def pytest_runtestloop(self):
        yield
        _c.context("")


# ---- the session ----


def _partial_arguments(config):
    """Real paths of the files of which only node ids were named."""
    paths = []
    for argument in config.args:
        name, _, rest = str(argument).partition("::")
        if rest:
            paths.append(os.path.realpath(os.path.join(str(config.invocation_params.dir), name)))
    return frozenset(paths)


def _holds_distributions(folder):
    parts = folder.split(os.sep)
    if "site-packages" in parts or "dist-packages" in parts:
        return True
    try:
        return any(name.endswith((".dist-info", ".egg-info")) for name in os.listdir(folder))
    except OSError:
        return False


def _site_folders():
    folders = [p for p in sys.path if isinstance(p, str) and os.path.isdir(p)]
    return [p for p in folders if _holds_distributions(p)]


def _ini(config, key):
    try:
        value = config.getini(key)
    except (KeyError, ValueError):
        return []
    return value if isinstance(value, list) else [value]


def _tell_search_path():
    for entry in sys.path:
        if isinstance(entry, str) and os.path.isdir(entry):
            real = os.path.realpath(entry)
            if real not in _s.told and (real + os.sep).startswith(os.path.join(_s.rootdir, "")):
                _s.told.add(real)
                _c.fact("path", real)


def _write_facts(config):
    import pytest

    _c.fact("role", _s.role)
    _c.fact("rootdir", _s.rootdir)
    inipath = getattr(config, "inipath", None)
    _c.fact("inipath", os.path.abspath(str(inipath)) if inipath else "")
    _c.fact("python", "%d.%d.%d" % sys.version_info[:3])
    _c.fact("implementation", sys.implementation.name)
    _c.fact("platform", "%s-%s" % (sys.platform, os.uname().machine))
    _c.fact("pytest", pytest.__version__)
    _c.fact("tracer", _c.state()[0] or "")
    if _s.plan.get("lines"):
        missing = _c.lines_state()
        _c.fact("lines", "none: " + missing if missing else "on")
    _tell_search_path()
    for entry in _site_folders():
        _c.fact("syspath", os.path.abspath(entry))
    for key in ("python_files", "norecursedirs", "testpaths"):
        for value in _ini(config, key):
            _c.fact(key, str(value))
    if config.getoption("doctestmodules", False):
        _c.fact("doctest", "1")
    if _s.partial_files:
        _c.fact("partial", "1")


def _tell_basetemp(config):
    factory = getattr(config, "_tmp_path_factory", None)
    given = getattr(factory, "_given_basetemp", None)
    if given:
        _c.exclude(str(given))
        _c.fact("basetemp", os.path.realpath(str(given)))


def _exclude_cache(config):
    cache = getattr(getattr(config, "cache", None), "_cachedir", None)
    if cache:
        _c.leave_out(str(cache))


def _distributes(config):
    return config.pluginmanager.hasplugin("dsession") or bool(getattr(config.option, "tx", None))


def pytest_addoption(parser):
    """The engine reads these keys; pytest must not take them for mistakes."""
    for name in (_s.plan or {}).get("settings", ()):
        parser.addini(name, "read by pyt-diff", default=None)


@_hook(tryfirst=True)
def pytest_configure(config):
    if _s.plan is None or _s.config is not None:
        return
    _s.config = config
    _s.rootdir = os.path.realpath(str(config.rootpath))
    _c.root(str(config.rootpath))
    _s.partial_files = _partial_arguments(config)
    _s.partial_all = bool(config.getoption("lf", False))
    if _s.plan.get("select"):
        base = _s.plan.get("rootdir") or _s.rootdir
        _s.ignored = frozenset(os.path.realpath(os.path.join(base, p)) for p in _s.plan["ignore"])
    if hasattr(config, "workerinput"):
        _s.role = "worker"
        _s.dist = config.workerinput.get("pytdiff_dist", "")
        _s.chunk = config.workerinput.get("pytdiff_chunk", 0)
    elif config.pluginmanager.hasplugin("xdist"):
        config.pluginmanager.register(_part("workers").Controller(), "_pytdiff_controller")
    if _s.role != "worker" and (_s.plan.get("reports") or _s.plan.get("reasons") is not None):
        config.pluginmanager.register(_part("reports").Reports(config), "_pytdiff_reports")
    if _c.state()[0]:
        _watch_fixtures()


def pytest_sessionstart(session):
    config = session.config
    if config is not _s.config:
        return
    if _s.role == "main" and _distributes(config):
        _s.role = "controller"
    if _c.state()[0]:
        _write_facts(config)
        _tell_basetemp(config)
        _exclude_cache(config)
        if _s.plan.get("lines"):
            config.pluginmanager.register(_Contexts(), "_pytdiff_contexts")


@_hook(hookwrapper=True, tryfirst=True)
def pytest_sessionfinish(session, exitstatus):
    config = session.config
    if config is not _s.config:
        yield
        return
    if session.exitstatus == _NO_TESTS_COLLECTED and (_s.deselected or _s.ignored):
        session.exitstatus = 0
    if _s.role == "worker":
        config.workeroutput["pytdiff_deselected"] = _s.deselected
    if _s.role != "controller":
        _report_collected(getattr(session, "items", None) or [], interrupted=True)
    yield
    if _c.state()[0]:
        _tell_search_path()
    _c.flush()


def _end(status):
    missing = _s.plan is not None and _s.plan.get("lines") and _c.lines_state()
    if missing:
        _c.fact("lines_lost", missing)
    _c.end(status)


@_hook(trylast=True)
def pytest_unconfigure(config):
    if config is _s.config and _s.role == "worker":
        _end(0)


def _run_pytest(pytest):
    """What the console script of pytest does."""
    try:
        code = pytest.main(["-p", "_pytdiff", *sys.argv[1:]])
        sys.stdout.flush()
        return int(code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def main():
    """Behave as the command ``pytest`` with sys.argv[1:], and return its exit status."""
    sys.argv[0] = "pytest"
    if sys.path and sys.path[0] == "":
        del sys.path[0]
    try:
        import pytest
    except ImportError as error:
        if isinstance(error, ModuleNotFoundError) and error.name == "pytest":
            what, hint = "no pytest in %s" % sys.executable, "install pytest there"
        else:
            what = "pytest in %s cannot be imported: %s" % (sys.executable, error)
            hint = "install it anew"
        sys.stderr.write("pyt-diff: error: %s\n" % what)
        sys.stderr.write("hint: %s, or choose another with --python\n" % hint)
        return 4
    code = _run_pytest(pytest)
    _c.flush()
    _end(code)
    failed = _c.state()[1]
    if failed:
        sys.stderr.write("pyt-diff: warning: %s; what was not recorded will run again\n" % failed)
    return code


_ONLY_RECORDING = (
    "pytest_runtest_protocol",
    "pytest_runtest_logreport",
    "pytest_make_collect_report",
)


def _remove_idle_hooks():
    """A hook that has nothing to do costs time all the same."""
    recording = _c.state()[0] is not None and not _c.state()[0].startswith("none")
    for name in [n for n in globals() if n.startswith("pytest_")]:
        if name != "pytest_addoption" and (
            _s.plan is None or (not recording and name in _ONLY_RECORDING)
        ):
            del globals()[name]


_load_plan()
_remove_idle_hooks()
