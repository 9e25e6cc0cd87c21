"""The whole install at work: from `kubectl apply -k` to a pod that has its defaults, and what is told of it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import signal
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import pytest
from prometheus_client.parser import text_string_to_metric_families

from patches.policy.policy import PREFIX, PSA_PREFIX
from tests.cluster.client import MERGE_PATCH
from tests.cluster.control_plane import ControlPlane
from tests.cluster.installed import APPLIED, BASE, MODE, NAME, Install, check_port, eventually, installed
from tests.cluster.kubectl import Kubectl
from tests.cluster.load import straight
from tests.cluster.telling import LINES
from tests.review.builders import pod, privileged_pod, review

pytestmark = pytest.mark.cluster

_ENFORCE: Final = {MODE: "enforce"}
_PROMISE: Final = 1.0
"""Seconds within which the next admission sees a change."""
_PATIENCE: Final = 10.0
"""How long is waited for it, so that a busy machine fails by the figure, not by one slow question."""


@pytest.fixture(scope="module")
def install(plane: ControlPlane, kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Install]:
    """The base, with one replica, and a namespace `opted-in`."""
    with installed(plane, kubectl, tmp_path_factory.mktemp("installed")) as started:
        plane.namespace("opted-in", _ENFORCE)
        eventually(lambda: started.is_defaulted("opted-in"), "the API server asks us")
        yield started


def _labels(install: Install, namespace: str, **labels: str | None) -> None:
    path = f"/api/v1/namespaces/{namespace}"
    install.plane.admin.must("PATCH", path, {"metadata": {"labels": labels}}, MERGE_PATCH)


def test_a_pod_is_defaulted(install: Install) -> None:
    """Through Service, managed certificate and live policy; the audit log has what, and by which configuration."""
    answer = install.create("opted-in")
    assert answer.ok, answer.message
    spec = answer.body["spec"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["automountServiceAccountToken"] is False
    assert "volumes" not in spec
    audit = install.plane.audit.annotations(answer.audit_id)
    assert audit[f"pods.{NAME}.io/applied"] == answer.body["metadata"]["annotations"][APPLIED]
    assert re.fullmatch(r"[0-9a-f]{12}", audit[f"pods.{NAME}.io/generation"])


def test_who_is_not_asked_about(install: Install) -> None:
    """A namespace without the label, one that is off, kube-system, and our own, whatever labels they have."""
    install.plane.namespace("unlabelled")
    install.plane.namespace("switched-off", {MODE: "off"})
    for namespace in ("kube-system", NAME):
        _labels(install, namespace, **_ENFORCE)
    install.plane.account("kube-system", "default")
    install.plane.account(NAME, "default")
    for namespace in ("unlabelled", "switched-off", "kube-system"):
        answer = install.create(namespace)
        assert answer.ok, answer.message
        assert APPLIED not in (answer.body["metadata"].get("annotations") or {})
    refused = install.create(NAME)  # a bare pod, in a namespace that is restricted: nobody filled it in
    assert 'violates PodSecurity "restricted:latest"' in refused.message


def test_templates_are_told(install: Install) -> None:
    """A Deployment is not changed; its author reads what its pods will receive."""
    container = {"name": "c", "image": "i", "securityContext": {"privileged": True}}
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [container]}}
    spec = {"selector": {"matchLabels": {"a": "b"}}, "template": template}
    path = "/apis/apps/v1/namespaces/opted-in/deployments"
    answer = install.plane.admin.create(path, {"metadata": {"name": "d"}, "spec": spec}, dry_run=True)
    assert answer.ok
    assert any("will add to the pods" in warning for warning in answer.warnings)
    assert "runAsNonRoot" not in json.dumps(answer.body["spec"])


def test_the_next_admission_sees_a_change(install: Install) -> None:
    """Each within a second: labels, LimitRange, ServiceAccount, quota and configuration."""
    name, plane = "changing", install.plane
    plane.namespace(name, {MODE: "enforce", PREFIX + "profile": "restricted"})
    eventually(lambda: install.is_defaulted(name), "the new namespace")
    took: dict[str, float] = {}

    def container() -> Any:
        return install.create(name).body["spec"]["containers"][0]

    _labels(install, name, **{PREFIX + "profile": "privileged"})
    took["relabelled"] = eventually(lambda: not install.is_defaulted(name), "privileged", _PATIENCE)
    _labels(install, name, **{PREFIX + "profile": "restricted"})
    eventually(lambda: install.is_defaulted(name), "restricted", _PATIENCE)

    limits = {"metadata": {"name": "max"}, "spec": {"limits": [{"type": "Pod", "max": {"memory": "200Mi"}}]}}
    limited = {"name": "a", "image": "i", "resources": {"limits": {"memory": "100Mi"}}}

    def is_within_the_limits() -> bool:
        """Our request for the second container, 128Mi, would make the pod exceed the maximum."""
        answer = install.create(name, containers=[limited, {"name": "b", "image": "i"}])
        return answer.ok and answer.body["spec"]["containers"][1]["resources"] == {"requests": {"cpu": "100m"}}

    assert not is_within_the_limits()
    plane.admin.must("POST", f"/api/v1/namespaces/{name}/limitranges", limits)
    took["LimitRange"] = eventually(is_within_the_limits, "LimitRange", _PATIENCE)
    plane.admin.must("DELETE", f"/api/v1/namespaces/{name}/limitranges/max")
    eventually(lambda: not is_within_the_limits(), "LimitRange gone", _PATIENCE)

    account = {"automountServiceAccountToken": True}
    plane.admin.must("PATCH", f"/api/v1/namespaces/{name}/serviceaccounts/default", account, MERGE_PATCH)
    took["ServiceAccount"] = eventually(
        lambda: "volumes" in install.create(name).body["spec"], "the account opted in", _PATIENCE
    )

    quota = {"metadata": {"name": "scoped"}, "spec": {"hard": {"pods": "100"}, "scopes": ["NotBestEffort"]}}
    plane.admin.must("POST", f"/api/v1/namespaces/{name}/resourcequotas", quota)
    took["ResourceQuota"] = eventually(lambda: container()["resources"] == {}, "the scoped quota", _PATIENCE)

    install.configure("settings: {readOnlyRootFilesystem: {enabled: true}}\n")
    took["configuration"] = eventually(
        lambda: container()["securityContext"].get("readOnlyRootFilesystem"), "the configuration", _PATIENCE
    )
    assert all(seconds < _PROMISE for seconds in took.values()), took
    LINES.append("seconds until a change was seen: " + ", ".join(f"{key} {value:.2f}" for key, value in took.items()))


def test_a_bad_configuration_keeps_the_old_one(install: Install) -> None:
    """/readyz?verbose names the file, the generation stays, and pods go on being defaulted."""
    install.configure("mode: enforce\n")
    before = _generation_in_use(install, "mode: enforce\n")
    install.configure("mode: perhaps\n")
    eventually(lambda: "configuration.yaml" in install.get("/readyz?verbose")[1], "the problem is told")
    status, text = install.get("/readyz?verbose")
    assert status == 200
    assert before in text
    assert "mode" in text
    assert install.is_defaulted("opted-in")
    assert _metric(install, "psd_configuration_reload_success") == {(): 0}
    install.configure("mode: enforce\n# good again\n")
    eventually(lambda: _metric(install, "psd_configuration_reload_success") == {(): 1}, "it is good again")


def _generation_in_use(install: Install, text: str) -> str:
    """Wait until this configuration is in use; its generation."""
    generation = hashlib.sha256(text.encode()).hexdigest()[:12]
    eventually(lambda: generation in install.get("/readyz?verbose")[1], "the configuration is in use")
    return generation


def _metric(install: Install, name: str) -> dict[tuple[str, ...], float]:
    """The samples of a metric by the values of their labels, in the order of the page."""
    found = {}
    for line in install.get("/metrics")[1].splitlines():
        match = re.fullmatch(rf"{name}(?:\{{(.*)\}})? (\S+)", line)
        if match is not None:
            found[tuple(re.findall(r'="([^"]*)"', match[1] or ""))] = float(match[2])
    return found


def _counters(install: Install) -> Counter[tuple[str, ...]]:
    """Our counters, and how many times were measured: by name and values of labels, in the order of their names."""
    return Counter(
        {
            (sample.name, *(value for _, value in sorted(sample.labels.items()))): int(sample.value)
            for family in text_string_to_metric_families(install.get("/metrics")[1])
            for sample in family.samples
            if sample.name.startswith("psd_") and sample.name.endswith(("_total", "_count"))
        }
    )


def test_metrics_and_logs_tell_what_was_sent(install: Install) -> None:
    """Each counter rises by what was sent and by nothing else; the log has a line for each, with the event's uid."""
    name, secret = "told", "hunter2-hunter2"
    install.configure("mode: enforce\n")  # another test may have left one that adds more
    _generation_in_use(install, "mode: enforce\n")
    install.plane.namespace(name, {MODE: "enforce", PSA_PREFIX + "enforce": "baseline"})
    eventually(lambda: install.is_defaulted(name), "the new namespace")
    eventually(lambda: any(_is_patched_in(name, line) for line in install.log), "its line is written, a moment later")
    before, lines = _counters(install), len(install.log)
    for number in range(30):
        fields: dict[str, Any] = {"env": [{"name": "PASSWORD", "value": secret}], "args": [secret]}
        if number % 3 == 0:
            fields["securityContext"] = {"privileged": True}
        answer = install.create(name, containers=[{"name": "c", "image": f"i:{secret}", **fields}])
        assert answer.ok is (number % 3 != 0)
    _send_straight(install, name)
    risen = {key: count for key, count in (_counters(install) - before).items() if count}
    assert risen == {
        ("psd_requests_total", "patched", "mutate", "Pod", "CREATE"): 30,
        ("psd_requests_total", "invalid", "mutate", "Pod", "CREATE"): 2,
        ("psd_requests_total", "error", "mutate", "Pod", "CREATE"): 3,
        ("psd_requests_total", "undecodable", "mutate", "other", "other"): 1,
        ("psd_requests_total", "denied", "validate", "Pod", "CREATE"): 4,
        ("psd_request_seconds_count", "mutate"): 36,
        ("psd_request_seconds_count", "validate"): 4,
        ("psd_defaults_total", "automountServiceAccountToken", "applied"): 90,  # the field, the volume, its mount
        ("psd_defaults_total", "resources", "applied"): 60,  # cpu and memory
        # Each of 10, and of 4 that /validate denies, violates the enforce level, which warn and target follow.
        ("psd_violations_total", "privileged", "baseline", "enforce"): 14,
        ("psd_violations_total", "privileged", "baseline", "warn"): 14,
        ("psd_violations_total", "privileged", "baseline", "target"): 14,
    }

    def admissions() -> list[Any]:
        return [line for line in install.log[lines:] if line["message"] == "admission"]

    eventually(lambda: len(admissions()) >= 39, "every line is written")  # by a thread, some moments later
    told = admissions()
    assert Counter(line["decision"] for line in told) == {"patched": 30, "invalid": 2, "error": 3, "denied": 4}
    through = [line for line in told if line["decision"] == "patched"]
    assert all(re.fullmatch(r"[0-9a-f-]{36}", line["uid"]) for line in through)
    assert len({line["uid"] for line in through}) == 30
    (generation,) = {line["generation"] for line in through}
    assert generation in install.get("/readyz?verbose")[1]
    assert secret not in (install.directory / "serve.log").read_text()
    assert secret not in install.get("/metrics")[1]


