"""Installed distributions as dependencies: a change selects the tests that import its modules.

Each test has a virtual environment of its own, into whose site-packages distributions are put by
hand.
"""

import hashlib

import pytest
from project import assert_idle, make_environment

FILES = """
import flasklike, os


def test_flask():
    assert flasklike.serve()
"""


class Site:
    """The site-packages of an environment."""

    def __init__(self, folder, project):
        self.project = project
        project.python, self.folder = make_environment(folder / "venv")

    def write(self, path, text):
        full = self.folder / path
        full.parent.mkdir(parents=True, exist_ok=True)
        full.write_text(text)
        return full

    def install(self, name, version, files, requires=(), entry_points="", record=True, extra=None):
        """Puts a distribution there, as pip does; an older version of it is removed."""
        self.uninstall(name)
        info = "%s-%s.dist-info" % (name, version)
        metadata = "Metadata-Version: 2.1\nName: %s\nVersion: %s\n" % (name, version)
        metadata += "".join("Requires-Dist: %s\n" % r for r in requires) + "\n\nText\n"
        everything = dict(files)
        everything[info + "/METADATA"] = metadata
        everything.update({info + "/" + key: text for key, text in (extra or {}).items()})
        if entry_points:
            everything[info + "/entry_points.txt"] = entry_points
        lines = []
        for path, text in everything.items():
            self.write(path, text)
            lines.append("%s,sha256=%s,1" % (path, hashlib.sha256(text.encode()).hexdigest()))
        if record:
            self.write(info + "/RECORD", "\n".join(lines) + "\n")

    def uninstall(self, name):
        for info in self.folder.glob(name + "-*.dist-info"):
            for path in info.iterdir():
                path.unlink()
            info.rmdir()


@pytest.fixture
def site(project, tmp_path):
    site = Site(tmp_path, project)
    site.install("werk", "1.0", {"werk/__init__.py": "VERSION = 1\n"})
    site.install(
        "flasklike",
        "2.0",
        {"flasklike.py": "import werk\n\n\ndef serve():\n    return werk.VERSION\n"},
        requires=["werk>=1", "notthere; extra == 'x'"],
    )
    site.install("lonely", "1.0", {"lonely.py": "VALUE = 1\n"})
    project.write("test_flask.py", FILES)
    project.write(
        "test_lonely.py",
        """
        def test_lonely():
            import lonely

            assert lonely.VALUE
        """,
    )
    project.write(
        "test_plain.py",
        """
        def test_plain():
            import json

            assert json
        """,
    )
    return site


def test_an_upgrade_selects_who_imports_it(site, project):
    assert project.record().names == {"test_flask", "test_lonely", "test_plain"}
    assert_idle(project.run())
    site.install("lonely", "1.1", {"lonely.py": "VALUE = 2\n"})
    result = project.run("-v")
    assert result.names == {"test_lonely"}
    assert "the installed package that provides the module lonely changed" in result.err
    assert_idle(project.run())


def test_a_requirement_counts_for_who_imports_what_requires_it(site, project):
    project.record()
    site.install("werk", "1.1", {"werk/__init__.py": "VERSION = 2\n"})
    assert project.run().names == {"test_flask"}
    assert_idle(project.run())


def test_a_requirement_of_a_requirement_that_nothing_imports(site, project):
    site.install("deep", "1", {"deep.py": ""})
    site.install("werk", "1.0", {"werk/__init__.py": "VERSION = 1\n"}, requires=["Deep"])
    project.record()
    site.install("deep", "2", {"deep.py": ""})
    assert project.run().names == {"test_flask"}


def test_what_a_package_imports_without_requiring_it(site, project):
    site.install("hidden", "1", {"hidden/__init__.py": ""})
    site.install("werk", "1.0", {"werk/__init__.py": "import hidden\nVERSION = 1\n"})
    project.record()
    site.install("hidden", "2", {"hidden/__init__.py": ""})
    assert project.run().names == {"test_flask"}


def test_an_unrelated_distribution_selects_nothing(site, project):
    project.record()
    site.install("unrelated", "1.0", {"unrelated.py": ""})
    assert_idle(project.run())
    site.install("unrelated", "2.0", {"unrelated.py": "x = 1\n"})
    assert_idle(project.run())
    site.uninstall("unrelated")
    assert_idle(project.run())


