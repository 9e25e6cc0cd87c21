"""What a default says of itself is what it does, over all of its cases."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any, Final, cast

import pytest

from patches.defaults import DEFAULTS
from patches.defaults.default import Default
from patches.defaults.draft import Draft
from patches.model.decisions import State
from patches.model.needs import Need
from patches.policy.namespace import CompiledNamespace
from tests.defaults.cases import load_cases
from tests.pods import view

KINDS: Final = {
    "limits": Need.LIMIT_RANGE,
    "quota_scopes": Need.RESOURCE_QUOTA,
    "has_quota": Need.RESOURCE_QUOTA,
    "known_limits": Need.LIMIT_RANGE,
    "service_accounts": Need.SERVICE_ACCOUNT,
    "bindings": Need.ROLE_BINDING,
    "runtime_classes": Need.RUNTIME_CLASS,
}
"""The kind of object behind each attribute of a compiled namespace."""

UNHURRIED: Final = {"policy", "exceptions", "images", "user_namespaces"}
"""What is no object, and what holds nothing up while it is unknown."""

OF_A_CLASS: Final = {"runtime_classes", "has_quota"}
"""What tells the handler of a pod's RuntimeClass, for a user namespace. Nothing is looked up for that."""

IN_USER_NAMESPACES: Final = {"capabilities", "hostUsers", "runAsNonRoot"}


class Recorder:
    """A compiled namespace that notes which of its attributes are read."""

    def __init__(self, namespace: CompiledNamespace) -> None:
        self._namespace = namespace
        self.read: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        self.read.add(name)
        return getattr(self._namespace, name)


each_default = pytest.mark.parametrize("default", DEFAULTS, ids=lambda default: default.id)


@pytest.mark.interpreted
@each_default
def test_it_reads_what_it_needs_to_know(default: Default) -> None:
    """Over its cases, a default looks at objects of the kinds that it names, and at no others."""
    read: set[str] = set()
    for case in load_cases():
        if case.id == default.id:
            recorder = Recorder(case.compiled())
            default.apply(Draft(view(case.document, case.origin), cast("CompiledNamespace", recorder), None))
            read |= recorder.read - UNHURRIED - (OF_A_CLASS if default.id in IN_USER_NAMESPACES else set())
    assert {KINDS[name] for name in read} == default.needs


@each_default
def test_it_writes_the_fields_that_it_names(default: Default) -> None:
    """Over its cases, each addition is at a field of its list, and each field of the list is written."""
    written: defaultdict[str, set[str]] = defaultdict(set)
    patterns = {field: pattern(field) for field in default.fields}
    for case in load_cases():
        if case.id == default.id:
            outcome = case.run()
            paths = {row.path for row in outcome.decisions if row.id == default.id and row.state is State.APPLIED}
            spec = view(case.document, case.origin).spec_path
            for path in paths:
                matching = [field for field in default.fields if patterns[field].fullmatch(path.removeprefix(spec))]
                assert len(matching) == 1, path
                written[matching[0]].add(path)
    assert written.keys() == set(default.fields)


def pattern(field: str) -> re.Pattern[str]:
    """What the JSON Pointers of a field, or of an entry of it, look like below the pod's spec."""
    text = re.escape("/" + field.replace(".", "/")).replace(r"\[\*\]", r"/\d+").replace(r"\*", "[^/]+")
    text = text.replace("/container/", r"/(?:initContainers|containers|ephemeralContainers)/\d+/")
    return re.compile(text + r"(?:/\d+)?")
