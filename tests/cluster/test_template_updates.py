"""The life of each kind with a template, with templates patched: we refuse nothing and roll nothing out.

Each is created, gets a label, is resumed, has its template changed and is deleted in the foreground: once by way of our
webhook, and once as one that was there before it, whose template nobody has patched. The API server itself says in its
audit log whether a webhook changed a request.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

import pytest

from patches.model.pod import IMMUTABLE_TEMPLATES, TEMPLATES
from patches.policy.policy import PSA_PREFIX
from tests.cluster.client import MERGE_PATCH, Answer, Client
from tests.cluster.control_plane import ControlPlane
from tests.cluster.kubectl import Kubectl
from tests.cluster.telling import tell
from tests.cluster.webhooks import defaulter, namespace

pytestmark = pytest.mark.cluster

_NAME: Final = "template-updates"
_WAIT_SECONDS: Final = 60
_ROUND: Final = "mutation.webhook.admission.k8s.io/round_"
_CONTROLLERS: Final = "system:kube-controller-manager"
_LABELS: Final = {"app": "web"}
_HARDENED: Final = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}


class Kind(NamedTuple):
    """One kind: where it is served, what a stopped one says in its spec, and the patch of the spec that resumes it."""

    group: str
    resource: str
    stopped: dict[str, Any]
    resumed: dict[str, Any]


_SELECTOR: Final = {"selector": {"matchLabels": _LABELS}}
KINDS: Final = {
    "PodTemplate": Kind("", "podtemplates", {}, {}),
    "ReplicationController": Kind("", "replicationcontrollers", {"replicas": 0, "selector": _LABELS}, {"replicas": 1}),
    "DaemonSet": Kind("apps", "daemonsets", {**_SELECTOR, "minReadySeconds": 5}, {"minReadySeconds": None}),
    "Deployment": Kind("apps", "deployments", {**_SELECTOR, "paused": True}, {"paused": None}),
    "ReplicaSet": Kind("apps", "replicasets", {**_SELECTOR, "replicas": 0}, {"replicas": 1}),
    "StatefulSet": Kind("apps", "statefulsets", {**_SELECTOR, "replicas": 0, "serviceName": "web"}, {"replicas": 1}),
    "CronJob": Kind("batch", "cronjobs", {"schedule": "0 0 1 1 *", "suspend": True}, {"suspend": False}),
    "Job": Kind("batch", "jobs", {"suspend": True}, {"suspend": False}),
}


class Controller(NamedTuple):
    """One object of a kind, and the two ways to it."""

    plane: ControlPlane
    kind: str
    name: str

    @property
    def collection(self) -> str:
        """The path of its kind in the namespace of these tests."""
        group = KINDS[self.kind].group
        return f"/{f'apis/{group}' if group else 'api'}/v1/namespaces/{_NAME}/{KINDS[self.kind].resource}"

    @property
    def path(self) -> str:
        """Its path."""
        return f"{self.collection}/{self.name}"

    def create(self, client: Client) -> Answer:
        """Create it, stopped."""
        group, _, stopped, _ = KINDS[self.kind]
        restart = {"restartPolicy": "Never"} if group == "batch" else {}
        template = {"metadata": {"labels": _LABELS}, "spec": {"containers": [{"name": "c", "image": "i:1"}], **restart}}
        value = self.around(template)
        if stopped:
            value["spec"] = {**stopped, **value["spec"]}
        return _done(client.create(self.collection, {"metadata": {"name": self.name}, **value}))

    def around(self, template: Any) -> Any:
        """A patch of the template alone."""
        for token in reversed(TEMPLATES[KINDS[self.kind].group, self.kind]):
            template = {token: template}
        return template

    def template(self, value: Any) -> Any:
        """The template in what the API server answered."""
        for token in TEMPLATES[KINDS[self.kind].group, self.kind]:
            value = value[token]
        return value

    def patch(self, value: Any, client: Client | None = None, **query: str) -> Answer:
        """Change it by a merge patch, by way of our webhook unless another client is given."""
        return (client or self.plane.admin).request("PATCH", self.path, value, MERGE_PATCH, **query)

    def get(self) -> Any:
        """What is stored."""
        return self.plane.admin.must("GET", self.path)

    def writes_of_controllers(self) -> list[str]:
        """The audit ids of what kube-controller-manager has written of it, other than its status."""
        return [
            event["auditID"]
            for event in self.plane.audit.events()
            if event["user"]["username"] == _CONTROLLERS
            and event["verb"] in ("update", "patch")
            and event["requestURI"].partition("?")[0] == self.path
        ]

    def is_patched(self, audit_id: str) -> bool:
        """Whether our webhook changed a request, by the API server's word. It must have been asked."""
        annotations = self.plane.audit.annotations(audit_id)
        said = [json.loads(text) for key, text in annotations.items() if key.startswith(_ROUND)]
        asked = [row for row in said if row["webhook"] == f"templates.{_NAME}.psd.test"]
        assert asked, annotations
        return any(row["mutated"] for row in asked)


