"""`krm`: adds the defaults between standard input and output, for kustomize, kpt and Helm."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from webhook.cli.options import KrmOptions
from webhook.cli.surroundings import find_offline_surroundings
from webhook.configuration.reader import configuration_in
from webhook.documents.reader import Document, flatten, read_documents
from webhook.documents.writer import to_yaml
from webhook.errors import BrokenDocument, InputError
from webhook.fix.resource_list import answer, is_resource_list, put_back, to_stream
from webhook.preview.preview import PreviewOptions, Surroundings, preview
from webhook.preview.results import Report, Result
from webhook.review.messages import printable

OPTIONS: Final = KrmOptions

_CONFIG: Final = "functionConfig"


def run(options: KrmOptions) -> int:
    """Read a ResourceList or a stream of manifests, and write it with the defaults.

    Returns:
        The exit status: 0 if all was read, 2 if a document cannot be read. Of a stream nothing is written then.

    Raises:
        ConfigurationError: if the configuration cannot be used.
        InputError: if a file cannot be read.
    """
    documents = list(read_documents(sys.stdin.buffer.read(), "<stdin>"))
    match documents:
        case [Document(value=value) as document] if is_resource_list(value):
            return _answer(document, options)
    return _render(documents, options)


def _answer(document: Document, options: KrmOptions) -> int:
    items = [item for item in flatten([document]) if isinstance(item, Document) and item.at]
    report, failed = _preview(items, options, document)
    sys.stdout.write(to_yaml(answer(document, list(zip(items, report.results, strict=True)))))
    _tell(report.results)
    return failed


def _render(documents: Sequence[Document | BrokenDocument], options: KrmOptions) -> int:
    objects = list(flatten(documents))
    report, failed = _preview(objects, options)
    _tell(report.results)
    if failed:
        return failed
    rows: dict[int, list[tuple[Document, Result]]] = {}
    for item, result in zip(objects, report.results, strict=True):
        if isinstance(item, Document):
            rows.setdefault(item.number, []).append((item, result))
    values = [
        put_back(document.value, rows.get(document.number, ()))
        for document in documents
        if isinstance(document, Document)
    ]
    sys.stdout.write(to_stream(values))
    return 0


def _preview(
    documents: Sequence[Document | BrokenDocument], options: KrmOptions, source: Document | None = None
) -> tuple[Report, int]:
    """The report, and the exit status."""
    surroundings, namespace = find_offline_surroundings(options, documents)
    if source is not None:
        surroundings = _configured(surroundings, source, options)
    report, status = preview(documents, surroundings, PreviewOptions(namespace, options.profile))
    return report, 2 * (status == 2)  # noqa: PLR2004 - that of a document which cannot be read


def _configured(surroundings: Surroundings, source: Document, options: KrmOptions) -> Surroundings:
    """With the configuration of the function. kpt sends an empty ConfigMap if there is none."""
    config = source.value.get(_CONFIG)
    if config is None or (isinstance(config, dict) and config.get("kind") == "ConfigMap" and not config.get("data")):
        return surroundings
    if not isinstance(config, dict) or options.config is not None:
        problem = "expected a DefaulterConfiguration" if options.config is None else "--config is given too"
        raise InputError(f"{_CONFIG}: {problem}")
    return replace(surroundings, configuration=configuration_in(source, _CONFIG))


def _tell(results: Sequence[Result]) -> None:
    """Say on standard error what cannot be read, and what still violates."""
    for result in results:
        if result.error:
            print(f"error: {printable(str(result.error))}", file=sys.stderr)
        elif result.violations and result.violations.after:
            ids = ", ".join(row.id for row in result.violations.after)
            print(f"warning: {printable(f'{result.kind}/{result.name}')} still violates {ids}", file=sys.stderr)
