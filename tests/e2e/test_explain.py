"""pyt-diff explain: why a test runs or does not, and what a change of a file would run."""

import json
import shutil

import pytest
from project import Project

PRICES = '''
    """Prices."""

    RATE = 20


    def vat(net):
        return net * RATE // 100


    def discount(net):
        return net // 10


    def registry():
        return {}


    def unused():
        pass
'''
CART = """
    from shop.prices import registry, vat

    THINGS = registry()


    def things():
        return THINGS


    class Cart:
        def total(self, net):
            return net + vat(net)
"""
CONFTEST = """
    import pytest

    from shop.prices import discount


    @pytest.fixture(scope="session")
    def cheap():
        return discount(100)


    @pytest.fixture
    def late():
        import shop.late
        return shop.late.X
"""
TESTS = """
    import pytest

    from shop.cart import Cart, things


    def test_total():
        assert Cart().total(100) == 120


    def test_cheap(cheap):
        assert cheap == 10


    class TestLate:
        def test_lazy(self):
            import shop.late
            assert shop.late.X

        def test_fixture(self, late):
            assert late


    def test_read():
        with open("data.txt") as file:
            assert file.read() and things() == {}


    @pytest.mark.parametrize("n", [1, 2])
    def test_n(n):
        assert n
"""
FILE = "tests/test_cart.py"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    project = Project(tmp_path_factory.mktemp("explain"))
    project.write("pytest.ini", "[pytest]\npythonpath = .\n")
    project.write("shop/__init__.py", "")
    project.write("shop/prices.py", PRICES)
    project.write("shop/cart.py", CART)
    project.write("shop/late.py", "X = 1\n")
    project.write("shop/lonely.py", "def f():\n    pass\n")
    project.write("data.txt", b"1")
    project.write("tests/conftest.py", CONFTEST)
    project.write("tests/test_cart.py", TESTS)
    project.record()
    return project


@pytest.fixture
def shop(recorded, tmp_path):
    """A copy of the recorded project."""
    project = Project(tmp_path)
    shutil.rmtree(project.root)
    shutil.copytree(recorded.root, project.root)
    project.clock = recorded.clock + 1000
    # Variables that the interpreter and the tests read have to be the same.
    project.spy, project.ran_log = recorded.spy, recorded.ran_log
    project.started_log = recorded.started_log
    return project


def explain(project, *args, **kwargs):
    result = project.run("explain", *args, **kwargs)
    assert result.status == 0, result
    assert result.started == [] and result.err == "", result
    return result.out


def changes(project, nodeid):
    """The chains as (what changed, through what), in order."""
    (answer,) = json.loads(explain(project, "--json", nodeid))["answers"]
    return [(change["text"], change["through"]) for change in answer["changes"]]


def test_not_selected(recorded):
    out = explain(recorded, FILE + "::test_total")
    first, second = out.splitlines()
    assert first == FILE + "::test_total does not run: nothing that it depends on has changed"
    assert "UTC: passed in 0." in second and second.endswith(" parts of 5 files"), out


def test_a_function_that_the_test_entered(shop):
    shop.replace("shop/prices.py", "net * RATE", "RATE * net")
    out = explain(shop, FILE + "::test_total")
    assert out.startswith(
        FILE + "::test_total runs:\n"
        "  shop/prices.py changed in function vat (line 7)\n"
        "  └ entered by the test itself\n"
        "  recorded "
    ), out
    out = explain(shop, FILE + "::test_cheap")
    assert "does not run" in out


def test_through_a_fixture(shop):
    shop.replace("shop/prices.py", "net // 10", "net // 5 // 2")
    assert changes(shop, FILE + "::test_cheap") == [
        (
            "shop/prices.py changed in function discount (line 11)",
            "entered by fixture cheap (tests/conftest.py)",
        )
    ]


def test_at_import(shop):
    shop.replace("shop/prices.py", "return {}", "return dict()")
    text, through = changes(shop, FILE + "::test_read")[0]
    assert text == "shop/prices.py changed in function registry (line 15)"
    assert through == "entered at import of shop/cart.py, imported by tests/test_cart.py"


