"""Real workloads, defaulted out of the box: how many then pass the restricted profile."""

from __future__ import annotations

import sys
from typing import Final

from patches.evaluation import evaluate
from patches.model.decisions import Reason
from patches.model.pod import Origin
from patches.policy.configuration import DefaulterConfiguration
from patches.policy.policy import resolve
from patches.standards.levels import parse_level_version
from tests.patches.build import namespace
from tests.pods import view
from tests.shared_data import read_jsonl_gz, shared

EXPLICIT_ROOT: Final = {
    "elastic/cloud-on-k8s:config/recipes/elastic-agent/fleet-kubernetes-integration-nonroot.yaml#0.144",
    "kubernetes-csi/csi-driver-smb:deploy/example/smb-provisioner/smb-server-lb.yaml#1.292",
    "longhorn/longhorn:deploy/longhorn-okd.yaml#52.577",
    "projectcalico/calico:manifests/apiserver.yaml#3.671",
}
"""The pods with a container that keeps its capabilities because it says that it runs as root."""


def test_who_keeps_capabilities_as_explicit_root() -> None:
    """Pod by pod: each of them violates restricted by its user anyway."""
    around = namespace(resolve(DefaulterConfiguration(), {}, {}))
    found = {}
    for row in read_jsonl_gz(shared("corpus/pods.jsonl.gz")):
        outcome = evaluate(view(row["pod"], Origin.MANIFEST), around)
        if ("capabilities", Reason.RUNS_AS_ROOT) in {(entry.id, entry.reason) for entry in outcome.decisions}:
            found[row["id"]] = {violation.id for rows in outcome.verdicts.values() for violation in rows}
    assert found.keys() == EXPLICIT_ROOT
    assert all("runAsUser" in violated for violated in found.values())


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
