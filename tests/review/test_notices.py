"""The sentences of notices: each code has one, once per text, printable."""

from __future__ import annotations

from dataclasses import replace

import pytest

from patches import Evaluation, Notice, NoticeCode, evaluate
from tests.pods import view
from tests.review.builders import pod
from tests.review.test_messages import compiled
from webhook.review.notices import notice_warnings


def evaluation_with(*notices: Notice) -> Evaluation:
    """An evaluation of a bare pod with these notices."""
    return replace(evaluate(view(pod()), compiled({})), notices=notices)


@pytest.mark.parametrize("code", NoticeCode, ids=str)
def test_every_code_has_a_sentence(code: NoticeCode) -> None:
    """One line that fits the length to which an API server cuts, with the notice's values in it."""
    values = tuple(f"value{index}" for index in range(6))
    (text,) = notice_warnings(evaluation_with(Notice(code, "/spec/containers/0", values)))
    assert text.isprintable()
    assert text.startswith("pod-security-defaulter: ")
    assert "value0" in text or "spec.containers[0]" in text
    assert len(text) <= 256


def test_a_text_is_said_once() -> None:
    """The API server would show it once anyway."""
    notice = Notice(NoticeCode.ROOT_WITHOUT_CAPABILITIES, "/spec/containers/0", ("app",))
    assert len(notice_warnings(evaluation_with(notice, notice))) == 1
