import atexit
import os
import shutil
import signal
import tempfile

import pytest
from project import Project

# What is kept for all projects of a user is not taken from, or given to, whoever runs the tests.
os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(prefix="pyt-diff-user-cache-")
atexit.register(shutil.rmtree, os.environ["XDG_CACHE_HOME"], ignore_errors=True)

# Whoever runs the tests in the background or under nohup has these ignored, and so has every
# program that a test starts and interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path)


@pytest.fixture
def shop(project):
    """Two modules and two test files, which share one function."""
    project.write(
        "prices.py",
        '''
        """Prices."""

        RATE = 20


        def tax(net):
            # the usual rate
            return net * RATE // 100


        def discount(net):
            return net // 10
        ''',
    )
    project.write(
        "cart.py",
        """
        from prices import tax


        def total(net):
            return net + tax(net)


        def label():
            return "total"
        """,
    )
    project.write(
        "test_prices.py",
        """
        import prices


        def test_tax():
            assert prices.tax(100) == 20


        def test_discount():
            assert prices.discount(100) == 10
        """,
    )
    project.write(
        "test_cart.py",
        """
        import cart


        def test_total():
            assert cart.total(100) == 120


        def test_label():
            assert cart.label() == "total"
        """,
    )
    return project
