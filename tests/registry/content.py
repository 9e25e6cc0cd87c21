"""Images as bytes: layers, configurations and manifests, for registries of the tests."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

OCI_INDEX: Final = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
DOCKER_LIST: Final = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json"
OCI_LAYER: Final = "application/vnd.oci.image.layer.v1.tar+gzip"
CAPABILITY: Final = "SCHILY.xattr.security.capability"
BIND: Final = bytes.fromhex("0100000200040000000000000000000000000000")
"""As `setcap cap_net_bind_service=ep` writes it."""
ELF: Final = b"\x7fELF\x02\x01\x01"
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


class Made(NamedTuple):
    """An entry of a tar archive that still lacks its name."""

    entry: tarfile.TarInfo
    data: bytes = b""


class StoredImage(NamedTuple):
    """A manifest with all that it names."""

    manifest: Blob
    blobs: tuple[Blob, ...]


def executable(content: bytes = ELF, capability: bytes = b"") -> Made:
    """A program, with the attribute that holds its file capabilities."""
    entry = tarfile.TarInfo()
    entry.mode, entry.size = 0o755, len(content)
    if capability:
        entry.pax_headers = {CAPABILITY: capability.decode("utf-8", "surrogateescape")}
    return Made(entry, content)


def hard_link(target: str, capability: bytes = b"") -> Made:
    """A further name of a file."""
    made = executable(b"", capability)
    made.entry.type, made.entry.linkname = tarfile.LNKTYPE, target
    return made


def link(target: str) -> Made:
    """A symbolic link."""
    entry = tarfile.TarInfo()
    entry.type, entry.linkname = tarfile.SYMTYPE, target
    return Made(entry)


def directory() -> Made:
    """A directory."""
    entry = tarfile.TarInfo()
    entry.type = tarfile.DIRTYPE
    return Made(entry)


Files: TypeAlias = Mapping[str, bytes | Made]


def tar(files: Files, layout: int = tarfile.PAX_FORMAT) -> bytes:
    """A tar archive of files and of other entries."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=layout) as archive:
        for name, content in files.items():
            if isinstance(content, bytes):
                entry = tarfile.TarInfo()
                entry.size = len(content)
                content = Made(entry, content)  # noqa: PLW2901
            content.entry.name = name
            archive.addfile(content.entry, io.BytesIO(content.data))
    return buffer.getvalue()


def layer(files: Files, media_type: str = OCI_LAYER) -> Blob:
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
