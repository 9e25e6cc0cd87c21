"""Two nodes and what they have in a cluster, for the requests of node_requests, and the bodies of these."""

from __future__ import annotations

import base64
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from tests.cluster.client import pods
from tests.cluster.control_plane import ControlPlane

SPACE: Final = "node-restriction"
NODE: Final = "node-a"
OTHER: Final = "node-b"
USERS: Final = {
    "": (f"system:node:{NODE}", "system:nodes"),
    "new": ("system:node:node-new", "system:nodes"),
    "nameless": ("system:node:", "system:nodes"),
    "no-group": (f"system:node:{NODE}", "operators"),
    "no-prefix": (NODE, "system:nodes"),
}
"""Users by the name that a row has for them; without one it is the node itself."""

NODES: Final = "/api/v1/nodes"
CLAIMS: Final = f"/api/v1/namespaces/{SPACE}/persistentvolumeclaims"
LEASES: Final = "/apis/coordination.k8s.io/v1/namespaces/{}/leases"
CSI_NODES: Final = "/apis/storage.k8s.io/v1/csinodes"
SLICES: Final = "/apis/resource.k8s.io/v1/resourceslices"
REQUESTS: Final = "/apis/certificates.k8s.io/v1/namespaces/{}/podcertificaterequests"
SIGNING_REQUESTS: Final = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
TOKEN: Final = f"/api/v1/namespaces/{SPACE}/serviceaccounts/default/token"

TAINT: Final = {"key": "team", "value": "a", "effect": "NoSchedule"}
OWNER: Final = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": "0"}
IMAGE: Final = {"name": "c", "image": "registry.example/app:1"}
DEVICE: Final = "example.com/device"
SIGNER: Final = "example.com/signer"
CREDENTIALS: Final = [
    {"serviceAccountToken": {"path": "token"}},
    {"podCertificate": {"signerName": SIGNER, "keyType": "ED25519", "credentialBundlePath": "bundle"}},
]
POD: Final = {
    "containers": [{**IMAGE, "resources": {"requests": {"cpu": "1", DEVICE: "1"}, "limits": {DEVICE: "1"}}}],
    "volumes": [{"name": "credentials", "projected": {"sources": CREDENTIALS}}],
    "resourceClaims": [{"name": "claim", "resourceClaimName": "claim"}],
    "serviceAccountName": "default",
}
_VERBS: Final = ("get", "create", "update", "patch", "delete", "deletecollection")
"""Enough that only admission decides, without the verbs that the plugin asks about."""


def prepare(plane: ControlPlane) -> dict[str, str]:
    """Two nodes with what they have; the uids of some of it, by name."""
    admin = plane.admin
    value = {
        "metadata": {"name": "everything"},
        "rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": list(_VERBS)}],
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "everything"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "system:authenticated"}],
    }
    for resource in ("clusterroles", "clusterrolebindings"):  # each ignores what it does not know of
        admin.must("POST", f"/apis/rbac.authorization.k8s.io/v1/{resource}", value)
    plane.namespace(SPACE)
    uids: dict[str, str] = {}
    for name in (NODE, OTHER):
        labels = {"team": "a", "node-role.kubernetes.io/worker": "", "node.kubernetes.io/team": "a"}
        node = {"metadata": {"name": name, "labels": labels}, "spec": {"taints": [TAINT, {**TAINT, "key": "two"}]}}
        node["status"] = {"allocatable": {"cpu": "8", "pods": "8"}}  # else no pod of it can be resized
        uids[name] = admin.must("POST", NODES, node)["metadata"]["uid"]
        pod = {"metadata": {"name": f"on-{name}"}, "spec": {"nodeName": name, **POD}}
        uids[f"on-{name}"] = admin.must("POST", pods(SPACE), pod)["metadata"]["uid"]
        for namespace in ("kube-node-lease", SPACE):
            admin.must("POST", LEASES.format(namespace), {"metadata": {"name": name}})
        admin.must("POST", CSI_NODES, {"metadata": {"name": name}, "spec": {"drivers": []}})
        admin.must("POST", SLICES, slice_of(f"of-{name}", nodeName=name))
    admin.must("POST", SLICES, slice_of("of-all", allNodes=True))
    pod = {"metadata": {"name": "unbound"}, "spec": {"containers": [IMAGE]}}
    uids["unbound"] = admin.must("POST", pods(SPACE), pod)["metadata"]["uid"]
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    admin.must("POST", CLAIMS, {"metadata": {"name": "claim", "labels": {"team": "a"}}, "spec": spec})
    account = admin.must("GET", f"/api/v1/namespaces/{SPACE}/serviceaccounts/default")
    uids["default"] = account["metadata"]["uid"]
    admin.must("POST", REQUESTS.format(SPACE), certificate(uids, NODE, "old"))
    return uids


