"""`kubectl psd preview` through the real kubectl: offline, and asking a cluster with the rights of a person."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from patches.policy.policy import PREFIX, PSA_PREFIX, RUNTIME_CLASS_ANNOTATION
from tests.cluster import binaries
from tests.cluster.control_plane import ADMINISTRATORS, ControlPlane
from tests.cluster.installed import NAME, eventually
from tests.cluster.pki import Authority
from tests.cluster.processes import free_ports
from tests.cluster.rights import calls_of
from tests.review.builders import container, deployment, pod, privileged_pod

pytestmark = pytest.mark.cluster

_RBAC: Final = "/apis/rbac.authorization.k8s.io/v1"
_AUDITED: Final = f"system:serviceaccounts:{NAME}"
"""The group whose requests the audit log has."""
_SECONDS: Final = 60
_NAMESPACE: Final = "psd"
_READING: Final = {
    ("", "namespaces"): "get",
    ("", "limitranges"): "list",
    ("", "resourcequotas"): "list",
    ("", "serviceaccounts"): "list",
    ("node.k8s.io", "runtimeclasses"): "list",
}
"""All that a preview asks for."""
_ALL: Final = tuple(resource for _, resource in _READING)


class Person(NamedTuple):
    """Somebody at a terminal: a home, and a PATH that has the plugin."""

    kubectl: Path
    home: Path

    def psd(
        self, *arguments: str, stdin: Any = None, kubeconfig: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run `kubectl psd preview -f -` with these arguments; `stdin` is an object, or a text."""
        return self.run("psd", "preview", "-f", "-", *arguments, stdin=stdin, kubeconfig=kubeconfig)

    def run(
        self, *arguments: str, stdin: Any = None, kubeconfig: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl to its end."""
        environment = {key: value for key, value in os.environ.items() if key not in ("KUBECONFIG", "PYTHONPATH")}
        environment |= {"HOME": str(self.home), "PATH": f"{Path(sys.executable).parent}:{environment['PATH']}"}
        if kubeconfig is not None:
            environment["KUBECONFIG"] = kubeconfig
        return subprocess.run(
            [str(self.kubectl), *arguments],
            input=stdin if isinstance(stdin, str) else json.dumps(stdin),
            capture_output=True,
            text=True,
            env=environment,
            cwd=self.home,
            timeout=_SECONDS,
            check=False,
        )

    def kubeconfig(self, plane: ControlPlane, user: str, *groups: str, server: str = "", name: str = "config") -> Path:
        """Have a kubeconfig, at the usual place: the user in the context `live`, and a context where nobody answers."""
        pair = plane.authority.issue(user, *groups)
        address = {"server": server or plane.address, "certificate-authority": str(plane.authority.cert)}
        nobody = {"server": f"https://127.0.0.1:{free_ports(1)[0]}", "insecure-skip-tls-verify": True}
        value = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "live",
            "clusters": [{"name": "live", "cluster": address}, {"name": "away", "cluster": nobody}],
            "users": [{"name": user, "user": {"client-certificate": str(pair.cert), "client-key": str(pair.key)}}],
            "contexts": [
                {"name": "live", "context": {"cluster": "live", "user": user, "namespace": _NAMESPACE}},
                {"name": "away", "context": {"cluster": "away", "user": user}},
            ],
        }
        path = self.home / ".kube" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(value), encoding="utf-8")
        return path


@pytest.fixture
def person(tmp_path: Path) -> Person:
    """Somebody without a kubeconfig."""
    return Person(binaries.find("kubectl") / "kubectl", tmp_path)


@pytest.fixture(scope="module")
def described(plane: ControlPlane) -> None:
    """A namespace in which everything that counts is unlike the usual."""
    labels = {PSA_PREFIX + "enforce": "baseline", PREFIX + "profile": "restricted"}
    plane.namespace(_NAMESPACE, labels, annotations={RUNTIME_CLASS_ANNOTATION: "psd-class"})
    path = f"/api/v1/namespaces/{_NAMESPACE}"
    limits = {"limits": [{"type": "Container", "defaultRequest": {"memory": "33Mi"}}]}
    plane.admin.must("POST", f"{path}/limitranges", {"metadata": {"name": "limits"}, "spec": limits})
    plane.account(_NAMESPACE, "default", automountServiceAccountToken=True)
    classes = "/apis/node.k8s.io/v1/runtimeclasses"
    plane.admin.must("POST", classes, {"metadata": {"name": "psd-class"}, "handler": "h"})
    plane.namespace("psd-quota", {PREFIX + "profile": "restricted"})
    quota = {"metadata": {"name": "scoped"}, "spec": {"hard": {"pods": "9"}, "scopes": ["NotBestEffort"]}}
    plane.admin.must("POST", "/api/v1/namespaces/psd-quota/resourcequotas", quota)


@contextmanager
def _may(plane: ControlPlane, user: str, *resources: str) -> Iterator[None]:
    """A user with the rights to read these resources, and no other."""
    rules = [
        {"apiGroups": [group], "resources": [resource], "verbs": [verb]}
        for (group, resource), verb in _READING.items()
        if resource in resources
    ]
    plane.admin.must("POST", f"{_RBAC}/clusterroles", {"metadata": {"name": user}, "rules": rules})
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": user}
    subjects = [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}]
    binding = {"metadata": {"name": user}, "roleRef": reference, "subjects": subjects}
    plane.admin.must("POST", f"{_RBAC}/clusterrolebindings", binding)
    try:
        for (group, resource), verb in _READING.items():
            if resource in resources:
                eventually(partial(_is_allowed, plane, user, verb, group, resource), "the right")
        yield
    finally:
        plane.admin.must("DELETE", f"{_RBAC}/clusterrolebindings/{user}")
        plane.admin.must("DELETE", f"{_RBAC}/clusterroles/{user}")


def _is_allowed(plane: ControlPlane, user: str, verb: str, group: str, resource: str) -> bool:
    attributes = {"verb": verb, "group": group, "resource": resource}
    spec = {"user": user, "resourceAttributes": attributes}
    answer = plane.admin.must("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", {"spec": spec})
    return bool(answer["status"]["allowed"])


def _results(done: subprocess.CompletedProcess[str]) -> list[Any]:
    assert done.returncode in (0, 1), done.stderr
    results: list[Any] = json.loads(done.stdout)["results"]
    return results


def _states(result: Any) -> dict[str, set[str]]:
    """The states and reasons of each default."""
    found: dict[str, set[str]] = {}
    for row in result["defaults"]:
        found.setdefault(row["id"], set()).add(f"{row['state']} {row['reason']}")
    return found


def _bare(namespace: str | None = None, **spec: Any) -> Any:
    metadata = {} if namespace is None else {"namespace": namespace}
    return pod(**spec) | {"metadata": {"name": "web", **metadata}}


# --- offline ----------------------------------------------------------------------------------------------------------


def test_without_a_kubeconfig_nobody_is_asked(person: Person) -> None:
    """With -n too: that is then only a name, and nothing is said of clusters."""
    for arguments in ((), ("-n", _NAMESPACE), ("--offline", "-n", _NAMESPACE)):
        done = person.psd("-o", "json", *arguments, stdin=_bare())
        assert (done.returncode, done.stderr) == (0, "")
        (result,) = _results(done)
        assert result["namespace"] == (_NAMESPACE if arguments else "default")
        assert result["profile"] == "restricted:latest"
        assert _states(result)["resources"] == {"applied unset"}


@pytest.mark.usefixtures("described")
def test_without_being_asked_to_it_asks_nobody(plane: ControlPlane, person: Person) -> None:
    """With a kubeconfig, but neither -n nor --context; and with --offline. The audit log has nothing."""
    person.kubeconfig(plane, "psd-quiet", _AUDITED, ADMINISTRATORS)
    for arguments in ((), ("--offline", "-n", _NAMESPACE)):
        done = person.psd("-o", "json", *arguments, stdin=_bare())
        assert (done.returncode, done.stderr) == (0, "")
    assert person.psd("-n", _NAMESPACE, stdin=_bare()).returncode == 0
    eventually(lambda: calls_of(plane, "psd-quiet"), "the one that asks is in the log")
    uris = [event["requestURI"] for event in calls_of(plane, "psd-quiet")]
    assert uris.count("/version") == 1


def test_offline_and_a_context_exclude_each_other(plane: ControlPlane, person: Person) -> None:
    """Nobody can mean both."""
    person.kubeconfig(plane, "psd-both")
    done = person.psd("--offline", "--context", "live", stdin=_bare())
    assert (done.returncode, done.stdout) == (2, "")
    assert "--offline" in done.stderr


def test_kubectl_finds_the_plugin(person: Person) -> None:
    """By its name; and what kubectl prints goes into it."""
    assert "kubectl-psd" in person.run("plugin", "list").stdout
    done = person.run("psd", "check", "-f", "-", stdin=privileged_pod())
    assert done.returncode == 1
    assert "privileged" in done.stdout


# --- asking -----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("described")
@pytest.mark.parametrize("arguments", [("-n", _NAMESPACE), ("--context", "live"), ("--context", "live", "-n", "psd")])
def test_the_namespace_counts(plane: ControlPlane, person: Person, arguments: Sequence[str]) -> None:
    """Labels, LimitRange, account and RuntimeClass; by --context it is the context's own namespace, as with kubectl."""
    person.kubeconfig(plane, "psd-admin", ADMINISTRATORS)
    done = person.psd("-o", "json", *arguments, stdin=_bare())
    assert (done.returncode, done.stderr) == (0, "")
    (result,) = _results(done)
    assert result["namespace"] == _NAMESPACE
    states = _states(result)
    assert states["resources"] == {"applied unset", "kept limit-range"}
    assert states["automountServiceAccountToken"] == {"skipped opted-in"}
    assert result["patched"]["spec"]["runtimeClassName"] == "psd-class"
    offline = _results(person.psd("-o", "json", "--offline", "-n", _NAMESPACE, stdin=_bare()))[0]
    assert _states(offline) != states


@pytest.mark.usefixtures("described")
def test_labels_decide_what_is_allowed(plane: ControlPlane, person: Person) -> None:
    """A pod on the host's network: offline no namespace forbids it, in this one baseline does. Status 1 says so."""
    person.kubeconfig(plane, "psd-admin", ADMINISTRATORS)
    for arguments, allowed in ((("--offline", "-n", _NAMESPACE), True), (("-n", _NAMESPACE), False)):
        done = person.psd("-o", "json", *arguments, stdin=_bare(hostNetwork=True))
        assert done.returncode == 1
        assert _results(done)[0]["allowed"] is allowed


@pytest.mark.usefixtures("described")
def test_each_object_has_its_own_namespace(plane: ControlPlane, person: Person) -> None:
    """Of many documents each is asked about where it says; a quota's scope counts there, and only there."""
    person.kubeconfig(plane, "psd-admin", ADMINISTRATORS)
    documents = [_bare(), _bare("psd-quota"), deployment(_bare(), metadata={"name": "d", "namespace": "psd-quota"})]
    text = "\n---\n".join(map(json.dumps, documents))
    results = _results(person.psd("-o", "json", "-n", _NAMESPACE, stdin=text))
    assert [result["namespace"] for result in results] == [_NAMESPACE, "psd-quota", "psd-quota"]
    scoped = [_states(result)["resources"] == {"skipped quota-scope"} for result in results]
    assert scoped == [False, True, True]


@pytest.mark.usefixtures("described")
def test_objects_beside_the_cluster(plane: ControlPlane, person: Person) -> None:
    """What --objects say of the same object counts more: so a change can be tried before it is made."""
    person.kubeconfig(plane, "psd-admin", ADMINISTRATORS)
    limits = {"limits": [{"type": "Container", "defaultRequest": {"memory": "44Mi", "cpu": "5m"}}]}
    value = {
        "apiVersion": "v1",
        "kind": "LimitRange",
        "metadata": {"name": "limits", "namespace": _NAMESPACE},
        "spec": limits,
    }
    (person.home / "limits.yaml").write_text(json.dumps(value), encoding="utf-8")
    done = person.psd("-o", "json", "-n", _NAMESPACE, "--objects", "limits.yaml", stdin=_bare())
    assert _states(_results(done)[0])["resources"] == {"kept limit-range"}


@pytest.mark.usefixtures("described")
@pytest.mark.parametrize("output", ["table", "json", "yaml", "diff"])
def test_every_output(plane: ControlPlane, person: Person, output: str) -> None:
    """Through kubectl it is what the command itself prints, in every form."""
    path = person.kubeconfig(plane, "psd-admin", ADMINISTRATORS)
    arguments = ["preview", "-f", "-", "-n", _NAMESPACE, "-o", output]
    done = person.run("psd", *arguments, stdin=_bare())
    command = [sys.executable, "-m", "webhook", *arguments, "--kubeconfig", str(path)]
    straight = subprocess.run(
        command, input=json.dumps(_bare()), capture_output=True, text=True, timeout=_SECONDS, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, straight.stdout, straight.stderr)
    assert "psd-class" in done.stdout


@pytest.mark.usefixtures("described")
def test_what_it_prints_can_be_applied(plane: ControlPlane, person: Person) -> None:
    """`kubectl get -o yaml | kubectl psd preview -o yaml | kubectl apply`, by a dry run of the server."""
    person.kubeconfig(plane, "psd-admin", ADMINISTRATORS)
    metadata = {"name": "psd-applied", "namespace": _NAMESPACE}
    labels = {"app": "psd"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container()]}}
    spec = {"selector": {"matchLabels": labels}, "template": template}
    plane.admin.must("POST", f"/apis/apps/v1/namespaces/{_NAMESPACE}/deployments", {"metadata": metadata, "spec": spec})
    got = person.run("get", "deployment", "psd-applied", "-o", "yaml").stdout
    done = person.psd("-n", _NAMESPACE, "-o", "yaml", stdin=got)
    assert done.returncode == 0, done.stderr
    applied = person.run(
        "apply", "--server-side", "--force-conflicts", "--dry-run=server", "-f", "-", stdin=done.stdout
    )
    assert applied.returncode == 0, applied.stderr
    assert "psd-applied serverside-applied (server dry run)" in applied.stdout


