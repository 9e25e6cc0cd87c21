"""Runs `fix` on a folder, and checks what it promises of every file."""

from __future__ import annotations

import json
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from tests.commands import need
from webhook.cli import main
from webhook.documents.reader import Document, flatten, read_documents

_SECONDS: Final = 120


class Fixed(NamedTuple):
    """What `fix` made of a folder.

    Attributes:
        before: the content of each file, by its name.
        after: the same, fixed.
        named: the names of the files in which something is left to do by hand.
        expected: the objects of each file as preview would patch them; None for one that it cannot read.
        remaining: the number of operations that preview still has for each file.
    """

    before: Mapping[str, bytes]
    after: Mapping[str, bytes]
    named: set[str]
    expected: Mapping[str, list[Any]]
    remaining: Mapping[str, int]


def fix_folder(folder: Path, files: Mapping[str, bytes], capsys: pytest.CaptureFixture[str]) -> Fixed:
    """Write the files below `folder`, fix them twice, and check what needs no preview.

    Every file that changed has its old lines and new ones, by git's word; the second `fix` changes nothing.
    """
    old, new = folder / "old", folder / "new"
    for directory in (old, new):
        directory.mkdir(parents=True)
        for name, data in files.items():
            (directory / name).write_bytes(data)
    expected = _previewed(new, capsys)
    main(["fix", str(new)])
    said = capsys.readouterr().err
    after = _contents(new)
    assert _removed_lines(old, new) == {}
    main(["fix", str(new)])
    assert capsys.readouterr().err.splitlines()[-1].startswith("0 of ")
    assert _contents(new) == after
    remaining = {name: sum(len(patch) for _, patch in rows) for name, rows in _previewed(new, capsys).items()}
    patched = {name: [value for value, _ in rows] for name, rows in expected.items()}
    return Fixed(files, after, {name for name in files if f"{new / name}:" in _by_hand(said)}, patched, remaining)


def check_promises(fixed: Fixed) -> None:
    """Nothing is left for preview but in files that are named; the others read as preview patches them."""
    left = {name for name, count in fixed.remaining.items() if count}
    assert left <= fixed.named
    for name in fixed.after.keys() - fixed.named:
        found, expected = objects(fixed.after[name]), fixed.expected.get(name, [])
        assert len(found) == len(expected), name
        for value, wanted in zip(found, expected, strict=True):
            assert wanted in (None, value), name


def objects(data: bytes) -> list[Any]:
    """The objects that our reader finds; None for one that it cannot read."""
    return [row.value if isinstance(row, Document) else None for row in flatten(read_documents(data, ""))]


def is_subsequence(lines: Iterable[bytes], among: Iterable[bytes]) -> bool:
    """Whether all `lines` are among the others, in their order."""
    rest = iter(among)
    return all(line in rest for line in lines)


def _by_hand(said: str) -> str:
    return "\n".join(line for line in said.splitlines() if "by hand, " in line)


def _previewed(folder: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, list[tuple[Any, list[Any]]]]:
    """Of each file its patched objects, with their patches."""
    sources = [
        file.name for file in sorted(folder.iterdir()) for _ in flatten(read_documents(file.read_bytes(), file.name))
    ]
    main(["preview", "-f", str(folder), "--offline", "-o", "json"])
    found: dict[str, list[tuple[Any, list[Any]]]] = defaultdict(list)
    results = json.loads(capsys.readouterr().out)["results"]
    for source, result in zip(sources, results, strict=True):
        found[source].append((result.get("patched"), result.get("patch", [])))
    return dict(found)


def _contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def _removed_lines(old: Path, new: Path) -> dict[str, str]:
    """How many lines git finds removed, by file, where there are any."""
    need("git")
    command = ["git", "diff", "--no-index", "--numstat", "--no-renames", str(old), str(new)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    assert done.returncode in (0, 1), done.stderr
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    return {name: removed for _, removed, name in rows if removed != "0"}
