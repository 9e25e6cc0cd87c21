"""What a registry says of an image.

Sources: OCI distribution-spec 1.1; OCI image-spec 1.1; Docker's manifest V2, schema 2.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

from patches import ImageFacts, ImageReference
from webhook.errors import RegistryError
from webhook.registry.authentication import Credentials, authorize
from webhook.registry.exchange import Request, Response, Sink, Steps, origin, send
from webhook.registry.passwd import Account, LayerReader, find_account

T = TypeVar("T")

_INDEXES: Final = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
_MANIFESTS: Final = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_SCHEMA_1: Final = "application/vnd.docker.distribution.manifest.v1"
_ACCEPT: Final = ", ".join((*_INDEXES, *_MANIFESTS))
_HUB: Final = "docker.io"
_HUB_HOST: Final = "registry-1.docker.io"
_MOST_MANIFEST_BYTES: Final = 4 * 1024 * 1024
_MOST_CONFIG_BYTES: Final = 4 * 1024 * 1024
_MOST_LAYER_BYTES: Final = 128 * 1024 * 1024
_MOST_LAYERS_BYTES: Final = 256 * 1024 * 1024
_MOST_LAYERS: Final = 128
_MOST_PORT: Final = 65535
_SCHEMA: Final = 2
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")
_HOST: Final = re.compile(r"[A-Za-z0-9.-]+(:\d{1,5})?|\[[0-9A-Fa-f:]+\](:\d{1,5})?")
_REPOSITORY: Final = re.compile(r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*")
_TAG: Final = re.compile(r"\w[\w.-]{0,127}", re.ASCII)


class Platform(NamedTuple):
    """Which of the images of an index to take."""

    architecture: str
    os: str = "linux"


class _Platform(msgspec.Struct):
    architecture: str = ""
    os: str = ""


class _Descriptor(msgspec.Struct, rename="camel"):
    digest: str
    media_type: str = ""
    size: int = 0
    platform: _Platform | None = None


class _Manifest(msgspec.Struct, rename="camel"):
    """An index or a manifest."""

    media_type: str = ""
    schema_version: int = 2
    manifests: list[_Descriptor] | None = None
    config: _Descriptor | None = None
    layers: list[_Descriptor] | None = None


class _ContainerConfig(msgspec.Struct, rename="pascal"):
    user: str | None = None
    exposed_ports: dict[str, Any] | None = None
    volumes: dict[str, Any] | None = None


class _Image(msgspec.Struct):
    config: _ContainerConfig | None = None


class _Repository:
    """One repository of a registry, as one user pulls from it."""

    def __init__(self, reference: ImageReference, credentials: Credentials | None) -> None:
        host = _HUB_HOST if reference.host == _HUB else reference.host
        self._url = f"https://{host}/v2/{reference.repository}"
        self._name = reference.repository
        self._credentials = credentials
        self._authorization = ""

    def manifest(self, name: str) -> Steps[_Manifest]:
        digest = name if _DIGEST.fullmatch(name) else ""
        request = Request(f"{self._url}/manifests/{name}", _MOST_MANIFEST_BYTES, {"Accept": _ACCEPT}, digest=digest)
        response = yield from self._get(request)
        if response.headers.get("content-type", "").startswith(_SCHEMA_1):
            raise RegistryError("the image has a manifest of schema 1, which is not read")
        _verify(response)
        manifest = _decode(response.body, _Manifest, "manifest")
        if manifest.schema_version != _SCHEMA:
            raise RegistryError(f"the image has a manifest of schema {manifest.schema_version}, which is not read")
        return manifest

    def blob(self, row: _Descriptor, most_bytes: int, sink: Sink | None = None) -> Steps[bytes]:
        _check_digest(row)
        request = Request(f"{self._url}/blobs/{row.digest}", most_bytes, {}, digest=row.digest, sink=sink)
        response = yield from self._get(request)
        return response.body

    def _get(self, request: Request) -> Steps[Response]:
        response = yield from self._send(request)
        if response.status == HTTPStatus.UNAUTHORIZED and origin(response.url) == origin(request.url):
            # a host that it redirects to is shown no credentials
            self._authorization = yield from authorize(response, self._name, self._credentials)
            response = yield from self._send(request)
        if response.status != HTTPStatus.OK:
            raise RegistryError(f"{request.url}: {response.status}", response.status)
        return response

    def _send(self, request: Request) -> Steps[Response]:
        if self._authorization:
            request = request._replace(headers={**request.headers, "Authorization": self._authorization})
        return send(request)


def read_image(reference: ImageReference, platform: Platform, credentials: Credentials | None) -> Steps[ImageFacts]:
    """Find out what a registry says of an image.

    Args:
        reference: the image.
        platform: which image of an index to take; without one of this platform, the first for Linux.
        credentials: the user's for this registry; None for an anonymous user.

    Returns:
        Its user, ports and volumes. The uid of a user by name is None if no layer that can be read names it.

    Raises:
        RegistryError: if the registry refuses, or answers what cannot be used.
    """
    _check(reference)
    repository = _Repository(reference, credentials)
    manifest = yield from repository.manifest(reference.digest or reference.tag)
    if manifest.manifests is not None:
        row = _choose(manifest.manifests, platform)
        _check_digest(row)
        manifest = yield from repository.manifest(row.digest)
    if manifest.config is None:
        raise RegistryError("the manifest names no configuration")
    body = yield from repository.blob(manifest.config, _MOST_CONFIG_BYTES)
    config = _decode(body, _Image, "configuration").config or _ContainerConfig()
    facts = ImageFacts(
        user=config.user or "",
        exposed_ports=tuple(sorted(_ports(config.exposed_ports or ()))),
        volumes=tuple(sorted(config.volumes or ())),
    )
    name = facts.user_name or ""
    if name in ("", "root") or name.isdecimal():
        return facts
    try:
        account = yield from _find_account(repository, manifest.layers or (), name)
    except RegistryError:
        return facts  # what the configuration says is worth something without the number
    if account is None:
        return facts
    group = (facts.user or "").partition(":")[2]
    gid = account.gid if not group else int(group) if group.isdecimal() else None
    return ImageFacts(
        user=facts.user, uid=account.uid, gid=gid, exposed_ports=facts.exposed_ports, volumes=facts.volumes
    )


def _verify(response: Response) -> None:
    """Compare a manifest with the digest that the registry names beside it."""
    digest = response.headers.get("docker-content-digest", "")
    if _DIGEST.fullmatch(digest):
        algorithm, _, expected = digest.partition(":")
        if hashlib.new(algorithm, response.body).hexdigest() != expected:
            raise RegistryError(f"the manifest does not have the digest {digest}")


def _check_digest(row: _Descriptor) -> None:
    if not _DIGEST.fullmatch(row.digest):
        raise RegistryError(f"{row.digest[:100]!r} is no digest that can be verified")


def _check(reference: ImageReference) -> None:
    """Let nothing into a URL that is no reference."""
    if not _HOST.fullmatch(reference.host) or not _REPOSITORY.fullmatch(reference.repository):
        raise RegistryError("this is no image reference")
    if reference.digest:
        if not _DIGEST.fullmatch(reference.digest):
            raise RegistryError("the digest of the reference cannot be verified")
    elif not _TAG.fullmatch(reference.tag):
        raise RegistryError("this is no image reference")


def _choose(rows: Sequence[_Descriptor], platform: Platform) -> _Descriptor:
    of_os = [row for row in rows if row.platform is not None and row.platform.os == platform.os]
    exact = [row for row in of_os if row.platform is not None and row.platform.architecture == platform.architecture]
    if not of_os:
        raise RegistryError(f"the image has no variant for {platform.os}")
    return (exact or of_os)[0]


def _find_account(repository: _Repository, layers: Sequence[_Descriptor], name: str) -> Steps[Account | None]:
    """Look into the layers, the newest first, until one has `/etc/passwd` or hides those of older ones."""
    left = _MOST_LAYERS_BYTES
    for layer in layers[: -_MOST_LAYERS - 1 : -1]:
        left -= layer.size
        packed = layer.media_type.endswith("gzip")
        if not 0 < layer.size <= _MOST_LAYER_BYTES or left < 0 or not (packed or layer.media_type.endswith("tar")):
            return None
        reader = LayerReader(packed=packed)
        yield from repository.blob(layer, layer.size, reader)
        if reader.passwd is not None:
            return find_account(reader.passwd, name)
        if reader.problem or reader.hides_older:
            return None
    return None


def _ports(ports: Sequence[str] | dict[str, Any]) -> set[int]:
    numbers = (text.partition("/")[0] for text in ports)
    return {int(number) for number in numbers if number.isdecimal() and 0 < int(number) <= _MOST_PORT}


def _decode(body: bytes, kind: type[T], what: str) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise RegistryError(f"the {what} of the image cannot be read: {error}") from None
