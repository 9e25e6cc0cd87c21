"""The managed certificate on a real API server: two replicas, one Secret, one leader, and the rights they need."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from aiohttp import web
from cryptography import x509

from tests.cluster.client import JSON_PATCH, MERGE_PATCH
from tests.cluster.control_plane import ControlPlane
from tests.cluster.processes import free_ports
from webhook.certificates.authority import Lifetimes
from webhook.certificates.injection import CONFIGURATIONS, bundle_patch
from webhook.certificates.managed import ManagedCertificate
from webhook.certificates.objects import NAME, SECRET, OwnObjects
from webhook.cli import main
from webhook.cluster.api import ClusterClient
from webhook.cluster.election import LeaseTimings

pytestmark = pytest.mark.cluster

PATIENCE_SECONDS: Final = 60
TIMINGS: Final = LeaseTimings(lease=5, deadline=3, retry=0.3)
"""Faster than out of the box, so that a leader that dies is succeeded within seconds."""

_RBAC: Final = "/apis/rbac.authorization.k8s.io/v1"
_GROUP: Final = "admissionregistration.k8s.io"


@dataclass(frozen=True)
class Install:
    """What the manifests install, as far as certificates go, in a namespace of the test."""

    plane: ControlPlane
    namespace: str
    kubeconfig: Path

    @property
    def own(self) -> OwnObjects:
        """Where its objects are."""
        return OwnObjects(self.namespace)

    @property
    def secret(self) -> dict[str, Any]:
        """The Secret as it is."""
        return self.get(self.own.secret_path)

    @property
    def data(self) -> dict[str, bytes]:
        """What the Secret holds."""
        return {key: base64.b64decode(value) for key, value in self.secret.get("data", {}).items()}

    @property
    def holder(self) -> str | None:
        """Who holds the Lease."""
        holder: str | None = self.get(self.own.lease_path)["spec"].get("holderIdentity")
        return holder

    def configuration(self, kind: str = "mutating") -> dict[str, Any]:
        """A webhook configuration as it is."""
        return self.get(f"{CONFIGURATIONS[kind]}/{NAME}")

    def get(self, path: str) -> dict[str, Any]:
        """An object as it is."""
        value: dict[str, Any] = self.plane.admin.must("GET", path)
        return value

    def set_data(self, data: dict[str, bytes]) -> None:
        """Replace what the Secret holds."""
        encoded = {key: base64.b64encode(value).decode() for key, value in data.items()}
        value = {"metadata": {"name": SECRET}, "data": encoded}
        self.plane.admin.must("PUT", self.own.secret_path, value)

    def install_configuration(self, kind: str = "mutating") -> None:
        """Create a webhook configuration, or put it back as it was installed, without a caBundle."""
        client = {"service": {"name": NAME, "namespace": self.namespace, "port": 443, "path": "/mutate"}}
        webhook = {
            "clientConfig": client,
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": self.namespace}},
            "rules": [
                {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}
            ],
        }
        webhooks = [{"name": f"{number}.{NAME}.io", **webhook} for number in ("one", "two")]
        value = {"metadata": {"name": NAME}, "webhooks": webhooks}
        self.plane.admin.request("DELETE", f"{CONFIGURATIONS[kind]}/{NAME}")
        self.plane.admin.must("POST", CONFIGURATIONS[kind], value)

    def remove_configurations(self) -> None:
        """Delete both."""
        for path in CONFIGURATIONS.values():
            self.plane.admin.request("DELETE", f"{path}/{NAME}")


@pytest.fixture
def install(plane: ControlPlane, request: pytest.FixtureRequest) -> Iterator[Install]:
    """An install that nothing has run in yet, and a user with exactly the rights that this needs."""
    name = "certificates-" + "".join(char if char.isalnum() else "-" for char in request.node.name).strip("-").lower()
    namespace = plane.namespace(name[:60].strip("-"))
    made = Install(plane, namespace, _kubeconfig(plane, f"user-{namespace}"))
    plane.admin.must("POST", made.own.secrets_path, {"metadata": {"name": SECRET}, "type": "Opaque"})
    _grant(plane, namespace)
    made.install_configuration()
    yield made
    made.remove_configurations()
    for kind in ("clusterroles", "clusterrolebindings"):
        plane.admin.must("DELETE", f"{_RBAC}/{kind}/{namespace}")


def _kubeconfig(plane: ControlPlane, user: str) -> Path:
    pair = plane.authority.issue(user)
    value = json.loads(plane.kubeconfig("template").read_text(encoding="utf-8"))
    value["users"][0]["user"] = {"client-certificate": str(pair.cert), "client-key": str(pair.key)}
    path = plane.directory / f"{user}.kubeconfig"
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def _grant(plane: ControlPlane, namespace: str) -> None:
    def rule(group: str, resource: str, name: str, *verbs: str) -> dict[str, list[str]]:
        return {"apiGroups": [group], "resources": [resource], "resourceNames": [name], "verbs": list(verbs)}

    own = [
        rule("", "secrets", SECRET, "list", "watch", "update"),
        rule("coordination.k8s.io", "leases", NAME, "get", "update"),
        {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["create"]},
    ]
    whole = [rule(_GROUP, f"{kind}webhookconfigurations", NAME, "list", "watch", "patch") for kind in CONFIGURATIONS]
    subject = {"kind": "User", "name": f"user-{namespace}", "apiGroup": "rbac.authorization.k8s.io"}
    for path, kind, rules in (
        (f"{_RBAC}/namespaces/{namespace}/", "role", own),
        (f"{_RBAC}/", "clusterrole", whole),
    ):
        plane.admin.must("POST", f"{path}{kind}s", {"metadata": {"name": namespace}, "rules": rules})
        reference = {"kind": "Role" if kind == "role" else "ClusterRole", "name": namespace}
        reference["apiGroup"] = "rbac.authorization.k8s.io"
        binding = {"metadata": {"name": namespace}, "roleRef": reference, "subjects": [subject]}
        plane.admin.must("POST", f"{path}{kind}bindings", binding)


@dataclass(frozen=True)
class Replica:
    """A running replica."""

    certificate: ManagedCertificate
    task: asyncio.Task[None]

    async def stop(self) -> None:
        """Stop as a process does that is told to."""
        self.task.cancel()
        done, _ = await asyncio.wait({self.task}, timeout=PATIENCE_SECONDS)
        assert done, "it does not stop"


@asynccontextmanager
async def replicas(
    install: Install, *identities: str, kinds: tuple[str, ...] = ("mutating",), lifetimes: Lifetimes | None = None
) -> AsyncIterator[list[Replica]]:
    """Replicas that run as long as the block, each with a connection of its own."""
    started: list[Replica] = []
    clusters: list[ClusterClient] = []
    try:
        for identity in identities:
            clusters.append(await ClusterClient.connect(install.kubeconfig))
            certificate = ManagedCertificate(
                clusters[-1], install.own, kinds, lifetimes, identity=identity, timings=TIMINGS
            )
            started.append(Replica(certificate, asyncio.create_task(certificate.run())))
        yield started
        for replica in started:
            if replica.task.done() and not replica.task.cancelled():
                replica.task.result()
    finally:
        for replica in started:
            await replica.stop()
        for cluster in clusters:
            await cluster.close()


async def until(condition: Callable[[], object]) -> None:
    """Wait until it holds. Requests are sent from a thread, so that the replicas go on meanwhile."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not await asyncio.to_thread(condition):
        assert time.monotonic() < end, "it never came true"
        await asyncio.sleep(0.1)


