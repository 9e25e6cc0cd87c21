"""Memory is given back: what only a garbage collection frees, and what the C library keeps, if it can be told to."""

from __future__ import annotations

import gc
import weakref

import pytest

from webhook.server import memory


class _Cycle:
    """An object that refers to itself."""

    def __init__(self) -> None:
        self.itself = self


@pytest.mark.parametrize("told", [True, False], ids=["glibc", "another C library"])
def test_cycles_are_freed_and_the_heap_is_trimmed(monkeypatch: pytest.MonkeyPatch, told: bool) -> None:  # noqa: FBT001
    """Both in one call; where the C library has no such functions, nothing fails."""
    calls: list[tuple[int, ...]] = []
    monkeypatch.setattr(memory, "_MALLOC_TRIM", (lambda *given: calls.append(given)) if told else None)
    monkeypatch.setattr(memory, "_MALLOPT", (lambda *given: calls.append(given)) if told else None)
    gc.disable()
    try:
        left = weakref.ref(_Cycle())
        memory.keep_one_heap()
        memory.give_back()
    finally:
        gc.enable()
    assert left() is None
    assert calls == ([(-8, 1), (0,)] if told else [])


def test_functions_of_the_c_library() -> None:
    """One that is not there is None."""
    assert memory._c_function("psd_no_such_function") is None
