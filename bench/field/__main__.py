"""`python -m bench.field`: the table of README.md, from clones of the public repositories that have the workloads."""

from __future__ import annotations

import argparse
import gzip
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bench.field.clones import fetch_commands, read_workloads
from bench.field.figures import count
from bench.field.workloads import LIST, Workload, read_list, write_list
from webhook.errors import InputError

_DESCRIPTION: Final = (
    "Count how many workloads of public repositories pass the restricted profile, from clones of them."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table, or the git commands that fetch what is missing for it.

    Returns:
        The exit status: 0 if the table was printed, 1 if something is missing.
    """
    options = _parser().parse_args(arguments)
    if options.write_list is not None:
        write_list(_listed(options.write_list), options.list)
        return 0
    workloads = read_list(options.list)
    commands = fetch_commands(workloads, options.clones)
    if commands:
        print("\n".join(commands))
        print(f"{len(commands)} repositories are missing: pipe these commands to sh, and try again", file=sys.stderr)
        return 1
    try:
        print(count(read_workloads(workloads, options.clones)).table())
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.field", description=_DESCRIPTION)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--clones", type=Path, metavar="DIR", help="directory with the clones, each at DIR/OWNER/NAME")
    what.add_argument(
        "--write-list",
        type=Path,
        metavar="FILE",
        help="write the list from a corpus: gzipped JSON, one workload a line, with repo, commit, path and index",
    )
    parser.add_argument("--list", type=Path, default=LIST, metavar="FILE", help="the list (default: %(default)s)")
    return parser


def _listed(corpus: Path) -> list[Workload]:
    with gzip.open(corpus, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [Workload(row["repo"], row["commit"], row["path"], row["index"]) for row in rows]


if __name__ == "__main__":
    sys.exit(main())
