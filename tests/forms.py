"""The two forms of the engine: as it is written, and compiled. `make compiled` runs the tests on the second."""

from __future__ import annotations

import os
from typing import Final

FORM: Final = os.environ.get("PSD_FORM", "interpreted")
"""The one that is to be tested; tests/test_forms.py compares it with the one that runs."""
