"""--audit: everything runs, and what the selection would have missed is named."""

import json

import pytest

HIDDEN = """
    import ctypes
    import os


    def test_hidden():
        # A system call that goes past libc's functions: nobody sees the file being opened.
        call = ctypes.CDLL(None).syscall
        fd = call({number}, -100, b"{path}", 0, 0)
        data = os.read(fd, 100)
        os.close(fd)
        assert data == b"good"


    def test_other():
        pass
"""
OPENAT = {"x86_64": 257, "aarch64": 56}


@pytest.fixture
def hidden(project):
    """A test with a dependency that cannot be seen."""
    number = OPENAT.get(__import__("platform").machine())
    if number is None:
        pytest.skip("the number of openat is not known for this machine")
    project.write("data.bin", b"good")
    project.write("test_hidden.py", HIDDEN.format(number=number, path=project.root / "data.bin"))
    project.record()
    return project


def audit(project, *args):
    result = project.run("--audit", "--json", *args)
    return result, json.loads(result.out)


def test_nothing_missed(shop):
    shop.record()
    result = shop.run("--audit")
    assert result.status == 0, result
    assert len(result.ran) == 4
    line = (
        "audit: 4 tests ran, 0 would have been selected; no changed outcome would have been missed"
    )
    assert line in result.err, result
    assert shop.run().names == set()


def test_a_selected_failure_is_not_missed(shop):
    shop.record()
    shop.replace("prices.py", "net * RATE // 100", "net * RATE // 50")
    result, answer = audit(shop)
    assert result.status == 1, result  # pytest's
    assert (answer["ran"], answer["selected"], answer["missed"]) == (4, 2, [])
    assert answer["pytest_status"] == 1 and answer["flaky"] == []
    assert "2 failed" in result.err, result  # pytest's output


def test_a_missed_dependency(hidden):
    hidden.write("data.bin", b"evil")
    assert hidden.run().names == set()
    result = hidden.run("--audit")
    assert result.status == 1, result
    assert "1 outcome changed without being selected:\n" in result.err, result
    assert "  test_hidden.py::test_hidden: passed, then failed\n" in result.err, result
    assert "changed since, and not seen as its dependency: data.bin\n" in result.err, result
    assert "flaky" not in result.err
    assert "test_hidden" in hidden.run().names  # the record is renewed


def test_missed_although_pytest_passes(hidden):
    hidden.write("data.bin", b"evil")
    hidden.run("--mode", "all")
    hidden.replace("test_hidden.py", 'b"good"', 'b"evil"')
    hidden.replace(
        "test_hidden.py", "def test_hidden", "@__import__('pytest').mark.xfail\ndef test_hidden"
    )
    hidden.record("--baseline", "--force")
    hidden.write("data.bin", b"good")
    result, answer = audit(hidden)
    assert answer["pytest_status"] == 0 and result.status == 1, result
    (missed,) = answer["missed"]
    assert missed["nodeid"] == "test_hidden.py::test_hidden"
    assert (missed["before"], missed["after"]) == ("xpassed", "xfailed")
    assert [c["path"] for c in missed["changed"]] == ["data.bin"]


def test_a_source_is_named_with_what_was_used_of_it(hidden):
    hidden.write("data.bin", b"evil")
    hidden.replace("test_hidden.py", "    pass", "    return")
    _, answer = audit(hidden)
    changed = {c["path"]: c["other_parts_used"] for c in answer["missed"][0]["changed"]}
    assert changed == {"data.bin": False, "test_hidden.py": True}


def test_flaky_is_not_missed(project):
    flip = project.folder / "flip"
    project.write(
        "test_flip.py",
        """
        def test_flip():
            import os
            assert not os.path.exists(os.environ["FLIP"])
        """,
    )
    project.env["FLIP"] = str(flip)
    project.record()
    flip.touch()
    result, answer = audit(project)
    assert result.status == 1 and answer["pytest_status"] == 1, result
    assert answer["missed"] == []
    assert [f["nodeid"] for f in answer["flaky"]] == ["test_flip.py::test_flip"]
    flip.unlink()
    result = project.run("--audit")
    assert result.status == 0, result
    assert "1 flaky: test_flip.py::test_flip (failed, then passed" in result.err


def test_without_records(shop):
    result, answer = audit(shop)
    assert result.status == 0 and answer["no_data"] is True, result
    assert len(result.ran) == 4


def test_a_part_of_the_tests(hidden):
    hidden.write("data.bin", b"evil")
    result, answer = audit(hidden, "-k", "other")
    assert result.names == {"test_other"} and result.status == 0, result
    assert answer["ran"] == 1 and answer["missed"] == []


@pytest.mark.parametrize("other", ["--no-record", "--dry-run", "--diff", "--pdb", "--collect-only"])
def test_what_excludes_it(shop, other):
    result = shop.run("--audit", other)
    assert result.status == 4, result
    assert "pyt-diff: error: --audit" in result.err
