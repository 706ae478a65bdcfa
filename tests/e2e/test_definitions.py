"""What is made or changed while modules are imported: metaclasses, hooks of classes, registries,
descriptors, and annotations that nobody evaluates.
"""

import textwrap

import pytest
from project import assert_idle


def tests_of(**bodies):
    parts = ["import lib\n"]
    for name, body in bodies.items():
        parts.append("\n\ndef test_%s():\n    %s\n" % (name, body))
    return "".join(parts)


tests_of.__test__ = False


def check(project, lib, old, new, names, bodies, **files):
    """Records with `lib`, replaces `old` by `new` in it, and expects these tests to run."""
    project.write("lib.py", textwrap.dedent(lib))
    for name, text in files.items():
        project.write(name + ".py", textwrap.dedent(text))
    project.write("test_lib.py", tests_of(other="assert lib", **bodies))
    project.record()
    assert_idle(project.run())
    where = "lib.py" if old in textwrap.dedent(lib) else "rest.py"
    project.replace(where, old, new)
    result = project.run()
    assert result.names == {"test_" + name for name in names.split()}, result
    assert_idle(project.run())


KINDS = {
    "metaclass attribute": (
        """
        class Meta(type):
            kind = "old"

        class Thing(metaclass=Meta):
            pass

        class Plain:
            kind = "plain"
        """,
        'kind = "old"',
        'kind = "new"',
        "thing",
        {"thing": "assert lib.Thing.kind", "plain": "assert lib.Plain.kind"},
    ),
    "metaclass code": (
        """
        class Meta(type):
            def __new__(cls, name, bases, space):
                return super().__new__(cls, name, bases, dict(space, kind="old"))

        class Thing(metaclass=Meta):
            pass

        class Plain:
            kind = "plain"
        """,
        'kind="old"',
        'kind="new"',
        "thing",
        {"thing": "assert vars(lib.Thing)['kind']", "plain": "assert lib.Plain.kind"},
    ),
    "member of a class with a metaclass": (
        """
        class Meta(type):
            def __init__(cls, name, bases, space):
                cls.members = [key for key in space if not key.startswith("_")]

        class Thing(metaclass=Meta):
            size = 1

        class Plain:
            kind = "plain"
        """,
        "size = 1",
        "size = 1\n    weight = 2",
        "thing",
        {"thing": "assert lib.Thing.members", "plain": "assert lib.Plain.kind"},
    ),
    "__init_subclass__ with keyword": (
        """
        class Base:
            def __init_subclass__(cls, tag="none", **rest):
                super().__init_subclass__(**rest)
                cls.label = "<%s>" % tag

        class Thing(Base, tag="a"):
            pass

        class Plain:
            kind = "plain"
        """,
        'tag="a"',
        'tag="b"',
        "thing",
        {"thing": "assert lib.Thing.label", "plain": "assert lib.Plain.kind"},
    ),
    "__set_name__ that tells the class": (
        """
        class Field:
            def __init__(self, default):
                self.default = default

            def __set_name__(self, owner, name):
                owner.fields = getattr(owner, "fields", ()) + ((name, self.default),)

        class Thing:
            size = Field(1)

        class Plain:
            kind = "plain"
        """,
        "Field(1)",
        "Field(2)",
        "fields",
        {"fields": "assert lib.Thing.fields", "plain": "assert lib.Plain.kind"},
    ),
    "new attribute with __set_name__": (
        """
        class Field:
            def __set_name__(self, owner, name):
                owner.names = getattr(owner, "names", ()) + (name,)

        class Thing:
            names = ()
            size = 1

        class Plain:
            kind = "plain"
        """,
        "size = 1",
        "size = 1\n    weight = Field()",
        "names",
        {"names": "assert lib.Thing.names == lib.Thing.names", "plain": "assert lib.Plain.kind"},
    ),
    "descriptor made by a call": (
        """
        class Setting:
            def __init__(self, key):
                self.key = key

            def __get__(self, instance, owner):
                return self.key

        class Thing:
            size = Setting("size")
            colour = Setting("colour")

        class Plain:
            kind = "plain"
        """,
        'Setting("size")',
        'Setting("length")',
        "size",
        {
            "size": "assert lib.Thing().size",
            "colour": "assert lib.Thing().colour",
            "plain": "assert lib.Plain.kind",
        },
    ),
    "decorated method": (
        """
        import functools

        def checked(function):
            @functools.wraps(function)
            def wrapper(self):
                return function(self)
            return wrapper

        class Thing:
            @checked
            def size(self):
                return 1

            def colour(self):
                return 2
        """,
        "@checked\n    def size",
        "def size",
        "size",
        {"size": "assert lib.Thing().size()", "colour": "assert lib.Thing().colour()"},
    ),
    "enumeration": (
        """
        import enum

        class Colour(enum.Enum):
            RED = 1
            BLUE = 2

        SIZES = 1
        """,
        "BLUE = 2",
        "BLUE = 2\n    GREEN = 3",
        "member members",
        {
            "member": "assert lib.Colour.RED",
            "members": "assert len(list(lib.Colour)) > 1",
            "size": "assert lib.SIZES",
        },
    ),
    "named tuple": (
        """
        from collections import namedtuple

        Point = namedtuple("Point", "x y")
        SIZES = 1
        """,
        '"x y"',
        '"x y z", defaults=(0,)',
        "point",
        {"point": "assert lib.Point(1, 2)", "size": "assert lib.SIZES"},
    ),
    "typed named tuple": (
        """
        from typing import NamedTuple

        class Point(NamedTuple):
            x: int
            y: int = 2

        SIZES = 1
        """,
        "y: int = 2",
        "y: int = 3",
        "point",
        {"point": "assert lib.Point(1)[0]", "size": "assert lib.SIZES"},
    ),
    "data class": (
        """
        import dataclasses

        @dataclasses.dataclass
        class Point:
            x: int
            y: int = 2

        SIZES = 1
        """,
        "x: int\n",
        "x: int = 0\n",
        "point",
        {"point": "assert lib.Point(1)", "size": "assert lib.SIZES"},
    ),
    "module __getattr__ body": (
        """
        def __getattr__(name):
            if name == "lazy":
                return 1
            raise AttributeError(name)

        SIZES = 1
        """,
        "return 1",
        "return 2",
        "lazy size other",
        {"lazy": "assert lib.lazy", "size": "assert lib.SIZES"},
    ),
    "monkey-patching at import": (
        """
        import rest
        import patch

        SIZES = 1
        """,
        "return 1",
        "return 2",
        "patched",
        {"patched": "import rest; assert rest.value()", "size": "assert lib.SIZES"},
        {
            "rest": "def value():\n    return 0\n\n\ndef substitute():\n    return 1\n",
            "patch": "import rest\nrest.value = rest.substitute\n",
        },
    ),
    "registry behind a function": (
        """
        _handlers = []

        def handlers():
            return _handlers

        handlers().append("a")
        SIZES = 1
        """,
        'append("a")',
        'append("b")',
        "direct reached size other",
        {
            "direct": "assert lib._handlers",
            "reached": "assert lib.handlers()",
            "size": "assert lib.SIZES",
        },
    ),
    "class kept by its metaclass": (
        """
        TABLE = {}
        OTHERS = {}

        def keep(cls):
            TABLE[cls.__name__] = cls

        class Meta(type):
            def __init__(cls, name, bases, space):
                super().__init__(name, bases, space)
                keep(cls)

        class Thing(metaclass=Meta):
            size = 1
            colour = "red"
        """,
        'colour = "red"',
        'colour = "blue"',
        "kept",
        {
            "kept": "assert [c.colour for c in lib.TABLE.values()]",
            "others": "assert not lib.OTHERS",
        },
    ),
    "class kept by a decorator": (
        """
        TABLE = {}
        OTHERS = {}

        def keep(cls):
            TABLE[cls.__name__] = cls
            return cls

        @keep
        class Thing:
            def size(self):
                return 1

            colour = "red"
        """,
        'colour = "red"',
        'colour = "blue"',
        "kept",
        {
            "kept": "assert [c.colour for c in lib.TABLE.values()]",
            "others": "assert not lib.OTHERS",
        },
    ),
    "new attribute of a class that is kept": (
        """
        TABLE = {}

        def keep(cls):
            TABLE[cls.__name__] = cls
            return cls

        @keep
        class Thing:
            pass

        SIZE = 1
        """,
        "    pass\n",
        '    colour = "blue"\n',
        "kept",
        {
            "kept": "assert [getattr(c, 'colour', 1) for c in lib.TABLE.values()]",
            "others": "assert lib.SIZE",
        },
    ),
    "class kept by its base": (
        """
        class Base:
            kinds = []
            others = []

            def __init_subclass__(cls):
                cls.kinds.append(cls)

        class Thing(Base):
            colour = "red"
        """,
        'colour = "red"',
        'colour = "blue"',
        "kept",
        {
            "kept": "assert [c.colour for c in lib.Base.kinds]",
            "others": "assert not lib.Base.others",
        },
    ),
    "classes that a base knows": (
        """
        class Base:
            pass

        class Thing(Base):
            colour = "red"

        class Lone:
            colour = "red"

        def find():
            return Base.__subclasses__()
        """,
        'Thing(Base):\n    colour = "red"',
        'Thing(Base):\n    colour = "blue"',
        "asked found",
        {
            "asked": "assert [c.colour for c in lib.Base.__subclasses__()]",
            "found": "assert lib.find()[0].colour",
            "lone": "assert lib.Lone.colour",
        },
    ),
    "new class that a base knows": (
        """
        class Base:
            pass

        class Thing(Base):
            pass

        class Lone:
            pass
        """,
        "class Lone:",
        "class Added(Base):\n    pass\n\nclass Lone:",
        "asked",
        {
            "asked": "assert lib.Base.__subclasses__()",
            "lone": "assert lib.Lone",
        },
    ),
    "registry of another module behind a function": (
        """
        import rest

        rest.registry().append("a")
        SIZES = 1
        """,
        'append("a")',
        'append("b")',
        "reached size other",
        {"reached": "import rest; assert rest.registry()", "size": "assert lib.SIZES"},
        {"rest": "_known = []\n\n\ndef registry():\n    return _known\n"},
    ),
    "registry behind a function, filled by a decorator": (
        """
        import rest

        @rest.registry().append
        def first():
            return 1

        SIZES = 1
        """,
        "def first():",
        "def first(value=0):",
        "reached",
        {"reached": "import rest; assert rest.registry()", "size": "assert lib.SIZES"},
        {"rest": "_known = []\n\n\ndef registry():\n    return _known\n"},
    ),
    "registry in a variable that a function returned": (
        """
        import rest

        known = rest.registry()
        known["a"] = 1
        SIZES = 1
        """,
        '["a"] = 1',
        '["a"] = 2',
        "reached",
        {"reached": "import rest; assert rest.registry()", "size": "assert lib.SIZES"},
        {"rest": "_known = {}\n\n\ndef registry():\n    return _known\n"},
    ),
    "new call of a registrar of another module": (
        """
        import rest

        SIZES = 1
        """,
        "SIZES = 1",
        'SIZES = 1\nHANDLE = rest.register("a")',
        "reached",
        {"reached": "import rest; assert rest.known is not None", "size": "assert lib.SIZES"},
        {"rest": "known = []\n\n\ndef register(name):\n    known.append(name)\n"},
    ),
    "another name for a registry": (
        """
        import rest

        known = rest.known
        known["a"] = 1
        SIZES = 1
        """,
        '["a"] = 1',
        '["a"] = 2',
        "reached",
        {"reached": "import rest; assert rest.known", "size": "assert lib.SIZES"},
        {"rest": "known = {}\n"},
    ),
    "registry filled by a method of a list": (
        """
        HANDLERS = []

        @HANDLERS.append
        def first():
            return 1

        SIZES = 1
        """,
        "@HANDLERS.append\ndef first",
        "def first",
        "handlers",
        {"handlers": "assert lib.HANDLERS is not None", "size": "assert lib.SIZES"},
    ),
    "call that changes a container": (
        """
        TABLE = {}
        TABLE.update(a=1)
        SIZES = 1
        """,
        "a=1",
        "a=2",
        "table",
        {"table": "assert lib.TABLE", "size": "assert lib.SIZES"},
    ),
    "names of a module that is got by a computed name": (
        """
        import sys

        def load(name):
            __import__(name)
            return sys.modules[name]

        def pick(module, name):
            return getattr(module, name)

        SIZES = 1
        """,
        "VALUE = 1",
        "VALUE = 2",
        "computed",
        {
            "computed": "assert lib.pick(lib.load('re' + 'st'), 'VAL' + 'UE')",
            "size": "assert lib.SIZES",
        },
        {"rest": "VALUE = 1\n"},
    ),
    "type variable": (
        """
        from __future__ import annotations
        from typing import TypeVar

        T = TypeVar("T")

        def same(value: T) -> T:
            return value
        """,
        'TypeVar("T")',
        'TypeVar("T", bound=int)',
        "",
        {"same": "assert lib.same(1)"},
    ),
    "type variable that is evaluated": (
        """
        from __future__ import annotations
        from typing import TypeVar, get_type_hints

        T = TypeVar("T")

        def same(value: T) -> T:
            return value
        """,
        'TypeVar("T")',
        'TypeVar("T", bound=int)',
        "same hints",
        {
            "same": "assert lib.same(1)",
            "hints": "assert lib.get_type_hints(lib.same)['value'].__bound__ in (None, int)",
        },
    ),
    "import for type checking": (
        """
        from __future__ import annotations
        from typing import TYPE_CHECKING

        if TYPE_CHECKING:
            from decimal import Decimal

        def same(value: Decimal) -> Decimal:
            return value
        """,
        "from decimal import Decimal",
        "from decimal import Decimal, Context",
        "",
        {"same": "assert lib.same(1)"},
    ),
    "class in an annotation": (
        """
        from __future__ import annotations

        class Cart:
            def __eq__(self, other):
                return True

        def same(cart: Cart):
            return cart

        SIZES = 1
        """,
        "class Cart:",
        "class Cart(dict):",
        "same",
        {"same": "assert lib.same(1)", "size": "assert lib.SIZES"},
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_whom_it_concerns(project, kind):
    lib, old, new, names, bodies, *files = KINDS[kind]
    check(project, lib, old, new, names, bodies, **(files[0] if files else {}))


def test_a_fixture_that_is_named_by_a_decorator_of_the_project(project):
    project.write(
        "conftest.py",
        """
        import pytest


        def provides(name):
            return pytest.fixture(name=name)


        @provides("number")
        def make_number():
            return 1
        """,
    )
    project.write(
        "test_it.py",
        """
        def test_number(number):
            assert number


        def test_other():
            pass
        """,
    )
    project.record()
    project.replace("conftest.py", "def make_number():", "def make_number(tmp_path):")
    result = project.run()
    assert result.names == {"test_number"}, result
    assert_idle(project.run())


def test_strings_of_other_decorators_are_no_fixtures(project):
    project.write("conftest.py", "")
    project.write(
        "test_it.py",
        """
        import pytest


        @pytest.mark.parametrize("get", [1])
        def test_get(get):
            assert get


        def test_other():
            assert {}.get(1) is None
        """,
    )
    project.record()
    project.replace("test_it.py", '"get", [1]', '"get", [2]')
    result = project.run()
    assert result.names == {"test_get[2]"}, result


def test_exported_name_that_is_not_there(project):
    """`import *` fails then, and with it the import of everything that is imported beside it."""
    project.write("pkg/__init__.py", "from .a import *\nfrom .b import *\n")
    project.write("pkg/a.py", '__all__ = ["f"]\n\n\ndef f():\n    return 1\n')
    project.write("pkg/b.py", '__all__ = ["g"]\n\n\ndef g():\n    return 2\n')
    project.write("test_f.py", "import pkg\n\n\ndef test_f():\n    assert pkg.f() == 1\n")
    project.write("test_g.py", "import pkg\n\n\ndef test_g():\n    assert pkg.g() == 2\n")
    project.record()
    project.replace("pkg/a.py", '["f"]', '["missing"]')
    result = project.run()
    assert result.status == 2, result
    assert "ERROR test_f.py" in result.out and "ERROR test_g.py" in result.out, result
    project.replace("pkg/a.py", '["missing"]', '["f"]')
    assert project.run().status == 0
