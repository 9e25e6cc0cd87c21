"""What reports say of objects: written by the commands, and read as other programs read it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree as ET

import jsonschema_rs
import pytest

from tests.cluster.assets.build import HOW, SARIF, cache_directory
from tests.shared_data import read_jsonl_gz, shared
from webhook.cli import main
from webhook.reports.findings import Finding, Severity, Subject
from webhook.reports.junit import to_junit
from webhook.reports.sarif import to_sarif

_POD: Final = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  containers:\n  - name: c\n    image: nginx\n"
_PRIVILEGED: Final = f"{_POD}    securityContext:\n      privileged: true\n"
_FLOW: Final = _POD.replace("    image", "    securityContext: {}\n    image")


def _sarif(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> Any:
    main([*arguments, "-o", "sarif"])
    (run,) = json.loads(capsys.readouterr().out)["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert rules == sorted({row["ruleId"] for row in run["results"]})
    assert [rules[row["ruleIndex"]] for row in run["results"]] == [row["ruleId"] for row in run["results"]]
    return run["results"]


def _place(result: Any) -> tuple[str, int]:
    (location,) = result["locations"]
    physical = location["physicalLocation"]
    return Path(physical["artifactLocation"]["uri"]).name, physical["region"]["startLine"]


@pytest.mark.parametrize("command", [["preview", "--offline"], ["scan"]])
def test_violations_stand_at_the_line_of_their_edit(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the shortest edits in words; those that need no edit of their own stand at the object."""
    file = tmp_path / "a pod.yaml"
    file.write_text(f"kind: ConfigMap\napiVersion: v1\nmetadata: {{name: a}}\n---\n{_PRIVILEGED}", encoding="utf-8")
    rows = {row["ruleId"]: row for row in _sarif([*command, "-f", str(file)], capsys)}
    privileged = rows["privileged"]
    assert privileged["level"] == "error"
    assert privileged["message"]["text"] == (
        'Pod/web: privileged: container "c" must not set securityContext.privileged=true; '
        "to pass, remove spec.containers[0].securityContext.privileged"
    )
    assert _place(privileged) == ("a%20pod.yaml", 14)
    assert privileged["locations"][0]["logicalLocations"] == [{"fullyQualifiedName": "default/Pod/web"}]
    assert _place(rows["runAsNonRoot"])[1] == 5


def test_check_reports_what_is_as_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And a preview of the same has nothing to report."""
    file = tmp_path / "pod.yaml"
    file.write_text(_POD, encoding="utf-8")
    ids = {row["ruleId"] for row in _sarif(["check", "--offline", "-f", str(file)], capsys)}
    assert ids == {"allowPrivilegeEscalation", "capabilities_restricted", "runAsNonRoot", "seccompProfile_restricted"}
    assert _sarif(["preview", "--offline", "-f", str(file)], capsys) == []


def test_a_document_that_cannot_be_read_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """At its line, beside what is found in the others."""
    file = tmp_path / "pod.yaml"
    file.write_text(f"{_PRIVILEGED}---\nkind: [\n", encoding="utf-8")
    for command in (["preview", "--offline", "-f"], ["scan", "-f"], ["fix"]):
        rows = {row["ruleId"]: row for row in _sarif([*command, str(file)], capsys)}
        assert _place(rows["unreadable-document"])[1] >= 12
        assert "privileged" in rows


def _apply(data: bytes, results: Any) -> bytes:
    """Make the fixes of a report, as a program that reads SARIF does."""
    regions = [
        (
            row["deletedRegion"]["byteOffset"],
            row["deletedRegion"]["byteLength"],
            row.get("insertedContent", {}).get("text", ""),
        )
        for result in results
        for change in (change for fix in result.get("fixes", []) for change in fix["artifactChanges"])
        for row in change["replacements"]
    ]
    for offset, length, text in sorted(regions, reverse=True):
        data = data[:offset] + text.encode() + data[offset + length :]
    return data


def _unset(results: Any) -> list[Any]:
    """What `fix` itself writes; of what remains it reports what to remove, as the other commands do."""
    return [row for row in results if row["ruleId"] == "unset-defaults"]


@pytest.mark.parametrize(
    "text",
    [_POD, f"\ufeff{_POD}", _POD.replace("\n", "\r\n"), f"{_POD}---\n{_POD}", _POD.replace("web", "größe  # ä"), _FLOW],
    ids=["LF", "BOM", "CRLF", "two documents", "not ASCII", "by hand in part"],
)
def test_the_fixes_are_what_fix_writes(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Byte for byte; and with this output `fix` writes nothing."""
    file = tmp_path / "pod.yaml"
    file.write_bytes(text.encode())
    results = _sarif(["fix", str(file)], capsys)
    assert file.read_bytes() == text.encode()
    main(["fix", str(file)])
    assert _apply(text.encode(), _unset(results)) == file.read_bytes() != text.encode()
    by_hand = [(row["level"], _place(row)[1]) for row in results if row["ruleId"] == "edit-by-hand"]
    assert by_hand == ([("note", 8)] if text == _FLOW else [])


