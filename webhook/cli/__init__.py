"""The command line. Commands import what they need when they run, so that `--help` answers at once."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Final, NoReturn

_DESCRIPTION: Final = "Secure defaults for pods, and the Pod Security verdict on what they lead to."
_SHORTEST_LIFETIME: Final = 10
"""Seconds. Certificates count whole ones, and a renewal takes some."""
_STATUS: Final = "Exit status: 0 all compliant, 1 violations remain, 2 input cannot be read."
_CERTS_STATUS: Final = "Exit status: 0 all well, 1 something is wrong, 2 it cannot be read."


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
    _add_certs(commands.add_parser("certs", help="show the state of certificates", epilog=_CERTS_STATUS))
    config = commands.add_parser("config", help="print the effective configuration and explain every setting")
    _add_config(config)
    config.add_argument(
        "-o",
        "--output",
        choices=("explain", "yaml", "json", "schema"),
        default="explain",
        help="explained YAML, plain YAML, JSON, or the JSON Schema of the file (default: explain)",
    )
    return parser


def _add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config", type=Path, metavar="FILE|DIR", help="configuration; of a directory all files, joined in order"
    )


def _add_serve(parser: argparse.ArgumentParser) -> None:
    _add_inputs(parser)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8443, help="port to listen on, 0 for any (default: %(default)s)")
    parser.add_argument(
        "--health-host", metavar="HOST", help="address for probes and metrics (default: that of --host)"
    )
    parser.add_argument("--health-port", type=int, metavar="PORT", help="port for probes and metrics, plain HTTP")
    parser.add_argument(
        "--preview-port",
        type=int,
        metavar="PORT",
        help="port for previews and their page; without --cluster plain HTTP, and on loopback only",
    )
    parser.add_argument("--preview-host", metavar="HOST", help="address for them (default: that of --host)")
    parser.add_argument("--no-admission", dest="admission", action="store_false", help="answer no reviews")
    parser.add_argument("--drain-seconds", type=_seconds, default=0.0, metavar="N", help="go on serving after SIGTERM")
    parser.add_argument("--demo", action="store_true", help="print a sample request and what comes back")
    logs = parser.add_argument_group("logs")
    logs.add_argument("--log-format", choices=("text", "json"), default="text", help="(default: %(default)s)")
    logs.add_argument(
        "--log-level",
        choices=("debug", "info", "warning", "error"),
        default="info",
        help="info has a line for each review (default: %(default)s)",
    )
    tls = parser.add_argument_group("TLS", "One of: files, a local certificate, or one that is managed in the cluster.")
    tls.add_argument("--tls-cert", type=Path, metavar="FILE", help="certificate chain, PEM; read again when it changes")
    tls.add_argument("--tls-key", type=Path, metavar="FILE", help="its key, PEM")
    tls.add_argument("--self-signed", type=Path, metavar="DIR", help="make a local certificate there, or reuse it")
    tls.add_argument(
        "--managed-certificates",
        action="store_true",
        help="keep a CA and a certificate in our Secret, and the CA in our webhook configurations",
    )
    tls.add_argument(
        "--inject-ca",
        action="append",
        choices=("mutating", "validating"),
        default=[],
        help="which webhook configuration gets the managed CA; may be repeated",
    )
    tls.add_argument(
        "--certificate-lifetime",
        type=_lifetime,
        metavar="SECONDS",
        help="of managed serving certificates; the CA lives four times as long (default: 90 days)",
    )
    tls.add_argument("--client-ca", type=Path, metavar="FILE", help="answer only who has a certificate of this CA, PEM")
    cluster = parser.add_argument_group("cluster")
    cluster.add_argument("--cluster", action="store_true", help="learn namespaces from the API server, as they change")
    _add_connection(cluster)


def _add_cluster(parser: argparse._ActionsContainer) -> None:
    parser.add_argument("--kubeconfig", type=Path, metavar="FILE", help="(default: $KUBECONFIG, or that of kubectl)")
    parser.add_argument("--context", metavar="NAME", help="context of the kubeconfig (default: its current one)")


def _add_connection(parser: argparse._ActionsContainer) -> None:
    _add_cluster(parser)
    parser.add_argument(
        "--own-namespace",
        metavar="NAME",
        help="where our Secret and Lease are (default: $POD_NAMESPACE, or that of the pod or context)",
    )


def _add_certs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--tls-cert", type=Path, metavar="FILE", help="of this chain in PEM, instead of the cluster's")
    _add_connection(parser)
    parser.add_argument("-o", "--output", choices=("table", "json"), default="table", help="(default: %(default)s)")


def _lifetime(text: str) -> float:
    seconds = _seconds(text)
    if seconds < _SHORTEST_LIFETIME:
        raise argparse.ArgumentTypeError(f"{text!r}: expected {_SHORTEST_LIFETIME} seconds or more")
    return seconds


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r}: expected seconds, 0 or more")
    return seconds


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
    parser.add_argument(
        "-n",
        "--namespace",
        help="namespace of objects that name none (default: that of the context, or default); asks the current cluster",
    )
    _add_cluster(parser)
    parser.add_argument("--offline", action="store_true", help="ask no cluster, also with -n")
    parser.add_argument(
        "--profile", type=_profile, metavar="LEVEL[:VERSION]", help="judge by this, e.g. restricted:v1.30"
    )
    parser.add_argument("-o", "--output", choices=outputs, default=outputs[0], help="(default: %(default)s)")
    parser.add_argument("--color", choices=("auto", "always", "never"), default="auto", help="(default: %(default)s)")


def _add_inputs(parser: argparse.ArgumentParser) -> None:
    _add_config(parser)
    parser.add_argument(
        "--objects",
        type=Path,
        action="append",
        default=[],
        metavar="FILE|DIR",
        help="manifests of Namespaces, LimitRanges, ResourceQuotas, ServiceAccounts and RuntimeClasses",
    )


def _profile(text: str) -> object:
    from patches.standards.levels import parse_level_version  # noqa: PLC0415 (only this option needs it)

    try:
        return parse_level_version(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error}") from None
