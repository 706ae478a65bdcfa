"""Which tests an edit selects: those whose result it can change, and no others."""

import os

import pytest
from project import assert_idle, with_notes


def check(project, *names):
    """One run enters exactly these tests; the next one has nothing to do."""
    result = project.run()
    assert result.names == set(names), result
    assert_idle(project.run())


COSMETIC = {
    "comment": lambda t: t.replace("# the usual rate", "# something else"),
    "new comment": lambda t: t.replace("def discount", "# off\ndef discount"),
    "trailing comment": lambda t: t.replace("RATE = 20", "RATE = 20  # per cent"),
    "blank lines": lambda t: "\n\n" + t.replace("def discount", "\n\ndef discount"),
    "spaces": lambda t: t.replace("net // 10", "net  //  10").replace("tax(net)", "tax( net )"),
    "parentheses on lines": lambda t: t.replace("tax(net)", "tax(\n    net\n)"),
    "line continuation": lambda t: t.replace("RATE // 100", "RATE \\\n        // 100"),
    "indentation": lambda t: t.replace("    return net // 10", "  return net // 10"),
    "line ends": lambda t: t.replace("\n", "\r\n"),
    "byte order mark": lambda t: "\ufeff" + t,
    "quotes": lambda t: t.replace('"""Prices."""', "'''Prices.'''"),
    "number": lambda t: t.replace("// 100", "// 1_00"),
    "no final line end": lambda t: t.rstrip("\n"),
    "form feed": lambda t: t.replace("def discount", "\f\ndef discount"),
}


@pytest.mark.parametrize("kind", COSMETIC)
def test_formatting_selects_nothing(shop, kind):
    shop.record()
    old = (shop.root / "prices.py").read_text()
    new = COSMETIC[kind](old)
    assert new != old
    shop.write("prices.py", new.encode("utf-8"))
    result = shop.run()
    assert_idle(result)
    assert "1 file changed" in result.err


USERS_OF_TAX = ["test_tax", "test_total"]
USERS_OF_PRICES = USERS_OF_TAX + ["test_discount", "test_label"]
MODULE_LEVEL = {
    "constant": (USERS_OF_TAX, "RATE = 20", "RATE = 10 + 10"),
    "new name": ([], "RATE = 20", "RATE = 20\nOTHER = 1"),
    "new import": ([], "RATE = 20", "import math\nRATE = 20"),
    "decorator": (USERS_OF_TAX, "def tax", "@(lambda f: f)\ndef tax"),
    "default value": (USERS_OF_TAX, "def tax(net)", "def tax(net, rate=RATE)"),
    "annotation": ([], "def tax(net)", "def tax(net: 'int')"),
    "annotation that may do something": (USERS_OF_TAX, "def tax(net)", "def tax(net: [int])"),
    "name added that overrides": (
        USERS_OF_TAX,
        "def discount",
        "def tax(net):\n    return RATE * net // 100\n\n\ndef discount",
    ),
    "import side effect": (USERS_OF_PRICES, "RATE = 20", "RATE = 20\nprint(RATE)"),
}


@pytest.mark.parametrize("kind", MODULE_LEVEL)
def test_module_level_selects_by_names(shop, kind):
    shop.write("test_other.py", "def test_other():\n    pass\n")
    shop.record()
    names, old, new = MODULE_LEVEL[kind]
    shop.replace("prices.py", old, new)
    check(shop, *names)


def test_class_attribute_and_method(project):
    project.write(
        "lib.py",
        """
        class Base:
            factor = 2

            def double(self, x):
                return self.factor * x

            def unused(self):
                return 0


        class Child(Base):
            pass
        """,
    )
    project.write(
        "test_lib.py",
        """
        import lib


        def test_inherited():
            assert lib.Child().double(2) == 4


        def test_class_only():
            assert lib.Child
        """,
    )
    project.record()
    project.replace("lib.py", "self.factor * x", "x * self.factor")
    check(project, "test_inherited")
    project.replace("lib.py", "return 0", "return 1")
    check(project)
    project.replace("lib.py", "factor = 2", "factor = 1 + 1")
    check(project, "test_inherited")
    # A method that now overrides the inherited one.
    project.replace("lib.py", "    pass", "    def double(self, x):\n        return 4")
    check(project, "test_inherited")


def test_reexport(project):
    project.write("pkg/__init__.py", "from .deep import value\n")
    project.write("pkg/deep.py", "def value():\n    return 1\n")
    project.write("test_a.py", "import pkg\n\n\ndef test_a():\n    assert pkg.value()\n")
    project.write("test_b.py", "import pkg\n\n\ndef test_b():\n    assert pkg\n")
    project.record()
    project.replace("pkg/deep.py", "return 1", "return 2")
    check(project, "test_a")
    project.write("pkg/deep.py", "value = lambda: 1\n")
    check(project, "test_a")


