"""--since, --staged, --working-tree: what the differences between states of git's affect."""

import json
import os
import shutil
import subprocess

import pytest

LINE = "pyt-diff: "


@pytest.fixture
def repo(shop):
    """The shop, committed on main and recorded there."""
    shop.commit()
    shop.record()
    return shop


def branch(repo, name="feature"):
    repo.git("checkout", "-q", "-b", name)


def head(repo, ref="HEAD"):
    done = subprocess.run(
        ["git", "rev-parse", ref], cwd=repo.root, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def said(result):
    return [line for line in result.err.splitlines() if line.startswith(LINE)][-1]


# --- --since ---


def test_what_a_branch_changed_runs_again(repo):
    branch(repo)
    repo.replace("prices.py", "net // 10", "net // 10 + 0")
    repo.commit()
    repo.record()
    assert repo.run().ran == set()
    result = repo.run("--since", "main")
    assert result.names == {"test_discount"}
    base = head(repo, "main")[:7]
    assert said(result) == (
        LINE + "1 of 4 tests affected since main@%s (prices.py: discount)" % base
    )
    # It stays so, however often they ran.
    assert repo.run("--since", "main").names == {"test_discount"}


def test_commits_and_changes_that_are_not_committed_both_count(repo):
    branch(repo)
    repo.replace("prices.py", "net // 10", "net // 10 + 0")
    repo.commit()
    repo.replace("cart.py", 'return "total"', 'return "to" + "tal"')
    repo.record()
    result = repo.run("--since", "main")
    assert result.names == {"test_discount", "test_label"}


def test_unrecorded_changes_run(repo):
    branch(repo)
    repo.replace("prices.py", "net // 10", "net // 10 + 0")
    assert repo.run("--since", "main").names == {"test_discount"}


def test_only_what_happened_on_this_side_of_the_merge_base(repo):
    branch(repo)
    repo.replace("prices.py", "net // 10", "net // 10 + 0")
    repo.commit()
    repo.git("checkout", "-q", "main")
    repo.replace("cart.py", 'return "total"', 'return "to" + "tal"')
    repo.commit()
    repo.git("checkout", "-q", "feature")
    repo.record()
    assert repo.run("--since", "main").names == {"test_discount"}


def test_a_change_and_its_revert_affect_nothing(repo):
    branch(repo)
    repo.replace("prices.py", "net // 10", "net // 10 + 0")
    repo.commit()
    repo.replace("prices.py", "net // 10 + 0", "net // 10")
    repo.commit()
    result = repo.run("--since", "main")
    assert result.status == 0 and not result.started
    assert "no tests affected since main@" in said(result)


def test_comments_affect_nothing_and_constants_what_mentions_them(repo):
    branch(repo)
    repo.replace("prices.py", "# the usual rate", "# usual")
    repo.commit()
    assert repo.run("--since", "main").ran == set()
    repo.replace("prices.py", "RATE = 20", "RATE = 10 + 10")
    repo.commit()
    repo.record()
    assert repo.run("--since", "main").names == {"test_tax", "test_total"}


def test_new_deleted_and_renamed_files(repo):
    branch(repo)
    repo.write("test_new.py", "def test_new():\n    assert True\n")
    repo.git("mv", "test_prices.py", "test_moved.py")
    repo.commit()
    repo.record()
    result = repo.run("--since", "main", "-v")
    assert result.names == {"test_new", "test_tax", "test_discount"}
    assert "test_new.py::test_new: test_new.py: new" in result.err
    assert repo.run("--since", "main", "test_cart.py").ran == set()


def test_a_file_that_git_does_not_know_yet(repo):
    repo.write("test_new.py", "def test_new():\n    assert True\n")
    repo.record()
    assert repo.run("--since", "main").names == {"test_new"}


def test_a_module_that_shadowed_another_is_gone(repo):
    repo.write("sub/helper.py", "VALUE = 1\n")
    repo.write(
        "test_helper.py",
        "import sys\nsys.path.append('sub')\nimport helper\n\n\n"
        "def test_value():\n    assert helper.VALUE\n",
    )
    repo.write("helper.py", "VALUE = 2\n")
    repo.commit()
    repo.record()
    branch(repo)
    repo.git("rm", "-q", "helper.py")
    repo.commit()
    repo.record()
    assert repo.run("--since", "main").names == {"test_value"}


def test_data_files_and_listings(repo):
    repo.write("data/a.txt", b"1")
    repo.write(
        "test_data.py",
        """
        import os


        def test_read():
            assert open("data/a.txt").read()


        def test_list():
            assert len(os.listdir("data")) < 9


        def test_exists():
            assert os.path.exists("data/b.txt") in (True, False)


        def test_directory():
            assert os.path.isdir("more") in (True, False)
        """,
    )
    repo.commit()
    repo.record()
    branch(repo)
    assert repo.run("--since", "main").ran == set()
    repo.write("data/a.txt", b"2")
    repo.record()
    assert repo.run("--since", "main").names == {"test_read"}
    repo.write("data/b.txt", b"2")
    repo.write("more/c.txt", b"2")
    repo.record()
    names = {"test_read", "test_list", "test_exists", "test_directory"}
    assert repo.run("--since", "main").names == names
    repo.commit()
    assert repo.run("--since", "main").names == names
    repo.git("checkout", "-q", "main")
    assert repo.run().ran == set()
    assert repo.run("--since", "feature").ran == set()


def test_pytest_configuration(repo):
    repo.write("pytest.ini", "[pytest]\nminversion = 6.0\nxfail_strict = false\n")
    repo.commit()
    repo.record()
    branch(repo)
    repo.write("pytest.ini", "[pytest]\nminversion = 6.0\nxfail_strict = false\n# a remark\n")
    repo.commit()
    assert repo.run("--since", "main").ran == set()
    repo.write("pytest.ini", "[pytest]\nminversion = 6.0\nxfail_strict = true\n")
    repo.commit()
    repo.record()
    result = repo.run("--since", "main")
    assert len(result.names) == 4
    assert "pytest's configuration changed" in said(result)


def test_failures_run_whatever_changed(repo):
    repo.replace("test_cart.py", '== "total"', '== "totals"')
    repo.commit()
    assert repo.run().status == 1
    result = repo.run("--since", "main")
    assert result.status == 1 and result.names == {"test_label"}


def test_records_of_neither_state_are_not_skipped_silently(repo):
    """Recorded on main, before main went on: neither the merge base nor the branch was seen."""
    repo.replace("prices.py", "net // 10", "net // 10 + 0")
    repo.commit()
    branch(repo)
    repo.replace("cart.py", 'return "total"', 'return "to" + "tal"')
    repo.commit()
    result = repo.run("--since", "main")
    assert result.names == {"test_discount", "test_label"}
    assert "; 1 of them last recorded in neither state)" in said(result)
    assert "neither" not in said(repo.run("--since", "main"))


def test_environment_variables_count_on_top(repo):
    repo.write(
        "test_env.py",
        'import os\n\n\ndef test_env():\n    assert os.environ.get("COLOUR") != "no"\n',
    )
    repo.commit()
    repo.record()
    result = repo.run("--since", "main", env={"COLOUR": "red"})
    assert result.names == {"test_env"}
    assert "1 of them last recorded in neither state" in said(result)


@pytest.mark.parametrize("how", ["origin/HEAD", "main", "master", "remote master"])
def test_the_default_branch(repo, how, tmp_path):
    if how == "origin/HEAD":
        repo.git("branch", "-m", "main", "trunk")
        clone = tmp_path / "clone"
        repo.git("clone", "-q", str(repo.root), str(clone))
        repo.root = clone
        name = "origin/trunk"
    elif how == "remote master":
        repo.git("update-ref", "refs/remotes/origin/master", "HEAD")
        name = "origin/master"
    else:
        repo.git("branch", "-m", "main", how)
        name = how
    branch(repo)
    result = repo.run("--since")
    assert " since %s@%s (" % (name, head(repo)[:7]) in said(result) or "no data" in said(result)
    assert repo.run("--since").err.count(" since %s@" % name) == 1


def test_without_a_value_options_and_paths_may_follow(repo):
    branch(repo)
    repo.replace("prices.py", "net // 10", "net // 10 + 0")
    repo.replace("cart.py", 'return "total"', 'return "to" + "tal"')
    assert repo.run("--since", "--dry-run").out.splitlines()[-1] == "2/4 tests affected"
    result = repo.run("--since", "--", "test_cart.py")
    assert result.names == {"test_label"}
    assert "outside the given paths" in said(result)


def test_json_says_what_was_compared(repo):
    branch(repo)
    repo.replace("prices.py", "net // 10", "net // 10 + 0")
    answer = json.loads(repo.run("--since", "main", "--json").out)
    assert answer["since"] == {
        "request": "--since main",
        "ref": "main",
        "commit": head(repo),
        "compared_with": "git",
        "recorded_elsewhere": 0,
        "left_out": 0,
    }
    assert answer["changed_files"] == 1
    assert [test["nodeid"] for test in answer["tests"]] == ["test_prices.py::test_discount"]
    answer = json.loads(repo.run("--since", "nowhere", "--json").out)
    assert answer["since"]["compared_with"] == "records"
    assert answer["since"]["problem"] == 'git knows no commit "nowhere"'


def test_the_recorded_data_is_not_touched_by_comparing(repo):
    branch(repo)
    repo.replace("prices.py", "net // 10", "net // 10 + 0")
    repo.commit()
    repo.record()
    repo.run("--since", "main", "--dry-run")
    assert repo.run().ran == set()
    repo.git("checkout", "-q", "main")
    assert repo.run().ran == set()


def test_files_in_other_line_ends_and_encodings(repo):
    repo.write("odd.py", 'A = "é"\n\n\ndef f():\n    return A\n'.encode("latin-1"))
    repo.write(
        "odd.py", b"# -*- coding: latin-1 -*-\nA = '\xe9'\r\n\r\ndef f():\r\n    return A\r\n"
    )
    repo.write("test_odd.py", "import odd\n\n\ndef test_odd():\n    assert odd.f()\n")
    repo.commit()
    repo.record()
    branch(repo)
    text = (repo.root / "odd.py").read_bytes()
    repo.write("odd.py", text.replace(b"\r\n", b"\n"))
    repo.record()
    assert repo.run("--since", "main").ran == set()
    repo.write("odd.py", text.replace(b"return A", b"return A + A"))
    assert repo.run("--since", "main").names == {"test_odd"}


# --- parts of what is not committed ---


def two_changes(repo):
    """discount is staged, label is not."""
    repo.replace("prices.py", "net // 10", "net // 10 + 0")
    repo.git("add", "prices.py")
    repo.replace("cart.py", 'return "total"', 'return "to" + "tal"')


def test_only_staged_changes(repo):
    two_changes(repo)
    result = repo.run("--staged")
    assert result.names == {"test_discount"}
    assert said(result) == (
        LINE + "1 of 4 tests affected by staged changes"
        " (prices.py: discount; 1 affected by other changes left out)"
    )
    # What was left out still has to run.
    assert repo.run().names == {"test_label"}
    assert repo.run("--staged").names == {"test_discount"}


def test_only_changes_of_the_working_tree(repo):
    two_changes(repo)
    repo.write("test_new.py", "def test_new():\n    assert True\n")
    result = repo.run("--working-tree")
    assert result.names == {"test_label", "test_new"}
    assert "affected by unstaged changes" in said(result)
    assert "1 affected by other changes left out" in said(result)
    assert repo.run().names == {"test_discount"}
    assert repo.run("--working-tree").names == {"test_label", "test_new"}


def test_a_file_that_is_staged_in_part_counts_as_a_whole(repo):
    repo.replace("prices.py", "net // 10", "net // 10 + 0")
    repo.git("add", "prices.py")
    repo.replace("prices.py", "return net * RATE", "return 1 * net * RATE")
    assert repo.run("--staged", "--no-record").names == {"test_discount", "test_tax", "test_total"}
    assert repo.run("--working-tree", "--no-record").names >= {"test_tax", "test_total"}


def test_nothing_staged(repo):
    repo.replace("prices.py", "net // 10", "net // 10 + 0")
    result = repo.run("--staged")
    assert result.ran == set() and not result.started
    assert "1 affected by other changes left out" in said(result)


def test_staged_in_a_branch_without_commits(shop):
    shop.git("init", "-q", "-b", "main", ".")
    shop.record()
    shop.git("add", "-A")
    assert len(shop.run("--staged").names) == 4
    assert shop.run("--working-tree").ran == set()


def test_what_neither_side_recorded_runs_with_staged_too(repo):
    """The record is older than HEAD: nothing tells that the staged change is not the cause."""
    repo.replace("prices.py", "net // 10", "net // 10 + 0")
    repo.commit()
    repo.replace("cart.py", 'return "total"', 'return "to" + "tal"')
    repo.git("add", "-A")
    result = repo.run("--staged")
    assert result.names == {"test_discount", "test_label"}
    assert "1 of them last recorded in neither state" in said(result)


def test_in_a_hook_the_index_of_the_commit_counts(repo):
    """git commit FILE makes an index of its own, which the hook finds in GIT_INDEX_FILE."""
    two_changes(repo)
    log = repo.folder / "hook.log"
    hook = repo.root / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    command = " ".join(repo.command(["--staged", "--dry-run", "--no-record"]))
    hook.write_text("#!/bin/sh\n%s > %s 2>&1\n" % (command, log))
    hook.chmod(0o755)
    env = repo.environment()
    old = dict(os.environ)
    os.environ.update(env)
    try:
        repo.git("commit", "-q", "-m", "label", "cart.py")
    finally:
        os.environ.clear()
        os.environ.update(old)
    assert "test_cart.py::test_label" in log.read_text().splitlines()
    assert "test_prices.py::test_discount" not in log.read_text().splitlines()


# --- where git cannot tell ---


def fallback(result, why):
    lines = [line for line in result.err.splitlines() if "warning" in line]
    assert lines == [LINE + "warning: " + why + "; the recorded data decides instead"], result


def test_no_repository(shop):
    shop.record()
    shop.replace("prices.py", "net // 10", "net // 10 + 0")
    result = shop.run("--since", "main")
    assert result.names == {"test_discount"}
    fallback(result, "--since main: this is no git repository")
    fallback(shop.run("--staged"), "--staged: this is no git repository")


def test_without_git_and_without_records_everything_runs(shop):
    result = shop.run("--since", "main")
    assert len(result.names) == 4
    fallback(result, "--since main: this is no git repository")
    assert "no data for" in said(result)


def test_without_anything_to_decide_by_it_fails(shop):
    result = shop.run("--since", "main", "--no-record", "--dry-run")
    assert result.status == 3
    assert "pyt-diff: error: there is no recorded data to select from" in result.err


def test_no_git(repo, tmp_path):
    repo.replace("prices.py", "net // 10", "net // 10 + 0")
    empty = tmp_path / "bin"
    empty.mkdir()
    result = repo.run("--since", "main", env={"PATH": str(empty)})
    assert result.names == {"test_discount"}
    fallback(result, "--since main: cannot run git: no such program")


def test_no_such_commit(repo):
    fallback(repo.run("--since", "nope"), '--since nope: git knows no commit "nope"')


def test_no_default_branch(repo):
    repo.git("branch", "-m", "main", "trunk")
    why = "--since: there is no default branch: no origin/HEAD, main or master"
    fallback(repo.run("--since"), why)


def test_no_commit_yet(shop):
    shop.record()
    shop.git("init", "-q", "-b", "main", ".")
    fallback(shop.run("--since", "main"), "--since main: the branch has no commit yet")


def test_nothing_in_common(repo):
    repo.git("checkout", "-q", "--orphan", "other")
    # Of the same second and with the same message it would be the same commit.
    repo.git("commit", "-q", "-m", "another beginning")
    fallback(repo.run("--since", "main"), "--since main: HEAD and main have no common commit")


def test_a_shallow_clone(repo, tmp_path):
    branch(repo)
    repo.replace("prices.py", "net // 10", "net // 10 + 0")
    repo.commit()
    repo.git("checkout", "-q", "main")
    repo.replace("cart.py", 'return "total"', 'return "to" + "tal"')
    repo.commit()
    clone = tmp_path / "clone"
    repo.git(
        "clone",
        "-q",
        "--depth",
        "1",
        "--branch",
        "feature",
        "--no-single-branch",
        "file://" + str(repo.root),
        str(clone),
    )
    repo.root = clone
    repo.record()
    why = "--since: HEAD and origin/main have no common commit in this shallow clone"
    fallback(repo.run("--since"), why)
    why = '--since v1: git knows no commit "v1", and this is a shallow clone'
    fallback(repo.run("--since", "v1"), why)
    repo.git("fetch", "-q", "--unshallow")
    assert repo.run("--since").names == {"test_discount"}


# --- repositories of other shapes ---


def test_a_linked_work_tree(repo, tmp_path):
    other = tmp_path / "other"
    repo.git("worktree", "add", "-q", "-b", "feature", str(other))
    repo.root = other
    repo.replace("prices.py", "net // 10", "net // 10 + 0")
    repo.record()
    assert repo.run("--since", "main").names == {"test_discount"}
    repo.git("add", "-A")
    assert repo.run("--staged").names == {"test_discount"}


def test_a_project_in_a_directory_of_the_repository(shop):
    top = shop.root
    (top / "sub").mkdir()
    for path in list(top.glob("*.py")):
        shutil.move(path, top / "sub" / path.name)
    (top / "sub" / "pytest.ini").write_text("[pytest]\n")
    shop.commit()
    shop.run(cwd="sub")
    shop.git("checkout", "-q", "-b", "feature")
    shop.replace("sub/prices.py", "net // 10", "net // 10 + 0")
    assert shop.run("--since", "main", cwd="sub").names == {"test_discount"}
    shop.write("outside.txt", b"")
    shop.commit()
    assert shop.run("--since", "main", cwd="sub").names == {"test_discount"}


@pytest.fixture
def with_submodule(project, tmp_path):
    """A project whose library is a submodule."""
    source = tmp_path / "library"
    source.mkdir()
    inner = type(project)(tmp_path / "library")
    inner.write("lib.py", "def f():\n    return 1\n\n\ndef g():\n    return 2\n")
    inner.commit()
    project.write(
        "test_lib.py",
        """
        import sys
        sys.path.insert(0, "vendor")
        import lib


        def test_f():
            assert lib.f()


        def test_g():
            assert lib.g()
    """,
    )
    project.git("init", "-q", "-b", "main", ".")
    project.git(
        "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(inner.root), "vendor"
    )
    project.commit()
    project.record()
    return project


def in_submodule(project, *args):
    project.git("-C", "vendor", *args)


def test_a_submodule(with_submodule):
    project = with_submodule
    branch(project)
    assert project.run("--since", "main").ran == set()
    project.replace("vendor/lib.py", "return 1", "return 1 + 0")
    project.record()
    assert project.run("--since", "main").names == {"test_f"}
    in_submodule(project, "add", "-A")
    in_submodule(project, "commit", "-q", "-m", "change")
    assert project.run("--since", "main").names == {"test_f"}
    assert project.run("--working-tree").names == {"test_f"}
    assert project.run("--staged").ran == set()
    project.commit()
    assert project.run("--since", "main").names == {"test_f"}
    assert project.run("--working-tree").ran == set()


def test_a_staged_submodule(with_submodule):
    project = with_submodule
    project.replace("vendor/lib.py", "return 1", "return 1 + 0")
    in_submodule(project, "commit", "-q", "-a", "-m", "change")
    project.git("add", "vendor")
    project.replace("vendor/lib.py", "return 2", "return 2 + 0")
    project.record()
    assert "test_f" in project.run("--staged").names


def test_a_submodule_whose_commit_is_not_there(with_submodule):
    """Nobody knows what the files were: all of them count."""
    project = with_submodule
    branch(project)
    project.replace("vendor/lib.py", "return 1", "return 1 + 0")
    in_submodule(project, "checkout", "-q", "--orphan", "new")
    in_submodule(project, "commit", "-q", "-a", "-m", "change")
    in_submodule(project, "branch", "-D", "main")
    in_submodule(project, "update-ref", "-d", "refs/remotes/origin/main")
    in_submodule(project, "update-ref", "-d", "refs/remotes/origin/HEAD")
    in_submodule(project, "reflog", "expire", "--expire=now", "--all")
    in_submodule(project, "gc", "-q", "--prune=now")
    project.record()
    assert project.run("--since", "main").names == {"test_f", "test_g"}


def test_links(repo):
    repo.write("real.txt", b"1")
    (repo.root / "link.txt").symlink_to("real.txt")
    repo.write("test_link.py", 'def test_link():\n    assert open("link.txt").read()\n')
    repo.write("other.txt", b"1")
    repo.commit()
    repo.record()
    branch(repo)
    (repo.root / "link.txt").unlink()
    (repo.root / "link.txt").symlink_to("other.txt")
    assert repo.run("--since", "main").names == {"test_link"}


def test_a_merge_that_is_not_finished(repo):
    branch(repo)
    repo.replace("prices.py", "net // 10", "net // 10 + 0")
    repo.commit()
    repo.git("checkout", "-q", "main")
    repo.replace("prices.py", "net // 10", "net // 10 + 1 - 1")
    repo.commit()
    subprocess.run(["git", "merge", "feature"], cwd=repo.root, capture_output=True)
    repo.write(
        "prices.py",
        (repo.root / "prices.py")
        .read_text()
        .replace("<<<<<<< HEAD\n", "")
        .replace("=======\n", "")
        .replace(">>>>>>> feature\n", ""),
    )
    result = repo.run("--since", "HEAD")
    assert "test_discount" in result.names


# --- usage ---


@pytest.mark.parametrize(
    "args, first, second",
    [
        (["--since", "--staged"], "--since", "--staged"),
        (["--staged", "--working-tree"], "--staged", "--working-tree"),
        (["--since=main", "--baseline"], "--since", "--baseline"),
        (["--staged", "--since-baseline"], "--staged", "--since-baseline"),
        (["--staged", "--diff"], "--staged", "--diff"),
        (["--since=main", "--audit"], "--since", "--audit"),
    ],
)
def test_what_excludes_each_other(shop, args, first, second):
    result = shop.run(*args)
    assert result.status == 4
    assert "%s and %s exclude each other" % (first, second) in result.err


def test_a_name_that_looks_like_an_option(shop):
    result = shop.run("--since=-x")
    assert result.status == 4
    assert '--since: expected a branch or commit, got "-x"' in result.err


def test_mode_all_needs_no_git(shop):
    result = shop.run("--mode", "all", "--since", "main")
    assert len(result.names) == 4 and "warning" not in result.err
