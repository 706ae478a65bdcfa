"""Reads the journals of a session (runner/contract/journal.h); shares no code with the engine."""

import os
import struct
import zlib

FACT, FILE, CODE, NAME, SCOPE, DELTA, COLLECT, TEST, START, END, PATH, ACCESS = range(1, 13)
WINDOW = 20
SESSION, KIND_TEST, FIXTURE, MODULE, KIND_COLLECT = range(5)
OUTCOMES = ("passed", "failed", "error", "skipped", "xfailed", "xpassed")
ACCESSES = ("read", "list", "stat", "missing", "wrote")
NONE = 0xFFFFFFFF


class Scope:
    def __init__(self, kind, file, label):
        self.kind, self.file, self.label = kind, file, label
        self.flags = 0
        self.accesses = set()  # (kind, path)
        self.codes, self.uses, self.files, self.names, self.pairs = (
            set(),
            set(),
            set(),
            set(),
            set(),
        )


class Payload:
    def __init__(self, data):
        self.data, self.pos = data, 0

    def u32(self):
        return self.take("<I", 4)

    def u64(self):
        return self.take("<Q", 8)

    def take(self, fmt, size):
        (value,) = struct.unpack_from(fmt, self.data, self.pos)
        self.pos += size
        return value

    def string(self):
        size = self.u32()
        self.pos += size
        assert self.pos <= len(self.data)
        return os.fsdecode(self.data[self.pos - size : self.pos])

    def u32s(self):
        return [self.u32() for _ in range(self.u32())]


class Journal:
    """One file. Ids are resolved: code is (path, line, name), files are paths."""

    def __init__(self, path):
        self.facts, self.files, self.codes, self.names, self.scopes = {}, [], [], [], []
        self.paths, self.path_stats, self.windows = [], [], []
        self.stats, self.collected, self.tests, self.started, self.end = [], {}, {}, [], None
        with open(path, "rb") as file:
            data = file.read()
        assert data[:8] == b"PTDJRNL1"
        self.complete = self.read(data)

    def read(self, data):
        pos = 8
        while pos < len(data):
            if len(data) - pos < 12:
                return False
            size, kind = struct.unpack_from("<II", data, pos)
            end = pos + 8 + size
            if (
                end + 4 > len(data)
                or zlib.crc32(data[pos:end]) != struct.unpack_from("<I", data, end)[0]
            ):
                return False
            payload = Payload(data[pos + 8 : end])
            self.record(kind, payload)
            assert payload.pos == size, (kind, payload.pos, size)
            pos = end + 4
        return True

    def record(self, kind, p):
        if kind == FACT:
            self.facts.setdefault(p.string(), []).append(p.string())
        elif kind == FILE:
            assert p.u32() == len(self.files)
            self.files.append(p.string())
            self.stats.append((p.u64(), p.u64(), p.u64()))
        elif kind == CODE:
            assert p.u32() == len(self.codes)
            self.codes.append((self.files[p.u32()], p.u32(), p.string()))
        elif kind == NAME:
            assert p.u32() == len(self.names)
            self.names.append(p.string())
        elif kind == SCOPE:
            assert p.u32() == len(self.scopes)
            kind, file, label = p.u32(), p.u32(), p.string()
            self.scopes.append(Scope(kind, None if file == NONE else self.files[file], label))
        elif kind == DELTA:
            self.delta(p)
        elif kind == COLLECT:
            scope, outcome, flags, path = p.u32(), p.u32(), p.u32(), p.string()
            ids = [p.string() for _ in range(p.u32())]
            assert path not in self.collected
            self.collected[path] = (scope, OUTCOMES[outcome], flags, ids)
        elif kind == TEST:
            scope, outcome, flags, duration, collect = p.u32(), p.u32(), p.u32(), p.u64(), p.u32()
            nodeid, path = p.string(), p.string()
            self.tests[nodeid] = (scope, OUTCOMES[outcome], flags, duration, collect, path)
        elif kind == START:
            self.started.append(p.string())
        elif kind == END:
            assert self.end is None
            self.end = p.u32()
        elif kind == PATH:
            assert p.u32() == len(self.paths)
            self.paths.append(p.string())
            self.path_stats.append((p.u32(), p.u64(), p.u64(), p.u64()))
        elif kind == ACCESS:
            scope = self.scopes[p.u32()]
            scope.accesses.update((ACCESSES[p.u32()], self.paths[p.u32()]) for _ in range(p.u32()))
        elif kind == WINDOW:
            self.windows.append((self.scopes[p.u32()], p.u32(), p.u32()))
        else:
            raise AssertionError(kind)

    def delta(self, p):
        scope = self.scopes[p.u32()]
        scope.flags |= p.u32()
        scope.codes.update(self.codes[i] for i in p.u32s())
        uses = p.u32s()
        assert all(i < len(self.scopes) for i in uses)
        scope.uses.update(uses)
        scope.files.update(self.files[i] for i in p.u32s())
        scope.names.update(self.names[i] for i in p.u32s())
        pairs = p.u32s()
        assert len(pairs) % 2 == 0
        scope.pairs.update((self.codes[c], line) for c, line in zip(pairs[::2], pairs[1::2]))

    # ---- questions ----

    def scope_of(self, nodeid):
        return self.scopes[self.tests[nodeid][0]]

    def outcome(self, nodeid):
        return self.tests[nodeid][1]

    def module(self, path):
        (found,) = [s for s in self.scopes if s.kind == MODULE and s.file == path]
        return found

    def uses(self, nodeid):
        """Labels of the fixtures that a test reaches."""
        seen, todo = set(), list(self.scope_of(nodeid).uses)
        while todo:
            i = todo.pop()
            if i not in seen:
                seen.add(i)
                todo.extend(self.scopes[i].uses)
        return {self.scopes[i].label for i in seen}

    def closure(self, nodeid):
        """Code of a test and of everything that it reaches except the session: names only."""
        test = self.tests[nodeid]
        todo, seen, names = [test[0]] + ([test[4]] if test[4] != NONE else []), set(), set()
        modules = {s.file: i for i, s in enumerate(self.scopes) if s.kind == MODULE}
        while todo:
            i = todo.pop()
            if i in seen:
                continue
            seen.add(i)
            scope = self.scopes[i]
            names |= {c[2] for c in scope.codes} | {c[0][2] for c in scope.pairs}
            todo.extend(scope.uses)
            todo.extend(modules[f] for f in scope.files if f in modules)
        return names


def is_journal(path):
    """Not that of a process that a test started, which has another header."""
    with open(path, "rb") as file:
        return file.read(8) == b"PTDJRNL1"


def read_session(directory):
    paths = [os.path.join(directory, n) for n in sorted(os.listdir(directory))]
    return [Journal(p) for p in paths if p.endswith(".ptdj") and is_journal(p)]