@pytest.fixture(scope="module")
def serving(
    plane: ControlPlane, controllers: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str, str], Controller]]:
    """A restricted namespace in which templates are patched, and the controllers of every kind."""
    assert controllers is None
    directory = tmp_path_factory.mktemp(_NAME) / "served"
    objects = [namespace(_NAME, {PSA_PREFIX + "enforce": "restricted"})]
    with defaulter(plane, directory, _NAME, objects=objects, config={"patchTemplates": True}):
        yield lambda kind, name: Controller(plane, kind, name)


def _done(answer: Answer) -> Answer:
    assert answer.ok, answer.message
    return answer


def _until(holds: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + _WAIT_SECONDS
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.1)


def _is_settled(controller: Controller) -> bool:
    """Whether the kind's own controller has seen the last generation; not all kinds say so."""
    value = controller.get()
    return value.get("status", {}).get("observedGeneration") in (None, value["metadata"].get("generation"))


def _is_hardened(template: Any) -> bool:
    return bool(template["spec"].get("securityContext") == _HARDENED)


def _label(controller: Controller, value: str) -> None:
    """A label of the object changes nothing but the label: neither the spec nor, with it, the generation."""
    before = controller.get()
    answer = _done(controller.patch({"metadata": {"labels": {"team": value}}}))
    assert not controller.is_patched(answer.audit_id)
    for field in ("spec", "template"):
        assert answer.body.get(field) == before.get(field)
    assert answer.body["metadata"].get("generation") == before["metadata"].get("generation")


def _resume(controller: Controller) -> None:
    before = controller.get()
    answer = _done(controller.patch({"spec": KINDS[controller.kind].resumed}))
    assert not controller.is_patched(answer.audit_id)
    assert controller.template(answer.body) == controller.template(before)


