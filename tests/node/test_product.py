"""The install that counts: the image of `make image`, applied by kubectl, as pods of a real kubelet."""

from __future__ import annotations

import signal
import time
from datetime import datetime
from typing import Any, Final, NamedTuple

import pytest

from tests.cluster.client import pods
from tests.cluster.installed import NAME, eventually
from tests.node.outcomes import State, run_servers
from tests.node.product import LABEL, PREVIEW, SPACE, Product
from tests.node.programs import NODE
from tests.node.servers import SERVERS
from tests.node.telling import tell

pytestmark = pytest.mark.node

_LOAD: Final = 100
"""Creates that have to be answered before and after what happens."""
_LOAD_SECONDS: Final = 8
_REQUESTED_MIB: Final = 128
_UNANSWERED: Final = 'failed calling webhook "pods.pod-security-defaulter.io"'
"""In the API server's answer where no replica answered, for whatever reason of the network."""
_NOTICED_SECONDS: Final = 10
"""From when a replica has been killed until the kubelet knows."""
_DRAIN_SECONDS: Final = 120
_HUNG_SECONDS: Final = 120
"""From when a replica hangs until it is started again: three probes, one in ten seconds, and its grace period."""
_GRACE_SECONDS: Final = 20
"""From when a probe has told the kubelet to end a replica until it is ended."""


class Hung(NamedTuple):
    """A replica of the preview that was stopped, as one that hangs, and when."""

    name: str
    since: float


@pytest.fixture(scope="module")
def hung(product: Product) -> Hung:
    """It hangs from the first test on; what the kubelet does about it takes as long as the others."""
    (replica,) = product.replicas(PREVIEW)
    product.run("kill", "-STOP", product.pid(replica))
    return Hung(replica["metadata"]["name"], time.time())


