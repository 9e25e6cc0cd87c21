"""The bounds in docs/limits.md are those of the code."""

from __future__ import annotations

import re
from typing import Final

from patches.model.bounds import OF_ALL_CONTAINERS, OF_METADATA, OF_SPEC
from tests.shared_data import ROOT
from webhook.review.codec import ANSWER_LIMIT, MOST_NODES
from webhook.review.messages import TEXT_LIMIT, WARNINGS_LIMIT
from webhook.server.handlers import BODY_LIMIT
from webhook.server.lanes import LARGE, MOST_BODIES

_PAGE: Final = (ROOT / "docs" / "limits.md").read_text()
_KIB: Final = 1024


def test_every_bound_has_a_row() -> None:
    """What there may be at most of each thing, and no row more."""
    table = _PAGE.partition("| of | at most |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| ([a-z].*?) \| ([0-9,]+) \|$", table, re.MULTILINE)
    bounds = {bound.noun: bound.most for bound in (*OF_METADATA, *OF_SPEC, *OF_ALL_CONTAINERS)}
    expected = {**bounds, "maps and lists, in the whole review": MOST_NODES}
    assert {noun: int(most.replace(",", "")) for noun, most in rows} == expected


def test_the_other_figures() -> None:
    """Bytes and numbers of a review."""
    for text in (
        f"| body | {BODY_LIMIT // _KIB**2} MiB",
        f"| answer | {ANSWER_LIMIT // _KIB**2} MiB",
        f"| {TEXT_LIMIT // _KIB} KiB, all warnings together {WARNINGS_LIMIT // _KIB} KiB",
        f"more than {LARGE // _KIB} KiB is a large one",
        f"At most {MOST_BODIES} large bodies",
    ):
        assert text in _PAGE, text
