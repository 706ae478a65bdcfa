"""Changes of nothing but annotations in the headers of functions."""

import subprocess

import pytest
from project import PYTHON, assert_idle

MINOR = int(subprocess.check_output([PYTHON, "-c", "import sys; print(sys.version_info[1])"]))

FUTURE = "from __future__ import annotations\n"
LIB = """\
import typing
from typing import List, Tuple

import rest
from rest import Known


class Early:
    pass


def function(a, b=2, *rest, **more):
    return (a, b, rest, more)


T = typing.TypeVar("T")


def generic(a: T, b: List[T]) -> T:
    return b


def hinted(a: "float", b: List[Known], c: rest.Known = None) -> Tuple[int, int]:
    return (a, b, c)


def decorate(wrapped):
    return wrapped


@decorate
def decorated(a):
    return a


async def waits(a):
    return a


class Box(Early):
    bytes = bytes

    def method(self, a):
        return a

    @staticmethod
    def static(a):
        return a

    @property
    def prop(self):
        return 1


class Late:
    pass


if typing:

    def branched(a):
        return a
"""
REST = """\
class Known:
    pass
"""
TESTS = """\
import asyncio

import lib


def test_function():
    assert lib.function(1) == (1, 2, (), {})


def test_generic():
    assert lib.generic(1, 2) == 2


def test_hinted():
    assert lib.hinted(1, 2) == (1, 2, None)


def test_decorated():
    assert lib.decorated(1) == 1


def test_waits():
    assert asyncio.run(lib.waits(1)) == 1


def test_method():
    assert lib.Box().method(1) == 1


def test_static():
    assert lib.Box.static(1) == 1


def test_prop():
    assert lib.Box().prop == 1


def test_branched():
    assert lib.branched(1) == 1


def test_rest():
    assert lib.rest.Known
"""

HEAD = LIB.partition(", b=2")[0]

# What is changed, and the tests that it may concern: all of them while something reads annotations.
HARMLESS = {
    "builtin": ("def function(a,", "def function(a: int,", "function"),
    "default kept": ("b=2", "b: int = 2", "function"),
    "stars": ("*rest, **more", "*rest: int, **more: str", "function"),
    "result": ("**more):", "**more) -> None:", "function"),
    "string": ("def function(a,", 'def function(a: "no type at all",', "function"),
    "constant": ("def function(a,", "def function(a: 3,", "function"),
    "class": ("def function(a,", "def function(a: Early,", "function"),
    "imported": ("def function(a,", "def function(a: Known,", "function"),
    "dotted": ("def function(a,", "def function(a: rest.Known,", "function"),
    "generic": ("**more):", "**more) -> List[Tuple[int, ...]]:", "function"),
    "argument": ("**more):", "**more) -> typing.Optional['rest.Known']:", "function"),
    "several": (
        "**more):",
        "**more) -> typing.Dict[Known, typing.Union[Early, None]]:",
        "function",
    ),
    "callable": ("**more):", "**more) -> typing.Callable[[Known, int], None]:", "function"),
    "literal": ("**more):", "**more) -> typing.Literal['a b', 1]:", "function"),
    "changed": ('"float"', "int", "hinted"),
    "beside a variable": ("(a: T, b: List[T]) -> T", "(a: T, b: List[T]) -> int", "generic"),
    "variable elsewhere": ("(a: T, b: List[T])", "(a: T, b: typing.Dict[str, T])", "generic"),
    "removed": (") -> Tuple[int, int]", ")", "hinted"),
    "decorated": ("def decorated(a)", "def decorated(a: int)", "decorated"),
    "async": ("def waits(a)", "def waits(a: int) -> int", "waits"),
    "method": ("def method(self, a)", "def method(self: 'Box', a: Early) -> int", "method"),
    "static method": ("def static(a)", "def static(a: int)", "static"),
    "property": ("def prop(self)", "def prop(self) -> int", "prop"),
    "new import": (
        "import List, Tuple",
        "import Any, Dict, List, Tuple",
        "",
    ),
    "new import and its use": (
        HEAD,
        HEAD.replace("List,", "Any, Dict, List,") + ": Dict[str, Any]",
        "function",
    ),
}

