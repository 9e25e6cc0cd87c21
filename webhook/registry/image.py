"""What a registry says of an image: its configuration, and what the layers tell about its user and its program.

Sources: OCI image-spec 1.1; Docker's manifest V2, schema 2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec

from patches import ImageFacts, ImageReference, ImageUser
from webhook.errors import RegistryError
from webhook.registry.authentication import Credentials
from webhook.registry.exchange import Steps
from webhook.registry.files import ImageFiles
from webhook.registry.layer import LayerReader, Visitor
from webhook.registry.passwd import PasswdFile, find_account
from webhook.registry.program import file_capabilities, read_command
from webhook.registry.repository import Descriptor, Repository, decode

_MOST_CONFIG_BYTES: Final = 4 * 1024 * 1024
_MOST_LAYER_BYTES: Final = 128 * 1024 * 1024
_MOST_LAYERS_BYTES: Final = 256 * 1024 * 1024
_MOST_LAYERS: Final = 128
_MOST_PORT: Final = 65535

LooksInto: TypeAlias = Callable[[ImageFacts], bool]
"""Whether to look for file capabilities in all layers of an image of which its configuration says this."""


def looks_into_none(_: ImageFacts) -> bool:
    """Look for file capabilities in no image."""
    return False


class Platform(NamedTuple):
    """Which of the images of an index to take."""

    architecture: str
    os: str = "linux"


class _ContainerConfig(msgspec.Struct, rename="pascal"):
    user: str | None = None
    exposed_ports: dict[str, Any] | None = None
    volumes: dict[str, Any] | None = None
    # the rest is worth something without these
    entrypoint: Any = None
    cmd: Any = None
    env: Any = None
    working_dir: Any = None


class _Image(msgspec.Struct):
    config: _ContainerConfig | None = None


def read_image(
    reference: ImageReference,
    platform: Platform,
    credentials: Credentials | None,
    looks_into: LooksInto = looks_into_none,
) -> Steps[ImageFacts]:
    """Find out what a registry says of an image.

    Args:
        reference: the image.
        platform: which image of an index to take; without one of this platform, the first for Linux.
        credentials: the user's for this registry; None for an anonymous user.
        looks_into: whether to look for file capabilities.

    Returns:
        Its user, ports and volumes. The uid of a user by name is None if no layer that can be read names it, the file
        capabilities are None if they are not looked for, a layer cannot be read, or the program does not tell.

    Raises:
        RegistryError: if the registry refuses, or answers what cannot be used.
    """
    repository = Repository(reference, credentials)
    manifest = yield from repository.manifest()
    if manifest.manifests is not None:
        manifest = yield from repository.manifest(_choose(manifest.manifests, platform))
    if manifest.config is None:
        raise RegistryError("the manifest names no configuration")
    body = yield from repository.blob(manifest.config, _MOST_CONFIG_BYTES)
    config = decode(body, _Image, "configuration").config or _ContainerConfig()
    facts = ImageFacts(
        user=config.user or "",
        exposed_ports=tuple(sorted(_ports(config.exposed_ports or ()))),
        volumes=tuple(sorted(config.volumes or ())),
    )
    layers = manifest.layers or ()
    try:
        if looks_into(facts) and _can_read(layers):
            return (yield from _read_layers(repository, layers, config, facts))
        if facts.kind_of_user is ImageUser.NAME:
            passwd = yield from _find_passwd(repository, layers)
            return _with_account(facts, passwd)
    except RegistryError:
        pass  # what the configuration says is worth something without the layers
    return facts


def _choose(rows: Sequence[Descriptor], platform: Platform) -> Descriptor:
    of_os = [row for row in rows if row.platform is not None and row.platform.os == platform.os]
    exact = [row for row in of_os if row.platform is not None and row.platform.architecture == platform.architecture]
    if not of_os:
        raise RegistryError(f"the image has no variant for {platform.os}")
    return (exact or of_os)[0]


def _read_layers(
    repository: Repository, layers: Sequence[Descriptor], config: _ContainerConfig, facts: ImageFacts
) -> Steps[ImageFacts]:
    """Read all layers, once each, the oldest first."""
    command = read_command(config.entrypoint, config.cmd, config.env, config.working_dir)
    files = ImageFiles(command.programs)
    for layer in layers:
        files.tree.next_layer()
        yield from _read_layer(repository, layer, files)
    facts = replace(facts, file_capabilities=file_capabilities(command, files.tree))
    return _with_account(facts, files.passwd) if facts.kind_of_user is ImageUser.NAME else facts


def _find_passwd(repository: Repository, layers: Sequence[Descriptor]) -> Steps[bytes]:
    """Look into the layers, the newest first, until one has `/etc/passwd` or hides those of older ones."""
    left = _MOST_LAYERS_BYTES
    for layer in layers[: -_MOST_LAYERS - 1 : -1]:
        left -= layer.size
        if not _can_read([layer]) or left < 0:
            break
        passwd = PasswdFile()
        yield from _read_layer(repository, layer, passwd)
        if passwd.hides_older:
            return passwd.content
    return b""


def _read_layer(repository: Repository, layer: Descriptor, visitor: Visitor) -> Steps[bytes]:
    reader = LayerReader(visitor, packed=layer.media_type.endswith("gzip"))
    return repository.blob(layer, layer.size, reader)


def _can_read(layers: Sequence[Descriptor]) -> bool:
    sizes = [layer.size for layer in layers]
    return (
        len(layers) <= _MOST_LAYERS
        and all(0 < size <= _MOST_LAYER_BYTES for size in sizes)
        and sum(sizes) <= _MOST_LAYERS_BYTES
        and all(layer.media_type.endswith(("gzip", "tar")) for layer in layers)
    )


def _with_account(facts: ImageFacts, passwd: bytes) -> ImageFacts:
    """What is known with the numbers of the user, as `/etc/passwd` has them."""
    account = find_account(passwd, facts.user_name or "")
    if account is None:
        return facts
    group = (facts.user or "").partition(":")[2]
    gid = account.gid if not group else int(group) if group.isdecimal() else None
    return replace(facts, uid=account.uid, gid=gid)


def _ports(ports: Sequence[str] | dict[str, Any]) -> set[int]:
    numbers = (text.partition("/")[0] for text in ports)
    return {int(number) for number in numbers if number.isdecimal() and 0 < int(number) <= _MOST_PORT}
