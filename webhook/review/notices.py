"""The sentences of the engine's notices, as warnings: useful words first, one line each."""

from __future__ import annotations

from typing import Final

from patches import Evaluation, NoticeCode, field_path

_SENTENCES: Final = {
    NoticeCode.ROOT_WITHOUT_CAPABILITIES: (
        'container "{0}" runs as root in a user namespace without capabilities: chown, setuid and setgid fail'
    ),
}
"""By code. `{path}` is where it is, as the API server writes fields; `{0}` and so on are the notice's values."""


def notice_warnings(evaluation: Evaluation) -> list[str]:
    """Return a warning for each notice, each text once."""
    return list(
        dict.fromkeys(
            "pod-security-defaulter: " + _SENTENCES[notice.code].format(*notice.values, path=field_path(notice.path))
            for notice in evaluation.notices
        )
    )
