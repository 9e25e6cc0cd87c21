"""What holds for every test: it leaves nothing behind, no silent skips under REQUIRE_ALL=1, how Hypothesis searches.

`make unit` leaves tests out on purpose, by marker. A test that *skips* lacks something it needs; where everything is
there, as in continuous integration (`.ci/run`), that is a failure.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Generator, Iterator
from typing import Final, TypeVar

import pytest
from hypothesis import settings

from tests.leftovers import Held, left_since, pending_tasks

REQUIRE_ALL: Final = os.environ.get("REQUIRE_ALL") == "1"

# No deadline: how long an example takes says more about the machine than about the code.
settings.register_profile("default", deadline=None)
# Other examples at each run, and without a database: then a failure prints the seed that repeats it.
settings.register_profile("ci", deadline=None, derandomize=False, database=None, print_blob=True)
settings.load_profile("ci" if REQUIRE_ALL else "default")


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    """Fail a test that leaves a socket, task, thread or process behind, but for what wider fixtures keep.

    Of the fixtures of one test this is the first to be set up, and so the last to be torn down.
    """
    before = Held.now()
    with pending_tasks() as pending:
        yield
    left = [*left_since(before), *pending]
    assert not left, f"the test leaves behind: {'; '.join(left)}"


@pytest.fixture
def root_logger() -> Iterator[None]:
    """Give the root logger back what a command in this process has changed."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


_Report = TypeVar("_Report", pytest.TestReport, pytest.CollectReport)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Under REQUIRE_ALL=1, a skipped test has failed."""
    return _required((yield))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Under REQUIRE_ALL=1, a skipped module has failed."""
    return _required((yield))


def _required(report: _Report) -> _Report:
    if REQUIRE_ALL and report.outcome == "skipped" and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"REQUIRE_ALL=1 and a test does not run. {reason}"
    return report
