"""The component `preview` at work: its own arguments, as its own account, asked by callers with tokens of all kinds."""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import pytest

from patches.model.pod import TEMPLATES
from patches.policy.policy import PREFIX, PSA_PREFIX
from tests.cluster.client import MERGE_PATCH, pods
from tests.cluster.control_plane import ControlPlane
from tests.cluster.installed import NAME, Install, account_kubeconfig, applied, eventually, running_replica
from tests.cluster.kubectl import Kubectl
from tests.cluster.previewing import Previews, Reply, may_create_pods, new_token, signed_again
from tests.cluster.processes import free_ports
from tests.cluster.proxy import Proxy, proxied
from tests.cluster.rights import calls_of, granted_to, used_by
from tests.cluster.telling import LINES
from tests.cluster.webhooks import defaulter
from tests.cluster.webhooks import namespace as labelled
from tests.manifests.building import write_overlay
from tests.preview.cases import Case, load_cases, texts
from tests.review.builders import container, deployment, pod, review

pytestmark = pytest.mark.cluster

_OWN: Final = f"{NAME}-preview"
_SECOND: Final = 10.0
_PATIENCE: Final = 20.0
"""Seconds within which an API server that says nothing has to be given up; a reply is promised in five."""
_LIVENESS: Final = 5.0
"""Seconds after which a kubelet gives a probe up."""
_HOUR: Final = 3600
_MARKS: Final = ("77Mi", "baseline", "marker")
"""What the namespace of others holds, and no refusal may tell."""
_NUMBERS: Final = count()


class Author(NamedTuple):
    """An account of the namespace `people`, and a token of it."""

    account: str
    token: str


class Scene(NamedTuple):
    """The preview that runs, who asks it, and what stands between it and the API server."""

    plane: ControlPlane
    install: Install
    previews: Previews
    proxy: Proxy
    tokens: list[str]
    earlier: frozenset[str]

    def author(self, *namespaces: str) -> Author:
        """A new account, which may create pods in these namespaces."""
        account = f"author-{next(_NUMBERS)}"
        self.plane.account("people", account)
        for namespace in namespaces:
            may_create_pods(self.plane, namespace, account, "people")
        author = Author(account, self.issued("people", account))
        for namespace in namespaces:  # the API server's authorizer follows its own watch
            eventually(partial(self._is_answered, namespace, author.token), "the right")
        return author

    def _is_answered(self, namespace: str, token: str) -> bool:
        return self.ask(_bare(namespace), token).status == 200

    def issued(self, namespace: str, account: str, **spec: Any) -> str:
        """A token that must never be seen in the log."""
        return self.noted(new_token(self.plane, namespace, account, **spec))

    def noted(self, token: str) -> str:
        """The token, which must never be seen in the log."""
        self.tokens.append(token)
        return token

    def ask(self, body: Any, token: str | None = None, *, headers: dict[str, str] | None = None, **query: str) -> Reply:
        """Preview manifests."""
        return self.previews.ask(body, token, headers=headers or {}, **query)


