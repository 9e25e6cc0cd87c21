"""A default is one module, one line in the tuple, one entry of the settings, one case folder and one docs section."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from collections import defaultdict
from typing import Final

import pytest

import patches.defaults
from patches.defaults import DEFAULTS
from patches.model.decisions import Reason, State, Withheld
from patches.model.notices import NoticeCode
from patches.model.starting import Cause
from patches.policy.configuration import DefaulterConfiguration, enabled_ids
from patches.policy.policy import IDS as SETTINGS_IDS
from patches.standards.judge import judge
from patches.standards.levels import Level, parse_level_version
from tests.defaults.cases import FOLDER, load_cases
from tests.defaults.test_facts import REACHED
from tests.pods import view
from tests.shared_data import ROOT

IDS: Final = [default.id for default in DEFAULTS]
OPT_IN: Final = set(IDS) - enabled_ids(DefaulterConfiguration().settings)
STATES: Final = {
    "add": State.APPLIED,
    "append": State.APPLIED,
    "remove": State.APPLIED,
    "replace": State.APPLIED,
    "kept": State.KEPT,
    "skipped": State.SKIPPED,
    "conflict": State.CONFLICT,
}
"""The state that each method of a draft notes."""

NO_DEFAULTS: Final = {
    "cloud_identities",
    "default",
    "draft",
    "image_users",
    "injectors",
    "resource_slots",
    "writable_paths",
}
"""The modules beside the defaults' own."""

ANY_DEFAULT: Final = {Reason.SKIP_ANNOTATION, Reason.EXCEPTION, Reason.PLACEHOLDER}
"""The reasons for which any default can be left out, whatever its module says."""

DEFAULTS_PAGE: Final = ROOT / "docs" / "defaults.md"
REASONS_PAGE: Final = ROOT / "docs" / "reasons.md"


def module_name(default: str) -> str:
    """The module of a default: its id in snake_case."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", default).lower()


def source(default: str) -> str:
    """The text of a default's module."""
    return (ROOT / "patches" / "defaults" / f"{module_name(default)}.py").read_text(encoding="utf-8")


def test_ids_are_unique() -> None:
    """The tuple lists each default once."""
    assert len(set(IDS)) == len(IDS)


def test_order() -> None:
    """The order is that of the design.

    `runAsNonRoot` looks at the pod as it came; `os` decides whether the fields of Linux may follow; the profile's
    defaults come before those that an operator opts into; `imagePullPolicy` counts volumes after the token's is gone
    and /tmp's are there.
    """
    place = {name: IDS.index(name) for name in IDS}
    assert place["runAsNonRoot"] == 0
    assert all(place["os"] <= place[name] for name in IDS if "draft.windows" in source(name))
    assert [name in OPT_IN for name in IDS] == sorted(name in OPT_IN for name in IDS)
    assert place["imagePullPolicy"] > max(place["automountServiceAccountToken"], place["readOnlyRootFilesystem"])


def test_every_module_is_listed_once() -> None:
    """The tuple holds the default of every module of the package, and each module is called as its id."""
    names = {info.name for info in pkgutil.iter_modules(patches.defaults.__path__)} - NO_DEFAULTS
    assert sorted(names) == sorted(module_name(default.id) for default in DEFAULTS)
    for default in DEFAULTS:
        module = importlib.import_module(f"patches.defaults.{module_name(default.id)}")
        assert module.DEFAULT is default
        assert (module.ID, module.apply) == (default.id, default.apply)
        text = ast.get_docstring(ast.parse(source(default.id))) or ""
        assert text.startswith(f"{default.id}: ")
        assert "Source: " in text


def test_every_default_can_be_excepted() -> None:
    """One that asks for its containers leaves out the excepted ones, any other one the pod; a case of each shows it."""
    for default in DEFAULTS:
        asks = "draft.containers_for(" in source(default.id)
        assert default.per_container is asks, default.id
        places = [
            path
            for case in load_cases()
            for path, _, reason in case.decisions
            if case.id == default.id and reason == Reason.EXCEPTION
        ]
        assert any("ontainers/" in path for path in places) is asks, default.id
        assert places, default.id


