"""The documentation says what the code does."""

from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec
import pytest
import yaml

from patches.policy.configuration import DefaulterConfiguration, DenyIn, Mode, json_schema
from patches.policy.policy import IDS
from tests.shared_data import ROOT

_PAGES = sorted([*ROOT.glob("docs/*.md"), *(ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "SECURITY"))])
_GUIDE = (
    "patches/defaults/host_users.py",
    "patches/defaults/host_users.py",
    "patches/policy/configuration.py",
    "manifests/components/fortress/30-fortress.yaml",
    "tests/cases/defaults/hostUsers/host-pid.yaml",
    "docs/defaults.md",
)
"""The file of each block in the guide to a new default."""
_REFERENCE = (ROOT / "docs" / "configuration.md").read_text()


def test_the_reference_shows_the_effective_configuration_of_an_empty_file() -> None:
    """The YAML in the reference is what the types say, field by field."""
    (block,) = re.findall(r"```yaml\n(.*?)```", _REFERENCE, re.DOTALL)
    assert yaml.safe_load(block) == msgspec.json.decode(msgspec.json.encode(DefaulterConfiguration()))


def test_the_published_schema_is_that_of_the_types() -> None:
    """The schema in docs/ is what `config -o schema` prints; redirected there it is renewed."""
    published = json.loads((ROOT / "docs" / "configuration.schema.json").read_text())
    assert published == json.loads(json.dumps(json_schema()))


def test_every_part_of_the_file_has_a_row() -> None:
    """Each top-level field but apiVersion and kind is explained in the table; each mode and place to deny is named."""
    fields = {info.encode_name for info in msgspec.structs.fields(DefaulterConfiguration)} - {"apiVersion", "kind"}
    assert [name for name in fields if f"| `{name}` |" not in _REFERENCE] == []
    assert [value for value in (*Mode, *DenyIn) if f"`{value}`" not in _REFERENCE] == []
    assert [name for name in IDS if f"  {name}:\n" not in _REFERENCE] == []


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link names a file that is there."""
    for target in re.findall(r"\]\((?!https?:)([^)#]+)[^)]*\)", page.read_text()):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: page.name)
def test_anchors_are_there(page: Path) -> None:
    """Every link to a place in a page names a heading of it, as GitHub writes them, or an id."""
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#([^)]+)\)", page.read_text()):
        text = (page.parent / target if target else page).read_text()
        headings = re.findall(r"^#+ (?:<a id=\"[^\"]+\"></a>)?(.*)$", text, re.MULTILINE)
        found = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
        assert anchor in found | set(re.findall(r'<a id="([^"]+)">', text)), f"{target}#{anchor}"


def test_the_guide_shows_the_default_as_it_is() -> None:
    """Each block of code in the guide to a new default stands in the file that it is taken from."""
    guide = (ROOT / "CONTRIBUTING.md").read_text().partition("## Add a default")[2].partition("\n## ")[0]
    blocks = re.findall(r"\n   ```\w+\n(.*?)   ```\n", guide, re.DOTALL)
    texts = [(ROOT / path).read_text() for path in _GUIDE]
    assert [path for path, text, block in zip(_GUIDE, texts, blocks, strict=True) if _dedented(block) not in text] == []


def _dedented(block: str) -> str:
    """The block without the three spaces by which a list item indents it."""
    return "".join(line.removeprefix("   ") for line in block.splitlines(keepends=True))
