"""What a person should hear in time about a pod: a code, a place and values. The sentences are made by the printers."""

from __future__ import annotations

from typing import NamedTuple

from patches.model.explained import Explained


class NoticeCode(Explained):
    """What a notice is about. A closed set, in the order of docs/reasons.md."""

    ROOT_WITHOUT_CAPABILITIES = (
        "root-without-capabilities",
        (
            "The container runs as user 0 in a user namespace, so it passes and every capability is dropped: `chown`, "
            "`setuid` and `setgid` then fail."
        ),
        "Add the capabilities that it needs, as `CHOWN`, where the profile allows them, or do without root.",
    )


class Notice(NamedTuple):
    """One notice. `path` is a JSON Pointer into the document; `values` are what the sentence names, in its order."""

    code: NoticeCode
    path: str
    values: tuple[str, ...] = ()