def test_through_imports(shop):
    shop.write("shop/cart.py", CART + "\n\n    import os\n    os.getpid()\n")
    (change,) = [c for c in changes(shop, FILE + "::test_total") if "cart" in c[0]]
    assert change[0].startswith("shop/cart.py changed: ")
    assert change[1] == "imported by tests/test_cart.py"
    (answer,) = json.loads(explain(shop, "--json", FILE + "::test_total"))["answers"]
    assert answer["changes"][0]["importers"] == ["tests/test_cart.py"]


def test_imported_by_the_test_and_by_a_fixture(shop):
    shop.write("shop/late.py", "X = 1\nimport os\nos.getpid()\n")
    ((_, own),) = changes(shop, FILE + "::TestLate::test_lazy")
    ((_, fixture),) = changes(shop, FILE + "::TestLate::test_fixture")
    assert own == "imported by the test itself"
    assert fixture == "imported by the test or its fixtures"  # one of function scope


def test_a_file_that_was_read(shop):
    shop.write("data.txt", b"2")
    ((text, through),) = changes(shop, FILE + "::test_read")
    assert text == "data.txt changed: content" and through == "read by the test itself"


def test_a_class_and_parameters(recorded):
    assert explain(recorded, FILE + "::TestLate").count("does not run") == 2
    assert explain(recorded, FILE + "::test_n").count("does not run") == 2
    assert explain(recorded, FILE + "::test_n[2]").count("does not run") == 1


def test_a_function_that_is_gone(shop):
    shop.write("shop/prices.py", PRICES.replace("def vat", "vat = lambda net: 20\ndef tva"))
    out = explain(shop, FILE + "::test_total", "-v")
    assert "shop/prices.py changed" in out, out


def test_new_failed_and_gone(shop):
    shop.write("tests/test_more.py", "def test_bad():\n    assert 0\ndef test_old():\n    pass\n")
    shop.run()
    node = "tests/test_more.py::test_"
    assert "bad runs: it failed when it last ran in this state\n" in explain(shop, node + "bad")
    shop.write("tests/test_more.py", "def test_bad():\n    assert 0\n")
    shop.run()
    assert "old is not there: its file does not have it" in explain(shop, node + "old")
    shop.delete("tests/test_more.py")
    assert "bad is not there: its file is gone" in explain(shop, node + "bad")


def test_flaky_is_told(shop):
    flip = shop.folder / "flip"
    shop.env["FLIP"] = str(flip)
    shop.write(
        "tests/test_flip.py",
        """
        def test_flip():
            import os
            assert not os.path.exists(os.environ["FLIP"])
        """,
    )
    shop.run()
    flip.touch()
    shop.run("--mode", "all")
    out = explain(shop, "tests/test_flip.py::test_flip")
    assert "flaky: came out otherwise with nothing changed 1 time\n" in out, out


def test_from_another_directory(recorded):
    out = explain(recorded, "test_cart.py::test_total", "../shop/prices.py:8", cwd="tests")
    assert FILE + "::test_total does not run" in out and "shop/prices.py:8 belongs" in out, out


def test_arguments_of_pytest(recorded):
    out = explain(recorded, FILE + "::test_total", "--", "-W", "error")
    assert "recorded with other command line options" in out, out


# ---- files -------------------------------------------------------------------------------------


def test_a_line(recorded):
    assert explain(recorded, "shop/prices.py:8") == (
        "shop/prices.py:8 belongs to function vat (lines 7 to 8)\n"
        "a change there runs 1 of 7 tests:\n"
        "  tests/test_cart.py::test_total\n"
    )


def test_what_a_line_promises_happens(shop):
    (answer,) = json.loads(explain(shop, "--json", "shop/prices.py:8"))["answers"]
    shop.replace("shop/prices.py", "net * RATE", "RATE * net")
    assert shop.run().ran == set(answer["tests"])


def test_a_header_and_the_module_level(recorded):
    out = explain(recorded, "shop/prices.py:7")
    assert "begins function vat (lines 7 to 8), whose header belongs to the module level\n" in out
    assert "runs at most 7 of 7 tests:" in out
    out = explain(recorded, "shop/prices.py:4")
    assert "belongs to the module level\na change there runs at most 7 of 7 tests:" in out