def test_the_same_version_installed_again(site, project):
    project.record()
    site.install("lonely", "1.0", {"lonely.py": "VALUE = 1\n"})
    assert_idle(project.run())
    site.install("lonely", "1.0", {"lonely.py": "VALUE = 3\n"})
    assert project.run().names == {"test_lonely"}


def test_a_removed_distribution(site, project):
    project.record()
    site.uninstall("lonely")
    (site.folder / "lonely.py").unlink()
    result = project.run()
    assert result.names == {"test_lonely"}
    assert result.status == 1


def test_an_optional_package_that_appears(site, project):
    project.write(
        "test_optional.py",
        """
        try:
            import optional
        except ImportError:
            optional = None


        def test_optional():
            assert True
        """,
    )
    site.install(
        "lonely",
        "1.0",
        {"lonely.py": "try:\n    import faster\nexcept ImportError:\n    pass\nVALUE = 1\n"},
    )
    project.record()
    site.install("optional", "1", {"optional.py": ""})
    assert project.run().names == {"test_optional"}
    site.install("faster", "1", {"faster.py": ""})
    assert project.run().names == {"test_lonely"}
    site.uninstall("optional")
    (site.folder / "optional.py").unlink()
    # As it was in the beginning, but for `faster`, which it does not need.
    assert_idle(project.run())


def test_importorskip(site, project):
    project.write(
        "test_skip.py",
        """
        import pytest


        def test_skips():
            pytest.importorskip("lonely")


        def test_skips_not():
            pytest.importorskip("json")
        """,
    )
    project.record()
    site.install("lonely", "1.1", {"lonely.py": "VALUE = 1\n"})
    assert project.run().names == {"test_lonely", "test_skips"}


def test_a_module_of_the_project_that_imports_it(site, project):
    project.write("helper.py", "import lonely\n")
    project.write("test_helper.py", "import helper\n\n\ndef test_helper():\n    assert helper\n")
    project.record()
    site.install("lonely", "1.1", {"lonely.py": "VALUE = 1\n"})
    assert project.run().names == {"test_lonely", "test_helper"}


def test_a_fixture_of_wider_scope_that_imports_it(site, project):
    project.write(
        "test_fixture.py",
        """
        import pytest


        @pytest.fixture(scope="module")
        def value():
            import lonely
            return lonely.VALUE


        def test_first(value):
            assert value


        def test_second(value):
            assert value


        def test_third():
            pass
        """,
    )
    project.record()
    site.install("lonely", "1.1", {"lonely.py": "VALUE = 1\n"})
    assert project.run().names == {"test_lonely", "test_first", "test_second"}


def test_pytest_plugins_concern_every_test(site, project):
    site.install("needed", "1", {"needed.py": ""})
    site.install(
        "plug",
        "1",
        {"plug.py": ""},
        requires=["needed"],
        entry_points="[pytest11]\nplug = plug\n",
    )
    everything = {"test_flask", "test_lonely", "test_plain"}
    project.record()
    site.install(
        "plug",
        "2",
        {"plug.py": ""},
        requires=["needed"],
        entry_points="[pytest11]\nplug = plug\n",
    )
    assert project.run().names == everything
    site.install("needed", "2", {"needed.py": ""})
    result = project.run("-v")
    assert result.names == everything
    assert "the installed package needed changed" in result.err
    site.install("more", "1", {"more.py": ""}, entry_points="[pytest11]\nmore = more\n")
    assert project.run().names == everything
    assert_idle(project.run())


def test_versions_that_code_asks_for(site, project):
    project.write(
        "test_version.py",
        """
        from importlib.metadata import PackageNotFoundError, distributions, version
        import pytest


        def test_version():
            assert version("lonely")


        def test_missing():
            with pytest.raises(PackageNotFoundError):
                version("Not.There-yet")
                version("lonely")


        def test_all():
            assert [d for d in distributions()]
        """,
    )
    project.record()
    site.install("unrelated", "1.0", {"unrelated.py": ""})
    assert project.run().names == {"test_all"}
    site.install("lonely", "1.1", {"lonely.py": "VALUE = 1\n"})
    assert project.run().names == {"test_all", "test_version", "test_lonely"}
    site.install("not_there_yet", "1.1", {"nty.py": "VALUE = 1\n"})
    assert project.run().names == {"test_all", "test_missing"}


