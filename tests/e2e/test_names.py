"""Changes outside of functions: who mentions what they define runs, and nobody else."""

import pytest
from project import assert_idle

LIB = """
    import re

    LIMIT = 5
    OTHER = 7
    TABLE = {"a": 1}
    HANDLERS = []


    def register(function):
        HANDLERS.append(function)
        return function


    def helper():
        return 3


    DERIVED = LIMIT + 1
    CALLED = helper()


    @register
    def first():
        return 1


    def limited(value=OTHER):
        return LIMIT + value


    class Cart:
        size = 2
        unused = 1

        def total(self):
            return self.size


    class Sub(Cart):
        pass


    class Plugin:
        known = {}

        def __init_subclass__(cls, **kwargs):
            super().__init_subclass__(**kwargs)
            Plugin.known[cls.__name__] = cls


    class Red(Plugin):
        colour = "red"
"""
FACADE = """
    from lib import LIMIT as ALIAS
    from lib import Sub
    from stars import *
"""
STARS = """
    __all__ = ["visible"]
    visible = 1
    hidden = 2
"""
CONFTEST = """
    import pytest


    @pytest.fixture(params=[1])
    def number(request):
        return request.param


    @pytest.fixture
    def plain():
        return 0
"""
TESTS = """
    import pytest

    import facade
    import lib


    def test_limit():
        assert lib.LIMIT


    def test_alias():
        assert facade.ALIAS


    def test_by_string():
        assert getattr(lib, "LIMIT")


    def test_derived():
        assert lib.DERIVED


    def test_called():
        assert lib.CALLED


    def test_table():
        assert lib.TABLE


    def test_handlers():
        assert lib.HANDLERS


    def test_limited():
        assert lib.limited()


    def test_cart():
        assert lib.Cart().total()


    def test_sub():
        assert facade.Sub().total()


    def test_plugins():
        assert lib.Plugin.known


    def test_star():
        assert facade.visible


    def test_number(number):
        assert number


    def test_plain(plain):
        assert plain == 0


    @pytest.mark.skipif(lib.OTHER == 7, reason="other")
    def test_skipped():
        pass


    def test_nothing():
        assert facade
"""
LIMIT = {"test_limit", "test_alias", "test_by_string", "test_derived", "test_limited"}
CASES = {
    "constant": (LIMIT, "lib.py", "LIMIT = 5", "LIMIT = 6"),
    "container": ({"test_table"}, "lib.py", '{"a": 1}', '{"a": 2}'),
    "default value and decorator": (
        {"test_limited", "test_skipped"},
        "lib.py",
        "OTHER = 7",
        "OTHER = 8",
    ),
    "function called at import": ({"test_called"}, "lib.py", "return 3", "return 4"),
    "registrar": ({"test_handlers"}, "lib.py", "append(function)", "insert(0, function)"),
    "new registration": (
        {"test_handlers"},
        "lib.py",
        "def limited",
        "@register\ndef second():\n    return 2\n\n\ndef limited",
    ),
    "class attribute": ({"test_cart", "test_sub"}, "lib.py", "size = 2", "size = 3"),
    "class attribute that nobody mentions": (set(), "lib.py", "unused = 1", "unused = 2"),
    "new override": ({"test_sub"}, "lib.py", "(Cart):\n    pass", "(Cart):\n    size = 9"),
    "dunder": (
        {"test_cart", "test_sub"},
        "lib.py",
        "    unused = 1",
        "    unused = 1\n    def __getattr__(self, name):\n        return 1",
    ),
    "base class": ({"test_sub"}, "lib.py", "class Sub(Cart)", "class Sub(Cart, object)"),
    "subclass that registers": (
        {"test_plugins"},
        "lib.py",
        "class Red(Plugin)",
        "class Blue(Plugin):\n    pass\n\n\nclass Red(Plugin)",
    ),
    "star import": ({"test_star"}, "stars.py", "visible = 1", "visible = 3"),
    "not exported": (set(), "stars.py", "hidden = 2", "hidden = 3"),
    "fixture parameters": ({"test_number[2]"}, "conftest.py", "[1]", "[2]"),
    "fixture header": (
        {"test_plain"},
        "conftest.py",
        "@pytest.fixture\n",
        "@pytest.fixture(scope='module')\n",
    ),
    "statement with effects": (None, "lib.py", "OTHER = 7", "OTHER = 7\nre.purge()"),
    "autouse": (
        None,
        "conftest.py",
        "@pytest.fixture\n",
        "@pytest.fixture(autouse=True)\ndef every():\n    pass\n\n\n@pytest.fixture\n",
    ),
    "module __getattr__": (
        None,
        "lib.py",
        "OTHER = 7",
        "OTHER = 7\ndef __getattr__(name):\n    raise AttributeError(name)",
    ),
}


@pytest.fixture
def lib(project):
    project.write("lib.py", LIB)
    project.write("stars.py", STARS)
    project.write("facade.py", FACADE)
    project.write("conftest.py", CONFTEST)
    project.write("test_lib.py", TESTS)
    project.record()
    return project


@pytest.mark.parametrize("kind", CASES)
def test_who_mentions_it(lib, kind):
    names, path, old, new = CASES[kind]
    lib.replace(path, old, new)
    result = lib.run()
    if names is None:
        names = {line.split("(")[0].strip() for line in TESTS.split("def ")[1:]}
        names = names - {"test_skipped", "test_number"} | {"test_number[1]"}
    assert result.names == names - {"test_skipped"} | (result.names & {"test_skipped"}), result
    assert "test_skipped" not in names or "test_skipped" in result.names, result
    assert_idle(lib.run())


