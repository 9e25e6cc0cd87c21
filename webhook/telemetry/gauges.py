"""The gauges: values as they are when the page is asked for, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import NamedTuple, TypeAlias


class Gauge(NamedTuple):
    """A value, with the name, help text and labels of its metric."""

    name: str
    help: str
    labels: dict[str, str]
    value: float


GaugeSource: TypeAlias = Callable[[], Iterable[Gauge]]
"""Returns the gauges of some part of the program, each time the page is asked for."""


def build_info(version: str, form: str) -> Gauge:
    """The version of this program, and in which form its engine runs."""
    labels = {"version": version, "engine": form}
    return Gauge("psd_build_info", "The version that runs, and whether its engine is compiled.", labels, 1)


def configuration_gauges(generation: str, *, reloaded: bool) -> Iterator[Gauge]:
    """The generation of the configuration in use, and whether that is what the file has now."""
    yield Gauge("psd_configuration_info", "The configuration in use, by its hash.", {"generation": generation}, 1)
    yield Gauge("psd_configuration_reload_success", "Whether the file as it is now is in use.", {}, reloaded)


def cache_gauges(kind: str, *, synced: bool, objects: int, age_seconds: float | None) -> Iterator[Gauge]:
    """The state of the cache of one kind, named by its plural. `age_seconds` is None before the first contact."""
    labels = {"kind": kind}
    yield Gauge("psd_cache_synced", "Whether the cache has had a whole list.", labels, synced)
    yield Gauge("psd_cache_objects", "Objects in the cache.", labels, objects)
    if age_seconds is not None:
        yield Gauge("psd_cache_age_seconds", "Seconds since the API server was last heard of.", labels, age_seconds)


def image_gauges(counts: Mapping[str, int]) -> Iterator[Gauge]:
    """The number of images of which something is known, by where from."""
    for source, count in counts.items():
        yield Gauge("psd_images", "Images of which something is known.", {"source": source}, count)


def leader(*, is_leader: bool) -> Gauge:
    """Whether this replica leads."""
    return Gauge("psd_leader", "Whether this replica looks after the certificates.", {}, is_leader)


def registry_gauges(asked: Mapping[str, int]) -> Iterator[Gauge]:
    """The number of images that registries were asked for, by result."""
    for result, count in asked.items():
        yield Gauge("psd_registry_images", "Images asked for, since the start.", {"result": result}, count)


def observer_gauges(
    *, is_leader: bool, written: bool, hanging: int, suspected: Mapping[tuple[str, str], int], healed: int
) -> Iterator[Gauge]:
    """What an observer sees and does; only the leader does anything."""
    yield Gauge("psd_observer_leader", "Whether this observer writes what is learnt.", {}, is_leader)
    yield Gauge("psd_observer_write_success", "Whether the last attempt to write it did not fail.", {}, written)
    yield Gauge("psd_hanging_pods", "Pods that never start because of a default.", {}, hanging)
    for (default, certainty), count in suspected.items():
        labels = {"default": default, "certainty": certainty}
        yield Gauge("psd_suspected_defaults", "Pods that a default kept from running, since the start.", labels, count)
    yield Gauge(
        "psd_healed_pods", "Pods that were deleted so that their successors start, since the start.", {}, healed
    )


def certificate_expiry(certificate: str, expiry: datetime) -> Gauge:
    """When the `serving` or the `ca` certificate expires."""
    return Gauge(
        "psd_certificate_expiry_timestamp_seconds",
        "Unix time at which a certificate expires.",
        {"certificate": certificate},
        expiry.timestamp(),
    )
