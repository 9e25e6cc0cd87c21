"""Replicas that come and go under load, as in a rollout, a drain or an eviction: no review is lost.

A proxy stands for the Service: new connections go to the replica that is ready, those that stand stay where they are.
"""

from __future__ import annotations

import signal
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest

from tests.cluster.control_plane import ControlPlane
from tests.cluster.installed import (
    MODE,
    NAME,
    PORT,
    Install,
    account_kubeconfig,
    applied,
    check_port,
    eventually,
    lead_here,
    running_replica,
)
from tests.cluster.kubectl import Kubectl
from tests.cluster.load import through_the_api_server
from tests.cluster.processes import free_ports
from tests.cluster.proxy import proxied
from tests.cluster.telling import LINES
from tests.manifests.building import BASE

pytestmark = pytest.mark.cluster

_SPACE: Final = "rolled"
_ROLLOUTS: Final = 4
_DRAIN_SECONDS: Final = 3


def test_a_rollout_loses_no_review(plane: ControlPlane, kubectl: Kubectl, tmp_path: Path) -> None:
    """A new replica is ready, the Service leads to it, the one before is told to stop: it ends with status 0."""
    check_port()
    with ExitStack() as stack:
        stack.enter_context(applied(plane, kubectl, BASE))
        lead_here(plane, NAME)
        kubeconfig = account_kubeconfig(plane, NAME, NAME, tmp_path / "kubeconfig")

        def replica(number: int) -> tuple[Install, int]:
            (port,) = free_ports(1)
            extra = [f"--kubeconfig={kubeconfig}", f"--port={port}", f"--drain-seconds={_DRAIN_SECONDS}"]
            return stack.enter_context(running_replica(plane, tmp_path / str(number), NAME, extra)), port

        install, port = replica(0)
        proxy = stack.enter_context(proxied(port, PORT))
        plane.namespace(_SPACE, {MODE: "enforce"})
        eventually(lambda: install.is_defaulted(_SPACE), "the API server asks us")
        start = time.monotonic()
        with through_the_api_server(install, _SPACE).running() as load:
            for number in range(1, _ROLLOUTS + 1):
                before = install.process
                install, proxy.target = replica(number)
                load.window(100)
                before.send_signal(signal.SIGTERM)
                assert before.wait(60) == 0
                load.window(100)
        assert load.answered >= 500
        LINES.append(
            f"{_ROLLOUTS} rollouts: {load.answered} admissions in {time.monotonic() - start:.1f} s, none failed"
        )
