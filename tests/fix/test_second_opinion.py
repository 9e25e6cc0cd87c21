"""yaml-edit, a lossless editor, makes the same edits on real files: what it writes means what `fix` writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.fix.fixing import fix_folder, objects
from tests.shared_data import read_jsonl_gz, shared

yaml_edit = pytest.importorskip("yaml_edit", reason="yaml-edit is made for CPython only")


@pytest.mark.slow
def test_an_editor_of_yaml_agrees(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of every file with one object whose edits are all insertions. It may fail at one in a hundred; we may not."""
    texts = [row["text"] for row in read_jsonl_gz(shared("corpus/raw.jsonl.gz"))][::4]
    single = [text for text in texts if text.count("apiVersion:") == text.count("image:") == 1]
    files = {f"{index:04}.yaml": text.encode() for index, text in enumerate(single)}
    fixed = fix_folder(tmp_path, files, capsys)
    agreed, failed = 0, []
    for name, data in files.items():
        if name in fixed.named or fixed.after[name] == data:
            continue
        (before,), (after,) = objects(data), objects(fixed.after[name])
        try:
            document = yaml_edit.Document.parse(data.decode())
            _edit(document, before, after)
            theirs = objects(str(document).encode())
        except (yaml_edit.YamlError, TypeError, AttributeError) as error:
            failed.append((name, repr(error)))
            continue
        if theirs == [after]:
            agreed += 1
        else:
            failed.append((name, str(document)))
    assert agreed > 50
    assert len(failed) <= agreed / 100, failed


def _edit(node: Any, before: Any, after: Any) -> None:
    """Make of a mapping or list, which reads as `before`, what reads as `after`."""
    if isinstance(after, dict):
        for name, value in after.items():
            if name not in before or before[name] is None is not value:
                node[name] = value
            elif before[name] != value:
                _edit(_collection(node[name]), before[name], value)
        return
    for index, value in enumerate(after):
        if index >= len(before):
            node.append(value)
        elif before[index] != value:
            _edit(_collection(node[index]), before[index], value)


def _collection(node: Any) -> Any:
    return node.as_mapping() or node.as_sequence()