@pytest.mark.slow
def test_the_fixes_of_real_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As above, for one real file in twenty."""
    rows = list(read_jsonl_gz(shared("corpus/raw.jsonl.gz")))
    for number, row in enumerate(rows[::20]):
        (tmp_path / f"{number}.yaml").write_bytes(row["text"].encode())
    results = _sarif(["fix", str(tmp_path)], capsys)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    main(["fix", str(tmp_path)])
    fixed = 0
    for name, data in before.items():
        own = [row for row in results if _name_of(row) == name]
        after = (tmp_path / name).read_bytes()
        assert _apply(data, _unset(own)) == after
        fixed += after != data
    assert fixed > 20


def _name_of(result: Any) -> str:
    return Path(result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]).name


_HOST: Final = _PRIVILEGED.replace("spec:\n", "spec:\n  hostNetwork: true  # the node's\n")
_ADDED: Final = (
    f"{_POD}    securityContext:\n      capabilities:\n        add:\n        - CHOWN\n        - NET_BIND_SERVICE\n"
    "        # why not\n        - SYS_ADMIN\n  - {name: d, image: i}\n"
)
_PATH: Final = (
    f"{_POD}  volumes:\n  - name: a\n    hostPath:\n      path: /x\n      type: Directory\n"
    "  - name: b\n    emptyDir: {}\n"
)
_LIST: Final = "apiVersion: v1\nkind: List\nitems:\n" + "".join(
    f"{'- ' if number == 0 else '  '}{line}\n" for number, line in enumerate(_HOST.splitlines())
)


@pytest.mark.parametrize(
    "text",
    [
        _PRIVILEGED,
        f"\ufeff{_HOST}",
        _HOST.replace("\n", "\r\n"),
        f"{_PRIVILEGED}---\n# größe\n{_HOST}---\n{_POD}",
        _ADDED,
        _PATH,
        _LIST,
        _PRIVILEGED.rstrip(),
    ],
    ids=["LF", "BOM", "CRLF", "documents", "items of a list", "a block", "List", "no last line end"],
)
def test_what_is_to_be_removed_is_a_fix(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whole lines; without them there is nothing left to report."""
    file = tmp_path / "pod.yaml"
    file.write_bytes(text.encode())
    after = _apply(text.encode(), _sarif(["preview", "--offline", "-f", str(file)], capsys))
    rest = iter(text.encode().splitlines())
    assert all(line in rest for line in after.splitlines())
    assert after != text.encode()
    file.write_bytes(after)
    assert _sarif(["preview", "--offline", "-f", str(file)], capsys) == []