@pytest.mark.usefixtures("described")
def test_several_kubeconfigs(plane: ControlPlane, person: Person) -> None:
    """$KUBECONFIG names more than one file, as kubectl takes it; the first says which context is the current one."""
    own = person.kubeconfig(plane, "psd-admin", ADMINISTRATORS, name="own")
    first = person.home / "first"
    first.write_text(json.dumps({"apiVersion": "v1", "kind": "Config", "current-context": "live"}), encoding="utf-8")
    both = f"{first}:{person.home / 'absent'}:{own}"
    done = person.psd("-o", "json", "-n", _NAMESPACE, stdin=_bare(), kubeconfig=both)
    assert done.stderr == ""
    assert "kept limit-range" in _states(_results(done)[0])["resources"]


def test_a_namespace_that_is_none(plane: ControlPlane, person: Person) -> None:
    """One that does not exist, and one that cannot: each is told, and counts as unlabelled."""
    person.kubeconfig(plane, "psd-admin", ADMINISTRATORS)
    done = person.psd("-o", "json", "-n", "psd-no-such", stdin=_bare())
    assert done.stderr == 'warning: namespace "psd-no-such" does not exist: it counts as unlabelled\n'
    assert _results(done)[0]["profile"] == "restricted:latest"
    done = person.psd("-o", "json", "-n", "Not/A\x1bName", stdin=_bare())
    assert done.stderr == 'warning: "Not/A Name" cannot be a namespace: it counts as unlabelled\n'


