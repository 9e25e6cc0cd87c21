"""A second webhook, of the tests' own: adds a sidecar to pods that lack it, as service meshes do."""

from __future__ import annotations

import base64
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from tests.cluster.control_plane import ControlPlane
from tests.cluster.webhooks import LABEL

TOKEN_MOUNT: Final = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105 (a path)
SIDECAR: Final = "mesh"
_PATH: Final = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        request = review["request"]
        response: dict[str, Any] = {"uid": request["uid"], "allowed": True}
        if all(row["name"] != SIDECAR for row in request["object"]["spec"]["containers"]):
            sidecar = {"name": SIDECAR, "image": "mesh:1"}
            patch = [{"op": "add", "path": "/spec/containers/-", "value": sidecar}]
            response.update(patchType="JSONPatch", patch=base64.b64encode(json.dumps(patch).encode()).decode())
        body = json.dumps({"apiVersion": review["apiVersion"], "kind": review["kind"], "response": response}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def injector(plane: ControlPlane, name: str) -> Iterator[None]:
    """Serve it and register it for the namespaces labelled with `name`, to be called after the defaulter.

    The API server calls mutating webhooks in the order of their configurations' names.
    """
    pair = plane.authority.issue(f"injector-{name}")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.cert, pair.key)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    url = f"https://127.0.0.1:{server.server_address[1]}/"
    bundle = base64.b64encode(plane.authority.cert.read_bytes()).decode()
    webhook = {
        "name": f"injector.{name}.psd.test",
        "clientConfig": {"url": url, "caBundle": bundle},
        "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "timeoutSeconds": 5,
        "reinvocationPolicy": "IfNeeded",
        "namespaceSelector": {"matchLabels": {LABEL: name}},
    }
    try:
        plane.admin.must("POST", _PATH, {"metadata": {"name": f"{name}-z"}, "webhooks": [webhook]})
        yield
    finally:
        plane.admin.request("DELETE", f"{_PATH}/{name}-z")
        server.shutdown()
        server.server_close()
        thread.join()