@pytest.fixture(scope="module")
def scene(plane: ControlPlane, kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """One replica of the component, and namespaces: `shop`, `people` with its accounts, and that of others."""
    directory = tmp_path_factory.mktemp("preview")
    overlay = write_overlay(directory / "overlay", "preview")
    (port,) = free_ports(1)
    target = urlsplit(plane.address).port
    assert target is not None
    earlier = frozenset(event["auditID"] for event in plane.audit.events())
    with applied(plane, kubectl, overlay), proxied(target) as proxy:
        certs = directory / "certs"
        server = f"https://127.0.0.1:{proxy.port}"
        kubeconfig = account_kubeconfig(plane, NAME, _OWN, directory / "kubeconfig", server)
        extra = [f"--kubeconfig={kubeconfig}", f"--preview-port={port}", f"--self-signed={certs}"]
        with running_replica(plane, directory, NAME, extra, deployment=_OWN) as install:
            plane.namespace("shop")
            plane.namespace("people")
            plane.namespace("others", {PREFIX + "profile": "baseline", "marker": "marker"})
            _limit_range(plane, "others", {"type": "Container", "max": {"memory": "77Mi"}}, name="marker")
            yield Scene(plane, install, Previews(port, certs / "ca.crt"), proxy, [], earlier)


def _limit_range(plane: ControlPlane, namespace: str, *items: Any, name: str = "limits") -> None:
    value = {"metadata": {"name": name}, "spec": {"limits": list(items)}}
    plane.admin.must("POST", f"/api/v1/namespaces/{namespace}/limitranges", value)


def _result(reply: Reply) -> Any:
    (result,) = reply.report["results"]
    return result


def _reasons(reply: Reply, default: str) -> set[tuple[str, str]]:
    return {(row["state"], row["reason"]) for row in _result(reply)["defaults"] if row["id"] == default}


def _bare(namespace: str, **spec: Any) -> Any:
    return pod(metadata={"namespace": namespace}, **spec)


# --- who may ask ------------------------------------------------------------------------------------------------------


def test_with_the_right_it_answers(scene: Scene) -> None:
    """In every form, for a pod and for a template; the answer is not kept by anybody on the way."""
    token = scene.author("shop").token
    reply = scene.ask(_bare("shop"), token)
    assert _result(reply)["violations"]["after"] == []
    assert reply.headers["Cache-Control"] == "no-store"
    template = deployment(_bare("shop"), metadata={"name": "web", "namespace": "shop"})
    assert "runAsNonRoot: true" in scene.ask(template, token, headers={"Accept": "application/yaml"}).text
    assert "+        runAsNonRoot: true" in scene.ask(template, token, headers={"Accept": "text/x-diff"}).text


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic YTpi", "Bearer wrong", "Bearer \xff\xfe"])
def test_without_a_token_that_counts(scene: Scene, header: str | None) -> None:
    """None, none to speak of, another scheme, a wrong one: 401, with the scheme that is asked for."""
    reply = scene.ask(_bare("others"), headers={} if header is None else {"Authorization": header})
    assert (reply.status, reply.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert "token" in reply.message
    _tells_nothing(reply)


def _tells_nothing(reply: Reply) -> None:
    assert not [mark for mark in _MARKS if mark in reply.text]
    assert reply.headers["Cache-Control"] == "no-store"


def test_an_expired_token(scene: Scene) -> None:
    """401. The same token, signed by the same key, is taken as long as it has not expired."""
    token = scene.author("shop").token
    now = int(time.time())
    good = scene.noted(signed_again(scene.plane, token, exp=now + _HOUR))
    assert scene.ask(_bare("shop"), good).status == 200
    old = scene.noted(signed_again(scene.plane, token, iat=now - 2 * _HOUR, nbf=now - 2 * _HOUR, exp=now - _HOUR))
    reply = scene.ask(_bare("shop"), old)
    assert reply.status == 401
    assert "expired" in reply.message
    _tells_nothing(reply)


def test_a_token_that_was_signed_by_another(scene: Scene) -> None:
    """401: of a token that was good, with a signature for other claims."""
    good = scene.author("shop").token
    other = scene.noted(signed_again(scene.plane, good, exp=int(time.time()) + _HOUR))
    mixed = ".".join([*other.split(".")[:2], good.split(".")[2]])
    assert scene.ask(_bare("shop"), scene.noted(mixed)).status == 401


def test_a_token_for_somebody_else(scene: Scene) -> None:
    """401: a token for another audience than the API server is not one to be shown here."""
    author = scene.author("shop")
    token = scene.issued("people", author.account, audiences=["https://elsewhere.example"])
    assert scene.ask(_bare("shop"), token).status == 401


def test_a_token_that_was_taken_back(scene: Scene) -> None:
    """401 once the object that it is bound to is gone, within the seconds that the API server remembers it."""
    author = scene.author("shop")
    path = "/api/v1/namespaces/people/secrets"
    scene.plane.admin.must("POST", path, {"metadata": {"name": "bound"}})
    bound = {"apiVersion": "v1", "kind": "Secret", "name": "bound"}
    token = scene.issued("people", author.account, boundObjectRef=bound)
    assert scene.ask(_bare("shop"), token).status == 200
    scene.plane.admin.must("DELETE", f"{path}/bound")
    eventually(lambda: scene.ask(_bare("shop"), token).status == 401, "it counts no longer")


def test_without_the_right(scene: Scene) -> None:
    """403, naming the namespace, and nothing that is in it; the same for one that does not exist."""
    token = scene.author().token
    for namespace in ("others", "no-such-namespace"):
        reply = scene.ask(_bare(namespace), token)
        assert reply.status == 403
        assert reply.message == f'a preview for namespace "{namespace}" is for those who may create pods there'
        _tells_nothing(reply)


def test_another_right_is_not_enough(scene: Scene) -> None:
    """Reading pods, and creating Deployments, are not creating pods."""
    scene.plane.account("people", "reader")
    rules = [
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch", "update"]},
        {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["*"]},
    ]
    path = "/apis/rbac.authorization.k8s.io/v1/namespaces/others"
    scene.plane.admin.must("POST", f"{path}/roles", {"metadata": {"name": "reader"}, "rules": rules})
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"}
    subjects = [{"kind": "ServiceAccount", "name": "reader", "namespace": "people"}]
    binding = {"metadata": {"name": "reader"}, "roleRef": reference, "subjects": subjects}
    scene.plane.admin.must("POST", f"{path}/rolebindings", binding)
    reply = scene.ask(_bare("others"), scene.issued("people", "reader"))
    assert reply.status == 403
    _tells_nothing(reply)


_BOTH: Final[dict[str, Any]] = {
    "a second document": [_bare("shop"), _bare("others")],
    "of a List": [{"apiVersion": "v1", "kind": "List", "items": [_bare("shop"), _bare("others")]}],
    "a LimitRange": [
        {
            "apiVersion": "v1",
            "kind": "LimitRange",
            "metadata": {"name": "l", "namespace": "others"},
            "spec": {"limits": []},
        },
        _bare("shop"),
    ],
    "a review": [review(_bare("shop"), namespace="others"), _bare("shop")],
    "a review that is not looked at": [
        review(_bare("shop"), namespace="others", operation="DELETE", object=None),
        _bare("shop"),
    ],
    "without a pod": [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "others"}},
        _bare("shop"),
    ],
}


