"""`python -m bench.creates`: what admission adds to the creation of a pod, on a real API server of its own.

Pods of the corpus are created (as a dry run: admission and validation, nothing stored) in namespaces that differ in who
is asked about them: nobody, a webhook that allows everything, this one, the in-process policies that `export` makes of
the same defaults, or Kubernetes' own PodSecurity webhook, which only validates (told to audit `restricted`).
The namespaces take turns, a few creates at a time, so that all meet the same machine; first one after the other, then
32 at once. CPU is that of the API server, etcd and the webhook together; `asked` is how long the API server itself says
that it waited for the webhook. It fails if we cost more, as a multiple of the Go webhook, than creates.json beside this
file allows. Needs `make assets` and Go on the PATH. The PodSecurity webhook is that of

    go install k8s.io/pod-security-admission/cmd/webhook@v0.37.2

Kyverno, Gatekeeper and others are measured where they run, in namespaces of that cluster:

    python -m bench.creates --kubeconfig FILE --in nobody=quiet --in Kyverno=shop
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

from bench import running
from bench.admission.servers import HERE, build, cpu_seconds, free_port, machine, ours, resident, server, versions, wait
from bench.bars import bars
from bench.figures import add_options, compare, percentiles, save, write_figures
from bench.histograms import Asked, read_asked, waited
from bench.running import AT_ONCE, CHUNK, SEQUENTIAL
from patches import MODE_LABEL, DefaulterConfiguration
from tests.cluster import binaries
from tests.cluster.client import pods
from tests.cluster.control_plane import ADMINISTRATORS, ControlPlane
from tests.cluster.policies import until
from tests.cluster.programs import control_plane
from tests.cluster.webhooks import LABEL, PODS
from tests.shared_data import read_jsonl_gz, shared
from webhook.export.policies import carried_by, mutating_policy

_REGISTRATION: Final = "/apis/admissionregistration.k8s.io/v1"
_WITHOUT: Final = "nobody"
_POLICIES: Final = "policies, in process"
_OURS: Final = "ours, log info JSON"
_GO: Final = "Go, no-op"
_AIOHTTP: Final = "aiohttp, no-op"
_PODSECURITY: Final = "PodSecurity, Go"
_BASELINE: Final = Path(__file__).with_suffix(".json")
_TOLERANCE: Final = 1.5
"""Times at an API server on two cores differ by as much from run to run."""
_AUDITED: Final = {
    "apiVersion": "pod-security.admission.config.k8s.io/v1",
    "kind": "PodSecurityConfiguration",
    "defaults": {"enforce": "privileged", "audit": "restricted", "warn": "privileged"},
}
_BARE: Final = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
_LEAST_SPACES: Final = 2


class Space(NamedTuple):
    """A namespace, and the processes whose CPU time counts with that of the API server."""

    name: str
    processes: tuple[int, ...] = ()


class Chunk(NamedTuple):
    """The milliseconds of some creates, in their order, and the CPU seconds that all of them took together."""

    millis: list[float]
    cpu: float


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.creates", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=20, help="turns of each, of 64 creates (default: %(default)s)")
    parser.add_argument("--podsecurity", type=Path, metavar="PROGRAM", help="the PodSecurity webhook; else left out")
    parser.add_argument("--kubeconfig", type=Path, metavar="FILE", help="measure on this cluster instead")
    parser.add_argument("--context", metavar="NAME", help="of the kubeconfig (default: the current one)")
    parser.add_argument(
        "--in",
        dest="spaces",
        type=_space,
        action="append",
        default=[],
        metavar="WHO=NAMESPACE",
        help="a namespace of that cluster, and who is asked there; nobody is in the first of them",
    )
    add_options(parser)
    options = parser.parse_args()
    if options.kubeconfig:
        if len(dict(options.spaces)) < _LEAST_SPACES or options.save:
            parser.error("--kubeconfig takes at least two --in, each of somebody else, and has no baseline to save")
        return _measure_running(options)
    found = binaries.find("etcd", "kube-apiserver")
    with tempfile.TemporaryDirectory() as name, control_plane(Path(name), found) as plane:
        report = _measure(plane, Path(name), options.rounds, options.podsecurity)
    _print(report)
    write_figures(options, report, plot)
    if options.save:
        return save(_BASELINE, ratios(report))
    return compare(_BASELINE, partial(dearer, ratios(report)))


def _space(text: str) -> tuple[str, str]:
    who, _, namespace = text.partition("=")
    if not who or not namespace:
        raise argparse.ArgumentTypeError(f"expected WHO=NAMESPACE, got {text!r}")
    return who, namespace


def _measure_running(options: argparse.Namespace) -> int:
    """Measure on a cluster that runs."""
    values = [json.loads(body) for body in _bodies()]
    report = running.measure(options.kubeconfig, options.context, dict(options.spaces), values, options.rounds)
    running.print_report(report)
    write_figures(options, report, plot)
    return 0


def ratios(report: dict[str, Any]) -> dict[str, float]:
    """What we add to a create, as a multiple of what a Go webhook adds that does nothing."""
    found = {}
    for key in (str(SEQUENTIAL), str(AT_ONCE)):
        nobody, go, ours = (report["results"][name][key] for name in (_WITHOUT, _GO, _OURS))
        for field in ("p50 ms", "CPU s per 1,000"):
            found[f"{field}, {key} at once"] = round((ours[field] - nobody[field]) / (go[field] - nobody[field]), 2)
    return found


def dearer(found: dict[str, float], baseline: dict[str, float]) -> list[str]:
    """The ratios that exceed those of the baseline by more than the tolerance, a line each."""
    return [
        f"dearer than the baseline: {name}: {ratio:.2f} x Go, was {baseline[name]:.2f} x"
        for name, ratio in found.items()
        if ratio > baseline[name] * _TOLERANCE
    ]


def plot(report: dict[str, Any]) -> str:
    """A bar for each: the milliseconds that it adds to the median of creates one after the other."""
    (_, nobody), *others = ((name, row[str(SEQUENTIAL)]["p50 ms"]) for name, row in report["results"].items())
    added = {name: ms - nobody for name, ms in others}
    return bars("Milliseconds added to a create", {name: (ms, f"{ms:+.2f} ms") for name, ms in added.items()})


def _measure(plane: ControlPlane, directory: Path, rounds: int, podsecurity: Path | None) -> dict[str, Any]:
    program, bodies = build(directory), directory / "pods.jsonl"
    bodies.write_bytes(b"\n".join(_bodies()))
    pair = plane.authority.issue("load", ADMINISTRATORS)
    own = _processes("kube-apiserver", "etcd")
    results: dict[str, dict[str, Any]] = {}
    with ExitStack() as stack:
        spaces = {_WITHOUT: Space(plane.namespace("asks-nobody"))}
        commands = _commands(program, directory)
        if podsecurity:
            commands[_PODSECURITY] = _podsecurity(plane, podsecurity, directory)
        for name, command in commands.items():
            spaces[name] = stack.enter_context(_webhook(plane, directory, name, command))
        spaces[_POLICIES] = stack.enter_context(_policies(plane))
        for connections in (SEQUENTIAL, AT_ONCE):
            chunks: dict[str, list[Chunk]] = {name: [] for name in spaces}
            before = _asked(plane)
            for _ in range(rounds):
                for name, space in spaces.items():
                    url = f"{plane.address}{pods(space.name)}?dryRun=All"
                    load = [str(program), "load", url, str(plane.authority.cert), str(bodies), str(CHUNK)]
                    command = [*load, str(connections), str(pair.cert), str(pair.key)]
                    chunks[name].append(_create(command, (*own, *space.processes)))
            for name, rows in chunks.items():
                results.setdefault(name, {})[str(connections)] = figures(rows[1:])
            for name, asked in _asked(plane).items():
                results[name][str(connections)]["asked"] = waited(before[name], asked)
        for name, space in spaces.items():
            results[name]["MiB"] = round(sum(map(resident, space.processes)))
    version = plane.admin.must("GET", "/version")["gitVersion"]
    return {"machine": machine(), "versions": {"Kubernetes": version, **versions()}, "results": results}


def _bodies() -> list[bytes]:
    """Pods that an API server accepts in a namespace with nothing but the account `default`."""
    named = {"serviceAccountName", "serviceAccount", "priorityClassName", "runtimeClassName"}
    rows = [row["pod"] for row in read_jsonl_gz(shared("corpus/pods.jsonl.gz")) if row["accepted_by_api_server"]]
    found = []
    for pod in rows:
        metadata = {key: value for key, value in pod["metadata"].items() if key in ("labels", "annotations")}
        value = {"apiVersion": "v1", "kind": "Pod", "metadata": {**metadata, "generateName": "p-"}, "spec": pod["spec"]}
        if not named & set(pod["spec"]):
            found.append(json.dumps(value, separators=(",", ":")).encode())
    return found


def _commands(program: Path, directory: Path) -> dict[str, Sequence[str]]:
    """How each webhook is started; `PORT` stands for its port."""
    certs = directory / "certs"
    pair = [str(certs / "tls.crt"), str(certs / "tls.key")]
    return {
        _OURS: ours(certs, "PORT", "--log-level", "info", "--objects", str(_described(directory))),
        _GO: [str(program), "serve", "PORT", *pair],
        _AIOHTTP: [sys.executable, str(HERE / "noop.py"), "PORT", *pair],
    }


def _podsecurity(plane: ControlPlane, program: Path, directory: Path) -> Sequence[str]:
    """How Kubernetes' webhook is started."""
    audited = directory / "podsecurity.json"
    audited.write_text(json.dumps(_AUDITED), encoding="utf-8")
    certs = directory / "certs"
    pair = ["--tls-cert-file", str(certs / "tls.crt"), "--tls-private-key-file", str(certs / "tls.key")]
    files = ["--config", str(audited), "--kubeconfig", str(plane.kubeconfig("podsecurity"))]
    return [str(program), "--secure-port", "PORT", *pair, *files]


