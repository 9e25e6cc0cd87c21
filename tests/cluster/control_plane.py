"""A running API server, as the tests use it: its clients, its audit log, and what they create in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final
from weakref import WeakSet

from tests.cluster.audit import AuditLog
from tests.cluster.client import Client
from tests.cluster.pki import Authority

BYPASS: Final = "without-webhooks"
"""The group whose requests our webhooks are not asked about: what they get is what happens without us."""
ADMINISTRATORS: Final = "system:masters"


class ControlPlane:
    """A running API server. `admin` may do everything, `bypassing` too, and meets none of our webhooks."""

    def __init__(self, directory: Path, binaries: Path, authority: Authority, port: int) -> None:
        """Describe an API server that serves on `port`, with its files in `directory`."""
        self.directory = directory
        self.binaries = binaries
        self.authority = authority
        self.address = f"https://127.0.0.1:{port}"
        self.audit = AuditLog(directory / "audit.log")
        self._port = port
        self._clients: list[Client] = []
        PLANES.add(self)
        self.admin = self.client("admin", ADMINISTRATORS)
        self.bypassing = self.client("bypassing", ADMINISTRATORS, BYPASS)
        self.minor = int(self.admin.must("GET", "/version")["minor"].rstrip("+"))

    def client(self, user: str, *groups: str) -> Client:
        """A client that is this user."""
        client = Client(self._port, self.authority.context(self.authority.issue(user, *groups)))
        self._clients.append(client)
        return client

    def kubeconfig(self, user: str, group: str = ADMINISTRATORS, server: str = "") -> Path:
        """A kubeconfig for a user of a group. `server`: by which to reach the API server, if not directly."""
        pair = self.authority.issue(user, group)
        cluster = {"server": server or self.address, "certificate-authority": str(self.authority.cert)}
        certificate = {"client-certificate": str(pair.cert), "client-key": str(pair.key)}
        value = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": user, "user": certificate}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": user}}],
        }
        path = self.directory / f"{user.replace(':', '-')}.kubeconfig"
        path.write_text(json.dumps(value), encoding="utf-8")
        return path

    def close(self) -> None:
        """Close the connections of its clients, which connect again when they are used again."""
        for client in self._clients:
            client.close()

    def namespace(self, name: str, labels: dict[str, str] | None = None, **metadata: Any) -> str:
        """Create a namespace with its account `default`, which without kube-controller-manager nobody else does."""
        value = {"metadata": {"name": name, "labels": labels or {}, **metadata}}
        self.admin.must("POST", "/api/v1/namespaces", value)
        self.account(name, "default")
        return name

    def account(self, namespace: str, name: str, **fields: Any) -> None:
        """Create a ServiceAccount, or replace what kube-controller-manager has made of it already."""
        value = {"metadata": {"name": name}, **fields}
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts"
        answer = self.admin.create(path, value)
        if answer.status == 409:
            answer = self.admin.request("PUT", f"{path}/{name}", value)
        assert answer.ok, answer.message


PLANES: Final[WeakSet[ControlPlane]] = WeakSet()
"""Those that run."""
