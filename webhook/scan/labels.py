"""The kubectl commands that label the namespaces that are ready, in safe order."""

from __future__ import annotations

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
from webhook.scan.results import NamespaceResult


def label_commands(namespaces: list[NamespaceResult], profile: LevelVersion) -> Iterator[str]:
    """Yield the lines of a shell script. Between its steps people look at what the warnings say.

    Args:
        namespaces: the result of a scan.
        profile: the profile of that scan.
    """
    compliant = [row.name for row in namespaces if row.verdict is Verdict.COMPLIANT]
    defaulted = [row.name for row in namespaces if row.verdict is Verdict.WITH_DEFAULTS]
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
        if row.verdict not in (Verdict.COMPLIANT, Verdict.WITH_DEFAULTS):
            yield f"# not ready: {row.name}: {row.verdict}"


def _command(namespace: str, labels: str) -> str:
    return f"kubectl label --overwrite namespace {namespace} {labels}"
