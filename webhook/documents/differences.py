"""Unified diffs of long texts in bounded time.

Python's difflib looks at every pair of equal lines, which takes hours if a hundred thousand lines are alike. So both
texts are cut where a line occurs once in each (the anchors of a "patience diff"), and difflib compares what is between,
as long as that is short.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Any, Final, TypeAlias

_LARGEST: Final = 1000
"""How many lines, of both texts together, difflib gets at once. A longer stretch counts as replaced."""

_Lines: TypeAlias = Sequence[str]
_Opcode: TypeAlias = tuple[str, int, int, int, int]


class _Grouping(SequenceMatcher[str]):
    """difflib's grouping of opcodes that it did not find itself."""

    def __init__(self, opcodes: list[_Opcode]) -> None:
        super().__init__()
        self._opcodes = opcodes

    def get_opcodes(self) -> list[Any]:
        """The opcodes to group."""
        return self._opcodes


def diff_lines(before: _Lines, after: _Lines, name: str, context: int | None) -> Iterator[str]:
    """Yield the lines of a unified diff: `context` lines around each change, or with None one hunk of everything."""
    opcodes = _opcodes(before, after)
    hunks: list[list[_Opcode]] = [opcodes or [("equal", 0, 0, 0, 0)]]
    if context is not None:
        hunks = list(_Grouping(opcodes).get_grouped_opcodes(context))
    if context is not None and before == after:
        return
    yield f"--- a/{name}"
    yield f"+++ b/{name}"
    for hunk in hunks:
        (_, low, _, new_low, _), (_, _, high, _, new_high) = hunk[0], hunk[-1]
        yield f"@@ -{_range(low, high)} +{_range(new_low, new_high)} @@"
        for kind, start, end, new_start, new_end in hunk:
            if kind == "equal":
                yield from (f" {line}" for line in before[start:end])
            else:
                yield from (f"-{line}" for line in before[start:end])
                yield from (f"+{line}" for line in after[new_start:new_end])


def _range(start: int, end: int) -> str:
    """A range as diff(1) writes it: its first line, from 1, and its length unless that is 1."""
    length = end - start
    if length == 1:
        return str(start + 1)
    return f"{start + 1 if length else start},{length}"


def _opcodes(before: _Lines, after: _Lines) -> list[_Opcode]:
    """The opcodes of both texts, as difflib's; equal neighbours joined."""
    joined: list[_Opcode] = []
    for opcode in _pieces(before, after):
        if joined and joined[-1][0] == opcode[0] == "equal":
            _, start, _, new_start, _ = joined[-1]
            joined[-1] = ("equal", start, opcode[2], new_start, opcode[4])
        else:
            joined.append(opcode)
    return joined


def _pieces(before: _Lines, after: _Lines) -> Iterator[_Opcode]:
    """Yield the opcodes of the stretches between anchors, and of the anchors."""
    start = new_start = 0
    for end, new_end in [*_anchors(before, after), (len(before), len(after))]:
        yield from _between(before, after, (start, end, new_start, new_end))
        if end < len(before):
            yield "equal", end, end + 1, new_end, new_end + 1
        start, new_start = end + 1, new_end + 1


def _between(before: _Lines, after: _Lines, part: tuple[int, int, int, int]) -> Iterator[_Opcode]:
    """Yield the opcodes of one stretch. If it is long, equal lines at its beginning and end are left out first."""
    start, end, new_start, new_end = part
    if end - start + new_end - new_start > _LARGEST:
        length = min(end - start, new_end - new_start)
        same = next((n for n in range(length) if before[start + n] != after[new_start + n]), length)
        if same:
            yield "equal", start, start + same, new_start, new_start + same
        start, new_start, length = start + same, new_start + same, length - same
        same = next((n for n in range(length) if before[end - n - 1] != after[new_end - n - 1]), length)
        yield from _rest(before, after, (start, end - same, new_start, new_end - same))
        if same:
            yield "equal", end - same, end, new_end - same, new_end
    else:
        yield from _rest(before, after, part)


def _rest(before: _Lines, after: _Lines, part: tuple[int, int, int, int]) -> Iterator[_Opcode]:
    """Yield the opcodes of what is left of a stretch: difflib's, or if it is still too long a replacement."""
    start, end, new_start, new_end = part
    if end - start + new_end - new_start > _LARGEST:
        yield "replace", start, end, new_start, new_end
        return
    matcher = SequenceMatcher(None, before[start:end], after[new_start:new_end])
    for kind, low, high, new_low, new_high in matcher.get_opcodes():
        yield kind, start + low, start + high, new_start + new_low, new_start + new_high


def _anchors(before: _Lines, after: _Lines) -> Iterator[tuple[int, int]]:
    """Yield where a line stands that occurs once in each text, in the order of both. Short texts need none."""
    if len(before) + len(after) <= _LARGEST:
        return
    counts, new_counts = Counter(before), Counter(after)
    places = {line: place for place, line in enumerate(after) if new_counts[line] == 1}
    last = -1
    for place, line in enumerate(before):
        new_place = places.get(line, -1)
        if counts[line] == 1 and new_place > last:
            last = new_place
            yield place, new_place