# --- rights, and what is asked ----------------------------------------------------------------------------------------

_WARNINGS: Final = {
    "namespaces": f'warning: you may not get namespace "{_NAMESPACE}": it counts as unlabelled',
    **{
        resource: f'warning: you may not list {resource} in namespace "{_NAMESPACE}": '
        "what depends on them is unknown, and skipped"
        for resource in ("limitranges", "resourcequotas", "serviceaccounts")
    },
    "runtimeclasses": "warning: you may not list runtimeclasses: what depends on them is unknown, and skipped",
}
_UNKNOWN: Final = {
    "namespaces": set(),
    "limitranges": {"resources"},
    "resourcequotas": {"resources"},
    "serviceaccounts": {"automountServiceAccountToken"},
    "runtimeclasses": {"runtimeClassName"},
}
"""The defaults that cannot be decided without each."""


@pytest.mark.usefixtures("described")
@pytest.mark.parametrize("missing", _ALL)
def test_one_right_is_missing(plane: ControlPlane, person: Person, missing: str) -> None:
    """A warning that names it, and nothing else is affected: the rest counts, the status stays."""
    user = f"psd-without-{missing}"
    person.kubeconfig(plane, user)
    with _may(plane, user, *(resource for resource in _ALL if resource != missing)):
        done = person.psd("-o", "json", "-n", _NAMESPACE, stdin=_bare())
    assert done.stderr.splitlines() == [_WARNINGS[missing]]
    assert done.returncode == 0
    states = _states(_results(done)[0])
    assert {default for default, found in states.items() if "skipped unknown" in found} == _UNKNOWN[missing]


