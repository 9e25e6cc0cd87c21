"""Manifests that the tests show to the page."""

from __future__ import annotations

from typing import Final

POD: Final = """\
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop}
spec:
  containers:
  - name: nginx
    image: nginx
"""

PRIVILEGED: Final = """\
apiVersion: v1
kind: Pod
metadata: {name: agent}
spec:
  containers:
  - name: agent
    image: agent
    securityContext: {privileged: true}
"""

REVIEW: Final = """\
apiVersion: admission.k8s.io/v1
kind: AdmissionReview
request:
  uid: a
  kind: {group: "", version: v1, kind: Pod}
  operation: CREATE
  namespace: shop
  object: {apiVersion: v1, kind: Pod, metadata: {name: web}, spec: {containers: [{name: nginx, image: nginx}]}}
"""
"""The review of a pod that is created."""

NODE_EXPORTER: Final = """\
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: node-exporter}
spec:
  template:
    spec: {hostNetwork: true, containers: [{name: x, image: x, ports: [{containerPort: 9100}]}]}
"""
"""A template on the network of its node."""

CONFIG_MAP: Final = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {a: b}
"""

BROKEN: Final = (
    f"{POD}---\napiVersion: v1\nkind: Pod\nmetadata: {{name: bad}}\nspec: {{containers: 3}}\n---\n{CONFIG_MAP}"
)
"""Three documents; the second is wrong at its line 5, which is line 13 of all."""


def pods(number: int) -> str:
    """So many pods."""
    return "---\n".join(POD.replace("web", f"web-{index}") for index in range(number))


def pod_of(containers: int) -> str:
    """A pod of so many containers."""
    return POD.partition("  - name:")[0] + "".join(
        f"  - name: c{index}\n    image: nginx\n    ports: [{{containerPort: 80}}]\n" for index in range(containers)
    )