@pytest.mark.parametrize("documents", _BOTH.values(), ids=_BOTH)
def test_one_namespace_of_two(scene: Scene, documents: list[Any]) -> None:
    """A right in one namespace tells nothing of another, wherever that is named."""
    reply = scene.ask("\n---\n".join(map(json.dumps, documents)), scene.author("shop").token, namespace="shop")
    assert reply.status == 403
    assert '"others"' in reply.message
    _tells_nothing(reply)


def test_objects_that_speak_of_another_namespace(scene: Scene) -> None:
    """A Namespace in the input is what the caller made up: nothing of the real one is mixed into it."""
    made_up = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "others"}}
    body = "\n---\n".join(map(json.dumps, [made_up, _bare("shop")]))
    reply = scene.ask(body, scene.author("shop").token, namespace="shop")
    assert reply.status == 200
    assert "77Mi" not in reply.text
    assert [row["profile"] for row in reply.report["results"]] == ["", "restricted:latest"]


def test_a_parameter_is_asked_about_too(scene: Scene) -> None:
    """`namespace=` of objects that name none; with one that they name it does not matter."""
    token = scene.author("shop").token
    body = pod(metadata={"namespace": None})
    assert scene.ask(body, token, namespace="shop").status == 200
    reply = scene.ask(body, token, namespace="others")
    assert reply.status == 403
    _tells_nothing(reply)
    assert scene.ask("", token, namespace="others").status == 403
    assert "77Mi" not in scene.ask(_bare("shop"), token, namespace="others").text


