"""Which of the collected tests run, and in which order. PYTEST_DONT_REWRITE

A part of plugin.py, for runs that do not just record everything.
"""

import itertools
import os
import zlib

import _pytdiff

_state = _pytdiff._s


def arrange(config, items):
    plan = _state.plan
    if plan.get("markers"):
        _note_marked(items)
    if plan.get("select"):
        _deselect(config, items)
    if plan.get("first"):
        _put_first(config, items)
    elif plan.get("slow"):
        _spread_slow(config, items)


# ---- selection ----


def _is_kept(nodeid, keep):
    while nodeid not in keep:
        cut = max(nodeid.rfind("::"), nodeid.rfind("["), nodeid.rfind("/"))
        if cut <= 0:
            return False
        nodeid = nodeid[:cut]
    return True


def _is_marked(item):
    return any(item.get_closest_marker(name) is not None for name in _state.plan["markers"])


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
    shard, shards = _state.plan["shard"], _state.plan["shards"]
    here, elsewhere = set(_state.plan["here"]), set(_state.plan["elsewhere"])

    def belongs(nodeid):
        if nodeid in here:
            return False
        if nodeid in elsewhere:
            return True
        return 1 + zlib.crc32(nodeid.encode("utf-8", "surrogateescape")) % shards != shard

    if not shards:
        return lambda nodeid: False
    return belongs


def _deselect(config, items):
    unaffected = set(_state.plan["deselect"])
    keep = set(_state.plan["keep"])
    elsewhere = _elsewhere()

    def is_removed(item):
        if elsewhere(item.nodeid):
            return True
        if _is_kept(item.nodeid, keep):
            return False
        return item.nodeid in unaffected or (_state.plan["markers"] and _is_marked(item))

    removed = [item for item in items if is_removed(item)]
    if removed:
        gone = set(map(id, removed))
        items[:] = [i for i in items if id(i) not in gone]
        config.hook.pytest_deselected(items=removed)
    _state.deselected = len(removed)


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
    for number, names in enumerate(_state.plan["order"]):
        for name in names:
            place[name] = len(place)
            rank[name] = number
    new = len(_state.plan["order"][0]) - 0.5
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
    if workers < 2 or _state.dist not in ("load", "worksteal"):
        return
    seconds = dict(_state.plan["slow"])
    total = sum(seconds.get(item.nodeid, 0) for item in items)
    by_name = {item.nodeid: item for item in items}
    # What matters to the end of the run: a fair part of one worker's work.
    slow = [
        by_name[name]
        for name, took in _state.plan["slow"]
        if name in by_name and took * 20 * workers >= total
    ]
    moved = set(map(id, slow))
    items[:] = _deal(slow, [item for item in items if id(item) not in moved], config)


def _workers(config):
    return getattr(config, "workerinput", {}).get("workercount", 1)


def _share(count, workers):
    """How many tests in a row pytest-xdist gives a worker to begin with; 0: it deals them out."""
    if _state.dist == "worksteal":
        return count // workers
    if _state.dist != "load" or count < 2 * workers:
        return 0
    chunk = count // workers // 4
    return max(min(chunk, _state.chunk) if _state.chunk else chunk, 2)


def _deal(ordered, rest, config):
    """Such an order that the workers begin with the first of `ordered`, as in dealing cards."""
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