@pytest.mark.parametrize(
    "old, new",
    [
        ("lambda x: x + 1", "lambda x: 1 + x"),
        ("x * 2 for x in", "2 * x for x in"),
        ("yield 1", "yield 0 + 1"),
        ("await soon()", "(await soon()) or 0"),
        ("return inner_value", "return inner_value or 0"),
    ],
)
def test_kinds_of_blocks(project, old, new):
    project.write(
        "lib.py",
        """
        def by_lambda():
            return (lambda x: x + 1)(1)


        def by_comprehension():
            return sum(x * 2 for x in (1, 2))


        def by_generator():
            yield 1


        async def soon():
            return 1


        async def by_coroutine():
            return await soon()


        def by_inner():
            inner_value = 1

            def inner():
                return inner_value

            return inner()
        """,
    )
    project.write(
        "test_lib.py",
        """
        import asyncio
        import lib


        def test_lambda():
            assert lib.by_lambda() == 2


        def test_comprehension():
            assert lib.by_comprehension() == 6


        def test_generator():
            assert list(lib.by_generator()) == [1]


        def test_coroutine():
            assert asyncio.run(lib.by_coroutine()) == 1


        def test_inner():
            assert lib.by_inner() == 1
        """,
    )
    project.record()
    project.replace("lib.py", old, new)
    names = {
        "lambda": "test_lambda",
        "x * 2": "test_comprehension",
        "yield": "test_generator",
        "await": "test_coroutine",
        "return": "test_inner",
    }
    check(project, next(name for start, name in names.items() if old.startswith(start)))


def test_code_in_threads_counts(project):
    project.write("lib.py", "def work():\n    return 1\n")
    project.write(
        "test_a.py",
        """
        import threading
        import lib


        def test_thread():
            thread = threading.Thread(target=lib.work)
            thread.start()
            thread.join()


        def test_none():
            pass
        """,
    )
    project.record()
    project.replace("lib.py", "return 1", "return 2")
    check(project, "test_thread")


def test_function_reached_by_each_of_several_tests(project):
    project.write("lib.py", "def value():\n    return 1\n")
    project.write(
        "test_a.py",
        """
        import lib
        import pytest


        @pytest.mark.parametrize("n", range(5))
        def test_many(n):
            assert lib.value()


        def test_last():
            assert lib.value()
        """,
    )
    project.record()
    project.replace("lib.py", "return 1", "return 2")
    check(project, *["test_many[%d]" % n for n in range(5)], "test_last")


def test_new_test_in_an_old_file(shop):
    shop.record()
    path = shop.root / "test_cart.py"
    path.write_text(path.read_text() + with_notes("\n\ndef test_extra():\n    pass\n"))
    shop.stamp(path)
    result = shop.run()
    assert "test_extra" in result.names
    assert not any(name.startswith("test_prices.py") for name in result.ran)
    assert_idle(shop.run())


def test_new_test_file(shop):
    shop.record()
    shop.write("test_more.py", "def test_more():\n    pass\n")
    result = shop.run()
    assert result.names == {"test_more"}
    assert "1 new test file to collect" in result.err
    assert_idle(shop.run())


def test_new_source_file_that_nobody_uses(shop):
    shop.record()
    shop.write("unused.py", "1 / 0\n")
    assert_idle(shop.run())


def test_missing_module_that_appears(project):
    project.write(
        "test_a.py",
        """
        try:
            import extra
        except ImportError:
            extra = None


        def test_optional():
            assert extra is None


        def test_at_run_time():
            try:
                import late
            except ImportError:
                late = None
            assert late is None
        """,
    )
    project.write("test_b.py", "def test_b():\n    pass\n")
    project.record()
    project.write("late.py", "")
    result = project.run()
    assert result.names == {"test_at_run_time"}
    assert result.status == 1
    project.delete("late.py")
    project.run()
    project.write("extra.py", "")
    assert project.run().names == {"test_optional", "test_at_run_time"}


def test_importorskip_of_a_module_that_appears(project):
    project.write(
        "test_a.py",
        "import pytest\n\n\ndef test_a():\n    pytest.importorskip('extra')\n",
    )
    project.record()
    assert_idle(project.run())
    project.write("extra.py", "")
    check(project, "test_a")


def test_shadowing_module(project):
    project.write("pytest.ini", "[pytest]\npythonpath = first second\n")
    project.write("first/__keep__.txt", "")
    project.write("second/lib.py", "def value():\n    return 1\n")
    project.write("test_a.py", "import lib\n\n\ndef test_a():\n    assert lib.value() == 1\n")
    project.write("test_b.py", "def test_b():\n    pass\n")
    project.record()
    project.write("first/lib.py", "def value():\n    return 2\n")
    result = project.run()
    assert (result.names, result.status) == ({"test_a"}, 1)
    project.delete("first/lib.py")
    assert project.run().status == 0


