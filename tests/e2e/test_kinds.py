"""Kinds of projects, of tests and of files."""

import os

import pytest
from project import assert_idle


def check(project, *names):
    result = project.run()
    assert result.names == set(names), result
    assert_idle(project.run())


def test_src_layout(project):
    project.write("pyproject.toml", "[tool.pytest.ini_options]\npythonpath = ['src']\n")
    project.write("src/pkg/__init__.py", "")
    project.write("src/pkg/core.py", "def one():\n    return 1\n\n\ndef two():\n    return 2\n")
    project.write(
        "tests/test_core.py",
        """
        from pkg import core


        def test_one():
            assert core.one() == 1


        def test_two():
            assert core.two() == 2
        """,
    )
    project.record()
    project.replace("src/pkg/core.py", "return 1", "return 2 - 1")
    check(project, "test_one")


@pytest.mark.parametrize("mode", ["prepend", "append", "importlib"])
def test_import_modes(project, mode):
    project.write("pytest.ini", "[pytest]\naddopts = --import-mode=%s\npythonpath = .\n" % mode)
    project.write("lib.py", "def one():\n    return 1\n\n\ndef two():\n    return 2\n")
    project.write(
        "conftest.py", "import lib, pytest\n\n\n@pytest.fixture\ndef two():\n    return lib.two()\n"
    )
    project.write("a/test_x.py", "import lib\n\n\ndef test_one():\n    assert lib.one() == 1\n")
    project.write("a/test_y.py", "def test_two(two):\n    assert two == 2\n")
    project.record()
    project.replace("lib.py", "return 1", "return 2 - 1")
    check(project, "test_one")
    project.replace("lib.py", "return 2\n", "return 1 + 1\n")
    check(project, "test_two")


def test_packages_of_tests_with_equal_names(project):
    for folder in ("a", "b"):
        project.write("tests/%s/__init__.py" % folder, "")
        project.write("tests/%s/helper.py" % folder, "def value():\n    return '%s'\n" % folder)
        project.write(
            "tests/%s/test_same.py" % folder,
            "from . import helper\n\n\ndef test_%s():\n    assert helper.value()\n" % folder,
        )
    project.write("tests/__init__.py", "")
    project.record()
    project.replace("tests/b/helper.py", "return 'b'", "return 'bb'")
    check(project, "test_b")


def test_namespace_package(project):
    project.write("pytest.ini", "[pytest]\npythonpath = one two\n")
    project.write("one/space/a.py", "def value():\n    return 1\n")
    project.write("two/space/b.py", "def value():\n    return 2\n")
    project.write("test_a.py", "import space.a\n\n\ndef test_a():\n    assert space.a.value()\n")
    project.write("test_b.py", "import space.b\n\n\ndef test_b():\n    assert space.b.value()\n")
    project.record()
    project.replace("two/space/b.py", "return 2", "return 3")
    check(project, "test_b")


def test_unittest(project):
    project.write("lib.py", "def one():\n    return 1\n\n\ndef prepare():\n    return 2\n")
    project.write(
        "test_cases.py",
        """
        import unittest
        import lib


        class Base(unittest.TestCase):
            @classmethod
            def setUpClass(cls):
                cls.value = lib.prepare()


        class Case(Base):
            def test_one(self):
                self.assertEqual(lib.one(), 1)

            def test_prepared(self):
                self.assertTrue(self.value)

            @unittest.skip("later")
            def test_skipped(self):
                pass

            @unittest.expectedFailure
            def test_expected(self):
                self.assertTrue(False)


        class Other(unittest.TestCase):
            def test_other(self):
                pass
        """,
    )
    project.record()
    assert_idle(project.run())
    project.replace("lib.py", "return 1", "return 2 - 1")
    check(project, "test_one")
    project.replace("lib.py", "return 2\n", "return 3\n")
    check(project, "test_one", "test_prepared", "test_expected")


