"""Reads a lock, and finds what pip would have to look for beyond it: a complete lock leaves nothing to find."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.shared_data import ROOT

_ENTRY: Final = re.compile(
    r"^(\S+)==(\S+)(?: ; (.+?))? \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", re.MULTILINE
)

Environment = Mapping[str, str]
"""Values of markers, as `{"sys_platform": "win32"}`, that differ from those of the Python that runs."""

_HERE: Final[Environment] = MappingProxyType({})


class Pin(NamedTuple):
    """One entry of a lock: the only version that is installed, where, and the hashes that it may have."""

    version: str
    marker: Marker | None
    hashes: frozenset[str]

    def holds_in(self, environment: Environment) -> bool:
        """Whether it is installed there."""
        return self.marker is None or self.marker.evaluate(dict(environment))


Lock = Mapping[str, Pin]


def read(name: str) -> str:
    """The text of a lock of this project."""
    return (ROOT / name).read_text(encoding="utf-8")


def parse(text: str) -> Lock:
    """The entries by name. Raises ValueError for a line that is neither one nor its hashes nor a comment."""
    rest = [line for line in _ENTRY.sub("", text).splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if rest:
        raise ValueError(f"not pinned with hashes: {rest}")
    return {
        canonicalize_name(name): Pin(
            version, Marker(marker) if marker else None, frozenset(hashes.split("--hash=")[1:])
        )
        for name, version, marker, hashes in _ENTRY.findall(text)
    }


def declared() -> dict[str, Any]:
    """pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def gaps(lock: Lock, wanted: Iterable[str], environment: Environment = _HERE) -> list[str]:
    """What an installation of `wanted` from `lock` alone would lack in an environment, one sentence each.

    What a package requires is read from its installed metadata; what is not installed here, as it is for another
    platform, is taken to require nothing.
    """
    found: list[str] = []
    queue = [("the project", Requirement(text), frozenset[str]()) for text in wanted]
    queue += [("the lock", Requirement(f"{name}=={pin.version}"), frozenset()) for name, pin in lock.items()]
    seen = set()
    while queue:
        by, requirement, extras = queue.pop()
        name = canonicalize_name(requirement.name)
        pin = lock.get(name)
        if by == "the lock" and pin is not None and not pin.holds_in(environment):
            continue
        if not _applies(requirement, extras, environment):
            continue
        if pin is None or not pin.holds_in(environment):
            found.append(f"{by} requires {requirement}, which is not pinned")
        elif not requirement.specifier.contains(pin.version, prereleases=True):
            found.append(f"{by} requires {requirement}, and {pin.version} is pinned")
        else:
            asked = frozenset(requirement.extras)
            if (name, asked) not in seen:
                seen.add((name, asked))
                queue += [(f"{name} {pin.version}", further, asked) for further in _requires(name, pin.version)]
    return sorted(set(found))


def not_installed(lock: Lock) -> Sequence[str]:
    """What this environment has in another version than the lock, or not at all."""
    here = [name for name, pin in lock.items() if pin.holds_in(_HERE)]
    return [name for name in here if _installed(name) != lock[name].version]


def _applies(requirement: Requirement, extras: frozenset[str], environment: Environment) -> bool:
    marker = requirement.marker
    return marker is None or any(marker.evaluate({**environment, "extra": extra}) for extra in (extras or {""}))


def _installed(name: str) -> str | None:
    try:
        return distribution(name).version
    except PackageNotFoundError:
        return None


@cache
def _requires(name: str, version: str) -> tuple[Requirement, ...]:
    if _installed(name) != version:
        return ()
    return tuple(map(Requirement, distribution(name).requires or ()))
