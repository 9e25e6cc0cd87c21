"""`fix` on real files as they are, and on real objects as a seeded generator writes them."""

from __future__ import annotations

import os
import random
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.fix.fixing import check_promises, fix_folder, objects
from tests.fix.manifests import write_stream
from tests.shared_data import read_jsonl_gz, shared

_SEED: Final = int(os.environ.get("PSD_SEED") or secrets.randbelow(2**32))
_FILES: Final = 300
_STREAMS: Final = 120


@contextmanager
def _repeatable(seed: int) -> Iterator[None]:
    """Name the seed where something fails."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"PSD_SEED={seed} repeats this run")
        raise


@pytest.mark.slow
def test_real_files_only_gain_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Files of public repositories, as they are. PSD_FIX_ALL=1 takes all, which is some two minutes."""
    rows = list(read_jsonl_gz(shared("corpus/raw.jsonl.gz")))
    if not os.environ.get("PSD_FIX_ALL"):
        rows = random.Random(_SEED).sample(rows, _FILES)  # noqa: S311 (test data)
    files = {f"{index:04}.yaml": row["text"].encode() for index, row in enumerate(rows)}
    with _repeatable(_SEED):
        fixed = fix_folder(tmp_path, files, capsys)
        check_promises(fixed)
    changed = sum(fixed.after[name] != data for name, data in files.items())
    assert changed > len(files) / 2
    assert len(fixed.named) < len(files) / 8


@pytest.mark.slow
@pytest.mark.parametrize("seed", [20261126, _SEED], ids=["fixed", "fresh"])
def test_written_objects_only_gain_lines(seed: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Real workloads, written with comments, anchors, quotes, odd indentation, CRLF, tabs and blocks at random."""
    chance = random.Random(seed)  # noqa: S311 (test data)
    values = [row["object"] for row in read_jsonl_gz(shared("corpus/workloads.jsonl.gz"))]
    streams = [chance.sample(values, chance.randint(1, 3)) for _ in range(_STREAMS)]
    files = {f"{index:04}.yaml": write_stream(stream, chance) for index, stream in enumerate(streams)}
    with _repeatable(seed):
        assert [objects(data) for data in files.values()] == streams
        fixed = fix_folder(tmp_path, files, capsys)
        check_promises(fixed)
    changed = sum(fixed.after[name] != data for name, data in files.items())
    assert changed > len(files) / 2
    assert len(files) / 2 > len(fixed.named) > 0