def test_a_right_that_is_withdrawn_is_gone(scene: Scene) -> None:
    """With the next request that the API server's own authorizer refuses: nothing is remembered here."""
    scene.plane.account("people", "leaving")
    binding = may_create_pods(scene.plane, "shop", "leaving", "people")
    token = scene.issued("people", "leaving")
    eventually(lambda: scene.ask(_bare("shop"), token).status == 200, "the right")
    scene.plane.admin.must("DELETE", binding)
    eventually(lambda: scene.ask(_bare("shop"), token).status == 403, "the right is gone", 10)


def test_too_many_namespaces(scene: Scene) -> None:
    """Each costs a question to the API server: more than 32 are refused before any is asked."""
    token = scene.author("shop").token
    body = "\n---\n".join(json.dumps(_bare(f"n{number}")) for number in range(33))
    reply = scene.ask(body, token)
    assert reply.status == 400
    assert "32" in reply.message
    reply = scene.ask("\n---\n".join(json.dumps(_bare(f"n{number}")) for number in range(32)), token)
    assert reply.status == 403


def test_the_page_is_there_without_a_token(scene: Scene) -> None:
    """It is what asks for one; and the description says that previews need it."""
    page = scene.previews.get("/")
    assert page.status == 200
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    described = json.loads(scene.previews.get("/openapi.json").text)
    assert {"401", "403", "503"} <= described["paths"]["/preview"]["post"]["responses"].keys()
    assert scene.previews.get("/mutate").status == 404


# --- what it knows ----------------------------------------------------------------------------------------------------


_ALIKE: Final[dict[str, dict[str, Any]]] = {
    "bare": {},
    "two containers": {"containers": [container("a"), container("b", resources={"limits": {"memory": "40Mi"}})]},
    "another account": {"serviceAccountName": "builder"},
    "as root": {"containers": [container(securityContext={"runAsUser": 0})]},
    "low port": {"containers": [container(ports=[{"containerPort": 80}])]},
}


def test_it_shows_what_admission_does(scene: Scene, tmp_path: Path) -> None:
    """The patched manifest, created past our webhook, is the pod that the API server makes of the manifest with it.

    In a namespace with labels, a LimitRange and accounts.
    """
    name, plane = "alike", scene.plane
    limits = {"limits": [{"type": "Container", "defaultRequest": {"memory": "33Mi"}, "max": {"cpu": "90m"}}]}
    objects = [
        labelled(name, {PREFIX + "profile": "restricted"}),
        {"kind": "LimitRange", "metadata": {"name": "limits", "namespace": name}, "spec": limits},
        {
            "kind": "ServiceAccount",
            "metadata": {"name": "builder", "namespace": name},
            "automountServiceAccountToken": False,
        },
    ]
    objects = [{"apiVersion": "v1", **value} for value in objects]
    with defaulter(plane, tmp_path, name, objects=objects):
        token = scene.author(name).token
        for what, spec in _ALIKE.items():
            sent = _bare(name, **spec)
            admitted = plane.admin.create(pods(name), sent, dry_run=True)
            assert admitted.ok, admitted.message
            patched = _result(scene.ask(sent, token))["patched"]
            assert patched != sent
            received = plane.bypassing.create(pods(name), patched, dry_run=True)
            assert received.ok, received.message
            assert _without_names(admitted.body["spec"]) == _without_names(received.body["spec"]), what


