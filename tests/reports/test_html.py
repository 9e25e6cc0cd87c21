"""The HTML of a scan: one file that runs nothing, loads nothing and says what the scan says."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Final

import pytest

from webhook.cli import main

_HOSTILE: Final = "</style><script>alert(1)</script><img src=x onerror=alert(2)>\"'&amp;\x1b\u202e"


class _Reader(HTMLParser):
    """The elements, their attributes, and the text."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Note a text."""
        self.text += data


def _pod(name: str, namespace: str = "team", **spec: Any) -> dict[str, Any]:
    container = {"name": "app", "image": "i", **spec.pop("container", {})}
    metadata = {"name": name, "namespace": namespace, **spec.pop("metadata", {})}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [container], **spec}}


def _html(directory: Path, capsys: pytest.CaptureFixture[str], *values: Any) -> tuple[str, _Reader]:
    (directory / "in.json").write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": values}), "utf-8")
    main(["scan", "-f", str(directory / "in.json"), "-o", "html"])
    out = capsys.readouterr().out
    reader = _Reader()
    reader.feed(out)
    return out, reader


def test_what_tenants_wrote_stays_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In every place where a text of theirs is printed; and no control character is left."""
    careless = {"container": {"name": _HOSTILE, "image": _HOSTILE, "securityContext": {"privileged": True}}}
    widget = {"apiVersion": f"{_HOSTILE}/v1", "kind": _HOSTILE, "metadata": {"name": "w"}}
    custom = {**widget, "spec": {_HOSTILE: {"spec": {"containers": [{"name": "c", "image": "i"}]}}}}
    broken = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": _HOSTILE}, "spec": {"containers": _HOSTILE}}
    out, reader = _html(tmp_path, capsys, _pod(_HOSTILE, _HOSTILE, **careless), custom, broken)
    names = {name for name, _ in reader.elements}
    assert not names & {"script", "img", "link", "iframe", "object", "form", "a\x1b"}
    assert not [key for _, attributes in reader.elements for key in attributes if key.startswith("on")]
    assert all(value.startswith("#") for _, attributes in reader.elements if (value := attributes.get("href") or ""))
    assert reader.text.count("alert(1)") > 5
    assert not {"\x1b", "\u202e"} & set(out)


def test_its_own_policy_allows_its_style_and_nothing_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By hash, so that what is injected has no effect either."""
    out, reader = _html(tmp_path, capsys, _pod("web"))
    (policy,) = (row["content"] for name, row in reader.elements if name == "meta" and "http-equiv" in row)
    style = re.findall("<style>(.*?)</style>", out, re.DOTALL)[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert not [row for _, row in reader.elements if "style" in row or "src" in row]
    assert "url(" not in style
    assert "@import" not in style


def test_the_difference_is_that_of_edits_and_defaults(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of the pod spec, and of annotations that go; never variables or commands, which hold secrets."""
    key = "container.apparmor.security.beta.kubernetes.io/app"
    container = {"securityContext": {"privileged": True}, "env": [{"name": "A", "value": "s3cret"}], "args": ["s3cret"]}
    marks = {key: "unconfined", "kubectl.kubernetes.io/last-applied-configuration": "s3cret"}
    out, _ = _html(tmp_path, capsys, _pod("web", container=container, metadata={"annotations": marks}))
    removed, added = ("".join(re.findall(f"<{tag}>(.*?)</{tag}>", out, re.DOTALL)) for tag in ("del", "ins"))
    assert "privileged: true" in removed
    assert f"{key}: unconfined" in removed
    assert "allowPrivilegeEscalation: false" in added
    assert "s3cret" not in out


def test_the_heat_map_counts_workloads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """That violate a control as they are, and once defaulted; the worst namespace comes first."""
    values = [_pod("a"), _pod("b"), _pod("c", container={"securityContext": {"privileged": True}}), _pod("d", "other")]
    out, _ = _html(tmp_path, capsys, *values)
    once, as_it_is = re.findall("<tbody>(.*?)</tbody>", out, re.DOTALL)
    names = re.findall(r'<th scope="col"><span>(\w+)</span>', out)
    names = names[: len(names) // 2]
    assert list(_cells(once, names)) == ["team", "other"]
    assert _cells(once, names)["team"]["privileged"] == "1"
    assert _cells(once, names)["other"] == {}
    assert _cells(as_it_is, names)["team"]["capabilities_restricted"] == "3"
    assert _cells(as_it_is, names)["other"]["capabilities_restricted"] == "1"
    assert "1 of 2 namespaces is ready for restricted:latest" in out


def _cells(table: str, names: list[str]) -> dict[str, dict[str, str]]:
    found = {}
    for row in re.findall("<tr.*?</tr>", table, re.DOTALL):
        name = re.findall(r'<a href="#n\d+">(.*?)</a>', row)[0]
        cells = re.findall("<td[^>]*>([^<]*)</td>", row)[1:]
        found[name] = {check: cell for check, cell in zip(names, cells, strict=True) if cell != "·"}
    return found


def test_nothing_to_show(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No workloads: no heat map, and no choice of verdicts."""
    out, reader = _html(tmp_path, capsys, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "empty"}})
    assert "No workloads" in reader.text
    assert "<table" not in out
    assert 'name="show"' not in out
