"""Rules of the configuration, and which of pytest's settings matter."""

import pytest
from project import assert_idle

RULES = """
[tool.pyt-diff.dependencies]
"tests/api/**" = ["schemas/*.json", "docs/api.md"]
"src/model.py" = "data/"
"""


@pytest.fixture
def api(project):
    project.write("pyproject.toml", RULES + "[tool.pytest.ini_options]\npythonpath = 'src'\n")
    project.write("schemas/user.json", "{}")
    project.write("schemas/deep/other.json", "{}")
    project.write("docs/api.md", "# API\n")
    project.write("data/a/b.txt", "1")
    project.write("src/model.py", "def model():\n    return 1\n")
    project.write("tests/api/test_api.py", "def test_api():\n    pass\n")
    project.write(
        "tests/test_model.py", "import model\n\n\ndef test_model():\n    assert model.model()\n"
    )
    project.write("tests/test_plain.py", "def test_plain():\n    pass\n")
    return project


def test_content_appearance_and_disappearance(api):
    assert api.record().names == {"test_api", "test_model", "test_plain"}
    assert_idle(api.run())
    api.write("schemas/user.json", "[]")
    result = api.run("-v")
    assert result.names == {"test_api"}
    assert 'files that the rule for "tests/api/**" names changed' in result.err
    assert "warning" not in result.err
    api.write("docs/api.md", "# The API\n")
    assert api.run().names == {"test_api"}
    api.write("schemas/new.json", "[]")
    assert api.run().names == {"test_api"}
    api.delete("schemas/new.json")
    assert_idle(api.run())  # as it was before
    api.delete("schemas/user.json")
    assert api.run().names == {"test_api"}
    assert_idle(api.run())


def test_what_depends_on_a_source_of_the_left_side(api):
    api.record()
    api.write("data/a/b.txt", "2")
    assert api.run().names == {"test_model"}
    api.write("data/c", "new")
    assert api.run().names == {"test_model"}
    assert_idle(api.run())


def test_what_no_rule_names(api):
    api.record()
    api.write("schemas/deep/other.json", "[]")
    assert_idle(api.run())
    api.write("docs/other.md", "text")
    assert_idle(api.run())


def test_a_file_that_git_ignores_is_named(api):
    api.write(".gitignore", "docs/\n__pycache__/\n.pytest_cache/\n")
    api.commit()
    api.record()
    api.write("docs/api.md", "# Changed\n")
    assert api.run().names == {"test_api"}


def test_rules_that_change(api):
    everything = {"test_api", "test_model", "test_plain"}
    api.record()
    api.replace("pyproject.toml", "docs/api.md", "docs/*.md")
    result = api.run("-v")
    assert result.names == everything
    assert "the rules for dependencies changed" in result.err
    assert_idle(api.run())


def test_an_ini_file(api):
    api.write("pyproject.toml", "")
    api.write(
        "pytest.ini",
        "[pytest]\npythonpath = src\ndiff_dependencies =\n    tests/api/** -> schemas/*.json x\n",
    )
    api.record("--strict-config")
    api.write("schemas/user.json", "[]")
    assert api.run("--strict-config").names == {"test_api"}


def test_patterns_that_match_nothing(api):
    api.write("pyproject.toml", '[tool.pyt-diff.dependencies]\n"no/**" = ["nix", "docs/*"]\n')
    result = api.run("-v", "tests/test_plain.py")
    assert 'warning: dependencies "no/**": no file matches\n' in result.err
    assert 'warning: dependencies "no/**": no file matches "nix"\n' in result.err
    assert "docs" not in result.err
    assert "no file matches" not in api.run("tests/test_plain.py").err


def test_mistakes(api):
    api.write("pyproject.toml", '[tool.pyt-diff.dependencies]\n"a" = 3\n')
    result = api.run()
    assert result.status == 4 and result.started == []
    assert "pyproject.toml: [tool.pyt-diff.dependencies] a: expected a pattern" in result.err


# ---- pytest's own settings ----


NO_OUTCOME = [
    "addopts = --tb=short --durations=3 -p no:cacheprovider",
    "testpaths = tests",
    "cache_dir = .pytest_cache",
    "console_output_style = count",
    "minversion = 6.0",
    "junit_family = xunit1",
    "log_cli_format = %(message)s",
    "markers = slow: takes long",
]
OUTCOME = [
    "addopts = --runxfail",
    "filterwarnings = error",
    "usefixtures = tmp_path",
    "xfail_strict = true",
    "python_functions = test",
    "log_level = DEBUG",
    "markers = slow: takes long\naddopts = --strict-markers",
]


def test_settings_of_pytest(project):
    project.write("pytest.ini", "[pytest]\n")
    project.write("tests/test_a.py", "def test_a():\n    pass\n")
    project.record()
    for line in NO_OUTCOME:
        project.write("pytest.ini", "[pytest]\n%s\n" % line)
        assert_idle(project.run())
    for line in OUTCOME:
        project.write("pytest.ini", "[pytest]\n%s\n" % line)
        assert project.run().names == {"test_a"}, line
