"""What each default breaks: seen on a real node, where nothing but that default acts."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from patches.policy.policy import PREFIX
from tests.cluster import binaries
from tests.cluster.kubectl import Kubectl
from tests.cluster.webhooks import defaulter, namespace
from tests.node.harm_runs import FULL, Harmed, debug_of_windows, fill, run, sandbox
from tests.node.harms import ELSEWHERE, HARMS, OTHER, USUAL, Harm
from tests.node.node import Node
from tests.node.outcomes import State
from tests.node.telling import tell

pytestmark = pytest.mark.node

_WITHOUT, _USUAL, _OTHER = "harm-without", "harm-usual", "harm-other"
_NAMESPACES: Final[Mapping[str, Mapping[str, Any]]] = {_USUAL: USUAL, _OTHER: OTHER}
_LABELS: Final = {f"{PREFIX}profile": "restricted", f"{PREFIX}mode": "enforce"}
_CLASS: Final = {
    "apiVersion": "node.k8s.io/v1",
    "kind": "RuntimeClass",
    "metadata": {"name": "absent"},
    "handler": "absent",
}


class Found(NamedTuple):
    """What was found out: of servers by their names, without us and with one default; and two answers of others."""

    without: dict[str, Harmed]
    harmed: dict[str, Harmed]
    debug_of_windows: dict[str, str]
    """What kubectl says, by the name of the namespace."""
    sandbox: str
    """Why the sandbox of a pod was not made."""


@pytest.fixture(scope="module")
def found(node: Node, tmp_path_factory: pytest.TempPathFactory) -> Found:
    """All of it, at the same time."""
    started = time.monotonic()
    directory = tmp_path_factory.mktemp("harm")
    binaries.find("kubectl")
    kubectl = Kubectl(node.plane, directory)
    node.plane.namespace(_WITHOUT)
    fill(node)
    with ExitStack() as stack:
        for name, settings in _NAMESPACES.items():
            objects = [namespace(name, _LABELS), *([_CLASS] if settings is USUAL else [])]
            config = {
                "apiVersion": f"{PREFIX}v1alpha1",
                "kind": "DefaulterConfiguration",
                "allowPodSkip": True,
                "settings": settings,
            }
            stack.enter_context(defaulter(node.plane, directory / name, name, objects=objects, config=config))
        answer = sandbox(node, _USUAL)
        debug = {
            _WITHOUT: debug_of_windows(node, node.plane.bypassing, kubectl, _WITHOUT),
            _USUAL: debug_of_windows(node, node.plane.admin, kubectl, _USUAL),
        }
        with ThreadPoolExecutor(len(_NAMESPACES) + 1) as pool:
            without = pool.submit(run, node, node.plane.bypassing, _WITHOUT, HARMS)
            runs = [
                pool.submit(run, node, node.plane.admin, name, [row for row in HARMS if row.settings is settings])
                for name, settings in _NAMESPACES.items()
            ]
            harmed = {name: row for run in runs for name, row in run.result().items()}
        node.delete(FULL, FULL)
        found = Found(without.result(), harmed, debug, answer)
    _tell(found, time.monotonic() - started)
    return found


def _tell(found: Found, seconds: float) -> None:
    tell(f"with one default, {len(HARMS)} servers that run without it ({seconds:.0f} s)")
    for harm in HARMS:
        row = found.harmed[harm.server.name].outcome
        tell(f"  {harm.default:28}  {harm.server.name:20}  {row.state}{row.text and ': '}{row.text}")
    for default, text in (("os", found.debug_of_windows[_USUAL]), ("runtimeClassName", found.sandbox)):
        tell(f"  {default:28}  {text.splitlines()[-1]}")


def _skip_where_it_cannot_be_seen(node: Node, default: str) -> None:
    handlers = node.status()["runtimeHandlers"]
    if default == "hostUsers" and not any(row["features"]["userNamespaces"] for row in handlers):
        pytest.skip("the kernel of this machine has no idmapped mounts: no pod gets a user namespace")
    apparmor = Path("/sys/module/apparmor/parameters/enabled")
    if default == "appArmorProfile" and apparmor.exists() and apparmor.read_text(encoding="ascii").startswith("Y"):
        pytest.skip("this machine has AppArmor: no pod is refused for want of it")


@pytest.mark.parametrize("harm", HARMS, ids=lambda harm: f"{harm.default}-{harm.server.name}")
def test_a_server_that_runs_without_a_default_does_not_with_it(node: Node, found: Found, harm: Harm) -> None:
    """And its user reads why: in the container's status or in the last line of its log."""
    _skip_where_it_cannot_be_seen(node, harm.default)
    without, acted = found.without[harm.server.name]
    assert without.state is State.RUNS, without.text
    assert acted == set()
    outcome, acted = found.harmed[harm.server.name]
    assert acted == {harm.default}
    assert outcome.state is (State.STOPPED if harm.told else State.RUNS), outcome.text
    assert harm.told in outcome.text


def test_a_server_above_its_limit_is_killed(found: Found) -> None:
    """Its log has nothing; its last state has the reason."""
    assert found.harmed["large"].outcome.text == "OOMKilled: exit 137"


def test_a_windows_pod_is_not_debugged_as_one_of_linux(found: Found) -> None:
    """With `os` set the API server refuses what kubectl adds by its usual profile; without it, it takes it."""
    assert found.debug_of_windows[_WITHOUT] == ""
    assert ELSEWHERE["os"] in found.debug_of_windows[_USUAL]


def test_a_class_whose_handler_the_node_lacks(found: Found) -> None:
    """The pod stays as it is, and an event says why."""
    assert found.sandbox.startswith("Pending: ")
    assert ELSEWHERE["runtimeClassName"] in found.sandbox
