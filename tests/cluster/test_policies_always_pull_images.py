"""always-pull-images refuses the pods that the API server's plugin AlwaysPullImages would have changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest

from patches.policy.policy import PREFIX
from tests.cluster.client import MERGE_PATCH, STRATEGIC_PATCH, pods
from tests.cluster.policies import Pair, Row, built, installed, is_refusal, pair, skip_before, unseen, until

pytestmark = pytest.mark.cluster

_SPACE: Final = "always-pull"
_UNLABELLED: Final = "always-pull-not"
_WARNED: Final = "always-pull-warned"
_NEVER: Final = {"name": "n", "image": "registry.example/never:1", "imagePullPolicy": "Never"}
_ALWAYS: Final = {"name": "a", "image": "registry.example/always:1", "imagePullPolicy": "Always"}
_UNSET: Final = {"name": "u", "image": "registry.example/unset:1"}
_LATEST: Final = {"name": "l", "image": "registry.example/latest"}


def _pod(*containers: Any, name: str = "new", annotations: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    metadata = {"name": name, "annotations": annotations or {}}
    return {"metadata": metadata, "spec": {"containers": list(containers), **spec}}


def _volume(**image: Any) -> list[Any]:
    return [{"name": "v", "image": {"reference": "registry.example/data:1", **image}}]


def _new(id_: str, *containers: Any, **spec: Any) -> Row:
    return Row(id_, "POST", pods(_SPACE), _pod(*containers, **spec))


_CREATED: Final = [
    (_new("always", _ALWAYS), False),
    (_new("latest, which means always", _LATEST), False),
    (_new("unset, which means if not present", _UNSET), True),
    (_new("never", _NEVER), True),
    (_new("if not present", {**_ALWAYS, "imagePullPolicy": "IfNotPresent"}), True),
    (_new("always and never", _ALWAYS, _NEVER), True),
    (_new("init always", _ALWAYS, initContainers=[{**_ALWAYS, "name": "i"}]), False),
    (_new("init never", _ALWAYS, initContainers=[_NEVER]), True),
    (_new("sidecar never", _ALWAYS, initContainers=[{**_NEVER, "restartPolicy": "Always"}]), True),
    (_new("volume always", _ALWAYS, volumes=_volume(pullPolicy="Always")), False),
    (_new("volume unset", _ALWAYS, volumes=_volume()), True),
    (_new("volume never", _ALWAYS, volumes=_volume(pullPolicy="Never")), True),
    (_new("another volume", _ALWAYS, volumes=[{"name": "v", "emptyDir": {}}]), False),
]


def _containers(*rows: Any) -> dict[str, Any]:
    return {"spec": {"containers": list(rows)}}


_OLD: Final = f"{pods(_SPACE)}/old"
_UPDATED: Final = [
    (Row("label", "PATCH", _OLD, {"metadata": {"labels": {"a": "b"}}}), False),
    (
        Row(
            "image of another container",
            "PATCH",
            _OLD,
            _containers(_NEVER, {**_ALWAYS, "image": _NEVER["image"]}),
            STRATEGIC_PATCH,
        ),
        False,
    ),
    (
        Row(
            "new image",
            "PATCH",
            _OLD,
            _containers({**_NEVER, "image": "registry.example/new:1"}, _ALWAYS),
            STRATEGIC_PATCH,
        ),
        True,
    ),
    (
        Row(
            "new image beside",
            "PATCH",
            _OLD,
            _containers(_NEVER, {**_ALWAYS, "image": "registry.example/new:1"}),
            STRATEGIC_PATCH,
        ),
        True,
    ),
]


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Both API servers, once the policy acts, with a pod that was there before it."""
    with pair(tmp_path_factory.mktemp("policies"), "AlwaysPullImages") as started:
        skip_before(started, 37)
        admin = started.policies.admin
        for name, mode in ((_SPACE, "enforce"), (_WARNED, "warn"), (_UNLABELLED, "")):
            started.policies.namespace(name, {PREFIX + "mode": mode} if mode else None)
        admin.must("POST", pods(_SPACE), _pod(_NEVER, _ALWAYS, name="old"))
        with installed(started.policies, built("always-pull-images")):
            until(lambda: is_refusal(_new("never", _NEVER).send(admin)), "the policy does not act")
            yield started


