"""What `cmake --install` puts below a prefix runs from there, and `uninstall` leaves nothing."""

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

import pytest

BUILD = Path(os.environ.get("PTD_BUILD", "build")).resolve()
MANIFEST = BUILD / "install_manifest.txt"
# The program starts or loads them when they are needed.
PARTS = {
    "pyt-diff-host",
    "pyt-diff-preload.so",
    "_pytdiff.abi3.so",
    "pyt-diff-transfer.so",
    "pyt-diff-passes",
    "pyt-diff-serve",
}


def files_in(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


def cmake(*args, **env):
    env = {k: v for k, v in os.environ.items() if k != "DESTDIR"} | env
    subprocess.run(["cmake", *args], env=env, check=True, capture_output=True)


@pytest.fixture
def prefix(tmp_path):
    with (BUILD / "install.lock").open("w") as lock:  # the manifest is in the build directory
        fcntl.flock(lock, fcntl.LOCK_EX)
        kept = MANIFEST.read_bytes() if MANIFEST.exists() else None
        cmake("--install", str(BUILD), "--prefix", str(tmp_path / "prefix"))
        yield tmp_path / "prefix"
        MANIFEST.unlink(missing_ok=True)
        if kept is not None:
            MANIFEST.write_bytes(kept)


def check_use(shop, binary):
    shop.binary = str(binary)
    assert len(shop.run("--baseline").ran) == 4
    shop.replace("prices.py", "net * RATE // 100", "RATE * net // 100")
    assert shop.run().ran == {"test_prices.py::test_tax", "test_cart.py::test_total"}
    assert "no tests affected" in shop.run().err


def test_everything_is_in_its_place_and_goes_away(prefix):
    installed = files_in(prefix)
    assert {
        "bin/pyt-diff",
        "share/man/man1/pyt-diff.1",
        "share/bash-completion/completions/pyt-diff",
        "share/zsh/site-functions/_pyt-diff",
        "share/fish/vendor_completions.d/pyt-diff.fish",
        "share/doc/pyt-diff/README.md",
    } <= installed
    assert PARTS <= {Path(name).name for name in installed if "/pyt-diff/" in name}
    assert "--baseline" in (prefix / "share/zsh/site-functions/_pyt-diff").read_text()
    (prefix / "share/doc/pyt-diff/note").write_text("somebody else's")
    cmake("--build", str(BUILD), "--target", "uninstall")
    assert files_in(prefix) == {"share/doc/pyt-diff/note"}
    assert not list(prefix.glob("lib/**/pyt-diff"))


def test_runs_from_any_prefix_also_when_it_was_moved(prefix, shop, tmp_path):
    moved = tmp_path / "elsewhere with blanks"
    shutil.move(prefix, moved)
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "pyt-diff").symlink_to(moved / "bin" / "pyt-diff")
    check_use(shop, tmp_path / "links" / "pyt-diff")


def test_staged_installation(prefix, tmp_path):
    stage = tmp_path / "stage"
    cmake("--install", str(BUILD), "--prefix", "/usr", DESTDIR=str(stage))
    assert (stage / "usr/bin/pyt-diff").exists()
    cmake("--build", str(BUILD), "--target", "uninstall", DESTDIR=str(stage))
    assert files_in(stage) == set()