@pytest.mark.usefixtures("described")
def test_no_right_at_all(plane: ControlPlane, person: Person) -> None:
    """A warning for each; what needs nothing of the cluster is still there."""
    person.kubeconfig(plane, "psd-nobody")
    done = person.psd("-o", "json", "-n", _NAMESPACE, stdin=_bare())
    assert sorted(done.stderr.splitlines()) == sorted(_WARNINGS.values())
    assert done.returncode == 0
    states = _states(_results(done)[0])
    unknown = {default for default, found in states.items() if "skipped unknown" in found}
    assert unknown == {"resources", "automountServiceAccountToken"}  # no annotation is known that asks for a class
    assert states["runAsNonRoot"] == {"applied unset"}


@pytest.mark.usefixtures("described")
def test_a_role_in_the_namespace_is_enough_for_it(plane: ControlPlane, person: Person) -> None:
    """What Kubernetes itself grants to who may view a namespace: only RuntimeClasses, which have none, are missing."""
    person.kubeconfig(plane, "psd-viewer")
    path = f"{_RBAC}/namespaces/{_NAMESPACE}/rolebindings"
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "system:aggregate-to-view"}
    subjects = [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "psd-viewer"}]
    binding = {"metadata": {"name": "psd-viewer"}, "roleRef": reference, "subjects": subjects}
    plane.admin.must("POST", path, binding)

    def warnings() -> list[str]:
        return person.psd("-n", _NAMESPACE, stdin=_bare()).stderr.splitlines()

    eventually(lambda: warnings() == [_WARNINGS["runtimeclasses"]], "the role")