def test_doctest_modules(project):
    project.write(
        "lib.py",
        '''
        def double(x):
            """Doubles.

            >>> double(2)
            4
            """
            return helper(x)


        def helper(x):
            return x * 2


        def unused():
            return 1
        ''',
    )
    project.write("other.py", '"""\n>>> 1 + 1\n2\n"""\n')
    args = ("--doctest-modules",)
    assert "2 passed" in project.record(*args).out
    assert_idle(project.run(*args))
    project.replace("lib.py", "return x * 2", "return x * 3")
    result = project.run(*args)
    assert result.status == 1
    assert "1 failed" in result.out
    project.replace("lib.py", "return x * 3", "return 2 * x")
    assert "1 passed" in project.run(*args).out
    project.replace("lib.py", "    4\n", "    5\n")
    assert project.run(*args).status == 1


def test_text_doctests(project):
    project.write("lib.py", "def double(x):\n    return x * 2\n")
    project.write("docs/test_use.txt", b">>> import lib\n>>> lib.double(2)\n4\n")
    project.write("docs/test_other.txt", b">>> 1 + 1\n2\n")
    project.write("pytest.ini", "[pytest]\npythonpath = .\n")
    assert "2 passed" in project.record().out
    assert_idle(project.run())
    project.replace("lib.py", "x * 2", "x * 3")
    result = project.run()
    assert "1 failed" in result.out
    project.replace("docs/test_use.txt", "4", "6")
    assert project.run().status == 0
    assert_idle(project.run())


def test_parameter_ids(project):
    project.write("lib.py", "def value(x):\n    return x\n")
    project.write(
        "test_ids.py",
        """
        import lib
        import pytest


        @pytest.mark.parametrize(
            "x",
            ["a b", "a::b", "[x]", "\u00e9\u4e16", "a/b", "", "new\\nline", "@x", "-k", 99 * "x"],
        )
        def test_id(x):
            assert lib.value(x) == x


        @pytest.mark.parametrize("x", ["\u00fcml", "caf\u00e9 \u4e16"], ids=lambda x: x)
        def test_\u00fcmlaut(x):
            pass
        """,
    )
    result = project.record()
    assert len(result.log) == 12
    assert_idle(project.run())
    project.replace("lib.py", "return x", "return x or x")
    assert len(project.run().log) == 10
    assert_idle(project.run())
    project.replace("lib.py", "return x or x", "return x and x if x != 'a b' else 0")
    assert project.run().status == 1
    assert project.run().names == {"test_id[a b]"} or project.run().log == ["b]"]


def test_strange_names_of_files(project):
    project.write("s p/test_\u00fc x.py", "def test_a():\n    pass\n")
    project.write("s p/test_[b].py", "def test_b():\n    pass\n")
    project.write("pytest.ini", "[pytest]\naddopts = --import-mode=importlib\n")
    assert project.record().names == {"test_a", "test_b"}
    assert_idle(project.run())
    project.replace("s p/test_\u00fc x.py", "    pass", "    assert True")
    check(project, "test_a")


@pytest.mark.parametrize(
    "name, text",
    [
        ("latin-1", "# -*- coding: latin-1 -*-\nname = '\u00e9'\n\n\ndef value():\n    return 1\n"),
        ("utf-8-sig", "name = '\u00e9'\n\n\ndef value():\n    return 1\n"),
        ("cp1251", "# coding: cp1251\nname = '\u0416'\n\n\ndef value():\n    return 1\n"),
        ("shift_jis", "# coding: shift_jis\nname = '\u8868'\n\n\ndef value():\n    return 1\n"),
        ("utf-8", "name = '\u00e9'\r\n\r\n\r\ndef value():\r\n    return 1\r\n"),
    ],
)
def test_encodings(project, name, text):
    project.write("lib.py", text.encode(name))
    project.write(
        "test_a.py", "import lib\n\n\ndef test_a():\n    assert lib.value() and lib.name\n"
    )
    project.write("test_b.py", "import lib\n\n\ndef test_b():\n    assert lib.name\n")
    project.record()
    project.write("lib.py", text.replace("return 1", "return 2").encode(name))
    check(project, "test_a")
    project.write("lib.py", text.replace("name = '", "name = ' ").encode(name))
    check(project, "test_a", "test_b")


def test_declared_encoding_changes(project):
    """The same bytes mean something else."""
    data = b"# coding: %s\nNAME = '\xe4'\n"
    project.write("lib.py", data % b"latin-1 ")
    project.write("test_a.py", "import lib\n\n\ndef test_a():\n    assert lib.NAME == '\u00e4'\n")
    project.record()
    project.write("lib.py", data % b"cp1251  ")
    result = project.run()
    assert (result.names, result.status) == ({"test_a"}, 1)


