"""Builds manifests as `kubectl apply -k` does, also of overlays that a test makes up."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, TypeAlias

import yaml

from patches.model.pod import Origin, locate
from patches.standards.judge import judge
from patches.standards.levels import parse_level_version
from tests.cluster import binaries
from tests.shared_data import ROOT

MANIFESTS: Final = ROOT / "manifests"
BASE: Final = MANIFESTS / "base"
COMPONENTS: Final = tuple(sorted(path.name for path in (MANIFESTS / "components").iterdir()))
TOGETHER: Final = tuple(name for name in COMPONENTS if name != "no-observer")
"""Those that an overlay may have all at once."""
OVERLAYS: Final = tuple(sorted(path.name for path in (MANIFESTS / "overlays").iterdir()))
BESIDE: Final = {"scan-reports": ("scan",)}
"""Components that refer to others, which an overlay has to have too."""
NAME: Final = "pod-security-defaulter"
_SECONDS: Final = 60

Objects: TypeAlias = list[dict[str, Any]]


def write_overlay(directory: Path, *components: str, on: Path = BASE, **fields: Any) -> Path:
    """An overlay with these components and other fields of a kustomization; its directory."""
    directory.mkdir(parents=True, exist_ok=True)
    above = Path(os.path.relpath(MANIFESTS, directory))
    names = dict.fromkeys(each for name in components for each in (*BESIDE.get(name, ()), name))
    value = {
        "resources": [os.path.relpath(on, directory)],
        "components": [str(above / "components" / name) for name in names],
        **fields,
    }
    (directory / "kustomization.yaml").write_text(json.dumps(value), encoding="utf-8")
    return directory


def try_build(directory: Path) -> subprocess.CompletedProcess[str]:
    """Run kustomize. Skips the test where there is none."""
    program = binaries.find("kustomize") / "kustomize"
    command = [str(program), "build", str(directory)]
    return subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)


def build(directory: Path) -> Objects:
    """The objects that a kustomization builds."""
    done = try_build(directory)
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def find(objects: Iterable[dict[str, Any]], kind: str, name: str = NAME) -> dict[str, Any]:
    """The one object of this kind and name."""
    (found,) = [value for value in objects if value["kind"] == kind and value["metadata"]["name"] == name]
    return found


def pod_of(objects: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """A pod as the Deployment makes them."""
    template = find(objects, "Deployment")["spec"]["template"]
    metadata = {"name": NAME, **template["metadata"]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}


def restricted_container(objects: Objects, template: dict[str, Any]) -> dict[str, Any]:
    """The container of a pod template, which is restricted, with the security settings of admission's own pods."""
    pod = locate({"apiVersion": "v1", "kind": "Pod", **template}, Origin.ADMISSION)
    assert pod is not None
    assert judge(pod, parse_level_version("restricted:latest")) == ()
    container: dict[str, Any]
    (container,) = template["spec"]["containers"]
    own = find(objects, "Deployment")["spec"]["template"]["spec"]
    assert template["spec"]["securityContext"] == own["securityContext"]
    assert container["securityContext"] == own["containers"][0]["securityContext"]
    assert {"cpu", "memory"} == container["resources"]["limits"].keys() == container["resources"]["requests"].keys()
    return container