def labels(*keys: str, value: str | None = "b") -> dict[str, Any]:
    """A patch that sets these labels, or takes them away."""
    return {"metadata": {"labels": dict.fromkeys(keys, value)}}


def added(path: str, value: Any) -> dict[str, Any]:
    """One operation of a JSON patch."""
    return {"op": "add", "path": path, "value": value}


def node(name: str, *labels: str, **spec: Any) -> dict[str, Any]:
    """A Node with these labels."""
    return {"metadata": {"name": name, "labels": dict.fromkeys(labels, "b")}, "spec": spec}


def mirror(
    uids: dict[str, str],
    *,
    annotations: dict[str, str] | None = None,
    owners: list[Any] | None = None,
    **spec: Any,
) -> dict[str, Any]:
    """The mirror of a static pod of the node, as the kubelet makes it, but for what is given."""
    owner = {"apiVersion": "v1", "kind": "Node", "name": NODE, "uid": uids[NODE], "controller": True}
    return {
        "metadata": {
            "name": "mirror",
            "annotations": {"kubernetes.io/config.mirror": "hash"} if annotations is None else annotations,
            "ownerReferences": [owner] if owners is None else owners,
        },
        "spec": {"nodeName": NODE, "containers": [IMAGE], **spec},
    }


def eviction(pod: str) -> dict[str, Any]:
    """An Eviction."""
    return {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": SPACE}}


def token(uids: dict[str, str], pod: str) -> dict[str, Any]:
    """A request for a token that is bound to a pod."""
    return {"spec": {"boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": pod, "uid": uids[pod]}}}


def slice_of(name: str, **spec: Any) -> dict[str, Any]:
    """A ResourceSlice."""
    pool = {"name": name, "generation": 1, "resourceSliceCount": 1}
    return {"metadata": {"name": name}, "spec": {"driver": "driver.example", "pool": pool, **spec}}


def event() -> dict[str, Any]:
    """An Event about the node's pod."""
    involved = {"kind": "Pod", "namespace": SPACE, "name": f"on-{NODE}"}
    return {"metadata": {"name": "event", "namespace": SPACE}, "involvedObject": involved}


def certificate(uids: dict[str, str], node: str, name: str = "new") -> dict[str, Any]:
    """A PodCertificateRequest for the pod on a node."""
    spec = {
        "signerName": SIGNER,
        "podName": f"on-{node}",
        "podUID": uids[f"on-{node}"],
        "serviceAccountName": "default",
        "serviceAccountUID": uids["default"],
        "nodeName": node,
        "nodeUID": uids[node],
        "maxExpirationSeconds": 86400,
        "stubPKCS10Request": _request(Encoding.DER),
    }
    return {"metadata": {"name": name, "namespace": SPACE}, "spec": spec}


def signing_request(user: str) -> dict[str, Any]:
    """A CertificateSigningRequest for the client certificate of a kubelet."""
    spec = {
        "signerName": "kubernetes.io/kube-apiserver-client-kubelet",
        "usages": ["client auth", "digital signature"],
        "request": _request(Encoding.PEM, organization="system:nodes", user=user),
    }
    return {"metadata": {"name": "new"}, "spec": spec}


def _request(encoding: Encoding, organization: str = "", user: str = "") -> str:
    names = ((NameOID.ORGANIZATION_NAME, organization), (NameOID.COMMON_NAME, user))
    subject = x509.Name([x509.NameAttribute(oid, value) for oid, value in names if value])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    request = builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return base64.b64encode(request.public_bytes(encoding)).decode()
