"""Code that runs once and serves many tests: whoever is served depends on what was run."""

import textwrap

import pytest
from project import assert_idle, has_module


def check(project, *names):
    result = project.run()
    assert result.names == set(names), result
    assert_idle(project.run())


def make(project, lib, first, second, other="assert True", files=()):
    """Two tests that use the same thing, in this order, and one that does not."""
    project.write("lib.py", lib)
    for name, text in files:
        project.write(name, text)
    project.write("test_a.py", test_text("first", first))
    project.write("test_b.py", test_text("second", second) + "\n\n" + test_text("other", other, ""))
    project.record()
    assert_idle(project.run())


def test_text(name, body, head="import lib\n\n\n"):
    return "%sdef test_%s():\n%s" % (head, name, textwrap.indent(textwrap.dedent(body), "    "))


test_text.__test__ = False

BUILD = "def build(key=1):\n    return key * 1\n"


def change_build(project):
    project.replace("lib.py", "return key * 1", "return key * (2 - 1)")


CACHED = {
    "lru_cache": """
        import functools

        @functools.lru_cache(None)
        def table():
            return build()
        """,
    "lru_cache_called_directly": """
        from functools import lru_cache

        def _table():
            return build()

        table = lru_cache(None)(_table)
        """,
    "own_memo": """
        def memo(function):
            known = {}

            def wrapper(*args):
                if args not in known:
                    known[args] = function(*args)
                return known[args]

            return wrapper

        @memo
        def table():
            return build()
        """,
    "decorator_with_library_cache": """
        import functools

        def remember(function):
            return functools.lru_cache(None)(function)

        @remember
        def table():
            return build()
        """,
    "memo_dict": """
        _CACHE = {}

        def table(key=1):
            if key not in _CACHE:
                _CACHE[key] = build(key)
            return _CACHE[key]
        """,
    "memo_dict_alias": """
        _CACHE = {}

        def table(key=1):
            cache = _CACHE
            if key not in cache:
                cache[key] = build(key)
            return cache[key]
        """,
    "memo_setdefault": """
        class Store:
            known = {}

        def table(key=1):
            if key in Store.known:
                return Store.known[key]
            return Store.known.setdefault(key, build(key))
        """,
    "memo_default": """
        def table(key=1, _cache={}):
            if key not in _cache:
                _cache[key] = build(key)
            return _cache[key]
        """,
    "global": """
        _TABLE = None

        def table():
            global _TABLE
            if _TABLE is None:
                _TABLE = build()
            return _TABLE
        """,
    "closure": """
        def make():
            value = None

            def get():
                nonlocal value
                if value is None:
                    value = build()
                return value

            return get

        table = make()
        """,
    "singleton": """
        class Table:
            _instance = None

            @classmethod
            def get(cls):
                if cls._instance is None:
                    cls._instance = cls()
                return cls._instance

            def __init__(self):
                self.value = build()

        def table():
            return Table.get().value
        """,
    "metaclass": """
        class Single(type):
            _made = {}

            def __call__(cls):
                if cls not in Single._made:
                    Single._made[cls] = super().__call__()
                return Single._made[cls]

        class Table(metaclass=Single):
            def __init__(self):
                self.value = build()

        def table():
            return Table().value
        """,
    "module_object": """
        class Settings:
            def __init__(self):
                self._cache = {}

            def get(self, key):
                if key not in self._cache:
                    self._cache[key] = build(key)
                return self._cache[key]

        SETTINGS = Settings()

        def table():
            return SETTINGS.get(1)
        """,
    "generator": """
        _PARTS = []

        def parts():
            if not _PARTS:
                for key in (1, 2):
                    _PARTS.append(build(key))
                    yield key
            yield from _PARTS

        def table():
            return list(parts())[0]
        """,
    "thread": """
        import functools, threading

        @functools.lru_cache(None)
        def table():
            result = []
            worker = threading.Thread(target=lambda: result.append(build()))
            worker.start()
            worker.join()
            return result[0]
        """,
    "exception": """
        import functools

        _ERROR = None

        def attempt():
            global _ERROR
            if _ERROR is None:
                _ERROR = build()
                raise KeyError(_ERROR)
            return _ERROR

        def table():
            try:
                return attempt()
            except KeyError:
                return 1
        """,
    "recursion": """
        import functools

        @functools.lru_cache(None)
        def depth(n):
            return depth(n - 1) if n else build()

        def table():
            return depth(5)
        """,
    "nested_caches": """
        import functools

        @functools.lru_cache(None)
        def inner():
            return build()

        @functools.lru_cache(None)
        def table():
            return inner()
        """,
}


