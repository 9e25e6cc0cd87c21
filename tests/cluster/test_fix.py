"""What `fix` writes means to kubectl what preview shows."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.cluster.reading import compare, read_as_kubectl, same
from tests.cluster.telling import FIXED, fresh, tell
from tests.fix.fixing import check_promises, fix_folder
from tests.fix.manifests import write_stream
from tests.shared_data import read_jsonl_gz, shared

pytestmark = pytest.mark.cluster


def test_real_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Files of public repositories, all of them: what changed reads as preview patches it."""
    rows = read_jsonl_gz(shared("corpus/raw.jsonl.gz"))
    _compare({f"{index:04}.yaml": row["text"].encode() for index, row in enumerate(rows)}, tmp_path, capsys)


@pytest.mark.parametrize("seed", [FIXED, None], ids=["fixed", "fresh"])
def test_written_objects(seed: int | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every real workload, as the generator writes it."""
    chance = random.Random(fresh() if seed is None else seed)  # noqa: S311 (test data)
    values = [row["object"] for row in read_jsonl_gz(shared("corpus/workloads.jsonl.gz"))]
    chance.shuffle(values)
    streams = [values[index : index + 2] for index in range(0, len(values), 2)]
    files = {f"{index:04}.yaml": write_stream(stream, chance) for index, stream in enumerate(streams)}
    _compare(files, tmp_path, capsys)


def _compare(files: dict[str, bytes], folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fixed = fix_folder(folder, files, capsys)
    check_promises(fixed)
    names = [name for name, data in files.items() if fixed.after[name] != data]
    inputs = [fixed.after[name] for name in names]
    alike = patched = 0
    for name, data, theirs in zip(names, inputs, read_as_kubectl(inputs), strict=True):
        found = compare(data, theirs)
        assert found in ("same", "refused", "warned"), (name, found)
        alike += found == "same"
        if found == "same" and name not in fixed.named and len(theirs.documents) == len(fixed.expected[name]):
            assert all(map(same, theirs.documents, fixed.expected[name])), name
            patched += 1
    hand = len(fixed.named)
    tell(f"{len(files)} files: {len(names)} changed, {hand} with edits by hand; {alike} read alike by kubectl")
    assert alike > 0.9 * len(names)
    assert patched > len(names) / 2
