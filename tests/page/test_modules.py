"""The page's modules that compute, on what the server really sends."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest
import yaml
from playwright.sync_api import Page

from tests.page.manifests import POD
from tests.page.serving import report
from tests.shared_data import ROOT
from webhook.documents.reader import Document, read_documents
from webhook.documents.writer import to_yaml

pytestmark = pytest.mark.browser

_HARD: Final = [
    "",
    " ",
    "a\nb",
    "a \nb\n",
    "\n",
    "a\n\nb\n\n",
    "\u2028",
    "\x85x",
    "---",
    "@@ -1 +1 @@",
    "+a\n-b",
    "a: b",
    "- a",
    "'\"",
    "#",
]


def _all_results() -> list[dict[str, Any]]:
    """Of every value that the cases of documents have, and of texts that are hard to write."""
    paths = sorted(ROOT.glob("tests/cases/documents/*.yaml"))
    documents = [document for path in paths for document in read_documents(path.read_bytes(), path.name)]
    values = [document.value for document in documents if isinstance(document, Document)]
    values += [{text: text} for text in _HARD]
    objects = [{"apiVersion": "v1", "kind": "Any", "metadata": {"name": "x"}, "data": value} for value in values]
    pods = [yaml.safe_load(POD) | {"status": value} for value in values if isinstance(value, dict)]
    results = json.loads(report("\n---\n".join(map(json.dumps, objects + pods)), {"diff": "full"}))["results"]
    assert len(results) == len(objects + pods) > 20
    return [result for result in results if "error" not in result]


def test_the_patched_yaml_is_the_servers(page: Page) -> None:
    """Taken from the whole-document diff, it is letter by letter what the server would print."""
    results = _all_results()
    texts = page.evaluate(
        "async (diffs) => { const { patchedYaml } = await import('./static/diff.js'); return diffs.map(patchedYaml); }",
        [result["diff"] for result in results],
    )
    assert texts == [to_yaml(result["patched"]) for result in results]


def test_colours_lose_no_character(page: Page) -> None:
    """The coloured parts of a line, joined, are the line."""
    texts = [to_yaml(result["patched"]) for result in _all_results()]
    joined = page.evaluate(
        """async (texts) => {
          const { Highlighter } = await import('./static/yaml.js');
          return texts.map((text) => {
            const highlighter = new Highlighter();
            const joined = (line) => highlighter.parts(line).map(([, part]) => part).join("");
            return text.split("\\n").map(joined).join("\\n");
          });
        }""",
        texts,
    )
    assert joined == texts


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1", [[["key", "a"], ["mark", ":"], ["space", " "], ["number", "1"]]]),
        ("- a: true", [[["mark", "- "], ["key", "a"], ["mark", ":"], ["space", " "], ["atom", "true"]]]),
        ("image: web:1.4", [[["key", "image"], ["mark", ":"], ["space", " "], ["text", "web:1.4"]]]),
        ("\"a: b\": '1'", [[["key", '"a: b"'], ["mark", ":"], ["space", " "], ["text", "'1'"]]]),
        ("cpu: 100m", [[["key", "cpu"], ["mark", ":"], ["space", " "], ["text", "100m"]]]),
        (
            "a: |\n  b: 1\nc: null",
            [
                [["key", "a"], ["mark", ":"], ["space", " "], ["mark", "|"]],
                [["text", "  b: 1"]],
                [["key", "c"], ["mark", ":"], ["space", " "], ["atom", "null"]],
            ],
        ),
        (
            "- |-\n  x: 1\n- a: |-\n    y\n  b: 2",
            [
                [["mark", "- "], ["mark", "|-"]],
                [["text", "  x: 1"]],
                [["mark", "- "], ["key", "a"], ["mark", ":"], ["space", " "], ["mark", "|-"]],
                [["text", "    y"]],
                [["space", "  "], ["key", "b"], ["mark", ":"], ["space", " "], ["number", "2"]],
            ],
        ),
    ],
)
def test_yaml_is_coloured_by_what_it_is(page: Page, text: str, expected: Any) -> None:
    """Keys, numbers, true and null, texts, and texts of several lines."""
    parts = page.evaluate(
        """async (text) => {
          const { Highlighter } = await import('./static/yaml.js');
          const highlighter = new Highlighter();
          return text.split("\\n").map((line) => highlighter.parts(line));
        }""",
        text,
    )
    assert parts == expected


@pytest.mark.parametrize(
    ("pointer", "expected"),
    [
        (
            "/spec/containers/1/securityContext/x~1y",
            {"owner": "container", "name": "b", "field": "securityContext.x/y"},
        ),
        ("/spec/containers/7/image", {"owner": "container", "name": "7", "field": "image"}),
        ("/spec/securityContext/runAsNonRoot", {"owner": "pod", "name": "", "field": "securityContext.runAsNonRoot"}),
        ("/spec/volumes/0/hostPath", {"owner": "pod", "name": "", "field": "volumes[0].hostPath"}),
        ("/spec/__proto__/containers/0/x", {"owner": "pod", "name": "", "field": "__proto__.containers[0].x"}),
    ],
)
def test_a_pointer_is_told_as_a_place(page: Page, pointer: str, expected: Any) -> None:
    """Which container by its name, and the field in it."""
    place = page.evaluate(
        "async ([pointer, object]) => (await import('./static/places.js')).placeOf(pointer, object)",
        [pointer, {"spec": {"containers": [{"name": "a"}, {"name": "b"}]}}],
    )
    assert place == expected
