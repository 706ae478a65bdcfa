"""The daily commands: what runs, what is recorded, how it ends."""

import os
import signal

import pytest
from project import Project, assert_idle

ALL = {
    "test_prices.py::test_tax",
    "test_prices.py::test_discount",
    "test_cart.py::test_total",
    "test_cart.py::test_label",
}


def edit_tax(shop):
    shop.replace("prices.py", "net * RATE // 100", "RATE * net // 100")


def test_first_run_runs_everything_and_says_so(shop):
    result = shop.run()
    assert result.status == 0
    assert result.ran == ALL
    assert result.started
    assert "pyt-diff: no data for CPython " in result.err
    assert "yet: running all tests and recording" in result.err
    assert "4 passed" in result.out


def test_nothing_changed_starts_no_python(shop):
    shop.record("--baseline")
    result = shop.run()
    assert_idle(result)
    assert result.err == "pyt-diff: no tests affected (0 of 4; nothing changed)\n"
    assert result.out == ""
    assert_idle(shop.run())


def test_nothing_affected_counts_the_changed_files(shop):
    shop.record()
    shop.replace("prices.py", "# the usual rate", "# the rate")
    shop.replace("cart.py", "net + tax(net)", "(net + tax(net))")
    shop.replace("cart.py", "(net + tax(net))", "net  +  tax( net )")
    result = shop.run()
    assert_idle(result)
    assert "(0 of 4; 2 files changed)" in result.err


def test_edit_runs_users_only_and_once(shop):
    shop.record()
    edit_tax(shop)
    result = shop.run()
    assert result.status == 0
    assert result.ran == {"test_prices.py::test_tax", "test_cart.py::test_total"}
    assert "pyt-diff: 2 of 4 tests affected (prices.py: tax)\n" in result.err
    assert "2 passed" in result.out
    assert_idle(shop.run())


def test_baseline_is_incremental(shop):
    shop.record("--baseline")
    shop.replace("prices.py", "net // 10", "net // 5 // 2")
    result = shop.run("--baseline")
    assert result.ran == {"test_prices.py::test_discount"}
    assert_idle(shop.run("--baseline"))
    assert_idle(shop.run("--since-baseline"))


def test_baseline_force_runs_everything(shop):
    shop.record("--baseline")
    result = shop.run("--baseline", "--force")
    assert result.status == 0
    assert result.ran == ALL
    assert "running all tests, as asked" in result.err
    assert_idle(shop.run())


def test_mode_all_runs_everything_and_records(shop):
    shop.record("--baseline")
    edit_tax(shop)
    assert shop.run("--mode", "all").ran == ALL
    assert_idle(shop.run())


def test_no_record_leaves_the_data_alone(shop):
    shop.record("--baseline")
    edit_tax(shop)
    affected = {"test_prices.py::test_tax", "test_cart.py::test_total"}
    assert shop.run("--no-record").ran == affected
    assert shop.run("--no-record").ran == affected
    assert shop.run().ran == affected
    assert_idle(shop.run())


def test_no_record_without_data_makes_none(shop):
    assert shop.run("--no-record").ran == ALL
    assert not shop.database.exists()
    assert shop.run().ran == ALL


def test_since_baseline_selects_until_the_next_baseline(shop):
    shop.record("--baseline")
    edit_tax(shop)
    affected = {"test_prices.py::test_tax", "test_cart.py::test_total"}
    assert shop.run().ran == affected
    assert_idle(shop.run())
    assert shop.run("--since-baseline").ran == affected
    assert shop.run("--since-baseline").ran == affected
    shop.run("--baseline")
    assert_idle(shop.run("--since-baseline"))


def test_failing_test_runs_until_it_passes(shop):
    shop.record()
    shop.replace("test_cart.py", "== 120", "== 121")
    for _ in range(2):
        result = shop.run()
        assert result.status == 1
        assert result.ran == {"test_cart.py::test_total"}
    assert "(failed before)" in result.err
    shop.replace("test_cart.py", "== 121", "== 120")
    shop.run()
    assert_idle(shop.run())


def test_skipped_and_xfailed_tests_are_not_run_again(project):
    project.write("lib.py", "def value():\n    return 1\n")
    project.write(
        "test_marks.py",
        """
        import lib
        import pytest


        @pytest.mark.skip(reason="never")
        def test_skipped():
            assert False


        def test_skips():
            assert lib.value()
            pytest.skip("inside")


        @pytest.mark.xfail
        def test_xfails():
            assert lib.value() == 2
        """,
    )
    result = project.record()
    assert "2 skipped, 1 xfailed" in result.out
    assert_idle(project.run())
    project.replace("lib.py", "return 1", "return 1 + 0")
    assert project.run().names == {"test_skips", "test_xfails"}


