"""Gives memory back to the system after much of it has been in use; elsewhere than with glibc, only some of it.

glibc keeps a heap for each thread, and gives back the end of the main one only; Python keeps small objects for reuse,
and their memory as long as one of them lies in it.
"""

from __future__ import annotations

import ctypes
import gc
import sys
from typing import Any, Final

_ARENA_MAX: Final = -8
"""`M_ARENA_MAX` of glibc's malloc.h: how many heaps there may be."""


def _c_function(name: str) -> Any:
    """A function of the C library; None if it has none of this name."""
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None


_MALLOPT: Final = _c_function("mallopt")
_MALLOC_TRIM: Final = _c_function("malloc_trim")


def keep_one_heap() -> None:
    """Have threads that start from now on use the main heap."""
    if _MALLOPT is not None:
        _MALLOPT(_ARENA_MAX, 1)


def give_back() -> None:
    """Give unused memory back to the system."""
    gc.collect()  # a full collection also frees the objects that Python keeps for reuse
    if _MALLOC_TRIM is not None:
        _MALLOC_TRIM(0)
