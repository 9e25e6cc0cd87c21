"""The page on metrics names every metric that there is, and no other."""

from __future__ import annotations

import re

from tests.shared_data import ROOT

_NAME = re.compile(r"psd_[a-z_]+")


def test_every_metric_is_documented() -> None:
    """Names in the sources and names in the table are the same; a counter's name gets `_total` on the page."""
    sources = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "webhook").rglob("*.py"))
    counters = set(re.findall(r'_counter\(\s*"(psd_[a-z_]+)"', sources))
    named = {f"{name}_total" if name in counters else name for name in re.findall(r'"(psd_[a-z_]+)"', sources)}
    page = (ROOT / "docs" / "observability.md").read_text(encoding="utf-8")
    rows = {_NAME.findall(line)[0] for line in page.splitlines() if line.startswith("| `psd_")}
    assert rows == named
    assert len(counters) == 4
