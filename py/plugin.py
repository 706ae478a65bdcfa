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
    if not _s.plan:
        return
    if _s.plan.get("markers"):
        _note_marked(items)
    if _s.plan.get("select"):
        _deselect(config, items)
    if _s.plan.get("first"):
        _put_first(config, items)
    elif _s.plan.get("slow"):
        _spread_slow(config, items)


# ---- selection ----


def pytest_ignore_collect(collection_path):
    if _s.ignored and os.path.realpath(str(collection_path)) in _s.ignored:
        return True
    return None


def _is_kept(nodeid, keep):
    while nodeid not in keep:
        cut = max(nodeid.rfind("::"), nodeid.rfind("["), nodeid.rfind("/"))
        if cut <= 0:
            return False
        nodeid = nodeid[:cut]
    return True


def _is_marked(item):
    return any(item.get_closest_marker(name) is not None for name in _s.plan["markers"])


def _note_marked(items):
    """Tell the engine which of the tests in the collected files have the markers."""
    marked = [i.nodeid for i in items if _is_marked(i)]
    files = sorted({i.nodeid.partition("::")[0] for i in items})
    text = "".join(name + "\0" for name in files + [""] + marked)
    path = os.path.join(os.environ["PYT_DIFF_SESSION"], "marked")
    mine = "%s.%d" % (path, os.getpid())  # each worker has the same to say
    try:
        with open(mine, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
            file.write(text)
        os.replace(mine, path)
    except OSError:
        pass  # then it is found out again


def _elsewhere():
    """Whether a test belongs to another shard; those that no list names are shared out by name."""
    shard, shards = _s.plan["shard"], _s.plan["shards"]
    here, elsewhere = set(_s.plan["here"]), set(_s.plan["elsewhere"])

    def belongs(nodeid):
        if nodeid in here:
            return False
        if nodeid in elsewhere:
            return True
        return 1 + zlib.crc32(nodeid.encode("utf-8", "surrogateescape")) % shards != shard

    if not shards:
        return lambda nodeid: False
    import zlib

    return belongs


def _deselect(config, items):
    unaffected = set(_s.plan["deselect"])
    keep = set(_s.plan["keep"])
    elsewhere = _elsewhere()

    def is_removed(item):
        if elsewhere(item.nodeid):
            return True
        if _is_kept(item.nodeid, keep):
            return False
        return item.nodeid in unaffected or (_s.plan["markers"] and _is_marked(item))

    removed = [item for item in items if is_removed(item)]
    if removed:
        gone = set(map(id, removed))
        items[:] = [i for i in items if id(i) not in gone]
        config.hook.pytest_deselected(items=removed)
    _s.deselected = len(removed)


# ---- order ----


_WIDER = {"class": 1, "module": 2, "package": 3}


def _unit(item):
    """What a test shares a fixture with that is set up again when others come between: its class or
    module, a package, tests with the same parameter. None: nothing.
    """
    definitions = getattr(getattr(item, "_fixtureinfo", None), "name2fixturedefs", {})
    rank = max([_WIDER.get(d[-1].scope, 0) for d in definitions.values() if d] or [0])
    callspec = getattr(item, "callspec", None)
    for argument, scope in getattr(callspec, "_arg2scope", {}).items():
        if getattr(scope, "value", scope) == "session":
            return (argument, getattr(callspec, "indices", {}).get(argument))
    path = item.nodeid.partition("::")[0]
    return (None, item.parent.nodeid, path, path.rpartition("/")[0] + "/")[rank]


def _put_first(config, items):
    """In the order of the plan, but what shares a fixture stays together within failed, affected
    and the rest: the first of them says where.
    """
    place, rank = {}, {}
    for number, names in enumerate(_s.plan["order"]):
        for name in names:
            place[name] = len(place)
            rank[name] = number
    new = len(_s.plan["order"][0]) - 0.5
    first = {}
    keyed = []
    for item in items:
        at = place.get(item.nodeid, new)
        group = rank.get(item.nodeid, 1)
        unit = _unit(item)
        key = (group, unit if unit is not None else item.nodeid)
        first[key] = min(first.get(key, at), at)
        keyed.append((key, at, item))
    keyed.sort(key=lambda entry: (entry[0][0], first[entry[0]], entry[1]))
    front = [entry[2] for entry in keyed if entry[0][0] < 2]
    items[:] = _deal(front, [entry[2] for entry in keyed[len(front) :]], config)


def _spread_slow(config, items):
    """Slow tests begin the shares of the workers, longest first; the rest stays as it is."""
    workers = _workers(config)
    if workers < 2 or _s.dist not in ("load", "worksteal"):
        return
    seconds = dict(_s.plan["slow"])
    total = sum(seconds.get(item.nodeid, 0) for item in items)
    by_name = {item.nodeid: item for item in items}
    # What matters to the end of the run: a fair part of one worker's work.
    slow = [
        by_name[name]
        for name, took in _s.plan["slow"]
        if name in by_name and took * 20 * workers >= total
    ]
    moved = set(map(id, slow))
    items[:] = _deal(slow, [item for item in items if id(item) not in moved], config)


def _workers(config):
    return getattr(config, "workerinput", {}).get("workercount", 1)


def _share(count, workers):
    """How many tests in a row pytest-xdist gives a worker to begin with; 0: it deals them out."""
    if _s.dist == "worksteal":
        return count // workers
    if _s.dist != "load" or count < 2 * workers:
        return 0
    chunk = count // workers // 4
    return max(min(chunk, _s.chunk) if _s.chunk else chunk, 2)


def _deal(ordered, rest, config):
    """Such an order that the workers begin with the first of `ordered`, as in dealing cards."""
    import itertools

    workers = _workers(config)
    count = len(ordered) + len(rest)
    share = _share(count, workers)
    if workers < 2 or not share:
        return ordered + rest
    dealt = ordered[: workers * share]
    queue = iter(ordered[len(dealt) :] + rest)
    out = []
    for worker in range(workers):
        mine = dealt[worker::workers]
        out += mine + list(itertools.islice(queue, share - len(mine)))
    return out + list(queue)


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


class _Controller:
    """Registered where pytest-xdist distributes the tests."""

    @_hook(optionalhook=True)
    def pytest_xdist_setupnodes(self, config, specs):
        command = os.environ.get("PYT_DIFF_AS_PYTHON")
        for spec in specs:
            if command and spec.popen and not spec.python:
                spec.python = command

    @_hook(optionalhook=True)
    def pytest_configure_node(self, node):
        # A worker is not told how the tests are distributed.
        node.workerinput["pytdiff_dist"] = node.config.getvalue("dist")
        node.workerinput["pytdiff_chunk"] = node.config.getoption("maxschedchunk", None) or 0

    @_hook(optionalhook=True)
    def pytest_testnodedown(self, node):
        count = getattr(node, "workeroutput", {}).get("pytdiff_deselected", 0)
        _s.deselected = max(_s.deselected, count)
        if _s.plan and _s.plan.get("select"):
            _count_ignored(_s.config, count + _s.plan.get("ignored_tests", 0))


# ---- reports ----


class _Reports:
    """Tells the engine what came out where, and the JUnit file why each test ran. Registered in the
    process that reports, after the tests: these see nothing of it.
    """

    def __init__(self, config):
        self.config = config
        self.file = None
        self.tests = {}  # node id -> [outcome, seconds, path, line, message]
        self.junit = _s.plan.get("reasons")
        if _s.plan.get("reports"):
            self.file = os.path.join(os.path.abspath(os.environ["PYT_DIFF_SESSION"]), "reports")

    @_hook(trylast=True)
    def pytest_sessionstart(self, session):
        if self.junit is not None:
            _tell_junit(session.config)

    @_hook(tryfirst=True)
    def pytest_runtest_logreport(self, report):
        if self.junit is not None and report.when == "teardown":
            report.user_properties.append(("pyt-diff.reason", self._reason(report.nodeid)))
        if self.file is None:
            return
        if report.outcome == "rerun":
            self.tests.pop(report.nodeid, None)
            return
        outcome = _phase_outcome(report)
        if outcome != _FAILED and "context" in report.__dict__ and _is_subtest(report):
            return
        entry = self.tests.setdefault(report.nodeid, [None, 0.0, "", 0, ""])
        entry[1] += getattr(report, "duration", 0.0)
        if entry[0] is None or _RANK[outcome] > _RANK[entry[0]]:
            entry[0] = outcome
            entry[2:] = self._failure(report) if report.failed else ["", 0, ""]
        if report.when not in ("setup", "call"):  # "???": its worker died
            self._tell(report.nodeid, *self.tests.pop(report.nodeid))

    def pytest_collectreport(self, report):
        if self.file is not None and report.failed:
            self._tell(report.nodeid, _ERROR, 0.0, *self._failure(report))

    def _reason(self, nodeid):
        path = nodeid.partition("::")[0]
        return self.junit.get(nodeid) or self.junit.get(path) or _s.plan["otherwise"]

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
        full = os.path.join(_s.rootdir, path)
        return [full if os.path.isfile(full) else "", (line or 0) + 1, message]

    def _is_ours(self, path):
        inside = path.startswith(os.path.join(_s.rootdir, ""))
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
        xml.add_global_property("pyt-diff.selected", str(_s.plan["selected"]))
        xml.add_global_property("pyt-diff.total", str(_s.plan["total"]))


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
        config.pluginmanager.register(_Controller(), "_pytdiff_controller")
    if _s.role != "worker" and (_s.plan.get("reports") or _s.plan.get("reasons") is not None):
        config.pluginmanager.register(_Reports(config), "_pytdiff_reports")
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
