"""Cluster objects from files: what counts, what does not and is said so, and where what cannot be read stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from patches.policy.snapshot import ServiceAccount
from webhook.errors import InputError
from webhook.gatherers.files import add_files
from webhook.gatherers.manifests import ManifestGatherer

NAMESPACE = """\
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {team: a}}
"""
ACCOUNTS = """\
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: ServiceAccount, metadata: {name: a, namespace: shop}, automountServiceAccountToken: false}
- {apiVersion: v1, kind: ServiceAccount, metadata: {name: b, namespace: shop}}
"""
CONFIG_MAP = '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}'


def write(directory: Path, **files: str) -> Path:
    """A directory with these YAML files."""
    for name, text in files.items():
        (directory / f"{name}.yaml").write_text(text, encoding="utf-8")
    return directory


def failure(directory: Path, text: str) -> str:
    """What is said of a file that cannot be read, without its directory."""
    with pytest.raises(InputError) as caught:
        add_files(ManifestGatherer(), [write(directory, objects=text)])
    return str(caught.value).removeprefix(f"{directory}/")


def test_objects_of_files_and_directories(tmp_path: Path) -> None:
    """Every document counts, members of lists too, in the order of the paths."""
    (tmp_path / "more").mkdir()
    accounts = write(tmp_path / "more", accounts=ACCOUNTS)
    gatherer = ManifestGatherer()
    assert add_files(gatherer, [write(tmp_path, shop=NAMESPACE) / "shop.yaml", accounts]) == []
    found = gatherer.snapshot("shop")
    assert found.labels == {"team": "a"}
    assert found.service_accounts.by_name == {"a": ServiceAccount(automount=False), "b": ServiceAccount()}


def test_no_files() -> None:
    """Nothing is read, and nothing is to be said."""
    assert add_files(ManifestGatherer(), []) == []


def test_an_object_that_says_nothing(tmp_path: Path) -> None:
    """It is named with its line, and the others count."""
    gatherer = ManifestGatherer()
    notes = add_files(gatherer, [write(tmp_path, objects=f"{CONFIG_MAP}\n---\n{NAMESPACE}---\n{CONFIG_MAP}\n")])
    said = "says nothing about a namespace, so it is not used"
    assert notes == [f"{tmp_path}/objects.yaml:{line}: {said}" for line in (1, 7)]
    assert gatherer.snapshot("shop").labels == {"team": "a"}


def test_a_document_that_cannot_be_read(tmp_path: Path) -> None:
    """File and line are named."""
    assert failure(tmp_path, f"{NAMESPACE}---\nkind: [\n").startswith("objects.yaml:")


def test_an_object_with_a_wrong_field(tmp_path: Path) -> None:
    """The line is that of the field."""
    text = NAMESPACE + (
        "---\n"
        "apiVersion: v1\n"
        "kind: LimitRange\n"
        "metadata: {name: l, namespace: shop}\n"
        "spec:\n"
        "  limits:\n"
        "  - type: Container\n"
        "    max:\n"
        "      cpu: much\n"
    )
    assert failure(tmp_path, text) == (
        "objects.yaml:12: spec.limits[0].max[cpu]: 'much' is not a quantity such as 500m, 1.5 or 128Mi"
    )


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """It is named."""
    with pytest.raises(InputError, match="nowhere"):
        add_files(ManifestGatherer(), [tmp_path / "nowhere.yaml"])