def test_the_version_may_be_a_secret(plane: ControlPlane, person: Person) -> None:
    """A cluster that tells strangers nothing: `latest` is then what the command knows, and that is told."""
    names = ("system:public-info-viewer", "system:discovery")
    path = f"{_RBAC}/clusterrolebindings"
    bindings = [plane.admin.must("GET", f"{path}/{name}") for name in names]
    person.kubeconfig(plane, "psd-stranger")
    try:
        for name in names:
            plane.admin.must("DELETE", f"{path}/{name}")
        told = "warning: you may not get /version: `latest` is the newest version that this command knows"
        with _may(plane, "psd-stranger", *_ALL):
            eventually(
                lambda: person.psd("-n", "kube-system", stdin=_bare()).stderr.splitlines() == [told], "the warning"
            )
    finally:
        for binding in bindings:
            metadata = {"name": binding["metadata"]["name"], "labels": binding["metadata"].get("labels") or {}}
            metadata |= {"annotations": binding["metadata"].get("annotations") or {}}
            plane.admin.must("POST", path, {**binding, "metadata": metadata})


@pytest.mark.usefixtures("described")
def test_it_only_reads(plane: ControlPlane, person: Person) -> None:
    """By the audit log: gets and lists of the five kinds, once each for each namespace, and no other request."""
    person.kubeconfig(plane, "psd-audited", _AUDITED, ADMINISTRATORS)
    text = "\n---\n".join(map(json.dumps, [_bare(), _bare(), _bare("psd-quota")]))
    assert person.psd("-n", _NAMESPACE, stdin=text).returncode == 0
    eventually(lambda: len(calls_of(plane, "psd-audited")) >= 10, "all of it is in the log")
    asked = sorted(
        (event["verb"], event["objectRef"]["resource"], event["objectRef"].get("namespace", ""))
        for event in calls_of(plane, "psd-audited")
        if "objectRef" in event
    )
    wanted = [("list", "runtimeclasses", "")]
    for namespace in (_NAMESPACE, "psd-quota"):
        wanted.append(("get", "namespaces", namespace))
        wanted += [("list", resource, namespace) for resource in ("limitranges", "resourcequotas", "serviceaccounts")]
    assert asked == sorted(wanted)
    others = [event["requestURI"] for event in calls_of(plane, "psd-audited") if "objectRef" not in event]
    assert others == ["/version"]