@pytest.mark.parametrize(
    "text",
    [
        _POD.replace("    image", "    securityContext: {privileged: true}\n    image"),
        _POD.replace("  - name: c\n", "  - securityContext:\n      &a\n      privileged: true\n    name: c\n").replace(
            "    image: nginx\n", "    image: nginx\n  - name: d\n    image: i\n    securityContext: *a\n"
        ),
        _PRIVILEGED.replace("privileged: true", "!!map\n        privileged: true"),
        _POD.replace("spec:\n", "spec: !!map\n  hostNetwork: true\n"),
    ],
    ids=["flow style", "an alias", "a tag", "a tag above"],
)
def test_what_is_no_line_of_its_own_has_no_fix(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A person has to see to it."""
    file = tmp_path / "pod.yaml"
    file.write_text(text, encoding="utf-8")
    results = _sarif(["preview", "--offline", "-f", str(file)], capsys)
    assert results
    assert [row for row in results if "fixes" in row] == []


def test_no_fix_is_worth_minutes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each is tried by reading the file again: in large files of many objects the last have none."""
    monkeypatch.setattr("webhook.fix.removals._MOST_BYTES", 3 * len(_PRIVILEGED))
    file = tmp_path / "pods.yaml"
    file.write_text("---\n".join([_PRIVILEGED, _PRIVILEGED.replace("web", "bad")]), encoding="utf-8")
    fixes = [row for row in _sarif(["scan", "-f", str(file)], capsys) if "fixes" in row]
    assert len(fixes) == 1


@pytest.mark.slow
def test_removals_in_real_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of one in ten: what had a fix is gone, and nothing else is new."""
    for number, row in enumerate(list(read_jsonl_gz(shared("corpus/raw.jsonl.gz")))[::10]):
        (tmp_path / f"{number}.yaml").write_bytes(row["text"].encode())
    before = _sarif(["scan", "-f", str(tmp_path)], capsys)
    for file in tmp_path.iterdir():
        file.write_bytes(_apply(file.read_bytes(), [row for row in before if _name_of(row) == file.name]))
    after = _sarif(["scan", "-f", str(tmp_path)], capsys)
    had_fix = {_key(row) for row in before if "fixes" in row}
    assert len(had_fix) > 20
    assert {_key(row) for row in after} & had_fix == set()
    assert {_key(row) for row in after} <= {_key(row) for row in before}


def _key(result: Any) -> tuple[str, str, str]:
    (location,) = result["locations"]
    names = location.get("logicalLocations") or [{"fullyQualifiedName": ""}]
    return _name_of(result), names[0]["fullyQualifiedName"], result["ruleId"]


@pytest.mark.parametrize("command", [["preview", "--offline"], ["check", "--offline"], ["scan"]])
def test_junit(command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A suite a namespace, a case an object; one that violates something has failed, and says what."""
    file = tmp_path / "pods.yaml"
    other = _PRIVILEGED.replace("name: web", "name: bad\n  namespace: team")
    file.write_text(f"{_POD}---\n{other}---\nkind: [\n", encoding="utf-8")
    main([*command, "-f", str(file), "-o", "junit"])
    root = ET.fromstring(capsys.readouterr().out)  # noqa: S314 (our own output)
    suites = {suite.get("name"): suite for suite in root}
    assert list(suites) == ["documents", "default", "team"]
    good, bad = suites["default"][0], suites["team"][0]
    assert (good.get("name"), len(good)) == ("Pod/web", int(command[0] == "check"))
    assert (bad.get("name"), bad.get("classname"), suites["team"].get("failures")) == ("Pod/bad", str(file), "1")
    assert f"{file}:20: privileged: " in (bad[0].text or "")
    assert suites["documents"].get("failures") == "1"


def test_what_xml_cannot_hold() -> None:
    """Names from a cluster or a file are anybody's; a note is no failure."""
    findings = (Finding("a", "x \x1b <&> \ud800 \ufffe", 0),)
    subjects = [
        Subject("Pod/\x00", "n", "", findings),
        Subject("Pod/b", "n", "", (Finding("b", "", 1, Severity.NOTE),)),
    ]
    (suite,) = ET.fromstring(to_junit(subjects))  # noqa: S314 (our own output)
    assert suite.attrib == {"name": "n", "tests": "2", "failures": "1"}
    assert suite[0].get("name") == "Pod/\ufffd"
    assert suite[0][0].get("message") == "x \ufffd <&> \ufffd \ufffd"


def test_an_object_of_a_cluster_has_no_file() -> None:
    """It has a name only."""
    text = to_sarif([Subject("Pod/a", "n", "", (Finding("privileged", "m", 0),))], "1")
    (result,) = json.loads(text)["runs"][0]["results"]
    assert result["locations"] == [{"logicalLocations": [{"fullyQualifiedName": "n/Pod/a"}]}]


@pytest.fixture(scope="module")
def sarif_schema() -> jsonschema_rs.Draft4Validator:
    """OASIS' schema of SARIF 2.1.0, out of the Go file that has it as a text."""
    file = cache_directory() / SARIF.place / SARIF.files[0]
    if not file.exists():
        pytest.skip(f"{file} not found: {HOW}")
    (text,) = re.findall(r"const schema = `(.*?)`", file.read_text(encoding="utf-8"), re.DOTALL)
    return jsonschema_rs.Draft4Validator(json.loads(text), validate_formats=True)


@pytest.mark.parametrize(
    "command", [["preview", "--offline", "-f"], ["check", "--offline", "-f"], ["scan", "-f"], ["fix"]]
)
def test_sarif_keeps_to_its_schema(
    command: list[str], sarif_schema: jsonschema_rs.Draft4Validator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With violations, fixes, edits by hand and unreadable documents, in files of any name; and it can object."""
    for name, text in {"a b.yaml": f"{_PRIVILEGED}---\nkind: [\n", "größe#%.yaml": _FLOW, "plain.yaml": _POD}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    main([*command, str(tmp_path), "-o", "sarif"])
    value = json.loads(capsys.readouterr().out)
    assert len(value["runs"][0]["results"]) > 2
    assert [str(error) for error in sarif_schema.iter_errors(value)] == []
    value["runs"][0]["results"][0]["level"] = "grave"
    assert not sarif_schema.is_valid(value)


@pytest.mark.slow
def test_sarif_of_real_files_keeps_to_its_schema(
    sarif_schema: jsonschema_rs.Draft4Validator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of all the files of other projects."""
    for number, row in enumerate(read_jsonl_gz(shared("corpus/raw.jsonl.gz"))):
        (tmp_path / f"{number}.yaml").write_bytes(row["text"].encode())
    main(["scan", "-f", str(tmp_path), "-o", "sarif"])
    value = json.loads(capsys.readouterr().out)
    assert len(value["runs"][0]["results"]) > 500
    assert [str(error) for error in sarif_schema.iter_errors(value)] == []
