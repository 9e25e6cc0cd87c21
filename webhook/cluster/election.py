"""Leader election by a Lease that exists already: `get` and `update` are all the rights it takes.

The protocol is that of Kubernetes' own components. A holder renews the Lease; a candidate that has seen it unchanged
for the holder's own duration, by the candidate's clock, takes it: no two machines' clocks are compared. Writes carry
the resourceVersion they were decided on, so that of two only one succeeds. Leadership ends by itself, well before
anyone may take the Lease, where it could not be renewed. kubernetes-asyncio's own election is not used: it wants to
create the Lease, writes local times as UTC, ends at a broken connection, and does not give the Lease back.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final, NamedTuple, NoReturn

import msgspec

from webhook.cluster.api import Cluster
from webhook.errors import ClusterError

_RELEASE_SECONDS: Final = 3
_LOG: Final = logging.getLogger(__name__)


class Pace(NamedTuple):
    """Seconds: how long a Lease is held for, after what time without renewal its holder gives up, and between tries."""

    lease: int = 15
    deadline: float = 10
    retry: float = 2


class Election:
    """One candidate for a Lease."""

    def __init__(
        self, cluster: Cluster, path: str, identity: str, changed: Callable[[], None], pace: Pace | None = None
    ) -> None:
        """`path` is the Lease's; `identity` is nobody else's; `changed` is called when leadership begins or ends."""
        self._cluster = cluster
        self._path = path
        self._identity = identity
        self._changed = changed
        self._pace = pace or Pace()
        self._ends = 0.0
        self._held: dict[str, Any] | None = None
        self._seen: tuple[Any, float] = (None, 0.0)
        self._told = False
        self._problem = ""

    @property
    def is_leader(self) -> bool:
        """Whether this candidate leads now."""
        return time.monotonic() < self._ends

    async def run(self) -> NoReturn:
        """Stand for election until cancelled; then give the Lease back, so that another leads at once."""
        try:
            while True:
                await self._round()
                self._tell()
                await asyncio.sleep(self._pace.retry * random.uniform(0.8, 1.2))  # noqa: S311 (spreads load)
        finally:
            await self._release()
            self._tell()

    async def _round(self) -> None:
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._patience(began)):
                lease = self._held or await self._get()
                if not self._is_free(lease):
                    self._ends = 0.0
                    return
                self._held = await self._put(self._claimed(lease))
            self._ends = began + self._pace.deadline
            self._problem = ""
        except (ClusterError, TimeoutError, msgspec.MsgspecError) as error:
            self._held = None
            self._report(error)
        except Exception:  # noqa: BLE001 (logged; a candidate that no longer stands would be worse)
            self._held = None
            _LOG.exception("the lease cannot be had")

    def _patience(self, now: float) -> float:
        """Of a round: a holder's ends before its leadership, so that there is time for another."""
        left = self._ends - now
        return max(self._pace.retry, left / 2) if left > 0 else self._pace.deadline

    def _is_free(self, lease: dict[str, Any]) -> bool:
        spec = lease.get("spec") or {}
        holder = spec.get("holderIdentity")
        now = time.monotonic()
        if spec != self._seen[0]:
            self._seen = (spec, now)
        if not holder or holder == self._identity:
            return True
        seconds: float = spec.get("leaseDurationSeconds") or self._pace.lease
        return now >= self._seen[1] + seconds

    def _claimed(self, lease: dict[str, Any]) -> dict[str, Any]:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        spec = dict(lease.get("spec") or {})
        if spec.get("holderIdentity") != self._identity:
            spec["leaseTransitions"] = (spec.get("leaseTransitions") or 0) + 1
            spec["acquireTime"] = now
        spec |= {"holderIdentity": self._identity, "leaseDurationSeconds": self._pace.lease, "renewTime": now}
        return {**lease, "spec": spec}

    async def _release(self) -> None:
        self._ends, lease, self._held = 0.0, self._held, None
        if lease is None:
            return
        spec = {key: value for key, value in lease["spec"].items() if key != "holderIdentity"}
        try:
            async with asyncio.timeout(_RELEASE_SECONDS):
                await self._put({**lease, "spec": spec})
        except (ClusterError, TimeoutError, msgspec.MsgspecError) as error:
            _LOG.warning("the lease is not given back, and will expire: %s", error)

    async def _get(self) -> dict[str, Any]:
        """The Lease. The first candidate of all makes it: tools that leave Leases out of what they apply are common."""
        try:
            lease = await self._cluster.get(self._path)
        except ClusterError as error:
            if not error.not_found:
                raise
            collection, _, name = self._path.rpartition("/")
            value = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": name}}
            lease = await self._cluster.send("POST", collection, value)
        return msgspec.json.decode(lease, type=dict[str, Any])

    async def _put(self, lease: dict[str, Any]) -> dict[str, Any]:
        return msgspec.json.decode(await self._cluster.send("PUT", self._path, lease), type=dict[str, Any])

    def _report(self, error: Exception) -> None:
        """Of a row of equal failures the first is told. Another candidate that was faster is none."""
        if isinstance(error, ClusterError) and error.status == HTTPStatus.CONFLICT:
            return
        problem = str(error) or "the API server does not answer"
        if problem != self._problem:
            self._problem = problem
            _LOG.warning("the lease cannot be had: %s", problem)

    def _tell(self) -> None:
        leads = self.is_leader
        if leads != self._told:
            self._told = leads
            _LOG.info("%s %s", self._identity, "leads" if leads else "no longer leads")
            self._changed()