def test_a_file(recorded):
    out = explain(recorded, "shop/prices.py")
    assert out.startswith("shop/prices.py: 7 of 7 tests depend on it\n"), out
    assert "  module level: at most 7 tests\n" in out
    assert "  function vat (line 7): 1 test\n" in out
    assert "  function unused (line 19): 0 tests\n" in out
    (answer,) = json.loads(explain(recorded, "--json", "shop/prices.py"))["answers"]
    assert len(answer["tests"]) == answer["total"] == 7
    blocks = {block["name"]: block["tests"] for block in answer["blocks"]}
    assert blocks == {"": 7, "vat": 1, "discount": 1, "registry": 7, "unused": 0}


def test_a_data_file_and_one_without_users(recorded):
    assert "data.txt: 1 of 7 tests depends on it\ntests:\n  %s::test_read" % FILE in explain(
        recorded, "data.txt"
    )
    assert explain(recorded, "shop/lonely.py") == "shop/lonely.py: 0 of 7 tests depend on it\n"
    assert "belongs to function f" in explain(recorded, "shop/lonely.py:2")


def test_long_lists_are_cut(shop):
    shop.write(
        "tests/test_many.py",
        """
        import pytest
        from shop import late

        @pytest.mark.parametrize("n", range(20))
        def test_many(n):
            assert late.X
        """,
    )
    shop.run()
    out = explain(shop, "shop/late.py")
    assert "more; -v lists them" in out
    out = explain(shop, "shop/late.py", "-v")
    assert "more;" not in out and out.count("test_many[") == 20


# ---- what cannot be answered -------------------------------------------------------------------


@pytest.mark.parametrize(
    "word, hint",
    [
        (FILE + "::test_totl", "did you mean %s::test_total?" % FILE),
        ("test_total", "did you mean %s::test_total?" % FILE),
        ("tests/other.py::test_read", "did you mean %s::test_read?" % FILE),
        ("shop/nothing.py", "--dry-run"),
        ("../outside.py", "--dry-run"),
    ],
)
def test_unknown(recorded, word, hint):
    result = recorded.run("explain", word)
    assert result.status == 4 and result.out == "", result
    assert '"%s" is no recorded test and no file of the project' % word in result.err
    assert hint in result.err, result


def test_a_line_behind_the_end(recorded):
    result = recorded.run("explain", "shop/late.py:7")
    assert result.status == 4 and "shop/late.py has 1 line\n" in result.err, result


def test_without_records(project):
    project.write("test_a.py", "def test_a():\n    pass\n")
    result = project.run("explain", "test_a.py::test_a")
    assert result.status == 3 and "there is no recorded data" in result.err, result
    assert not project.cache.exists()


# ---- commands ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "args, message, hint",
    [
        (["explain"], "explain needs an argument", "explain --help"),
        (["explain", "--jsn", "x"], "explain has no option --jsn", "did you mean --json?"),
        (["explain", "-k", "x"], "explain has no option -k", 'behind "--"'),
        (["explain", "--baseline", "x"], "explain has no option --baseline", ""),
        (["--baseline", "explain", "x"], "explain has no option --baseline", ""),
        (["explian", "x"], 'there is no command and no path "explian"', "did you mean explain?"),
    ],
)
def test_wrong_command_lines(recorded, args, message, hint):
    result = recorded.run(*args)
    assert result.status == 4, result
    assert message in result.err and hint in result.err, result


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help(recorded, option):
    result = recorded.run("explain", option)
    assert result.status == 0 and result.out.startswith("Usage: pyt-diff explain "), result
    assert "--since-baseline" in result.out and "--baseline" not in result.out.split()
    assert "explain" in recorded.run(option).out


def test_a_path_with_the_name_of_a_command(shop):
    shop.write("explain/test_in.py", "def test_in():\n    pass\n")
    assert shop.run("./explain").names == {"test_in"}
    assert shop.run("--", "explain").status == 0
    assert shop.run("explain").status == 4
