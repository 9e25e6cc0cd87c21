"""The facts in use: merged, aged, handed on only when they change."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from patches import Images
from tests.gatherers.live_cluster import server
from tests.gatherers.live_faults import Watched, beside, event, page, until
from webhook.errors import ConfigurationError
from webhook.images import config_map as config_maps
from webhook.images.catalog import ImageCatalog
from webhook.images.config_map import follow_config_maps
from webhook.images.facts import ImageEntry
from webhook.images.file import ImageFactsFile

_NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
_PATH = "/api/v1/namespaces/psd/configmaps"


class Clock:
    """A time that a test moves."""

    def __init__(self) -> None:
        self.time = _NOW

    def __call__(self) -> datetime:
        """The time."""
        return self.time


def catalog_of(clock: Clock | None = None) -> tuple[ImageCatalog, list[Images]]:
    """A catalog whose tags hold for a day, and everything that it put into use."""
    used: list[Images] = []
    return ImageCatalog(lambda: timedelta(days=1), used.append, now=clock or Clock()), used


def facts_file(**users: str) -> str:
    """A file that says which user each image has."""
    images = {name: {"user": user} for name, user in users.items()}
    return msgspec.json.encode(
        {"apiVersion": "pod-security-defaulter.io/v1alpha1", "kind": "ImageFacts", "images": images}
    ).decode()


def config_map(text: str | None) -> dict[str, object]:
    """The ConfigMap with this content."""
    data = {} if text is None else {"data": {"images.yaml": text}}
    return {"metadata": {"name": "pod-security-defaulter-images", "namespace": "psd", "resourceVersion": "2"}, **data}


def test_the_later_origin_counts() -> None:
    """What a person declared in a file outranks what was learnt, whichever of the two changes last."""
    catalog, used = catalog_of()
    catalog.put("cluster", {"nginx": ImageEntry(user=""), "redis": ImageEntry(user="999")})
    catalog.put("file", {"nginx:latest": ImageEntry(user="101")})
    catalog.put("cluster", {"nginx": ImageEntry(user="0"), "redis": ImageEntry(user="999")})
    assert [(images.find("nginx").user, images.find("redis").user) for images in used] == [("", "999"), ("101", "999")]
    assert catalog.counts() == {"declared": 3}


def test_what_became_too_old_is_dropped() -> None:
    """With time and not with a change of the file; the same facts are not put into use again."""
    clock = Clock()
    catalog, used = catalog_of(clock)
    catalog.put("file", {"nginx": ImageEntry(user="", seen=_NOW)})
    catalog.refresh()
    clock.time += timedelta(days=1, seconds=1)
    catalog.refresh()
    catalog.refresh()
    assert [len(images) for images in used] == [1, 0]


async def test_it_refreshes_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as it runs."""
    monkeypatch.setattr("webhook.images.catalog._REFRESH_SECONDS", 0.01)
    clock = Clock()
    catalog, used = catalog_of(clock)
    catalog.put("file", {"nginx": ImageEntry(user="", seen=_NOW)})
    async with beside(catalog.run()):
        clock.time += timedelta(days=2)
        await until(lambda: len(used) == 2)


async def test_a_file_is_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A change is used; a file that became wrong or unreadable changes nothing and is a problem until it is mended."""
    monkeypatch.setattr("webhook.images.file._EVERY_SECONDS", 0.01)
    path = tmp_path / "images.yaml"
    with pytest.raises(ConfigurationError, match=r"images.yaml: No such file"):
        ImageFactsFile(path, catalog_of()[0])
    path.write_text(facts_file(nginx=""), encoding="utf-8")
    catalog, used = catalog_of()
    file = ImageFactsFile(path, catalog)
    async with beside(file.run()):
        path.write_text(facts_file(nginx="101"), encoding="utf-8")
        await until(lambda: len(used) == 2)
        path.write_text("kind: Pod\n", encoding="utf-8")
        await until(lambda: file.problem.startswith(f"{path}:1: "))
        path.unlink()
        await until(lambda: "No such file" in file.problem)
        path.write_text(facts_file(nginx="7"), encoding="utf-8")
        await until(lambda: len(used) == 3)
    assert ([images.find("nginx").user for images in used], file.problem) == (["", "101", "7"], "")


async def test_a_config_map_is_followed(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """Made, changed, spoilt, emptied and deleted by others: spoilt content changes nothing and is logged."""
    monkeypatch.setattr(config_maps, "NAMES", ("pod-security-defaulter-images",))
    catalog, used = catalog_of()
    async with server() as (played, client):
        played.lists[_PATH] = [page()]
        played.watches[_PATH] = [
            Watched(
                [
                    event("ADDED", config_map(facts_file(nginx=""))),
                    event("MODIFIED", config_map("kind: [")),
                    event("MODIFIED", {**config_map(None), "data": 7}),
                    event("MODIFIED", config_map(facts_file(nginx="101"))),
                    event("MODIFIED", config_map(None)),
                    event("MODIFIED", config_map(facts_file(nginx="102"))),
                    event("DELETED", config_map(facts_file(nginx="102"))),
                ]
            )
        ]
        with caplog.at_level(logging.ERROR):
            async with beside(follow_config_maps(client, "psd", catalog).run()):
                await until(lambda: len(used) == 5)
        assert all(
            query["fieldSelector"] == "metadata.name=pod-security-defaulter-images" for query in played.queries(_PATH)
        )
    assert [images.find("nginx").user for images in used] == ["", "101", None, "102", None]
    messages = [record.getMessage() for record in caplog.records]
    assert any("cannot use the changed facts of images" in message for message in messages)
    assert any("cannot read psd/pod-security-defaulter-images" in message for message in messages)
