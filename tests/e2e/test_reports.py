"""Reports of a run: annotations and the job summary on GitHub Actions, properties for JUnit."""

import html
import sqlite3
from xml.etree import ElementTree

import pytest
from project import has_module

TOTAL = "test_cart.py::test_total"


@pytest.fixture
def broken(shop):
    """test_total fails, in cart.py."""
    shop.record()
    shop.replace("cart.py", "return net + tax(net)", 'assert not net, "100%|no\\n_b_"')
    shop.summary = shop.folder / "summary.md"
    shop.env["GITHUB_STEP_SUMMARY"] = str(shop.summary)
    shop.env["GITHUB_WORKSPACE"] = str(shop.folder)
    return shop


def annotations(result):
    return [line for line in result.err.splitlines() if line.startswith("::")]


def read(summary):
    return html.unescape(summary.read_text(encoding="utf-8"))


@pytest.mark.parametrize("arguments", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_failures_are_annotated(broken, arguments):
    if arguments and not has_module("xdist"):
        pytest.skip("no pytest-xdist")
    result = broken.run(*arguments, env={"GITHUB_ACTIONS": "true"})
    assert result.status == 1 and result.ran == {TOTAL}, result
    notice, error = annotations(result)
    assert notice == "::notice title=pyt-diff::1 of 4 tests affected (cart.py: total)", result
    place = "file=project/cart.py,line=6,title=test_cart.py%3A%3Atest_total::"
    assert error.startswith("::error " + place + "AssertionError: 100%25|no%0A_b_"), result
    assert "::" not in result.out.replace("test_cart.py::", ""), result


def test_job_summary(broken):
    broken.summary.write_text("before\n")
    result = broken.run("--output-format", "github")
    text = read(broken.summary)
    assert text.startswith("before\n### pyt-diff: 1 of 4 tests affected (cart.py: total)"), text
    assert "| Selected | 1 of 4 known tests |\n| Outcome | 1 failed (pytest exit code 1) |" in text
    assert "| <code>%s</code> | project/cart.py:6 | AssertionError: 100%%|no<br>_b_" % TOTAL in text
    assert "| <code>%s</code> | cart.py: total |" % TOTAL in text
    raw = broken.summary.read_text(encoding="utf-8")
    assert "|no" not in raw and "_b_" not in raw, raw  # they would end the cell, and be emphasis
    assert result.status == 1


@pytest.mark.parametrize(
    "arguments", [("--output-format", "text"), ("--output-format=json",), ("--json",)]
)
def test_detection_can_be_switched_off(broken, arguments):
    result = broken.run(*arguments, env={"GITHUB_ACTIONS": "true"})
    assert not annotations(result) and not broken.summary.exists(), result
    assert (result.out[:1] == "{") == ("text" not in arguments), result


def test_not_elsewhere(broken):
    result = broken.run(env={"GITHUB_ACTIONS": "false"})
    assert not annotations(result) and not broken.summary.exists(), result


def test_nothing_affected(broken):
    broken.env["GITHUB_ACTIONS"] = "true"
    broken.replace("cart.py", 'assert not net, "100%|no\\n_b_"', "return net + tax(net)")
    for _ in range(2):  # the second answer is remembered
        result = broken.run()
        notice = "::notice title=pyt-diff::no tests affected (0 of 4; "
        assert [a[: len(notice)] for a in annotations(result)] == [notice], result
    assert read(broken.summary).count("### pyt-diff: no tests affected") == 2


def test_a_file_that_cannot_be_collected(broken):
    broken.write("test_cart.py", "import cart\n1 / 0\n")
    result = broken.run(env={"GITHUB_ACTIONS": "true"})
    place = "file=project/test_cart.py,line=2,title=test_cart.py::ZeroDivisionError"
    assert any(place in a for a in annotations(result)), result
    assert "1 with errors (pytest exit code 2)" in read(broken.summary)


def test_flaky_tests_are_warned_of(shop):
    shop.env["FLIP"] = str(shop.folder / "flip")
    shop.write(
        "test_flip.py",
        'def test_flip():\n    import os\n    assert not os.path.exists(os.environ["FLIP"])\n',
    )
    shop.record()
    (shop.folder / "flip").touch()
    result = shop.run("--mode", "all", env={"GITHUB_ACTIONS": "true"})
    line = "::warning title=flaky test::test_flip.py::test_flip (passed, then failed)"
    assert line in annotations(result), result


def test_a_summary_that_cannot_be_written(broken):
    broken.env["GITHUB_STEP_SUMMARY"] = str(broken.folder / "none" / "summary.md")
    result = broken.run("--output-format", "github")
    assert result.status == 1 and "warning: cannot write the job summary" in result.err, result


def test_wrong_format(shop):
    result = shop.run("--output-format", "xml")
    assert result.status == 4 and 'expected text|json|github, got "xml"' in result.err, result
    result = shop.run("--json", "--output-format", "github")
    assert result.status == 4 and "exclude each other" in result.err, result


# ---- JUnit ----


def properties(element):
    return {p.get("name"): p.get("value") for p in element.findall("properties/property")}


@pytest.mark.parametrize("arguments", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_junit_has_the_selection(broken, arguments):
    if arguments and not has_module("xdist"):
        pytest.skip("no pytest-xdist")
    broken.write("test_new.py", "def test_new():\n    pass\n")
    file = broken.folder / "junit.xml"
    broken.run("--junitxml", file, *arguments)
    suite = ElementTree.parse(file).getroot().find("testsuite")
    assert properties(suite) == {"pyt-diff.selected": "1", "pyt-diff.total": "4"}
    reasons = {
        case.get("name"): properties(case).get("pyt-diff.reason") for case in suite.iter("testcase")
    }
    assert reasons == {"test_total": "cart.py: total", "test_new": "new test file"}


def records(project):
    with sqlite3.connect(project.database) as connection:
        return connection.execute(
            "SELECT n.name, r.outcome, r.depsets FROM record r JOIN node n ON n.id = r.node_id"
            " ORDER BY n.name, r.id"
        ).fetchall()


def test_reports_change_nothing(shop):
    """The same is recorded with and without them."""
    shop.record()
    expected = set(records(shop))
    shop.run("--baseline", "--force", "--output-format", "github", "--junitxml", "../junit.xml")
    assert set(records(shop)) == expected
    assert not shop.run().ran
