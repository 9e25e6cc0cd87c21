"""`--client-ca`: only an API server that shows its own certificate is answered."""

from __future__ import annotations

import json
import socket
import ssl
from pathlib import Path

import pytest

from tests.cluster import binaries
from tests.cluster.installed import MODE, NAME, PORT, eventually, installed
from tests.cluster.kubectl import Kubectl
from tests.cluster.pki import Authority
from tests.cluster.programs import control_plane

pytestmark = pytest.mark.cluster


def _admission_configuration(directory: Path, authority: Authority) -> Path:
    """What tells an API server which certificate to show to our Service."""
    pair = authority.issue("api-server-of-this-cluster")
    user = {"client-certificate": str(pair.cert), "client-key": str(pair.key)}
    users = {"apiVersion": "v1", "kind": "Config", "users": [{"name": f"{NAME}.{NAME}.svc", "user": user}]}
    (directory / "webhooks.kubeconfig").write_text(json.dumps(users))
    plugin = {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "WebhookAdmissionConfiguration",
        "kubeConfigFile": str(directory / "webhooks.kubeconfig"),
    }
    value = {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "AdmissionConfiguration",
        "plugins": [{"name": "MutatingAdmissionWebhook", "configuration": plugin}],
    }
    path = directory / "admission.yaml"
    path.write_text(json.dumps(value))
    return path


def test_only_the_api_server_is_answered(tmp_path: Path) -> None:
    """It is, by its certificate; who has none, or one of another CA, gets an alert and no answer."""
    found = binaries.find("etcd", "kube-apiserver", "kubectl")
    for name in ("plane", "clients", "others", "kubectl"):
        (tmp_path / name).mkdir()
    clients, others = Authority(tmp_path / "clients"), Authority(tmp_path / "others")
    configuration = _admission_configuration(tmp_path / "clients", clients)
    extra = [f"--admission-control-config-file={configuration}"]
    with control_plane(tmp_path / "plane", found, extra) as plane:
        kubectl = Kubectl(plane, tmp_path / "kubectl")
        with installed(plane, kubectl, tmp_path / "served", extra=[f"--client-ca={clients.cert}"]) as install:
            plane.namespace("opted-in", {MODE: "enforce"})
            eventually(lambda: install.is_defaulted("opted-in"), "the API server is answered")
            assert not _is_answered(None)
            assert not _is_answered(others)
            assert _is_answered(clients)
            assert install.is_defaulted("opted-in")


def _is_answered(authority: Authority | None) -> bool:
    """Whether a client with a certificate of this CA, or without one, gets an answer to a request."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if authority is not None:
        pair = authority.issue("somebody")
        context.load_cert_chain(pair.cert, pair.key)
    try:
        with (
            socket.create_connection(("127.0.0.1", PORT), timeout=10) as plain,
            context.wrap_socket(plain, server_hostname=f"{NAME}.{NAME}.svc") as connection,
        ):
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return connection.recv(100).startswith(b"HTTP/1.1 200")
    except (ssl.SSLError, ConnectionError):
        return False