def _described(directory: Path) -> Path:
    """The namespace of ours as the server knows it."""
    metadata = {"name": "asks-ours", "labels": {MODE_LABEL: "enforce"}}
    value = {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
    path = directory / "namespace.json"
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


@contextmanager
def _webhook(plane: ControlPlane, directory: Path, name: str, command: Sequence[str]) -> Iterator[Space]:
    short = _short(name)
    port = free_port()
    words = [word.replace("PORT", str(port)) for word in command]
    with server(words, directory / f"{short}.log") as process:
        wait(port)
        space = plane.namespace(f"asks-{short}", {LABEL: short, MODE_LABEL: "enforce"})
        bundle = base64.b64encode((directory / "certs" / "ca.crt").read_bytes()).decode()
        webhook = {
            "name": f"pods.{short}.psd.test",
            "clientConfig": {"url": f"https://127.0.0.1:{port}/mutate", "caBundle": bundle},
            "rules": PODS,
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
            "namespaceSelector": {"matchLabels": {LABEL: short}},
        }
        value = {"metadata": {"name": short}, "webhooks": [webhook]}
        kind = "validating" if name == _PODSECURITY else "mutating"
        plane.admin.must("POST", f"{_REGISTRATION}/{kind}webhookconfigurations", value)
        until(lambda: plane.admin.create(pods(space), _BARE, dry_run=True).ok and name in _asked(plane), "it is asked")
        yield Space(space, (process,))


@contextmanager
def _policies(plane: ControlPlane) -> Iterator[Space]:
    """The exported policies, in a namespace that has opted in and of which no webhook is asked."""
    configuration = DefaulterConfiguration()
    ids = [name for name, obstacle in carried_by(configuration, None).items() if not obstacle]
    collections = {
        "MutatingAdmissionPolicy": "mutatingadmissionpolicies",
        "MutatingAdmissionPolicyBinding": "mutatingadmissionpolicybindings",
    }
    for row in mutating_policy(configuration, ids, static=False):
        plane.admin.must("POST", f"{_REGISTRATION}/{collections[row['kind']]}", row)
    space = plane.namespace("asks-policies", {MODE_LABEL: "enforce"})
    until(lambda: plane.admin.create(pods(space), _BARE, dry_run=True).body["spec"]["securityContext"], "policies act")
    yield Space(space)


def _short(name: str) -> str:
    return re.sub(r"\W.*", "", name).lower()


def _create(command: Sequence[str], processes: Sequence[int]) -> Chunk:
    before = sum(map(cpu_seconds, processes))
    first, *rest = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()  # noqa: S603
    if int(first) != CHUNK:
        raise SystemExit(f"{CHUNK - int(first)} of {CHUNK} pods were refused")
    return Chunk([int(each) / 1000 for each in rest], sum(map(cpu_seconds, processes)) - before)


def figures(rows: Sequence[Chunk]) -> dict[str, float]:
    """The first creates of a turn, which connect, count for nothing but CPU."""
    millis = sorted(each for row in rows for each in row.millis[AT_ONCE:])
    cpu = statistics.median(row.cpu for row in rows) / CHUNK * 1000
    p50, p99 = percentiles(millis)
    return {"p50 ms": round(p50, 2), "p99 ms": round(p99, 2), "CPU s per 1,000": round(cpu, 2)}


def _asked(plane: ControlPlane) -> dict[str, Asked]:
    """What the API server says of each webhook."""
    names = {f"pods.{_short(name)}.psd.test": name for name in (_OURS, _GO, _AIOHTTP, _PODSECURITY)}
    found = read_asked(plane.admin.request("GET", "/metrics").body)
    return {names[webhook.name]: asked for webhook, asked in found.items()}


def _processes(*names: str) -> list[int]:
    """Our child processes with these names."""
    found = []
    for file in Path("/proc").glob("[0-9]*/stat"):
        pid, _, rest = file.read_text(encoding="utf-8").partition(" (")
        name, _, fields = rest.rpartition(") ")
        if name in [each[:15] for each in names] and int(fields.split()[1]) == os.getpid():
            found.append(int(pid))
    return found


def _print(report: dict[str, Any]) -> None:
    print(report["machine"] + "; " + ", ".join(f"{name} {number}" for name, number in report["versions"].items()))
    for title, key in (("one after the other", "1"), ("32 at once", str(AT_ONCE))):
        heads = f"{'p50 ms':>8}{'added':>8}{'p99 ms':>8}{'added':>8}{'CPU s per 1,000':>17}"
        print(f"{title:<24}{heads}{'asked':>8}{'p50':>7}{'p99':>7}{'MiB':>5}")
        nobody = report["results"][_WITHOUT][key]
        for name, row in report["results"].items():
            figures = row[key]
            added = [figures[field] - nobody[field] for field in ("p50 ms", "p99 ms")]
            print(
                f"  {name:<22}{figures['p50 ms']:>8.2f}{added[0]:>+8.2f}{figures['p99 ms']:>8.2f}{added[1]:>+8.2f}"
                f"{figures['CPU s per 1,000']:>17.2f}{_of_webhook(figures, row['MiB'])}"
            )


def _of_webhook(row: dict[str, Any], mebibytes: int) -> str:
    if "asked" not in row:
        return ""
    asked = row["asked"]
    return f"{asked['mean ms']:>8.2f}{asked['p50 ms']:>7.1f}{asked['p99 ms']:>7.1f}{mebibytes:>5}"


if __name__ == "__main__":
    sys.exit(main())