@pytest.mark.usefixtures("hung")
def test_own_pods_run_restricted(product: Product) -> None:
    """In a namespace that enforces restricted; and what the kernel says of the processes is what the manifests say."""
    labels = product.node.plane.admin.must("GET", f"/api/v1/namespaces/{NAME}")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    assert labels["pod-security.kubernetes.io/enforce-version"] == "latest"
    replicas = product.replicas()
    assert len(replicas) == 2
    for replica in replicas:
        pid = product.pid(replica)
        lines = (line.partition(":") for line in product.run("cat", f"/proc/{pid}/status").splitlines())
        status = {key: value.split() for key, _, value in lines}
        assert status["Uid"] == status["Gid"] == ["65532"] * 4
        assert {int(status[name][0], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
        assert (status["NoNewPrivs"], status["Seccomp"]) == (["1"], ["2"])
        mounts = [line.split() for line in product.run("cat", f"/proc/{pid}/mounts").splitlines()]
        (root,) = (row[3] for row in mounts if row[1] == "/")
        assert "ro" in root.split(",")


def test_a_pod_is_defaulted_through_the_service_and_runs(product: Product) -> None:
    """A server whose image has a numeric user: it gets the defaults, starts and answers."""
    node = product.node
    eventually(lambda: not product.load(SPACE).once(), "the namespace is known")
    server = next(row for row in SERVERS if row.name == "nginx-number")
    outcomes = run_servers(node, node.plane.admin, SPACE, [server], seconds=1)
    assert {row.state for row in outcomes.values()} == {State.RUNS}


def test_a_rolling_restart_under_creates(product: Product) -> None:
    """Every pod that is created until the last replica of before has ended is defaulted."""
    before = product.names()
    started = time.monotonic()
    with product.load(SPACE).running() as load:
        load.window(_LOAD)
        product.kubectl.run("-n", NAME, "rollout", "restart", f"deployment/{NAME}")
        product.wait()
        product.wait_for_the_end(before)
        load.window(_LOAD)
    tell(f"product: rolling restart, {load.answered} creates in {time.monotonic() - started:.0f} s, none failed")


def test_a_drain_under_creates(product: Product) -> None:
    """The eviction of the second replica is refused until the first has another in its place; no create fails."""
    before = product.names()
    started = time.monotonic()
    with product.load(SPACE).running() as load:
        drain = product.kubectl.run("drain", NODE, f"--pod-selector={LABEL}={NAME}", seconds=_DRAIN_SECONDS)
        product.kubectl.run("uncordon", NODE)
        product.wait()
        load.window(_LOAD)
    tell(f"product: node drained, {load.answered} creates in {time.monotonic() - started:.0f} s, none failed")
    assert "Cannot evict pod as it would violate the pod's disruption budget" in drain.stderr
    assert not before & product.names()


def test_a_replica_is_killed_under_creates(product: Product) -> None:
    """Creates fail until the kubelet has noticed, then the other replica answers; the one killed is started again."""
    victim = product.replicas()[0]
    name = victim["metadata"]["name"]
    with product.load(SPACE).running() as load:
        eventually(lambda: load.answered >= _LOAD, "creates are under way")
        assert not load.failures
        product.run("kill", "-KILL", product.pid(victim))
        killed = time.monotonic()
        eventually(lambda: _restarts(product, name) == 1, "it has been started again")
        noticed = time.monotonic() - killed
        eventually(lambda: all(map(_is_ready, product.replicas())), "both are ready")
        ready = time.monotonic() - killed
        failures = list(load.failures)
        answered = load.answered
        eventually(lambda: load.answered >= answered + _LOAD, "creates are under way again")
    assert load.failures == failures, "once both are ready"
    assert all(_UNANSWERED in row for row in failures), "closed, for want of an answer: none is refused for what it is"
    assert noticed < _NOTICED_SECONDS
    causes = sorted({row.rpartition(": ")[2] for row in failures})
    tell(
        f"product: a replica killed, started again after {noticed:.1f} s, ready after {ready:.1f} s;"
        f" {len(failures)} of {answered} creates failed: {', '.join(causes)}"
    )


def test_memory_and_cpu_under_load(product: Product) -> None:
    """As the kubelet measures them: less than what is requested."""
    before = product.usage()
    started = time.monotonic()
    with product.load(SPACE).running() as load:
        enough = time.time() + _LOAD_SECONDS
        eventually(lambda: all(row.time > enough for row in product.usage().values()), "the kubelet has measured it")
        after = product.usage()
        rate = load.answered / (time.monotonic() - started)
    assert not load.failures
    for name in sorted(product.names()):
        cpu = (after[name].cpu - before[name].cpu) / (after[name].time - before[name].time)
        memory = [row[name].memory / 2**20 for row in (before, after)]
        tell(
            f"product: at {rate:.0f} creates/s {name} takes {cpu:.2f} CPU, {memory[1]:.0f} MiB ({memory[0]:.0f} before)"
        )
        assert cpu > 0
        assert memory[1] < _REQUESTED_MIB


def test_a_hung_replica_is_replaced(product: Product, hung: Hung) -> None:
    """By the probes, which admission has too: it is not asked any more, and ended without the time to drain."""
    probes = [
        {key: value for key, value in container.items() if key.endswith("Probe")}
        for name in (NAME, PREVIEW)
        for container in product.deployment(name)["spec"]["template"]["spec"]["containers"]
    ]
    assert probes[0] == probes[1]
    assert len(probes[0]) == 3
    eventually(lambda: _restarts(product, hung.name) == 1, "it has been started again", _HUNG_SECONDS)
    product.wait(PREVIEW)
    (replica,) = product.replicas(PREVIEW)
    (status,) = replica["status"]["containerStatuses"]
    ended = status["lastState"]["terminated"]
    assert ended["exitCode"] == 128 + signal.SIGKILL
    path = f"/api/v1/namespaces/{NAME}/events"
    events = [
        row
        for row in product.node.plane.admin.must("GET", path)["items"]
        if row["involvedObject"]["name"] == hung.name and row["reason"] in {"Unhealthy", "Killing"}
    ]
    assert any(row["message"].startswith("Readiness probe failed") for row in events)
    (killing,) = (row for row in events if "failed liveness probe, will be restarted" in row["message"])
    end, told = (datetime.fromisoformat(text).timestamp() for text in (ended["finishedAt"], killing["lastTimestamp"]))
    tell(f"product: a replica that hangs is ended after {end - hung.since:.0f} s, {end - told:.0f} s of them to end")
    assert end - told < _GRACE_SECONDS


def _restarts(product: Product, name: str) -> int:
    pod: Any = product.node.plane.admin.must("GET", f"{pods(NAME)}/{name}")
    return sum(row["restartCount"] for row in pod["status"]["containerStatuses"])


def _is_ready(pod: Any) -> bool:
    return any(row["type"] == "Ready" and row["status"] == "True" for row in pod["status"]["conditions"])
