"""The programs of a control plane, started on loopback with their own certificates and stopped at the end."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from tests.cluster.control_plane import ADMINISTRATORS, ControlPlane
from tests.cluster.pki import Authority, KeyPair
from tests.cluster.processes import answers, free_ports, running
from tests.leftovers import KEEPERS, Kept

_START_SECONDS: Final = 90
_HERE: Final = "https://127.0.0.1"

# Metadata has the annotations of webhooks; only what the tests look at is logged, once, when the answer is sent.
_AUDIT_POLICY: Final = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        # What our own server asks for: a watch is told when it starts.
        {"level": "Metadata", "userGroups": ["system:serviceaccounts:pod-security-defaulter"]},
        {
            "level": "Metadata",
            "omitStages": ["ResponseStarted"],
            "verbs": ["create", "update", "patch"],
            "resources": [
                {"group": "", "resources": ["pods", "pods/ephemeralcontainers"]},
                {"group": "", "resources": ["podtemplates", "replicationcontrollers"]},
                {"group": "apps"},
                {"group": "batch"},
            ],
        },
        {"level": "None"},
    ],
}


class ApiServer:
    """A kube-apiserver that can be stopped and started again, on its port and with the same etcd.

    Connections that are kept alive across that are dead: a client's first request after it may raise OSError.
    """

    def __init__(self, command: Sequence[str], log: Path, is_ready: Callable[[], bool]) -> None:
        """Do not start yet."""
        self.command, self._log, self._is_ready = command, log, is_ready
        self._running = ExitStack()
        self._process: subprocess.Popen[bytes] | None = None
        KEEPERS.add(self)

    def keeps(self) -> list[Kept]:
        """Its process: another one after a restart."""
        return [self._process] if self._process else []

    def start(self) -> None:
        """Start, and wait until it is ready. The log is of this run only."""
        program = running(self.command, self._log, self._is_ready, seconds=_START_SECONDS)
        self._process = self._running.enter_context(program)

    def stop(self) -> None:
        """Stop as in any shutdown: it takes no more connections, and those with a watch keep it some seconds."""
        self._running.close()

    def kill(self) -> None:
        """End at once, as when its machine fails: every connection breaks off."""
        assert self._process is not None
        self._process.kill()
        self._running.close()

    def restart(self) -> None:
        """Stop and start: it is away for some seconds."""
        self.stop()
        self.start()


@contextmanager
def control_plane(
    directory: Path, binaries: Path, extra: Sequence[str] = (), names: Sequence[str] = ()
) -> Iterator[ControlPlane]:
    """Start etcd and kube-apiserver in `directory`, and stop them at the end of the block.

    `extra` arguments of the API server come last: of a flag given twice the last counts. Its certificate has
    `names` beside those of loopback.
    """
    with restartable(directory, binaries, extra, names) as (plane, _):
        yield plane


@contextmanager
def restartable(
    directory: Path, binaries: Path, extra: Sequence[str] = (), names: Sequence[str] = ()
) -> Iterator[tuple[ControlPlane, ApiServer]]:
    """A control plane whose API server the test stops and starts."""
    authority = Authority(directory, names)
    probe = authority.context(authority.issue("probe", ADMINISTRATORS))
    etcd_port, peer_port, port = free_ports(3)
    with ExitStack() as stack:
        etcd = authority.issue("etcd")
        command = [str(binaries / "etcd"), *_etcd(directory, authority, etcd), *_etcd_ports(etcd_port, peer_port)]
        ready = answers(f"{_HERE}:{etcd_port}/health", probe)
        stack.enter_context(running(command, directory / "etcd.log", ready, seconds=_START_SECONDS))

        command = [str(binaries / "kube-apiserver"), f"--secure-port={port}", *_api_server(directory, authority)]
        command += [*_to_etcd(etcd_port, authority, etcd), *extra]
        server = ApiServer(command, directory / "kube-apiserver.log", answers(f"{_HERE}:{port}/readyz", probe))
        stack.callback(server.stop)
        server.start()

        plane = ControlPlane(directory, binaries, authority, port)
        stack.callback(plane.close)
        yield plane, server


def _etcd(directory: Path, authority: Authority, pair: KeyPair) -> list[str]:
    return [
        "--name=etcd",
        f"--data-dir={directory / 'etcd'}",
        "--unsafe-no-fsync",
        f"--cert-file={pair.cert}",
        f"--key-file={pair.key}",
        f"--trusted-ca-file={authority.cert}",
        "--client-cert-auth",
        "--log-level=warn",
    ]


def _etcd_ports(port: int, peer_port: int) -> list[str]:
    url, peer = f"{_HERE}:{port}", f"http://127.0.0.1:{peer_port}"
    return [
        f"--listen-client-urls={url}",
        f"--advertise-client-urls={url}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=etcd={peer}",
    ]


def _to_etcd(port: int, authority: Authority, pair: KeyPair) -> list[str]:
    return [
        f"--etcd-servers={_HERE}:{port}",
        f"--etcd-cafile={authority.cert}",
        f"--etcd-certfile={pair.cert}",
        f"--etcd-keyfile={pair.key}",
    ]


def _api_server(directory: Path, authority: Authority) -> list[str]:
    server, accounts = authority.issue("kube-apiserver"), authority.signing_keys("service-accounts")
    policy = directory / "audit.yaml"
    policy.write_text(json.dumps(_AUDIT_POLICY), encoding="utf-8")
    return [
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        "--endpoint-reconciler-type=none",  # a loopback address may not be an endpoint
        f"--tls-cert-file={server.cert}",
        f"--tls-private-key-file={server.key}",
        f"--client-ca-file={authority.cert}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged=true",
        "--service-cluster-ip-range=10.0.0.0/24",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={accounts.cert}",
        f"--service-account-signing-key-file={accounts.key}",
        f"--audit-policy-file={policy}",
        f"--audit-log-path={directory / 'audit.log'}",
        "--audit-log-maxsize=10000",  # MB: never rotated
    ]


@contextmanager
def controller_manager(plane: ControlPlane) -> Iterator[None]:
    """Run kube-controller-manager beside a control plane, without what acts on nodes that have no kubelet."""
    (port,) = free_ports(1)
    pair = plane.authority.issue("kube-controller-manager")
    command = [
        str(plane.binaries / "kube-controller-manager"),
        f"--kubeconfig={plane.kubeconfig('system:kube-controller-manager')}",
        f"--service-account-private-key-file={plane.directory / 'service-accounts.key'}",
        f"--root-ca-file={plane.authority.cert}",
        "--controllers=*,-node-lifecycle-controller,-taint-eviction-controller,-node-ipam-controller",
        "--leader-elect=false",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        f"--tls-cert-file={pair.cert}",
        f"--tls-private-key-file={pair.key}",
    ]
    ready = answers(f"{_HERE}:{port}/healthz", plane.authority.context(pair))
    with running(command, plane.directory / "kube-controller-manager.log", ready, seconds=_START_SECONDS):
        yield
