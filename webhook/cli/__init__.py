"""The command line. Each command imports its modules when it runs, so that `--help` is fast."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Final, NoReturn

REPORT_KINDS: Final = ("openreports", "wgpolicyk8s")
"""The outputs that are objects for a cluster."""
REPORTS: Final = ("sarif", "junit", *REPORT_KINDS)
"""The outputs that are for other programs, and that `webhook.cli.reports` writes."""
_DESCRIPTION: Final = "Add secure defaults to pods, and judge the result by the Pod Security Standards."
_SHORTEST_LIFETIME: Final = 10
"""Seconds. Certificates have no fractions of seconds, and a renewal takes a few."""
_STATUS: Final = "Exit status: 0 if all pods comply, 1 if violations remain, 2 if the input cannot be read."
_FIX_STATUS: Final = (
    "Exit status: 0 if all pods comply, 1 if violations or edits by hand remain, or, with --check, if a file would "
    "change, 2 if the input cannot be read."
)
_KRM_STATUS: Final = "Exit status: 0 if all was read, whether it complies or not, 2 if the input cannot be read."
_READ_STATUS: Final = "Exit status: 0 if all was read, 2 if the input cannot be read."
_SCAN_STATUS: Final = "Exit status: 0 if all is ready, 1 if something is not, 2 if the input cannot be read."
_CERTS_STATUS: Final = "Exit status: 0 if all is well, 1 if there is a problem, 2 if the certificates cannot be read."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: the arguments after the program's name; None for those of the process.

    Returns:
        The exit status.
    """
    parsed = _parser().parse_args(arguments)
    command = import_module(f"webhook.cli.{parsed.command}")
    from webhook.cli.options import read_options  # noqa: PLC0415 (`--help` does not need it)
    from webhook.errors import DefaulterError, exit_status  # noqa: PLC0415

    try:
        status: int = command.run(read_options(parsed, command.OPTIONS))
    except DefaulterError as error:
        print(f"error: {error}", file=sys.stderr)
        return exit_status(error)
    except BrokenPipeError:  # nobody reads our output any longer
        sys.stderr.close()
        return 1
    return status