def _change_template(controller: Controller) -> str:
    """With us it is as without us: accepted, and then patched, or refused in the same words."""
    change = controller.around({"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "now"}}})
    without = controller.patch(change, controller.plane.bypassing, dryRun="All")
    answer = controller.patch(change)
    assert (answer.ok, answer.message) == (without.ok, without.message)
    if controller.kind in IMMUTABLE_TEMPLATES:
        assert "field is immutable" in answer.message
        return "refused by the API server itself"
    assert _is_hardened(controller.template(answer.body))
    return "patched"


def _delete(controller: Controller) -> None:
    """In the foreground: the garbage collector takes its finalizer away by an update, and the object goes."""
    options = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Foreground"}
    _done(controller.plane.admin.request("DELETE", controller.path, options))
    _until(lambda: controller.plane.admin.request("GET", controller.path).status == 404, "it is not deleted")
    _until(lambda: bool(controller.writes_of_controllers()), "the audit log has no removal of its finalizer")
    assert not any(map(controller.is_patched, controller.writes_of_controllers()))


@pytest.mark.parametrize("older", [False, True], ids=["created-with-us", "older-than-us"])
@pytest.mark.parametrize("kind", KINDS)
def test_its_life(serving: Callable[[str, str], Controller], kind: str, older: bool) -> None:  # noqa: FBT001 (a row)
    """A template is patched when it is new and when its author changes it, never by a label, a resume or a deletion."""
    controller = serving(kind, "older" if older else "web")
    created = controller.create(controller.plane.bypassing if older else controller.plane.admin)
    assert _is_hardened(controller.template(created.body)) is not older
    _label(controller, "one")
    if KINDS[kind].resumed:
        _resume(controller)
    _until(lambda: _is_settled(controller), "its controller does not see it")
    _label(controller, "two")
    steps = "create, label, resume, label" if KINDS[kind].resumed else "create, label, label"
    generation = controller.get()["metadata"].get("generation", 1)  # not every kind and version of it has one
    assert generation == 1 + bool(KINDS[kind].resumed)
    changed = _change_template(controller)
    _delete(controller)
    tell(f"{kind}: generation {generation} after {steps}; template update {changed}; deleted in the foreground")


@pytest.mark.parametrize("kind", KINDS)
def test_which_kinds_let_their_template_change(serving: Callable[[str, str], Controller], kind: str) -> None:
    """What IMMUTABLE_TEMPLATES says, without us: all but a Job, running or suspended, take a security context."""
    controller = serving(kind, "changing")
    controller.create(controller.plane.bypassing)
    answer = controller.patch(controller.around({"spec": {"securityContext": _HARDENED}}), controller.plane.bypassing)
    assert answer.ok is (kind not in IMMUTABLE_TEMPLATES), answer.message
    assert answer.ok or "field is immutable" in answer.message
    _delete(controller)


def test_a_suspended_job_may_be_given_a_node(serving: Callable[[str, str], Controller]) -> None:
    """As queues do it: the one change of a Job's template that the API server allows is not spoilt by a patch."""
    controller = serving("Job", "queued")
    controller.create(controller.plane.bypassing)
    answer = _done(controller.patch(controller.around({"spec": {"nodeSelector": {"disk": "ssd"}}})))
    assert not controller.is_patched(answer.audit_id)
    assert controller.template(answer.body)["spec"]["nodeSelector"] == {"disk": "ssd"}
    _delete(controller)


def test_a_rollout_starts_when_it_is_asked_for(
    serving: Callable[[str, str], Controller], plane: ControlPlane, kubectl: Kubectl
) -> None:
    """An older Deployment keeps its one ReplicaSet under labels, scaling and apply; a restart makes the second."""
    controller = serving("Deployment", "rolling")
    bypassing = plane.bypassing
    controller.create(bypassing)
    _done(controller.patch({"spec": {"paused": None}}, bypassing))

    def sets() -> int:
        rows = plane.admin.must("GET", f"/apis/apps/v1/namespaces/{_NAME}/replicasets")["items"]
        return sum(row["metadata"]["ownerReferences"][0]["name"] == "rolling" for row in rows)

    _until(lambda: sets() == 1, "there is no ReplicaSet")
    _label(controller, "one")
    arguments = ("-n", _NAME, "deployment/rolling")
    kubectl.run("annotate", *arguments, "note=one")
    kubectl.run("scale", *arguments, "--replicas=2")
    _until(lambda: _is_settled(controller), "its controller does not see it")
    assert sets() == 1
    assert not _is_hardened(controller.template(controller.get()))
    kubectl.run("rollout", "restart", *arguments)
    _until(lambda: sets() == 2, "there is no second ReplicaSet")
    assert _is_hardened(controller.template(controller.get()))
    _delete(controller)


@pytest.mark.parametrize(
    ("first", "again"),
    [(["create"], ["replace"]), (["apply"], ["apply"]), (["apply", "--server-side"], ["apply", "--server-side"])],
    ids=["replace", "apply", "server-side"],
)
def test_the_same_source_again_changes_nothing(
    serving: Callable[[str, str], Controller],
    kubectl: Kubectl,
    request: pytest.FixtureRequest,
    first: list[str],
    again: list[str],
) -> None:
    """Sent whole, its template lacks what we added and gets it again, so that it is what it was and nothing rolls out.

    The generation does not show that: a Deployment's rises with each change of its annotations.
    """
    controller = serving("Deployment", request.node.callspec.id)
    template = {"metadata": {"labels": _LABELS}, "spec": {"containers": [{"name": "c", "image": "i:1"}]}}
    value = controller.around(template)
    metadata = {"name": controller.name}
    source = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": _SELECTOR | value["spec"]}
    kubectl.run(*first, "-n", _NAME, "-f", "-", stdin=json.dumps(source))
    before = controller.get()
    assert _is_hardened(controller.template(before))
    kubectl.run(*again, "-n", _NAME, "-f", "-", stdin=json.dumps(source))
    assert controller.get()["spec"] == before["spec"]
    _delete(controller)
