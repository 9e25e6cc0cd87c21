"""The workloads that the figures are about: where each is, in which public repository at which commit."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

LIST: Final = Path(__file__).with_name("workloads.csv")
_HEADINGS: Final = ("repository", "commit", "path", "index")


class Workload(NamedTuple):
    """Where one workload is.

    Attributes:
        repository: owner and name on GitHub.
        commit: the commit, in 40 hexadecimal digits.
        path: of the file in the repository.
        document: which document of the file, from 0: the column `index`. If it is a List, each workload in it
            has a row, in order.
    """

    repository: str
    commit: str
    path: str
    document: int


def read_list(file: Path = LIST) -> list[Workload]:
    """Read a list of workloads."""
    with file.open(encoding="utf-8", newline="") as lines:
        rows = csv.DictReader(lines)
        return [Workload(row["repository"], row["commit"], row["path"], int(row["index"])) for row in rows]


def write_list(workloads: Iterable[Workload], file: Path = LIST) -> None:
    """Write a list of workloads."""
    with file.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerow(_HEADINGS)
        writer.writerows(workloads)
