"""Make the tables of docs/ and of the page from the checks, the defaults, the reasons and the settings: `make tables`.

A table in docs/ stands between `<!-- make tables: NAME -->` and `<!-- end -->`; the page's scripts are made whole.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from patches.defaults import DEFAULTS
from patches.model.decisions import Reason, State, Withheld
from patches.model.notices import NoticeCode
from patches.model.starting import Cause
from patches.policy.configuration import DefaulterConfiguration, enabled_ids, json_schema
from patches.standards.checks import CHECKS
from webhook.documents.writer import to_yaml
from webhook.export.carried import CARRIED, NOT_CARRIED

ROOT: Final = Path(__file__).resolve().parent.parent
_LINK: Final = re.compile(r"\[([^\]]*)\]\([^)]*\)")


def tables() -> dict[Path, str]:
    """The text that each file should have, by its path. A page's own prose is taken from the file as it is."""
    static, docs = ROOT / "webhook" / "page" / "static", ROOT / "docs"
    return {
        static / "checks.js": _script(
            "What a violation means, which fields to change, and to what", "patches/standards/checks", CHECKS=_checks()
        ),
        static / "defaults.js": _script(
            "The defaults by id, in a few words", "patches/defaults", DEFAULTS={row.id: row.title for row in DEFAULTS}
        ),
        static / "reasons.js": _script(
            "What a state and a reason mean; `…` is code", "patches/model", STATES=_states(), REASONS=_reasons()
        ),
        static / "causes.js": _script(
            "Why a container does not start; `…` is code", "patches/model/starting.py", CAUSES=_explained(Cause)
        ),
        docs / "checks.md": replace_tables(docs / "checks.md", {"checks": _check_rows()}),
        docs / "defaults.md": replace_tables(docs / "defaults.md", {"defaults": _default_rows()}),
        docs / "export.md": replace_tables(docs / "export.md", {"export": _export_rows()}),
        docs / "reasons.md": replace_tables(docs / "reasons.md", _reason_rows()),
        docs / "configuration.md": replace_tables(docs / "configuration.md", {"configuration": _configuration()}),
        docs / "configuration.schema.json": _json(json_schema()),
    }


def _checks() -> dict[str, Any]:
    return {check.id: {"title": check.title, "field": check.fields, "fix": check.fix} for check in CHECKS}


def _states() -> dict[str, Any]:
    return {state.value: {"title": state.heading, "means": state.means} for state in State}


def _reasons() -> dict[str, Any]:
    return _explained((*Reason, *Withheld))


def _explained(codes: Iterable[Reason | Withheld | Cause]) -> dict[str, Any]:
    return {code.value: {"means": _unlinked(code.means), "advice": _unlinked(code.advice)} for code in codes}


def _unlinked(text: str) -> str:
    return _LINK.sub(r"\1", text)


def _check_rows() -> list[str]:
    rows = ((_anchor(check.id), check.level, f"1.{check.versions[0][0]}", check.asks, check.fix) for check in CHECKS)
    return _table(("id", "profile", "from", "what", "to satisfy it"), rows)


def _default_rows() -> list[str]:
    on = enabled_ids(DefaulterConfiguration().settings)
    rows = (
        (f"[`{default.id}`](#{default.id})", default.adds, default.level, "on" if default.id in on else "opt-in")
        for default in DEFAULTS
    )
    return _table(("default", "adds", "from profile", "out of the box"), rows)


def _export_rows() -> list[str]:
    carried = {row.id: row for row in CARRIED}
    rows = (
        (
            f"[`{default.id}`](defaults.md#{default.id})",
            "yes" if default.id in carried else "no",
            (carried[default.id].webhook_only or "nothing more") if default.id in carried else NOT_CARRIED[default.id],
        )
        for default in DEFAULTS
    )
    return _table(("default", "in a policy", "only in the webhook"), rows)


def _reason_rows() -> dict[str, list[str]]:
    """The rows of the reasons by the state that they belong to, of what withholds a patch, of notices and of starts."""
    groups: dict[str, list[Reason] | list[Withheld] | list[NoticeCode] | list[Cause]] = {
        state.value: [reason for reason in Reason if reason.states[0] is state] for state in State
    }
    groups["withheld"] = list(Withheld)
    groups["notices"] = list(NoticeCode)
    groups["starts"] = list(Cause)
    return {
        name: _table(
            ("reason", "what it means", "what to do"),
            ((_anchor(reason), reason.means, reason.advice) for reason in group),
        )
        for name, group in groups.items()
    }


def _configuration() -> list[str]:
    """The effective configuration of an empty file."""
    effective = msgspec.json.decode(msgspec.json.encode(DefaulterConfiguration()))
    return ["```yaml", *to_yaml(effective).splitlines(), "```"]


def _json(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n"


def _anchor(name: str) -> str:
    return f'<a id="{name}"></a>`{name}`'


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    lines = [header, *rows]
    written = [f"| {' | '.join(line)} |" for line in lines]
    return [written[0], "|" + "---|" * len(header), *written[1:]]


def replace_tables(path: Path, contents: Mapping[str, list[str]]) -> str:
    """The page with each of its tables replaced. Raises ValueError if it has another set of tables."""
    text = path.read_text(encoding="utf-8")
    pattern = re.compile(r"<!-- make tables: (\w+) -->\n.*?<!-- end -->\n", re.DOTALL)
    names = [match[1] for match in pattern.finditer(text)]
    if names != list(contents):
        raise ValueError(f"{path.name} has the tables {names}, not {[*contents]}")
    return pattern.sub(
        lambda match: "\n".join([f"<!-- make tables: {match[1]} -->", "", *contents[match[1]], "", "<!-- end -->", ""]),
        text,
    )


def _script(what: str, source: str, **values: Mapping[str, Any]) -> str:
    lines = [f"// {what}. Generated from {source}/ by `make tables`: change it there.", ""]
    for name, value in values.items():
        lines += [f"export const {name} = {json.dumps(value, indent=2, ensure_ascii=False)};", ""]
    return "\n".join(lines)


def main() -> None:
    """Write every file that is stale, and name it."""
    for path, text in tables().items():
        if path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            print(f"made {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
