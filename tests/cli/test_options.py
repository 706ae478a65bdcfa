"""Other spellings, options in configuration files and variables, and where the data lies."""

import pytest
from project import assert_idle

AFFECTED = {"test_prices.py::test_tax", "test_cart.py::test_total"}


@pytest.fixture
def edited(shop):
    shop.record("--baseline")
    shop.replace("prices.py", "net * RATE // 100", "RATE * net // 100")
    return shop


def test_diff_selects_until_the_next_baseline(edited):
    assert edited.run("--diff").ran == AFFECTED
    assert edited.run("--diff").ran == AFFECTED
    assert edited.run("--diff-baseline").ran == AFFECTED
    assert_idle(edited.run("--diff"))


def test_diff_force(edited):
    assert len(edited.run("--diff-baseline", "--diff-force").ran) == 4
    assert edited.run("--diff-force").status == 4


def test_diff_v(edited):
    assert "  test_cart.py::test_total: prices.py: tax" in edited.run("--diff-v").err


@pytest.mark.parametrize(
    "args",
    [
        ["--batch-size", "5"],
        ["--batch-size=5", "--cache-size=7"],
        ["--diff-batch-size", "5", "--diff-cache-size", "7"],
        ["--testmon"],
        ["--testmon-forceselect"],
    ],
)
def test_options_without_effect(edited, args):
    assert edited.run(*args).ran == AFFECTED
    assert_idle(edited.run(*args))
    assert_idle(edited.run())


def test_testmon_nocollect(edited):
    assert edited.run("--testmon-nocollect").ran == AFFECTED
    assert edited.run().ran == AFFECTED


def test_testmon_noselect(edited):
    assert len(edited.run("--testmon-noselect").ran) == 4
    assert_idle(edited.run())


def test_no_testmon_is_plain_pytest(edited):
    result = edited.run("--no-testmon")
    assert len(result.ran) == 4
    assert result.err == ""
    assert edited.run().ran == AFFECTED


def test_value_in_the_next_argument_or_the_same(edited):
    assert edited.run("--mode=affected", "--no-record").ran == AFFECTED
    assert edited.run("--mode", "affected", "--no-record").ran == AFFECTED


def test_double_dash_ends_our_options(edited):
    result = edited.run("--", "--baseline")
    assert result.status == 4
    assert "--baseline" in result.err


def test_value_of_a_pytest_option_is_no_option_of_ours(project):
    project.write("test_a.py", "def test_force():\n    pass\n\n\ndef test_b():\n    pass\n")
    assert project.run("-k", "force").names == {"test_force"}
    assert project.run("-k", "--json").status in (4, 5)


def test_cache_dir_option_and_variable(shop):
    shop.record("--cache-dir", "elsewhere")
    assert (shop.root / "elsewhere" / "pyt-diff.db").exists()
    assert not shop.cache.exists()
    assert_idle(shop.run("--cache-dir=elsewhere"))
    assert_idle(shop.run(env={"PYT_DIFF_CACHE_DIR": str(shop.root / "elsewhere")}))
    assert shop.run().ran != set()
    other = {"PYT_DIFF_CACHE_DIR": str(shop.folder / "other")}
    assert_idle(shop.run("--cache-dir=elsewhere", env=other))


def test_cache_dir_of_pytest(shop):
    shop.write("pytest.ini", "[pytest]\ncache_dir = build/cache\n")
    shop.record()
    assert (shop.root / "build/cache/pyt-diff/pyt-diff.db").exists()
    assert not (shop.root / ".pytest_cache").exists()
    assert_idle(shop.run())


def test_cache_is_marked_as_one(shop):
    shop.record()
    assert (
        "Signature: 8a477f597d28d172789f06886806bc55" in (shop.cache / "CACHEDIR.TAG").read_text()
    )
    shop.commit()
    shop.git("diff", "--exit-code")


def test_nothing_else_is_written_to_the_tree(shop):
    shop.env["PYTHONDONTWRITEBYTECODE"] = "1"
    before = {p.name for p in shop.root.iterdir()}
    shop.record()
    assert {p.name for p in shop.root.iterdir()} - before == {".pytest_cache"}


