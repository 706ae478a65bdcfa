"""Reports of a run: annotations and job summary on GitHub Actions, properties for JUnit, HTML."""

import html
import sqlite3
from html.parser import HTMLParser
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
    assert result.status == 4 and 'expected text|json|jsonl|github, got "xml"' in result.err, result
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


# ---- HTML ----


class Page(HTMLParser):
    """What a reader of the page sees: rows as lists of cells, and what the page would load."""

    def __init__(self, file):
        super().__init__()
        self.rows, self.cell, self.tags, self.loads = [], None, set(), []
        self.source = file.read_text(encoding="utf-8")
        self.feed(self.source)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.loads += [a for a in attributes if a[0] in ("src", "href", "action", "srcset")]
        if tag == "tr":
            self.rows.append([])
        elif tag == "td":
            self.rows[-1].append("")
            self.cell = self.rows[-1]

    def handle_endtag(self, tag):
        if tag == "td":
            self.cell = None

    def handle_data(self, data):
        if self.cell is not None:
            self.cell[-1] += data

    def row(self, name):
        return next(row for row in self.rows if row and name in row[1])


def test_page(broken):
    file = broken.folder / "page.html"
    result = broken.run("--report-html", file)
    assert result.status == 1 and "HTML report written to %s" % file in result.err, result
    page = Page(file)
    outcome, test, because, took = page.row(TOTAL)
    assert outcome == "failed" and took.endswith("s")
    assert "cart.py:6" in test and "AssertionError: 100%|no\n_b_" in test, test
    assert because.startswith("cart.py: total") and "└ " in because, because  # the way to the test
    assert "1 of 4" in page.source
    assert not page.loads and "http" not in page.source.replace("http-equiv", "")
    assert [p.name for p in broken.folder.glob("page*")] == ["page.html"]


def test_page_means_nothing_by_names(shop):
    shop.write(
        "test_markup.py",
        """
        import pytest


        @pytest.mark.parametrize("s", ["<img src=x>", "</script><b>&amp;"])
        def test_markup(s):
            assert s == "</pre><i>"
        """,
    )
    file = shop.folder / "page.html"
    shop.run("--report-html", file)
    page = Page(file)
    assert page.row("test_markup[<img src=x>]")[0] == "failed"
    assert "</pre><i>" in page.row("test_markup[</script><b>&amp;]")[1]
    assert not page.tags & {"img", "b", "i"} and page.source.count("<script") == 1


def test_page_of_a_flaky_test_and_of_one_that_did_not_run(shop):
    shop.env["FLIP"] = str(shop.folder / "flip")
    test = 'def test_flip():\n    import os\n    assert not os.path.exists(os.environ["FLIP"])\n'
    shop.write("test_flip.py", test + "\n\ndef test_later():\n    pass\n")
    shop.record()
    (shop.folder / "flip").touch()
    file = shop.folder / "page.html"
    shop.run("--mode", "all", "-x", "test_flip.py", "--report-html", file)
    page = Page(file)
    assert page.row("test_flip")[1].startswith("test_flip.py::test_flipflaky")
    assert page.row("test_later")[0] == "not run"


def test_page_without_a_database(shop):
    file = shop.folder / "page.html"
    shop.env["PYT_DIFF_CACHE_DIR"] = "/proc/none"
    result = shop.run("--report-html", file)
    assert result.status == 0 and len(Page(file).rows) == 1 + 4, result


def test_page_when_nothing_is_affected(shop):
    shop.record()
    file = shop.folder / "page.html"
    result = shop.run("--report-html", file)
    assert not result.started and "no tests affected" in Page(file).source, result


def test_page_that_cannot_be_written(shop):
    result = shop.run("--report-html", shop.folder / "none" / "page.html")
    assert result.status == 4 and not result.ran, result
    assert "--report-html: cannot write into " in result.err, result
    result = shop.run("--report-html", shop.folder)
    assert result.status == 4 and "is no file" in result.err, result
    result = shop.run("--report-html", "page.html", "--dry-run")
    assert result.status == 4 and "exclude each other" in result.err, result
