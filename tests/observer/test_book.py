"""What is kept of what pods teach, and how it is written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml

from patches import ImageFacts, Lesson
from webhook.images import shards
from webhook.images.facts import ImageEntry, Source, read_image_facts, write_image_facts
from webhook.images.shards import NAME, NAMES, write_shards
from webhook.observer import book as books
from webhook.observer.book import ImageBook

NOW = datetime(2026, 11, 25, 10, tzinfo=UTC)
DAY = timedelta(days=1)


def lesson(reference: str = "nginx", *, by_kubelet: bool = False, **facts: Any) -> Lesson:
    """A lesson about an image."""
    return Lesson(reference, ImageFacts(**facts), by_kubelet)


def taught(*lessons: Lesson) -> ImageBook:
    """A book of these lessons."""
    book = ImageBook()
    for row in lessons:
        book.learn(row, "shop", NOW)
    return book


@pytest.mark.parametrize(
    ("lessons", "expected"),
    [
        ([lesson(uid=101, gid=101)], ImageEntry(uid=101, gid=101)),
        ([lesson(user="memcache", by_kubelet=True), lesson(uid=101, gid=5)], ImageEntry("memcache", 101, 5)),
        ([lesson(uid=101, gid=5), lesson(user="memcache", by_kubelet=True)], ImageEntry("memcache", 101, 5)),
        ([lesson(user="", uid=0, by_kubelet=True), lesson(uid=101)], ImageEntry(None, 101)),
        ([lesson(user="a", by_kubelet=True), lesson(user="b", by_kubelet=True)], ImageEntry("b")),
        ([lesson(uid=7, gid=7), lesson(user="", uid=0, by_kubelet=True)], ImageEntry("", 0)),
        ([lesson(uid=7), lesson(file_capabilities=True, by_kubelet=True)], ImageEntry(uid=7, file_capabilities=True)),
    ],
)
def test_lessons_add_up(lessons: list[Lesson], expected: ImageEntry) -> None:
    """What does not contradict what is known completes it; what does replaces it, because the tag was moved."""
    assert taught(*lessons).entries["nginx"].facts() == expected.facts()


@pytest.mark.parametrize(
    ("known", "told", "expected"),
    [
        (None, None, None),
        (None, False, False),
        (None, frozenset({"NET_RAW", "NET_ADMIN"}), ("NET_ADMIN", "NET_RAW")),
        (True, None, True),
        (True, False, True),
        (True, frozenset({"NET_RAW"}), ("NET_RAW",)),
        (False, None, False),
        (False, frozenset({"NET_RAW"}), ("NET_RAW",)),
        (("NET_RAW",), None, ("NET_RAW",)),
        (("NET_RAW",), False, False),
    ],
)
def test_what_a_registry_says_of_file_capabilities(*, known: Any, told: Any, expected: Any) -> None:
    """It knows their names; that there are some, a kubelet knows better. What it says later is of the newer image."""
    book = ImageBook()
    book.adopt({"nginx": ImageEntry(uid=7, file_capabilities=known, source=Source.KUBELET, seen=NOW)}, {})
    book.complete(["nginx"], ImageFacts(file_capabilities=told), "shop", NOW)
    assert book.entries["nginx"].file_capabilities == expected
    assert book.knows_file_capabilities("nginx") is (expected is not None)


@pytest.mark.parametrize(("told", "expected"), [(None, True), (False, True), (frozenset({"CHOWN"}), ("CHOWN",))])
def test_a_kubelet_knows_better_that_there_are_file_capabilities(*, told: Any, expected: Any) -> None:
    """Its refusal counts more than what the registry has said; which ones they are stays known."""
    book = ImageBook()
    book.complete(["nginx"], ImageFacts(user="7", file_capabilities=told), "shop", NOW)
    book.learn(lesson(uid=7), "shop", NOW)
    assert book.learn(lesson(file_capabilities=True, by_kubelet=True), "shop", NOW) is (told in {None, False})
    assert (book.entries["nginx"].file_capabilities, book.entries["nginx"].user) == (expected, "7")


def test_source_and_time() -> None:
    """Those of the last lesson that said something."""
    book = taught(lesson(uid=101))
    assert (book.entries["nginx"].source, book.entries["nginx"].seen) == (Source.RUNNING, NOW)
    assert not book.learn(lesson(uid=101), "shop", NOW + DAY)
    assert book.entries["nginx"].seen == NOW
    assert book.learn(lesson(user="x", by_kubelet=True), "shop", NOW + DAY)
    assert (book.entries["nginx"].source, book.known_since("nginx")) == (Source.KUBELET, NOW + DAY)
    assert not book.learn(lesson(uid=101), "shop", NOW + 3 * DAY)
    assert book.entries["nginx"].seen == NOW + 3 * DAY
    assert book.known_since("nginx") == NOW + DAY
    assert book.counts() == {"running": 1}


def test_what_is_declared_is_not_changed() -> None:
    """A person has said so; it goes when the person takes it out."""
    declared = {"nginx": ImageEntry(user="5")}
    book = ImageBook()
    book.adopt(declared, {})
    assert not book.learn(lesson(uid=0), "shop", NOW)
    assert book.entries == declared
    assert not book.forget((), NOW + 100 * DAY, DAY)
    book.adopt({}, declared)
    assert book.entries == {}
    assert book.known_since("nginx") is None


def test_adopting() -> None:
    """What another observer has written, where we know nothing newer."""
    book = taught(lesson(uid=101))
    theirs = {"nginx": ImageEntry(uid=7, source=Source.RUNNING, seen=NOW - DAY), "redis": ImageEntry(uid=8, seen=NOW)}
    book.adopt(theirs, {})
    assert (book.entries["nginx"].uid, book.entries["redis"].uid) == (101, 8)
    assert book.known_since("redis") == NOW
    book.adopt({"nginx": ImageEntry(uid=9)}, theirs)
    assert book.entries["nginx"].uid == 9


def test_forgetting() -> None:
    """What no pod has used for so long; what is in use is noted once a day."""
    book = taught(lesson(uid=1), lesson("redis", uid=2))
    assert not book.refresh(["nginx", "unknown"], NOW + DAY)
    assert book.refresh(["nginx"], NOW + 2 * DAY)
    assert not book.forget(["redis"], NOW + 31 * DAY, 30 * DAY)
    assert book.forget([], NOW + 31 * DAY, 30 * DAY)
    assert list(book.entries) == ["nginx"]
    assert len(book) == 1


def test_a_namespace_cannot_fill_the_book(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has its share, and references have a length."""
    monkeypatch.setattr(books, "_MOST_IN_NAMESPACE", 2)
    monkeypatch.setattr(books, "_MOST_IMAGES", 3)
    book = ImageBook()
    took = [book.learn(lesson(f"evil:{number}", uid=1), "evil", NOW) for number in range(4)]
    assert took == [True, True, False, False]
    assert book.learn(lesson("evil:0", uid=2), "evil", NOW)
    assert not book.learn(lesson("x" * 1025, uid=1), "shop", NOW)
    assert book.learn(lesson("web", uid=1), "shop", NOW)
    assert not book.learn(lesson("other", uid=1), "bank", NOW)
    book.forget([], NOW + 9 * DAY, DAY)
    assert book.learn(lesson("evil:9", uid=1), "evil", NOW)