def test_settings_are_those_of_the_defaults() -> None:
    """The configuration has one entry for each id, in the same order."""
    assert list(SETTINGS_IDS) == IDS


def test_profiles() -> None:
    """What is on out of the box to pass restricted acts at restricted; the rest at baseline too; none at privileged."""
    restricted = parse_level_version("restricted")
    passing = set()
    for case in load_cases():
        before = judge(view(case.document, case.origin), restricted)
        if judge(view(case.expected, case.origin), restricted) != before:
            passing.add(case.id)
    at_restricted = {default.id for default in DEFAULTS if default.level is Level.RESTRICTED}
    assert at_restricted == passing - OPT_IN
    assert {default.level for default in DEFAULTS if default.id not in at_restricted} == {Level.BASELINE}


def test_every_default_has_cases_for_every_state() -> None:
    """There is a case folder for each id and none beside them, and each state that a default can note is shown."""
    assert {folder.name for folder in FOLDER.iterdir()} == set(IDS)
    shown: defaultdict[str, set[str]] = defaultdict(set)
    for case in load_cases():
        shown[case.id] |= {state for _, state, reason in case.decisions if reason not in ANY_DEFAULT}
    methods = re.compile(rf"draft\.({'|'.join(STATES)})\b")
    assert shown == {name: {STATES[method] for method in methods.findall(source(name))} for name in IDS}


def test_every_default_has_a_case_for_each_of_its_reasons() -> None:
    """Each reason that a default's module names is given in one of its cases; test_facts.py reaches the others."""
    for name in IDS:
        named = {Reason[code] for code in re.findall(r"\bReason\.([A-Z_]+)", source(name))}
        given = {reason for case in load_cases() if case.id == name for _, _, reason in case.decisions}
        assert {reason for reason in named - REACHED - {Reason.UNKNOWN} if reason not in given} == set(), name


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
    assert re.findall(r"^\| \[`(\w+)`\]\(#(\w+)\) \|", page, re.MULTILINE) == [(name, name) for name in IDS]
    assert re.findall(r'^## <a id="(\w+)"></a>`(\w+)`$', page, re.MULTILINE) == [(name, name) for name in IDS]


@pytest.mark.parametrize("name", IDS)
def test_docs_section_answers_the_questions(name: str) -> None:
    """Each section says what is added, when it refrains, how to opt out, and what can break."""
    section = DEFAULTS_PAGE.read_text(encoding="utf-8").partition(f'<a id="{name}">')[2].partition("\n## ")[0]
    asked = ["Adds", "When", "Refrains", "Opting out", "Can break"]
    answers = re.findall(r"^- \*\*([^*]+)\*\*", section, re.MULTILINE)
    assert [answer for answer in answers if answer != "Images"] == asked  # to which not every default looks


def test_every_reason_has_a_docs_row() -> None:
    """The page of reasons has one row for each code and none beside them."""
    page = REASONS_PAGE.read_text(encoding="utf-8")
    rows = re.findall(r'^\| <a id="([a-z-]+)"></a>`([a-z-]+)` \|', page, re.MULTILINE)
    assert sorted(rows) == sorted((reason.value, reason.value) for reason in (*Reason, *Withheld, *NoticeCode, *Cause))


def test_docs_name_only_reasons_that_exist() -> None:
    """Each link from the defaults to a reason leads to a row."""
    linked = re.findall(r"\[`([a-z-]+)`\]\(reasons\.md#([a-z-]+)\)", DEFAULTS_PAGE.read_text(encoding="utf-8"))
    assert linked
    assert {code for row in linked for code in row} <= {*Reason, *NoticeCode, *Cause}


def test_reasons_that_a_default_gives_are_in_its_section() -> None:
    """What a default's cases are skipped, kept apart or in conflict for is explained in its section."""
    general = {Reason.UNSET, Reason.AUTHOR, Reason.EXPLICIT_VALUE, *ANY_DEFAULT}
    page = DEFAULTS_PAGE.read_text(encoding="utf-8")
    for name in IDS:
        section = page.partition(f'<a id="{name}">')[2].partition("\n## ")[0]
        given = {reason for case in load_cases() if case.id == name for _, _, reason in case.decisions}
        assert {reason for reason in given - general if f"(reasons.md#{reason})" not in section} == set(), name
