"""Cases of the defaults as data: `tests/cases/defaults/ID/CASE.yaml`, read for every door that must agree on them.

The keys of a case:

`from`: where the expectation comes from. `in`: the document; `out`: the same document patched, whole.
`decisions`: what the default ID says, as [path, state, reason], complete and in order.
`origin` (manifest): whether `in` came through an API server (admission). `old`: the pod before an update.
`configuration`: parts of a DefaulterConfiguration. `only` (true): switch every other default off, this one on.
`objects`: manifests of the cluster around the pod. `images`: what is known of images, as in a file of kind ImageFacts.
`all_bindings` (true): `objects` hold every RoleBinding and ClusterRoleBinding of the cluster.
`newest`: the API server's own minor version.
`withheld`: why nothing is sent; `out` then is what would be.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final

import msgspec
import yaml

from patches.compiler import compile_namespace
from patches.evaluation import Evaluation, evaluate
from patches.model.images import Images
from patches.model.pod import Origin
from patches.model.shapes import Json
from patches.policy.configuration import DefaulterConfiguration
from patches.policy.namespace import CompiledNamespace
from patches.policy.policy import IDS
from patches.standards.levels import NEWEST_MINOR
from tests.pods import view
from tests.shared_data import ROOT
from webhook.gatherers.manifests import ManifestGatherer
from webhook.images.facts import ImageEntry

FOLDER: Final = ROOT / "tests" / "cases" / "defaults"

Row = tuple[str, str, str]
"""A decision of a case: path, state and reason."""


@dataclass(frozen=True, slots=True)
class Case:
    """One case. `configuration` is a whole configuration file, `only` already worked in."""

    id: str
    name: str
    source: str
    origin: Origin
    configuration: dict[str, Any]
    objects: tuple[Json, ...]
    images: dict[str, Any]
    all_bindings: bool
    server_minor: int
    old: Json
    document: Json
    expected: Json
    decisions: tuple[Row, ...]
    withheld: str | None

    @property
    def namespace(self) -> str:
        """The namespace of the document."""
        return str(self.document["metadata"].get("namespace") or "default")

    def compiled(self) -> CompiledNamespace:
        """The case's namespace."""
        configuration = msgspec.convert(self.configuration, DefaulterConfiguration)
        gatherer = ManifestGatherer(server_minor=self.server_minor)
        for value in self.objects:
            assert gatherer.add(value), value
        gatherer.use_images(self.known_images())
        snapshot = gatherer.snapshot(self.namespace)
        snapshot = replace(snapshot, bindings=replace(snapshot.bindings, complete=self.all_bindings))
        return compile_namespace(snapshot, configuration, self.server_minor)

    def known_images(self) -> Images:
        """What is known of images."""
        entries = msgspec.convert(self.images, dict[str, ImageEntry])
        return Images({reference: entry.facts() for reference, entry in entries.items()})

    def run(self, document: Json = None) -> Evaluation:
        """What the library makes of the case's document, or of another in its place."""
        pod = view(self.document if document is None else document, self.origin)
        old = None if self.old is None else view(self.old, self.origin)
        return evaluate(pod, self.compiled(), old=old)


@cache
def load_cases() -> tuple[Case, ...]:
    """Every case, by id and name."""
    return tuple(
        _read(path.parent.name, path.stem, yaml.safe_load(path.read_text(encoding="utf-8")))
        for path in sorted(FOLDER.glob("*/*.yaml"))
    )


def _read(default: str, name: str, keys: dict[str, Any]) -> Case:
    configuration = keys.pop("configuration", {})
    if keys.pop("only", True):
        configuration = {**configuration, "settings": _only(default, configuration.get("settings", {}))}
    case = Case(
        id=default,
        name=name,
        source=keys.pop("from"),
        origin=Origin(keys.pop("origin", "manifest")),
        configuration=configuration,
        objects=tuple(keys.pop("objects", ())),
        images=keys.pop("images", {}),
        all_bindings=keys.pop("all_bindings", False),
        server_minor=keys.pop("newest", NEWEST_MINOR),
        old=keys.pop("old", None),
        document=keys.pop("in"),
        expected=keys.pop("out"),
        decisions=tuple((path, state, reason) for path, state, reason in keys.pop("decisions")),
        withheld=keys.pop("withheld", None),
    )
    assert not keys, f"{default}/{name}: unknown keys {keys.keys()}"
    return case


def _only(default: str, settings: dict[str, Any]) -> dict[str, Any]:
    assert settings.keys() <= set(IDS), settings.keys()
    return {name: {"enabled": name == default, **settings.get(name, {})} for name in IDS}
