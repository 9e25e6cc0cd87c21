"""What a person should hear in time, over the cases of each notice."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Final

import pytest

from patches.model.notices import Notice, NoticeCode
from patches.model.pod import Origin
from patches.policy.configuration import Mode
from patches.policy.namespace import CompiledNamespace
from patches.policy.policy import MODE_LABEL
from patches.standards.levels import parse_level_version
from tests.patches.build import run
from tests.patches.notice_cases import FOLDER, NoticeCase, load_notice_cases

CASES: Final = load_notice_cases()
each_case = pytest.mark.parametrize("case", CASES, ids=str)


@each_case
def test_the_notices_of_a_case(case: NoticeCase) -> None:
    """A case gets its notices, complete and in order, each code once; the document is left as it is."""
    assert case.source
    before = copy.deepcopy(case.document)
    notices = case.run().notices
    assert notices == case.notices
    assert len({notice.code for notice in notices}) == len(notices)
    assert case.document == before


def test_each_code_is_shown_and_refrained_from() -> None:
    """There is a folder for each code that is found here; in some of its cases the notice is given, in some not."""
    given = {
        code: {any(notice.code == code for notice in case.notices) for case in CASES if case.code == code}
        for code in (folder.name for folder in FOLDER.iterdir())
    }
    by_defaults = {
        NoticeCode.ROOT_WITHOUT_CAPABILITIES,
        NoticeCode.ROOT_IMAGE,
        NoticeCode.ROOT_IMAGE_MAPPABLE,
        NoticeCode.NAMED_USER_IMAGE,
        NoticeCode.VOLUME_EMPTIED,
        NoticeCode.CLAIM_IN_USER_NAMESPACE,
    }
    assert given == {str(code): {True, False} for code in NoticeCode if code not in by_defaults}


@each_case
def test_nothing_is_noted_where_nothing_is_done(case: NoticeCase) -> None:
    """Neither of an object that is being deleted, nor in mode off, nor of what the configuration exempts."""
    name = case.document["metadata"]["namespace"]
    deleted = copy.deepcopy(case.document)
    deleted["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    off = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {MODE_LABEL: "off"}}}
    exempt = {**case.configuration, "exemptions": {"namespaces": [name]}}
    for left in (
        replace(case, document=deleted),
        replace(case, objects=(*case.objects, off)),
        replace(case, configuration=exempt),
    ):
        assert left.run().notices == ()


def test_a_debug_session_gets_no_notices_of_the_pod() -> None:
    """An owner, an injector and a quota concern the pod when it is created."""
    case = next(case for case in CASES if str(case) == "quota-refusal/admission")
    old = case.document
    new = copy.deepcopy(old)
    new["spec"]["ephemeralContainers"] = [{"name": "debug", "image": "registry.example/debug:1"}]
    around = case.run().namespace
    assert run(old, around=around).notices != ()
    assert run(new, around=around, old=old).notices == ()


def test_previews_of_another_mode_or_target_do_not_say_that_pods_pass() -> None:
    """Where admission does something else than the preview shows, its pods may not pass."""
    case = next(case for case in CASES if str(case) == "template-as-written/file")
    around = case.run().namespace
    target = around.policy.target
    warned = replace(around, policy=replace(around.policy, mode=Mode.WARN))

    def noted(within: CompiledNamespace) -> tuple[Notice, ...]:
        return run(case.document, around=within, origin=Origin.MANIFEST).notices

    assert noted(around.enforcing()) == noted(around.retargeted(target)) == case.notices
    assert noted(warned.enforcing()) == noted(warned.enforcing().retargeted(target)) == ()
    assert noted(around.retargeted(parse_level_version("restricted:v1.30"))) == ()