def test_source_that_is_no_text(project):
    project.write("test_a.py", "def test_a():\n    pass\n")
    project.write("junk.py", bytes(range(256)) * 20)
    project.write("empty.py", b"")
    project.write("nul.py", b"x = 1\0\n")
    project.record()
    project.write("junk.py", bytes(range(255, -1, -1)) * 20)
    assert_idle(project.run())


def test_symlinked_directories_and_files(project):
    project.write("real/lib.py", "def value():\n    return 1\n")
    os.symlink("real", project.root / "link")
    os.symlink("..", project.root / "real" / "loop")
    project.write("pytest.ini", "[pytest]\npythonpath = link\nnorecursedirs = loop\n")
    project.write("test_a.py", "import lib\n\n\ndef test_a():\n    assert lib.value()\n")
    project.record()
    assert_idle(project.run())
    project.replace("real/lib.py", "return 1", "return 2")
    check(project, "test_a")
    # The link leads elsewhere now.
    project.write("second/lib.py", "def value():\n    return 0\n")
    (project.root / "link").unlink()
    os.symlink("second", project.root / "link")
    result = project.run()
    assert (result.names, result.status) == ({"test_a"}, 1)


def test_sources_outside_the_project(project):
    outside = project.folder / "outside"
    outside.mkdir()
    (outside / "lib.py").write_text("def value():\n    return 1\n")
    project.write("pytest.ini", "[pytest]\npythonpath = ../outside\n")
    project.write("test_a.py", "import lib\n\n\ndef test_a():\n    assert lib.value() == 1\n")
    project.write("test_b.py", "def test_b():\n    pass\n")
    project.record()
    assert_idle(project.run())
    (outside / "lib.py").write_text("def value():\n    return 1 + 1\n")
    result = project.run()
    assert (result.names, result.status) == ({"test_a"}, 1)


def test_ignored_sources_count(project):
    """git's ignore rules say nothing about what tests import: generated code, for example."""
    project.write(".gitignore", "generated.py\n.pytest_cache/\n__pycache__/\n")
    project.write("generated.py", "def value():\n    return 1\n")
    project.write(
        "test_a.py", "import generated\n\n\ndef test_a():\n    assert generated.value() == 1\n"
    )
    project.commit()
    project.record()
    project.replace("generated.py", "return 1", "return 2")
    result = project.run()
    assert (result.names, result.status) == ({"test_a"}, 1)


def test_no_tests_at_all(project):
    assert project.run().status == 5
    assert project.run().status == 5 or project.run().started == []
    project.write("test_a.py", "def test_a():\n    pass\n")
    assert project.run().names == {"test_a"}


def test_tests_outside_functions(project):
    """Items of a plugin in conftest.py, from files of its own kind."""
    project.write(
        "conftest.py",
        """
        import pytest


        def pytest_collect_file(parent, file_path):
            if file_path.suffix == ".check":
                return CheckFile.from_parent(parent, path=file_path)


        class CheckFile(pytest.File):
            def collect(self):
                for line in self.path.read_text().split():
                    yield CheckItem.from_parent(self, name=line)


        class CheckItem(pytest.Item):
            def runtest(self):
                assert self.name != "bad"
        """,
    )
    project.write("a.check", b"one two\n")
    project.write("b.check", b"three\n")
    assert "3 passed" in project.record().out
    assert_idle(project.run())
    project.write("b.check", b"three bad\n")
    result = project.run()
    assert result.status == 1
    assert "1 failed" in result.out
    project.write("c.check", b"four\n")
    project.write("b.check", b"three\n")
    assert project.run().status == 0
    assert_idle(project.run())


def test_many_files(project):
    for i in range(120):
        project.write("pkg/m%d.py" % i, "def value():\n    return %d\n" % i)
        project.write(
            "tests/test_%d.py" % i,
            "from pkg import m%d as m\n\n\ndef test_%d():\n    assert m.value() == %d\n"
            % (i, i, i),
        )
    project.write("pytest.ini", "[pytest]\npythonpath = .\n")
    assert len(project.record().ran) == 120
    assert_idle(project.run())
    project.replace("pkg/m77.py", "return 77", "return 70 + 7")
    check(project, "test_77")
