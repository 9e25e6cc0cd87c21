"""What a person reads where the server refuses; and the token, which is nowhere but in memory and in one header."""

from __future__ import annotations

import json
from typing import Final

import pytest
from playwright.sync_api import Page, Route, expect

from tests.page.conftest import OpenPage, Watch
from tests.page.manifests import POD
from tests.page.serving import Answer, Site

pytestmark = pytest.mark.browser

_TOKEN: Final = "header.payload.signature"  # noqa: S105 (of the shape of a token, and of no use anywhere)


@pytest.mark.parametrize(
    ("answer", "title", "advice"),
    [
        (
            Answer(400, '{"message": "namespace: too long", "field": "namespace"}'),
            "The server does not understand the request",
            "namespace: too long",
        ),
        (
            Answer(403, '{"message": "no", "field": ""}'),
            "You may not do this in that namespace",
            "the verb create on pods",
        ),
        (
            Answer(403, '{"message": "ask for localhost", "field": "Host"}'),
            "This server answers only its own machine",
            "ask",
        ),
        (Answer(413), "That is too much at once", "Preview fewer documents at a time."),
        (Answer(429, retry_after="9"), "Too many requests", "It is asked again in 9 s."),
        (Answer(503), "The server cannot answer now", "Try again in a moment."),
        (Answer(503, retry_after="30"), "The server cannot answer now", "Try again in 30 s."),
        (Answer(500, "[]"), "The server answered 500", "Its log says more."),
        (Answer(200, "<html>"), "The answer cannot be read", "Try again."),
    ],
    ids=lambda value: f"{value.status} {value.retry_after}" if isinstance(value, Answer) else "",
)
def test_a_refusal_says_what_to_do(page: Page, site: Site, answer: Answer, title: str, advice: str) -> None:
    """Each status has its own words; the manifests stay, and the next attempt clears the message."""
    site.answers.append(answer)
    page.fill("#text", POD)
    trouble = page.get_by_role("alert").locator(".trouble")
    expect(trouble.locator("h3")).to_have_text(title)
    expect(trouble).to_contain_text(advice)
    assert page.input_value("#text") == POD
    page.click("#run")
    expect(page.locator(".card")).to_have_count(1)
    expect(trouble).to_have_count(0)


def test_after_too_many_requests_it_asks_again(page: Page, site: Site) -> None:
    """Once the time that the server names has passed, and by itself."""
    site.answers.append(Answer(429, retry_after="1"))
    page.fill("#text", POD)
    expect(page.locator(".trouble")).to_be_visible()
    expect(page.locator(".card")).to_have_count(1)
    assert len(site.asked) == 2


def test_a_server_that_is_away(page: Page, watch: Watch) -> None:
    """A connection that fails is told as such; the page still works afterwards."""
    page.route("**/preview*", lambda route: route.abort("connectionrefused"))
    page.fill("#text", POD)
    expect(page.locator(".trouble h3")).to_have_text("The server cannot be reached")
    page.unroute("**/preview*")
    page.click("#run")
    expect(page.locator(".card")).to_have_count(1)
    assert [offence for offence in watch.offences if "ERR_CONNECTION_REFUSED" not in offence] == []
    watch.offences.clear()  # the browser's own line for the failed connection


def test_an_answer_that_breaks_off(page: Page) -> None:
    """Half an answer is no report."""

    def half(route: Route) -> None:
        route.fulfill(status=200, body='{"results": [', content_type="application/json")

    page.route("**/preview*", half)
    page.fill("#text", POD)
    expect(page.locator(".trouble h3")).to_have_text("The answer cannot be read")


def test_a_token_is_asked_for_and_kept_in_memory_only(page: Page, site: Site) -> None:
    """It goes into the header of a preview and nowhere else; a reload forgets it."""
    site.needs_token = _TOKEN
    page.fill("#text", POD)
    expect(page.locator(".trouble h3")).to_have_text("This server asks who you are")
    assert page.get_attribute("#token", "type") == "password"
    page.fill("#token", "wrong")
    page.keyboard.press("Enter")
    expect(page.locator(".trouble h3")).to_have_text("The token was not accepted")
    page.fill("#token", f" Bearer {_TOKEN}\n")
    page.get_by_role("button", name="Use token").click()
    expect(page.locator(".card")).to_have_count(1)
    expect(page.locator("#token-state")).to_be_visible()
    last = site.asked[-1]
    assert last.headers.pop("Authorization") == f"Bearer {_TOKEN}"
    assert _TOKEN not in str(last)
    assert _TOKEN not in page.url
    assert _TOKEN not in page.content()
    assert page.context.cookies() == []
    stored = page.evaluate(
        "async () => JSON.stringify("
        "[{...localStorage}, {...sessionStorage}, await indexedDB.databases(), history.state])"
    )
    assert json.loads(stored) == [{}, {}, [], None]
    assert _TOKEN not in page.evaluate(
        "JSON.stringify([...document.querySelectorAll('input, textarea')].map((e) => e.value))"
    )
    page.reload()
    page.fill("#text", POD)
    expect(page.locator(".trouble h3")).to_have_text("This server asks who you are")
    assert "Authorization" not in site.asked[-1].headers


def test_a_token_can_be_forgotten(page: Page, site: Site) -> None:
    """Then the next preview goes without it."""
    site.needs_token = _TOKEN
    page.fill("#text", POD)
    page.fill("#token", _TOKEN)
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Forget it").click()
    expect(page.locator("#token-state")).to_be_hidden()
    page.click("#run")
    expect(page.locator("#token")).to_be_visible()
    assert "Authorization" not in site.asked[-1].headers


def test_without_a_token_none_is_sent(page: Page, site: Site) -> None:
    """On loopback nobody asks for one, and no field is in the way."""
    page.fill("#text", POD)
    expect(page.locator(".card")).to_have_count(1)
    assert page.locator("#token").count() == 0
    assert "Authorization" not in site.asked[0].headers
    assert "Cookie" not in site.asked[0].headers


def test_what_the_server_itself_refuses(page: Page, site: Site) -> None:
    """More than it takes, and a namespace that cannot be: told by the real server, in its words."""
    site.refused.update((400, 413))
    page.fill("#namespace", "No_Name")
    page.fill("#text", POD)
    expect(page.locator(".trouble .said")).to_contain_text("expected the name of a namespace")
    expect(page.locator(".trouble")).to_contain_text("Look at namespace.")
    field = page.get_by_role("textbox", name="Namespace")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(page.locator(f"#{field.get_attribute('aria-errormessage')}")).to_contain_text("name of a namespace")
    assert page.locator("[aria-invalid]").count() == 1
    page.fill("#namespace", "")
    assert page.locator("[aria-invalid]").count() == 0
    page.fill("#text", POD + "#" * 5_000_000)
    expect(page.locator(".trouble h3")).to_have_text("That is too much at once", timeout=60_000)


def test_the_headers_hold(open_page: OpenPage, watch: Watch) -> None:
    """The browser itself refuses what a bug could let in: an inline script, and a request elsewhere."""
    page = open_page()
    page.evaluate(
        """() => {
          const script = document.createElement("script");
          script.textContent = "window.injected = true";
          document.body.append(script);
          return fetch("https://example.invalid/").catch(() => 0);
        }"""
    )
    assert page.evaluate("window.injected") is None
    assert all("Content Security Policy" in offence for offence in watch.offences if not offence.startswith("asked"))
    assert watch.offences
    watch.offences.clear()
