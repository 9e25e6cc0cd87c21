"""Finds files that look like manifests, but are the source of some: templates of a Helm chart, patches of kustomize."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from webhook.documents.reader import Document, read_documents

_KUSTOMIZATIONS: Final = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_CHART: Final = "Chart.yaml"


def why_no_manifest(path: Path) -> str:
    """Why nothing is written into a file, and what to do instead; "" if it is a plain manifest."""
    path = path.resolve()
    for parent in path.parents:
        if parent.name in ("templates", "crds") and (parent.parent / _CHART).is_file():
            return "it belongs to a Helm chart; fix what Helm renders, with krm as its post-renderer"
        for name in _KUSTOMIZATIONS:
            file = parent / name
            if file.is_file() and path in _patches(file):
                return f"it is a patch in {name}; fix the manifest that it patches, or use krm as a transformer"
    return ""


def _patches(kustomization: Path) -> Iterator[Path]:
    """The files that a kustomization names as patches."""
    for document in read_documents(kustomization.read_bytes(), str(kustomization)):
        if not isinstance(document, Document) or not isinstance(document.value, dict):
            continue
        for field in ("patches", "patchesStrategicMerge", "patchesJson6902"):
            patches: Any = document.value.get(field)
            for patch in patches if isinstance(patches, list) else ():
                name = patch.get("path") if isinstance(patch, dict) else patch
                if isinstance(name, str) and "\n" not in name:
                    yield (kustomization.parent / name).resolve()
