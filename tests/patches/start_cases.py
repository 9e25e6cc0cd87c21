"""Cases of starting as data: `tests/cases/starts/CASE.yaml`, read for every door that says whether containers start.

The keys of a case:

`from`: where the expectation comes from. `in`: the document; `old`: the pod before an update.
`before`, `after`: of each container [name, forecast, cause, message], as it was sent and with the patch; the last two
only if there is something to say. `warnings`: the sentences about containers that will not start, complete.
`images`: what is known of images, as in a file of kind ImageFacts. `now`: when, for what ages.
`origin` (manifest): whether `in` came through an API server (admission).
`configuration`: parts of a DefaulterConfiguration. `objects`: manifests of the cluster around the pod.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final

import msgspec
import yaml

from patches.compiler import compile_namespace
from patches.evaluation import Evaluation, Stage, evaluate
from patches.model.images import Images
from patches.model.pod import Origin
from patches.model.shapes import Json
from patches.policy.configuration import DefaulterConfiguration
from patches.policy.namespace import CompiledNamespace
from tests.pods import view
from tests.shared_data import ROOT
from webhook.gatherers.manifests import ManifestGatherer
from webhook.images.facts import ImageEntry, current_facts

FOLDER: Final = ROOT / "tests" / "cases" / "starts"
_TAG_AGE: Final = timedelta(days=7)

Row = tuple[str, str, str | None, str]
"""A container's name, its forecast, the cause and the message."""


@dataclass(frozen=True, slots=True)
class StartCase:
    """One case."""

    name: str
    source: str
    origin: Origin
    configuration: dict[str, Any]
    objects: tuple[Json, ...]
    images: dict[str, Any]
    now: datetime
    old: Json
    document: Json
    before: list[Row]
    after: list[Row]
    warnings: list[str]

    def __str__(self) -> str:
        return self.name

    def known_images(self) -> Images:
        """What is known of images at that time."""
        entries = msgspec.convert(self.images, dict[str, ImageEntry])
        return Images(current_facts(entries, self.now, _TAG_AGE))

    def gatherer(self) -> ManifestGatherer:
        """The namespaces of the case."""
        gatherer = ManifestGatherer()
        for value in self.objects:
            assert gatherer.add(value), value
        gatherer.use_images(self.known_images())
        return gatherer

    def compiled(self) -> CompiledNamespace:
        """The case's namespace."""
        configuration = msgspec.convert(self.configuration, DefaulterConfiguration)
        return compile_namespace(self.gatherer().snapshot("shop"), configuration)

    def run(self) -> Evaluation:
        """What the library makes of the case's document."""
        old = None if self.old is None else view(self.old, self.origin)
        return evaluate(view(self.document, self.origin), self.compiled(), old=old)


def rows(evaluation: Evaluation, stage: Stage) -> list[Row]:
    """What is foreseen of each container at a stage."""
    return [(start.container, start.forecast, start.cause, start.message) for start in evaluation.starts(stage)]


@cache
def load_start_cases() -> tuple[StartCase, ...]:
    """Every case, by name."""
    return tuple(
        _read(path.stem, yaml.safe_load(path.read_text(encoding="utf-8"))) for path in sorted(FOLDER.iterdir())
    )


def _read(name: str, keys: dict[str, Any]) -> StartCase:
    case = StartCase(
        name=name,
        source=keys.pop("from"),
        origin=Origin(keys.pop("origin", "manifest")),
        configuration=keys.pop("configuration", {}),
        objects=tuple(keys.pop("objects", ())),
        images=keys.pop("images", {}),
        now=keys.pop("now", datetime(2026, 12, 1, tzinfo=UTC)),
        old=keys.pop("old", None),
        document=keys.pop("in"),
        before=[_row(*row) for row in keys.pop("before")],
        after=[_row(*row) for row in keys.pop("after")],
        warnings=keys.pop("warnings", []),
    )
    assert not keys, f"{name}: unknown keys {keys.keys()}"
    return case


def _row(container: str, forecast: str, cause: str | None = None, message: str = "") -> Row:
    return container, forecast, cause, message
