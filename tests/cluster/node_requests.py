"""What a node may ask for and what not: the requests on which node-restriction and NodeRestriction are compared."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from tests.cluster.client import JSON_PATCH, pods
from tests.cluster.node_objects import (
    CLAIMS,
    CREDENTIALS,
    CSI_NODES,
    DEVICE,
    IMAGE,
    LEASES,
    NODE,
    NODES,
    OTHER,
    OWNER,
    REQUESTS,
    SIGNING_REQUESTS,
    SLICES,
    SPACE,
    TAINT,
    TOKEN,
    added,
    certificate,
    event,
    eviction,
    labels,
    mirror,
    node,
    signing_request,
    slice_of,
    token,
)
from tests.cluster.policies import Row

_OWN_LABELS: Final = [
    "team",
    "example.com/team",
    "kubernetes.io.example.com/team",
    "notkubernetes.io/team",
    "notk8s.io/team",
    "kubelet.kubernetes.io/team",
    "sub.kubelet.kubernetes.io/team",
    "node.kubernetes.io/team",
    "sub.node.kubernetes.io/team",
    "node.kubernetes.io/instance-type",
    "kubernetes.io/hostname",
    "kubernetes.io/os",
    "kubernetes.io/arch",
    "beta.kubernetes.io/os",
    "beta.kubernetes.io/arch",
    "beta.kubernetes.io/instance-type",
    "topology.kubernetes.io/zone",
    "topology.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region",
]
_RESERVED_LABELS: Final = [
    "node-restriction.kubernetes.io/team",
    "sub.node-restriction.kubernetes.io/team",
    "node-role.kubernetes.io/control-plane",
    "node-role.kubernetes.io/worker",
    "kubernetes.io/team",
    "k8s.io/team",
    "sub.k8s.io/team",
    "kubelet.k8s.io/team",
    "node.k8s.io/team",
    "notnode.kubernetes.io/team",
    "topology.kubernetes.io/rack",
    "beta.kubernetes.io/team",
    "pod-security.kubernetes.io/team",
]
_FIELD: Final = {"fieldPath": "metadata.name"}
_CLAIM_STATUSES: Final = {
    "resourceClaimStatuses": [{"name": "claim", "resourceClaimName": "another"}],
    "extendedResourceClaimStatus": {
        "resourceClaimName": "another",
        "requestMappings": [{"containerName": "c", "resourceName": DEVICE, "requestName": "r"}],
    },
}
_RESIZING: Final = {"type": "Resizing", "status": "True"}
_HARMLESS_VOLUMES: Final[dict[str, Any]] = {
    "hostPath": {"hostPath": {"path": "/var"}},
    "emptyDir": {"emptyDir": {}},
    "downwardAPI": {"downwardAPI": {"items": [{"path": "name", "fieldRef": _FIELD}]}},
    "projected downwardAPI": {
        "projected": {"sources": [{"downwardAPI": {"items": [{"path": "n", "fieldRef": _FIELD}]}}]}
    },
    "image": {"image": {"reference": "registry.example/data:1"}},
    "nfs": {"nfs": {"server": "nfs.example", "path": "/"}},
    "cephfs": {"cephfs": {"monitors": ["m"]}},
}
_SECRET: Final = {"secretRef": {"name": "s"}}
_REFERRING_VOLUMES: Final[dict[str, Any]] = {
    "configMap": {"configMap": {"name": "c"}},
    "secret": {"secret": {"secretName": "s"}},
    "claim": {"persistentVolumeClaim": {"claimName": "claim"}},
    "csi": {"csi": {"driver": "csi.example"}},
    "glusterfs": {"glusterfs": {"endpoints": "e", "path": "/"}},
    "azureFile": {"azureFile": {"secretName": "s", "shareName": "s"}},
    "ephemeral": {
        "ephemeral": {
            "volumeClaimTemplate": {
                "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
            }
        }
    },
    "projected secret": {"projected": {"sources": [{"secret": {"name": "s"}}]}},
    "projected configMap": {"projected": {"sources": [{"configMap": {"name": "c"}}]}},
    "projected bundle": {"projected": {"sources": [{"clusterTrustBundle": {"name": "b", "path": "b"}}]}},
    "cephfs secret": {"cephfs": {"monitors": ["m"], **_SECRET}},
    "cinder secret": {"cinder": {"volumeID": "v", **_SECRET}},
    "flexVolume secret": {"flexVolume": {"driver": "example/flex", **_SECRET}},
    "iscsi secret": {
        "iscsi": {
            "targetPortal": "10.0.0.1",
            "iqn": "iqn.2001-04.example:a",
            "lun": 0,
            "chapAuthSession": True,
            **_SECRET,
        }
    },
    "rbd secret": {"rbd": {"monitors": ["m"], "image": "i", **_SECRET}},
    "scaleIO secret": {
        "scaleIO": {"gateway": "g", "system": "s", "volumeName": "v", "storageMode": "ThinProvisioned", **_SECRET}
    },
    "storageos secret": {"storageos": {"volumeName": "v", **_SECRET}},
}


def _env(**source: Any) -> dict[str, Any]:
    return {"name": "A", "valueFrom": source}


_REFERRING_CONTAINERS: Final[dict[str, Any]] = {
    "secret in env": {"env": [_env(secretKeyRef={"name": "s", "key": "k"})]},
    "configMap in env": {"env": [_env(configMapKeyRef={"name": "c", "key": "k"})]},
    "secret in envFrom": {"envFrom": [{"secretRef": {"name": "s"}}]},
    "configMap in envFrom": {"envFrom": [{"configMapRef": {"name": "c"}}]},
}


def allowed(uids: dict[str, str]) -> Iterator[Row]:
    """What both let a node do."""
    own = f"{NODES}/{NODE}"
    for key in _OWN_LABELS:
        yield Row(f"label {key}", "PATCH", own, labels(key))
    yield Row("label at registration", "POST", NODES, node("node-new", *_OWN_LABELS), user="new")
    yield Row("taints at registration", "POST", NODES, node("node-new", taints=[TAINT]), user="new")
    yield Row("own label gone", "PATCH", own, labels("team", value=None))
    yield Row("own node", "PATCH", own, {"metadata": {"annotations": {"a": "b"}}})
    yield Row("own node's status", "PATCH", f"{own}/status", {"status": {"capacity": {"cpu": "4"}}})
    yield Row("own node gone", "DELETE", own)
    yield Row("another's node without the group", "DELETE", f"{NODES}/{OTHER}", user="no-group")
    yield Row("another's node without the prefix", "DELETE", f"{NODES}/{OTHER}", user="no-prefix")
    yield Row("other things", "POST", f"/api/v1/namespaces/{SPACE}/configmaps", {"metadata": {"name": "new"}})
    yield Row("an event", "POST", f"/api/v1/namespaces/{SPACE}/events", event())

    yield Row("mirror pod", "POST", pods(SPACE), mirror(uids))
    for name, volume in _HARMLESS_VOLUMES.items():
        yield Row(f"mirror pod with {name}", "POST", pods(SPACE), mirror(uids, volumes=[{"name": "v", **volume}]))
    value = mirror(uids, containers=[{**IMAGE, "env": [{"name": "B", "value": "b"}, _env(fieldRef=_FIELD)]}])
    yield Row("mirror pod with variables", "POST", pods(SPACE), value)
    yield Row("own pod gone", "DELETE", f"{pods(SPACE)}/on-{NODE}")
    yield Row("own pod's status", "PATCH", f"{pods(SPACE)}/on-{NODE}/status", {"status": {"phase": "Running"}})
    yield Row("own pod evicted", "POST", f"{pods(SPACE)}/on-{NODE}/eviction", eviction(f"on-{NODE}"))
    yield Row(
        "any pod evicted by another user",
        "POST",
        f"{pods(SPACE)}/unbound/eviction",
        eviction("unbound"),
        user="no-group",
    )

    for field, content in {
        "capacity": {"storage": "2Gi"},
        "conditions": [_RESIZING],
        "allocatedResources": {"storage": "2Gi"},
        "allocatedResourceStatuses": {"storage": "NodeResizeInProgress"},
    }.items():
        yield Row(f"claim's {field}", "PATCH", f"{CLAIMS}/claim/status", {"status": {field: content}})
    yield Row("token of own pod", "POST", TOKEN, token(uids, f"on-{NODE}"))
    lease = f"{LEASES.format('kube-node-lease')}/{NODE}"
    yield Row("own lease", "PATCH", lease, {"spec": {"holderIdentity": NODE}})
    yield Row("own lease gone", "DELETE", lease)
    yield Row("own lease new", "POST", LEASES.format("kube-node-lease"), {"metadata": {"name": "node-new"}}, user="new")
    yield Row("own CSINode", "PATCH", f"{CSI_NODES}/{NODE}", {"metadata": {"labels": {"a": "b"}}})
    yield Row("own CSINode gone", "DELETE", f"{CSI_NODES}/{NODE}")
    yield Row(
        "own CSINode new", "POST", CSI_NODES, {"metadata": {"name": "node-new"}, "spec": {"drivers": []}}, user="new"
    )
    yield Row("own slice new", "POST", SLICES, slice_of("new", nodeName=NODE))
    yield Row("own slice gone", "DELETE", f"{SLICES}/of-{NODE}")
    yield Row("certificate of own pod", "POST", REQUESTS.format(SPACE), certificate(uids, NODE))
    yield Row("own signing request", "POST", SIGNING_REQUESTS, signing_request(f"system:node:{NODE}"))
    yield Row("any slice changed", "PATCH", f"{SLICES}/of-{OTHER}", {"metadata": {"labels": {"a": "b"}}})


def refused(uids: dict[str, str]) -> Iterator[Row]:
    """What both refuse."""
    yield from _refused_nodes()
    yield from _refused_pods(uids)
    yield from _refused_others(uids)


def _refused_nodes() -> Iterator[Row]:
    own = f"{NODES}/{NODE}"
    for key in _RESERVED_LABELS:
        yield Row(f"label {key}", "PATCH", own, labels(key))
        yield Row(f"label {key} at registration", "POST", NODES, node("node-new", key), user="new")
    yield Row("label in status", "PATCH", f"{own}/status", labels("node-restriction.kubernetes.io/team"))
    yield Row("reserved label changed", "PATCH", own, labels("node-role.kubernetes.io/worker"))
    yield Row("reserved label gone", "PATCH", own, labels("node-role.kubernetes.io/worker", value=None))
    yield Row("taints gone", "PATCH", own, {"spec": {"taints": None}})
    yield Row("one taint gone", "PATCH", own, {"spec": {"taints": [TAINT]}})
    yield Row("taints turned around", "PATCH", own, {"spec": {"taints": [{**TAINT, "key": "two"}, TAINT]}})
    yield Row("cordoned by a taint", "PATCH", own, [added("/spec/taints/-", {**TAINT, "key": "three"})], JSON_PATCH)
    yield Row("owner", "PATCH", own, {"metadata": {"ownerReferences": [OWNER]}})
    yield Row("owner in status", "PATCH", f"{own}/status", {"metadata": {"ownerReferences": [OWNER]}})
    yield Row("another's node new", "POST", NODES, node("node-newer"), user="new")
    yield Row("node under generateName", "POST", NODES, {"metadata": {"generateName": "node-new"}}, user="new")
    yield Row("another's node", "PATCH", f"{NODES}/{OTHER}", labels("team"))
    yield Row("another's node's status", "PATCH", f"{NODES}/{OTHER}/status", {"status": {"capacity": {"cpu": "4"}}})
    yield Row("another's node gone", "DELETE", f"{NODES}/{OTHER}")
    yield Row("all nodes gone", "DELETE", NODES)
    yield Row("nameless", "PATCH", own, labels("team"), user="nameless")


def _refused_pods(uids: dict[str, str]) -> Iterator[Row]:
    yield Row("pod", "POST", pods(SPACE), mirror(uids, annotations={}))
    yield Row("pod of another node", "POST", pods(SPACE), mirror(uids, nodeName=OTHER))
    owner = mirror(uids)["metadata"]["ownerReferences"][0]
    for name, owners in {
        "without owner": [],
        "with two owners": [owner, {**OWNER, "name": "other"}],
        "of another owner": [{**owner, "name": OTHER}],
        "of another kind": [{**owner, "kind": "ConfigMap"}],
        "of another version": [{**owner, "apiVersion": "example.com/v1"}],
        "without controller": [{**owner, "controller": False}],
        "blocking its owner": [{**owner, "blockOwnerDeletion": True}],
    }.items():
        yield Row(f"mirror pod {name}", "POST", pods(SPACE), mirror(uids, owners=owners))
    for name, volume in _REFERRING_VOLUMES.items():
        yield Row(f"mirror pod with {name}", "POST", pods(SPACE), mirror(uids, volumes=[{"name": "v", **volume}]))
    yield Row("mirror pod with account", "POST", pods(SPACE), mirror(uids, serviceAccountName="default"))
    yield Row("mirror pod with pull secret", "POST", pods(SPACE), mirror(uids, imagePullSecrets=[{"name": "s"}]))
    for name, fields in _REFERRING_CONTAINERS.items():
        container = {**IMAGE, **fields}
        yield Row(f"mirror pod with {name}", "POST", pods(SPACE), mirror(uids, containers=[container]))
        init = [{**container, "name": "i"}]
        yield Row(f"mirror pod with {name} in init", "POST", pods(SPACE), mirror(uids, initContainers=init))

    own, others = f"{pods(SPACE)}/on-{NODE}", f"{pods(SPACE)}/on-{OTHER}"
    yield Row("own pod", "PATCH", own, labels("team"))
    for name, path in {"another's": others, "an unbound": f"{pods(SPACE)}/unbound"}.items():
        pod = path.rpartition("/")[2]
        yield Row(f"{name} pod gone", "DELETE", path)
        yield Row(f"{name} pod's status", "PATCH", f"{path}/status", {"status": {"phase": "Failed"}})
        yield Row(f"{name} pod evicted", "POST", f"{path}/eviction", eviction(pod))
    yield Row("unbound pod gone, nameless", "DELETE", f"{pods(SPACE)}/unbound", user="nameless")
    yield Row(
        "unbound pod evicted, nameless",
        "POST",
        f"{pods(SPACE)}/unbound/eviction",
        eviction("unbound"),
        user="nameless",
    )
    yield Row("labels in status", "PATCH", f"{own}/status", labels("team"))
    for field, content in _CLAIM_STATUSES.items():
        yield Row(f"{field} in status", "PATCH", f"{own}/status", {"status": {field: content}})
    binding = {"metadata": {"name": "unbound"}, "target": {"kind": "Node", "name": NODE}}
    yield Row("binding", "POST", f"{pods(SPACE)}/unbound/binding", binding)
    debug = {"spec": {"ephemeralContainers": [{**IMAGE, "name": "debug"}]}}
    yield Row("ephemeral container", "PATCH", f"{own}/ephemeralcontainers", debug)
    resize = [added("/spec/containers/0/resources/requests/cpu", "500m")]
    yield Row("resize", "PATCH", f"{own}/resize", resize, JSON_PATCH)


def _refused_others(uids: dict[str, str]) -> Iterator[Row]:
    claim = {
        "metadata": {"name": "new"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    yield Row("claim new", "POST", CLAIMS, claim)
    yield Row("claim", "PATCH", f"{CLAIMS}/claim", labels("team"))
    yield Row("claim gone", "DELETE", f"{CLAIMS}/claim")
    status = f"{CLAIMS}/claim/status"
    yield Row("claim's label in status", "PATCH", status, labels("new"))
    yield Row("claim's label gone in status", "PATCH", status, labels("team", value=None))
    yield Row("claim's finalizers in status", "PATCH", status, {"metadata": {"finalizers": ["example.com/f"]}})
    yield Row("claim's phase", "PATCH", status, {"status": {"phase": "Bound"}})

    yield Row("free token", "POST", TOKEN, {"spec": {}})
    value = token(uids, f"on-{NODE}")
    del value["spec"]["boundObjectRef"]["uid"]
    yield Row("token without the pod's uid", "POST", TOKEN, value)
    value = token(uids, f"on-{NODE}")
    value["spec"]["boundObjectRef"] = {"apiVersion": "v1", "kind": "Node", "name": NODE, "uid": uids[NODE]}
    yield Row("token of a node", "POST", TOKEN, value)
    value = {"spec": {"boundObjectRef": {"apiVersion": "v1", "kind": "Secret", "name": "s", "uid": "0"}}}
    yield Row("token of a secret", "POST", TOKEN, value)

    for verb, method, body in (("changed", "PATCH", labels("team")), ("gone", "DELETE", None)):
        yield Row(f"another's lease {verb}", method, f"{LEASES.format('kube-node-lease')}/{OTHER}", body)
        yield Row(f"own lease elsewhere {verb}", method, f"{LEASES.format(SPACE)}/{NODE}", body)
        yield Row(f"another's CSINode {verb}", method, f"{CSI_NODES}/{OTHER}", body)
    yield Row(
        "another's lease new",
        "POST",
        LEASES.format("kube-node-lease"),
        {"metadata": {"name": "node-newer"}},
        user="new",
    )
    yield Row("own lease elsewhere new", "POST", LEASES.format(SPACE), {"metadata": {"name": "node-new"}}, user="new")
    yield Row(
        "lease under generateName",
        "POST",
        LEASES.format("kube-node-lease"),
        {"metadata": {"generateName": "node-new"}},
        user="new",
    )
    yield Row(
        "another's CSINode new",
        "POST",
        CSI_NODES,
        {"metadata": {"name": "node-newer"}, "spec": {"drivers": []}},
        user="new",
    )
    for name, slice_ in {
        "another's": slice_of("new", nodeName=OTHER),
        "everybody's": slice_of("new", allNodes=True),
    }.items():
        yield Row(f"{name} slice new", "POST", SLICES, slice_)
    yield Row("another's slice gone", "DELETE", f"{SLICES}/of-{OTHER}")
    yield Row("everybody's slice gone", "DELETE", f"{SLICES}/of-all")
    old = f"{REQUESTS.format(SPACE)}/old"
    yield Row("certificate request changed", "PATCH", old, labels("team"))
    yield Row("certificate request gone", "DELETE", old)
    yield Row("certificate of another's pod", "POST", REQUESTS.format(SPACE), certificate(uids, OTHER))


def plugin_only(uids: dict[str, str]) -> Iterator[Row]:
    """What only the plugin refuses, which looks into other objects, or into a certificate signing request."""
    owner = mirror(uids)["metadata"]["ownerReferences"][0]
    yield Row(
        "mirror pod with another uid of its node", "POST", pods(SPACE), mirror(uids, owners=[{**owner, "uid": "0"}])
    )
    yield Row("token of another's pod", "POST", TOKEN, token(uids, f"on-{OTHER}"))
    value = token(uids, f"on-{NODE}")
    value["spec"]["audiences"] = ["vault"]
    yield Row("token for an audience that the pod does not have", "POST", TOKEN, value)
    value = certificate(uids, NODE)
    value["spec"] |= {"podName": f"on-{OTHER}", "podUID": uids[f"on-{OTHER}"]}
    yield Row("certificate of another's pod, as its own", "POST", REQUESTS.format(SPACE), value)
    yield Row("another's signing request", "POST", SIGNING_REQUESTS, signing_request(f"system:node:{OTHER}"))
    yield Row(
        "other things, nameless",
        "POST",
        f"/api/v1/namespaces/{SPACE}/configmaps",
        {"metadata": {"name": "new"}},
        user="nameless",
    )


def invalid(uids: dict[str, str]) -> Iterator[Row]:
    """What the plugin refuses, and the API server as well for a reason of its own."""
    claims = [{"name": "c", "resourceClaimName": "c"}]
    yield Row("mirror pod with resource claim", "POST", pods(SPACE), mirror(uids, resourceClaims=claims))
    volume = {"name": "v", "projected": {"sources": [CREDENTIALS[0]]}}
    yield Row("mirror pod with token", "POST", pods(SPACE), mirror(uids, volumes=[volume]))


def dropped() -> Iterator[tuple[Row, list[str]]]:
    """What the plugin refuses and the API server drops without it; with the field that stays as it was."""
    own = f"{NODES}/{NODE}"
    yield Row("taints in status", "PATCH", f"{own}/status", {"spec": {"taints": None}}), ["spec", "taints"]
    source = {"configMap": {"name": "c", "namespace": SPACE, "kubeletConfigKey": "k"}}
    yield Row("configSource", "PATCH", own, {"spec": {"configSource": source}}), ["spec", "configSource"]
    yield (
        Row("claim's spec in status", "PATCH", f"{CLAIMS}/claim/status", {"spec": {"volumeName": "v"}}),
        ["spec", "volumeName"],
    )
