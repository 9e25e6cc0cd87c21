"""A default is one module, one line in the tuple, one entry of the settings, one case folder and one docs section."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections import defaultdict
from typing import Final

import pytest

import patches.defaults
from patches.defaults import DEFAULTS
from patches.model.decisions import Reason, State, Withheld
from patches.policy.configuration import DefaulterConfiguration, enabled_ids
from patches.policy.policy import IDS
from patches.standards.levels import Level
from tests.defaults.cases import FOLDER, load_cases
from tests.defaults.test_facts import REACHED
from tests.shared_data import ROOT

ORDER: Final = {
    "runAsNonRoot": {"applied", "kept", "skipped", "conflict"},
    "os": {"applied", "kept", "skipped"},
    "seccompProfile": {"applied", "kept", "skipped", "conflict"},
    "allowPrivilegeEscalation": {"applied", "kept", "skipped", "conflict"},
    "capabilities": {"applied", "kept", "skipped", "conflict"},
    "automountServiceAccountToken": {"applied", "kept", "skipped"},
    "resources": {"applied", "kept", "skipped"},
    "readOnlyRootFilesystem": {"applied", "kept", "skipped"},
    "identity": {"applied", "kept", "skipped"},
    "runtimeClassName": {"applied", "kept", "skipped"},
    "imagePullPolicy": {"applied", "kept"},
    "hostUsers": {"applied", "kept", "skipped"},
    "appArmorProfile": {"applied", "kept", "skipped", "conflict"},
}
"""The ids in the order in which they act, and the states that each has by itself (any may be skipped by annotation).

The order is that of the design: `runAsNonRoot` looks at the pod as it came; `os` decides whether the fields of Linux
may follow; the profile's defaults come before those that an operator opts into; `imagePullPolicy` counts volumes after
the token's is gone and /tmp's are there.
"""

OPT_IN: Final = {
    "readOnlyRootFilesystem",
    "identity",
    "runtimeClassName",
    "imagePullPolicy",
    "hostUsers",
    "appArmorProfile",
}
AT_BASELINE: Final = OPT_IN | {"automountServiceAccountToken", "resources"}

NO_DEFAULTS: Final = {"default", "draft", "resource_slots"}
"""The modules beside the defaults' own."""

DEFAULTS_PAGE: Final = ROOT / "docs" / "defaults.md"
REASONS_PAGE: Final = ROOT / "docs" / "reasons.md"


def module_name(default: str) -> str:
    """The module of a default: its id in snake_case."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", default).lower()


def test_ids_are_unique_and_in_order() -> None:
    """The tuple lists the defaults in the order of the design, each once."""
    assert [default.id for default in DEFAULTS] == list(ORDER)


def test_every_module_is_listed_once() -> None:
    """The tuple holds the default of every module of the package, and each module is called as its id."""
    names = {info.name for info in pkgutil.iter_modules(patches.defaults.__path__)} - NO_DEFAULTS
    assert sorted(names) == sorted(module_name(default.id) for default in DEFAULTS)
    for default in DEFAULTS:
        module = importlib.import_module(f"patches.defaults.{module_name(default.id)}")
        assert module.DEFAULT is default
        assert (module.ID, module.apply) == (default.id, default.apply)
        assert (module.__doc__ or "").startswith(f"{default.id}: ")
        assert "Source: " in (module.__doc__ or "")


def test_settings_are_those_of_the_defaults() -> None:
    """The configuration has one entry for each id, in the same order; opt-ins are off out of the box."""
    assert list(IDS) == list(ORDER)
    assert enabled_ids(DefaulterConfiguration().settings) == ORDER.keys() - OPT_IN


def test_profiles() -> None:
    """What no profile but restricted asks for acts at restricted; the rest at baseline too; nothing at privileged."""
    at = {default.id: default.level for default in DEFAULTS}
    assert at == {name: Level.BASELINE if name in AT_BASELINE else Level.RESTRICTED for name in ORDER}


def test_every_default_has_cases_for_every_state() -> None:
    """There is a case folder for each id and none beside them, and each state of a default is shown."""
    assert {folder.name for folder in FOLDER.iterdir()} == ORDER.keys()
    shown: defaultdict[str, set[str]] = defaultdict(set)
    for case in load_cases():
        shown[case.id] |= {state for _, state, reason in case.decisions if reason != Reason.SKIP_ANNOTATION}
    assert shown == ORDER


def test_every_reason_is_reached() -> None:
    """Each reason code is shown by a case, or where a manifest cannot reach it by a test of its own."""
    shown = {reason for case in load_cases() for _, _, reason in case.decisions}
    shown |= {case.withheld for case in load_cases() if case.withheld is not None}
    assert shown | REACHED == {*Reason, *Withheld}
    assert shown.isdisjoint(REACHED)


def test_every_reason_accompanies_its_states() -> None:
    """Over all cases, each reason stands beside exactly the states that it says it belongs to."""
    seen: defaultdict[Reason, set[State]] = defaultdict(set)
    for case in load_cases():
        for decision in case.run().decisions:
            seen[decision.reason].add(decision.state)
    assert seen == {reason: set(reason.states) for reason in Reason if reason not in REACHED}


def test_every_default_has_a_docs_section() -> None:
    """The page lists the defaults in their order, in its table and by section, and links one to the other."""
    page = DEFAULTS_PAGE.read_text(encoding="utf-8")
    assert re.findall(r"^\| \[`(\w+)`\]\(#(\w+)\) \|", page, re.MULTILINE) == [(name, name) for name in ORDER]
    assert re.findall(r'^## <a id="(\w+)"></a>`(\w+)`$', page, re.MULTILINE) == [(name, name) for name in ORDER]


@pytest.mark.parametrize("name", ORDER)
def test_docs_section_answers_the_questions(name: str) -> None:
    """Each section says what is added, when it refrains, how to opt out, and what can break."""
    section = DEFAULTS_PAGE.read_text(encoding="utf-8").partition(f'<a id="{name}">')[2].partition("\n## ")[0]
    asked = ["Adds", "When", "Refrains", "Opting out", "Can break"]
    assert re.findall(r"^- \*\*([^*]+)\*\*", section, re.MULTILINE) == asked


def test_every_reason_has_a_docs_row() -> None:
    """The page of reasons has one row for each code and none beside them."""
    page = REASONS_PAGE.read_text(encoding="utf-8")
    rows = re.findall(r'^\| <a id="([a-z-]+)"></a>`([a-z-]+)` \|', page, re.MULTILINE)
    assert sorted(rows) == sorted((reason.value, reason.value) for reason in (*Reason, *Withheld))


def test_docs_name_only_reasons_that_exist() -> None:
    """Each link from the defaults to a reason leads to a row."""
    linked = re.findall(r"\[`([a-z-]+)`\]\(reasons\.md#([a-z-]+)\)", DEFAULTS_PAGE.read_text(encoding="utf-8"))
    assert linked
    assert {code for row in linked for code in row} <= set(Reason)


def test_reasons_that_a_default_gives_are_in_its_section() -> None:
    """What a default's cases are skipped, kept apart or in conflict for is explained in its section."""
    general = {Reason.UNSET, Reason.AUTHOR, Reason.EXPLICIT_VALUE, Reason.SKIP_ANNOTATION}
    page = DEFAULTS_PAGE.read_text(encoding="utf-8")
    for name in ORDER:
        section = page.partition(f'<a id="{name}">')[2].partition("\n## ")[0]
        given = {reason for case in load_cases() if case.id == name for _, _, reason in case.decisions}
        assert {reason for reason in given - general if f"(reasons.md#{reason})" not in section} == set(), name
