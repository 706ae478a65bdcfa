"""`--output-format jsonl`, `--output-file`, and warnings as annotations."""

import json
import os
import signal
import subprocess

import pytest
from project import has_module

TOTAL = "test_cart.py::test_total"
TAX = "test_prices.py::test_tax"


@pytest.fixture
def edited(shop):
    """test_tax and test_total are affected; test_total fails."""
    shop.record()
    shop.replace("prices.py", "net * RATE // 100", "RATE * net // 100")
    shop.replace("cart.py", "return net + tax(net)", 'assert not tax(net), "100%"')
    return shop


def events(text):
    lines = text.splitlines(keepends=True)
    assert all(line.endswith("}\n") for line in lines), text
    return [json.loads(line) for line in lines]


def of_kind(found, kind):
    return [event for event in found if event["event"] == kind]


@pytest.mark.parametrize("arguments", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_lines_of_a_run(edited, arguments):
    if arguments and not has_module("xdist"):
        pytest.skip("no pytest-xdist")
    result = edited.run("--output-format", "jsonl", *arguments)
    found = events(result.out)
    assert result.status == 1 and result.ran == {TAX, TOTAL}, result
    assert "1 failed, 1 passed" in result.err, result  # pytest's output
    first, *rest = found
    assert (first["event"], first["version"], first["total"]) == ("selection", 1, 4)
    assert first["affected"] == 2 and first["changed_files"] == 2 and "tests" not in first
    assert [event["event"] for event in rest] == ["test"] * 2 + ["result"] * 2 + ["summary"]
    tests = {event["nodeid"]: event for event in rest[:2]}
    assert tests[TAX]["reason"] == "changed" and tests[TAX]["detail"] == "prices.py: tax"
    results = {event["nodeid"]: event for event in rest[2:4]}
    assert results[TAX]["outcome"] == "passed" and "message" not in results[TAX]
    failed = results[TOTAL]
    assert (failed["outcome"], failed["path"], failed["line"]) == ("failed", "cart.py", 6)
    assert failed["message"].startswith("AssertionError: 100%") and failed["duration"] > 0
    summary = rest[-1]
    assert (summary["ran"], summary["exit_code"], summary["pytest_status"]) == (True, 1, 1)
    assert (summary["passed"], summary["failed"], summary["skipped"]) == (1, 1, 0)


def test_lines_come_as_things_happen(shop):
    """The second test waits until the result of the first was read."""
    shop.env["GO"] = str(shop.folder / "go")
    shop.write(
        "test_wait.py",
        """
        import os, time


        def test_a():
            pass


        def test_b():
            for _ in range(600):
                if os.path.exists(os.environ["GO"]):
                    return
                time.sleep(0.05)
            assert False
        """,
    )
    process = shop.start("--output-format=jsonl", "test_wait.py")
    seen = []
    for line in process.stdout:
        seen.append(json.loads(line))
        if seen[-1].get("nodeid") == "test_wait.py::test_a":
            assert process.poll() is None
            (shop.folder / "go").touch()
    result = shop.finish(process)
    assert result.status == 0 and seen[-1]["passed"] == 2, (result, seen)


def test_into_a_file(edited):
    edited.write("out.jsonl", "something longer than nothing\n")
    result = edited.run("--output-format=jsonl", "--output-file", "out.jsonl")
    assert "1 failed, 1 passed" in result.out and '"event"' not in result.out, result
    found = events((edited.root / "out.jsonl").read_text())
    assert [event["event"] for event in found][-1] == "summary"
    assert len(of_kind(found, "result")) == 2


def test_into_a_pipe(edited):
    reader, writer = os.pipe()
    process = subprocess.Popen(
        edited.command(["--output-format=jsonl", "--output-file", "/dev/fd/%d" % writer]),
        cwd=edited.root,
        env=edited.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        pass_fds=[writer],
    )
    os.close(writer)
    with os.fdopen(reader) as pipe:
        found = events(pipe.read())
    assert b"1 failed, 1 passed" in process.communicate()[0]
    assert len(of_kind(found, "result")) == 2


def test_a_reader_that_goes_away_harms_nothing(shop):
    process = shop.start("--output-format", "jsonl")
    process.stdout.close()
    process.stdout = None
    err = process.stderr.read()
    assert process.wait() == 3 and "warning: cannot write the reports: Broken pipe" in err, err
    assert shop.take(shop.ran_log) and not shop.run().ran  # all is recorded


def test_nothing_affected(shop):
    shop.record()
    for _ in range(2):  # the second answer is remembered
        result = shop.run("--output-format", "jsonl")
        selection, summary = events(result.out)
        assert (selection["total"], selection["affected"]) == (4, 0)
        assert summary["ran"] is False and summary["exit_code"] == 0 and not result.started
    assert events(shop.run("--output-format=jsonl", "--no-tests=fail").out)[1]["exit_code"] == 5


def test_dry_run(edited):
    result = edited.run("--output-format", "jsonl", "--dry-run")
    found = events(result.out)
    assert not result.ran and [event["event"] for event in found] == [
        "selection",
        "test",
        "test",
        "summary",
    ]


def test_new_files_and_what_cannot_be_collected(shop):
    shop.record()
    shop.write("test_new.py", "1 / 0\n")
    found = events(shop.run("--output-format", "jsonl").out)
    (new,), (broken,) = of_kind(found, "file"), of_kind(found, "result")
    assert (new["path"], new["reason"]) == ("test_new.py", "new")
    assert (broken["nodeid"], broken["outcome"], broken["line"]) == ("test_new.py", "error", 1)
    assert found[-1]["exit_code"] == 2 and found[-1]["error"] == 1


def test_flaky_tests_and_warnings(shop):
    shop.env["FLIP"] = str(shop.folder / "flip")
    shop.write(
        "test_flip.py",
        'def test_flip():\n    import os\n    assert not os.path.exists(os.environ["FLIP"])\n',
    )
    shop.write("pytest.ini", "[pytest]\n")
    shop.write("pyproject.toml", "[tool.pyt-diff]\nbatchsize = 3\n")
    shop.record()
    (shop.folder / "flip").touch()
    found = events(shop.run("--mode", "all", "--output-format", "jsonl").out)
    (warning,) = of_kind(found, "warning")
    assert "did you mean batch-size?" in warning["message"] and found[0] == warning
    (flaky,) = of_kind(found, "flaky")
    assert (flaky["before"], flaky["after"]) == ("passed", "failed")
    assert found[-1]["flaky"] == 1


def test_an_error_is_told(shop):
    result = shop.run("--output-format", "jsonl", "--remote", "file:///nowhere/at/all/")
    found = events(result.out)
    assert result.status == 3 and [event["event"] for event in found] == ["error", "summary"]
    assert found[0]["message"].startswith("cannot get the baseline")
    assert found[1]["ran"] is False and found[1]["exit_code"] == 3


def test_a_signal_is_told(shop):
    shop.write("test_die.py", "import os\n\n\ndef test_a():\n    os.kill(os.getpid(), 9)\n")
    result = shop.run("--output-format", "jsonl", "test_die.py")
    summary = events(result.out)[-1]
    assert result.status == -signal.SIGKILL
    assert (summary["signal"], summary["exit_code"]) == (9, 137), summary


def test_audit(edited):
    found = events(edited.run("--audit", "--output-format", "jsonl").out)
    (audit,) = of_kind(found, "audit")
    assert (audit["ran"], audit["selected"], audit["missed"]) == (4, 2, [])
    assert found[-1]["event"] == "summary" and len(of_kind(found, "result")) == 4


def test_without_a_database(shop):
    shop.env["PYT_DIFF_CACHE_DIR"] = "/proc/none"
    found = events(shop.run("--output-format", "jsonl").out)
    assert len(of_kind(found, "result")) == 4 and found[-1]["passed"] == 4


# ---- answers in files ----


def test_answers_go_into_the_file(edited):
    file = edited.root / "answer"
    edited.run("--json")  # afterwards the contents of changed files are known
    for arguments in (
        ("--json",),
        ("--output-format=json",),
        ("--dry-run",),
        ("stale", "--json"),
        ("affected",),
        ("explain", TOTAL),
        ("explain", "--output-format", "json", TOTAL),
        ("doctor",),
    ):
        printed = edited.run(*arguments)
        written = edited.run(*arguments[:1], "--output-file", file, *arguments[1:])
        assert printed.status == written.status and written.out == "", written
        assert printed.out and file.read_text() == printed.out, arguments
        file.unlink()
    assert list(edited.root.glob("answer*")) == []


def test_questions_about_the_data_go_into_the_file(edited):
    edited.python = None
    for command in ("graph", "inspect", "map", "stats"):
        edited.run(command, "--json", "--output-file", "answer")
        assert json.loads((edited.root / "answer").read_text())


def test_audits_go_into_the_file(edited):
    edited.run("--audit", "--json", "--output-file", "audit.json")
    assert json.loads((edited.root / "audit.json").read_text())["ran"] == 4
    result = edited.run("--audit", "--output-file", "audit.txt")
    assert "passed" in result.out and "audit:" not in result.err, result
    assert "4 tests ran" in (edited.root / "audit.txt").read_text()


def test_annotations_go_into_the_file(edited):
    edited.run("--output-format", "github", "--output-file", "notes")
    notice, error = (edited.root / "notes").read_text().splitlines()
    assert notice.startswith("::notice title=pyt-diff::2 of 4") and error.startswith("::error ")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--output-file", "x"), "this run has no answer to be written"),
        (("--output-file", "x", "--output-format", "text"), "no answer to be written"),
        (("--json", "--output-file", "none/x"), "--output-file: cannot write into none"),
        (("--json", "--output-file", "."), "--output-file: . is no file"),
        (
            ("--output-format=jsonl", "--output-file", "none/x"),
            "--output-file: cannot write none/x",
        ),
        (("--output-format=jsonl", "--json"), "exclude each other"),
        (("--output-format=jsonl", "--no-testmon"), "exclude each other"),
        (("--output-format=jsonl", "--co"), "exclude each other"),
        (("--output-format=github", "--output-file", "x", "--no-testmon"), "exclude each other"),
        (("explain", "--output-format", "jsonl", TOTAL), "explain has no output format jsonl"),
    ],
)
def test_what_makes_no_sense(edited, arguments, problem):
    result = edited.run(*arguments)
    assert result.status == 4 and not result.ran and problem in result.err, result
    assert not (edited.root / "x").exists()


