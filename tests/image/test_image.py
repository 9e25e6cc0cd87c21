"""The container image, really built, and run as a cluster runs it: read-only, as its numeric user, without a shell."""

from __future__ import annotations

import base64
import errno
import json
import os
import re
import shutil
import signal
import ssl
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import jsonpatch
import pytest
from packaging.requirements import Requirement

from tests.cluster.client import Client
from tests.image.container import Container
from tests.review.builders import NAMESPACE, RESTRICTED, UID, pod, review
from tests.shared_data import ROOT
from webhook.certificates.self_signed import ensure_certificate

pytestmark = [pytest.mark.slow, pytest.mark.image]

_TOOLS: Final = ("pip", "pip3", "uv", "easy_install", "gcc", "cc", "c++", "make", "ld", "as", "git", "curl", "wget")
_PLACES: Final = ("/", "/app", "/app/lib", "/tmp", "/var/tmp", "/run", "/home")  # noqa: S108 (of the image)
_EVERY_MODULE: Final = """
import importlib, json, pkgutil, patches, webhook
names = [found.name for top in (patches, webhook) for found in pkgutil.walk_packages(top.__path__, top.__name__ + ".")]
for name in names:
    if not name.endswith("__main__"):
        importlib.import_module(name)
print(json.dumps(["patches", "webhook", *names]))
"""
_INSTALLED: Final = """
import json, platform
from importlib.metadata import distributions
print(json.dumps([platform.python_version(), {found.name: found.version for found in distributions()}]))
"""
_WRITE: Final = """
import json, os, sys
def number(place):
    try:
        open(os.path.join(place, "new"), "w").close()
    except OSError as error:
        return error.errno
print(json.dumps({place: number(place) for place in sys.stdin.read().split()}))
"""
_SHELL: Final = """
import os
try:
    os.execv("/bin/sh", ["/bin/sh", "-c", "true"])
except PermissionError:
    print("no shell")
"""


def test_it_answers_a_review(container: Container, tmp_path: Path) -> None:
    """The image's own command serves over TLS as its user, can do nothing else, and stops with 0 when told to."""
    files = ensure_certificate(tmp_path / "certs", now=datetime.now(UTC))
    objects = tmp_path / "objects.yaml"
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": RESTRICTED}}
    objects.write_text(json.dumps(namespace), encoding="utf-8")
    container.put("/served", [files.cert, files.key, objects])
    arguments = "--port 0 --health-port 0 --tls-cert /served/tls.crt --tls-key /served/tls.key"
    with container.started("serve", *arguments.split(), "--objects", "/served/objects.yaml") as running:
        assert running.process.stdout is not None
        health = running.process.stdout.readline().split()[-1]
        port = int(running.line.rpartition(":")[2])
        client = Client(port, ssl.create_default_context(cafile=files.ca))
        answer = client.request("POST", "/mutate", review(pod()))
        client.close()
        with urllib.request.urlopen(f"{health}/readyz", timeout=30) as reply:  # noqa: S310 (its own address)
            assert reply.status == 200
        status = _status(running.pid)
        os.kill(running.pid, signal.SIGTERM)
        assert running.process.wait(30) == 0
    assert (answer.status, answer.body["response"]["uid"], answer.body["response"]["allowed"]) == (200, UID, True)
    # What the restricted standard asks of every container.
    patched = _patched(answer.body["response"])["spec"]
    context = patched["containers"][0]["securityContext"]
    assert (context["allowPrivilegeEscalation"], context["capabilities"]["drop"]) == (False, ["ALL"])
    assert {**patched["securityContext"], **context}["runAsNonRoot"] is True
    assert {**patched["securityContext"], **context}["seccompProfile"] == {"type": "RuntimeDefault"}
    assert (status["Uid"], status["Gid"], status["Groups"]) == (["65532"] * 4, ["65532"] * 4, [])
    assert {status[name][0] for name in ("CapEff", "CapPrm", "CapInh", "CapBnd", "CapAmb")} == {"0" * 16}
    assert (status["NoNewPrivs"], status["NSpid"][-1]) == (["1"], "1")


def test_how_it_runs(container: Container) -> None:
    """A numeric user, so that `runAsNonRoot` can be checked; the ports; the exec form; what it says of itself."""
    told = container.configuration
    assert told["User"] == "65532:65532"
    assert set(told["ExposedPorts"]) == {"8443/tcp", "8080/tcp"}
    assert (told["Entrypoint"], told["Cmd"]) == (["/app/bin/pod-security-defaulter"], ["--help"])
    assert told["StopSignal"] == "SIGTERM"
    prefix = "org.opencontainers.image."
    labels = {name.removeprefix(prefix): text for name, text in told["Labels"].items() if name.startswith(prefix)}
    assert (labels["title"], labels["version"], labels["licenses"]) == ("pod-security-defaulter", "0.0.1", "Apache-2.0")


