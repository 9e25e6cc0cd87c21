"""Where the parts of a document stand, and the items of Lists."""

from __future__ import annotations

import pytest

from tests.documents.reading import good, one, read, warnings
from webhook.documents.document import line_of_field
from webhook.documents.lists import flatten
from webhook.documents.paths import field_of, field_tokens, pointer, pointer_tokens
from webhook.errors import BrokenDocument

_POD = """\
# a pod
kind: Pod
metadata:
  annotations:
    example.com/a~b: "1"
spec:
  containers:
  - name: one
    image:
      x
  -
    name: two
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("", 2),
        ("/kind", 2),
        ("kind", 2),
        ("/metadata/annotations/example.com~1a~0b", 5),
        ("/spec/containers/0", 8),
        ("/spec/containers/0/image", 9),
        ("/spec/containers/1", 12),
        ("/spec/containers/1/name", 12),
        (("spec", "containers", 1, "name"), 12),
        (("spec", "containers", "1", "name"), 12),
        ("/spec/containers/1/image", 12),
        ("/spec/containers/7/image", 7),
        ("/spec/containers/-1", 7),
        ("/spec/containers/x", 7),
        ("/spec/containers/99999999999999999999", 7),
        ("/spec/containers/²", 7),
        ("/spec/volumes/0/name", 6),
        ("/kind/deeper", 2),
        ("/status", 2),
        ((), 2),
    ],
)
def test_line_of(path: str | tuple[str | int, ...], line: int) -> None:
    """A field stands on the line of its key, an item on its own; what does not exist, where its ancestor does."""
    assert one(_POD).line_of(path) == line


@pytest.mark.parametrize(
    ("field", "line"),
    [
        ("", 2),
        ("spec.containers[0].image", 9),
        ("spec.containers[3].image", 7),
        ("metadata.annotations[example.com/a~b]", 5),
        ("[kind]", 2),
        ("]..[", 2),
    ],
)
def test_line_of_field(field: str, line: int) -> None:
    """The field of a message leads to its line, and nonsense to the beginning."""
    assert line_of_field(one(_POD), field) == line


def test_line_in_a_stream() -> None:
    """Lines count in the whole input, for YAML and for JSON, and of a scalar document too."""
    text = '---\na: 1\n---\n# c\nb:\n- 2\n---\n{"a":\n[1,\n2]}\n---\n5\n'
    second, third, fourth = map(good, read(text.replace("\n", "\r\n"))[1:])
    assert (second.line, second.line_of("/b"), second.line_of("/b/0")) == (5, 5, 6)
    assert (third.line, third.line_of("/a/0"), third.line_of("/a/1")) == (8, 9, 10)
    assert (fourth.line, fourth.line_of("/x")) == (12, 12)


def test_line_in_aliases() -> None:
    """What came through an alias or a merge key stands where its anchor does, the alias itself where it is."""
    document = one("a: &a\n  b:\n    c: 1\nd: *a\ne:\n  <<: *a\n  f: 2\ng:\n- *a\n")
    assert (document.line_of("/d"), document.line_of("/d/b"), document.line_of("/d/b/c")) == (4, 2, 3)
    assert (document.line_of("/e"), document.line_of("/e/b"), document.line_of("/e/f")) == (5, 2, 7)
    assert (document.line_of("/g/0"), document.line_of("/g/0/b/c")) == (9, 3)


def test_line_of_a_duplicate() -> None:
    """Of a key that is set twice the last one counts, with its line."""
    assert one("a: 1\nb: 2\na:\n  c: 3\n").line_of("/a/c") == 4


_LIST = """\
apiVersion: v1
kind: List
items:
- kind: Pod
  kind: Pod
- kind: List
  items:
  - kind: Service
    metadata: {a: 1, a: 2}
  - null
