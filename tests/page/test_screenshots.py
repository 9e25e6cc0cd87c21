"""Pictures of the page: `PSD_SCREENSHOTS=docs/images pytest tests/page/test_screenshots.py` renews those of docs/."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Page, expect

from tests.page.conftest import OpenPage

pytestmark = pytest.mark.browser

_MOST_BYTES: Final = 250_000
_DESK: Final = {"viewport": {"width": 1280, "height": 880}}
_PHONE: Final = {"viewport": {"width": 360, "height": 780}, "device_scale_factor": 2, "has_touch": True}
_PICTURES: Final[dict[str, tuple[dict[str, Any], str]]] = {
    "page-empty": (_DESK, ""),
    "page-light": (_DESK, "Try an example"),
    "page-dark": ({**_DESK, "color_scheme": "dark"}, "Try an example"),
    "page-error": (_DESK, "Try one with a mistake"),
    "page-phone": (_PHONE, "Try an example"),
}


@pytest.mark.parametrize("name", _PICTURES)
def test_a_picture(open_page: OpenPage, tmp_path: Path, name: str) -> None:
    """What the page looks like; small enough for a repository, and not blank."""
    options, example = _PICTURES[name]
    page = open_page(**options, reduced_motion="reduce")
    if example:
        page.get_by_role("button", name=example, exact=True).click()
        expect(page.locator(".diff").first).to_be_visible()
        page.mouse.move(0, 0)
    if name == "page-error":
        _show(page, page.locator(".card").first.locator(".toggle"))
    if name == "page-phone":
        page.locator("#outcome").evaluate("(element) => element.scrollIntoView()")
    path = Path(os.environ.get("PSD_SCREENSHOTS") or tmp_path) / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=path)
    if shutil.which("pngquant"):
        subprocess.run(["pngquant", "--force", "--ext", ".png", "--skip-if-larger", path], check=False, timeout=60)
    assert 10_000 < path.stat().st_size < _MOST_BYTES


def _show(page: Page, toggle: Any) -> None:
    """Close a card, so that what follows is in the picture."""
    toggle.click()
    page.mouse.move(0, 0)
    expect(page.locator(".card-body").first).to_be_hidden()