@pytest.mark.parametrize("pods_first", [False, True])
def test_a_restart_gives_a_namespace_no_second_share(monkeypatch: pytest.MonkeyPatch, *, pods_first: bool) -> None:
    """What was written before it counts, whichever is seen first; the other tenant has its own share still."""
    monkeypatch.setattr(books, "_MOST_IN_NAMESPACE", 3)
    before = ImageBook()
    for number in range(3):
        assert before.learn(lesson(f"evil:{number}", uid=1), "evil", NOW)
    assert before.learn(lesson("shop:0", uid=1), "shop", NOW)
    assert before.learn(lesson("evil:0", uid=2), "shop", NOW)  # it stays in the share of who brought it
    written = read_image_facts(write_image_facts(before.entries).encode(), "f")
    after = ImageBook()
    if not pods_first:
        after.adopt(written, {})
    for number in range(3):
        assert after.learn(lesson(f"evil-again:{number}", uid=1), "evil", NOW) is pods_first
    if pods_first:
        after.adopt(written, {})
    names = [reference.split(":")[0] for reference in after.entries]
    assert sorted(names) == ["evil-again" if pods_first else "evil"] * 3 + ["shop"]
    took = [after.learn(lesson(f"shop:{number}", uid=1), "shop", NOW) for number in (1, 2, 3)]
    assert took == [True, True, False]