_COLLECTIONS: Final = {
    "Pod": "/api/v1/namespaces/{}/pods",
    "PodTemplate": "/api/v1/namespaces/{}/podtemplates",
    "DaemonSet": "/apis/apps/v1/namespaces/{}/daemonsets",
    "Deployment": "/apis/apps/v1/namespaces/{}/deployments",
    "StatefulSet": "/apis/apps/v1/namespaces/{}/statefulsets",
    "CronJob": "/apis/batch/v1/namespaces/{}/cronjobs",
}


@pytest.mark.parametrize("case", load_cases(), ids=lambda case: case.name)
def test_it_judges_what_the_api_server_judges(scene: Scene, case: Case) -> None:
    """Pods are refused for exactly the violations listed, as sent and with the patch; templates get the warning said.

    The pods of a template are made of it here, as its controller makes them.
    """
    plane, name = scene.plane, "judged-" + case.name.replace("/", "-")
    plane.namespace(name, case.labels)
    document = _in(case.document, name)
    result = _result(scene.ask(document, scene.author(name).token))
    violations = result["violations"]
    assert (texts(violations["before"]), texts(violations["after"])) == (case.before, case.after)
    for value, expected in ((document, case.before), (result["patched"], case.after)):
        answer = plane.bypassing.create(pods(name), _pod_of(value, name), dry_run=True)
        said = answer.message.partition(" is forbidden: violates PodSecurity ")[2].partition(": ")[2]
        assert (answer.ok, said) == (not expected, ", ".join(expected)), answer.message
    assert result["allowed"] is (not case.after)
    if document["kind"] != "Pod":
        stored = plane.bypassing.create(_COLLECTIONS[document["kind"]].format(name), document, dry_run=True)
        assert stored.ok, stored.message
        warned = [text for text in stored.warnings if text.startswith("would violate PodSecurity")]
        assert warned != []
        assert [text for text in warned if text not in result["warnings"]] == []


def _in(document: Any, namespace: str) -> Any:
    return {**document, "metadata": {**document["metadata"], "namespace": namespace}}


def _pod_of(document: Any, namespace: str) -> Any:
    """The pod, or a pod of the template."""
    if document["kind"] == "Pod":
        return document
    node = document
    for token in TEMPLATES[document["apiVersion"].rpartition("/")[0], document["kind"]]:
        node = node[token]
    metadata = {**node["metadata"], "name": "of-template", "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": node["spec"]}


def _without_names(spec: Any) -> Any:
    """The API server gives each token volume a name of its own."""
    return json.loads(re.sub(r"kube-api-access-[a-z0-9]{5}", "kube-api-access", json.dumps(spec)))


def test_the_next_preview_sees_a_change(scene: Scene) -> None:
    """Each within a second: LimitRange, ServiceAccount, quota, label, and a namespace that is new."""
    plane, name = scene.plane, "counting"
    plane.namespace(name, {PSA_PREFIX + "enforce": "baseline", PREFIX + "profile": "restricted"})
    token = scene.author(name).token
    took: dict[str, float] = {}

    def reasons(default: str) -> set[tuple[str, str]]:
        return _reasons(scene.ask(_bare(name), token), default)

    assert reasons("resources") == {("applied", "unset")}
    assert reasons("automountServiceAccountToken") == {("applied", "unset")}
    _limit_range(plane, name, {"type": "Container", "defaultRequest": {"memory": "33Mi"}})
    limited = {("applied", "unset"), ("kept", "limit-range")}
    took["LimitRange"] = eventually(lambda: reasons("resources") == limited, "the LimitRange", _SECOND)

    plane.account(name, "default", automountServiceAccountToken=True)
    opted_in = {("skipped", "opted-in")}
    took["ServiceAccount"] = eventually(
        lambda: reasons("automountServiceAccountToken") == opted_in, "the account", _SECOND
    )

    quota = {"metadata": {"name": "scoped"}, "spec": {"hard": {"pods": "9"}, "scopes": ["NotBestEffort"]}}
    plane.admin.must("POST", f"/api/v1/namespaces/{name}/resourcequotas", quota)
    skipped = {("skipped", "quota-scope")}
    took["ResourceQuota"] = eventually(lambda: reasons("resources") == skipped, "the quota", _SECOND)

    labels = {"metadata": {"labels": {PREFIX + "profile": "privileged"}}}
    plane.admin.must("PATCH", f"/api/v1/namespaces/{name}", labels, MERGE_PATCH)
    took["label"] = eventually(
        lambda: _result(scene.ask(_bare(name), token))["profile"] == "privileged:latest", "the label", _SECOND
    )
    LINES.append("seconds until a preview saw it: " + ", ".join(f"{key} {value:.2f}" for key, value in took.items()))


