"""The parts of a server: its background tasks, and the conditions and metrics of each."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from patches import FORM, DefaulterConfiguration
from webhook.configuration.file import ConfigurationFile, LoadedConfiguration
from webhook.images.catalog import ImageCatalog, UseImages
from webhook.images.facts import tag_age
from webhook.images.file import ImageFactsFile
from webhook.review.namespace_cache import NamespaceCache
from webhook.server.readiness import Condition, ConditionSource
from webhook.telemetry.gauges import (
    Gauge,
    GaugeSource,
    build_info,
    cache_gauges,
    certificate_expiry,
    configuration_gauges,
    image_gauges,
)
from webhook.telemetry.metrics import Metrics

if TYPE_CHECKING:  # its client is large, and a server without a cluster needs none
    from webhook.gatherers.live import LiveGatherer

Work: TypeAlias = Callable[[], Coroutine[Any, Any, None]]
"""Something that runs until it is cancelled."""


@dataclass(slots=True)
class Parts:
    """The background tasks of a server, and what it reports about them."""

    metrics: Metrics = field(default_factory=Metrics)
    conditions: list[ConditionSource] = field(default_factory=list)
    background: list[Work] = field(default_factory=list)

    def add(self, work: Work, conditions: ConditionSource, gauges: GaugeSource) -> None:
        """Run `work` beside the server, and report its conditions and gauges."""
        self.background.append(work)
        self.conditions.append(conditions)
        self.metrics.gauges.append(gauges)


def add_configuration(
    parts: Parts,
    file: ConfigurationFile,
    namespaces: NamespaceCache,
    use: Callable[[DefaulterConfiguration], None] = lambda _: None,
) -> None:
    """Follow the configuration file, and compile namespaces with it. `use` gets it too, at once and at each change."""
    use(file.loaded.configuration)
    running = version("pod-security-defaulter")  # reads files: do it once, not at each scrape

    def apply(loaded: LoadedConfiguration) -> None:
        use(loaded.configuration)
        namespaces.configure(loaded.configuration, loaded.generation)

    def conditions() -> Iterable[Condition]:  # a bad file is reported, but the last good one still serves
        yield Condition("configuration", ok=True, detail=f"{file.loaded.generation} {file.problem}")

    def gauges() -> Iterable[Gauge]:
        yield build_info(running, FORM)
        yield from configuration_gauges(file.loaded.generation, reloaded=not file.problem)

    parts.add(partial(file.run, apply), conditions, gauges)


def add_live_gatherer(parts: Parts, gatherer: LiveGatherer) -> None:
    """Follow the cluster."""

    def conditions() -> Iterable[Condition]:
        for row in gatherer.status():
            age = "never" if row.age_seconds is None else f"{row.age_seconds:.1f} s ago"
            ready = row.synced or row.optional
            yield Condition(f"cache {row.kind}", ready, f"{row.objects} objects, last heard of {age}")
        minor = gatherer.known_minor
        known = minor is not None
        yield Condition("API server", known, f"v1.{minor}" if known else "its version is not known yet")

    def gauges() -> Iterable[Gauge]:
        for row in gatherer.status():
            yield from cache_gauges(row.kind, synced=row.synced, objects=row.objects, age_seconds=row.age_seconds)

    parts.add(gatherer.run, conditions, gauges)


def add_image_catalog(parts: Parts, use: UseImages, namespaces: NamespaceCache) -> ImageCatalog:
    """Give `use` what is known of images, as long as it holds."""
    catalog = ImageCatalog(lambda: tag_age(namespaces.configuration), use)

    def gauges() -> Iterable[Gauge]:
        return image_gauges(catalog.counts())

    parts.background.append(catalog.run)
    parts.metrics.gauges.append(gauges)
    return catalog


def add_image_file(parts: Parts, path: Path, catalog: ImageCatalog) -> None:
    """Follow a file of facts of images. Raises ConfigurationError if it cannot be read."""
    file = ImageFactsFile(path, catalog)

    def conditions() -> Iterable[Condition]:  # a bad file is reported, but the last good one still serves
        yield Condition("images", ok=True, detail=file.problem)

    parts.background.append(file.run)
    parts.conditions.append(conditions)


class Certificate(Protocol):
    """A serving certificate that may be replaced while it is served."""

    @property
    def expiry(self) -> datetime | None:
        """When it expires; None before there is one."""


def certificate_conditions(certificate: Certificate) -> ConditionSource:
    """Ready once there is a valid certificate."""

    def conditions() -> Iterable[Condition]:
        end = certificate.expiry
        if end is None:
            yield Condition("certificate", ok=False, detail="there is none yet")
        else:
            yield Condition("certificate", datetime.now(UTC) < end, f"until {end.isoformat(timespec='seconds')}")

    return conditions


def certificate_gauges(certificate: Certificate) -> GaugeSource:
    """The gauge of the time at which the certificate expires."""

    def gauges() -> Iterable[Gauge]:
        end = certificate.expiry
        if end is not None:
            yield certificate_expiry("serving", end)

    return gauges