def test_what_a_person_declares_is_in_nobodys_share(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where an entry that was learnt becomes declared, and is learnt again when it no longer is."""
    monkeypatch.setattr(books, "_MOST_IN_NAMESPACE", 1)
    book = taught(lesson(uid=101))
    assert not book.learn(lesson("redis", uid=1), "shop", NOW)
    declared = {"nginx": ImageEntry(uid=5, namespace="shop")}
    book.adopt(declared, {})
    assert book.learn(lesson("redis", uid=1), "shop", NOW)
    book.adopt({}, declared)
    assert not book.learn(lesson(uid=101), "shop", NOW)
    book.adopt({"old": ImageEntry(uid=1, source=Source.RUNNING, seen=NOW)}, {})
    assert list(book.entries) == ["redis", "old"]  # of nobody knows whom


def test_what_is_written_is_read() -> None:
    """As JSON, which is YAML, with the same meaning as any file of the kind; a spoilt one names the place."""
    entries = {
        "nginx:1": ImageEntry(user="", uid=0, source=Source.KUBELET, seen=NOW),
        "a@sha256:b": ImageEntry(uid=7, file_capabilities=True, exposed_ports=(80,), source=Source.RUNNING, seen=NOW),
        "redis": ImageEntry(uid=999, source=Source.RUNNING, seen=NOW, namespace="shop"),
    }
    text = write_image_facts(entries)
    assert read_image_facts(text.encode(), "f") == entries
    assert read_image_facts(yaml.safe_dump(yaml.safe_load(text)).encode(), "f") == entries
    assert text.count("\n") == 5
    spoilt = text.replace('"kubelet"', '"rumour"')
    with pytest.raises(Exception, match=r"f:3: images\[nginx:1\].source"):
        read_image_facts(spoilt.encode(), "f")


def test_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """One ConfigMap as long as it is enough, then four, none too large; nothing is lost before it does not fit."""
    entries = {f"image-{number}": ImageEntry(uid=number) for number in range(40)}
    whole = write_shards(entries)
    assert list(whole) == list(NAMES)
    assert read_image_facts(whole[NAME].encode(), "f") == entries
    assert set(list(whole.values())[1:]) == {""}
    monkeypatch.setattr(shards, "SHARD_BYTES", 700)
    split = write_shards(entries)
    assert list(split)[-1] == NAME
    read = {name: read_image_facts(text.encode(), "f") for name, text in split.items()}
    assert {reference: row for rows in read.values() for reference, row in rows.items()} == entries
    monkeypatch.setattr(shards, "SHARD_BYTES", 300)
    assert all(0 < len(text) <= 300 for text in write_shards(entries).values())


def test_suspicions_of_an_image() -> None:
    """By namespace, each once; until the default is acquitted; also of an image of which nothing else is known."""
    book = taught(lesson(uid=101))
    assert [book.suspect("nginx", "shop", "identity", NOW) for _ in range(2)] == [True, False]
    assert book.suspect("nginx", "bank", "resources", NOW)
    assert book.suspect("nginx", "shop", "hostUsers", NOW)
    assert book.suspect("other", "shop", "identity", NOW)
    assert book.entries["nginx"].suspected == {"shop": ("hostUsers", "identity"), "bank": ("resources",)}
    assert book.entries["other"] == ImageEntry(
        source=Source.KUBELET, seen=NOW, namespace="shop", suspected={"shop": ("identity",)}
    )
    assert ("bank", "resources") in book.entries["nginx"].facts().suspected
    assert not book.acquit("nginx", "bank", ["identity"])
    assert not book.acquit("unknown", "bank", ["identity"])
    assert book.acquit("nginx", "shop", ["identity"])
    assert book.acquit("nginx", "bank", ["resources", "identity"])
    assert book.entries["nginx"].suspected == {"shop": ("hostUsers",)}
    assert book.learn(lesson(user="x", by_kubelet=True), "bank", NOW)
    assert book.entries["nginx"].suspected == {"shop": ("hostUsers",)}
    assert book.forget([], NOW + 2 * DAY, DAY)
    assert book.suspect("other", "shop", "identity", NOW)


def test_controllers_whose_pods_were_deleted() -> None:
    """When that began, once an image and controller."""
    book = taught(lesson(uid=101))
    assert book.recreate("nginx", "shop", "u", NOW) == NOW
    assert book.recreate("nginx", "shop", "u", NOW + DAY) == NOW
    assert book.recreate("nginx", "shop", "v", NOW + DAY) == NOW + DAY
    assert book.recreate("nginx", "bank", "u", NOW + DAY) == NOW + DAY
    assert book.recreate("unknown", "shop", "u", NOW) is None


def test_marks_are_bounded_by_namespace(monkeypatch: pytest.MonkeyPatch) -> None:
    """And together; what is forgotten makes room."""
    monkeypatch.setattr(books, "_MOST_MARKS_IN_NAMESPACE", 2)
    monkeypatch.setattr(books, "_MOST_MARKS", 4)
    book = taught(lesson(uid=101))
    assert book.suspect("nginx", "many", "identity", NOW)
    assert book.recreate("nginx", "many", "u", NOW)
    assert not book.suspect("nginx", "many", "resources", NOW)
    assert book.recreate("nginx", "many", "v", NOW) is None
    assert book.recreate("nginx", "many", "u", NOW) == NOW
    assert book.suspect("nginx", "few", "identity", NOW)
    assert book.suspect("other", "few", "identity", NOW)
    assert not book.suspect("nginx", "third", "identity", NOW)
    assert book.acquit("nginx", "many", ["identity"])
    assert book.suspect("nginx", "third", "identity", NOW)
    assert book.forget(["other"], NOW + 2 * DAY, DAY)
    assert book.suspect("other", "many", "resources", NOW)


def test_marks_of_another_observer_stay() -> None:
    """They are joined with what was learnt before they were read, and read again after a restart."""
    first = taught(lesson(uid=101))
    first.suspect("nginx", "shop", "identity", NOW)
    first.recreate("nginx", "shop", "u", NOW)
    written = read_image_facts(write_image_facts(first.entries).encode(), "f")
    assert written == first.entries
    later = taught(lesson(uid=7))
    later.suspect("nginx", "shop", "hostUsers", NOW)
    later.recreate("nginx", "shop", "v", NOW + DAY)
    later.adopt(written, {})
    entry = later.entries["nginx"]
    assert (entry.uid, entry.suspected) == (7, {"shop": ("hostUsers", "identity")})
    assert later.recreate("nginx", "shop", "u", NOW + DAY) == NOW
    assert later.recreate("nginx", "shop", "v", NOW + DAY) == NOW + DAY


def test_what_a_person_declared_gets_no_marks() -> None:
    """It is never changed."""
    book = ImageBook()
    book.adopt({"nginx": ImageEntry(uid=5)}, {})
    assert not book.suspect("nginx", "shop", "identity", NOW)
    assert book.recreate("nginx", "shop", "u", NOW) is None
    assert book.entries["nginx"] == ImageEntry(uid=5)


# --- what registries say ----------------------------------------------------------------------------------------------


def test_a_registry_completes_what_pods_have_taught() -> None:
    """The name of the user that runs; ports and volumes. The source stays, and what runs counts more."""
    book = taught(lesson("a:1", uid=101, gid=5))
    said = ImageFacts(user="web", uid=101, gid=102, exposed_ports=(80,), volumes=("/data",))
    assert book.complete(["a:1"], said, "bank", NOW)
    entry = book.entries["a:1"]
    assert (entry.user, entry.uid, entry.gid, entry.source, entry.namespace) == ("web", 101, 5, Source.RUNNING, "shop")
    assert (entry.exposed_ports, entry.volumes) == ((80,), ("/data",))
    assert not book.complete(["a:1"], said, "bank", NOW)
    assert book.knows_user("a:1")


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (ImageFacts(uid=7), ImageFacts(user="8")),
        (ImageFacts(user=""), ImageFacts(user="8")),
        (ImageFacts(uid=7), ImageFacts(user="web", uid=8)),
        (ImageFacts(user="web"), ImageFacts(user="other", uid=8)),
    ],
)
def test_another_user_than_the_one_that_was_seen_is_left_out(seen: ImageFacts, said: ImageFacts) -> None:
    """The tag was moved; what the kubelet saw last runs here."""
    book = taught(Lesson("a:1", seen, by_kubelet=True))
    before = book.entries["a:1"]
    assert not book.complete(["a:1"], said, "shop", NOW)
    assert book.entries["a:1"] == before


def test_a_declared_image_is_nobody_s_to_complete() -> None:
    """And of nobody's interest."""
    book = ImageBook()
    book.adopt({"a:1": ImageEntry(user="web")}, {})
    assert book.knows_user("a:1")
    assert not book.complete(["a:1"], ImageFacts(user="web", uid=101), "shop", NOW)


def test_what_a_registry_could_still_say() -> None:
    """The number of a user by name, and the user of an image of which only the number is known, or nothing."""
    kubelets = [lesson("named:1", by_kubelet=True, user="web"), lesson("root:1", by_kubelet=True, user="")]
    book = taught(*kubelets, lesson("running:1", uid=7))
    assert [book.knows_user(f"{name}:1") for name in ("named", "running", "root", "new")] == [False, False, True, False]


def test_what_a_registry_says_is_bounded() -> None:
    """A namespace's share of the book holds, and no image fills an entry."""
    book = ImageBook()
    for number in range(501):
        book.complete([f"a:{number}"], ImageFacts(user="7"), "shop", NOW)
    assert len(book) == 500
    ports, paths = tuple(range(1, 200)), ("/x" * 600, *(f"/{number}" for number in range(200)))
    book.complete(["b:1"], ImageFacts(user="u" * 2000, exposed_ports=ports, volumes=paths), "bank", NOW)
    entry = book.entries["b:1"]
    assert (entry.user, len(entry.exposed_ports), len(entry.volumes)) == (None, 64, 63)
