"""The control plane that the tests of this folder share. Where it cannot be had they are skipped, with the reason."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cluster import binaries
from tests.cluster.control_plane import ControlPlane
from tests.cluster.fixtures import connections_are_closed, print_lines, work
from tests.cluster.kubectl import Kubectl
from tests.cluster.programs import control_plane, controller_manager
from tests.cluster.telling import LINES

__all__ = ["connections_are_closed", "work"]  # pytest finds them here


@pytest.fixture(scope="session")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """An API server with its etcd."""
    found = binaries.find("etcd", "kube-apiserver")
    with control_plane(tmp_path_factory.mktemp("control-plane"), found) as started:
        yield started


@pytest.fixture(scope="module")
def controllers(plane: ControlPlane) -> Iterator[None]:
    """kube-controller-manager beside it, for the module that asks for it: the others do without what it adds."""
    binaries.find("kube-controller-manager")
    with controller_manager(plane):
        yield


@pytest.fixture(scope="session")
def kubectl(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Kubectl:
    """The command kubectl, as the administrator."""
    binaries.find("kubectl")
    return Kubectl(plane, tmp_path_factory.mktemp("kubectl"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what was counted and, whether it failed or not, how to repeat it."""
    print_lines(terminalreporter, "told by a real API server", LINES)
