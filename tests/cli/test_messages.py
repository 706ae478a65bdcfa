"""What pyt-diff prints: lists, JSON, reasons, and errors with their hints."""

import json
import os
import re
import stat
import subprocess

import pytest
from project import PYTHON, assert_idle, make_environment

AFFECTED = ["test_cart.py::test_total", "test_prices.py::test_tax"]


@pytest.fixture
def edited(shop):
    shop.record("--baseline")
    shop.replace("prices.py", "net * RATE // 100", "RATE * net // 100")
    return shop


def test_dry_run(edited):
    result = edited.run("--dry-run")
    assert result.status == 0
    assert result.started == []
    assert result.out.splitlines() == [*AFFECTED, "", "2/4 tests affected"]
    assert result.err == ""
    assert edited.run("--dry-run").out == result.out


def test_dry_run_is_input_for_pytest(edited):
    names = edited.run("--dry-run").out.split("\n\n")[0]
    (edited.folder / "names").write_text(names + "\n")
    result = edited.pytest("@" + str(edited.folder / "names"))
    assert result.ran == set(AFFECTED)


def test_arguments_from_a_file(edited):
    (edited.folder / "names").write_text("test_cart.py::test_label\n")
    result = edited.run("@" + str(edited.folder / "names"))
    assert "test_cart.py::test_label" in result.ran or result.status == 5
    assert result.ran <= {"test_cart.py::test_label"}
    assert edited.run().ran == set(AFFECTED)


def test_dry_run_with_nothing_to_do(shop):
    shop.record()
    assert shop.run("--dry-run").out == "0/4 tests affected\n"


def test_dry_run_lists_new_files(shop):
    shop.record()
    shop.write("test_more.py", "def test_more():\n    pass\n")
    result = shop.run("--dry-run")
    assert result.out == "test_more.py\n\n0/4 tests affected, 1 file to collect\n"
    assert result.ran == set()


def test_dry_run_mode_all(shop):
    shop.record()
    result = shop.run("--dry-run", "--mode=all")
    assert len(result.out.splitlines()) == 6
    assert result.out.endswith("4/4 tests affected\n")


def test_dry_run_without_data_starts_nothing(shop):
    result = shop.run("--dry-run")
    assert result.ran == set()
    assert "test_cart.py" in result.out


def test_json(edited):
    edited.write("test_more.py", "def test_more():\n    pass\n")
    result = edited.run("--json")
    assert (result.status, result.err, result.started) == (0, "", [])
    answer = json.loads(result.out)
    assert {k: answer[k] for k in ("version", "total", "affected", "changed_files", "no_data")} == {
        "version": 1,
        "total": 4,
        "affected": 2,
        "changed_files": 1,
        "no_data": False,
    }
    assert [test["nodeid"] for test in answer["tests"]] == AFFECTED
    for test in answer["tests"]:
        assert (test["reason"], test["detail"]) == ("changed", "prices.py: tax")
        assert 0 < test["duration"] < 10
    assert answer["files"] == [{"path": "test_more.py", "reason": "new", "detail": "new test file"}]


def reasons(project, *args):
    return {t["nodeid"]: t["reason"] for t in json.loads(project.run("--json", *args).out)["tests"]}


def test_json_reasons(edited):
    edited.replace("test_cart.py", "== 120", "== 0")
    edited.run()
    assert reasons(edited) == {"test_cart.py::test_total": "failed"}
    named = reasons(edited, "test_cart.py::test_label")
    assert named == {"test_cart.py::test_label": "named"}
    assert set(reasons(edited, "--mode", "all").values()) == {"all"}
    edited.write("test_bad.py", "import no_such_module\n")
    edited.run()
    files = json.loads(edited.run("--json").out)["files"]
    assert [(f["path"], f["reason"]) for f in files] == [("test_bad.py", "uncollected")]
    edited.delete("test_bad.py")
    edited.write("test_more.py", "def test_more():\n    pass\n")
    edited.run()
    since = reasons(edited, "--since-baseline")
    assert since["test_more.py::test_more"] == "baseline"
    assert since["test_prices.py::test_tax"] in ("changed", "baseline")


def test_json_without_data(shop):
    answer = json.loads(shop.run("--json").out)
    assert answer["no_data"] is True
    assert [f["path"] for f in answer["files"]] == ["test_cart.py", "test_prices.py"]


def test_json_escapes_names(project):
    project.write(
        "test_a.py",
        """
        import pytest


        @pytest.mark.parametrize("s", ['a"b', "back\\\\slash", "tab\\t", "\u00e9\u4e16", "a b"])
        def test_s(s):
            pass
        """,
    )
    project.record()
    answer = json.loads(project.run("--json", "--mode", "all").out)
    assert answer["affected"] == len(answer["tests"]) == 5


