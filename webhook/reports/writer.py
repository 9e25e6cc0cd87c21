"""Writes policy reports to a cluster, by server-side apply: what others add to them stays theirs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from webhook.cluster.api import APPLY_PATCH, ClusterClient
from webhook.errors import ClusterError
from webhook.reports.policy_reports import NAME, ReportKind

_QUERY: Final = {"fieldManager": NAME, "force": "true"}


async def write_reports(client: ClusterClient, reports: Iterable[dict[str, Any]], kind: ReportKind) -> list[str]:
    """Write each report, and return what kept which namespace from getting its own; empty if all have one."""
    problems = []
    for report in reports:
        namespace = report["metadata"]["namespace"]
        try:
            await client.send("PATCH", kind.path(namespace), report, query=_QUERY, content_type=APPLY_PATCH)
        except ClusterError as error:
            problems.append(f"the report of {namespace} is not written: {error}")
    return problems