def test_nothing_can_be_written(container: Container) -> None:
    """The tests run it on a tree that is truly read-only, not only one of somebody else."""
    code = f"import io, sys; sys.stdin = io.StringIO({' '.join(_PLACES)!r}){_WRITE}"
    assert json.loads(_printed(container, code)) == dict.fromkeys(_PLACES, errno.EROFS)


def test_no_shell_is_needed(container: Container) -> None:
    """The tests run it where no shell can be started."""
    assert _printed(container, _SHELL) == "no shell\n"


def test_every_module_is_there_and_can_be_imported(container: Container) -> None:
    """All of patches/ and webhook/, with nothing but what the lock names; what `serve --cluster` needs, too."""
    sources = [path.relative_to(ROOT) for top in ("patches", "webhook") for path in (ROOT / top).rglob("*.py")]
    names = {".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in sources}
    assert set(json.loads(_printed(container, _EVERY_MODULE))) == names


def test_the_engine_is_compiled(container: Container) -> None:
    """And so the review above was answered by it."""
    assert _printed(container, "import patches; print(patches.FORM)") == "compiled\n"


def test_the_data_beside_the_modules_is_there(container: Container) -> None:
    """What lies beside the modules in the checkout lies beside them in the image."""
    (installed,) = container.tree.glob("app/lib/python3*/site-packages")
    assert _data(installed) == _data(ROOT) != set()


def test_what_is_installed_is_what_the_lock_names(container: Container) -> None:
    """Each distribution in its pinned version, this project, and no other: no installer, no build tool."""
    version, installed = json.loads(_printed(container, _INSTALLED))
    environment = {"python_version": version.rpartition(".")[0], "python_full_version": version}
    pinned = {}
    for line in re.findall(r"^\S+==.*?(?= *\\$)", (ROOT / "requirements.lock").read_text(), re.MULTILINE):
        wanted = Requirement(line)
        if wanted.marker is None or wanted.marker.evaluate(environment):
            pinned[_canonical(wanted.name)] = str(wanted.specifier).removeprefix("==")
    found = {_canonical(name): text for name, text in installed.items()}
    assert found.pop("pod-security-defaulter")
    assert found == pinned


def test_no_tools_and_no_tests(container: Container) -> None:
    """No installer, compiler, downloader, wheel or test; nothing of the build; nothing of how the index was reached."""
    path = os.pathsep.join(str(container.tree / name) for name in ("app/bin", "usr/local/bin", "usr/bin", "usr/sbin"))
    assert [name for name in _TOOLS if shutil.which(name, path=path)] == []
    unwanted = re.compile(r"pip|ensurepip|setuptools|pkg_resources|tests?|conftest\.py|test_.*\.py|.*\.whl")
    tops = [container.tree / "app", *container.tree.glob("usr/lib/python3*"), *container.tree.glob("usr/share/python*")]
    assert [name for top in tops for name in top.rglob("*") if unwanted.fullmatch(name.name)] == []
    absent = ("source", "tools", "wheels", "etc/pip.conf", "run/secrets", "root/.cache")
    assert [name for name in absent if (container.tree / name).exists()] == []


def test_all_bytecode_is_there(container: Container) -> None:
    """Nothing is compiled at a start, which could not keep it: each module has bytecode that counts unconditionally."""
    (packages,) = container.tree.glob("app/lib/python3*/site-packages")
    sources = list(packages.rglob("*.py"))
    compiled = {path.parent.parent / f"{path.name.partition('.')[0]}.py": path for path in packages.rglob("*.pyc")}
    assert len(sources) > 500
    assert [path for path in sources if path not in compiled] == []
    flags = {path.read_bytes()[4:8] for path in compiled.values()}
    assert flags == {b"\x01\0\0\0"}  # PEP 552: a hash, which is not checked


def _printed(container: Container, code: str) -> str:
    done = container.python(code)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _patched(response: dict[str, Any]) -> dict[str, Any]:
    """The bare pod, once the patch is applied by another library than ours."""
    patched: dict[str, Any] = jsonpatch.apply_patch(pod(), json.loads(base64.b64decode(response["patch"])))
    return patched


def _status(pid: int) -> dict[str, list[str]]:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return {name: text.split() for name, _, text in (line.partition(":") for line in lines)}


def _data(top: Path) -> set[Path]:
    files = [path for name in ("patches", "webhook") for path in (top / name).rglob("*") if path.is_file()]
    return {path.relative_to(top) for path in files if path.suffix not in {".py", ".pyc", ".so"}}


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
