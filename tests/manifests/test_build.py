"""What the manifests build: every part alone, together, in any order, and in a namespace of another name."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any, Final

import pytest

from tests.manifests.building import (
    BASE,
    COMPONENTS,
    MANIFESTS,
    NAME,
    OVERLAYS,
    TOGETHER,
    Objects,
    build,
    find,
    try_build,
)
from tests.manifests.building import write_overlay as overlay
from webhook.documents.document import Document
from webhook.documents.reader import read_documents

_OWN: Final = (
    "cert-manager",
    "cluster-wide",
    "fortress",
    "high-availability",
    "managed-control-planes",
    "monitoring",
    "observer-heal",
    "observer-registry",
    "preview",
    "token-need",
    "user-namespaces",
    "validate",
    "workload-templates",
)
_LATER: Final = ("cert-manager", "managed-control-planes")
"""Have to come after what they change, and say so."""
_KINDS: Final = {
    ("ConfigMap", NAME),
    ("ClusterRole", NAME),
    ("ClusterRole", f"{NAME}-certificates"),
    ("ClusterRoleBinding", NAME),
    ("ClusterRole", f"{NAME}-observer"),
    ("ClusterRoleBinding", f"{NAME}-certificates"),
    ("ClusterRoleBinding", f"{NAME}-observer"),
    ("Deployment", NAME),
    ("Deployment", f"{NAME}-observer"),
    ("MutatingWebhookConfiguration", NAME),
    ("Namespace", NAME),
    ("NetworkPolicy", NAME),
    ("NetworkPolicy", f"{NAME}-observer"),
    ("PodDisruptionBudget", NAME),
    ("ResourceQuota", NAME),
    ("Role", NAME),
    ("Role", f"{NAME}-images"),
    ("Role", f"{NAME}-observer"),
    ("RoleBinding", NAME),
    ("RoleBinding", f"{NAME}-images"),
    ("RoleBinding", f"{NAME}-observer"),
    ("Secret", f"{NAME}-tls"),
    ("Service", NAME),
    ("Service", f"{NAME}-metrics"),
    ("Service", f"{NAME}-observer"),
    ("ServiceAccount", NAME),
    ("ServiceAccount", f"{NAME}-observer"),
}


def _sorted(objects: Objects) -> Objects:
    return sorted(objects, key=lambda value: (value["kind"], value["metadata"]["name"]))


def _order(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(names, key=lambda name: (name in _LATER, name)))


def _variants(directory: Path) -> dict[str, Objects]:
    """Base, each component on base, every overlay, and all components at once."""
    rows = {name: build(overlay(directory / name, name)) for name in COMPONENTS}
    rows |= {f"overlay {name}": build(MANIFESTS / "overlays" / name) for name in OVERLAYS}
    return {"base": build(BASE), **rows, "all": build(overlay(directory / "all", *_order(TOGETHER)))}


@pytest.fixture(scope="module")
def variants(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Objects]:
    """All of them, by name."""
    return _variants(tmp_path_factory.mktemp("variants"))


def test_base_is_these_objects(variants: dict[str, Objects]) -> None:
    """By kind and name, without a hash: the server asks for them by name."""
    assert {(value["kind"], value["metadata"]["name"]) for value in variants["base"]} == _KINDS


def test_every_file_reads_as_it_looks() -> None:
    """Of a duplicate key kustomize takes the last without a word; our own reader does not."""
    files = sorted(MANIFESTS.rglob("*.yaml"))
    assert len(files) > 20
    for file in files:
        for document in read_documents(file.read_bytes(), str(file)):
            assert isinstance(document, Document), document
            assert document.warnings == (), file


def test_our_components_are_there() -> None:
    """A component that is promised is not forgotten."""
    assert set(_OWN) <= set(COMPONENTS)


def test_nothing_that_the_server_writes_is_in_them(variants: dict[str, Objects]) -> None:
    """No caBundle, no data of a Secret, no Lease: to apply them again must not take these away."""
    for name, objects in variants.items():
        for value in objects:
            assert not [webhook for webhook in value.get("webhooks", ()) if "caBundle" in webhook["clientConfig"]], name
            if value["kind"] == "Secret":
                assert not {"data", "stringData"} & value.keys(), name
            assert value["kind"] != "Lease", name


def test_everything_can_be_found_by_its_label(variants: dict[str, Objects]) -> None:
    """So that an uninstall can be checked."""
    for name, objects in variants.items():
        for value in objects:
            labels = value["metadata"].get("labels") or {}
            assert labels.get("app.kubernetes.io/name") == NAME, (name, value["kind"], value["metadata"]["name"])


def test_a_component_labels_nothing_of_others(tmp_path: Path) -> None:
    """What an overlay has beside us stays as it is."""
    (tmp_path / "theirs").mkdir()
    theirs: dict[str, Any] = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "theirs", "namespace": "n"}}
    (tmp_path / "theirs.yaml").write_text(str(theirs), encoding="utf-8")
    directory = overlay(tmp_path, *_order(TOGETHER))
    written = (directory / "kustomization.yaml").read_text().replace('"resources": [', '"resources": ["theirs.yaml", ')
    (directory / "kustomization.yaml").write_text(written, encoding="utf-8")
    assert find(build(directory), "ConfigMap", "theirs") == theirs


@pytest.mark.parametrize("pair", list(combinations(_OWN, 2)), ids="-".join)
def test_two_components_go_together_in_any_order(tmp_path: Path, pair: tuple[str, str]) -> None:
    """Either order builds the same, but that cert-manager may refuse to be first, and what comes too early is lost."""
    built = _sorted(build(overlay(tmp_path / "one", *_order(pair))))
    other = try_build(overlay(tmp_path / "two", *reversed(_order(pair))))
    if set(pair) == {"cert-manager", "validate"}:
        assert other.returncode != 0
        assert "--inject-ca" in other.stderr or "test failed" in other.stderr
    elif set(pair) == {"managed-control-planes", "validate"}:
        del find(built, "ValidatingWebhookConfiguration")["metadata"]["annotations"]
        assert _sorted(build(tmp_path / "two")) == built
    elif set(pair) == {"preview", "user-namespaces"}:
        assert find(built, "ClusterRole", f"{NAME}-preview")["rules"].pop()["resources"] == ["nodes"]
        assert _sorted(build(tmp_path / "two")) == built
    else:
        assert _sorted(build(tmp_path / "two")) == built


@pytest.mark.parametrize("component", [None, *COMPONENTS, "all"])
def test_a_renamed_namespace_is_ours_everywhere(tmp_path: Path, component: str | None) -> None:
    """`namespace: x` and nothing else: objects, subjects, Services of webhooks, selectors, names in certificates."""
    names = _order(TOGETHER) if component == "all" else () if component is None else (component,)
    objects = build(overlay(tmp_path, *names, namespace="x"))
    for value in objects:
        assert value["metadata"].get("namespace", "x") == "x"
        for path, text in _texts(value):
            assert not (path.endswith("/namespace") and text != "x"), (value["kind"], path)
            assert f"{NAME}.{NAME}" not in text, (value["kind"], path)
            assert f"{NAME}/{NAME}" not in text, (value["kind"], path)
            assert "PSD_NAMESPACE" not in text
    assert find(objects, "Namespace", "x")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    for value in objects:
        for webhook in value.get("webhooks", ()):
            rows = webhook["namespaceSelector"]["matchExpressions"]
            (excluded,) = [row["values"] for row in rows if row["key"] == "kubernetes.io/metadata.name"]
            assert excluded == ["kube-system", "x"]


def _texts(value: Any, path: str = "") -> list[tuple[str, str]]:
    if isinstance(value, dict):
        return [row for key, child in value.items() for row in _texts(child, f"{path}/{key}")]
    if isinstance(value, list):
        return [row for child in value for row in _texts(child, f"{path}/")]
    return [(path, str(value))]


def test_cert_manager_has_the_names_of_the_namespace(tmp_path: Path) -> None:
    """Both what the certificate is for and where its CA is taken from."""
    objects = build(overlay(tmp_path, "validate", "cert-manager", namespace="x"))
    assert find(objects, "Certificate")["spec"]["dnsNames"] == [f"{NAME}.x.svc", f"{NAME}.x.svc.cluster.local"]
    for kind in ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"):
        annotations = find(objects, kind)["metadata"]["annotations"]
        assert annotations == {"cert-manager.io/inject-ca-from": f"x/{NAME}"}


def test_the_image_is_named_in_one_place(tmp_path: Path) -> None:
    """Pinned by the project's version in base; an overlay's `images` replaces it."""
    found = [path for path in MANIFESTS.rglob("*") if path.is_file() and "newTag" in path.read_text(encoding="utf-8")]
    assert found == [BASE / "kustomization.yaml"]
    version = (MANIFESTS.parent / "pyproject.toml").read_text().partition('\nversion = "')[2].partition('"')[0]
    assert _image(build(BASE)) == f"{NAME}:{version}"
    images = [{"name": NAME, "newName": "registry.example/psd", "newTag": "1"}]
    assert _image(build(overlay(tmp_path, images=images))) == "registry.example/psd:1"


def _image(objects: Objects) -> str:
    (container,) = find(objects, "Deployment")["spec"]["template"]["spec"]["containers"]
    return str(container["image"])


def test_every_component_and_overlay_is_documented() -> None:
    """By its name, in docs/install.md."""
    page = (MANIFESTS.parent / "docs" / "install.md").read_text(encoding="utf-8")
    assert [name for name in (*COMPONENTS, *OVERLAYS) if f"`{name}`" not in page] == []
