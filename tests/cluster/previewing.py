"""The preview of the component as a caller sees it: requests over TLS, and the tokens that go with them."""

from __future__ import annotations

import base64
import http.client
import json
import socket
import ssl
import time
from collections.abc import Mapping
from email.message import Message
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests.cluster.control_plane import ControlPlane

_RBAC: Final = "rbac.authorization.k8s.io"
_TIMEOUT_SECONDS: Final = 60
_ATTEMPTS: Final = 30


class Reply(NamedTuple):
    """What the preview answered."""

    status: int
    headers: Message
    text: str

    @property
    def report(self) -> Any:
        """The body of a success."""
        assert self.status == 200, f"{self.status} {self.text}"
        return json.loads(self.text)

    @property
    def message(self) -> str:
        """Why there is none. Nothing but a message is in such an answer."""
        assert self.status != 200
        value = json.loads(self.text)
        assert value.keys() == {"message", "field"}
        return str(value["message"])


class Previews:
    """A caller without a token of its own."""

    def __init__(self, port: int, authority: Path) -> None:
        """Ask this port of loopback, whose certificate must be of the CA in this file."""
        self._port = port
        self._context = ssl.create_default_context(cafile=authority)

    def get(self, path: str) -> Reply:
        """GET without a token."""
        return self._once("GET", path, None, {})

    def ask(self, body: Any, token: str | None = None, *, headers: Mapping[str, str] = {}, **query: str) -> Reply:
        """Preview manifests, or text as it is; told to come again, it does."""
        text = body if isinstance(body, str | bytes) else json.dumps(body)
        data = text.encode() if isinstance(text, str) else text
        sent = {"Content-Type": "application/yaml", **headers}
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        path = f"/preview?{urlencode(query)}"
        reply = self._once("POST", path, data, sent)
        for _ in range(_ATTEMPTS):
            if reply.status != 429:
                break
            time.sleep(int(reply.headers["Retry-After"]))
            reply = self._once("POST", path, data, sent)
        return reply

    def raw(self, request: bytes) -> int:
        """Send these bytes; the status of what is answered."""
        with (
            socket.create_connection(("localhost", self._port), _TIMEOUT_SECONDS) as plain,
            self._context.wrap_socket(plain, server_hostname="localhost") as connection,
        ):
            connection.sendall(request)
            return int(connection.recv(1000).split()[1])

    def _once(self, method: str, path: str, data: bytes | None, headers: Mapping[str, str]) -> Reply:
        connection = http.client.HTTPSConnection(
            "localhost", self._port, context=self._context, timeout=_TIMEOUT_SECONDS
        )
        try:
            connection.request(method, path, data, dict(headers))
            response = connection.getresponse()
            return Reply(response.status, response.headers, response.read().decode())
        finally:
            connection.close()


def may_create_pods(plane: ControlPlane, namespace: str, account: str, home: str) -> str:
    """Give an account of the namespace `home` this one right; the path of the binding, which takes it away again."""
    path = f"/apis/{_RBAC}/v1/namespaces/{namespace}"
    name = f"{home}-{account}"
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["create"]}]
    plane.admin.must("POST", f"{path}/roles", {"metadata": {"name": name}, "rules": rules})
    reference = {"apiGroup": _RBAC, "kind": "Role", "name": name}
    subject = {"kind": "ServiceAccount", "name": account, "namespace": home}
    plane.admin.must(
        "POST", f"{path}/rolebindings", {"metadata": {"name": name}, "roleRef": reference, "subjects": [subject]}
    )
    return f"{path}/rolebindings/{name}"


def new_token(plane: ControlPlane, namespace: str, account: str, **spec: Any) -> str:
    """A token as `kubectl create token` makes it."""
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
    return str(plane.admin.must("POST", path, request)["status"]["token"])


def signed_again(plane: ControlPlane, token: str, **claims: Any) -> str:
    """The token with other claims, signed by the API server's own key."""
    header, payload, _ = token.split(".")
    body = {**json.loads(base64.urlsafe_b64decode(payload + "==")), **claims}
    text = f"{header}.{_encoded(json.dumps(body).encode())}"
    key = load_pem_private_key((plane.directory / "service-accounts.key").read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    pair = decode_dss_signature(key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
    return f"{text}.{_encoded(b''.join(number.to_bytes(32) for number in pair))}"


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
