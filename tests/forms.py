"""The two forms of the engine: as it is written, and compiled. `make compiled` runs the tests on the second."""

from __future__ import annotations

import os
from typing import Final

import pytest

from patches import IS_COMPILED

FORM: Final = os.environ.get("PSD_FORM", "interpreted")
"""The one that is to be tested; tests/test_forms.py compares it with the one that runs."""
interpreted = pytest.mark.skipif(IS_COMPILED, reason="looks into the engine as it is written")