def _pull_policies(pod: Any) -> list[str]:
    spec = pod["spec"]
    containers = [row for key in ("containers", "initContainers") for row in spec.get(key) or ()]
    volumes = [row["image"] for row in spec.get("volumes") or () if "image" in row]
    return [row["imagePullPolicy"] for row in containers] + [row["pullPolicy"] for row in volumes]


@pytest.mark.parametrize(("row", "expected"), _CREATED, ids=lambda value: getattr(value, "id", ""))
def test_refuses_what_the_plugin_would_have_changed(servers: Pair, row: Row, expected: bool) -> None:  # noqa: FBT001 (a parameter of the table)
    """A new pod gets through where it is one that the plugin makes: all of its images are always pulled."""
    body = {**row.body, "metadata": {"name": "new"}}
    elsewhere = servers.policies.admin.create(pods(_UNLABELLED), body, dry_run=True)
    changed = row.send(servers.plugin.admin)
    assert changed.ok, changed.message
    assert set(_pull_policies(changed.body)) == {"Always"}
    assert (_pull_policies(changed.body) != _pull_policies(elsewhere.body)) == expected
    assert is_refusal(row.send(servers.policies.admin)) == expected


@pytest.mark.parametrize(("row", "expected"), _UPDATED, ids=lambda value: getattr(value, "id", ""))
def test_updates_that_bring_no_new_image_pass(servers: Pair, row: Row, expected: bool) -> None:  # noqa: FBT001 (a parameter of the table)
    """As with the plugin, a pod that was there first can be labelled, and get only images that it has already.

    The plugin refuses by changing a field of an update that may not change: 422.
    """
    assert row.send(servers.plugin.admin).ok != expected
    assert is_refusal(row.send(servers.policies.admin)) == expected


def test_ephemeral_containers(servers: Pair) -> None:
    """A new one has to be pulled, which the plugin does not ask for. An old one may stay, until images change."""
    admin, path = servers.policies.admin, f"{pods(_SPACE)}/debugged"
    admin.must("POST", pods(_SPACE), _pod(_ALWAYS, name="debugged"))
    debug = {"spec": {"ephemeralContainers": [_NEVER]}}
    refusal = Row("new", "PATCH", f"{path}/ephemeralcontainers", debug).send(admin)
    assert is_refusal(refusal)
    assert refusal.message.endswith("spec.ephemeralContainers[*].imagePullPolicy: must be Always")
    servers.plugin.admin.must("PATCH", f"{path}/ephemeralcontainers", debug, MERGE_PATCH)

    both = {"spec": {"ephemeralContainers": [{**_ALWAYS, "name": "second"}, _NEVER]}}
    assert not is_refusal(Row("second", "PATCH", f"{path}/ephemeralcontainers", both).send(admin))
    assert not is_refusal(Row("label", "PATCH", path, {"metadata": {"labels": {"a": "b"}}}).send(admin))
    changed = Row("image", "PATCH", path, _containers({**_ALWAYS, "image": "registry.example/new:1"}), STRATEGIC_PATCH)
    assert is_refusal(changed.send(admin))
    assert not changed.send(servers.plugin.admin).ok


@pytest.mark.parametrize("namespace", [_UNLABELLED, _WARNED])
def test_only_where_pods_are_patched(servers: Pair, namespace: str) -> None:
    """Where nothing would give pods the pull policy, none is asked for."""
    assert servers.policies.admin.create(pods(namespace), _pod(_NEVER), dry_run=True).ok


def test_mirror_pods_pass(servers: Pair) -> None:
    """A static pod runs whatever the API server says: refusing its mirror would only hide it."""
    mirror = _pod(_NEVER, annotations={"kubernetes.io/config.mirror": "hash"}, nodeName="node")
    servers.policies.admin.request("POST", "/api/v1/nodes", {"metadata": {"name": "node"}})
    answer = servers.policies.admin.create(pods(_SPACE), mirror, dry_run=True)
    assert answer.ok, answer.message


def test_every_rule_refuses_something(servers: Pair) -> None:
    """Each message is seen alone, and names its field."""
    debug = {"spec": {"ephemeralContainers": [{**_NEVER, "name": "e"}]}}
    rows = [
        _new("containers", _NEVER),
        _new("init", _ALWAYS, initContainers=[_NEVER]),
        _new("volume", _ALWAYS, volumes=_volume()),
        Row("ephemeral", "PATCH", f"{_OLD}/ephemeralcontainers", debug),
    ]
    assert unseen(built("always-pull-images"), [row.send(servers.policies.admin) for row in rows]) == []