# --- nobody answers ---------------------------------------------------------------------------------------------------


def test_nobody_answers(plane: ControlPlane, person: Person) -> None:
    """Status 2, nothing on standard output, and one line that names the way without a cluster."""
    person.kubeconfig(plane, "psd-alone")
    start = time.monotonic()
    done = person.psd("--context", "away", stdin=_bare())
    assert time.monotonic() - start < _SECONDS / 2
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: GET /version: ")
    assert line.endswith("; --offline asks no cluster")


def test_somebody_else_answers(plane: ControlPlane, person: Person) -> None:
    """Who does not speak TLS at all: as if nobody did."""
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as pool:
        listener.settimeout(_SECONDS)
        person.kubeconfig(plane, "psd-alone", server=f"https://127.0.0.1:{listener.getsockname()[1]}")
        asked = pool.submit(person.psd, "--context", "live", stdin=_bare())
        connection, _ = listener.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        done = asked.result()
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.rstrip().endswith("; --offline asks no cluster")


def test_somebody_who_is_not_trusted(plane: ControlPlane, person: Person) -> None:
    """The API server, but the kubeconfig names another authority: nothing is sent to it."""
    path = person.kubeconfig(plane, "psd-untrusting", _AUDITED)
    value = json.loads(path.read_text())
    other = person.home / "other"
    other.mkdir()
    value["clusters"][0]["cluster"]["certificate-authority"] = str(Authority(other).cert)
    path.write_text(json.dumps(value), encoding="utf-8")
    done = person.psd("--context", "live", stdin=_bare())
    assert (done.returncode, done.stdout) == (2, "")
    assert "certificate" in done.stderr
    assert "--offline" in done.stderr


@pytest.mark.parametrize("context", ["no-such-context", "live"])
def test_credentials_that_do_not_count(plane: ControlPlane, person: Person, context: str) -> None:
    """A context that is not there, and a token that the API server does not accept: status 2, and why."""
    path = person.kubeconfig(plane, "psd-alone")
    value = json.loads(path.read_text())
    value["users"][0]["user"] = {"token": "wrong"}
    path.write_text(json.dumps(value), encoding="utf-8")
    done = person.psd("--context", context, stdin=_bare())
    assert (done.returncode, done.stdout) == (2, "")
    assert ("401" if context == "live" else "no-such-context") in done.stderr
    assert "--offline" in done.stderr
    assert "Traceback" not in done.stderr
