"""What schemathesis cannot know of `POST /preview` from its description: how manifests look, and how to read answers.

schemathesis loads this file itself, in a process of its own.
"""

from __future__ import annotations

import json
import zlib
from typing import Any, Final

import schemathesis
import yaml
from hypothesis import strategies as st

from tests.properties.choices import choosing
from tests.properties.pods import document
from webhook.documents.writer import to_yaml_all
from webhook.preview.requests import BODY_TYPES, Form

_FORMS: Final = ("", *Form, "text/*;q=0.2, */*;q=0.1")

_PODS: Final = choosing(document)
_STREAM: Final = st.one_of(
    st.lists(_PODS, min_size=1, max_size=3).map(to_yaml_all),
    st.lists(_PODS, max_size=3).map(lambda items: json.dumps({"apiVersion": "v1", "kind": "List", "items": items})),
).map(str.encode)
_DAMAGED: Final = st.builds(
    lambda stream, start, instead: stream[: start % len(stream)] + instead + stream[start % len(stream) + 5 :],
    _STREAM,
    st.integers(0, 5000),
    st.binary(max_size=9),
)
_BODIES: Final = st.one_of(_STREAM, _DAMAGED, st.text().map(str.encode), st.binary())
"""Manifests, manifests with a few wrong bytes in them, any text, any bytes."""

schemathesis.openapi.media_type(BODY_TYPES[0], _BODIES, aliases=BODY_TYPES[1:])


@schemathesis.hook
def before_call(context: Any, case: schemathesis.Case[Any], kwargs: Any) -> None:  # noqa: ARG001 (found by their names)
    """Ask for one of the forms; which of them is the same whenever the request is."""
    form = _FORMS[zlib.crc32(repr((case.query, case.body)).encode()) % len(_FORMS)]
    if case.operation.path == "/preview" and form:
        case.headers["Accept"] = form


@schemathesis.deserializer("text/yaml", Form.YAML.value)  # the first that is of YAML is used for all of them
def read_stream(context: Any, response: schemathesis.Response) -> list[str]:  # noqa: ARG001 (found by their names)
    """The documents of a stream, by another reader than ours, as far as they are YAML at all. Raises ValueError."""
    try:
        return [str(node) for node in yaml.compose_all(response.content.decode(), yaml.SafeLoader)]
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


@schemathesis.deserializer(Form.DIFF.value, "text/html")
def read_text(context: Any, response: schemathesis.Response) -> str:  # noqa: ARG001 (found by their names)
    """The text, which must be UTF-8. Raises ValueError."""
    return response.content.decode()