def test_addopts_of_the_variable(shop):
    assert shop.run(env={"PYTEST_ADDOPTS": "-k tax"}).ran == {"test_prices.py::test_tax"}
    assert len(shop.run().ran) == 3
    shop.replace("prices.py", "net * RATE // 100", "RATE * net // 100")
    assert shop.run(env={"PYTEST_ADDOPTS": "test_cart.py"}).ran == {"test_cart.py::test_total"}
    assert shop.run().ran == {"test_prices.py::test_tax"}
    assert_idle(shop.run())


def test_addopts_of_the_file(shop):
    shop.write("pytest.ini", "[pytest]\naddopts = -k 'not label' -p no:cacheprovider\n")
    shop.record()
    assert shop.run().ran == set()
    shop.replace("prices.py", "net // 10", "net // 5 // 2")
    assert shop.run().names == {"test_discount"}
    shop.write("pytest.ini", "[pytest]\naddopts = -p no:cacheprovider\n")
    assert "test_label" in shop.run().names
    assert_idle(shop.run())


def test_option_that_changes_outcomes(shop):
    shop.record()
    assert len(shop.record("-W", "error").ran) == 4
    assert_idle(shop.run("-W", "error"))
    assert_idle(shop.run())


@pytest.mark.parametrize("args", [["-q"], ["-vv"], ["--tb=short"], ["--durations=3"], ["-rA"]])
def test_option_that_changes_no_outcome(shop, args):
    shop.record()
    assert shop.run(*args).started == []


def test_changed_configuration(shop):
    shop.write("pytest.ini", "[pytest]\n")
    shop.record()
    shop.write("pytest.ini", "[pytest]\nxfail_strict = true\n")
    result = shop.run()
    assert len(result.ran) == 4
    assert "(pytest's configuration changed)" in result.err
    shop.write("pytest.ini", "[pytest]\n")
    assert_idle(shop.run())


def test_new_configuration_file(shop):
    shop.record()
    shop.write("pytest.ini", "[pytest]\nfilterwarnings = error\n")
    assert len(shop.run().ran) == 4
    shop.delete("pytest.ini")
    assert_idle(shop.run())


def test_unrelated_change_of_pyproject(shop):
    text = (
        "[project]\nname = 'x'\nversion = '%d'\n\n[tool.pytest.ini_options]\nxfail_strict = true\n"
    )
    shop.write("pyproject.toml", text % 1)
    shop.record()
    shop.write("pyproject.toml", text % 2)
    assert_idle(shop.run())
    shop.replace("pyproject.toml", "true", "false")
    assert len(shop.run().ran) == 4


def test_other_names_of_test_files(project):
    project.write("pytest.ini", "[pytest]\npython_files = check_*.py\npython_functions = check\n")
    project.write("check_a.py", "def check_one():\n    assert 1\n")
    project.write("test_b.py", "def test_b():\n    assert 0\n")
    assert "1 passed" in project.record().out
    assert_idle(project.run())
    project.write("check_c.py", "def check_two():\n    assert 1\n")
    assert "1 passed" in project.run().out
    assert_idle(project.run())


def test_rootdir_option(shop):
    shop.write("sub/pytest.ini", "[pytest]\n")
    shop.write("sub/test_sub.py", "def test_sub():\n    pass\n")
    shop.record("--rootdir", "sub", "sub")
    assert (shop.root / "sub/.pytest_cache/pyt-diff/pyt-diff.db").exists()
    assert_idle(shop.run("--rootdir", "sub", "sub"))
    assert_idle(shop.run(cwd="sub"))


def test_configuration_in_a_sub_directory(shop):
    shop.write("sub/pytest.ini", "[pytest]\n")
    shop.write("sub/lib.py", "def value():\n    return 1\n")
    shop.write("sub/test_sub.py", "import lib\n\n\ndef test_sub():\n    assert lib.value()\n")
    assert shop.record("sub").names == {"test_sub"}
    assert_idle(shop.run(cwd="sub"))
    shop.replace("sub/lib.py", "return 1", "return 2")
    assert shop.run("sub").names == {"test_sub"}
    assert_idle(shop.run(cwd="sub"))
