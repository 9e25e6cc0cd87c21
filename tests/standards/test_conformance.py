"""The judge against Kubernetes' own PodSecurity admission: the same verdict in the same words, on every pod at hand."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from patches.arrival import arrive
from patches.standards.checks import CHECKS
from patches.standards.judge import judge
from patches.standards.levels import parse_level_version
from patches.standards.violations import violation_text
from tests.pods import view
from tests.shared_data import read_jsonl_gz, shared


def report(count: int, what: str) -> None:
    """Say how much was compared (`pytest -s` shows it); nothing compared is no success."""
    assert count
    sys.stdout.write(f"\n{count:,} {what}\n")


def compare(rows: Iterator[Any], verdicts: str) -> int:
    """Judge each row's pod at each level that its map `verdicts` names; return the number of identical texts."""
    count = 0
    for row in rows:
        pod = view(row["pod"])
        expected: Mapping[str, str] = row[verdicts]
        for level, text in expected.items():
            assert violation_text(judge(pod, parse_level_version(level))) == text, (row["id"], level)
            count += 1
    return count


@pytest.mark.slow
def test_verdicts_are_upstreams() -> None:
    """On generated pods at 21 levels and versions, every text is upstream's, byte for byte."""
    count = compare(read_jsonl_gz(shared("conformance/pss-cases.jsonl.gz")), "verdicts")
    report(count, "verdict texts identical")


def test_verdicts_on_real_workloads_are_upstreams() -> None:
    """On pods of public repositories, as written, every text is upstream's."""
    count = compare(read_jsonl_gz(shared("corpus/pods.jsonl.gz")), "before")
    report(count, "verdict texts on real workloads identical")


def test_upstream_fixtures_pass_and_fail_as_upstream_says() -> None:
    """Upstream's own fixtures, once defaulted as by an API server, pass or fail as they are meant to.

    One that is meant to fail does so in the very check that its name says, or in the one that overrides it.
    """
    count = 0
    speaking_for = {
        check.id.lower(): {check.id, *(other.id for other in CHECKS if check.id in other.overrides)} for check in CHECKS
    }
    for row in read_jsonl_gz(shared("conformance/upstream-fixtures.jsonl.gz")):
        level = parse_level_version(f"{row['level']}:{row['version']}")
        found = {violation.id for violation in judge(arrive(view(row["pod"])), level)}
        case = (row["name"], str(level), found)
        if row["expect"] == "pass":
            assert not found, case
        else:
            assert found & speaking_for[row["name"].rstrip("0123456789")], case
        count += 1
    report(count, "upstream fixtures agree")