class _Version(argparse.Action):
    """Prints the installed version, and in which form the engine runs. Looks them up only for this option."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        """Print the version and exit."""
        from importlib.metadata import version  # noqa: PLC0415 (10 ms that no command needs)

        from patches import FORM  # noqa: PLC0415 (likewise)

        print(f"{parser.prog} {version('pod-security-defaulter')} ({FORM})")
        parser.exit()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="pod-security-defaulter", description=_DESCRIPTION)
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_serve(commands.add_parser("serve", help="serve admission over HTTPS"))
    _add_observe(commands.add_parser("observe", help="learn from the pods of a cluster what their images need"))
    _add_documents(
        commands.add_parser(
            "preview",
            help="show which defaults would be added, and what would still violate the profile",
            epilog=_STATUS,
        ),
        ("table", "json", "yaml", "diff", *REPORTS),
    )
    _add_documents(
        commands.add_parser(
            "check", help="show what violates the profile as written, without defaults", epilog=_STATUS
        ),
        ("table", "json", *REPORTS),
    )
    _add_fix(
        commands.add_parser("fix", help="write the defaults into manifests, by inserting lines", epilog=_FIX_STATUS)
    )
    _add_filter(
        commands.add_parser(
            "krm",
            help="add the defaults between standard input and output: for kustomize, kpt and Helm",
            epilog=_KRM_STATUS,
        )
    )
    _add_scan(
        commands.add_parser(
            "scan", help="say which namespaces can be labelled, and what keeps the others from it", epilog=_SCAN_STATUS
        )
    )
    _add_bench(
        commands.add_parser(
            "bench", help="measure what one review of each pod costs on this machine", epilog=_READ_STATUS
        )
    )
    _add_certs(commands.add_parser("certs", help="show the state of certificates", epilog=_CERTS_STATUS))
    config = commands.add_parser("config", help="print the effective configuration, with every setting explained")
    _add_config(config)
    config.add_argument(
        "-o",
        "--output",
        choices=("explain", "yaml", "json", "schema"),
        default="explain",
        help="explained YAML, plain YAML, JSON, or the JSON Schema of the file (default: explain)",
    )
    _add_export(commands.add_parser("export", help="print the configuration as Kubernetes' own admission policies"))
    return parser


def _add_export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "kind",
        choices=("mutatingadmissionpolicy", "validatingadmissionpolicy"),
        help="the policy that adds defaults, or the one that warns of what is violated",
    )
    _add_config(parser)
    parser.add_argument("--static", action="store_true", help="for files that the API server reads at its start")
    parser.add_argument("--defaults", type=_ids, metavar="ID,…", help="carry these (default: all that are enabled)")


def _ids(text: str) -> frozenset[str]:
    from patches import DEFAULTS  # noqa: PLC0415 (only this option needs it)

    ids = frozenset(text.split(","))
    unknown = ids - {row.id for row in DEFAULTS}
    if unknown:
        known = ", ".join(row.id for row in DEFAULTS)
        raise argparse.ArgumentTypeError(f"no default is called {', '.join(sorted(unknown))}; there are {known}")
    return ids


def _add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config", type=Path, metavar="FILE|DIR", help="configuration file; files of a directory are merged by name"
    )


def _add_serve(parser: argparse.ArgumentParser) -> None:
    _add_inputs(parser)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8443, help="port to listen on, 0 for any (default: %(default)s)")
    parser.add_argument("--health-host", metavar="HOST", help="address for probes and metrics (default: as --host)")
    parser.add_argument("--health-port", type=int, metavar="PORT", help="port for probes and metrics, over plain HTTP")
    parser.add_argument(
        "--preview-port",
        type=int,
        metavar="PORT",
        help="port for previews and their page; without --cluster over plain HTTP, and on loopback only",
    )
    parser.add_argument("--preview-host", metavar="HOST", help="address for previews (default: as --host)")
    parser.add_argument("--no-admission", dest="admission", action="store_false", help="serve no admission reviews")
    parser.add_argument(
        "--drain-seconds", type=_seconds, default=0.0, metavar="N", help="seconds to keep serving after SIGTERM"
    )
    parser.add_argument("--demo", action="store_true", help="send a sample review at start, and print the response")
    _add_logs(parser, "info logs a line for each review (default: %(default)s)")
    tls = parser.add_argument_group(
        "TLS", "Use certificate files, a local self-signed certificate, or one that is managed in the cluster."
    )
    tls.add_argument("--tls-cert", type=Path, metavar="FILE", help="certificate chain, PEM; reloaded when it changes")
    tls.add_argument("--tls-key", type=Path, metavar="FILE", help="key of the certificate, PEM")
    tls.add_argument("--self-signed", type=Path, metavar="DIR", help="create or reuse a local certificate there")
    tls.add_argument(
        "--managed-certificates",
        action="store_true",
        help="maintain a CA and a certificate in our Secret, and write the CA to our webhook configurations",
    )
    tls.add_argument(
        "--inject-ca",
        action="append",
        choices=("mutating", "validating"),
        default=[],
        help="webhook configuration to write the managed CA to; may be repeated",
    )
    tls.add_argument(
        "--certificate-lifetime",
        type=_lifetime,
        metavar="SECONDS",
        help="lifetime of managed serving certificates; the CA lives four times as long (default: 90 days)",
    )
    tls.add_argument(
        "--client-ca", type=Path, metavar="FILE", help="accept only clients with a certificate of this CA, PEM"
    )
    cluster = parser.add_argument_group("cluster")
    cluster.add_argument("--cluster", action="store_true", help="follow the namespaces of a cluster")
    _add_connection(cluster)


def _add_observe(parser: argparse.ArgumentParser) -> None:
    _add_config(parser)
    parser.add_argument(
        "--health-host",
        default="127.0.0.1",
        metavar="HOST",
        help="address for probes and metrics (default: %(default)s)",
    )
    parser.add_argument("--health-port", type=int, metavar="PORT", help="port for probes and metrics, over plain HTTP")
    _add_logs(parser, "(default: %(default)s)")
    _add_connection(parser.add_argument_group("cluster"))


def _add_logs(parser: argparse.ArgumentParser, levels: str) -> None:
    logs = parser.add_argument_group("logs")
    logs.add_argument("--log-format", choices=("text", "json"), default="text", help="(default: %(default)s)")
    logs.add_argument("--log-level", choices=("debug", "info", "warning", "error"), default="info", help=levels)


def _add_cluster(parser: argparse._ActionsContainer) -> None:
    parser.add_argument(
        "--kubeconfig", type=Path, metavar="FILE", help="kubeconfig (default: $KUBECONFIG, or as kubectl)"
    )
    parser.add_argument("--context", metavar="NAME", help="context of the kubeconfig (default: the current one)")


def _add_connection(parser: argparse._ActionsContainer) -> None:
    _add_cluster(parser)
    parser.add_argument(
        "--own-namespace",
        metavar="NAME",
        help="namespace of our Secret and Lease (default: $POD_NAMESPACE, or that of the pod or context)",
    )
    parser.add_argument(
        "--own-name",
        metavar="NAME",
        help="name of our Service, Lease and webhook configurations (default: $OWN_NAME, or pod-security-defaulter)",
    )
    parser.add_argument(
        "--own-secret", metavar="NAME", help="name of our Secret (default: $OWN_SECRET, or pod-security-defaulter-tls)"
    )


def _add_certs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--tls-cert", type=Path, metavar="FILE", help="show this certificate chain, PEM, not the cluster's"
    )
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


def _add_files(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-f",
        "--filename",
        dest="files",
        action="append",
        required=True,
        metavar="FILE|DIR|-",
        help="manifests; of a directory all *.yaml, *.yml and *.json below it; - for standard input; may be repeated",
    )


def _add_bench(parser: argparse.ArgumentParser) -> None:
    _add_files(parser)
    _add_inputs(parser)
    parser.add_argument("-n", "--namespace", help="namespace of objects without one (default: default)")


def _add_registries(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--images-from-registry",
        action="store_true",
        help="ask registries, as the user whom docker or podman has logged in, for what no file says of an image",
    )
    parser.add_argument(
        "--private-registry",
        dest="private_registries",
        action="append",
        default=[],
        metavar="HOST[:PORT]",
        help="a registry that may be in a private network; those with a login may anyway; repeatable",
    )


def _add_documents(parser: argparse.ArgumentParser, outputs: Sequence[str]) -> None:
    _add_files(parser)
    _add_inputs(parser)
    _add_registries(parser)
    parser.add_argument(
        "-n",
        "--namespace",
        help="namespace of objects without one (default: that of the context, or default); asks the current cluster",
    )
    _add_cluster(parser)
    parser.add_argument("--offline", action="store_true", help="ask no cluster, even with -n")
    _add_profile(parser, "judge by this profile, e.g. restricted:v1.30")
    parser.add_argument("-o", "--output", choices=outputs, default=outputs[0], help="(default: %(default)s)")
    parser.add_argument("--color", choices=("auto", "always", "never"), default="auto", help="(default: %(default)s)")


def _add_fix(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "paths",
        nargs="+",
        metavar="FILE|DIR",
        help="manifests; of a directory all *.yaml, *.yml and *.json below it",
    )
    _add_filter(parser)
    parser.add_argument("--defaults", type=_ids, metavar="ID,…", help="write only these, of those that are on")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if a file would change")
    parser.add_argument("--diff", action="store_true", help="print a diff, and write nothing")
    parser.add_argument("-o", "--output", choices=("sarif",), help="print SARIF with the insertions, and write nothing")


def _add_filter(parser: argparse.ArgumentParser) -> None:
    _add_inputs(parser)
    parser.add_argument("-n", "--namespace", help="namespace of objects without one (default: default)")
    _add_profile(parser, "add what this profile asks for, e.g. restricted:v1.30")


def _add_profile(parser: argparse.ArgumentParser, text: str) -> None:
    parser.add_argument("--profile", type=_profile, metavar="LEVEL[:VERSION]", help=text)


def _add_scan(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-f",
        "--filename",
        dest="files",
        action="append",
        default=[],
        metavar="FILE|DIR|-",
        help="scan these manifests and no cluster; may be repeated",
    )
    _add_inputs(parser)
    _add_registries(parser)
    parser.add_argument(
        "-n", "--namespace", help="namespace to scan, or of manifests without one (default: that of the context)"
    )
    parser.add_argument("-A", "--all-namespaces", action="store_true", help="scan the whole cluster")
    parser.add_argument("-l", "--selector", metavar="LABELS", help="scan the namespaces that have these labels")
    _add_cluster(parser)
    parser.add_argument(
        "--profile",
        type=_profile,
        metavar="LEVEL[:VERSION]",
        help="judge by this profile, e.g. baseline:v1.30 (default: restricted:latest)",
    )
    parser.add_argument(
        "-o",
        "--output",
        choices=("table", "json", "yaml", "html", *REPORTS),
        default="table",
        help="(default: %(default)s)",
    )
    parser.add_argument(
        "--write-labels", action="store_true", help="print the commands that label what is ready, in safe order"
    )
    parser.add_argument(
        "--write-reports",
        nargs="?",
        const=REPORT_KINDS[0],
        choices=REPORT_KINDS,
        help="write a policy report into each namespace instead; exit with 0 if all are written, else with 2",
    )
    parser.add_argument("--color", choices=("auto", "always", "never"), default="auto", help="(default: %(default)s)")


def _add_inputs(parser: argparse.ArgumentParser) -> None:
    _add_config(parser)
    parser.add_argument(
        "--objects",
        type=Path,
        action="append",
        default=[],
        metavar="FILE|DIR",
        help="manifests of Namespaces, LimitRanges, ResourceQuotas, ServiceAccounts, RuntimeClasses, Nodes; repeatable",
    )
    parser.add_argument(
        "--images", type=Path, metavar="FILE", help="what is known of images: a file of kind ImageFacts"
    )


def _profile(text: str) -> object:
    from patches import parse_level_version  # noqa: PLC0415 (only this option needs it)

    try:
        return parse_level_version(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error}") from None