def test_the_profile_overrides(scene: Scene) -> None:
    """That of the namespace, for this preview; its LimitRanges go on counting, and `latest` is the API server's."""
    plane, name = scene.plane, "overridden"
    plane.namespace(name, {PREFIX + "profile": "baseline"})
    _limit_range(plane, name, {"type": "Container", "defaultRequest": {"memory": "33Mi"}})
    token = scene.author(name).token
    kept = ("kept", "limit-range")
    eventually(lambda: kept in _reasons(scene.ask(_bare(name), token), "resources"), "the LimitRange")
    plain = _result(scene.ask(_bare(name), token))
    assert plain["profile"] == "baseline:latest"
    assert plain["violations"]["before"] == []
    reply = scene.ask(_bare(name), token, profile="restricted:v1.24")
    assert _result(reply)["profile"] == "restricted:v1.24"
    assert _result(reply)["violations"]["before"] != []
    assert _result(reply)["violations"]["after"] == []
    assert kept in _reasons(reply, "resources")


def test_runtime_classes_count(scene: Scene) -> None:
    """One that the namespace names is added where it exists, and only there."""
    plane, name = scene.plane, "classy"
    plane.namespace(name, annotations={f"{PREFIX}runtime-class": "preview-class"})
    token = scene.author(name).token

    def reasons() -> set[tuple[str, str]]:
        return _reasons(scene.ask(_bare(name), token), "runtimeClassName")

    assert reasons() == {("skipped", "runtime-class-absent")}
    value = {"metadata": {"name": "preview-class"}, "handler": "h"}
    plane.admin.must("POST", "/apis/node.k8s.io/v1/runtimeclasses", value)
    try:
        eventually(lambda: reasons() == {("applied", "unset")}, "the RuntimeClass", _SECOND)
    finally:
        plane.admin.must("DELETE", "/apis/node.k8s.io/v1/runtimeclasses/preview-class")


# --- what may happen to it --------------------------------------------------------------------------------------------


def test_the_api_server_is_away(scene: Scene) -> None:
    """503 and why, at once, and a line in the log; page and health port go on; afterwards the next is answered."""
    token = scene.author("shop").token
    scene.proxy.cut(closed=True)
    try:
        start = time.monotonic()
        reply = scene.ask(_bare("shop"), token)
        seconds = time.monotonic() - start
        assert reply.status == 503
        assert reply.message == "the API server cannot be asked who is calling: try again"
        assert seconds < _PATIENCE
        assert scene.previews.get("/").status == 200
        assert scene.install.get("/healthz")[0] == 200
        assert scene.install.get("/readyz")[0] == 200
        said = "cannot look up a caller of the preview: POST /apis/"
        eventually(lambda: any(line["message"].startswith(said) for line in scene.install.log), "it is logged")
    finally:
        scene.proxy.heal()
    took = eventually(lambda: scene.ask(_bare("shop"), token).status == 200, "it answers again")
    LINES.append(f"API server away: 503 after {seconds:.2f} s, 200 again after {took:.2f} s")


