"""docs/features.md names tests that exist."""

import ast
import re
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
ROW = re.compile(r"^\| ([A-E]\d+) \| .* \| ([^|]*) \|$", re.M)
ROWS = ROW.findall((TOP / "docs/features.md").read_text(encoding="utf-8"))


def names_in(path):
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".c":
        return set(re.findall(r"^static void (\w+)\(void \*\*", text, re.M))
    return {
        node.name
        for node in ast.parse(text).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


@pytest.mark.parametrize("row, proofs", ROWS, ids=[row for row, _ in ROWS])
def test_each_row_names_tests_that_exist(row, proofs):
    named = proofs.split(", ")
    for proof in named:
        path, _, test = proof.strip("`").partition("::")
        assert proof == "`%s`" % proof.strip("`") and (TOP / path).is_file(), proof
        assert not test or test in names_in(TOP / path), proof
    assert len(set(named)) == len(named)


def test_each_row_is_there_once():
    names = [row for row, _ in ROWS]
    assert len(set(names)) == len(names) > 50
    assert names == sorted(names, key=lambda name: (name[0], int(name[1:])))


def test_layout():
    for name in ("runner", "embed", "py", "tests", "packaging/deb", "packaging/homebrew"):
        assert any((TOP / name).iterdir()), name
    for name in ("CMakeLists.txt", "README.md", "LICENSE"):
        assert (TOP / name).is_file(), name