# What may fail, or do something: "" where it does not, with the Python that the tests have.
DOUBTFUL = {
    "name that is not there": ("def function(a,", "def function(a: Nothing,", "function"),
    "class that comes later": ("def function(a,", "def function(a: Late,", "function"),
    "own class": ("def method(self, a)", "def method(self: Box, a)", "method"),
    "name of the class": ("def method(self, a)", "def method(self, a: List[bytes])", "method"),
    "name in a branch": ("def function(a,", "def function(a: branched,", "function"),
    "attribute that is not there": ("def function(a,", "def function(a: rest.No,", "function"),
    "too few arguments": ("def function(a,", "def function(a: typing.Dict[int],", "function"),
    "text that is no name": ("def function(a,", "def function(a: List['a b'],", "function"),
    "operator": ("def function(a,", "def function(a: int | None,", "function"),
    "new generic": ("def function(a,", "def function(a: list[int],", "function"),
    "class with an operator": ("def function(a,", "def function(a: Early[int],", "function"),
    "module as a type": ("def function(a,", "def function(a: List[rest],", "function"),
    "special form": ("def function(a,", "def function(a: List[typing.Union],", "function"),
    "call": ("def function(a,", "def function(a: decorate(int),", "function"),
    "assignment": ("def function(a,", "def function(a: (b := 3),", "function"),
    "variable of another": ("def function(a,", "def function(a: T,", "function"),
    "number inside": ("def function(a,", "def function(a: List[3],", "function"),
}

# Not only an annotation.
MORE = {
    "default": ("b=2", "b: int = 3", "function"),
    "name": ("def function(a,", "def function(x: int,", "function"),
    "kind": ("def waits(a)", "def waits(*a: int)", "waits"),
    "branch": ("def branched(a)", "def branched(a: int)", "branched"),
    "decorator": ("    @staticmethod\n    def static(a)", "    def static(a: int)", "static"),
}


# With annotations of the same kind in it, which tell that this Python can evaluate them.
NEWER = """\


def newer(a: list[str], b: rest.Known | int | None = None) -> tuple[list[int], ...]:
    return a
"""
KNOWN_TO_WORK = {
    "operator": ("def function(a,", "def function(a: Early | str,", "function"),
    "operator in brackets": ("def function(a,", "def function(a: List[Early | None],", "function"),
    "generic": ("def function(a,", "def function(a: dict[Known, type[Early]],", "function"),
    "attribute": ("def function(a,", "def function(a: int | rest.Known,", "function"),
}

# What may look at annotations.
READERS = {
    "get_type_hints": "def hints(function):\n    return typing.get_type_hints(function)\n",
    "attribute": "def hints(function):\n    return function.__annotations__\n",
    "signature": "import inspect\n\ndef show(function):\n    return inspect.signature(function)\n",
    "imported signature": "from inspect import signature as shows\n",
    "help": "def show(function):\n    help(function)\n",
    "pydoc": "import pydoc\n",
    "text of a program": "CODE = 'import lib; print(lib.function.__annotations__)'\n",
    "computed name": "def hints(function):\n    return getattr(function, '__annotations__')\n",
    "unknown package": "try:\n    import beartype\nexcept ImportError:\n    beartype = None\n",
}


@pytest.fixture
def recorded(project):
    """A function that records the project with this text of the module."""

    def record(lib, rest=REST):
        project.lib = lib
        project.write("lib.py", lib)
        project.write("rest.py", rest)
        project.write("test_lib.py", TESTS)
        project.record()
        assert_idle(project.run())
        return project

    return record


def edit(project, old, new):
    """The module as it was recorded, but for this."""
    assert old in project.lib, old
    project.write("lib.py", project.lib.replace(old, new, 1))


def selected(project):
    """Names of the tests that would run."""
    result = project.run("--dry-run")
    assert result.status in (0, 1), result
    return {line.rsplit("::test_")[-1].strip() for line in result.out.splitlines() if "::" in line}


@pytest.mark.parametrize("future", ["", FUTURE], ids=["evaluated", "text"])
def test_nobody_reads_them(recorded, future):
    project = recorded(future + LIB)
    for kind, (old, new, _) in HARMLESS.items():
        edit(project, old, new)
        result = project.run()
        assert "no tests affected" in result.err, (kind, result)
        assert_idle(result)
        assert_idle(project.run())
        assert project.pytest().status == 0, kind