def test_the_api_server_says_nothing(scene: Scene) -> None:
    """It takes the connection and is silent: given up within seconds, and the callers who wait hold up no other."""
    token = scene.author("shop").token
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        real, scene.proxy.target = scene.proxy.target, silent.getsockname()[1]
        scene.proxy.cut()
        try:
            start = time.monotonic()
            with ThreadPoolExecutor(8) as pool:
                replies = [pool.submit(scene.ask, _bare("shop"), token) for _ in range(8)]
                time.sleep(1)
                assert scene.previews.get("/").status == 200
                assert scene.install.get("/healthz")[0] == 200
                assert {reply.result().status for reply in replies} == {503}
            assert time.monotonic() - start < _PATIENCE
        finally:
            scene.proxy.target = real
            scene.proxy.cut()
    eventually(lambda: scene.ask(_bare("shop"), token).status == 200, "it answers again")


def _laughs() -> str:
    rows = ["a0: &a0 [ha, ha, ha, ha, ha, ha, ha, ha, ha]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    return "apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: shop}\n" + "\n".join(rows)


def _containers(number: int) -> str:
    return json.dumps(_bare("shop", containers=[container(f"c{index}") for index in range(number)]))


_TEXT: Final = '<script>alert("1")</script>\x00\u202e${jndi:x}'
_HOSTILE: Final[dict[str, tuple[Any, set[int]]]] = {
    "10 MiB": (b"#" * (10 << 20), {413}),
    "billion laughs": (_laughs(), {200, 413}),
    "deep flow": ("[" * 200_000, {200, 413}),
    "deep blocks": ("\n".join(" " * number + "a:" for number in range(1500)), {200, 413}),
    "deep JSON": ('{"a":' * 100_000 + "1" + "}" * 100_000, {200, 413}),
    "containers": (_containers(5_000), {413}),
    "all documents that may be": ("\n---\n".join(map(json.dumps, [_bare("shop")] * 2_000)), {200}),
    "all containers that may be": (_containers(1_000), {200}),
    "documents": ("---\na: b\n" * 100_000, {413}),
    "one long scalar": ("a: " + "x" * (3 << 20), {200, 413}),
    "numbers": ("a: " + "9" * 100_000, {200, 413}),
    "not text": (bytes(range(256)) * 1000, {200}),
    "names": (json.dumps(_bare("shop", containers=[container(_TEXT, image=_TEXT)])), {200}),
    "a namespace that is none": (json.dumps(_bare(_TEXT)), {403}),
    "half a character": ('{"kind":"Pod","apiVersion":"v1","metadata":{"namespace":"\\ud800"},"spec":{}}', {200, 403}),
}


@pytest.mark.parametrize("case", _HOSTILE)
def test_hostile_bodies(scene: Scene, case: str) -> None:
    """Each is answered within seconds, without a server error, and probes meanwhile."""
    body, statuses = _HOSTILE[case]
    token = scene.author("shop").token
    with ThreadPoolExecutor(1) as pool:
        start = time.monotonic()
        asked = pool.submit(scene.ask, body, token, namespace="shop")
        slowest = 0.0
        while not asked.done():
            probed = time.monotonic()
            assert scene.install.get("/healthz")[0] == 200
            slowest = max(slowest, time.monotonic() - probed)
            time.sleep(0.02)
        reply = asked.result()
    seconds = time.monotonic() - start
    assert reply.status in statuses, f"{reply.status} {reply.text[:500]}"
    assert seconds < _PATIENCE
    assert slowest < _LIVENESS
    assert scene.install.process.poll() is None
    LINES.append(f"hostile {case}: {reply.status} in {seconds:.2f} s, slowest probe {slowest:.2f} s")


# --- least privilege, and what is kept --------------------------------------------------------------------------------


