"""The HTML of a scan in a browser: how fast 5,000 workloads open, and for everybody."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from playwright.sync_api import Browser, Page, expect

from patches import DefaulterConfiguration, parse_level_version
from patches.standards.levels import NEWEST_MINOR
from tests.cluster.telling import tell
from tests.page import chromium
from tests.shared_data import read_jsonl_gz, shared
from webhook.documents.reader import flatten, read_documents
from webhook.gatherers.gatherer import GatheredNamespaces
from webhook.preview.preview import Surroundings
from webhook.reports.html import to_html
from webhook.scan.manifests import ScanOptions, scan_manifests
from webhook.scan.results import NamespaceResult, Scan

pytestmark = pytest.mark.browser

_WORKLOADS: Final = 5_000
_SPACES: Final = 200
_SECONDS: Final = 2.0
_MADE: Final = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)

OpenReport = Callable[..., Page]


@pytest.fixture(scope="module")
def small() -> Scan:
    """A scan of real workloads, with each verdict, and something of everything else that a report may say."""
    rows = [row["object"] for row in read_jsonl_gz(shared("corpus/workloads.jsonl.gz"))]
    values = [
        {**row, "metadata": {**row["metadata"], "name": f"w-{number}", "namespace": f"space-{number % 9}"}}
        for number, row in enumerate(rows)
    ]
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": values}).encode()
    documents = [*flatten(read_documents(text, "in.json")), *read_documents(b"kind: [\n", "broken.yaml")]
    surroundings = Surroundings(GatheredNamespaces({}, {}), DefaulterConfiguration(), NEWEST_MINOR)
    scan = scan_manifests(documents, surroundings, ScanOptions(parse_level_version("restricted"), differences=True))
    scan.problems.append("nodes: 403: what depends on them is unknown, and skipped")
    return scan


@pytest.fixture
def open_report(browser: Browser, small: Scan, tmp_path: Path) -> Iterator[OpenReport]:
    """Opens a report from disk, in a context with these options. The console must stay empty."""
    contexts, said = [], []

    def open_(scan: Scan = small, **options: Any) -> Page:
        file = tmp_path / "scan.html"
        file.write_text(to_html(scan, _MADE), encoding="utf-8")
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        contexts.append(context)
        context.on("console", lambda message: said.append(message.text))
        context.on("weberror", lambda error: said.append(str(error.error)))
        context.on("request", lambda request: said.append(request.url) if request.url != file.as_uri() else None)
        page = context.new_page()
        page.goto(file.as_uri())
        return page

    yield open_
    for context in contexts:
        context.close()
    assert said == []


@pytest.fixture(scope="module")
def axe() -> str:
    """axe-core's script."""
    return chromium.axe()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_axe_finds_nothing(open_report: OpenReport, axe: str, scheme: str, width: int) -> None:
    """With workloads of each verdict opened; and nothing scrolls sideways."""
    page = open_report(color_scheme=scheme, reduced_motion="reduce", viewport={"width": width, "height": 900})
    opened = page.evaluate(
        """() => ["compliant", "with-defaults", "needs-edits", "cannot"].map((verdict) => {
          const row = document.querySelector(`.w.${verdict}`);
          row.open = row.closest(".ns").open = true;
          return row.querySelector(".body").checkVisibility();
        })"""
    )
    assert opened == [True] * 4
    page.evaluate(axe)
    found = page.evaluate("async () => (await axe.run(document)).violations")
    assert [(row["id"], [node["html"] for node in row["nodes"]][:3]) for row in found] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_5000_workloads_open_in_two_seconds(open_report: OpenReport, small: Scan) -> None:
    """To the end of loading; and a namespace opens at once."""
    workloads = [row for space in small.namespaces for row in space.workloads]
    spaces = [
        NamespaceResult(f"space-{number}", small.namespaces[0].verdict, small.namespaces[0].fits, [])
        for number in range(_SPACES)
    ]
    for number in range(_WORKLOADS):
        row = msgspec.structs.replace(workloads[number % len(workloads)], name=f"workload-{number}")
        spaces[number % _SPACES].workloads.append(row)
    page = open_report(Scan(small.profile, spaces, small.kinds, [], [], []))
    assert page.locator(".w").count() == _WORKLOADS
    loaded = page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")
    painted = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    opened = page.evaluate(
        """() => new Promise((resolve) => {
          const start = performance.now();
          document.querySelector(".ns summary").click();
          requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - start)));
        })"""
    )
    size = len(to_html(Scan(small.profile, spaces, small.kinds, [], [], []), _MADE)) / 1e6
    tell(f"{_WORKLOADS} workloads: painted after {painted:.0f} ms, loaded after {loaded:.0f} ms, {size:.1f} MB")
    tell(f"a namespace opens in {opened:.0f} ms")
    assert loaded < _SECONDS * 1000
    assert opened < 500


def test_everything_with_the_keyboard(open_report: OpenReport) -> None:
    """The skip link, the choices, a namespace and a workload in it."""
    page = open_report()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "namespaces"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "show-all"
    page.keyboard.press("ArrowRight")
    expect(page.locator("#show-cannot")).to_be_checked()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.parentElement.open")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.parentElement.querySelector('.body').checkVisibility()")


def test_choices_need_no_script(open_report: OpenReport) -> None:
    """Which verdict is listed, which stage the heat map counts, and the colours, by the style sheet alone."""
    page = open_report(java_script_enabled=False)
    page.locator("label[for=show-needs-edits]").click()
    expect(page.locator(".ns.has-needs-edits").first).to_be_visible()
    page.locator(".ns.has-needs-edits > summary").first.click()
    rows = page.locator(".ns[open] > .w")
    shown = {row.get_attribute("class") for row in rows.all() if row.is_visible()}
    assert shown == {"w needs-edits"}
    expect(page.locator(".scroll.once")).to_be_visible()
    page.locator("label[for=stage-as-is]").click()
    expect(page.locator(".scroll.once")).to_be_hidden()
    expect(page.locator(".scroll.as-is")).to_be_visible()
    page.locator("label[for=theme-dark]").click()
    expect(page.locator("body")).to_have_css("background-color", "rgb(13, 18, 25)")


def test_a_cell_leads_to_its_namespace(open_report: OpenReport) -> None:
    """By a link within the page."""
    page = open_report()
    link = page.locator(".scroll.once a").last
    name = link.inner_text()
    link.click()
    expect(page.locator(".ns:target h3")).to_have_text(name)
