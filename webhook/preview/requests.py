"""What a preview is asked for over HTTP, and in which form it is answered: read strictly, with the field in errors."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

import msgspec

from patches.standards.levels import parse_level_version
from webhook.documents.writer import to_yaml_all
from webhook.errors import InvalidParameter
from webhook.preview.preview import Options
from webhook.preview.results import Report, encode_report

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
"""The content types of manifests; YAML contains JSON, so all are read alike."""

_PARAMETERS: Final = ("namespace", "profile", "diff")
_LONGEST_NAME: Final = 63
_NOTHING: Final = ", \t"
"""Of these a list without elements consists (RFC 9110, section 5.6.1)."""


class Form(StrEnum):
    """The media types of an answer."""

    JSON = "application/json"
    YAML = "application/yaml"
    DIFF = "text/x-diff"


class Problem(msgspec.Struct):
    """Why there is no preview. `field` names the parameter or header at fault, "" where it is none of them."""

    message: str
    field: str = ""


def options_of(parameters: Iterable[tuple[str, str]]) -> Options:
    """The options in a query string, taken apart and decoded. Raises InvalidParameter."""
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
    return Options(namespace, profile, full_diff=diff == "full")


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
    """The form that an Accept header prefers (RFC 9110, section 12.5.1); JSON without one; None: none of ours."""
    best: tuple[float, int, int] | None = None
    chosen = None
    for form_index, form in enumerate(Form):
        rank = _rank(accept, form)
        if rank is not None and (best is None or (*rank, -form_index) > best):
            best, chosen = (*rank, -form_index), form
    return chosen


def _rank(accept: str, form: Form) -> tuple[float, int] | None:
    """The quality that a header gives a form, by its most exact range, and how exact it is; None: not acceptable."""
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
    """The report in a form. In YAML and diff what could not be read is a comment: nothing is lost."""
    if form is Form.JSON:
        return encode_report(report)
    failures = "".join(f"# error: {_one_line(str(result.error))}\n" for result in report.results if result.error)
    good = [result for result in report.results if not result.error]
    if form is Form.YAML:
        return failures + to_yaml_all([result.patched for result in good])
    return failures + "".join(result.diff or "" for result in good)


def _one_line(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)