def test_every_call_is_allowed_and_every_right_used(scene: Scene) -> None:
    """By the audit log of all that it asked for: no 403, and what is granted is what was used, verb by verb."""
    plane, user = scene.plane, f"system:serviceaccount:{NAME}:{_OWN}"
    granted = granted_to(plane, NAME, _OWN)
    with _everywhere(plane, "everywhere"):
        token = scene.issued("people", "everywhere")
        absent = _bare("no-such-namespace")  # so that it is asked for, once the watch has not told of it
        eventually(lambda: scene.ask(absent, token).status == 200, "the right")
        with suppress(AssertionError):  # the comparison below says which is missing
            eventually(lambda: granted <= used_by(calls_of(plane, user, scene.earlier), granted), "every right", 20)
    calls = calls_of(plane, user, scene.earlier)
    refused = [event["requestURI"] for event in calls if event["responseStatus"]["code"] in (401, 403)]
    assert refused == []
    assert used_by(calls, granted) == granted
    LINES.append(f"RBAC of preview: {len(granted)} rights, each used in {len(calls)} calls, none refused")


@contextmanager
def _everywhere(plane: ControlPlane, account: str) -> Iterator[None]:
    """An account of `people` that may create pods in every namespace."""
    plane.account("people", account)
    path = "/apis/rbac.authorization.k8s.io/v1"
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["create"]}]
    plane.admin.must("POST", f"{path}/clusterroles", {"metadata": {"name": account}, "rules": rules})
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": account}
    subjects = [{"kind": "ServiceAccount", "name": account, "namespace": "people"}]
    binding = {"metadata": {"name": account}, "roleRef": reference, "subjects": subjects}
    plane.admin.must("POST", f"{path}/clusterrolebindings", binding)
    try:
        yield
    finally:
        plane.admin.must("DELETE", f"{path}/clusterrolebindings/{account}")
        plane.admin.must("DELETE", f"{path}/clusterroles/{account}")


@pytest.mark.parametrize("case", ["a space before the colon", "a long header", "a line that is none", "in the address"])
def test_a_broken_request_is_not_told(scene: Scene, case: str) -> None:
    """Requests that no HTTP library sends, with a token in them: refused, and the log has nothing of it."""
    token = scene.author("shop").token
    lines = {
        "a space before the colon": f"POST /preview HTTP/1.1\r\nHost: localhost\r\nAuthorization : Bearer {token}",
        "a long header": f"POST /preview HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}{'x' * 70_000}",
        "a line that is none": f"POST /preview HTTP/1.1\r\nHost: localhost\r\nBearer {token}\x00",
        "in the address": f"GET /preview?token={token} HTTP/1.1\r\nHost: localhost",
    }
    status = scene.previews.raw(f"{lines[case]}\r\n\r\n".encode())
    assert 400 <= status < 500
    _no_token_was_logged(scene)


def test_no_token_is_in_the_log(scene: Scene) -> None:
    """Not even its beginning, after all that this module has asked; nor is a manifest."""
    secret = "hunter2-hunter2"  # noqa: S105 (what must not be logged)
    token = scene.author("shop").token
    body = _bare("shop", containers=[container(env=[{"name": "PASSWORD", "value": secret}], args=[secret])])
    assert secret in scene.ask(body, token).text
    assert secret not in (scene.install.directory / "serve.log").read_text()
    _no_token_was_logged(scene)


def _no_token_was_logged(scene: Scene) -> None:
    log = (scene.install.directory / "serve.log").read_text() + scene.install.get("/metrics")[1]
    assert scene.tokens
    for token in scene.tokens:
        header, payload, signature = token.split(".")
        assert not [part for part in (header, payload, signature) if part[:40] in log]


def test_its_pods_are_admitted(scene: Scene) -> None:
    """In our own namespace, which enforces restricted; without a warning."""
    template = scene.plane.admin.must("GET", f"/apis/apps/v1/namespaces/{NAME}/deployments/{_OWN}")["spec"]["template"]
    value = {"metadata": {"name": "p", "labels": template["metadata"]["labels"]}, "spec": template["spec"]}
    answer = scene.plane.admin.create(pods(NAME), value, dry_run=True)
    assert answer.ok, answer.message
    assert answer.warnings == ()