@pytest.mark.parametrize("how", sorted(CACHED))
def test_function(project, how):
    lib = textwrap.dedent(CACHED[how]) + "\n\n" + BUILD
    make(project, lib, "assert lib.table() == 1", "assert lib.table() + 1 == 2")
    change_build(project)
    check(project, "test_first", "test_second")


@pytest.mark.parametrize(
    "second",
    [
        "from lib import table as renamed\nassert renamed() == 1",
        "assert lib.ALIAS() == 1",
        "assert lib.Holder.attribute() == 1",
        "assert getattr(lib, 'table')() == 1",
        "assert list(map(lib.table, [1])) == [1]",
        "assert helper.again() == 1",
    ],
)
def test_reached_by_another_name(project, second):
    lib = """
        import functools

        @functools.lru_cache(None)
        def table(key=1):
            return build(key)

        def build(key):
            return key * 1

        ALIAS = table

        class Holder:
            attribute = staticmethod(ALIAS)
        """
    helper = "from lib import table as imported\n\n\ndef again():\n    return imported(1)\n"
    make(
        project,
        lib,
        "assert lib.table() == 1 and lib.table(1) == 1",
        "import helper\n" + second,
        files=[("helper.py", helper)],
    )
    change_build(project)
    check(project, "test_first", "test_second")


def test_cached_property_of_a_module_object(project):
    lib = """
        import functools

        class Settings:
            @functools.cached_property
            def table(self):
                return build()

        def build(key=1):
            return key * 1

        SETTINGS = Settings()
        """
    if not has_module("functools, sys; functools.cached_property"):
        pytest.skip("no cached_property")
    make(project, lib, "assert lib.SETTINGS.table == 1", "assert lib.SETTINGS.table + 1 == 2")
    change_build(project)
    check(project, "test_first", "test_second")


def test_cached_property_of_an_object_of_each_test(project):
    lib = """
        import functools

        class Settings:
            def __init__(self, key):
                self.key = key

            @functools.cached_property
            def table(self):
                return one() if self.key == 1 else two()

        def one():
            return 1

        def two():
            return 2
        """
    make(project, lib, "assert lib.Settings(1).table == 1", "assert lib.Settings(2).table == 2")
    project.replace("lib.py", "return 1", "return 2 - 1")
    check(project, "test_first")


def test_state_that_is_read_without_the_function(project):
    lib = """
        CONFIG = None

        def load():
            global CONFIG
            if CONFIG is None:
                CONFIG = build()

        def build():
            return 1
        """
    make(project, lib, "lib.load()\nassert lib.CONFIG == 1", "assert lib.CONFIG in (None, 1)")
    project.replace("lib.py", "return 1", "return 2 - 1")
    check(project, "test_first", "test_second")


def test_registry_that_is_filled_lazily(project):
    lib = """
        class Registry:
            plugins = {}

            @classmethod
            def add(cls, name):
                cls.plugins[name] = build(1)

        def call(name):
            return Registry.plugins[name]

        def build(key):
            return key * 1
        """
    make(
        project,
        lib,
        "lib.Registry.add('x')\nassert lib.call('x') == 1",
        "assert lib.Registry.plugins.get('x') in (None, 1)",
    )
    change_build(project)
    check(project, "test_first", "test_second")


def test_registry_that_an_import_fills(project):
    lib = """
        _filled = False

        class Registry:
            plugins = {}

        def fill():
            global _filled
            if not _filled:
                import plugin
                plugin.install(Registry)
                _filled = True

        def call(name):
            fill()
            return Registry.plugins[name]()
        """
    plugin = (
        "VALUE = 1\n\n\ndef install(registry):\n    registry.plugins['x'] = make()\n\n\n"
        "def make():\n    value = VALUE\n    return lambda: value\n"
    )
    make(
        project,
        lib,
        "assert lib.call('x') == 1",
        "assert lib.call('x') + 1 == 2",
        files=[("plugin.py", plugin)],
    )
    project.replace("plugin.py", "value = VALUE", "value = VALUE * 1")
    check(project, "test_first", "test_second")
    project.replace("plugin.py", "VALUE = 1", "VALUE = 2 - 1")
    check(project, "test_first", "test_second")


