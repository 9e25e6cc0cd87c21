"""`python -m bench.peers`: what policies of a cluster do to the pods of `bench/field`. Run it before and after."""

from __future__ import annotations

import argparse
import asyncio
import gzip
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from bench.field.clones import fetch_commands, read_workloads
from bench.field.workloads import LIST, read_list
from bench.peers.cluster import Outcome, create_pods, prepared
from bench.peers.damage import compare
from bench.peers.pods import pods_of
from webhook.cluster.connection import connect
from webhook.cluster.options import ConnectionOptions
from webhook.errors import ClusterError, InputError

_DESCRIPTION: Final = (
    "Create the pods of the field's workloads as dry runs, once before and once after policies are installed; count "
    "those that are refused because of the policies, and those with values of their author that they overwrote."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Create the pods; save what became of them, or compare with what was saved.

    Returns:
        The exit status: 0, or 1 if workloads are missing or the API server fails.
    """
    options = _parser().parse_args(arguments)
    workloads = read_list(options.list)
    if fetch_commands(workloads, options.clones):
        print(f"error: fetch what is missing: python -m bench.field --clones {options.clones} | sh", file=sys.stderr)
        return 1
    try:
        pods = pods_of(read_workloads(workloads, options.clones))
        connection = ConnectionOptions(kubeconfig=options.kubeconfig, context=options.context)
        outcomes = asyncio.run(outcomes_of(pods, connection, dict(options.label)))
    except (ClusterError, InputError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if options.save is not None:
        _save(options.save, outcomes)
        print(f"{sum(row.pod is not None for row in outcomes)} of {len(outcomes)} pods accepted")
    else:
        print("\n".join(compare(pods, _load(options.against), outcomes).lines()))
    return 0


async def outcomes_of(
    pods: Sequence[dict[str, Any]], connection: ConnectionOptions, labels: Mapping[str, str]
) -> list[Outcome]:
    """Create the pods on a cluster, in a namespace with these labels. Raises ClusterError."""
    async with connect(connection) as client, prepared(client, pods, labels) as namespace:
        return await create_pods(client, pods, namespace)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.peers", description=_DESCRIPTION)
    parser.add_argument("--clones", type=Path, required=True, metavar="DIR", help="as for python -m bench.field")
    parser.add_argument("--list", type=Path, default=LIST, metavar="FILE", help="the list (default: %(default)s)")
    parser.add_argument("--kubeconfig", type=Path, metavar="FILE", help="(default: $KUBECONFIG, or as kubectl)")
    parser.add_argument("--context", metavar="NAME", help="context of the kubeconfig (default: the current one)")
    parser.add_argument(
        "--label", type=_label, action="append", default=[], metavar="KEY=VALUE", help="label of the namespace"
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--save", type=Path, metavar="FILE", help="save what becomes of the pods without the policies")
    what.add_argument("--against", type=Path, metavar="FILE", help="compare with what was saved")
    return parser


def _label(text: str) -> tuple[str, str]:
    key, _, value = text.partition("=")
    return key, value


def _save(file: Path, outcomes: Sequence[Outcome]) -> None:
    file.write_bytes(gzip.compress(msgspec.json.encode(outcomes), mtime=0))


def _load(file: Path) -> list[Outcome]:
    return msgspec.json.decode(gzip.decompress(file.read_bytes()), type=list[Outcome])


if __name__ == "__main__":
    sys.exit(main())
