"""What stays when the next preview comes: the focus, what is being typed; and what may not be taken away meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import yaml
from playwright.sync_api import Page, Route, expect

from tests.page.conftest import OpenPage
from tests.page.manifests import CONFIG_MAP, POD, PRIVILEGED
from tests.page.serving import Answer, Site

pytestmark = pytest.mark.browser

_TWO = f"{POD}---\n{PRIVILEGED}"


@contextmanager
def _held(page: Page) -> Iterator[None]:
    """Previews that are asked for inside get their answers when the block ends."""
    routes: list[Route] = []
    page.route("**/preview*", lambda route: routes.append(route))  # noqa: PLW0108 (Playwright takes no built-in)
    yield
    for route in routes:
        route.continue_()
    page.unroute("**/preview*")


def _edit(page: Page, text: str) -> None:
    """Change the text, and wait until the preview of it is asked for."""
    with page.expect_request("**/preview*"):
        page.fill("#text", text)


def _focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.textContent || document.activeElement.id"))


def test_what_is_typed_into_the_filter_stays(page: Page) -> None:
    """An answer that arrives while somebody types there takes neither focus, text nor selection."""
    page.fill("#text", _TWO)
    expect(page.locator(".card")).to_have_count(2)
    with _held(page):
        _edit(page, f"{_TWO}---\n{CONFIG_MAP}")
        page.focus("#filter-text")
        page.keyboard.type("web")
        page.keyboard.press("Shift+ArrowLeft")
    expect(page.locator(".card")).to_have_count(3)
    page.keyboard.type("x")  # over the selected letter
    assert page.input_value("#filter-text") == "wex"
    assert page.evaluate("document.activeElement.id") == "filter-text"
    expect(page.locator(".shown")).to_have_text("0 results of 3")


@pytest.mark.parametrize(
    "name",
    ["Pod agent", "Copy YAML of Pod agent", "Open all", "Download all Patches of all objects"],
)
def test_the_focus_stays_on_the_same_control_of_the_same_object(page: Page, name: str) -> None:
    """Also where the object now stands elsewhere."""
    page.fill("#text", _TWO)
    expect(page.locator(".diff")).to_have_count(2)
    with _held(page):
        _edit(page, f"{CONFIG_MAP}---\n{_TWO}")
        control = page.get_by_role("button", name=name, exact=True)
        control.focus()
        said = control.text_content()
    expect(page.locator(".card")).to_have_count(3)
    assert _focused(page) == said
    expect(page.get_by_role("button", name=name, exact=True)).to_be_focused()


def test_of_two_same_objects_the_focus_stays_on_the_second(page: Page) -> None:
    """An object that is there twice has two cards."""
    page.fill("#text", f"{POD}---\n{POD}")
    expect(page.locator(".card")).to_have_count(2)
    with _held(page):
        _edit(page, f"{POD}---\n{POD}---\n{CONFIG_MAP}")
        page.locator(".toggle").nth(1).focus()
    expect(page.locator(".card")).to_have_count(3)
    expect(page.locator(".toggle").nth(1)).to_be_focused()


def test_the_focus_of_what_is_gone_goes_to_the_results(page: Page, site: Site) -> None:
    """Not to the top of the page: after a card, a filter or a report that is no longer there."""
    page.fill("#text", _TWO)
    expect(page.locator(".card")).to_have_count(2)
    with _held(page):
        _edit(page, POD)
        page.get_by_role("button", name="Pod agent", exact=True).focus()
    expect(page.locator(".card")).to_have_count(1)
    expect(page.locator("#results")).to_be_focused()
    site.answers.append(Answer(503))
    with _held(page):
        _edit(page, _TWO)
        page.locator(".toggle").focus()
    expect(page.locator(".trouble")).to_be_visible()
    expect(page.locator("#results")).to_be_focused()


def test_a_token_that_is_being_typed_stays(page: Page, site: Site) -> None:
    """The same refusal once more leaves the field as it is."""
    site.needs_token = "x"  # noqa: S105 (no secret)
    page.fill("#text", POD)
    page.locator("#token").focus()
    page.keyboard.type("abc")
    with page.expect_response("**/preview*"):
        page.keyboard.press("Control+Enter")
    expect(page.locator("#outcome")).not_to_have_attribute("aria-busy", "true")
    assert page.input_value("#token") == "abc"
    expect(page.locator("#token")).to_be_focused()


def test_an_outdated_result_says_so_and_is_not_taken_away(open_page: OpenPage) -> None:
    """From the keystroke until its answer nothing is copied or saved; then what is copied is of the new text."""
    page = open_page(permissions=["clipboard-read", "clipboard-write"], reduced_motion="reduce")
    page.evaluate("navigator.clipboard.writeText('before')")
    page.fill("#text", _TWO)
    expect(page.locator(".diff")).to_have_count(2)
    downloads: list[object] = []
    page.on("download", lambda download: downloads.append(download))  # noqa: PLW0108 (as above)
    with _held(page):
        busy = page.evaluate(
            """(text) => {
              const field = document.getElementById("text");
              field.value = text;
              field.dispatchEvent(new InputEvent("input"));
              const outcome = document.getElementById("outcome");
              return [outcome.getAttribute("aria-busy"), Number(getComputedStyle(outcome).opacity)];
            }""",
            _TWO.replace("web", "new"),
        )
        assert busy[0] == "true"
        assert busy[1] < 1
        takers = page.locator(".verbs .button")
        assert takers.count() == 12
        for taker in takers.all():
            expect(taker).to_have_attribute("aria-disabled", "true")
            taker.click(force=True)
        expect(page.locator("#announcement")).to_contain_text("Not yet")
        assert page.evaluate("navigator.clipboard.readText()") == "before"
    expect(page.locator(".name").first).to_have_text("new")
    expect(page.locator("#outcome")).not_to_have_attribute("aria-busy", "true")
    assert downloads == []
    assert page.locator(".verbs .button[aria-disabled]").count() == 0
    page.get_by_role("button", name="Copy all YAML of all objects", exact=True).click()
    expect(page.locator("#announcement")).to_have_text("YAML of all objects copied")
    copied = yaml.safe_load_all(page.evaluate("navigator.clipboard.readText()"))
    assert [document["metadata"]["name"] for document in copied] == ["new", "agent"]


def test_a_setting_outdates_the_result_too(page: Page) -> None:
    """As an edit does."""
    page.fill("#text", POD)
    expect(page.locator(".diff")).to_be_visible()
    with _held(page):
        page.select_option("#profile", "baseline")
        expect(page.locator(".verbs .button").first).to_have_attribute("aria-disabled", "true")
    expect(page.locator(".badge").first).to_have_text("as written: compliant")
    expect(page.locator(".verbs .button").first).not_to_have_attribute("aria-disabled", "true")


def test_an_answer_of_the_text_before_is_not_shown_as_current(page: Page) -> None:
    """Where one is on its way when somebody types on, it is dropped at once, not when the pause is over."""
    asked = threading.Event()
    page.fill("#text", POD)
    expect(page.locator(".diff")).to_be_visible()
    with _held(page):
        page.on("requestfailed", lambda _: asked.set())
        _edit(page, POD.replace("web", "older"))
        page.evaluate(
            """(text) => {
              window.seen = [];
              const outcome = document.getElementById("outcome");
              const name = () => outcome.querySelector(".name")?.textContent;
              new MutationObserver(() => seen.push(name())).observe(outcome, { childList: true, subtree: true });
              const field = document.getElementById("text");
              field.value = text;
              field.dispatchEvent(new InputEvent("input"));
            }""",
            POD.replace("web", "newest"),
        )
        page.wait_for_timeout(50)
        assert asked.is_set()  # the older request was given up
    expect(page.locator(".name")).to_have_text("newest")
    assert "older" not in page.evaluate("seen")
