"""Real workloads, defaulted out of the box: how many then pass the restricted profile."""

from __future__ import annotations

import sys

from patches.evaluation import evaluate
from patches.model.pod import Origin
from patches.policy.configuration import DefaulterConfiguration
from patches.policy.policy import resolve
from patches.standards.levels import parse_level_version
from tests.defaults.cases import view
from tests.patches.build import namespace
from tests.shared_data import read_jsonl_gz, shared


def test_as_many_pods_pass_restricted_as_can() -> None:
    """Exactly the pods that violate restricted by omission only pass it once defaulted."""
    level = parse_level_version("restricted:latest")
    policy = resolve(DefaulterConfiguration(), {}, {})
    count = passed = 0
    for row in read_jsonl_gz(shared("corpus/pods.jsonl.gz")):
        outcome = evaluate(view(row["pod"], Origin.MANIFEST), namespace(policy))
        complies = not outcome.verdicts[level]
        assert complies == row["restricted_once_defaulted"], (row["id"], outcome.verdicts[level])
        count += 1
        passed += complies
    sys.stdout.write(f"\n{passed} of {count} pods pass {level} once defaulted\n")
    assert (passed, count) == (510, 760)
