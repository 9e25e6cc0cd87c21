"""The page's files: complete, and of this server only."""

from __future__ import annotations

import re

import pytest

from tests.shared_data import ROOT
from webhook.page.assets import HEADERS, load_assets

_STATIC = ROOT / "webhook" / "page" / "static"


def test_every_file_is_loaded_with_its_type() -> None:
    """No file is left out, and the server need not guess what one is."""
    assets = load_assets()
    assert sorted(assets) == sorted(path.name for path in _STATIC.iterdir())
    assert {asset.content_type.split(";")[0] for asset in assets.values()} == {
        "text/html",
        "text/css",
        "text/javascript",
        "image/svg+xml",
    }


def test_an_etag_is_strong_and_of_the_bytes() -> None:
    """Different files have different tags, and loading again gives the same."""
    etags = {name: asset.etag for name, asset in load_assets().items()}
    assert len(set(etags.values())) == len(etags)
    assert all(re.fullmatch(r'"[0-9a-f]{32}"', etag) for etag in etags.values())
    assert etags == {name: asset.etag for name, asset in load_assets().items()}


def test_every_reference_leads_to_a_file() -> None:
    """What the page and its modules name is there, and is named relatively: the page works below any prefix."""
    names = set(load_assets())
    html = load_assets()["index.html"].body.decode()
    assert {name.removeprefix("static/") for name in re.findall(r'(?:src|href)="([^"#]+)"', html)} <= names
    imports = {
        name
        for file, asset in load_assets().items()
        if file.endswith(".js")
        for name in re.findall(r'from "\./([^"]+)"', asset.body.decode())
    }
    modules = {name for name in names if name.endswith(".js")}
    assert imports == modules - {"main.js"}  # every module is used, but for the one that the page starts


@pytest.mark.parametrize(
    "forbidden",
    [
        r"https?://(?!www\.w3\.org/)",
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser",
        r"\beval\b|new Function|javascript:",
        r"sessionStorage|document\.cookie|indexedDB",
        r"<[^>]+\s(?:style|on\w+)=",
        r"<style|<script(?![^>]+src=)",
        r"@import|url\(",
    ],
)
def test_nothing_foreign_or_inline(forbidden: str) -> None:
    """No other origin, no text that becomes markup, nothing that the Content-Security-Policy would stop."""
    found = [name for name, asset in load_assets().items() if re.search(forbidden, asset.body.decode())]
    assert found == []


def test_the_policy_is_strict() -> None:
    """Only files of this server run, and nothing inline does."""
    policy = HEADERS["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert set(re.findall(r"'[^']+'", policy)) == {"'none'", "'self'"}
