"""The injected token: what is too hostile for a case file."""

from __future__ import annotations

import re
import time
from typing import Any

from patches.defaults.injectors import INJECTORS
from patches.evaluation import evaluate
from patches.model.decisions import Reason
from patches.model.pod import Origin, locate
from patches.policy.configuration import DefaulterConfiguration
from patches.policy.policy import resolve
from tests.patches.build import namespace
from tests.shared_data import ROOT

_ID = "automountServiceAccountToken"


def _volume(name: str) -> dict[str, Any]:
    """A volume exactly as the ServiceAccount plugin injects it."""
    namespace = {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}
    sources = [
        {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [namespace]}},
    ]
    return {"name": name, "projected": {"sources": sources, "defaultMode": 420}}


def test_the_plugin_injects_one_volume_so_of_several_some_are_the_authors() -> None:
    """Thousands that look injected are skipped as the author's, in time linear in their number."""
    names = [f"kube-api-access-{number:05}" for number in range(5_000)]
    path = "/var/run/secrets/kubernetes.io/serviceaccount"
    mounts = [{"name": name, "readOnly": True, "mountPath": path} for name in names]
    document = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p"},
        "spec": {"containers": [{"name": "c", "volumeMounts": mounts}], "volumes": [_volume(name) for name in names]},
    }
    pod = locate(document, Origin.ADMISSION)
    assert pod is not None
    begin = time.process_time()
    outcome = evaluate(pod, namespace(resolve(DefaulterConfiguration(), {}, {})))
    assert time.process_time() - begin < 3
    (decision,) = [decision for decision in outcome.decisions if decision.id == _ID]
    assert decision.reason is Reason.AUTHOR_VOLUME


def test_the_docs_list_the_injectors() -> None:
    """Each annotation, and the one by which its injector needs no token, in the order of the list."""
    page = (ROOT / "docs" / "defaults.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([^`]+/[^`]+)` \| [^|]+ \| (?:`([^`]+)` )?\|$", page, re.MULTILINE)
    assert rows == [(injector.annotation, injector.unless) for injector in INJECTORS]
