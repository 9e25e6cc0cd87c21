"""REQUIRE_ALL=1 turns a skip into a failure and nothing else; a test that leaves something behind fails itself."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import timeit
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.leftovers import Held, left_since
from tests.shared_data import ROOT

SKIPS = """
import pytest

def test_skips():
    pytest.skip("no data")

@pytest.mark.skip(reason="by mark")
def test_marked():
    pass

@pytest.mark.xfail(strict=True)
def test_expected_to_fail():
    assert False

def test_passes():
    pass
"""
SKIPPED_MODULE = 'import pytest\n\npytest.skip("no cluster", allow_module_level=True)\n'


def run(
    folder: Path, *, require_all: str, workers: int = 0, options: Sequence[str] = ()
) -> tuple[int, str, dict[str, int]]:
    """Run pytest in `folder` with our conftest. Return its exit status, its output, and the counts it closes with."""
    shutil.copy(Path(__file__).with_name("conftest.py"), folder)
    plugins = (
        "-p",
        "no:cacheprovider",
        "-p",
        "no:asyncio",
        "-p",
        "no:randomly",
        *(("-n", str(workers)) if workers else ()),
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *plugins, *options, str(folder)],
        cwd=folder,
        env={**os.environ, "REQUIRE_ALL": require_all, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    closing = done.stdout.splitlines()[-1]
    counts = {name.rstrip("s"): int(count) for count, name in re.findall(r"(\d+) ([a-z]+)", closing)}
    return done.returncode, done.stdout, counts


@pytest.mark.parametrize("workers", [0, 1])
def test_a_skipped_test_fails(tmp_path: Path, workers: int) -> None:
    """It fails with its reason (in its setup, where a mark skips it), here and in a worker; an xfail stays one."""
    (tmp_path / "test_sample.py").write_text(SKIPS)
    status, output, counts = run(tmp_path, require_all="1", workers=workers)
    assert status == 1
    assert counts.items() >= {"failed": 1, "error": 1, "passed": 1, "xfailed": 1}.items()
    assert "no data" in output
    assert "by mark" in output


@pytest.mark.parametrize("workers", [0, 1])
def test_a_skipped_module_fails(tmp_path: Path, workers: int) -> None:
    """A module that skips itself while it is collected is an error with its reason."""
    (tmp_path / "test_module.py").write_text(SKIPPED_MODULE)
    (tmp_path / "test_sample.py").write_text("def test_passes(): pass\n")
    status, output, counts = run(tmp_path, require_all="1", workers=workers)
    assert status != 0
    assert counts["error"] == 1
    assert "no cluster" in output


def test_without_it_a_skip_is_a_skip(tmp_path: Path) -> None:
    """On a machine that lacks something, the rest runs and passes."""
    (tmp_path / "test_module.py").write_text(SKIPPED_MODULE)
    (tmp_path / "test_sample.py").write_text(SKIPS)
    status, _, counts = run(tmp_path, require_all="")
    assert status == 0
    assert counts.items() >= {"skipped": 3, "passed": 1, "xfailed": 1}.items()


LEAKS = """
import asyncio, gc, socket, subprocess, sys, threading, time
import pytest

KEPT = []

def test_socket():
    KEPT.append(socket.create_server(("127.0.0.1", 0)))

def test_socket_in_a_cycle():
    gc.disable()
    cycle = [socket.create_server(("127.0.0.1", 0))]
    cycle.append(cycle)

def test_thread():
    gc.enable()
    event = threading.Event()
    KEPT.append(event)
    threading.Thread(target=event.wait, args=(30,), name="forgotten", daemon=True).start()

def test_process():
    KEPT.append(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(30)"]))

def test_task():
    async def main():
        KEPT.append(asyncio.create_task(asyncio.sleep(30), name="forgotten"))
    asyncio.run(main())

def test_of_a_fixture(by_the_test):
    pass

@pytest.fixture
def by_the_test():
    KEPT.append(socket.create_server(("127.0.0.1", 0)))

def test_last():
    for one in KEPT:
        if isinstance(one, subprocess.Popen):
            one.kill()
            one.wait()
        elif isinstance(one, socket.socket):
            one.close()
        elif isinstance(one, threading.Event):
            one.set()
"""
TIDY = """
import asyncio, socket, threading, time
import pytest

@pytest.fixture(scope="module")
def kept():
    with socket.create_server(("127.0.0.1", 0)) as one:
        yield one

@pytest.fixture
def closed():
    with socket.create_server(("127.0.0.1", 0)) as one:
        yield one

def test_wider_and_narrow_fixtures(kept, closed):
    pass

def test_what_ends_by_itself():
    threading.Thread(target=time.sleep, args=(0.3,)).start()

def test_a_task_that_ends_by_itself():
    async def main():
        asyncio.create_task(asyncio.sleep(0.3))
    asyncio.run(main())

def test_last():
    pass
"""


@pytest.mark.slow
def test_a_test_that_leaves_something_fails_itself(tmp_path: Path) -> None:
    """Each fails at its own teardown, with what it left in words; the one after them does not."""
    (tmp_path / "test_sample.py").write_text(LEAKS)
    status, output, counts = run(tmp_path, require_all="", options=["-W", "error"])
    assert status == 1
    assert counts == {"passed": 7, "error": 6}, output
    failed = re.split(r"_ ERROR at teardown of (\w+) _", output)[1:]
    told = r"^E +(?:AssertionError: the test leaves behind: (.*)|ResourceWarning: (.*))$"
    said = {
        name: "".join(*re.findall(told, text, re.MULTILINE)) for name, text in zip(*[iter(failed)] * 2, strict=True)
    }
    patterns = {
        "test_socket": "1 open sockets",
        "test_socket_in_a_cycle": "unclosed <socket.*",
        "test_thread": "the thread forgotten",
        "test_process": r"the process \d+ \(.*time\.sleep.*\)",
        "test_task": "the task forgotten: .*",
        "test_of_a_fixture": "1 open sockets",
    }
    assert said.keys() == patterns.keys()
    assert {name for name, pattern in patterns.items() if not re.fullmatch(pattern, said[name])} == set(), said


@pytest.mark.slow
def test_what_is_tidy_passes(tmp_path: Path) -> None:
    """What a wider fixture keeps, what a test has closed, and what is about to end by itself are nothing left."""
    (tmp_path / "test_sample.py").write_text(TIDY)
    status, output, counts = run(tmp_path, require_all="", options=["-W", "error"])
    assert (status, counts) == (0, {"passed": 4}), output


def test_the_check_is_quick() -> None:
    """Looking before and after a test takes less than a millisecond."""
    rounds = 50
    best = min(timeit.repeat(lambda: left_since(Held.now()), number=rounds, repeat=5))
    assert best / rounds < 0.001
