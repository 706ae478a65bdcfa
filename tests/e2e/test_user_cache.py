"""What is kept for all projects of a user: answers of interpreters, the plugin's bytecode."""

import os
import shutil

import pytest


@pytest.fixture
def kept(project, tmp_path):
    """The directory, which the project's environment names, and which is not made yet."""
    home = tmp_path / "home"
    home.mkdir()
    project.env.update(HOME=str(home), XDG_CACHE_HOME=None)
    project.write("test_a.py", "def test_a():\n    pass\n")
    return home / ".cache" / "pyt-diff"


def answers(kept):
    return [path for path in kept.iterdir() if path.suffix != ".bin"]


def forget_project(project):
    for name in (".pytest_cache", ".pyt-diff"):
        shutil.rmtree(project.root / name, ignore_errors=True)


def forge(kept):
    """Another version, by which one sees that the answer is used."""
    (answer,) = answers(kept)
    text = answer.read_text()
    assert "cpython 3." in text
    answer.write_text(text.replace("cpython 3.", "cpython 3.9999"))
    return answer


def said(project):
    done = project.run()
    assert done.status == 0
    return done.err


def test_an_answer_serves_other_projects(project, kept):
    assert "3.9999" not in said(project)
    assert kept.stat().st_mode & 0o077 == 0
    forge(kept)
    assert "3.9999" not in said(project)  # the project knows it already
    forget_project(project)
    assert "3.9999" in said(project)


def test_other_search_paths_are_other_answers(project, kept):
    said(project)
    forge(kept)
    forget_project(project)
    project.env["PYTHONPATH"] = "lib"
    assert "3.9999" not in said(project)
    assert len(answers(kept)) == 2


@pytest.mark.parametrize("spoil", ["other", "cut", "group"])
def test_what_cannot_be_trusted_is_not_used(project, kept, spoil):
    said(project)
    answer = forge(kept)
    if spoil == "other":
        answer.write_text("1;2;" + answer.read_text())
    elif spoil == "cut":
        answer.write_text(answer.read_text()[:80])
    else:
        answer.chmod(0o660)
    forget_project(project)
    assert "3.9999" not in said(project)


def test_a_directory_of_others_is_left_alone(project, kept):
    said(project)
    forge(kept)
    kept.chmod(0o777)
    before = sorted(os.listdir(kept))
    forget_project(project)
    project.env["PYTHONPATH"] = "lib"
    assert "3.9999" not in said(project)
    assert sorted(os.listdir(kept)) == before


@pytest.mark.parametrize("home", [None, "relative", "/dev/null"])
def test_there_need_not_be_one(project, kept, home):
    project.env["HOME"] = home
    assert "running all tests" in said(project)
    assert not kept.exists()


def test_bytecode_serves_other_projects(project, kept):
    said(project)
    code = sorted(kept.glob("plugin-*.bin"))
    assert code
    damaged = [(path, path.read_bytes()) for path in code]
    for path, content in damaged:
        path.write_bytes(content[:-1] + b"?")
    forget_project(project)
    assert project.run("--mode", "all").status == 0  # damage is noticed, and compiled anew
    assert [path.read_bytes() for path, _ in damaged] == [c[:-1] + b"?" for _, c in damaged]
    copies = [p for p in project.root.rglob("plugin-*.bin") if p.name == code[0].name]
    assert copies and copies[0].read_bytes() == damaged[0][1]


def test_old_answers_go_when_there_are_many(project, kept):
    kept.mkdir(parents=True, mode=0o700)
    for number in range(250):
        path = kept / ("old%d" % number)
        path.write_text("")
        if number:
            os.utime(path, (1, 1))
    said(project)
    assert [path.name for path in answers(kept) if path.name.startswith("old")] == ["old0"]
