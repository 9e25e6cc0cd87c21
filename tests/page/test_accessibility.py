"""For everybody: with the keyboard alone, on a phone, with a screen reader, in either colours."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Final

import pytest
from playwright.sync_api import Page, expect

from tests.page import chromium
from tests.page.conftest import OpenPage, Watch
from tests.page.manifests import BROKEN, POD, PRIVILEGED
from tests.page.serving import Site

pytestmark = pytest.mark.browser

_STATES: Final = ("empty", "results", "unified", "error", "refused")


@pytest.fixture(scope="session")
def axe() -> str:
    """axe-core's script."""
    return chromium.axe()


def _violations(page: Page, axe: str) -> list[tuple[str, Any]]:
    """What axe-core finds, with the elements. It is run by the debugger: the page's own policy stays as it is."""
    page.evaluate(axe)
    found = page.evaluate("async () => (await axe.run(document)).violations")
    return [(violation["id"], [node["html"] for node in violation["nodes"]]) for violation in found]


def _bring_to(page: Page, site: Site, state: str) -> None:
    if state == "refused":
        site.needs_token = "x"  # noqa: S105 (no secret)
        page.fill("#text", POD)
        expect(page.locator("#token")).to_be_visible()
    elif state != "empty":
        page.fill("#text", BROKEN + "---\n" + PRIVILEGED if state == "error" else POD + "---\n" + PRIVILEGED)
        if state == "unified":
            page.locator("label[for=view-unified]").click()
        expect(page.locator(".diff").last).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("state", _STATES)
def test_axe_finds_nothing(open_page: OpenPage, site: Site, axe: str, state: str, scheme: str) -> None:
    """0 violations in each state, in either colours."""
    page = open_page(color_scheme=scheme, reduced_motion="reduce")
    _bring_to(page, site, state)
    assert _violations(page, axe) == []


def test_axe_finds_nothing_on_a_phone(open_page: OpenPage, site: Site, axe: str) -> None:
    """Nor in a narrow window."""
    page = open_page(viewport={"width": 360, "height": 740}, reduced_motion="reduce")
    _bring_to(page, site, "error")
    assert _violations(page, axe) == []


def test_axe_can_find_something(page: Page, axe: str, watch: Watch) -> None:
    """The check can fail: a picture without words."""
    page.evaluate("document.body.append(Object.assign(new Image(), { src: 'static/favicon.svg' }))")
    assert "image-alt" in {name for name, _ in _violations(page, axe)}
    watch.offences.clear()


@pytest.mark.parametrize("state", ["empty", "results", "error", "refused"])
@pytest.mark.parametrize("width", [320, 360, 768, 1100])
def test_nothing_scrolls_sideways(open_page: OpenPage, site: Site, state: str, width: int) -> None:
    """The body never does; below a certain width differences are unified."""
    page = open_page(viewport={"width": width, "height": 740}, has_touch=True)
    _bring_to(page, site, state)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    if page.locator(".diff").count() and width < 1025:
        expect(page.locator(".diff.unified").first).to_be_visible()


def _press_until(page: Page, key: str, selector: str) -> None:
    """Press a key until the focus is on `selector`; each stop on the way can be seen."""
    for _ in range(60):
        page.keyboard.press(key)
        if page.evaluate("document.activeElement !== document.body"):
            assert page.evaluate(
                """() => {
                  const element = document.activeElement;
                  const proxy = { text: element.parentElement }[element.id];
                  const label = element.matches(".views input") && element.nextElementSibling;
                  const shown = proxy || label || element;
                  const style = getComputedStyle(shown);
                  return style.outlineStyle !== "none" || style.boxShadow !== "none";
                }"""
            ), page.evaluate("document.activeElement.outerHTML")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"{key} does not lead to {selector}")


def test_everything_with_the_keyboard_alone(open_page: OpenPage, site: Site) -> None:
    """From the skip link to a copied patch, and out of the editor again, without a mouse."""
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    _press_until(page, "Tab", "#theme")
    page.keyboard.press("Enter")
    expect(page.locator("#theme")).to_have_attribute("aria-pressed", "true")
    _press_until(page, "Tab", "#text")
    page.keyboard.insert_text(f"{POD}---\n{PRIVILEGED}")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".card")).to_have_count(2)
    assert page.evaluate("document.activeElement.id") == "text"
    _press_until(page, "Tab", "#profile")
    page.keyboard.press("ArrowDown")
    expect(page.locator(".badge").last).to_have_text("with defaults: 1 violation")
    assert site.asked[-1].query["profile"] == "baseline:latest"
    _press_until(page, "Tab", ".views input")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".diff.unified").first).to_be_visible()
    _press_until(page, "Tab", ".toggle")
    page.keyboard.press("Enter")
    expect(page.locator(".card-body").first).to_be_hidden()
    page.keyboard.press("Space")
    expect(page.locator(".card-body").first).to_be_visible()
    _press_until(page, "Tab", ".changes .verbs button:last-child")
    page.keyboard.press("Enter")
    expect(page.locator("#announcement")).to_have_text("Patch copied")
    assert page.evaluate("navigator.clipboard.readText()").startswith("[\n")
    _press_until(page, "Tab", ".folded button")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.classList.contains('code')")
    _press_until(page, "Tab", ".warnings summary")
    page.keyboard.press("Enter")
    expect(page.locator(".warnings li")).to_be_visible()
    _press_until(page, "Shift+Tab", "#clear")
    page.keyboard.press("Enter")
    expect(page.locator(".welcome")).to_be_visible()
    assert page.evaluate("document.activeElement.id") == "text"


def test_the_skip_link_leads_to_the_results(page: Page) -> None:
    """Past the editor, and the settings in the address stay."""
    page.select_option("#profile", "baseline")
    page.focus(".skip")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "results"
    assert "profile=baseline" in page.url


def test_an_example_moves_the_focus_to_the_results(page: Page) -> None:
    """The button that was pressed is gone; whoever pressed it is not thrown to the top."""
    page.get_by_role("button", name="Try one with a mistake").press("Enter")
    expect(page.locator(".card")).to_have_count(3)
    assert page.evaluate("document.activeElement.id") == "results"
    expect(page.locator("#announcement")).to_have_text(
        "2 objects with pods: 0 compliant as written, 1 with defaults; 1 document cannot be read.",
    )


def test_headings_and_landmarks(page: Page) -> None:
    """One h1, no level left out, and a main region with two named sections."""
    page.fill("#text", f"{POD}---\n{PRIVILEGED}")
    expect(page.locator(".diff").last).to_be_visible()
    levels = page.evaluate(
        "[...document.querySelectorAll('h1,h2,h3,h4')].map((heading) => Number(heading.localName[1]))"
    )
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later <= earlier + 1 for earlier, later in pairwise(levels))
    expect(page.get_by_role("main")).to_have_count(1)
    expect(page.get_by_role("banner")).to_have_count(1)
    expect(page.get_by_role("region", name="Manifests")).to_have_count(1)
    expect(page.get_by_role("region", name="Results")).to_have_count(1)


def test_reduced_motion(open_page: OpenPage) -> None:
    """Whoever asks for less movement gets none."""
    page = open_page(reduced_motion="reduce")
    assert page.evaluate("getComputedStyle(document.getElementById('outcome')).transitionProperty") == "none"