def _is_patched_in(namespace: str, line: dict[str, Any]) -> bool:
    return line.get("namespace") == namespace and line.get("decision") == "patched"


def _send_straight(install: Install, namespace: str) -> None:
    """What an API server would not send, or our base is not asked: each a few times."""
    secret = install.plane.admin.must("GET", f"/api/v1/namespaces/{NAME}/secrets/{NAME}-tls")
    trust = base64.b64decode(secret["data"]["ca.crt"]).decode()
    sent = [
        *[("/mutate", review(pod(containers=[{"name": 7}]), namespace=namespace))] * 2,
        *[("/mutate", review(pod(), namespace="there-is-none"))] * 3,
        ("/mutate", {"kind": "no review"}),
        *[("/validate", review(privileged_pod(), namespace=namespace))] * 4,
    ]
    for path, body in sent:
        straight(body, lambda: trust, f"{NAME}.{NAME}.svc", path).once()


def test_metrics_tell_how_it_is(install: Install) -> None:
    """Every cache has been filled, one replica leads, and there are two certificates that end."""
    synced = _metric(install, "psd_cache_synced")
    assert set(synced.values()) == {1}
    assert len(synced) == 5
    assert _metric(install, "psd_leader") == {(): 1}
    assert set(_metric(install, "psd_certificate_expiry_timestamp_seconds")) == {("serving",), ("ca",)}