async def served(certificate: ManagedCertificate, install: Install) -> x509.Certificate:
    """What a client gets that trusts the bundle in the Secret and asks for our Service by name."""
    client = ssl.create_default_context(cadata=(await asyncio.to_thread(lambda: install.data))["ca.crt"].decode())
    server = await asyncio.start_server(lambda _r, writer: writer.close(), "127.0.0.1", 0, ssl=certificate.context)
    async with server:
        port = server.sockets[0].getsockname()[1]
        name = install.own.served_names[0]
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client, server_hostname=name)
        der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.close()
        await writer.wait_closed()
    return x509.load_der_x509_certificate(der)


async def ready(started: list[Replica]) -> None:
    """Wait until all have a certificate."""
    await until(lambda: all(replica.certificate.expiry is not None for replica in started))


def injected(install: Install, kind: str = "mutating") -> bool:
    """Whether every webhook trusts what the Secret says."""
    return not bundle_patch(install.configuration(kind), install.data["ca.crt"])


async def test_two_replicas_share_one_certificate(install: Install) -> None:
    """From an empty Secret: one leads, both serve the same certificate, and every webhook trusts its CA."""
    install.install_configuration("validating")
    async with replicas(install, "one", "two", kinds=("mutating", "validating")) as started:
        await ready(started)
        first, second = [await served(replica.certificate, install) for replica in started]
        assert first == second
        await until(lambda: injected(install) and injected(install, "validating"))
        leaders = [replica.certificate.is_leader for replica in started]
        assert sorted(leaders) == [False, True]
        assert install.holder == ("one" if leaders[0] else "two")
        for replica in started:
            assert replica.certificate.expiry == first.not_valid_after_utc
            assert replica.certificate.authority_expiry is not None
    assert install.holder is None, "the last to stop gives the lease back"
    assert sorted(install.data) == ["ca.crt", "ca.key", "tls.crt", "tls.key"]


