"""The types of a scan's answer. Every output prints these, and decides nothing."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType, field

from patches import Level, Verdict
from webhook.preview.results import EditRow, Failure, StartRow, ViolationRow


class Position(msgspec.Struct, frozen=True):
    """Where an object stands in the input: the file, which document of it, and the line, all from 1."""

    source: str
    document: int
    line: int


class Workload(msgspec.Struct):
    """One workload: what its author wrote, and the pods of it that run.

    Attributes:
        api_version: of the object; "" if only its pods are known.
        kind: of the object, or of the owner that its pods name.
        name: its name.
        namespace: its namespace.
        verdict: how it fares at the profile.
        fits: the strictest level that it passes once defaulted.
        nature: the checks that its purpose violates, not a value of its manifest; of a workload that cannot.
        violations: what Kubernetes finds in it as it is.
        violations_after: what it finds once defaulted.
        edits: the shortest edits after which it passes; null if none are known.
        starts: whether its containers start once defaulted.
        doubts: defaults after which containers of its images failed before, and a token that it may need and loses, a
            sentence each.
        pods: how many of its pods run.
        only_in_pods: containers that only its pods have, such as those of an injector.
        position: where it stands; null in a cluster.
        diff: what the edits and the defaults change in its pods, as hunks of a unified diff; only if asked for.
    """

    api_version: str
    kind: str
    name: str
    namespace: str
    verdict: Verdict = Verdict.COMPLIANT
    fits: Level = Level.RESTRICTED
    nature: list[str] = field(default_factory=list)
    violations: list[ViolationRow] = field(default_factory=list)
    violations_after: list[ViolationRow] = field(default_factory=list)
    edits: list[EditRow] | None = field(default_factory=list)
    starts: list[StartRow] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    pods: int = 0
    only_in_pods: list[str] = field(default_factory=list)
    position: Position | None = None
    diff: str | UnsetType = UNSET


class NamespaceResult(msgspec.Struct):
    """One namespace: the verdict is the worst of its workloads, `fits` the least strict level of theirs."""

    name: str
    verdict: Verdict
    fits: Level
    workloads: list[Workload]


class Unjudged(msgspec.Struct):
    """Objects whose pods are not judged.

    Attributes:
        group: their API group.
        kind: their kind.
        count: how many there are.
        paths: where they seem to hold a pod template, as in `templates` of the configuration; empty if they hold none.
    """

    group: str
    kind: str
    count: int
    paths: list[str]


class Scan(msgspec.Struct):
    """The whole answer.

    Attributes:
        profile: the profile that was asked about.
        namespaces: by name.
        kinds: how many objects with pods were judged, by kind.
        unjudged: objects of kinds that nobody configured, or without a pod template.
        errors: what could not be read.
        problems: what the user may not read, and what follows from that.
    """

    profile: str
    namespaces: list[NamespaceResult]
    kinds: dict[str, int]
    unjudged: list[Unjudged]
    errors: list[Failure]
    problems: list[str]


def counted(number: int, noun: str) -> str:
    """A number of things in words, as in "1 namespace" and "2 namespaces"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
