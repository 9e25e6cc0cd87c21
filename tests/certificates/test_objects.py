"""Where our own objects are: by options, by what the manifests tell the pod, or by the names without a prefix."""

from __future__ import annotations

from unittest.mock import Mock

import pytest

from webhook.certificates.objects import NAME, SECRET, OwnObjects, own_objects
from webhook.cluster.options import ConnectionOptions

_CLIENT = Mock(namespace="of-the-context")


def test_paths_and_names_have_the_names() -> None:
    """A Secret, a Lease and the DNS names of a Service."""
    own = OwnObjects("n", "a-name", "a-secret")
    assert own.secret_path == "/api/v1/namespaces/n/secrets/a-secret"  # noqa: S105 (a path)
    assert own.lease_path == "/apis/coordination.k8s.io/v1/namespaces/n/leases/a-name"
    assert own.served_names == ("a-name.n.svc", "a-name.n.svc.cluster.local")


def test_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """The names of the manifests; an empty variable says nothing."""
    for name in ("POD_NAMESPACE", "OWN_NAME", "OWN_SECRET"):
        monkeypatch.setenv(name, "")
    assert own_objects(ConnectionOptions(), _CLIENT) == OwnObjects("of-the-context", NAME, SECRET)


def test_by_the_environment_and_by_options(monkeypatch: pytest.MonkeyPatch) -> None:
    """Options count more."""
    for name in ("POD_NAMESPACE", "OWN_NAME", "OWN_SECRET"):
        monkeypatch.setenv(name, name.lower().replace("_", "-"))
    assert own_objects(ConnectionOptions(), _CLIENT) == OwnObjects("pod-namespace", "own-name", "own-secret")
    options = ConnectionOptions(own_namespace="n", own_name="a", own_secret="s")  # noqa: S106 (a name)
    assert own_objects(options, _CLIENT) == OwnObjects("n", "a", "s")
