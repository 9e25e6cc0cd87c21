"""Accept headers and query strings: what RFC 9110 and our own description say of them, whatever they hold."""

from __future__ import annotations

import re
from typing import Any, Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from patches.standards.levels import Level
from webhook.errors import InvalidParameter
from webhook.preview.requests import Form, form_of, options_of
from webhook.server.openapi import description

_RANGES: Final = (*Form, "application/*", "text/*", "*/*", "text/html", "image/*", "application/xml")
_QUALITIES: Final = ("", "0", "0.0", "0.000", "0.001", "0.25", "0.5", "0.999", "1", "1.", "1.000")
_SPACE: Final = st.sampled_from(["", "", " ", "\t", " \t "])

_Preferences = dict[str, str]
_PREFERENCES: Final = st.dictionaries(st.sampled_from(_RANGES), st.sampled_from(_QUALITIES), min_size=1)


@st.composite
def _written(draw: st.DrawFn) -> tuple[_Preferences, str]:
    """Preferences, and a header that says them: spaces where they may be, empty elements, any case."""
    preferences = draw(_PREFERENCES)
    elements = []
    for media, quality in preferences.items():
        weight = f"{draw(_SPACE)};{draw(_SPACE)}{draw(st.sampled_from('qQ'))}={quality}" if quality else ""
        elements.append(draw(st.sampled_from([media, media.upper(), media.title()])) + weight)
        elements.extend([""] * draw(st.integers(0, 1)))
    return preferences, ",".join(f"{draw(_SPACE)}{element}{draw(_SPACE)}" for element in elements)


def _quality(preferences: _Preferences, form: Form) -> float:
    """What a form is worth: the most exact range that matches it decides, even where another would give more."""
    for media in (form.value, f"{form.split('/')[0]}/*", "*/*"):
        if media in preferences:
            return float(preferences[media] or 1)
    return 0.0


@given(_written())
def test_the_form_is_one_of_the_best(written: tuple[_Preferences, str]) -> None:
    """Of the forms none is worth more than the chosen one; there is none where no form is worth anything."""
    preferences, header = written
    worth = {form: _quality(preferences, form) for form in Form}
    chosen = form_of(header)
    if chosen is None:
        assert max(worth.values()) == 0
    else:
        assert worth[chosen] == max(worth.values()) > 0


@given(_PREFERENCES)
def test_excluded_forms_are_never_chosen(preferences: _Preferences) -> None:
    """With q=0 for one form and a wildcard for the others."""
    for form in Form:
        header = ", ".join(f"{media};q={quality or 1}" for media, quality in preferences.items() if media != form)
        chosen = form_of(f"{header}, {form};q=0" if header else f"{form};q=0")
        assert chosen is not form


@given(st.text(alphabet='*/,;=q01. \t"aplictonjsyx-df+', max_size=60) | st.text() | st.binary().map(bytes.hex))
@example("application/json;q=nan")
@example("application/json;q=inf, */*;q=-1")
@example('application/json;note="a, b;q=0')
def test_any_header_has_an_answer(header: str) -> None:
    """A form or none, never an exception."""
    assert form_of(header) in (*Form, None)


@pytest.mark.parametrize(
    ("header", "form"),
    [
        ("", Form.JSON),
        ("*/*", Form.JSON),
        (" , ,", Form.JSON),  # empty elements do not count (section 5.6.1), so this is as if nothing was asked for
        ("application/*", Form.JSON),
        ("text/*", Form.DIFF),
        ("text/*;q=0.5, */*;q=0.1", Form.DIFF),
        ("application/json;q=0, */*", Form.YAML),
        ("application/*;q=0, */*", Form.DIFF),
        # Of section 12.5.1: the examples, and what browsers send.
        ("audio/*; q=0.2, audio/basic", None),
        ("text/plain; q=0.5, text/html, text/x-dvi; q=0.8, text/x-c", None),
        (
            "text/*;q=0.3, text/plain;q=0.7, text/plain;format=flowed, text/plain;format=fixed;q=0.4, */*;q=0.5",
            Form.JSON,
        ),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8", Form.JSON),
    ],
)
def test_forms(header: str, form: Form | None) -> None:
    """JSON unless something else is worth more."""
    assert form_of(header) is form


_PARAMETERS: Final[dict[str, Any]] = {
    parameter["name"]: parameter["schema"]
    for parameter in description(needs_token=False)["paths"]["/preview"]["post"]["parameters"]
}
_LIKELY: Final = {
    "namespace": st.text(alphabet="ab-z09", min_size=1, max_size=5) | st.integers(60, 66).map("a".__mul__),
    "profile": st.builds(
        "{}{}".format, st.sampled_from(list(Level)), st.sampled_from(["", ":latest", ":v1.0", ":v1.37"])
    )
    | st.from_regex(r"(baseline|restricted):v[12]\.[0-9]{1,11}", fullmatch=True),
    "diff": st.sampled_from(["changes", "full"]),
}
_ODD: Final = (
    st.sampled_from(["", "Restricted", "restricted:", "restricted\n", "a\n", "-a", "\u0661", "Full"]) | st.text()
)
_PAIRS: Final = st.one_of(
    *(st.tuples(st.just(name), values) for name, values in _LIKELY.items()),
    st.tuples(st.sampled_from(list(_PARAMETERS)) | st.text(max_size=3), _ODD),
)


def _is_described(name: str, value: str) -> bool:
    """Whether the description allows a value. Its patterns mean the same in Python, but for the $ before a newline."""
    schema = _PARAMETERS[name]
    matches = re.fullmatch(schema["pattern"].removesuffix("$"), value) is not None if "pattern" in schema else True
    return matches and len(value) <= schema.get("maxLength", len(value)) and value in schema.get("enum", [value])


@given(st.lists(_PAIRS, max_size=3))
def test_options_are_read_as_described(parameters: list[tuple[str, str]]) -> None:
    """What `/openapi.json` allows is taken, each once; of what is wrong, one is named."""
    names = [name for name, _ in parameters]
    wrong = {name for name, value in parameters if name not in _PARAMETERS or not _is_described(name, value)}
    wrong |= {name for name in names if names.count(name) > 1}
    if wrong:
        with pytest.raises(InvalidParameter) as caught:
            options_of(parameters)
        assert caught.value.field in wrong
        return
    options, said = options_of(parameters), dict(parameters)
    assert options.namespace == said.get("namespace", _PARAMETERS["namespace"]["default"])
    assert options.full_diff == (said.get("diff", _PARAMETERS["diff"]["default"]) == "full")
    assert (options.profile is None) == ("profile" not in said)
    if options.profile is not None:
        assert str(options.profile) == said["profile"] + ("" if ":" in said["profile"] else ":latest")
