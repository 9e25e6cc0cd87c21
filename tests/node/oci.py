"""Container images, written as one archive in the layout of the OCI, as `ctr images import` reads it."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final, NamedTuple, TypeAlias

_TYPE: Final = "application/vnd.oci.image."
_ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64"}


class Layer(NamedTuple):
    """A layer, not compressed: bytes, or a file that has them, and their SHA-256."""

    content: bytes | Path
    digest: str

    @property
    def size(self) -> int:
        """In bytes."""
        return len(self.content) if isinstance(self.content, bytes) else self.content.stat().st_size


class Image(NamedTuple):
    """An image: its reference, its layers, and the part of its configuration that says how it is run."""

    name: str
    layers: tuple[Layer, ...]
    config: dict[str, Any]


class File(NamedTuple):
    """A file or, without content, a directory of a layer."""

    content: bytes | None = None
    mode: int = 0o755
    uid: int = 0


Files: TypeAlias = Mapping[str, File]
"""By their absolute paths."""


def layer(files: Files) -> Layer:
    """A layer of these files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path, file in files.items():
            entry = tarfile.TarInfo(path.strip("/"))
            entry.mode, entry.uid, entry.gid = file.mode, file.uid, file.uid
            entry.type = tarfile.DIRTYPE if file.content is None else tarfile.REGTYPE
            entry.size = len(file.content or b"")
            tar.addfile(entry, io.BytesIO(file.content or b""))
    return Layer(buffer.getvalue(), hashlib.sha256(buffer.getvalue()).hexdigest())


def write_archive(file: IO[bytes], images: Sequence[Image]) -> None:
    """Write images; a layer that several have is written once."""
    written: set[str] = set()
    rows = []
    with tarfile.open(fileobj=file, mode="w|") as tar:
        for image in images:
            for blob in image.layers:
                _add_blob(tar, blob, written)
            manifest, config = documents(image)
            _add_blob(tar, config, written)
            _add_blob(tar, manifest, written)
            names = {"io.containerd.image.name": image.name}
            rows.append({**_descriptor("manifest.v1+json", manifest), "annotations": names})
        _add(tar, "oci-layout", _encoded({"imageLayoutVersion": "1.0.0"}))
        _add(tar, "index.json", _encoded({"schemaVersion": 2, "manifests": rows}))


def documents(image: Image) -> tuple[Layer, Layer]:
    """The manifest and the configuration of an image."""
    config = _json_blob(_configuration(image))
    return _json_blob(_manifest(image, config)), config


def _configuration(image: Image) -> dict[str, Any]:
    layers = [f"sha256:{blob.digest}" for blob in image.layers]
    architecture = _ARCHITECTURES.get(os.uname().machine, os.uname().machine)
    rootfs = {"type": "layers", "diff_ids": layers}
    return {"architecture": architecture, "os": "linux", "config": image.config, "rootfs": rootfs}


def _manifest(image: Image, config: Layer) -> dict[str, Any]:
    return {
        "schemaVersion": 2,
        "mediaType": f"{_TYPE}manifest.v1+json",
        "config": _descriptor("config.v1+json", config),
        "layers": [_descriptor("layer.v1.tar", blob) for blob in image.layers],
    }


def _descriptor(kind: str, blob: Layer) -> dict[str, Any]:
    return {"mediaType": _TYPE + kind, "digest": f"sha256:{blob.digest}", "size": blob.size}


def _encoded(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True).encode()


def _json_blob(value: Any) -> Layer:
    return Layer(_encoded(value), hashlib.sha256(_encoded(value)).hexdigest())


def _add_blob(tar: tarfile.TarFile, blob: Layer, written: set[str]) -> None:
    if blob.digest not in written:
        written.add(blob.digest)
        _add(tar, f"blobs/sha256/{blob.digest}", blob.content)


def _add(tar: tarfile.TarFile, name: str, content: bytes | Path) -> None:
    entry = tarfile.TarInfo(name)
    if isinstance(content, bytes):
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))
    else:
        entry.size = content.stat().st_size
        with content.open("rb") as file:
            tar.addfile(entry, file)