def test_quiet_and_verbose(edited):
    result = edited.run("-q", "--no-record")
    assert result.err == ""
    result = edited.run("-v", "--no-record")
    assert result.err.splitlines()[1:] == ["  %s: prices.py: tax" % name for name in AFFECTED]
    assert "PASSED" in result.out
    result = edited.run("--diff-v", "-q", "--no-record")
    assert "  test_cart.py::test_total: prices.py: tax" in result.err
    edited.run("-q")
    assert edited.run("-q").err == ""


def test_first_line_names_at_most_three_causes(project):
    names = "abcde"
    project.write("lib.py", "".join("def %s():\n    return 1\n\n\n" % n for n in names))
    tests = "".join("def test_%s():\n    assert lib.%s()\n\n\n" % (n, n) for n in names)
    project.write("test_a.py", "import lib\n\n\n" + tests)
    project.record()
    project.replace("lib.py", "return 1", "return 2")
    line = "5 of 5 tests affected (lib.py: a; lib.py: b; lib.py: c; 2 more)"
    assert line in project.run().err


def test_pytest_summary_counts_the_unaffected(edited):
    assert "2 passed, 2 deselected" in edited.run().out


DETAILS = {
    "module level": ("prices.py", "RATE = 20", "RATE = 21 - 1", "prices.py: RATE"),
    "test": ("test_cart.py", '== "total"', '== "tot" "al"', "test_cart.py: test_label"),
}


@pytest.mark.parametrize("kind", DETAILS)
def test_details(shop, kind):
    path, old, new, detail = DETAILS[kind]
    shop.record()
    shop.replace(path, old, new)
    assert "(%s)" % detail in shop.run().err


# ---- errors -----------------------------------------------------------------------------------

USAGE = [
    (["--basline"], "unknown option --basline", "did you mean --baseline?"),
    (["--diff-baselin"], "unknown option --diff-baselin", "did you mean --diff-baseline?"),
    (["--diff-nonsense-option"], "unknown option --diff-nonsense-option", "--help"),
    (["--mode"], "--mode needs a value", ""),
    (["--mode", "some"], "--mode", "all"),
    (["--mode="], "--mode needs a value", ""),
    (["--baseline=x"], "--baseline takes no value", ""),
    (["--batch-size", "many"], "--batch-size", ""),
    (["--batch-size", "0"], "--batch-size", ""),
    (["--no-tests", "maybe"], "--no-tests", "fail"),
    (["--host", "none"], "--host", "preload"),
    (["--force"], "--force is for --baseline only", "--mode all"),
    (["--baseline", "--no-record"], "exclude each other", ""),
    (["--parallel=many"], "--parallel", ""),
]


@pytest.mark.parametrize("args, message, hint", USAGE, ids=lambda v: " ".join(v) or "-")
def test_usage_errors(shop, args, message, hint):
    result = shop.run(*args)
    assert result.status == 4
    assert result.err.startswith("pyt-diff: error: ")
    assert message in result.err.splitlines()[0]
    assert hint in result.err
    assert (result.ran, result.started, result.out) == (set(), [], "")
    assert not shop.cache.exists()


def test_abbreviations_are_not_ours(shop):
    """--base is nobody's option: pytest refuses it."""
    result = shop.run("--base")
    assert result.status == 4
    assert result.ran == set()


def test_configuration_errors_name_file_and_key(shop):
    shop.write("pytest.ini", "[pytest]\ndiff_batch_size = lots\n")
    result = shop.run()
    assert result.status == 4
    assert "pytest.ini" in result.err
    assert "diff_batch_size" in result.err
    assert result.ran == set()


@pytest.mark.parametrize("name", ["pytest.ini", "tox.ini", "setup.cfg", "pyproject.toml"])
def test_configuration_keys_are_known_to_pytest(shop, name):
    section = {
        "pytest.ini": "[pytest]\n",
        "tox.ini": "[pytest]\n",
        "setup.cfg": "[tool:pytest]\n",
        "pyproject.toml": "[tool.pytest.ini_options]\n",
    }[name]
    shop.write(name, section + "diff_batch_size = 5\ndiff_cache_size = 500\n")
    result = shop.run("--strict-config", "-W", "error")
    assert result.status == 0
    assert_idle(shop.run("--strict-config", "-W", "error"))


def test_unknown_key_is_a_warning(shop):
    shop.write("pyproject.toml", "[tool.pyt-diff]\nbatch-sice = 5\n")
    result = shop.run()
    assert result.status == 0
    assert "pyt-diff: warning: " in result.err
    assert "batch-size" in result.err


def test_broken_pyproject(shop):
    shop.write("pyproject.toml", "[tool.pyt-diff\n")
    result = shop.run()
    assert result.status == 4
    assert "pyproject.toml" in result.err


def test_python_of_the_configuration(project):
    python, _ = make_environment(project.folder / "elsewhere")
    project.write("pyproject.toml", "[tool.pyt-diff]\npython = '%s'\n" % python)
    project.write(
        "test_a.py", "import sys\n\n\ndef test_a():\n    assert 'elsewhere' in sys.prefix\n"
    )
    project.python = None
    assert project.run(env={"PATH": os.environ["PATH"]}).status == 0


