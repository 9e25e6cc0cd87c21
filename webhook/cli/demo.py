"""`serve --demo`: sends one review to the new server and prints the decoded response."""

from __future__ import annotations

import base64
import json
import ssl
from pathlib import Path
from typing import Any, Final

import aiohttp

_REVIEW: Final[dict[str, Any]] = {
    "apiVersion": "admission.k8s.io/v1",
    "kind": "AdmissionReview",
    "request": {
        "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "namespace": "default",
        "operation": "CREATE",
        "object": {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "hello", "namespace": "default"},
            "spec": {"containers": [{"name": "web", "image": "nginx", "ports": [{"containerPort": 80}]}]},
        },
    },
}


async def show(address: str, authority: Path) -> None:
    """Print a curl command to paste, send the same review to `address`, and print the response."""
    print("\nTry it from another terminal:\n")
    print("curl --silent --header 'Content-Type: application/json' --data-binary @- \\")
    print(f"  --cacert {authority} {address}/mutate <<'EOF'")
    print(json.dumps(_REVIEW))
    print("EOF\n")
    context = ssl.create_default_context(cafile=authority)
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session,
        session.post(f"{address}/mutate", json=_REVIEW, ssl=context) as reply,
    ):
        response = (await reply.json())["response"]
    print(f"What came back: allowed {str(response['allowed']).lower()}, and this patch (RFC 6902):\n")
    for operation in json.loads(base64.b64decode(response["patch"])):
        print(f"  {operation['op']:<4} {operation['path']} = {json.dumps(operation['value'])}")
    for warning in response.get("warnings", ()):
        print(f"\n  warning: {warning}")
    print("\nStop it with Ctrl-C.", flush=True)
