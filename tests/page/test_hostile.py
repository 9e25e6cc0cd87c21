"""A manifest that attacks whoever looks at it: everything in it stays text."""

from __future__ import annotations

import json
from typing import Final

import pytest
from playwright.sync_api import Page, expect

from tests.page.serving import Answer, Site

pytestmark = pytest.mark.browser

_ATTACKS: Final = (
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(2)</script>",
    '"><svg onload=alert(3)>',
    "javascript:alert(4)",
    "<a href='https://example.invalid'>x</a>",
    "`</code><iframe srcdoc='<script>alert(5)</script>'>`",
    "\u202emoc.live",
    "__proto__",
    "constructor",
)


def _pod(attack: str) -> dict[str, object]:
    """A pod that says it in every place that is shown, and some more."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": attack, "namespace": attack, "annotations": {attack: attack}, "labels": {attack: attack}},
        "spec": {
            "containers": [
                {
                    "name": attack,
                    "image": attack,
                    "command": [attack, f"{attack}\n{attack}"],
                    "securityContext": {
                        "privileged": True,
                        "capabilities": {"add": [attack]},
                        attack: {attack: attack},
                    },
                },
            ],
            "volumes": [{"name": attack, "hostPath": {"path": attack}}],
        },
    }


def test_every_name_annotation_and_image_is_inert(page: Page) -> None:
    """No dialog, no element, no request; what was written is shown as it was written."""
    documents = [json.dumps(_pod(attack)) for attack in _ATTACKS]
    documents += [
        json.dumps({"apiVersion": attack, "kind": attack, "metadata": {"name": attack}}) for attack in _ATTACKS
    ]
    documents += [json.dumps({**_pod(attack), "spec": {attack: attack, "containers": attack}}) for attack in _ATTACKS]
    documents += [f"a: {attack}: [" for attack in _ATTACKS]
    page.fill("#text", "\n---\n".join(documents))
    expect(page.locator(".card")).to_have_count(len(documents))
    page.get_by_role("button", name="Open all").click()
    cards = page.locator(".card:not(.error)")
    for index in range(cards.count()):
        cards.nth(index).scroll_into_view_if_needed()
        expect(cards.nth(index).locator(".diff")).to_be_visible()
    for index, attack in enumerate(_ATTACKS):
        assert cards.nth(index).locator(".name").text_content() == attack
    _assert_inert(page)


def test_what_a_server_says_is_inert(page: Page, site: Site) -> None:
    """Also the words that come from elsewhere: ids, reasons, messages, diffs."""
    attack = _ATTACKS[0]
    row = {"id": attack, "path": f"/spec/containers/0/{attack}", "state": attack, "reason": attack, "value": attack}
    violation = {"id": "__proto__", "reason": attack, "detail": attack}
    result = {
        "apiVersion": attack,
        "kind": attack,
        "name": attack,
        "namespace": attack,
        "profile": attack,
        "patch": [{"op": "add", "path": attack, "value": attack}],
        "patched": {"spec": {"containers": [{"name": attack}]}},
        "diff": f"--- a/{attack}\n+++ b/{attack}\n@@ -1 +1 @@\n-{attack}\n+{attack}: {attack}\n",
        "defaults": [row, {**row, "id": "__proto__", "reason": "constructor", "state": "toString"}],
        "violations": {"before": [violation], "after": [violation]},
        "edits": [{"id": attack, "action": attack, "path": attack, "value": attack, "line": 1, "text": attack}],
        "allowed": False,
        "starts": [
            {"path": attack, "container": attack, "image": attack, "forecast": name, "cause": name, "message": attack}
            for name in (attack, "__proto__", "unknown")
        ],
        "warnings": [attack],
    }
    error = {"source": attack, "document": 2, "line": 1, "field": attack, "message": attack}
    summary = {"objects": 1, "compliant_before": 0, "compliant_after": 0}
    site.answers.append(Answer(200, json.dumps({"results": [result, {"error": error}], "summary": summary})))
    page.fill("#text", "a: 1")
    expect(page.locator(".diff")).to_be_visible()
    _assert_inert(page)


def _assert_inert(page: Page) -> None:
    elements, attributes = page.evaluate(
        """() => {
          const all = [...document.querySelectorAll("#outcome *")];
          return [all.map((element) => element.localName), all.flatMap((element) => element.getAttributeNames())];
        }"""
    )
    assert set(elements) & {"img", "script", "iframe", "a", "form", "object", "embed", "style", "link"} == set()
    assert [name for name in set(attributes) if name.startswith("on") or name in ("href", "src")] == []
    assert page.evaluate("document.querySelectorAll('script').length") == 2
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