def test_what_may_fail_or_do_something(recorded):
    project = recorded(LIB)
    for kind, (old, new, name) in DOUBTFUL.items():
        edit(project, old, new)
        assert name in selected(project), kind


def test_what_fails_is_seen(recorded):
    """As with plain pytest, in the Python that there is."""
    failed = set()
    for kind, (old, new, _) in DOUBTFUL.items():
        project = recorded(LIB)
        edit(project, old, new)
        expected = project.pytest().status
        result = project.run()
        assert (result.status == 0) == (expected == 0), (kind, result)
        failed |= {kind} if expected else set()
    assert len(failed) > 5


@pytest.mark.skipif(MINOR < 10, reason="needs what it is about")
def test_what_was_evaluated_before(recorded):
    project = recorded(LIB + NEWER)
    for kind, (old, new, _) in KNOWN_TO_WORK.items():
        edit(project, old, new)
        assert_idle(project.run())
        assert project.pytest().status == 0, kind


def test_a_name_that_stands_for_something_else(recorded):
    """The annotations are what they were; what they are evaluated to is not."""
    project = recorded(LIB)
    project.write("rest.py", "Known = 3\n")
    assert (project.pytest().status == 0) == (MINOR >= 11)
    assert "hinted" in selected(project)
    project.write("rest.py", "class Known(Exception):\n    pass\n")
    assert "hinted" in selected(project)  # gets an instance
    assert "function" not in selected(project)


def test_what_an_annotation_tells(recorded):
    """Nobody reads it, but the function works with what it names."""
    project = recorded(
        LIB.replace("def function(a,", "def function(a: Known,")
        + "\n\ndef other(a: int):\n    return a\n"
    )
    project.write("rest.py", "class Known:\n    def __add__(self, other):\n        return self\n")
    assert "function" in selected(project)
    assert "waits" not in selected(project)


def test_a_function_moves_before_what_it_needs(recorded):
    project = recorded(LIB + "\n\nclass Last:\n    pass\n\n\ndef last(a: Last):\n    pass\n")
    edit(
        project,
        "class Last:\n    pass\n\n\ndef last(a: Last):\n    pass\n",
        "def last(a: Last):\n    pass\n\n\nclass Last:\n    pass\n",
    )
    assert project.pytest().status != 0
    assert selected(project)
    edit(project, "import rest\nfrom rest import Known\n", "import rest\n")
    project.write("lib.py", (project.root / "lib.py").read_text() + "\n\nfrom rest import Known\n")
    assert project.pytest().status != 0
    assert project.run().status != 0


def test_text_cannot_fail(recorded):
    project = recorded(FUTURE + LIB)
    for kind, (old, new, _) in DOUBTFUL.items():
        if kind in ("call", "assignment"):  # might not compile
            continue
        edit(project, old, new)
        assert selected(project) == set(), kind


def test_what_is_more_than_an_annotation(recorded):
    for future in "", FUTURE:
        project = recorded(future + LIB)
        for kind, (old, new, name) in MORE.items():
            edit(project, old, new)
            assert name in selected(project), (kind, future)


def test_tests_and_fixtures(project):
    text = "import pytest\n\n\n@pytest.fixture\ndef number(request):\n    return 3\n"
    test = "\n\ndef test_number(number):\n    assert number == 3\n"
    project.write("test_number.py", text + test)
    project.record()
    project.write("test_number.py", text.replace("request", "request: 'Any'") + test)
    assert_idle(project.run())
    project.write("test_number.py", text + test.replace("(number)", "(number: int) -> None"))
    assert_idle(project.run())
    project.write("test_number.py", text + test.replace("(number)", "(number=None)"))
    assert project.run().names == {"test_number"}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("future", ["", FUTURE], ids=["evaluated", "text"])
def test_somebody_may_read_them(recorded, reader, future):
    """As before: whoever enters the function."""
    project = recorded(future + LIB, REST + READERS[reader])
    for kind in "builtin", "removed", "property":
        old, new, name = HARMLESS[kind]
        edit(project, old, new)
        assert name in selected(project), kind
