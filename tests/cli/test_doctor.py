"""`pyt-diff doctor`: what is found, and which setting came from where."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from project import PYTHON

TOP = Path(__file__).resolve().parents[2]


def files(project):
    """What is there, but for what SQLite needs while it reads."""
    return {path for path in project.root.rglob("*") if not path.name.endswith(("-shm", "-wal"))}


def doctor(project, *args, **env):
    """Its answer and exit code; nothing is written by it."""
    before = files(project)
    result = project.run("doctor", "--json", *args, env=env)
    assert files(project) == before
    return json.loads(result.out), result.status


@pytest.fixture
def told(project):
    """The project finds its Python by itself, as users' do."""
    project.python = None
    project.env["PYT_DIFF_PYTHON"] = PYTHON
    project.write("test_a.py", "def test_a():\n    pass\n")
    return project


def test_everything_a_report_needs(told):
    told.commit()
    found, status = doctor(told)
    assert status == 0 and found["problems"] == []
    assert found["project"]["rootdir"]["value"] == str(told.root)
    assert found["python"]["interpreter"] == {"value": PYTHON, "origin": "PYT_DIFF_PYTHON"}
    assert found["python"]["host"]["value"] in ("embed", "preload", "exec")
    assert re.match(r"\d", found["python"]["pytest"]["value"])
    assert found["python"]["version"]["value"].startswith("cpython 3.")
    assert found["data"]["database"]["value"] == "nothing recorded yet"
    assert found["data"]["directory"]["value"] == str(told.cache)
    assert found["git"]["branch"]["value"] == "main"
    text = told.run("doctor").out
    assert "no problems found" in text and PYTHON in text
    assert len(told.run("--baseline").ran) == 1
    assert doctor(told)[0]["data"]["database"]["value"].startswith("1 test, ")


def test_each_place_and_the_order_of_places(told):
    def batch(*args, **env):
        return doctor(told, *args, **env)[0]["settings"]["batch-size"]

    assert batch() == {"value": "20", "origin": "default"}
    files = {
        "setup.cfg": "[tool:pytest]\ndiff_batch_size = 2\n",
        "tox.ini": "[pytest]\ndiff_batch_size = 3\n",
        "pyproject.toml": "[tool.pytest.ini_options]\ndiff_batch_size = 4\n",
        "pytest.ini": "[pytest]\ndiff_batch_size = 5\n",
    }
    for name, text in files.items():
        told.write(name, text)
        section = text.partition("\n")[0]
        value = text.split()[-1]
        assert batch() == {"value": value, "origin": "%s: %s diff_batch_size" % (name, section)}
        if name != "pyproject.toml":
            told.delete(name)
    told.write("pytest.ini", files["pytest.ini"])
    told.write("pyproject.toml", "[tool.pyt-diff]\nbatch-size = 6\n")
    assert batch() == {"value": "6", "origin": "pyproject.toml: [tool.pyt-diff] batch-size"}
    variable = {"PYT_DIFF_BATCH_SIZE": "7"}
    assert batch(**variable) == {"value": "7", "origin": "PYT_DIFF_BATCH_SIZE"}
    said = batch("--", "-o", "diff_batch_size=8", **variable)
    assert said == {"value": "8", "origin": "-o diff_batch_size"}


def test_python_and_directory_of_the_command_line(told):
    found, _ = doctor(told, "--python", PYTHON, "--cache-dir", "elsewhere")
    assert found["settings"]["python"] == {"value": PYTHON, "origin": "--python"}
    assert found["data"]["directory"]["origin"] == "--cache-dir"
    found, _ = doctor(told, PYT_DIFF_CACHE_DIR="elsewhere")
    assert found["data"]["directory"]["origin"] == "PYT_DIFF_CACHE_DIR"


def test_bad_value_names_file_and_key_and_the_exit_code_is_4(told):
    told.write("tox.ini", "[pytest]\ndiff_batch_size = many\n")
    message = 'tox.ini: [pytest] diff_batch_size: expected a whole number, got "many"'
    found, status = doctor(told)
    assert status == 4
    assert found["problems"] == [message]
    assert "system" in found
    run = told.run()
    assert run.status == 4 and message in run.err


def test_unknown_keys_are_warned_of_with_the_nearest(told):
    told.write("pyproject.toml", "[tool.pyt-diff]\nbatchsize = 3\n")
    warning = 'pyproject.toml: [tool.pyt-diff] unknown key "batchsize", did you mean batch-size?'
    found, status = doctor(told)
    assert status == 0 and found["warnings"] == [warning]
    assert warning in told.run().err


def test_problems(told, tmp_path):
    found, status = doctor(told, "--python", "/nowhere/python")
    assert status == 1 and "/nowhere/python" in found["problems"][0]
    empty = tmp_path / "empty"
    subprocess.run([PYTHON, "-m", "venv", "--without-pip", empty], check=True)
    found, status = doctor(told, "--python", str(empty))
    assert status == 1 and "pytest is not installed" in found["problems"][0]
    told.cache.mkdir(parents=True)
    told.database.write_text("no database")
    found, status = doctor(told)
    assert status == 1 and found["data"]["database"]["value"] == "unusable"
    assert told.database.read_text() == "no database"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_directory_that_cannot_be_written(told):
    told.root.chmod(0o500)
    try:
        found, status = doctor(told)
    finally:
        told.root.chmod(0o700)
    assert status == 1 and "cannot be written" in found["problems"][0]


def test_keys_of_ours_are_known_to_pytest(told):
    lines = ["diff_batch_size = 3", "diff_opaque = run", "diff_exclude_e2e = false"]
    told.write("pytest.ini", "[pytest]\nfilterwarnings = error\n" + "\n".join(lines) + "\n")
    assert told.run("--mode", "all").status == 0


def test_every_setting_is_documented(told):
    keys = doctor(told)[0]["settings"]
    assert {"python", "opaque", "dependencies"} <= set(keys)
    for name in ("README.md", "docs/pyt-diff.1"):
        text = (TOP / name).read_text(encoding="utf-8").replace("\\-", "-")
        assert [key for key in keys if key not in text] == [], name
