"""The bundle of trusted CAs in our webhook configurations, by which API servers know us."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, Final

CONFIGURATIONS: Final[Mapping[str, str]] = {
    "mutating": "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
    "validating": "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
}
"""Where the configurations are, by what `--inject-ca` calls them."""


def carries(configuration: Mapping[str, Any], bundle: bytes) -> bool:
    """Whether every webhook of the configuration trusts exactly this bundle, in PEM."""
    return not bundle_patch(configuration, bundle)


def bundle_patch(configuration: Mapping[str, Any], bundle: bytes) -> list[dict[str, Any]]:
    """The JSON patch that gives each webhook the bundle, or an empty one where all have it.

    It applies only to the configuration as it was read: a webhook's place in the list may be another's by now.
    """
    wanted = base64.b64encode(bundle).decode()
    operations = [
        {"op": "add", "path": f"/webhooks/{index}/clientConfig/caBundle", "value": wanted}
        for index, webhook in enumerate(configuration.get("webhooks") or ())
        if webhook["clientConfig"].get("caBundle") != wanted
    ]
    version = configuration["metadata"]["resourceVersion"]
    return [{"op": "test", "path": "/metadata/resourceVersion", "value": version}, *operations] if operations else []