def test_readyz_tells_what_it_depends_on(install: Install) -> None:
    """A line for every cache, for the certificate, for the configuration and for the API server's version."""
    status, text = install.get("/readyz?verbose")
    assert status == 200
    for part in ("namespaces", "limitranges", "resourcequotas", "serviceaccounts", "runtimeclasses"):
        assert f"[+]cache {part} " in text
    assert "[+]certificate until 20" in text
    assert f"[+]API server v1.{install.plane.minor}" in text


def test_started_cold(plane: ControlPlane, install: Install) -> None:
    """Installed, and no replica alive: kube-system's pods and ours come up; opted-in namespaces wait (Fail)."""
    assert install.process.poll() is None
    install.process.send_signal(signal.SIGSTOP)  # nobody answers, as before the first replica runs
    try:
        template = plane.admin.must("GET", f"/apis/apps/v1/namespaces/{NAME}/deployments/{NAME}")["spec"]["template"]
        own = {"metadata": {"generateName": "p-", "labels": template["metadata"]["labels"]}, "spec": template["spec"]}
        answer = plane.admin.create(f"/api/v1/namespaces/{NAME}/pods", own, dry_run=True)
        assert answer.ok, answer.message
        plane.account("kube-system", "default")
        assert install.create("kube-system").ok
        refused = install.create("opted-in")
        assert refused.status == 500
        assert f'failed calling webhook "pods.{NAME}.io"' in refused.message
    finally:
        install.process.send_signal(signal.SIGCONT)
    eventually(lambda: install.is_defaulted("opted-in"), "it answers again")


@pytest.mark.usefixtures("install")
def test_the_port_is_needed_for_the_service() -> None:
    """The base's Service is asked at port 443, which the replica of this module holds."""
    assert "port: 443" in (BASE / "webhooks.yaml").read_text()
    with pytest.raises(pytest.skip.Exception, match="port 443"):
        check_port()