def test_a_full_disk(edited):
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full")
    edited.replace("cart.py", 'assert not tax(net), "100%"', "return tax(net) + net")
    result = edited.run("--output-format", "jsonl", "--output-file", "/dev/full")
    assert result.status == 3 and result.ran == {TAX, TOTAL}, result
    assert "warning: cannot write /dev/full: No space left" in result.err, result


# ---- warnings on GitHub Actions ----


def annotations(result):
    return [line for line in result.err.splitlines() if line.startswith("::warning")]


def test_warnings_are_annotated(shop):
    shop.write("pyproject.toml", "[tool.pyt-diff]\nbatchsize = 3\n")
    expected = (
        "::warning title=pyt-diff::pyproject.toml: [tool.pyt-diff] unknown key"
        ' "batchsize", did you mean batch-size?'
    )
    result = shop.run(env={"GITHUB_ACTIONS": "true"})
    assert annotations(result) == [expected], result
    assert "pyt-diff: warning: pyproject.toml: " in result.err  # and as always
    assert annotations(shop.run("--output-format", "github")) == [expected]
    assert annotations(shop.run("stale", env={"GITHUB_ACTIONS": "true"})) == [expected]
    assert annotations(shop.run()) == []
    for arguments in (("--output-format", "text"), ("--json",)):
        assert annotations(shop.run(*arguments, env={"GITHUB_ACTIONS": "true"})) == []


def test_warnings_of_merge_are_annotated(shop):
    shop.commit()
    shop.record("--baseline")
    (shop.folder / "a.db").write_bytes(shop.database.read_bytes())
    shop.replace("prices.py", "net * RATE", "RATE * net")
    shop.commit()
    shop.record("--baseline")
    shop.python = None
    result = shop.run(
        "merge", "../out.db", "../a.db", shop.database, env={"GITHUB_ACTIONS": "true"}
    )
    (line,) = annotations(result)
    assert line.startswith("::warning title=pyt-diff::the baselines are of different commits")