def test_standard_library_is_shadowed(project):
    project.write(
        "test_a.py", "import colorsys\n\n\ndef test_a():\n    assert colorsys.rgb_to_hsv\n"
    )
    project.record()
    project.write("colorsys.py", "rgb_to_hsv = None\n")
    result = project.run()
    assert (result.names, result.status) == ({"test_a"}, 1)


def test_package_takes_the_place_of_a_module(project):
    project.write("lib.py", "def value():\n    return 1\n")
    project.write("test_a.py", "import lib\n\n\ndef test_a():\n    assert lib.value() == 1\n")
    project.record()
    project.write("lib/__init__.py", "def value():\n    return 2\n")
    assert project.run().status == 1


def test_deleted_module(shop):
    shop.record()
    shop.delete("cart.py")
    result = shop.run()
    assert result.status == 2
    assert result.ran == set()
    assert "No module named 'cart'" in result.out


def test_deleted_test_file(shop):
    shop.record()
    shop.delete("test_cart.py")
    result = shop.run()
    assert_idle(result)
    assert "0 of 2" in result.err


def test_deleted_test(shop):
    shop.record()
    text = (shop.root / "test_cart.py").read_text()
    shop.write("test_cart.py", text[: text.index("def test_label")].encode())
    shop.run()
    result = shop.run()
    assert_idle(result)
    assert "0 of 3" in result.err


def test_renamed_module(shop):
    shop.record()
    os.rename(shop.root / "cart.py", shop.root / "basket.py")
    result = shop.run()
    assert result.status == 2
    shop.replace("test_cart.py", "import cart", "import basket as cart")
    check(shop, "test_total", "test_label")


def test_renamed_test_file(shop):
    shop.record()
    os.rename(shop.root / "test_cart.py", shop.root / "test_basket.py")
    result = shop.run()
    assert result.ran == {"test_basket.py::test_total", "test_basket.py::test_label"}
    assert_idle(shop.run())


def test_renamed_test(shop):
    shop.record()
    shop.replace("test_cart.py", "def test_label", "def test_name")
    result = shop.run()
    assert "test_name" in result.names
    assert "test_label" not in result.names
    assert_idle(shop.run())


def test_edited_test(shop):
    shop.record()
    shop.replace("test_cart.py", '== "total"', '== "to" "tal"')
    check(shop, "test_label")


def test_new_conftest(project):
    for folder in "ab":
        project.write("%s/test_%s.py" % (folder, folder), "def test_%s():\n    pass\n" % folder)
    project.record()
    project.write(
        "a/conftest.py",
        "import pytest\n\n\n@pytest.fixture(autouse=True)\ndef broken():\n    assert 0\n",
    )
    result = project.run()
    assert result.status == 1
    assert "1 of 2 tests affected" in result.err
    project.delete("a/conftest.py")
    project.run()
    assert_idle(project.run())


def test_edited_conftest(project):
    project.write(
        "conftest.py",
        """
        import pytest


        @pytest.fixture
        def one():
            return 1


        @pytest.fixture
        def two():
            return 2
        """,
    )
    project.write("test_a.py", "def test_a(one):\n    pass\n\n\ndef test_b(two):\n    pass\n")
    project.record()
    project.replace("conftest.py", "return 1", "return 1 + 0")
    check(project, "test_a")


def test_fixture_that_overrides(project):
    fixture = "import pytest\n\n\n@pytest.fixture\ndef value():\n    return %d\n"
    project.write("conftest.py", fixture % 1)
    project.write("sub/test_a.py", "def test_a(value):\n    assert value == 1\n")
    project.write("test_b.py", "def test_b(value):\n    assert value == 1\n")
    project.record()
    project.write("sub/conftest.py", fixture % 2)
    result = project.run()
    assert "test_a" in result.names
    assert result.status == 1


@pytest.mark.parametrize("scope", ["session", "module", "class"])
def test_shared_fixture_is_charged_to_every_user(project, scope):
    project.write("lib.py", "def connect():\n    return 1\n\n\ndef close():\n    return 2\n")
    project.write(
        "test_a.py",
        """
        import lib
        import pytest


        @pytest.fixture(scope="SCOPE")
        def base():
            yield lib.connect()
            lib.close()


        @pytest.fixture
        def derived(base):
            return base


        class TestAll:
            def test_first(self, base):
                pass

            def test_second(self, base):
                pass

            def test_third(self, derived):
                pass

            def test_not_a_user(self):
                pass
        """.replace("SCOPE", scope),
    )
    project.record()
    users = ["test_first", "test_second", "test_third"]
    project.replace("lib.py", "return 1", "return 0 + 1")
    check(project, *users)
    project.replace("lib.py", "return 2", "return 0 + 2")
    check(project, *users)
    # When only one of them ran, the others are still users.
    project.replace("test_a.py", "def test_third(self, derived):", "def test_third(self, base):")
    project.run()
    project.replace("lib.py", "return 0 + 1", "return 3")
    check(project, *users)


