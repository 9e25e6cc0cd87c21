"""A second webhook, of the tests' own: by default it adds a sidecar to pods that lack it, as service meshes do."""

from __future__ import annotations

import base64
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from tests.cluster.client import pods
from tests.cluster.control_plane import ControlPlane
from tests.cluster.webhooks import LABEL

TOKEN_MOUNT: Final = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105 (a path)
SIDECAR: Final = "mesh"
_PATH: Final = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
_WAIT_SECONDS: Final = 20

Change = Callable[[Any], dict[str, Any]]
"""From a pod to the fields of an answer; `patch` is a list of operations."""


def has_sidecar(pod: Any) -> bool:
    """Whether the sidecar has been added."""
    return any(row["name"] == SIDECAR for row in pod["spec"]["containers"])


def add_sidecar(pod: Any) -> dict[str, Any]:
    """Add it once."""
    sidecar = {"name": SIDECAR, "image": "mesh:1"}
    return {} if has_sidecar(pod) else {"patch": [{"op": "add", "path": "/spec/containers/-", "value": sidecar}]}


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, change: Change) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.change = change
        self.received: list[tuple[str, Any]] = []


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        request = review["request"]
        assert isinstance(self.server, _Server)
        self.server.received.append((self.path, request))
        response = {"uid": request["uid"], "allowed": True, **self.server.change(request["object"])}
        if "patch" in response:
            patch = base64.b64encode(json.dumps(response["patch"]).encode()).decode()
            response.update(patchType="JSONPatch", patch=patch)
        body = json.dumps({"apiVersion": review["apiVersion"], "kind": review["kind"], "response": response}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")  # else the API server keeps it, and a thread of ours waits at it
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def injector(
    plane: ControlPlane, name: str, change: Change = add_sidecar, *, first: bool = False, **fields: Any
) -> Iterator[list[tuple[str, Any]]]:
    """Serve it and register it for the namespaces labelled with `name`; the paths and requests that it receives.

    It is called after the defaulter, or with `first` before: the API server calls mutating webhooks in the order of
    their configurations' names. It meets the requests that bypass the defaulter too.
    """
    configuration = f"a-{name}" if first else f"{name}-z"
    pair = plane.authority.issue(f"injector-{configuration}")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.cert, pair.key)
    server = _Server(change)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    webhook = {
        "name": f"injector.{configuration}.psd.test",
        "clientConfig": {
            "url": f"https://127.0.0.1:{server.server_address[1]}/",
            "caBundle": base64.b64encode(plane.authority.cert.read_bytes()).decode(),
        },
        "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "timeoutSeconds": 5,
        "reinvocationPolicy": "IfNeeded",
        "namespaceSelector": {"matchLabels": {LABEL: name}},
        **fields,
    }
    try:
        plane.admin.must("POST", _PATH, {"metadata": {"name": configuration}, "webhooks": [webhook]})
        probe = {"metadata": {"generateName": "probe-"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
        end = time.monotonic() + _WAIT_SECONDS
        while not server.received:
            assert time.monotonic() < end, "the API server does not call the injector"
            plane.admin.create(pods(f"{name}-probe"), probe, dry_run=True)
        yield server.received
    finally:
        plane.admin.request("DELETE", f"{_PATH}/{configuration}")
        server.shutdown()
        server.server_close()
        thread.join()
