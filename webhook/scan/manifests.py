"""Scans manifests, without a cluster."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from patches import CustomTemplates, LevelVersion, NamespaceCompiler, Origin, custom_templates, kind_of
from webhook.documents.document import Document
from webhook.errors import BrokenDocument, InvalidObject
from webhook.gatherers.manifests import ManifestGatherer
from webhook.preview.manifests import Manifest, metadata_of, text_of
from webhook.preview.preview import Surroundings, read_object
from webhook.preview.results import Failure
from webhook.scan.results import Position, Scan
from webhook.scan.scanner import Key, Scanner, owner_of
from webhook.scan.templates import UnjudgedKinds, find_templates


class ScanOptions(NamedTuple):
    """What to scan for.

    Attributes:
        profile: the profile to judge by.
        namespace: the namespace of objects without one.
        differences: whether to say what would change in each workload.
    """

    profile: LevelVersion
    namespace: str = "default"
    differences: bool = False


def scan_manifests(
    documents: Sequence[Document | BrokenDocument], surroundings: Surroundings, options: ScanOptions
) -> Scan:
    """Scan documents.

    Args:
        documents: the manifests. Cluster objects among them count for all other documents, before and after them.
        surroundings: what else is known; it is not changed.
        options: what to scan for.
    """
    gatherer = ManifestGatherer(default_namespace=options.namespace, base=surroundings.namespaces.snapshots)
    manifests = [read_object(document, gatherer) for document in documents]
    compiler = NamespaceCompiler(surroundings.configuration, surroundings.server_minor)
    reader = _Reader(
        Scanner(compiler, gatherer.snapshot, options.profile, differences=options.differences),
        custom_templates(surroundings.configuration),
        options,
    )
    for manifest in manifests:
        reader.read(manifest)
    reader.finish()
    return Scan(
        str(options.profile),
        reader.scanner.namespaces(),
        dict(sorted(reader.scanner.kinds.items())),
        reader.unjudged.rows(),
        reader.errors,
        [],
    )


class _Reader:
    def __init__(self, scanner: Scanner, templates: CustomTemplates, options: ScanOptions) -> None:
        self.scanner = scanner
        self._templates = templates
        self._namespace = options.namespace
        self.unjudged = UnjudgedKinds()
        self.errors: list[Failure] = []
        self._owned: list[tuple[Manifest, Key]] = []

    def read(self, manifest: Manifest | Failure) -> None:
        if isinstance(manifest, Failure):
            self.errors.append(manifest)
            return
        owner = owner_of(manifest.value, self._namespace_of(manifest))
        if owner is not None and self._templates.knows(manifest.value):
            self.scanner.add_owner(self._key(manifest), owner)
            self._owned.append((manifest, owner))
        else:
            self._judge(manifest, self._key(manifest))

    def finish(self) -> None:
        """Judge what is owned: pods beside the template of their workload, and all else only without it."""
        for manifest, owner in self._owned:
            pod = kind_of(manifest.value) == ("", "Pod")
            if pod or not self.scanner.has(owner):
                self._judge(manifest, owner)

    def _judge(self, manifest: Manifest, key: Key) -> None:
        try:
            if key.kind != "Pod" and kind_of(manifest.value) == ("", "Pod"):
                self.scanner.add_pod(manifest.value, key.namespace)
                return
            pods = self._templates.locate(manifest.value, Origin.MANIFEST) if not manifest.problem else ()
            if pods:
                document = manifest.document
                position = Position(document.source, document.number, document.line)
                self.scanner.add_templates(key, pods, manifest.line_of, position)
            elif not self._templates.knows(manifest.value):
                paths = find_templates(manifest.value)
                if paths:
                    self.unjudged.add(manifest.value, paths)
            else:
                self.unjudged.add(manifest.value, ())
        except InvalidObject as error:
            self.errors.append(manifest.failure(error))

    def _namespace_of(self, manifest: Manifest) -> str:
        return manifest.namespace or self._namespace

    def _key(self, manifest: Manifest) -> Key:
        metadata = metadata_of(manifest.value)
        name = text_of(metadata.get("name") or metadata.get("generateName"))
        return Key(self._namespace_of(manifest), *kind_of(manifest.value), name)