def test_lazy_import(project):
    lib = "def answer():\n    import slow\n\n    return slow.value()\n"
    slow = "def value():\n    return 1\n"
    make(
        project,
        lib,
        "assert lib.answer() == 1",
        "assert lib.answer() + 1 == 2",
        files=[("slow.py", slow)],
    )
    project.replace("slow.py", "return 1", "return 2 - 1")
    check(project, "test_first", "test_second")
    project.replace("slow.py", "return 2 - 1", "return ONE\n\n\nONE = 1")
    check(project, "test_first", "test_second")
    project.replace("slow.py", "ONE = 1", "ONE = 2 - 1")
    check(project, "test_first", "test_second")


def test_lazy_import_that_is_kept(project):
    lib = """
        _module = None

        def answer():
            global _module
            if _module is None:
                import slow as _module
            return _module.VALUE
        """
    make(
        project,
        lib,
        "assert lib.answer() == 1",
        "assert lib.answer() + 1 == 2",
        files=[("slow.py", "VALUE = 1\n")],
    )
    project.replace("slow.py", "VALUE = 1", "VALUE = 2 - 1")
    check(project, "test_first", "test_second")


def test_module_getattr(project):
    """Nobody mentions it, so everybody who imports the module may be served."""
    lib = """
        def __getattr__(name):
            if name != "TABLE":
                raise AttributeError(name)
            globals()["TABLE"] = value = build()
            return value

        def build():
            return 1
        """
    project.write("test_c.py", "def test_apart():\n    assert True\n")
    make(project, lib, "assert lib.TABLE == 1", "assert lib.TABLE + 1 == 2")
    project.replace("lib.py", "return 1", "return 2 - 1")
    check(project, "test_first", "test_second", "test_other")


def test_called_at_import(project):
    """One module fills the cache while it is imported; a test that does not import it is served."""
    project.write("early.py", "import lib\n\nVALUE = lib.table()\n")
    project.write("test_c.py", "import lib\n\n\ndef test_apart():\n    assert lib\n")
    lib = textwrap.dedent(CACHED["lru_cache"]) + "\n\n" + BUILD
    project.write("lib.py", lib)
    project.write("test_a.py", "import early\n\n\ndef test_first():\n    assert early.VALUE == 1\n")
    project.write("test_b.py", test_text("second", "assert lib.table() + 1 == 2"))
    project.record()
    change_build(project)
    check(project, "test_first", "test_second")


def test_data_file(project):
    lib = """
        import functools, os

        @functools.lru_cache(None)
        def load(name):
            with open(os.path.join(os.path.dirname(__file__), name)) as file:
                return file.read()
        """
    make(
        project,
        lib,
        "assert lib.load('a.txt')",
        "assert lib.load('a.txt') != 'x'",
        files=[("a.txt", "one"), ("b.txt", "two")],
    )
    project.write("a.txt", "three")
    check(project, "test_first", "test_second")
    project.write("b.txt", "four")
    assert_idle(project.run())


def test_wider_fixture_and_conftest(project):
    """The conftest.py has the cache; a fixture of the session fills it."""
    project.write("lib.py", "def build():\n    return 1\n\n\ndef unused():\n    return 0\n")
    project.write(
        "conftest.py",
        """
        import functools
        import pytest
        import lib


        @functools.lru_cache(None)
        def table():
            return lib.build()


        @pytest.fixture(scope="session")
        def warm():
            return table()


        @pytest.fixture
        def value():
            return table()
        """,
    )
    project.write(
        "test_a.py",
        """
        def test_warm(warm):
            assert warm == 1


        def test_value(value):
            assert value == 1


        def test_other():
            assert True
        """,
    )
    project.record()
    project.replace("lib.py", "return 1", "return 2 - 1")
    check(project, "test_warm", "test_value")


