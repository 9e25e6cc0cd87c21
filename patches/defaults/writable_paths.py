"""Where a container may have to write although its root is read-only.

Of any image: /tmp. Of one of which something is known also what a runtime keeps writable by itself where it is told to
("read-only, with tmpfs"): /var/tmp and /run; and the image's VOLUMEs. containerd makes those writable, with the image's
files in them; CRI-O leaves them read-only. An emptyDir is writable to every user and hides what the image has there.
`/var/run` is a link to `/run` in nearly all images. Source: `WithVolumes` of containerd; `image_volumes` of CRI-O.
"""

from __future__ import annotations

import posixpath
from pathlib import PurePosixPath
from typing import Final

from patches.model.images import UNKNOWN_IMAGE, ImageFacts
from patches.model.pod import ContainerView

TMP: Final = "/tmp"  # noqa: S108 (the mount point's name, not a file of ours)
_WELL_KNOWN: Final = ("/var/tmp", "/run")  # noqa: S108 (as above)
_NO_VOLUMES: Final = frozenset({"/", TMP, *_WELL_KNOWN})
_OF_THE_KERNEL: Final = frozenset({"/dev", "/proc", "/sys"})


def mounted_at(container: ContainerView) -> frozenset[str]:
    """Return the paths at which the author mounts something, as the runtime reads them."""
    mounts = [mount.get("mountPath") for mount in container.value.get("volumeMounts") or ()]
    devices = [device.get("devicePath") for device in container.value.get("volumeDevices") or ()]
    return frozenset(_resolved(path) for path in (*mounts, *devices) if path)


def well_known_paths(image: ImageFacts, mounted: frozenset[str]) -> list[str]:
    """Return the well-known paths beside /tmp at or above which nothing is mounted; none for an unknown image."""
    if image == UNKNOWN_IMAGE:
        return []
    return [path for path in _WELL_KNOWN if mounted.isdisjoint(_upwards(path))]


def volume_paths(image: ImageFacts, mounted: frozenset[str]) -> list[str]:
    """Return the VOLUMEs of an image at, above or below which nothing is mounted, and that are not well known."""
    paths: dict[str, str] = {}
    for volume in image.volumes:
        path = _resolved(volume)
        if path in _NO_VOLUMES or ":" in path or not _OF_THE_KERNEL.isdisjoint(_upwards(path)):
            continue
        if mounted.isdisjoint(_upwards(path)) and not any(path in _upwards(other) for other in mounted):
            paths.setdefault(path, _clean(volume))
    return list(paths.values())


def _upwards(path: str) -> frozenset[str]:
    """The path and every directory above it."""
    pure = PurePosixPath(path)
    return frozenset(map(str, (pure, *pure.parents)))


def _resolved(path: str) -> str:
    """The path without the usual link."""
    cleaned = _clean(path)
    return cleaned.removeprefix("/var") if f"{cleaned}/".startswith("/var/run/") else cleaned


def _clean(path: str) -> str:
    """The path as the runtime reads it: absolute, without doubled or trailing slashes, dots resolved."""
    return posixpath.normpath("/" + path.lstrip("/"))
