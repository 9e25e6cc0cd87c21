"""Cases of notices as data: `tests/cases/notices/CODE/CASE.yaml`, read for every door that gives them.

The keys of a case:

`from`: where the expectation comes from. `in`: the document.
`notices`: what is noted, as [code, path, value…], complete; the order of codes is that of the engine.
`origin` (manifest): whether `in` came through an API server (admission).
`configuration`: parts of a DefaulterConfiguration. `objects`: manifests of the cluster around the pod.
`images`: what is known of images, as in a file of kind ImageFacts.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import msgspec
import yaml

from patches.compiler import compile_namespace
from patches.evaluation import Evaluation, evaluate
from patches.model.images import Images
from patches.model.notices import Notice, NoticeCode
from patches.model.pod import Origin
from patches.model.shapes import Json
from patches.policy.configuration import DefaulterConfiguration
from tests.pods import view
from tests.review.builders import gatherer_of
from tests.shared_data import ROOT
from webhook.gatherers.manifests import ManifestGatherer
from webhook.images.facts import API_VERSION, KIND, ImageEntry

FOLDER: Final = ROOT / "tests" / "cases" / "notices"


@dataclass(frozen=True, slots=True)
class NoticeCase:
    """One case."""

    code: str
    name: str
    source: str
    origin: Origin
    configuration: dict[str, Any]
    objects: tuple[Json, ...]
    images: dict[str, Any]
    document: Json
    notices: tuple[Notice, ...]

    def __str__(self) -> str:
        return f"{self.code}/{self.name}"

    @property
    def image_facts(self) -> Json:
        """What is known of images, as a file."""
        return {"apiVersion": API_VERSION, "kind": KIND, "images": self.images}

    def gatherer(self, *objects: Json) -> ManifestGatherer:
        """The cluster around the pod, with more objects."""
        gatherer = gatherer_of([*self.objects, *objects])
        entries = msgspec.convert(self.images, dict[str, ImageEntry])
        gatherer.use_images(Images({reference: entry.facts() for reference, entry in entries.items()}))
        return gatherer

    def run(self) -> Evaluation:
        """What the library makes of the case's document."""
        configuration = msgspec.convert(self.configuration, DefaulterConfiguration)
        snapshot = self.gatherer().snapshot(self.document["metadata"]["namespace"])
        return evaluate(view(self.document, self.origin), compile_namespace(snapshot, configuration))


@cache
def load_notice_cases() -> tuple[NoticeCase, ...]:
    """Every case, by code and name."""
    return tuple(
        _read(path.parent.name, path.stem, yaml.safe_load(path.read_text(encoding="utf-8")))
        for path in sorted(FOLDER.glob("*/*.yaml"))
    )


def _read(code: str, name: str, keys: dict[str, Any]) -> NoticeCase:
    codes = {str(known): known for known in NoticeCode}
    case = NoticeCase(
        code=code,
        name=name,
        source=keys.pop("from"),
        origin=Origin(keys.pop("origin", "manifest")),
        configuration=keys.pop("configuration", {}),
        objects=tuple(keys.pop("objects", ())),
        images=keys.pop("images", {}),
        document=keys.pop("in"),
        notices=tuple(Notice(codes[noted], path, tuple(values)) for noted, path, *values in keys.pop("notices")),
    )
    assert not keys, f"{case}: unknown keys {keys.keys()}"
    return case
