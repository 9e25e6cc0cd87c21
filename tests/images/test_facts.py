"""Reading a file of kind ImageFacts, and what still holds of it after a while."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from patches import ImageFacts
from webhook.errors import ConfigurationError
from webhook.images.facts import Source, current_facts, read_image_facts

_HEAD = "apiVersion: pod-security-defaulter.io/v1alpha1\nkind: ImageFacts\n"
_DIGEST = "registry.example/cache@sha256:" + "b" * 64
_NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def test_a_file_is_read() -> None:
    """Every field has its form in the file; what is left out is unknown; a number is a user too."""
    entries = read_image_facts(
        f"{_HEAD}images:\n"
        '  nginx:1.27: {user: "", exposedPorts: [80], fileCapabilities: false}\n'
        "  web:1: {user: 101, volumes: [/data], fileCapabilities: [NET_BIND_SERVICE]}\n"
        f"  {_DIGEST}: {{user: memcache, uid: 101, gid: 102, source: running, seen: 2026-11-25T10:00:00Z}}\n".encode(),
        "images.yaml",
    )
    assert [entry.facts() for entry in entries.values()] == [
        ImageFacts(user="", exposed_ports=(80,), file_capabilities=False),
        ImageFacts(user="101", volumes=("/data",), file_capabilities=frozenset({"NET_BIND_SERVICE"})),
        ImageFacts(user="memcache", uid=101, gid=102),
    ]
    assert entries["nginx:1.27"].source is Source.DECLARED
    assert entries[_DIGEST].source is Source.RUNNING
    assert entries[_DIGEST].seen == datetime(2026, 11, 25, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "images.yaml: expected one document of kind ImageFacts, found none"),
        ("kind: ImageFacts\n", "images.yaml:1: Object missing required field `apiVersion`"),
        (_HEAD.replace("ImageFacts", "Pod"), "images.yaml:2: kind: Invalid enum value 'Pod'"),
        (_HEAD + "image: {}\n", "images.yaml:3: image: unknown field"),
        (_HEAD + "images:\n  a: 1\n", "images.yaml:4: images.a: Expected `object`, got `int`"),
        (_HEAD + "images:\n  a:1: {users: x}\n", "images.yaml:4: images[a:1].users: unknown field"),
        (_HEAD + "images:\n  a:1:\n    uid: -1\n", "images.yaml:5: images[a:1].uid: Expected `int` >= 0"),
        (
            _HEAD + "images:\n  a:1:\n    exposedPorts: [80, 0]\n",
            "images.yaml:5: images[a:1].exposedPorts[1]: Expected `int` >= 1",
        ),
        (_HEAD + "images:\n  a: {source: rumour}\n", "images.yaml:4: images.a.source: Invalid enum value 'rumour'"),
        (_HEAD + "images:\n  a: {seen: 2026-11-25T10:00:00}\n", "images.yaml:4: images.a.seen: Expected `datetime`"),
        (_HEAD + "images: {}\nimages: {}\n", "images.yaml:4: "),
        (_HEAD + "---\nkind: x\n", "images.yaml:4: expected one document, found more"),
        ("a: [\n", "images.yaml:2: "),
    ],
)
def test_a_file_that_is_wrong(text: str, says: str) -> None:
    """The error names file, line and field; nothing of the file is used."""
    with pytest.raises(ConfigurationError) as caught:
        read_image_facts(text.encode(), "images.yaml")
    assert str(caught.value).startswith(says)


def test_what_was_seen_of_a_tag_ages() -> None:
    """A tag may be moved; a digest may not, and what a person declared without a time holds."""
    week_and_a_second = (_NOW - timedelta(days=7, seconds=1)).isoformat()
    week = (_NOW - timedelta(days=7)).isoformat()
    entries = read_image_facts(
        f"{_HEAD}images:\n  old:1: {{user: '1', seen: {week_and_a_second}}}\n  fresh:1: {{user: '2', seen: {week}}}\n"
        f"  {_DIGEST}: {{user: '3', seen: {week_and_a_second}}}\n  said:1: {{user: '4'}}\n".encode(),
        "images.yaml",
    )
    held = current_facts(entries, _NOW, timedelta(days=7))
    assert {reference: facts.user for reference, facts in held.items()} == {"fresh:1": "2", _DIGEST: "3", "said:1": "4"}
