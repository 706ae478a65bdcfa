"""Tests whose outcome changes while nothing changes that they depend on."""

import os
import signal
import sqlite3
import time

FLIP = """
def test_flip():
    import os
    assert not os.path.exists(os.environ["FLIP"])


def test_steady():
    pass
"""
NODE = "test_flip.py::test_flip"


def make(project):
    """A test whose outcome a file outside of the project decides."""
    project.write("test_flip.py", FLIP)
    project.flip = project.folder / "flip"
    project.env["FLIP"] = str(project.flip)
    project.record()


def flaky(project):
    with sqlite3.connect(project.database) as connection:
        return connection.execute(
            "SELECT n.name, f.times, f.outcome_before, f.outcome_after"
            " FROM flaky f JOIN node n ON n.id = f.node_id ORDER BY n.name"
        ).fetchall()


def test_passed_then_failed(project):
    make(project)
    project.flip.touch()
    result = project.run("--mode", "all")
    assert result.status == 1, result
    line = "pyt-diff: 1 flaky: %s (passed, then failed with nothing changed that it depends on)\n"
    assert line % NODE in result.err, result
    assert flaky(project) == [(NODE, 1, 0, 1)]


def test_a_failure_that_passes_when_it_runs_again(project):
    make(project)
    project.flip.touch()
    project.run("--mode", "all")
    project.flip.unlink()
    result = project.run()
    assert result.names == {"test_flip"}, result
    assert "1 flaky: %s (failed, then passed" % NODE in result.err, result
    assert flaky(project) == [(NODE, 2, 1, 0)]
    result = project.run()  # its newest outcome counts
    assert result.names == set() and "flaky" not in result.err, result


def test_several(project):
    project.write("test_flip.py", FLIP + FLIP.replace("_flip", "_flop").replace("_steady", "_2"))
    project.flip = project.folder / "flip"
    project.env["FLIP"] = str(project.flip)
    project.record()
    project.flip.touch()
    result = project.run("--mode", "all", "-n", "0")
    assert "pyt-diff: 2 flaky, with nothing changed that they depend on:\n" in result.err, result
    assert "  %s (passed, then failed)\n" % NODE in result.err, result
    assert "flaky" not in project.run("--mode", "all", "-q").err


def test_what_has_a_reason_is_not_flaky(project):
    make(project)
    project.replace("test_flip.py", "    pass", "    assert False")
    result = project.run()
    assert result.status == 1 and "flaky" not in result.err, result
    project.replace("test_flip.py", "    assert False", "    pass")
    result = project.run()
    assert result.status == 0 and "flaky" not in result.err, result
    assert flaky(project) == []


def test_an_interpreter_that_died_is_not_flaky(project):
    project.write(
        "test_die.py",
        """
        def test_die():
            import os
            os._exit(3)
        """,
    )
    project.run()
    project.replace("test_die.py", "os._exit(3)", "os.getpid()")
    result = project.run()
    assert result.names == {"test_die"} and result.status == 0, result
    assert "flaky" not in result.err, result


def test_a_file_that_changes_during_the_run_is_a_reason(project):
    project.write("data.txt", "1")
    project.write(
        "test_data.py",
        """
        def test_data():
            assert open("data.txt").read() == "1"
        """,
    )
    project.write(
        "test_a.py",
        """
        def test_a():
            import os
            if "CHANGE" in os.environ:
                open("data.txt", "w").write("2")
        """,
    )
    project.record()
    result = project.run("--mode", "all", env={"CHANGE": "1"})
    assert result.status == 1, result
    assert "flaky" not in result.err, result


def test_under_xdist(project):
    make(project)
    project.flip.touch()
    result = project.run("--mode", "all", "-n", "2")
    if "unrecognized arguments" in result.err:
        return
    assert flaky(project) in ([(NODE, 1, 0, 1)], []), result


def test_what_was_interrupted_is_not_flaky(project):
    """It runs again, and has neither failed before nor come out otherwise then."""
    make(project)
    project.write(
        "test_wait.py",
        """
        import os
        import time


        def test_wait():
            for _ in range(300 if os.path.exists(os.environ["FLIP"]) else 0):
                time.sleep(0.1)
        """,
    )
    project.record()
    project.flip.touch()
    process = project.start("--mode", "all", "test_wait.py")
    project.wait_for("test_wait")
    time.sleep(0.3)
    os.killpg(process.pid, signal.SIGINT)
    result = project.finish(process)
    assert result.status == 2 and "flaky" not in result.err, result
    project.flip.unlink()
    result = project.run()
    assert (result.status, result.names) == (0, {"test_wait"}), result
    assert "flaky" not in result.err, result
    assert flaky(project) == []
    assert project.run().names == set()
