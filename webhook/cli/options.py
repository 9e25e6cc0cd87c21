"""The typed options of each command. `read_options` makes them of the parsed arguments."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar, cast, get_type_hints

from patches import LevelVersion, parse_level_version
from webhook.cluster.options import ConnectionOptions
from webhook.server.options import ServerOptions

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """The options of `serve`.

    Attributes:
        server: the options of the server.
        drain_seconds: seconds to keep serving after SIGTERM.
        demo: whether to send a sample review at start, and print the response.
        log_format: `text` or `json`.
        log_level: the lowest level to log.
    """

    server: ServerOptions
    drain_seconds: float = 0.0
    demo: bool = False
    log_format: Literal["text", "json"] = "text"
    log_level: str = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class ObserveOptions:
    """The options of `observe`.

    Attributes:
        config: configuration file or directory; None for the default configuration.
        connection: how to reach the cluster.
        health_host: address for probes and metrics.
        health_port: port for probes and metrics; None for none.
        log_format: `text` or `json`.
        log_level: the lowest level to log.
    """

    config: Path | None = None
    connection: ConnectionOptions = field(default_factory=ConnectionOptions)
    health_host: str = "127.0.0.1"
    health_port: int | None = None
    log_format: Literal["text", "json"] = "text"
    log_level: str = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestOptions:
    """The options of `preview` and `check`.

    Attributes:
        files: manifests: files, directories, `-`.
        config: configuration file or directory; None for the default configuration.
        objects: manifests of cluster objects.
        images: file of kind ImageFacts; None for none.
        images_from_registry: whether to ask registries for what no file says of an image.
        private_registries: hosts of registries that may have addresses of a private network.
        namespace: namespace of objects without one; None if the option is not given.
        offline: whether to ask no cluster.
        profile: the profile to judge by; None for each namespace's own.
        output: `table`, `json`, `yaml`, `diff`, `sarif`, `junit`, `openreports` or `wgpolicyk8s`.
        color: `auto`, `always` or `never`.
        connection: how to reach the cluster.
    """

    files: Sequence[str]
    config: Path | None = None
    objects: Sequence[Path] = ()
    images: Path | None = None
    images_from_registry: bool = False
    private_registries: Sequence[str] = ()
    namespace: str | None = None
    offline: bool = False
    profile: LevelVersion | None = None
    output: str = "table"
    color: str = "auto"
    connection: ConnectionOptions = field(default_factory=ConnectionOptions)


@dataclass(frozen=True, slots=True)
class BenchOptions:
    """The options of `bench`.

    Attributes:
        files: manifests: files, directories, `-`.
        config: configuration file or directory; None for the default configuration.
        objects: manifests of cluster objects.
        images: file of kind ImageFacts; None for none.
        namespace: namespace of objects without one; None for `default`.
    """

    files: Sequence[str]
    config: Path | None = None
    objects: Sequence[Path] = ()
    images: Path | None = None
    namespace: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FixOptions:
    """The options of `fix`.

    Attributes:
        paths: files and directories.
        config: configuration file or directory; None for the default configuration.
        objects: manifests of cluster objects.
        images: file of kind ImageFacts; None for none.
        namespace: namespace of objects without one; None for `default`.
        profile: the profile to default for; None for each namespace's own.
        defaults: ids of the only defaults to write, of those that are on; None for all of them.
        check: whether to write nothing, and report by the exit status whether a file would change.
        diff: whether to print a diff and write nothing.
        output: `sarif` to print that and write nothing; None for neither.
    """

    paths: Sequence[str]
    config: Path | None = None
    objects: Sequence[Path] = ()
    images: Path | None = None
    namespace: str | None = None
    profile: LevelVersion | None = None
    defaults: frozenset[str] | None = None
    check: bool = False
    diff: bool = False
    output: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KrmOptions:
    """The options of `krm`.

    Attributes:
        config: configuration file or directory; None for the default configuration.
        objects: manifests of cluster objects.
        images: file of kind ImageFacts; None for none.
        namespace: namespace of objects without one; None for `default`.
        profile: the profile to default for; None for each namespace's own.
    """

    config: Path | None = None
    objects: Sequence[Path] = ()
    images: Path | None = None
    namespace: str | None = None
    profile: LevelVersion | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanCommandOptions:
    """The options of `scan`.

    Attributes:
        files: manifests to scan without a cluster; none to scan the cluster.
        config: configuration file or directory; None for the default configuration.
        objects: manifests of cluster objects, beside `files`.
        images: file of kind ImageFacts; None for none.
        images_from_registry: whether to ask registries for what no file says of an image.
        private_registries: hosts of registries that may have addresses of a private network.
        namespace: the namespace to scan, or that of manifests without one; None for the context's.
        all_namespaces: whether to scan the whole cluster.
        selector: labels of the namespaces to scan; "" for any.
        profile: the profile to judge by.
        output: `table`, `json`, `yaml`, `html`, `sarif`, `junit`, `openreports` or `wgpolicyk8s`.
        write_labels: whether to print the commands that label what is ready instead.
        write_reports: the kind of report to write into each namespace instead; None for none.
        color: `auto`, `always` or `never`.
        connection: how to reach the cluster.
    """

    files: Sequence[str] = ()
    config: Path | None = None
    objects: Sequence[Path] = ()
    images: Path | None = None
    images_from_registry: bool = False
    private_registries: Sequence[str] = ()
    namespace: str | None = None
    all_namespaces: bool = False
    selector: str = ""
    profile: LevelVersion = field(default_factory=partial(parse_level_version, "restricted"))
    output: str = "table"
    write_labels: bool = False
    write_reports: str | None = None
    color: str = "auto"
    connection: ConnectionOptions = field(default_factory=ConnectionOptions)


@dataclass(frozen=True, slots=True, kw_only=True)
class CertsOptions:
    """The options of `certs`.

    Attributes:
        tls_cert: certificate chain to show, PEM; None for the cluster's.
        output: `table` or `json`.
        connection: how to reach the cluster.
    """

    tls_cert: Path | None = None
    output: str = "table"
    connection: ConnectionOptions = field(default_factory=ConnectionOptions)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigOptions:
    """The options of `config`.

    Attributes:
        config: configuration file or directory; None for the default configuration.
        output: `explain`, `yaml`, `json` or `schema`.
    """

    config: Path | None = None
    output: str = "explain"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOptions:
    """The options of `export`.

    Attributes:
        kind: `mutatingadmissionpolicy` or `validatingadmissionpolicy`.
        config: configuration file or directory; None for the default configuration.
        static: whether the API server shall read the policies from a file.
        defaults: ids of the defaults to carry; None for all that are enabled.
    """

    kind: str
    config: Path | None = None
    static: bool = False
    defaults: frozenset[str] | None = None


def read_options(arguments: argparse.Namespace, kind: type[T]) -> T:
    """Make the options of a command from the parsed arguments of the same names, nested options included."""
    values: dict[str, Any] = {}
    hints = get_type_hints(kind)
    for row in fields(cast("Any", kind)):
        hint = hints[row.name]
        if is_dataclass(hint):
            values[row.name] = read_options(arguments, cast("type[Any]", hint))
        elif getattr(arguments, row.name, None) is not None:
            values[row.name] = getattr(arguments, row.name)
    return kind(**values)