def test_setup_functions(project):
    project.write("lib.py", "def prepare():\n    return 1\n\n\ndef each():\n    return 1\n")
    project.write(
        "test_a.py",
        """
        import lib


        def setup_module():
            lib.prepare()


        class TestOne:
            def setup_method(self):
                lib.each()

            def test_in_class(self):
                pass


        def test_outside():
            pass
        """,
    )
    project.record()
    project.replace("lib.py", "def each():\n    return 1", "def each():\n    return 2")
    check(project, "test_in_class")
    project.replace("lib.py", "def prepare():\n    return 1", "def prepare():\n    return 2")
    check(project, "test_in_class", "test_outside")


def test_parametrization_computed_by_a_function(project):
    project.write("data.py", "def cases():\n    return [1, 2]\n")
    project.write(
        "test_a.py",
        """
        import data
        import pytest


        @pytest.mark.parametrize("n", data.cases())
        def test_n(n):
            assert n
        """,
    )
    project.record()
    project.replace("data.py", "[1, 2]", "[1, 2, 3]")
    result = project.run()
    assert "test_n[3]" in result.names
    assert_idle(project.run())
    project.replace("data.py", "[1, 2, 3]", "[2, 3]")
    project.run()
    assert "0 of 2" in project.run().err


def test_generated_tests_of_a_hook(project):
    project.write("data.py", "def names():\n    return ['x']\n")
    project.write(
        "conftest.py",
        """
        import data


        def pytest_generate_tests(metafunc):
            if "name" in metafunc.fixturenames:
                metafunc.parametrize("name", data.names())
        """,
    )
    project.write("test_a.py", "def test_a(name):\n    assert name\n")
    project.record()
    project.replace("data.py", "['x']", "['x', 'y']")
    assert "test_a[y]" in project.run().names
    assert_idle(project.run())


def test_syntax_error_and_its_repair(shop):
    shop.record()
    shop.replace("cart.py", "def label():", "def label(:")
    result = shop.run()
    assert result.status == 2
    assert "SyntaxError" in result.out
    assert shop.run().status == 2
    shop.replace("cart.py", "def label(:", "def label():")
    result = shop.run()
    assert result.status == 0
    assert not any(name.startswith("test_prices") for name in result.ran)
    assert_idle(shop.run())


def test_syntax_error_in_a_test_file(shop):
    shop.write("test_bad.py", "def test_bad(:\n    pass\n")
    assert shop.run().status == 2
    assert shop.run().status == 2
    shop.write("test_bad.py", "def test_bad():\n    pass\n")
    assert "test_bad" in shop.run().names
    assert_idle(shop.run())


def test_same_size_and_time(shop):
    shop.env["PYTHONDONTWRITEBYTECODE"] = "1"  # Python itself would take the cached code
    shop.record()
    path = shop.root / "prices.py"
    stat = path.stat()
    path.write_text(path.read_text().replace("net // 10", "net // 20"))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    result = shop.run()
    assert (result.names, result.status) == ({"test_discount"}, 1)


def test_file_written_right_after_the_run(project):
    """Times of files are coarse; an edit within the same tick must be seen."""
    project.env["PYTHONDONTWRITEBYTECODE"] = "1"
    source = project.root / "lib.py"
    source.write_text("def value():\n    return 1\n")
    project.write("test_a.py", "import lib\n\n\ndef test_a():\n    assert lib.value() == 1\n")
    project.record()
    source.write_text("def value():\n    return 2\n")
    assert project.run().status == 1
    source.write_text("def value():\n    return 1\n")
    assert project.run().status == 0


def test_edit_during_the_run(project):
    """What was imported is not what lies there now: the test runs again."""
    project.env["PYTHONDONTWRITEBYTECODE"] = "1"
    project.write("lib.py", "def value():\n    return 1\n")
    project.write(
        "test_a.py",
        """
        import os
        import lib


        def test_a():
            if os.environ.get("EDIT"):
                with open("lib.py", "w") as file:
                    file.write("def value():\\n    return 2\\n")
            assert lib.value() == 1
        """,
    )
    assert project.run(env={"EDIT": "1"}).status == 0
    result = project.run()
    assert (result.names, result.status) == ({"test_a"}, 1)
