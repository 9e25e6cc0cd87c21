"""The kubectl commands that label the namespaces that are ready, in safe order."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from patches import (
    MODE_LABEL,
    PROFILE_LABEL,
    PROFILE_VERSION_LABEL,
    PSA_PREFIX,
    LevelVersion,
    Mode,
    Verdict,
)
from webhook.review.messages import printable
from webhook.scan.results import NamespaceResult


def label_commands(namespaces: list[NamespaceResult], profile: LevelVersion) -> Iterator[str]:
    """Yield the lines of a shell script. Between its steps people look at what the warnings say.

    Args:
        namespaces: the result of a scan.
        profile: the profile of that scan.
    """
    compliant = [_quoted(row) for row in namespaces if row.verdict is Verdict.COMPLIANT]
    defaulted = [_quoted(row) for row in namespaces if row.verdict is Verdict.WITH_DEFAULTS]
    level, version = profile
    target = f"{PROFILE_LABEL}={level} {PROFILE_VERSION_LABEL}={version}"
    enforce = f"{PSA_PREFIX}enforce={level} {PSA_PREFIX}enforce-version={version}"
    if defaulted:
        yield "# 1. Warn of what defaulting would change: apply workloads, read the warnings."
        yield from (_command(name, f"{MODE_LABEL}={Mode.WARN} {target}") for name in defaulted)
        yield "# 2. Default new pods, then make the running ones anew: kubectl -n NAMESPACE rollout restart deployments"
        yield from (_command(name, f"{MODE_LABEL}={Mode.ENFORCE}") for name in defaulted)
    if defaulted or compliant:
        yield "# 3. When no pod from before is left: have Kubernetes refuse what violates the profile."
        yield from (_command(name, enforce) for name in sorted(compliant + defaulted))
    for row in namespaces:
        if not row.verdict.is_ready:
            yield f"# not ready: {_quoted(row)}: {row.verdict}"


def _quoted(namespace: NamespaceResult) -> str:
    """Its name as one word of a shell: in a file, anything may stand there."""
    return shlex.quote(printable(namespace.name))


def _command(namespace: str, labels: str) -> str:
    return f"kubectl label --overwrite namespace {namespace} {labels}"