async def test_the_other_takes_over(install: Install) -> None:
    """A leader that is stopped gives the lease back, and the other looks after the same certificate."""
    async with replicas(install, "one", "two") as started:
        await ready(started)
        before = install.data
        leader, other = sorted(started, key=lambda replica: not replica.certificate.is_leader)
        began = time.monotonic()
        await leader.stop()
        assert not leader.certificate.is_leader
        await until(lambda: other.certificate.is_leader)
        print(f"taken over after {time.monotonic() - began:.1f} s")
        install.install_configuration()
        await until(lambda: injected(install))
        assert install.data == before


async def test_a_lost_leader_is_succeeded(install: Install) -> None:
    """A leader that dies without a word is succeeded once its lease has run out, not before."""
    spec = {"holderIdentity": "dead", "leaseDurationSeconds": 4, "renewTime": "2000-01-01T00:00:00.000000Z"}
    collection = install.own.lease_path.removesuffix(f"/{NAME}")
    install.plane.admin.must("POST", collection, {"metadata": {"name": NAME}, "spec": spec})
    began = time.monotonic()
    async with replicas(install, "one") as started:
        await ready(started)
        assert time.monotonic() - began >= 4
        assert install.holder == "one"
        assert install.get(install.own.lease_path)["spec"]["leaseTransitions"] == 1


async def test_a_leader_that_cannot_renew_steps_down(install: Install) -> None:
    """Whoever has taken the lease has it: the former leader writes nothing more."""
    async with replicas(install, "one") as started:
        await ready(started)
        patch = {"spec": {"holderIdentity": "usurper", "leaseDurationSeconds": 3600}}
        install.plane.admin.must("PATCH", install.own.lease_path, patch, MERGE_PATCH)
        await until(lambda: not started[0].certificate.is_leader)
        install.install_configuration()
        await asyncio.sleep(1)
        assert install.holder == "usurper"
        assert not injected(install)


async def test_a_bundle_that_is_lost_comes_back(install: Install) -> None:
    """A webhook configuration that is overwritten, deleted, created later: it has the bundle again within seconds."""
    async with replicas(install, "one", kinds=("mutating", "validating")) as started:
        await ready(started)
        await until(lambda: injected(install))
        original = install.data
        operation = {"op": "replace", "path": "/webhooks/1/clientConfig/caBundle", "value": _other_bundle(install)}
        path = f"{CONFIGURATIONS['mutating']}/{NAME}"
        install.plane.admin.must("PATCH", path, [operation], JSON_PATCH)
        assert not injected(install)
        await until(lambda: injected(install))
        install.remove_configurations()
        install.install_configuration("validating")
        await until(lambda: injected(install, "validating"))
        install.install_configuration()
        await until(lambda: injected(install))
        assert install.data == original


def _other_bundle(install: Install) -> str:
    return base64.b64encode(install.plane.authority.cert.read_bytes()).decode()


async def test_a_spoilt_secret_is_made_good(install: Install) -> None:
    """What somebody broke is put back as it was, and served all the time."""
    async with replicas(install, "one", "two") as started:
        await ready(started)
        good = install.data
        serving = await served(started[0].certificate, install)
        for spoilt in (
            {**good, "tls.crt": b"garbage"},
            {**good, "tls.key": good["ca.key"]},
            {"ca.key": good["ca.key"]},
        ):
            install.set_data(spoilt)
            await until(lambda: install.data == good)
        for replica in started:
            assert await served(replica.certificate, install) == serving


async def test_an_emptied_secret_leads_to_a_new_ca(install: Install) -> None:
    """Deleted and applied again, it gets a new CA, while what was trusted still is and what was served still is."""
    async with replicas(install, "one", "two") as started:
        await ready(started)
        before = install.data
        path = install.own.secret_path
        install.plane.admin.must("DELETE", path)
        await asyncio.sleep(0.5)
        install.plane.admin.must("POST", install.own.secrets_path, {"metadata": {"name": SECRET}})
        await until(lambda: "tls.crt" in install.data and "ca.key" in install.data)
        after = install.data
        assert after["ca.crt"].endswith(before["ca.crt"])
        assert after["ca.crt"] != before["ca.crt"]
        assert after["ca.key"] != before["ca.key"]
        assert after["tls.crt"] == before["tls.crt"]
        await until(lambda: injected(install))