def test_environment_is_found_by_itself(project):
    project.python = None
    make_environment(project.root / ".venv")
    other, _ = make_environment(project.folder / "active")
    project.write(
        "test_a.py",
        "import os, sys\n\n\ndef test_a():\n    assert os.environ['EXPECTED'] in sys.prefix\n",
    )
    (project.root / "sub").mkdir()
    assert project.run(env={"EXPECTED": ".venv"}).status == 0
    assert project.run("..", cwd="sub", env={"EXPECTED": ".venv"}).status == 0
    active = {"VIRTUAL_ENV": str(other.parent.parent), "EXPECTED": "active"}
    assert project.run("--mode=all", env=active).status == 0
    plain = project.run(
        "--mode=all", "--python", str(other.parent.parent), env={"EXPECTED": "active"}
    )
    assert plain.status == 0


def fails_to_start(project, python):
    project.python = python
    result = project.run()
    assert result.status == 4, result
    lines = [line for line in result.err.splitlines() if "running all tests" not in line]
    assert lines[0].startswith("pyt-diff: error: "), result
    assert result.ran == set()
    return result.err


def test_missing_interpreter(shop):
    message = fails_to_start(shop, shop.folder / "no" / "python")
    assert "no/python" in message
    assert "hint: " in message
    assert "no-such-python" in fails_to_start(shop, "no-such-python")


def test_interpreter_that_is_no_python(shop):
    for text in ("#!/bin/sh\nexit 0\n", "#!/bin/sh\necho Python 3.12\n", "not a program\n", ""):
        path = shop.folder / "python"
        path.write_text(text)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        assert str(path) in fails_to_start(shop, path)
    assert "/bin/true" in fails_to_start(shop, "/bin/true")


def test_interpreter_without_permission_to_run(shop):
    path = shop.folder / "python"
    path.write_text("")
    path.chmod(0o644)
    assert str(path) in fails_to_start(shop, path)


def test_interpreter_that_vanishes(shop):
    python, _ = make_environment(shop.folder / "env")
    shop.python = python
    shop.record()
    python.unlink()
    assert str(python) in fails_to_start(shop, python)


def test_no_pytest(shop):
    python, site = make_environment(shop.folder / "bare", with_pytest=False)
    message = fails_to_start(shop, python)
    assert "pytest" in message
    assert str(python) in message
    (site / "packages.pth").write_text(os.path.dirname(os.path.dirname(pytest.__file__)) + "\n")
    shop.record()
    assert_idle(shop.run())


def test_pytest_that_is_damaged(shop):
    python, site = make_environment(shop.folder / "damaged", with_pytest=False)
    (site / "pytest.py").write_text("import missing_part\n")
    message = fails_to_start(shop, python)
    assert "cannot be imported: No module named 'missing_part'" in message
    assert "hint: install it anew" in message
    assert "Traceback" not in message


def test_script_that_starts_python_is_served(shop):
    """A wrapper such as pyenv's shims."""
    path = shop.folder / "python"
    path.write_text('#!/bin/sh\nexec "%s" "$@"\n' % PYTHON)
    path.chmod(0o755)
    shop.python = path
    assert len(shop.record().ran) == 4
    assert_idle(shop.run())
    shop.replace("cart.py", '"total"', '"tot" "al"')
    assert shop.run().names == {"test_label"}


def test_help_and_version_need_no_project(project):
    for args, text in (
        (["-h"], "Usage: "),
        (["--help"], "Exit codes"),
        (["--version"], "pyt-diff "),
    ):
        result = project.run(*args)
        assert (result.status, result.started) == (0, [])
        assert text in result.out
    assert len(project.run("-h").out) < len(project.run("--help").out)
    assert not project.cache.exists()


def test_help_of_pytest(project):
    result = project.run("--", "--help")
    assert result.status == 0
    assert "usage: " in result.out
    assert "--collect-only" in result.out
    assert not project.cache.exists()


@pytest.mark.parametrize("option", ["--fixtures", "--markers", "--setup-plan"])
def test_informational_options_of_pytest(shop, option):
    result = shop.run(option)
    assert result.status == 0
    assert result.out.splitlines()[:3] == shop.pytest(option).out.splitlines()[:3]
    assert result.ran == set()
    assert len(shop.run().ran) == 4


def test_closed_output(edited):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            edited.command(["--json"]),
            cwd=edited.root,
            env=edited.environment(),
            stdin=subprocess.DEVNULL,
            stdout=full,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
    assert done.returncode == 3
    assert "pyt-diff: error: cannot write the answer" in done.stderr


def test_messages_are_documented(edited):
    """The lines that the other tests rely on are in docs/MESSAGES.md."""
    top = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    with open(os.path.join(top, "docs", "MESSAGES.md"), encoding="utf-8") as file:
        text = re.sub(r"\s+", " ", file.read())
    for line in ("tests affected (", "no tests affected (", "running all tests, as asked"):
        assert line in text