def test_error_in_fixture_is_a_failure(project):
    project.write(
        "test_a.py",
        """
        import pytest


        @pytest.fixture
        def broken():
            raise RuntimeError


        @pytest.fixture
        def breaks_late():
            yield
            raise RuntimeError


        def test_set_up(broken):
            pass


        def test_tear_down(breaks_late):
            pass
        """,
    )
    assert project.run().status == 1
    result = project.run()
    assert result.status == 1
    assert "pyt-diff: 2 of 2 tests affected (failed before)" in result.err
    assert "1 passed, 2 errors" in result.out


def test_exit_at_the_first_failure_leaves_the_rest_selected(project):
    for name in "abc":
        project.write("test_%s.py" % name, "def test_%s():\n    assert %r != 'b'\n" % (name, name))
    result = project.run("-x")
    assert result.status == 1
    assert result.ran == {"test_a.py::test_a", "test_b.py::test_b"}
    project.replace("test_b.py", "'b' != 'b'", "'b' != 'z'")
    assert project.run().ran == {"test_b.py::test_b", "test_c.py::test_c"}
    assert_idle(project.run())


def test_interrupted_run_keeps_what_finished(project):
    project.write("test_a.py", "def test_a():\n    pass\n")
    project.write("test_b.py", "import time\n\n\ndef test_b():\n    time.sleep(60)\n")
    project.write("test_c.py", "def test_c():\n    pass\n")
    process = project.start()
    project.wait_for("test_b")
    os.killpg(process.pid, signal.SIGINT)
    result = project.finish(process)
    assert result.status in (2, -signal.SIGINT)
    assert "KeyboardInterrupt" in result.out
    project.replace("test_b.py", "sleep(60)", "sleep(0)")
    assert project.run().ran == {"test_b.py::test_b", "test_c.py::test_c"}
    assert_idle(project.run())


def test_terminated_run_leaves_no_process(project):
    project.write("test_a.py", "import time\n\n\ndef test_a():\n    time.sleep(60)\n")
    process = project.start()
    project.wait_for("test_a")
    process.terminate()
    result = project.finish(process, timeout=20)
    assert result.status != 0
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


def test_keyword_narrows(shop):
    shop.record()
    edit_tax(shop)
    result = shop.run("-k", "total")
    assert result.status == 0
    assert result.ran == {"test_cart.py::test_total"}
    assert shop.run().ran == {"test_prices.py::test_tax"}
    assert_idle(shop.run())


def test_mark_narrows(project):
    project.write("pytest.ini", "[pytest]\nmarkers = slow\n")
    project.write(
        "test_a.py",
        """
        import pytest


        @pytest.mark.slow
        def test_slow():
            pass


        def test_fast():
            pass
        """,
    )
    assert project.run("-m", "not slow").names == {"test_fast"}
    assert project.run().names == {"test_slow"}
    assert_idle(project.run())


def test_keyword_that_matches_nothing_affected_is_as_in_pytest(shop):
    shop.record()
    edit_tax(shop)
    assert shop.run("-k", "nothing_of_this_name").status == 5


def test_node_id_always_runs(shop):
    shop.record()
    result = shop.run("test_cart.py::test_label")
    assert result.ran == {"test_cart.py::test_label"}
    assert "named on the command line" in result.err
    edit_tax(shop)
    assert shop.run("test_cart.py::test_label").ran == {"test_cart.py::test_label"}
    assert shop.run().ran == {"test_prices.py::test_tax", "test_cart.py::test_total"}


def test_path_narrows(shop):
    shop.record()
    edit_tax(shop)
    result = shop.run("test_cart.py")
    assert result.ran == {"test_cart.py::test_total"}
    assert "1 more affected outside the given paths" in result.err
    result = shop.run("test_cart.py")
    assert_idle(result)
    assert "1 affected outside the given paths" in result.err
    assert shop.run().ran == {"test_prices.py::test_tax"}
    assert_idle(shop.run())


def test_path_on_the_first_run_records_only_that(shop):
    assert shop.run("test_cart.py").ran == {"test_cart.py::test_total", "test_cart.py::test_label"}
    result = shop.run()
    assert result.ran == {"test_prices.py::test_tax", "test_prices.py::test_discount"}


def test_ignored_path_is_not_run_and_stays_affected(shop):
    assert shop.run("--ignore=test_cart.py").ran == {
        "test_prices.py::test_tax",
        "test_prices.py::test_discount",
    }
    assert shop.run().ran == {"test_cart.py::test_total", "test_cart.py::test_label"}


def test_deselected_test_stays_affected(shop):
    shop.record("--deselect", "test_cart.py::test_label")
    assert shop.run().ran == {"test_cart.py::test_label"}
    assert_idle(shop.run())


def test_unaffected_files_are_not_collected(shop):
    shop.write(
        "test_loud.py",
        """
        print("collected loudly")


        def test_loud():
            pass
        """,
    )
    assert "collected loudly" in shop.record("-s").out
    edit_tax(shop)
    result = shop.run("-s")
    assert result.ran == {"test_prices.py::test_tax", "test_cart.py::test_total"}
    assert "collected loudly" not in result.out


