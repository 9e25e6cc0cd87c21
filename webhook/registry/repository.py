"""One repository of a registry: which requests its manifests and blobs take, and what the responses say.

Sources: OCI distribution-spec 1.1; OCI image-spec 1.1; Docker's manifest V2, schema 2.
"""

from __future__ import annotations

import hashlib
import re
from http import HTTPStatus
from typing import Final, TypeVar

import msgspec

from patches import ImageReference
from webhook.errors import RegistryError
from webhook.registry.authentication import Credentials, authorize
from webhook.registry.exchange import Request, Response, Sink, Steps, origin, send

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
_SCHEMA: Final = 2
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")
_HOST: Final = re.compile(r"[A-Za-z0-9.-]+(:\d{1,5})?|\[[0-9A-Fa-f:]+\](:\d{1,5})?")
_REPOSITORY: Final = re.compile(r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*")
_TAG: Final = re.compile(r"\w[\w.-]{0,127}", re.ASCII)


class _Platform(msgspec.Struct):
    architecture: str = ""
    os: str = ""


class Descriptor(msgspec.Struct, rename="camel"):
    """What a manifest or an index names."""

    digest: str
    media_type: str = ""
    size: int = 0
    platform: _Platform | None = None


class Manifest(msgspec.Struct, rename="camel"):
    """An index or a manifest."""

    media_type: str = ""
    schema_version: int = 2
    manifests: list[Descriptor] | None = None
    config: Descriptor | None = None
    layers: list[Descriptor] | None = None


class Repository:
    """The repository of an image, as one user pulls from it."""

    def __init__(self, reference: ImageReference, credentials: Credentials | None) -> None:
        """Prepare to ask for an image. Raises RegistryError if the reference is none."""
        _check(reference)
        host = _HUB_HOST if reference.host == _HUB else reference.host
        self._url = f"https://{host}/v2/{reference.repository}"
        self._reference = reference
        self._credentials = credentials
        self._authorization = ""

    def manifest(self, row: Descriptor | None = None) -> Steps[Manifest]:
        """Get a manifest of an index, or without `row` what the reference names."""
        if row is not None:
            _check_digest(row)
        digest = self._reference.digest if row is None else row.digest
        name = digest or self._reference.tag
        request = Request(f"{self._url}/manifests/{name}", _MOST_MANIFEST_BYTES, {"Accept": _ACCEPT}, digest=digest)
        response = yield from self._get(request)
        if response.headers.get("content-type", "").startswith(_SCHEMA_1):
            raise RegistryError("the image has a manifest of schema 1, which is not read")
        _verify(response)
        manifest = decode(response.body, Manifest, "manifest")
        if manifest.schema_version != _SCHEMA:
            raise RegistryError(f"the image has a manifest of schema {manifest.schema_version}, which is not read")
        return manifest

    def blob(self, row: Descriptor, most_bytes: int, sink: Sink | None = None) -> Steps[bytes]:
        """Get a blob, or have `sink` read it."""
        _check_digest(row)
        request = Request(f"{self._url}/blobs/{row.digest}", most_bytes, {}, digest=row.digest, sink=sink)
        response = yield from self._get(request)
        return response.body

    def _get(self, request: Request) -> Steps[Response]:
        response = yield from self._send(request)
        if response.status == HTTPStatus.UNAUTHORIZED and origin(response.url) == origin(request.url):
            # a host that it redirects to is shown no credentials
            self._authorization = yield from authorize(response, self._reference.repository, self._credentials)
            response = yield from self._send(request)
        if response.status != HTTPStatus.OK:
            raise RegistryError(f"{request.url}: {response.status}", response.status)
        return response

    def _send(self, request: Request) -> Steps[Response]:
        if self._authorization:
            request = request._replace(headers={**request.headers, "Authorization": self._authorization})
        return send(request)


def _verify(response: Response) -> None:
    """Compare a manifest with the digest that the registry names beside it."""
    digest = response.headers.get("docker-content-digest", "")
    if _DIGEST.fullmatch(digest):
        algorithm, _, expected = digest.partition(":")
        if hashlib.new(algorithm, response.body).hexdigest() != expected:
            raise RegistryError(f"the manifest does not have the digest {digest}")


def _check_digest(row: Descriptor) -> None:
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


def decode(body: bytes, kind: type[T], what: str) -> T:
    """Read JSON. Raises RegistryError, which calls it `what`, if it cannot be read."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise RegistryError(f"the {what} of the image cannot be read: {error}") from None
