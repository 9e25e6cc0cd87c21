"""The policies of manifests/components, on a real API server and beside the plugins that they stand in for."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
import yaml

from tests.cluster import binaries
from tests.cluster.client import MERGE_PATCH, Answer, Client
from tests.cluster.control_plane import ControlPlane
from tests.cluster.processes import answers, free_ports
from tests.cluster.programs import ApiServer, restartable

COMPONENTS: Final = ("always-pull-images", "deny-service-external-ips", "node-restriction", "protect-labels")
"""Those that are made of policies."""

_FOLDER: Final = Path(__file__).parents[2] / "manifests" / "components"
_REGISTRATION: Final = "/apis/admissionregistration.k8s.io/v1"
_COLLECTIONS: Final = {
    "ValidatingAdmissionPolicy": "validatingadmissionpolicies",
    "ValidatingAdmissionPolicyBinding": "validatingadmissionpolicybindings",
}
_FORBIDDEN: Final = 403
_WAIT_SECONDS: Final = 60


class Row(NamedTuple):
    """A request, which changes nothing: it is sent as a dry run."""

    id: str
    method: str
    path: str
    body: Any = None
    content_type: str = MERGE_PATCH
    user: str = ""

    def send(self, client: Client) -> Answer:
        """Ask as a client."""
        content_type = self.content_type if self.method == "PATCH" else "application/json"
        return client.request(self.method, self.path, self.body, content_type, dryRun="All")


class Pair(NamedTuple):
    """Two API servers on one etcd: one has the plugin and knows no policies, the other has not and does."""

    plugin: ControlPlane
    policies: ControlPlane


@contextmanager
def pair(directory: Path, plugin_name: str, *, off: str = "") -> Iterator[Pair]:
    """Start both; without another plugin, `off`, where that would decide before either."""
    found = binaries.find("etcd", "kube-apiserver", "kubectl")
    unwanted = [f"--disable-admission-plugins={off}"] if off else []
    extra = [f"--enable-admission-plugins={plugin_name}", "--disable-admission-plugins=ValidatingAdmissionPolicy"]
    with restartable(directory, found, [*extra, *unwanted]) as (plugin, server):
        (port,) = free_ports(1)
        command = [row for row in server.command if "-admission-plugins=" not in row]  # it alone knows where etcd is
        command += [*unwanted, f"--secure-port={port}", f"--audit-log-path={directory / 'audit-policies.log'}"]
        probe = plugin.authority.context(plugin.authority.issue("probe", "system:masters"))
        ready = answers(f"https://127.0.0.1:{port}/readyz", probe)
        second = ApiServer(command, directory / "kube-apiserver-policies.log", ready)
        try:
            second.start()
            policies = ControlPlane(directory, found, plugin.authority, port)
            yield Pair(plugin, policies)
            policies.close()
        finally:
            second.stop()


def skip_before(servers: Pair, minor: int) -> None:
    """Skip where the plugin, or what it is about, is of an older Kubernetes."""
    if servers.plugin.minor < minor:
        pytest.skip(f"compared with the plugin of 1.{minor}; this API server is 1.{servers.plugin.minor}")


def built(component: str, **fields: Any) -> list[Any]:
    """What kustomize makes of a component alone, with other fields of its kustomization as given."""
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.relpath(_FOLDER / component, Path(directory).resolve())
        value = {"components": [path], **fields}
        (Path(directory) / "kustomization.yaml").write_text(yaml.safe_dump(value), encoding="utf-8")
        command = [str(binaries.find("kubectl") / "kubectl"), "kustomize", directory]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return [value for value in yaml.safe_load_all(done.stdout) if value]


def is_policy(value: Any) -> bool:
    """Whether it is a policy, and not the binding of one."""
    return bool(value["kind"] == "ValidatingAdmissionPolicy")


@contextmanager
def installed(plane: ControlPlane, objects: list[Any]) -> Iterator[None]:
    """Create policies and bindings, and delete them at the end, bindings first."""
    rows = [(f"{_REGISTRATION}/{_COLLECTIONS[value['kind']]}", value) for value in objects]
    rows.sort(key=lambda row: row[1]["kind"])
    try:
        for path, value in rows:
            plane.admin.must("POST", path, value)
        yield
    finally:
        for path, value in reversed(rows):
            plane.admin.request("DELETE", f"{path}/{value['metadata']['name']}")


def is_refusal(answer: Answer) -> bool:
    """Whether admission said no. Anything else that is not a yes is a mistake of the table."""
    assert answer.ok or answer.status == _FORBIDDEN, f"{answer.status} {answer.message}"
    return not answer.ok


def unseen(objects: Iterable[Any], refusals: Iterable[Answer]) -> list[str]:
    """The rules that refused nothing, by their messages; of a composed message the constant beginning counts."""
    messages = [row.message for row in refusals]
    texts = [
        (value["metadata"]["name"], rule.get("message") or rule["messageExpression"].split("'")[1])
        for value in objects
        if is_policy(value)
        for rule in value["spec"]["validations"]
    ]
    return [
        f"{name}: {text}"
        for name, text in texts
        if not any(f"ValidatingAdmissionPolicy '{name}'" in message and text in message for message in messages)
    ]


def until(found: Callable[[], Any], what: str) -> Any:
    """Wait until something is true: policies act some moments after they were created."""
    end = time.monotonic() + _WAIT_SECONDS
    while not (value := found()):
        assert time.monotonic() < end, what
        time.sleep(0.2)
    return value
