"""The bundle of trusted CAs in our webhook configurations, by which API servers verify our certificate."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, Final

CONFIGURATIONS: Final[Mapping[str, str]] = {
    "mutating": "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
    "validating": "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
}
"""The collections of the configurations, by the names that `--inject-ca` has for them."""


def bundle_patch(configuration: Mapping[str, Any], bundle: bytes) -> list[dict[str, Any]]:
    """Make the JSON patch that gives each webhook the bundle.

    The patch tests the resourceVersion first: its indexes are wrong if the list of webhooks has changed since.

    Args:
        configuration: a MutatingWebhookConfiguration or ValidatingWebhookConfiguration.
        bundle: certificates in PEM.

    Returns:
        The operations; none if every webhook has exactly this bundle.
    """
    wanted = base64.b64encode(bundle).decode()
    operations = [
        {"op": "add", "path": f"/webhooks/{index}/clientConfig/caBundle", "value": wanted}
        for index, webhook in enumerate(configuration.get("webhooks") or ())
        if webhook["clientConfig"].get("caBundle") != wanted
    ]
    version = configuration["metadata"]["resourceVersion"]
    return [{"op": "test", "path": "/metadata/resourceVersion", "value": version}, *operations] if operations else []