def test_nested_cache_of_a_session_fixture(project):
    project.write("lib.py", BUILD)
    project.write(
        "conftest.py",
        """
        import functools
        import pytest
        import lib


        @pytest.fixture(scope="session")
        def load():
            @functools.lru_cache(None)
            def read(key):
                return lib.build(key)

            return read
        """,
    )
    project.write(
        "test_a.py",
        """
        def test_first(load):
            assert load(1) == 1


        def test_second(load):
            assert load(1) + 1 == 2


        def test_other():
            assert True
        """,
    )
    project.record()
    change_build(project)
    check(project, "test_first", "test_second")


def test_parameters_from_a_cache(project):
    project.write("lib.py", textwrap.dedent(CACHED["lru_cache"]) + "\n\n" + BUILD)
    project.write("test_a.py", "import lib\n\n\ndef test_first():\n    assert lib.table() == 1\n")
    project.write(
        "test_b.py",
        """
        import pytest
        import lib


        @pytest.mark.parametrize("value", [lib.table()])
        def test_second(value):
            assert value == 1
        """,
    )
    project.record()
    change_build(project)
    result = project.run()
    assert {name.partition("[")[0] for name in result.names} == {"test_first", "test_second"}
    assert_idle(project.run())


def test_selective_runs_in_between(project):
    """A run that leaves out the test that filled the cache loses nothing for later ones."""
    lib = textwrap.dedent(CACHED["lru_cache"]) + "\n\n" + BUILD
    make(project, lib, "assert lib.table() == 1", "assert lib.table() + 1 == 2")
    project.replace("test_b.py", "lib.table() + 1 == 2", "lib.table() + 2 == 3")
    check(project, "test_second")
    project.replace("test_a.py", "lib.table() == 1", "lib.table() + 2 == 3")
    check(project, "test_first")
    change_build(project)
    check(project, "test_first", "test_second")
    project.replace("lib.py", "return build()", "return build() * 1")
    check(project, "test_first", "test_second")


def test_other_callers_of_a_plain_function_are_not_charged(project):
    """What a dispatcher did for another test concerns nobody else."""
    lib = """
        def dispatch(name):
            return {"one": one, "two": two}[name]()

        def one():
            return 1

        def two():
            return 2
        """
    make(project, lib, "assert lib.dispatch('one') == 1", "assert lib.dispatch('two') == 2")
    project.replace("lib.py", "return 1", "return 2 - 1")
    check(project, "test_first")


@pytest.mark.parametrize("place", ["lib", "decorators"])
def test_decorators_that_keep_nothing(project, place):
    """Of the project, in the same module or another, and of the standard library."""
    traced = """
        import functools

        def traced(function):
            @functools.wraps(function)
            def wrapper(*args):
                return function(*args)

            return wrapper
        """
    lib = """
        import contextlib

        %s

        @traced
        def run(function):
            return function()

        @contextlib.contextmanager
        def around(function):
            yield function()

        def one():
            return 1

        def two():
            return 2
        """
    before = traced if place == "lib" else "from decorators import traced"
    make(
        project,
        textwrap.dedent(lib) % textwrap.dedent(before),
        "assert lib.run(lib.one) == 1",
        "with lib.around(lib.two) as two:\n    assert lib.run(lib.two) == two == 2",
        files=[("decorators.py", traced)],
    )
    project.replace("lib.py", "return 1", "return 2 - 1")
    check(project, "test_first")


@pytest.mark.skipif(not has_module("xdist"), reason="no pytest-xdist")
def test_workers(project):
    lib = textwrap.dedent(CACHED["lru_cache"]) + "\n\n" + BUILD
    project.write("lib.py", lib)
    names = []
    for i in range(8):
        names.append("test_%d" % i)
        project.write(
            "test_%d.py" % i, "import lib\n\n\ndef test_%d():\n    assert lib.table() == 1\n" % i
        )
    project.write("test_other.py", "import lib\n\n\ndef test_other():\n    assert lib\n")
    project.record("-n2")
    assert_idle(project.run("-n2"))
    change_build(project)
    result = project.run("-n2")
    assert result.names == set(names), result
    assert_idle(project.run("-n2"))
