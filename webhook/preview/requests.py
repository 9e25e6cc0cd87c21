"""Reads the parameters of a preview over HTTP, and encodes its answer. Unknown parameters are errors."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

import msgspec

from patches import parse_level_version
from webhook.errors import InvalidParameter
from webhook.preview.preview import PreviewOptions
from webhook.preview.results import Report, encode_report, patched_yaml

DEFAULT_NAMESPACE: Final = "default"
BODY_TYPES: Final = (
    "application/yaml",
    "application/x-yaml",
    "text/yaml",
    "text/x-yaml",
    "application/json",
    "text/plain",
    "application/octet-stream",
)
"""The content types of manifests. JSON is YAML, so one reader reads them all."""

_PARAMETERS: Final = ("namespace", "profile", "diff")
_LONGEST_NAME: Final = 63
_NOTHING: Final = ", \t"
"""The characters of an empty list (RFC 9110, section 5.6.1)."""


class Form(StrEnum):
    """The media types of an answer."""

    JSON = "application/json"
    YAML = "application/yaml"
    DIFF = "text/x-diff"


class Problem(msgspec.Struct):
    """Why there is no preview. `field` names the parameter or header that is wrong; "" if neither is."""

    message: str
    field: str = ""


def options_of(parameters: Iterable[tuple[str, str]]) -> PreviewOptions:
    """Read the options from the decoded parameters of a query string.

    Raises:
        InvalidParameter: if a parameter is unknown, given twice or malformed.
    """
    query: dict[str, str] = {}
    for name, value in parameters:
        if name not in _PARAMETERS:
            raise InvalidParameter(f"unknown parameter; there are {', '.join(_PARAMETERS)}", field=name)
        if name in query:
            raise InvalidParameter("a parameter may be given once", field=name)
        query[name] = value
    namespace = query.get("namespace", DEFAULT_NAMESPACE)
    if not is_namespace(namespace):
        raise InvalidParameter(
            "expected the name of a namespace: a-z, 0-9 and -, at most 63 characters", field="namespace"
        )
    try:
        profile = parse_level_version(query["profile"]) if "profile" in query else None
    except ValueError as error:
        raise InvalidParameter(f"{error}, as in restricted:v1.30", field="profile") from None
    diff = query.get("diff", "changes")
    if diff not in ("changes", "full"):
        raise InvalidParameter("must be one of changes, full", field="diff")
    return PreviewOptions(namespace, profile, full_diff=diff == "full")


def is_namespace(name: str) -> bool:
    """Whether a namespace can have this name (RFC 1123 label)."""
    return (
        0 < len(name) <= _LONGEST_NAME
        and name.isascii()
        and name == name.lower()
        and name.replace("-", "").isalnum()
        and name[0] != "-" != name[-1]
    )


def form_of(accept: str) -> Form | None:
    """Choose the media type of the answer (RFC 9110, section 12.5.1).

    Args:
        accept: the Accept header; "" for none, which means JSON.

    Returns:
        The media type that the caller prefers; None if it accepts none of ours.
    """
    best: tuple[float, int, int] | None = None
    chosen = None
    for form_index, form in enumerate(Form):
        rank = _rank(accept, form)
        if rank is not None and (best is None or (*rank, -form_index) > best):
            best, chosen = (*rank, -form_index), form
    return chosen


def _rank(accept: str, form: Form) -> tuple[float, int] | None:
    """The quality of a form by the most exact range, and how exact that is; None if the header excludes the form."""
    if not accept.strip(_NOTHING):
        return 1.0, 0
    kind = form.partition("/")[0]
    exactness = {form.value: 2, f"{kind}/*": 1, "*/*": 0}
    found: tuple[int, float] | None = None
    for part in accept.split(","):
        media, *parameters = (piece.strip().lower() for piece in part.split(";"))
        exact = exactness.get(media)
        if exact is not None and (found is None or exact > found[0]):
            found = exact, _quality(parameters)
    if found is None or found[1] <= 0:
        return None
    return found[1], found[0]


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return min(1.0, max(0.0, float(value)))
            except ValueError:
                return 0.0
    return 1.0


def encoded(report: Report, form: Form) -> str:
    """Encode the report. In YAML and diff, each document that cannot be read becomes a comment."""
    if form is Form.JSON:
        return encode_report(report)
    failures = "".join(f"# error: {_one_line(str(result.error))}\n" for result in report.results if result.error)
    good = [result for result in report.results if not result.error]
    if form is Form.YAML:
        return failures + patched_yaml(good)
    return failures + "".join(result.diff or "" for result in good)


def _one_line(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)