def test_a_package_that_asks_for_its_own_version(site, project):
    text = "from importlib.metadata import version\nVALUE = version('lonely')\n"
    site.install("lonely", "1.0", {"lonely.py": text})
    project.record()
    site.install("unrelated", "1.0", {"unrelated.py": ""})
    assert_idle(project.run())
    site.install("lonely", "1.1", {"lonely.py": text})
    assert project.run().names == {"test_lonely"}


def test_files_that_run_at_the_start_concern_every_test(site, project):
    everything = {"test_flask", "test_lonely", "test_plain"}
    project.record()
    site.write("some.pth", "import sys\n")
    result = project.run("-v")
    assert result.names == everything
    assert "a .pth file, sitecustomize.py, or a package" in result.err
    site.write("some.pth", "import sys, os\n")
    assert project.run().names == everything
    assert_idle(project.run())


def test_a_distribution_whose_files_are_not_known(site, project):
    everything = {"test_flask", "test_lonely", "test_plain"}
    project.record()
    site.install("obscure", "1", {"obscure.py": ""}, record=False)
    assert project.run().names == everything
    site.install("obscure", "2", {"obscure.py": ""}, record=False)
    assert project.run().names == everything
    assert_idle(project.run())


def test_an_egg(site, project):
    def install(version):
        site.write("egglike.egg-info/PKG-INFO", "Name: egglike\nVersion: %s\n\n" % version)
        site.write("egglike.egg-info/top_level.txt", "egglike\n")
        site.write("egglike.egg-info/requires.txt", "werk\n[x]\nlonely\n")
        site.write("egglike/__init__.py", "")
        site.project.stamp(site.folder / "egglike.egg-info")

    install("1")
    project.write("test_egg.py", "def test_egg():\n    import egglike\n    assert egglike\n")
    project.record()
    install("2")
    assert project.run().names == {"test_egg"}
    site.install("werk", "1.1", {"werk/__init__.py": "VERSION = 2\n"})
    assert project.run().names == {"test_egg", "test_flask"}
    site.install("lonely", "1.1", {"lonely.py": "VALUE = 2\n"})
    assert project.run().names == {"test_lonely"}


def test_an_editable_installation_of_the_project_is_no_distribution(site, project):
    url = {"direct_url.json": '{"dir_info": {"editable": true}, "url": "file:///x"}'}
    path = {"__editable__.shop-%s.pth": str(project.root / "src") + "\n"}

    def install(version):
        for old in site.folder.glob("__editable__*"):
            old.unlink()
        files = {name % version: text for name, text in path.items()}
        site.install("shop", version, files, extra=url)

    project.write("src/shop.py", "def price():\n    return 1\n")
    project.write("test_shop.py", "import shop\n\n\ndef test_shop():\n    assert shop.price()\n")
    install("1.0")
    project.record()
    install("1.0.dev2")
    assert project.run().names == set()  # Python is asked for its sys.path again
    assert_idle(project.run())
    project.write("src/shop.py", "def price():\n    return 2\n")
    assert project.run().names == {"test_shop"}


def test_metadata_beside_the_sources_counts_for_who_reads_it(site, project):
    def install(version):
        project.write("src/shop.egg-info/PKG-INFO", "Name: shop\nVersion: %s\n\n" % version)
        project.write("src/shop.egg-info/top_level.txt", "shop\n")
        project.write("src/shop.egg-info/SOURCES.txt", "src/shop.py\n")

    project.env["PYTHONPATH"] = str(project.root / "src")
    project.write("src/shop.py", "def price():\n    return 1\n")
    project.write("test_shop.py", "import shop\n\n\ndef test_shop():\n    assert shop.price()\n")
    project.write(
        "test_version.py",
        """
        from importlib.metadata import version


        def test_version():
            assert version("shop")
        """,
    )
    install("1.0")
    project.record()
    install("1.1")
    assert project.run().names == {"test_version"}
    assert_idle(project.run())
    project.write("src/shop.py", "def price():\n    return 2\n")
    assert project.run().names == {"test_shop"}


def test_xdist(site, project):
    project.record("-n", "2")
    site.install("werk", "1.1", {"werk/__init__.py": "VERSION = 2\n"})
    assert project.run("-n", "2").names == {"test_flask"}
    assert_idle(project.run("-n", "2"))
