"""Creates pods on an API server, as dry runs: nothing of them is stored, and every webhook is asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any, Final

import msgspec

from webhook.cluster.api import ClusterClient
from webhook.errors import ClusterError

_AT_A_TIME: Final = 8
_ATTEMPTS: Final = 50
_PAUSE_SECONDS: Final = 0.2
_ANSWERS: Final = {HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN, HTTPStatus.UNPROCESSABLE_ENTITY}
_FAILED_WEBHOOK: Final = HTTPStatus.INTERNAL_SERVER_ERROR
_PRIORITIES: Final = "/apis/scheduling.k8s.io/v1/priorityclasses"
_SYSTEM: Final = "system-"
"""Begins the names of the PriorityClasses that every cluster has."""


class Outcome(msgspec.Struct):
    """What the API server made of one pod: the pod, or why it was refused."""

    name: str
    pod: dict[str, Any] | None = None
    message: str = ""


@asynccontextmanager
async def prepared(
    client: ClusterClient, pods: Sequence[dict[str, Any]], labels: Mapping[str, str]
) -> AsyncIterator[str]:
    """Make a namespace with the accounts and PriorityClasses that the pods name; it is deleted at the end, with these.

    Raises:
        ClusterError: the API server refuses.
    """
    value = {"metadata": {"generateName": "psd-bench-peers-", "labels": dict(labels)}}
    created = msgspec.json.decode(await client.send("POST", "/api/v1/namespaces", value))
    namespace = created["metadata"]["name"]
    made = [f"/api/v1/namespaces/{namespace}"]
    try:
        for name in sorted({_account(pod["spec"]) for pod in pods}):  # `default` may be there already
            await _create(client, f"{made[0]}/serviceaccounts", {"metadata": {"name": name}})
        for name in sorted({pod["spec"].get("priorityClassName", _SYSTEM) for pod in pods}):
            if not name.startswith(_SYSTEM) and await _create(client, _PRIORITIES, _priority_class(name)):
                made.append(f"{_PRIORITIES}/{name}")
                await _wait_for_priority(client, namespace, name)
        yield namespace
    finally:
        for path in made:
            await client.send("DELETE", path, {})


async def create_pods(client: ClusterClient, pods: Sequence[dict[str, Any]], namespace: str) -> list[Outcome]:
    """Create each pod as a dry run.

    Raises:
        ClusterError: the API server does not answer, or fails in a way that is no verdict on a pod.
    """
    turn = asyncio.Semaphore(_AT_A_TIME)

    async def create(pod: dict[str, Any]) -> Outcome:
        name = pod["metadata"]["name"]
        async with turn:
            try:
                body = await client.send("POST", f"/api/v1/namespaces/{namespace}/pods?dryRun=All", pod)
            except ClusterError as error:
                if error.status not in (*_ANSWERS, _FAILED_WEBHOOK):
                    raise
                return Outcome(name, message=str(error))
        return Outcome(name, msgspec.json.decode(body))

    return list(await asyncio.gather(*map(create, pods)))


async def _create(client: ClusterClient, path: str, value: dict[str, Any]) -> bool:
    """Create an object; whether it is new."""
    try:
        await client.send("POST", path, value)
    except ClusterError as error:
        if error.status != HTTPStatus.CONFLICT:
            raise
        return False
    return True


def _priority_class(name: str) -> dict[str, Any]:
    return {"metadata": {"name": name}, "value": 1}


async def _wait_for_priority(client: ClusterClient, namespace: str, name: str) -> None:
    """Wait until admission knows a PriorityClass: it learns of one by a watch."""
    spec = {"containers": [{"name": "c", "image": "i"}], "priorityClassName": name}
    for _ in range(_ATTEMPTS):
        (outcome,) = await create_pods(client, [{"metadata": {"name": "probe"}, "spec": spec}], namespace)
        if "no PriorityClass" not in outcome.message:
            return
        await asyncio.sleep(_PAUSE_SECONDS)


def _account(spec: Mapping[str, Any]) -> str:
    return spec.get("serviceAccountName") or spec.get("serviceAccount") or "default"
