"""Images as bytes: layers, configurations and manifests, for registries of the tests."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

OCI_INDEX: Final = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
DOCKER_LIST: Final = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json"
OCI_LAYER: Final = "application/vnd.oci.image.layer.v1.tar+gzip"
PASSWD: Final = b"root:x:0:0:root:/root:/bin/sh\nweb:x:101:102::/:/bin/false\n"


class Blob(NamedTuple):
    """Content, and what it hashes to."""

    data: bytes
    media_type: str = ""

    @property
    def digest(self) -> str:
        """As registries name it."""
        return f"sha256:{hashlib.sha256(self.data).hexdigest()}"

    @property
    def descriptor(self) -> dict[str, Any]:
        """As manifests name it."""
        return {"mediaType": self.media_type, "digest": self.digest, "size": len(self.data)}


class StoredImage(NamedTuple):
    """A manifest with all that it names."""

    manifest: Blob
    blobs: tuple[Blob, ...]


def tar(files: Mapping[str, bytes | tarfile.TarInfo], layout: int = tarfile.PAX_FORMAT) -> bytes:
    """A tar archive of files and of ready entries."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=layout) as archive:
        for name, content in files.items():
            if isinstance(content, tarfile.TarInfo):
                archive.addfile(content)
            else:
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def layer(files: Mapping[str, bytes | tarfile.TarInfo], media_type: str = OCI_LAYER) -> Blob:
    """A layer, packed."""
    return Blob(gzip.compress(tar(files)), media_type)


def image(user: str | None, layers: Sequence[Blob] = (), media_type: str = OCI_MANIFEST, **config: Any) -> StoredImage:
    """An image with this USER."""
    content = {"architecture": "amd64", "os": "linux", "config": {**({} if user is None else {"User": user}), **config}}
    stored = Blob(json.dumps(content).encode(), "application/vnd.oci.image.config.v1+json")
    manifest = {
        "schemaVersion": 2,
        "mediaType": media_type,
        "config": stored.descriptor,
        "layers": [row.descriptor for row in layers],
    }
    return StoredImage(Blob(json.dumps(manifest).encode(), media_type), (stored, *layers))


def index(images: Mapping[str, StoredImage], media_type: str = OCI_INDEX) -> Blob:
    """An index of images by architecture."""
    rows = [
        {**stored.manifest.descriptor, "platform": {"os": "linux", "architecture": name}}
        for name, stored in images.items()
    ]
    return Blob(json.dumps({"schemaVersion": 2, "mediaType": media_type, "manifests": rows}).encode(), media_type)