async def test_rotation_under_load(install: Install) -> None:
    """Short-lived certificates through a whole rotation of the CA: no admission by way of our Service ever fails."""
    ports = free_ports(1)
    install.plane.admin.must("POST", f"/api/v1/namespaces/{install.namespace}/services", _service(ports[0]))
    _point_to(install, ports[0])
    async with replicas(install, "one", "two", lifetimes=Lifetimes.of(10)) as started:
        await ready(started)
        await until(lambda: injected(install))
        authorities, servings = {install.data["ca.crt"]}, {install.data["tls.crt"]}
        async with listening(started, ports[0]):
            path = f"/api/v1/namespaces/{install.namespace}/configmaps"
            await until(lambda: install.plane.admin.create(path, {"metadata": {"name": "first"}}, dry_run=True).ok)
            stop = asyncio.Event()
            load = asyncio.create_task(_admissions(install, stop))

            def rotated() -> bool:
                data = install.data
                authorities.add(data["ca.crt"])
                servings.add(data["tls.crt"])
                return len(authorities) >= 3  # the old one, both, the new one

            await until(rotated)
            stop.set()
            answered = await load
    print(f"{answered} admissions, {len(servings)} serving certificates")
    assert answered > 100
    assert len(servings) > 3


async def test_the_command(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    """`certs` tells what is there and what is wrong: before the first certificate, with one, with another caBundle."""
    kubeconfig = install.plane.kubeconfig("operator")
    arguments = ["certs", "--kubeconfig", str(kubeconfig), "--own-namespace", install.namespace]

    async def told(*more: str) -> tuple[int, str]:
        status = await asyncio.to_thread(main, [*arguments, *more])
        return status, capsys.readouterr().out

    status, text = await told()
    assert status == 1
    assert "problem: there is no CA" in text
    async with replicas(install, "one") as started:
        await ready(started)
        await until(lambda: injected(install))
        status, text = await told()
        assert status == 0, text
        assert "mutating webhook configuration: 2 of 2 webhooks trust these CAs" in text
        assert "leader: one" in text
        assert "PRIVATE" not in text
        status, text = await told("-o", "json")
        assert status == 0
        value = json.loads(text)
        assert value["leader"] == "one"
        assert [row["role"] for row in value["certificates"]] == ["ca", "serving"]
        assert value["certificates"][1]["names"] == list(install.own.served_names)
    install.install_configuration()
    status, text = await told()
    assert status == 1
    assert "problem: the mutating webhook configuration has another caBundle than the Secret" in text
    assert await asyncio.to_thread(main, [*arguments[:-1], "default"]) == 2
    assert "there is no Secret" in capsys.readouterr().err


def _service(port: int) -> dict[str, Any]:
    spec = {"type": "ExternalName", "externalName": "localhost", "ports": [{"port": port}]}
    return {"metadata": {"name": NAME}, "spec": spec}


def _point_to(install: Install, port: int) -> None:
    operations = [{"op": "replace", "path": f"/webhooks/{n}/clientConfig/service/port", "value": port} for n in (0, 1)]
    path = f"{CONFIGURATIONS['mutating']}/{NAME}"
    install.plane.admin.must("PATCH", path, operations, JSON_PATCH)


@asynccontextmanager
async def listening(started: list[Replica], port: int) -> AsyncIterator[None]:
    """Serve reviews on both loopback addresses, a replica on each, with a new connection for each review."""

    async def allow(request: web.Request) -> web.Response:
        review = await request.json()
        answer = {"uid": review["request"]["uid"], "allowed": True}
        reply = web.json_response({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": answer})
        reply.force_close()
        return reply

    app = web.Application()
    app.router.add_post("/mutate", allow)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port, ssl_context=started[0].certificate.context).start()
        await web.TCPSite(runner, "::1", port, ssl_context=started[1].certificate.context).start()
        yield
    finally:
        await runner.cleanup()


async def _admissions(install: Install, stop: asyncio.Event) -> int:
    """Create ConfigMaps, dry, one after the other; each has to be admitted."""
    path, count = f"/api/v1/namespaces/{install.namespace}/configmaps", 0
    while not stop.is_set():
        answer = await asyncio.to_thread(
            install.plane.admin.create, path, {"metadata": {"name": f"c{count}"}}, dry_run=True
        )
        assert answer.ok, f"admission {count}: {answer.message}"
        count += 1
    return count