- 5
kind: List
"""


def test_flatten() -> None:
    """A List, also within a List, is replaced by its items, which know where they stand."""
    found = [good(document) for document in flatten(read(_LIST))]
    service = {"kind": "Service", "metadata": {"a": 2}}
    assert [document.value for document in found] == [{"kind": "Pod"}, service, None, 5]
    assert [document.at for document in found] == [
        ("items", 0),
        ("items", 1, "items", 0),
        ("items", 1, "items", 1),
        ("items", 2),
    ]
    assert [document.line for document in found] == [4, 8, 10, 11]
    assert {(document.source, document.number) for document in found} == {("f", 1)}
    assert found[1].line_of("/metadata/a") == 9


def test_flatten_spreads_warnings() -> None:
    """A warning goes to the item in whose lines it stands."""
    found = [warnings(good(document)) for document in flatten(read(_LIST))]
    assert [[text.partition(":")[0] for text in texts] for texts in found] == [["line 5"], ["line 9"], [], ["line 12"]]


def test_a_warning_above_the_items() -> None:
    """A warning that stands above all items goes to the first; without items it goes nowhere."""
    first, second = flatten(read("kind: List\nkind: List\nitems:\n- 1\n- 2\n"))
    assert warnings(good(first)) == ['line 2: key "kind" is set twice in this mapping; the last one counts']
    assert warnings(good(second)) == []
    assert list(flatten(read("kind: List\nkind: List\nitems: []\n"))) == []


def test_flatten_of_a_typed_list() -> None:
    """Items of a typed list take its apiVersion and kind, unless they say a kind themselves; others stay."""
    text = "apiVersion: v1\nkind: PodList\nitems:\n- {metadata: {}}\n- {apiVersion: x, kind: Z}\n- {kind: ''}\n- 1\n"
    assert [good(document).value for document in flatten(read(text))] == [
        {"apiVersion": "v1", "kind": "Pod", "metadata": {}},
        {"apiVersion": "x", "kind": "Z"},
        {"apiVersion": "v1", "kind": "Pod"},
        1,
    ]


def test_flatten_of_an_aliased_list() -> None:
    """Items that came through an alias stand where its anchor does."""
    (found,) = flatten(read("kind: List\nx: &x\n- a: 1\nitems: *x\n"))
    assert (good(found).value, good(found).line) == ({"a": 1}, 3)


@pytest.mark.parametrize("text", ["kind: List\nitems: null\n", "kind: PodList\nitems: []\n"])
def test_flatten_of_an_empty_list(text: str) -> None:
    """A List without items yields nothing."""
    assert list(flatten(read(text))) == []


@pytest.mark.parametrize(
    "text",
    ["kind: List\n", "kind: List\nitems: {}\n", "kind: Pod\nitems: []\n", "kind: 1\nitems: []\n", "items: []\n", "5\n"],
)
def test_flatten_leaves_others(text: str) -> None:
    """What only resembles a List passes as it is."""
    documents = read(text)
    assert list(flatten(documents)) == documents


def test_flatten_leaves_errors() -> None:
    """A broken document passes, in its place."""
    first, second, third = flatten(read("kind: List\nitems: [1]\n---\na: [\n---\nb: 2\n"))
    assert isinstance(second, BrokenDocument)
    assert (good(first).value, good(third).value) == (1, {"b": 2})


@pytest.mark.parametrize(
    ("tokens", "path", "field"),
    [
        ([], "", ""),
        (["spec", "containers", 0, "image"], "/spec/containers/0/image", "spec.containers[0].image"),
        (["a", "x/y~z"], "/a/x~1y~0z", "a[x/y~z]"),
        (["~1"], "/~01", "[~1]"),
        (["", "a"], "//a", "[].a"),
    ],
)
def test_paths(tokens: list[str | int], path: str, field: str) -> None:
    """The three forms of a path, and back."""
    texts = [str(token) for token in tokens]
    assert (pointer(tokens), field_of(tokens)) == (path, field)
    assert (pointer_tokens(path), list(field_tokens(field))) == (texts, texts)