def test_the_reason_names_the_definition(lib):
    lib.replace("lib.py", "size = 2", "size = 3")
    assert "lib.py: class attribute Cart.size" in lib.run("-v").err
    lib.replace("lib.py", "LIMIT = 5", "LIMIT = 6")
    assert "lib.py: LIMIT" in lib.run("-v").err


def test_an_import_that_fails_is_seen(lib):
    lib.replace("lib.py", "OTHER = 7", "OTHER = 7\nUNUSED = missing_name")
    result = lib.run()
    assert result.status != 0 and "missing_name" in result.out, result


def test_a_new_import_is_followed_through_many_modules(project):
    # Each module imports the next ones by names of their own, so that following one import asks
    # for many more; the chain is longer than any fixed depth.
    for number in range(70):
        text = "VALUE = %d\n" % number
        for step in range(1, 4):
            text += "from m%d import VALUE as v%d\n" % (number + step, step)
        project.write("m%d.py" % number, text if number < 67 else "VALUE = %d\n" % number)
    project.write("a.py", "import m69\n")
    project.write("test_a.py", "import a\n\n\ndef test_a():\n    assert a.m69.VALUE\n")
    project.write("test_b.py", "import m0\n\n\ndef test_b():\n    assert m0.v1\n")
    project.record()
    project.replace("a.py", "import m69\n", "import m69\nfrom m1 import VALUE as first\n")
    assert project.run().names <= {"test_a"}
    assert_idle(project.run())
    project.write("m67.py", "import sys\nVALUE = 67\nsys.setrecursionlimit(3000)\n")
    project.run()
    project.replace("a.py", " as first\n", " as other\n")
    result = project.run()
    assert "test_a" in result.names, result


def test_names_that_modules_import_from_one_another(project):
    # Neither module defines it for the one that looks where a class comes from.
    project.write("pack/__init__.py", "")
    project.write("pack/typing.py", "from typing import Generic\nfrom pack.other import Base\n")
    project.write(
        "pack/other.py",
        """
        class Base:
            pass


        from pack.typing import Base as Again, Generic  # noqa


        class Cart(Again):
            size = 1


        class Typed(Generic[int] if False else object):
            size = 1
        """,
    )
    project.write(
        "test_a.py",
        """
        from pack.other import Base, Cart


        def test_cart():
            assert Cart.size


        def test_base():
            assert Base
        """,
    )
    project.write(
        "pack/ring.py",
        """
        try:
            from pack.back import Ring
        except ImportError:
            Ring = object


        class Own(Ring):
            value = 1
        """,
    )
    project.write(
        "pack/back.py",
        "try:\n    from pack.ring import Ring\nexcept ImportError:\n    Ring = object\n",
    )
    project.write(
        "test_ring.py", "from pack.ring import Own\n\n\ndef test_own():\n    assert Own.value\n"
    )
    project.record()
    project.replace("pack/other.py", "size = 1", "size = 2")
    assert "test_cart" in project.run().names
    project.replace("pack/ring.py", "value = 1", "value = 2")
    assert project.run().names == {"test_own"}
    assert_idle(project.run())


def test_a_package_that_imports_from_itself(project):
    # Every version of the package that was seen leads to all of them again.
    def release(number):
        project.write("pack/__init__.py", "VERSION = %d\nfrom . import kinds\n" % number)
        project.write("a.py", "from pack import kinds\n\nkinds.COUNT = %d\n" % number)

    project.write("pack/kinds.py", "COUNT = 0\n")
    project.write("test_a.py", "import a\n\n\ndef test_a():\n    assert a.kinds.COUNT >= 0\n")
    project.write("test_b.py", "import pack\n\n\ndef test_b():\n    assert pack.kinds\n")
    release(0)
    project.record()
    for number in range(1, 6):
        release(number)
        assert "test_a" in project.run().names
    assert_idle(project.run())


def test_modules_of_equal_names_that_code_looks_into(project):
    # What `base` is follows from the imports of the module that mentions it.
    for package in ("one", "two"):
        project.write(package + "/__init__.py", "")
        project.write(package + "/base.py", "limit_low = 1\nlimit_high = 5\n")
    project.write("two/shown.py", "from two import base as inner\n\nbase = inner\n")
    look = "{}\n\n\ndef limit(name):\n    return getattr(base, 'limit_' + name)\n"
    ways = {
        "one": "from one import base",
        "two": "from two import base",
        "named": "import two.base as base",
        "passed": "from two.shown import inner as base",
        "shown": "from two.shown import base",
        "either": "try:\n    from two import base\nexcept ImportError:\n    from one import base",
    }
    test = "import one.base, two.base\n"
    for name, how in ways.items():
        project.write("look_%s.py" % name, look.format(how))
        test += "import look_%s\n" % name
    for name in ways:
        test += "\n\ndef test_%s():\n    assert look_%s.limit('low')\n" % (name, name)
    project.write("test_a.py", test + "\n\ndef test_other():\n    assert one\n")
    project.record()
    assert_idle(project.run())
    project.replace("two/base.py", "limit_low = 1", "limit_low = 2")
    result = project.run()
    assert result.names == {"test_" + name for name in ways if name != "one"}, result
    project.replace("one/base.py", "limit_low = 1", "limit_low = 2")
    result = project.run()
    assert {"test_one", "test_either"} <= result.names, result
    assert not {"test_two", "test_named", "test_other"} & result.names, result
