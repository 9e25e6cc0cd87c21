"""The command line. Commands import what they need when they run, so that `--help` answers at once."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Final, NoReturn

_DESCRIPTION: Final = "Secure defaults for pods, and the Pod Security verdict on what they lead to."
_STATUS: Final = "Exit status: 0 all compliant, 1 violations remain, 2 input cannot be read."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status."""
    options = _parser().parse_args(arguments)
    command = import_module(f"webhook.cli.{options.command}")
    try:
        status: int = command.run(options)
    except BrokenPipeError:  # the reader of our output has gone: nothing is left to say
        sys.stderr.close()
        return 1
    return status


class _Version(argparse.Action):
    """Prints the installed version, looked up only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        """Print and leave."""
        print(parser.prog, version("pod-security-defaulter"))
        parser.exit()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="pod-security-defaulter", description=_DESCRIPTION)
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_serve(commands.add_parser("serve", help="serve admission over HTTPS"))
    _add_documents(
        commands.add_parser("preview", help="show what would be added, and what would still violate", epilog=_STATUS),
        ("table", "json", "yaml", "diff"),
    )
    _add_documents(
        commands.add_parser("check", help="judge only: what violates the profile as written", epilog=_STATUS),
        ("table", "json"),
    )
    config = commands.add_parser("config", help="print the effective configuration and explain every setting")
    config.add_argument("--config", type=Path, metavar="FILE", help="configuration file")
    config.add_argument(
        "-o",
        "--output",
        choices=("explain", "yaml", "json", "schema"),
        default="explain",
        help="explained YAML, plain YAML, JSON, or the JSON Schema of the file (default: explain)",
    )
    return parser


def _add_serve(parser: argparse.ArgumentParser) -> None:
    _add_inputs(parser)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8443, help="port to listen on, 0 for any (default: %(default)s)")
    parser.add_argument("--tls-cert", type=Path, metavar="FILE", help="certificate chain, PEM")
    parser.add_argument("--tls-key", type=Path, metavar="FILE", help="its key, PEM")
    parser.add_argument("--self-signed", type=Path, metavar="DIR", help="make a local certificate there, or reuse it")
    parser.add_argument("--demo", action="store_true", help="print a sample request and what comes back")


def _add_documents(parser: argparse.ArgumentParser, outputs: Sequence[str]) -> None:
    parser.add_argument(
        "-f",
        "--filename",
        dest="files",
        action="append",
        required=True,
        metavar="FILE|DIR|-",
        help="manifests; a directory's *.yaml, *.yml and *.json, below it too; - for standard input; may be repeated",
    )
    _add_inputs(parser)
    parser.add_argument("-n", "--namespace", default="default", help="namespace of objects that name none")
    parser.add_argument(
        "--profile", type=_profile, metavar="LEVEL[:VERSION]", help="judge by this, e.g. restricted:v1.30"
    )
    parser.add_argument("-o", "--output", choices=outputs, default=outputs[0], help="(default: %(default)s)")
    parser.add_argument("--color", choices=("auto", "always", "never"), default="auto", help="(default: %(default)s)")


def _add_inputs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, metavar="FILE", help="configuration file")
    parser.add_argument(
        "--objects",
        type=Path,
        action="append",
        default=[],
        metavar="FILE|DIR",
        help="manifests of Namespaces, LimitRanges, ResourceQuotas, ServiceAccounts and RuntimeClasses",
    )


def _profile(text: str) -> object:
    from patches.levels import parse_level_version  # noqa: PLC0415 (only this option needs it)

    try:
        return parse_level_version(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error}") from None
