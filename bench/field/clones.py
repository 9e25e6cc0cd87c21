"""Reads workloads from clones of their repositories, as git has them at a commit: the work tree does not matter."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import yaml

from bench.field.workloads import Workload
from patches import InvalidObject, Origin, locate
from webhook.documents.reader import Document, flatten, read_documents
from webhook.errors import InputError


def fetch_commands(workloads: Sequence[Workload], clones: Path) -> list[str]:
    """The git commands that fetch what the clones in a directory lack: none if all commits are there."""
    commits = dict.fromkeys((row.repository, row.commit) for row in workloads)
    return [
        f"git init -q {shlex.quote(str(clones / repository))} && "
        f"git -C {shlex.quote(str(clones / repository))} fetch -q --depth 1 "
        f"{shlex.quote(f'https://github.com/{repository}')} {shlex.quote(commit)}"
        for repository, commit in commits
        if not _has_commit(clones / repository, commit)
    ]


def read_workloads(workloads: Sequence[Workload], clones: Path) -> Iterator[dict[str, Any]]:
    """Yield each workload of a list, in its order.

    Args:
        workloads: the list; the rows of one file stand together.
        clones: a directory with the clones, each at `owner/name`.

    Raises:
        InputError: there is no such file, or no workload in it at the index.
    """
    for (repository, commit, path), rows in groupby(workloads, lambda row: row[:3]):
        text = _git(clones / repository, "cat-file", "blob", f"{commit}:{path}")
        place = f"{repository} {commit[:12]} {path}"
        if text is None:
            raise InputError(f"{place}: no such file")
        for index, same in groupby(rows, lambda row: row.document):
            wanted = len(list(same))
            found = _workloads_at(text, index)
            if len(found) < wanted:
                raise InputError(f"{place}: {len(found)} workloads in document {index}, not {wanted}")
            yield from found[:wanted]


def _has_commit(clone: Path, commit: str) -> bool:
    return clone.is_dir() and _git(clone, "cat-file", "-e", f"{commit}^{{commit}}") is not None


def _git(clone: Path, *arguments: str) -> bytes | None:
    """What git prints; None if it fails."""
    command = ["git", f"--git-dir={clone / '.git'}", *arguments]
    done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 (no shell)
    return None if done.returncode else done.stdout


def _workloads_at(text: bytes, index: int) -> list[dict[str, Any]]:
    """The workloads in a document. Documents without content count; if that leads to none, they do not."""
    documents = list(read_documents(text, ""))
    contents = _contents(text, len(documents))
    counted = contents[: index + 1].count(True) - 1 if index < len(contents) and contents[index] else index
    for number in dict.fromkeys((counted, index)):
        if number < len(documents):
            items = [item for item in flatten([documents[number]]) if isinstance(item, Document)]
            found = [item.value for item in items if _is_workload(item.value)]
            if found:
                return found
    return []


def _contents(text: bytes, count: int) -> list[bool]:
    """Whether each document, as YAML counts them, has content."""
    try:
        nodes = list(yaml.compose_all(text, Loader=yaml.CSafeLoader))
    except yaml.YAMLError:
        return [True] * count
    return [node.tag != "tag:yaml.org,2002:null" for node in nodes]


def _is_workload(value: Any) -> bool:
    try:
        return locate(value, Origin.MANIFEST) is not None
    except InvalidObject:
        return False
