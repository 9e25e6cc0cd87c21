"""Which objects refer to which by name: the references that an overlay's prefix, suffix or namespace has to keep."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from tests.manifests.building import Objects
from webhook.certificates.objects import OwnObjects

_CONFIGURATIONS: Final = {
    "MutatingWebhookConfiguration": "mutatingwebhookconfigurations",
    "ValidatingWebhookConfiguration": "validatingwebhookconfigurations",
}


class Reference(NamedTuple):
    """What an object refers to. `namespace` is "" for what has none."""

    kind: str
    namespace: str
    name: str


def present_in(objects: Objects) -> set[Reference]:
    """What can be referred to: every object, and the Secrets that cert-manager makes."""
    found = {Reference(value["kind"], _namespace(value), value["metadata"]["name"]) for value in objects}
    certificates = [value for value in objects if value["kind"] == "Certificate"]
    return found | {Reference("Secret", _namespace(value), value["spec"]["secretName"]) for value in certificates}


def references_of(objects: Objects) -> set[Reference]:
    """Every object that another one refers to by its name."""
    return {reference for value in objects for reference in _references(value)}


def own_objects(objects: Objects) -> OwnObjects:
    """Where a replica looks for its own objects, by the environment that its Deployment gives it."""
    for value in objects:
        for variable in _environment(value):
            if variable["name"] == "OWN_NAME":
                names = {row["name"]: row.get("value", "") for row in _environment(value)}
                return OwnObjects(_namespace(value), names["OWN_NAME"], names["OWN_SECRET"])
    raise AssertionError("no Deployment has OWN_NAME")


def _namespace(value: dict[str, Any]) -> str:
    namespace: str = value["metadata"].get("namespace", "")
    return namespace


def _references(value: dict[str, Any]) -> Iterator[Reference]:
    kind, namespace, spec = value["kind"], _namespace(value), value.get("spec", {})
    if kind in _CONFIGURATIONS:
        yield from _of_webhooks(value)
    elif kind in ("RoleBinding", "ClusterRoleBinding"):
        role = value["roleRef"]
        yield Reference(role["kind"], namespace if role["kind"] == "Role" else "", role["name"])
        yield from (Reference(row["kind"], row["namespace"], row["name"]) for row in value["subjects"])
    elif kind in ("Role", "ClusterRole"):
        yield from _of_rules(value)
    elif kind == "Deployment":
        yield from _of_pod(namespace, spec["template"]["spec"])
        leases = [row["value"] for row in _environment(value) if row["name"] == "OWN_LEASE"]
        yield from (Reference("Deployment", namespace, name) for name in leases)
    elif kind == "CronJob":
        yield from _of_pod(namespace, spec["jobTemplate"]["spec"]["template"]["spec"])
    elif kind == "ValidatingAdmissionPolicyBinding":
        yield Reference("ValidatingAdmissionPolicy", "", spec["policyName"])
    elif kind == "Certificate":
        yield Reference(spec["issuerRef"]["kind"], namespace, spec["issuerRef"]["name"])
        yield from (Reference("Service", *reversed(name.split(".")[:2])) for name in spec.get("dnsNames", ()))
    elif kind == "Issuer" and "ca" in spec:
        yield Reference("Secret", namespace, spec["ca"]["secretName"])


def _of_webhooks(value: dict[str, Any]) -> Iterator[Reference]:
    for webhook in value["webhooks"]:
        service = webhook["clientConfig"]["service"]
        yield Reference("Service", service["namespace"], service["name"])
    source = value["metadata"].get("annotations", {}).get("cert-manager.io/inject-ca-from")
    if source is not None:
        yield Reference("Certificate", *source.split("/"))


def _of_rules(value: dict[str, Any]) -> Iterator[Reference]:
    kinds = {"secrets": "Secret", "leases": "Service"} | {plural: kind for kind, plural in _CONFIGURATIONS.items()}
    if "observer" in value["metadata"]["name"]:
        kinds["leases"] = "Deployment"
    for rule in value["rules"]:
        for name in rule.get("resourceNames", ()):
            shared = ("configmaps", "reports")  # any install.s
            plurals = [plural for plural in rule["resources"] if plural not in shared]
            yield from (Reference(kinds[plural], _namespace(value), name) for plural in plurals)


def _of_pod(namespace: str, spec: dict[str, Any]) -> Iterator[Reference]:
    yield Reference("ServiceAccount", namespace, spec["serviceAccountName"])
    for volume in spec.get("volumes", ()):
        if "configMap" in volume:
            yield Reference("ConfigMap", namespace, volume["configMap"]["name"])
        if "secret" in volume:
            yield Reference("Secret", namespace, volume["secret"]["secretName"])


def _environment(value: dict[str, Any]) -> list[dict[str, Any]]:
    if value["kind"] != "Deployment":
        return []
    (container,) = value["spec"]["template"]["spec"]["containers"]
    variables: list[dict[str, Any]] = container.get("env", [])
    return variables