def test_no_tests_fail(shop):
    assert shop.run("--no-tests=fail").status == 0
    result = shop.run("--no-tests=fail")
    assert result.status == 5
    assert result.started == []
    assert shop.run("--no-tests", "pass").status == 0


def test_collect_only_records_nothing(shop):
    result = shop.run("--collect-only", "-q")
    assert "test_cart.py::test_total" in result.out
    assert result.ran == set()
    assert shop.run().ran == ALL


def test_debugger_records_nothing(shop):
    result = shop.run("--pdb")
    assert result.ran == ALL
    assert "recording is off while a debugger is used" in result.err
    assert shop.run().ran == ALL


STATUS = {
    "passes": ("def test_a():\n    pass\n", [], 0),
    "fails": ("def test_a():\n    assert 0\n", [], 1),
    "does not import": ("import no_module_of_this_name\n", [], 2),
    "interrupted": ("def test_a():\n    raise KeyboardInterrupt\n", [], 2),
    "exits": ("import pytest\n\n\ndef test_a():\n    pytest.exit('now', 7)\n", [], 7),
    "no such option": ("def test_a():\n    pass\n", ["--no-such-option-anywhere"], 4),
    "no such file": ("def test_a():\n    pass\n", ["absent.py"], 4),
    "no such test": ("def test_a():\n    pass\n", ["test_a.py::test_absent"], 4),
    "no tests": ("", [], 5),
    "nothing matches": ("def test_a():\n    pass\n", ["-k", "absent"], 5),
}


@pytest.mark.parametrize("case", STATUS)
def test_exit_status_is_that_of_pytest(project, case):
    text, args, status = STATUS[case]
    project.write("test_a.py", text)
    plain = project.pytest(*args)
    result = project.run(*args)
    assert (plain.status, result.status) == (status, status)
    assert result.ran == plain.ran


def test_internal_error_passes_through(project):
    project.write("conftest.py", "def pytest_runtestloop(session):\n    raise RuntimeError\n")
    project.write("test_a.py", "def test_a():\n    pass\n")
    assert project.pytest().status == 3
    assert project.run().status == 3
    project.delete("conftest.py")
    assert project.run().names == {"test_a"}


def test_pytest_arguments_keep_their_order(project):
    project.write(
        "conftest.py",
        """
        def pytest_addoption(parser):
            parser.addoption("--word", action="append", default=[])


        def pytest_configure(config):
            print("words", config.getoption("--word"))
        """,
    )
    project.write("test_a.py", "def test_a():\n    pass\n")
    result = project.run(
        "--word", "a", "-s", "--word=b", "--baseline", "--", "--word=c", "--word", "d"
    )
    assert "words ['a', 'b', 'c', 'd']" in result.out
    assert result.status == 0


def test_stdin_output_and_capture_are_those_of_pytest(project):
    project.write("test_a.py", "def test_a():\n    print('said')\n    assert 0\n")
    plain = project.pytest("-q")
    result = project.run("-q", "-p", "no:cacheprovider")
    cut = plain.out.rindex(" in ")
    assert result.out[: result.out.rindex(" in ")] == plain.out[:cut]
    assert result.err == ""


def test_run_from_a_sub_directory(shop):
    shop.write("pytest.ini", "[pytest]\npythonpath = .\n")
    shop.write("sub/test_sub.py", "import cart\n\n\ndef test_sub():\n    assert cart.label()\n")
    shop.record()
    assert_idle(shop.run(cwd="sub"))
    shop.replace("cart.py", '"total"', '"tot" + "al"')
    result = shop.run(cwd="sub")
    assert result.ran == {"sub/test_sub.py::test_sub"}
    assert shop.run().ran == {"test_cart.py::test_label"}
    assert_idle(shop.run())


def test_testpaths_are_what_runs_without_paths(project):
    project.write("pytest.ini", "[pytest]\ntestpaths = tests more*\n")
    project.write("tests/test_in.py", "def test_in():\n    pass\n")
    project.write("more1/test_more.py", "def test_more():\n    pass\n")
    project.write("other/test_out.py", "def test_out():\n    pass\n")
    assert project.run().names == {"test_in", "test_more"}
    assert_idle(project.run())
    assert project.run("other").names == {"test_out"}
    assert_idle(project.run("other"))
    assert_idle(project.run("."))


# Directories that hold other people's code or pytest's own, and may well hold a project.
@pytest.mark.parametrize("place", ["site-packages/x", "pytest-of-me/pytest-1/x", "dist-packages"])
def test_project_in_a_peculiar_directory(tmp_path, place):
    folder = tmp_path / place
    folder.mkdir(parents=True)
    project = Project(folder)
    project.write("lib.py", "def value():\n    return 1\n")
    project.write("test_lib.py", "import lib\n\n\ndef test_value():\n    assert lib.value()\n")
    project.record()
    assert_idle(project.run())
    project.replace("lib.py", "return 1", "return 2")
    assert project.run().names == {"test_value"}
