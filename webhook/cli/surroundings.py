"""Finds out what `preview` and `check` need to know about namespaces: from `--objects`, and from a cluster if asked."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from webhook.cli.loading import load_images, load_with_warnings
from webhook.cli.options import BenchOptions, FixOptions, KrmOptions, ManifestOptions, ScanCommandOptions
from webhook.cli.registries import ask_registries
from webhook.documents.reader import Document
from webhook.errors import BrokenDocument, ClusterError, InputError
from webhook.gatherers.files import add_files
from webhook.gatherers.gatherer import GatheredNamespaces
from webhook.gatherers.manifests import ManifestGatherer
from webhook.preview.preview import PreviewOptions, Surroundings, images_of, namespaces_of
from webhook.preview.requests import DEFAULT_NAMESPACE, is_namespace
from webhook.review.messages import printable


class Found(NamedTuple):
    """What is known, and the namespace of objects without one."""

    surroundings: Surroundings
    namespace: str


def find_surroundings(options: ManifestOptions, documents: Sequence[Document | BrokenDocument]) -> Found:
    """Find out about the namespaces of documents. Print a warning to standard error for what the user may not read.

    As with kubectl, an object without a namespace is in that of `-n`, else in that of the context.

    Args:
        options: the options of the command.
        documents: the manifests, whose namespaces count.

    Raises:
        ConfigurationError: if the configuration cannot be used.
        InputError: if an object cannot be read, options contradict each other, or the cluster does not answer.
    """
    configuration = load_with_warnings(options.config)
    named = options.connection.context is not None or options.connection.kubeconfig is not None
    if options.offline and named:
        raise InputError("--offline asks no cluster: leave out --context and --kubeconfig")
    if not options.offline and (named or (options.namespace is not None and _has_kubeconfig())):
        settings = configuration.settings
        bindings = settings.automount_service_account_token.asks_for_bindings
        nodes = settings.run_as_non_root.asks_nodes
        source = asyncio.run(_ask_cluster(options, documents, bindings=bindings, nodes=nodes))
    else:
        namespace = options.namespace or DEFAULT_NAMESPACE
        source = _NamespaceSource(ManifestGatherer(), namespace, namespaces_of(documents, PreviewOptions(namespace)))
    for note in add_files(source.gatherer, options.objects):
        print(note, file=sys.stderr)
    images = load_images(options.images, configuration)
    if options.images_from_registry:
        images = ask_registries(images_of(documents, configuration), images, options.private_registries)
    source.gatherer.use_images(images)
    snapshots = {name: source.gatherer.snapshot(name) for name in source.names}
    gathered = GatheredNamespaces(snapshots, {})
    return Found(Surroundings(gathered, configuration, source.gatherer.server_minor), source.namespace)


def find_offline_surroundings(
    options: BenchOptions | FixOptions | KrmOptions | ScanCommandOptions, documents: Sequence[Document | BrokenDocument]
) -> Found:
    """Find out about the namespaces of documents as `find_surroundings` does, and ask no cluster."""
    given = ManifestOptions(
        files=(),
        config=options.config,
        objects=options.objects,
        images=options.images,
        namespace=options.namespace,
        offline=True,
    )
    if isinstance(options, ScanCommandOptions):  # the others never ask registries
        given = replace(
            given,
            images_from_registry=options.images_from_registry,
            private_registries=options.private_registries,
        )
    return find_surroundings(given, documents)


class _NamespaceSource(NamedTuple):
    """A gatherer, the namespace of objects without one, and the namespaces that count."""

    gatherer: ManifestGatherer
    namespace: str
    names: Sequence[str]


async def _ask_cluster(
    options: ManifestOptions, documents: Sequence[Document | BrokenDocument], *, bindings: bool, nodes: bool
) -> _NamespaceSource:
    """Ask the cluster with the user's own rights."""
    from webhook.cluster.connection import connect  # noqa: PLC0415 (the client is large, and offline it is not needed)
    from webhook.gatherers.kubeconfig import KubeconfigGatherer  # noqa: PLC0415

    try:
        async with connect(options.connection) as client:
            namespace = options.namespace or client.namespace
            gatherer = KubeconfigGatherer(client, bindings=bindings, nodes=nodes)
            await gatherer.learn_version()
            names = namespaces_of(documents, PreviewOptions(namespace))
            gathered = await gatherer.gather_all([name for name in names if is_namespace(name)])
    except (ClusterError, ValueError) as error:
        raise InputError(f"{error}; --offline asks no cluster") from None
    problems = gatherer.problems + [
        f'"{name}" cannot be a namespace: it counts as unlabelled' for name in names if not is_namespace(name)
    ]
    for problem in sorted(problems):  # the responses arrive in any order
        print(f"warning: {printable(problem)}", file=sys.stderr)
    base = ManifestGatherer(server_minor=gatherer.server_minor, base=gathered.snapshots)
    return _NamespaceSource(base, namespace, names)


def _has_kubeconfig() -> bool:
    """Whether kubectl would find a kubeconfig."""
    named = os.environ.get("KUBECONFIG", "")
    files = [Path(part) for part in named.split(os.pathsep) if part] or [Path.home() / ".kube" / "config"]
    return any(file.is_file() for file in files)
