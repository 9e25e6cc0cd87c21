"""Asks the cluster of a kubeconfig about namespaces, with the rights of whoever runs the command."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from patches.policy.configuration import DefaulterConfiguration
from webhook.cli import inputs
from webhook.cluster.api import ClusterClient
from webhook.documents.reader import Document
from webhook.errors import BrokenDocument, ClusterError, InputError
from webhook.preview.preview import Options, namespaces_of
from webhook.preview.requests import is_namespace
from webhook.review.messages import printable
from webhook.sources.asked import Asked
from webhook.sources.manifests import ManifestSource


async def asked_source(
    options: argparse.Namespace, config: DefaulterConfiguration, documents: Sequence[Document | BrokenDocument]
) -> tuple[ManifestSource, str]:
    """What --objects and, after them, the cluster say of the documents' namespaces. What may not be read is told.

    Also the namespace of objects that name none: as with kubectl, that of the context, unless -n names one. Raises
    InputError.
    """
    try:
        cluster = await ClusterClient.connect(options.kubeconfig, options.context)
        try:
            namespace: str = options.namespace or cluster.namespace
            asked = Asked(cluster)
            source = inputs.source_of(config, options.objects, newest=await asked.minor())
            names = namespaces_of(documents, Options(namespace))
            await asked.describe(source, [name for name in names if is_namespace(name)])
        finally:
            await cluster.close()
    except (ClusterError, ValueError) as error:
        raise InputError(f"{error}; --offline asks no cluster") from None
    asked.problems += [
        f'"{name}" cannot be a namespace: it counts as unlabelled' for name in names if not is_namespace(name)
    ]
    for problem in sorted(asked.problems):  # the answers come in any order
        print(f"warning: {printable(problem)}", file=sys.stderr)
    return source, namespace
