"""node-restriction: on a table of requests its policies decide what the API server's plugin NodeRestriction decides."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, Final, NamedTuple

import pytest

from tests.cluster import node_objects, node_requests
from tests.cluster.client import Answer, Client
from tests.cluster.control_plane import ControlPlane
from tests.cluster.policies import Row, built, installed, is_refusal, pair, skip_before, unseen, until

pytestmark = pytest.mark.cluster

_INVALID: Final = 422


class Compared(NamedTuple):
    """The two API servers as the users of the table, the uids that it needs, and what the policies said no to."""

    plugin: dict[str, Client]
    policies: dict[str, Client]
    uids: dict[str, str]
    refusals: dict[str, Answer]

    def decisions(self, rows: Iterable[Row]) -> dict[str, tuple[bool, bool]]:
        """By the row's id, whether the plugin refuses it, and whether the policies do."""
        return {
            row.id: (is_refusal(row.send(self.plugin[row.user])), is_refusal(row.send(self.policies[row.user])))
            for row in rows
        }


def _users(plane: ControlPlane) -> dict[str, Client]:
    return {key: plane.client(*user) for key, user in node_objects.USERS.items()}


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compared]:
    """Both API servers, once every policy acts; without ServiceAccount, which would refuse mirror pods before them."""
    with pair(tmp_path_factory.mktemp("policies"), "NodeRestriction", off="ServiceAccount") as servers:
        skip_before(servers, 37)
        uids = node_objects.prepare(servers.plugin)
        with installed(servers.policies, built("node-restriction")):
            users = _users(servers.policies)
            refusals = {
                row.id: until(partial(_refusal, row, users), f"{row.id} is not refused")
                for row in node_requests.refused(uids)
            }
            yield Compared(_users(servers.plugin), users, uids, refusals)


def _refusal(row: Row, users: dict[str, Client]) -> Answer | None:
    answer = row.send(users[row.user])
    return answer if is_refusal(answer) else None


def test_what_a_node_may(compared: Compared) -> None:
    """A kubelet's own work, and everything of users who are no node, pass both."""
    decisions = compared.decisions(node_requests.allowed(compared.uids))
    assert {key: row for key, row in decisions.items() if row != (False, False)} == {}
    assert len(decisions) > 50


def test_what_a_node_may_not(compared: Compared) -> None:
    """Other nodes, their pods, reserved labels, taints, and whatever reads secrets are refused by both."""
    decisions = compared.decisions(node_requests.refused(compared.uids))
    assert {key: row for key, row in decisions.items() if row != (True, True)} == {}
    assert len(decisions) > 100


def test_every_rule_refuses_something(compared: Compared) -> None:
    """No refusal came from elsewhere, and no rule is without a row."""
    policies = built("node-restriction")
    strangers = [
        row.message for row in compared.refusals.values() if "ValidatingAdmissionPolicy 'pod-sec" not in row.message
    ]
    assert strangers == []
    assert unseen(policies, compared.refusals.values()) == []


def test_messages_name_the_labels(compared: Compared) -> None:
    """Who sets a reserved label reads which."""
    message = compared.refusals["label kubernetes.io/team"].message
    assert message.endswith("metadata.labels: a node may not set, change or remove kubernetes.io/team")


def test_what_only_the_plugin_refuses(compared: Compared) -> None:
    """These rows are the page's list of what the policies cannot see: they get through."""
    decisions = compared.decisions(node_requests.plugin_only(compared.uids))
    assert {key: row for key, row in decisions.items() if row != (True, False)} == {}


def test_what_is_invalid_anyway(compared: Compared) -> None:
    """What the plugin forbids and no policy has to, since the API server takes it from nobody."""
    for row in node_requests.invalid(compared.uids):
        assert is_refusal(row.send(compared.plugin[row.user])), row.id
        assert row.send(compared.policies[row.user]).status == _INVALID, row.id


def test_what_has_no_effect_anyway(compared: Compared) -> None:
    """What the plugin forbids and the API server drops without it: the field stays as it was."""
    for row, path in node_requests.dropped():
        assert is_refusal(row.send(compared.plugin[row.user])), row.id
        before = compared.plugin[""].must("GET", row.path.removesuffix("/status"))
        after = row.send(compared.policies[row.user])
        assert after.ok, after.message
        assert _at(after.body, path) == _at(before, path), row.id


def _at(value: Any, path: list[str]) -> Any:
    for key in path:
        value = value.get(key) or {}
    return value
