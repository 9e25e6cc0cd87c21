"""Every warning of an image is true: the edits that it names are made, and the pod runs, on a real node."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final, NamedTuple

import msgspec
import pytest

from patches import (
    Cause,
    DefaulterConfiguration,
    Forecast,
    Images,
    NoticeCode,
    Origin,
    Stage,
    compile_namespace,
    evaluate,
    locate,
)
from patches.policy.snapshot import empty_snapshot
from tests.node.cells import CELLS, SKIP, USER_NAMESPACE, Cell, Fates, cells_of, pod_of
from tests.node.image_facts import Known, known_images, tagged
from tests.node.layer import ServersLayer
from tests.node.node import Node
from tests.node.numeric import NUMERIC, ROOT_ONLY, SUPPORTED
from tests.node.outcomes import CONTAINER, State, Trial
from tests.node.servers import SERVERS, Server
from tests.node.telling import tell
from webhook.images.facts import ImageEntry

pytestmark = pytest.mark.node

_OF_USER: Final[frozenset[str]] = frozenset(
    {
        NoticeCode.ROOT_IMAGE,
        NoticeCode.ROOT_IMAGE_MAPPABLE,
        NoticeCode.NAMED_USER_IMAGE,
        Cause.IMAGE_BREAKS_NON_ROOT,
        NoticeCode.ROOT_WITHOUT_CAPABILITIES,
    }
)
"""What to do: set runAsUser to a user that the image supports, or use an image with a numeric USER."""
_EACH_NEED: Final = ("nginx", "redis", "haproxy-root", "sshd")
"""Servers that between them need every capability that any of them needs as root."""


class Warned:
    """Says which warnings of images a pod gets."""

    def __init__(self, uids: Mapping[str, int]) -> None:
        """Know the same of images as the servers."""
        entries = msgspec.convert(known_images(uids), dict[str, ImageEntry])
        images = Images({reference: entry.facts() for reference, entry in entries.items()})
        self._namespaces = {
            cell: compile_namespace(
                replace(empty_snapshot(cell.namespace), labels=cell.labels, images=images),
                msgspec.convert(cell.configuration, DefaulterConfiguration),
            )
            for cell in CELLS
        }

    def of(self, cell: Cell, value: Any) -> frozenset[str]:
        """The codes for a pod in a cell."""
        pod = locate({"apiVersion": "v1", "kind": "Pod", **copy.deepcopy(value)}, Origin.ADMISSION)
        assert pod is not None
        evaluation = evaluate(pod, self._namespaces[cell])
        stopped = [row for row in evaluation.starts(Stage.PATCHED) if row.forecast is Forecast.WILL_NOT_START]
        causes = [row.cause for row in stopped if row.cause is not None]
        return frozenset([*(notice.code for notice in evaluation.notices), *causes]) & _OF_USER


@pytest.fixture(scope="module")
def warned(layer: ServersLayer) -> Warned:
    """The engine, as the served namespaces have it."""
    return Warned(layer.uids)


class _Mended(NamedTuple):
    """A pod after the edits that its warnings name."""

    codes: frozenset[str]
    name: str
    """Of the server that was warned of."""
    trial: Trial


def _edit(server: Server, pod: Any, codes: frozenset[str], uids: Mapping[str, int]) -> Server:
    """Do to a pod what the warnings say; the server that it has then."""
    (container,) = pod["spec"]["containers"]
    security = container.setdefault("securityContext", {})
    if codes & _OF_USER and server.name in SUPPORTED:
        user, _, group = SUPPORTED[server.name].partition(":")
        security |= {"runAsUser": uids[user]} | ({"runAsGroup": uids[group]} if group else {})
    elif codes & _OF_USER:
        container["image"] = NUMERIC[server.name].image
        return NUMERIC[server.name]
    return server


def _mended(warned: Warned, uids: Mapping[str, int], node: Node) -> Iterator[_Mended]:
    """Each pod that is warned of, once no warning of its image is left."""
    for known, cell, server in itertools.product((Known.ALL, Known.PARTLY), cells_of(node), SERVERS):
        pod = pod_of(server, tagged(server, known))
        runs, done = server, frozenset[str]()
        while server.name not in ROOT_ONLY and (codes := warned.of(cell, pod)):
            assert not codes <= done, f"{server.name} in {cell}: what {codes} say has been done"
            runs = _edit(runs, pod, codes, uids)
            done |= codes
        if done:
            yield _Mended(done, server.name, Trial(runs, node.plane.admin, cell.namespace, pod))


def _root_only(node: Node) -> list[Trial]:
    """Servers that work as root only, where they can have a user namespace."""
    servers = [server for server in SERVERS if server.name in ROOT_ONLY and node.has_user_namespaces]
    namespace = Cell(USER_NAMESPACE, enforced=True).namespace
    return [Trial(server, node.plane.admin, namespace, pod_of(server, tagged(server, Known.ALL))) for server in servers]


class _Rooted(NamedTuple):
    """Servers as root in a user namespace: pods that say no more, and pods with the capabilities that they need."""

    without: list[Trial]
    with_them: list[Trial]


def _rooted(node: Node) -> _Rooted:
    found = _Rooted([], [])
    for server in SERVERS:
        if server.name in _EACH_NEED and node.has_user_namespaces:
            pod = pod_of(server, tagged(server, Known.ALL))
            pod["spec"] |= {"hostUsers": False, "securityContext": {"runAsUser": 0}}
            found.without.append(Trial(server, node.plane.admin, Cell(SKIP).namespace, copy.deepcopy(pod)))
            pod["spec"]["containers"][0]["securityContext"] = {"capabilities": {"add": list(server.needs)}}
            found.with_them.append(Trial(server, node.plane.admin, Cell(SKIP).namespace, pod))
    return found


@pytest.fixture(scope="module", autouse=True)
def run(node: Node, fates: Fates, warned: Warned, layer: ServersLayer) -> None:
    """Run what the tests ask for at the same time; they then find it known."""
    mended = [row.trial for row in _mended(warned, layer.uids, node)]
    fates.find([*mended, *_root_only(node), *itertools.chain(*_rooted(node))])


def test_the_edit_that_a_warning_names(node: Node, fates: Fates, warned: Warned, layer: ServersLayer) -> None:
    """Every server that is warned of runs once it is made, without a warning, also where restricted is enforced."""
    mended = list(_mended(warned, layer.uids, node))
    outcomes = fates.find([row.trial for row in mended])
    for code in sorted(_OF_USER):
        names = dict.fromkeys(row.name for row in mended if code in row.codes)
        tell(f"{code}: the edit is made in the pods of {', '.join(names)}")
    failed = {
        (row.name, row.trial.namespace): outcome.text
        for row, outcome in zip(mended, outcomes, strict=True)
        if outcome.state is not State.RUNS or any(f'"{CONTAINER}"' in text for text in outcome.warnings)
    }
    assert not failed
    elsewhere = frozenset() if node.has_user_namespaces else {NoticeCode.ROOT_WITHOUT_CAPABILITIES}
    assert frozenset().union(*(row.codes for row in mended)) == _OF_USER - elsewhere


@pytest.mark.usefixtures("user_namespaces")
def test_a_server_that_works_as_root_only(node: Node, fates: Fates) -> None:
    """What is left to it where restricted is enforced is a user namespace, and that suffices."""
    trials = _root_only(node)
    assert [row.state for row in fates.find(trials)] == [State.RUNS] * len(ROOT_ONLY)


@pytest.mark.usefixtures("user_namespaces")
def test_root_in_a_user_namespace_asks_for_capabilities(node: Node, fates: Fates, warned: Warned) -> None:
    """Its author says root and `hostUsers: false`: it fails without capabilities, as is warned, and runs with them."""
    without, with_them = _rooted(node)
    assert {warned.of(Cell(SKIP), row.pod) for row in without} == {frozenset({NoticeCode.ROOT_WITHOUT_CAPABILITIES})}
    outcomes = fates.find([*without, *with_them])
    assert [row.state for row in outcomes] == [State.STOPPED] * len(_EACH_NEED) + [State.RUNS] * len(_EACH_NEED)
