"""Debian's docker-registry, over TLS: what it says of images of every kind."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from patches import ImageFacts, ImageUser, parse_image_reference
from tests.cluster.pki import Authority
from tests.registry.conftest import USER, Registry, encoded
from tests.registry.content import (
    BIND,
    DOCKER_LIST,
    DOCKER_MANIFEST,
    ELF,
    OCI_INDEX,
    OCI_MANIFEST,
    PASSWD,
    Blob,
    executable,
    image,
    index,
    layer,
)
from webhook.cli import main
from webhook.errors import RegistryError
from webhook.registry.addresses import AllowedHosts
from webhook.registry.authentication import Credentials
from webhook.registry.client import RegistryClient
from webhook.registry.image import LooksInto, looks_into_none

BASE = layer({"etc/passwd": PASSWD, "bin/sh": b"#"})
NEWER = layer({"etc/passwd": b"root:x:0:0:::\nweb:x:2001:2002:::\n"})
OTHER = layer({"app/main": b"x" * 5000, "usr/bin/caddy": executable()})
CADDY = layer({"usr/bin/caddy": executable(ELF + bytes(200_000), BIND)})
ZSTD = Blob(b"zstd?", "application/vnd.oci.image.layer.v1.tar+zstd")
BOUND = frozenset({"NET_BIND_SERVICE"})


async def ask(
    registry: Registry,
    name: str,
    credentials: Credentials | None = None,
    *,
    looks_into: LooksInto = looks_into_none,
) -> ImageFacts:
    """What the registry says of an image."""
    async with RegistryClient(AllowedHosts([registry.host]), context=registry.context) as client:
        return await client.facts(parse_image_reference(f"{registry.host}/{name}"), credentials, looks_into)


@pytest.mark.parametrize("media_type", [OCI_MANIFEST, DOCKER_MANIFEST])
@pytest.mark.parametrize(
    ("user", "layers", "facts"),
    [
        (None, [BASE], ImageFacts(user="")),
        ("root", [BASE], ImageFacts(user="root")),
        ("1001:0", [BASE], ImageFacts(user="1001:0")),
        ("web", [BASE, OTHER], ImageFacts(user="web", uid=101, gid=102)),
        ("web:5", [BASE], ImageFacts(user="web:5", uid=101, gid=5)),
        ("web:staff", [BASE], ImageFacts(user="web:staff", uid=101)),
        ("web", [BASE, NEWER, OTHER], ImageFacts(user="web", uid=2001, gid=2002)),
        ("web", [OTHER], ImageFacts(user="web")),
        ("ftp", [BASE], ImageFacts(user="ftp")),
        ("web", [BASE, layer({"etc/.wh.passwd": b""}), OTHER], ImageFacts(user="web")),
        ("web", [BASE, layer({".wh.etc": b""})], ImageFacts(user="web")),
        ("web", [BASE, layer({"etc/.wh..wh..opq": b""})], ImageFacts(user="web")),
        (
            "web",
            [BASE, layer({"etc/.wh..wh..opq": b"", "etc/passwd": PASSWD})],
            ImageFacts(user="web", uid=101, gid=102),
        ),
        ("web", [BASE, ZSTD], ImageFacts(user="web")),
        ("web", [Blob(b"no gzip", BASE.media_type)], ImageFacts(user="web")),
    ],
)
async def test_the_user_of_an_image(
    registry: Registry, user: str | None, layers: Sequence[Blob], facts: ImageFacts, media_type: str
) -> None:
    """As the configuration says, with the numbers of the newest /etc/passwd that is still there."""
    await asyncio.to_thread(registry.push, "team/app", "1.0", image(user, layers, media_type))
    assert await ask(registry, "team/app:1.0") == facts


@pytest.mark.parametrize(
    ("layers", "user", "facts"),
    [
        ([BASE, CADDY], "web", ImageFacts(user="web", uid=101, gid=102, file_capabilities=BOUND)),
        ([BASE, CADDY], "7", ImageFacts(user="7", file_capabilities=BOUND)),
        ([BASE, OTHER], "web", ImageFacts(user="web", uid=101, gid=102, file_capabilities=False)),
        ([BASE, OTHER, CADDY, NEWER], "web", ImageFacts(user="web", uid=2001, gid=2002, file_capabilities=BOUND)),
        ([BASE, CADDY], "root", ImageFacts(user="root")),
        ([ZSTD, CADDY, BASE], "web", ImageFacts(user="web", uid=101, gid=102)),
        ([Blob(b"no gzip", BASE.media_type), CADDY, BASE], "web", ImageFacts(user="web")),
    ],
    ids=["with", "with, by number", "without", "several layers", "root", "packed otherwise", "not packed at all"],
)
async def test_file_capabilities(registry: Registry, layers: Sequence[Blob], user: str, facts: ImageFacts) -> None:
    """Of the program of an image that does not run as root, where all layers can be read."""
    await asyncio.to_thread(registry.push, "caddy", "2", image(user, layers, Entrypoint=["caddy", "run"]))
    assert await ask(registry, "caddy:2", looks_into=lambda found: found.kind_of_user is not ImageUser.ROOT) == facts


async def test_ports_and_volumes(registry: Registry) -> None:
    """EXPOSE and VOLUME."""
    stored = image("1", [BASE], ExposedPorts={"80/tcp": {}, "53/udp": {}, "x": {}}, Volumes={"/data": {}, "/a": {}})
    await asyncio.to_thread(registry.push, "ports", "latest", stored)
    assert await ask(registry, "ports") == ImageFacts(user="1", exposed_ports=(53, 80), volumes=("/a", "/data"))


@pytest.mark.parametrize(("listed", "each"), [(OCI_INDEX, OCI_MANIFEST), (DOCKER_LIST, DOCKER_MANIFEST)])
async def test_an_index_is_read_by_platform(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, listed: str, each: str
) -> None:
    """That of this machine; the first of Linux where there is none of it."""
    images = {"amd64": image("1", [BASE], each), "arm64": image("2", [BASE], each)}
    for name, stored in images.items():
        await asyncio.to_thread(registry.push, "multi", name, stored)
    await asyncio.to_thread(registry.push_manifest, "multi", "latest", index(images, listed))
    for machine, user in (("x86_64", "1"), ("aarch64", "2"), ("riscv64", "1")):
        monkeypatch.setattr("platform.machine", lambda machine=machine: machine)
        assert (await ask(registry, "multi")).user == user


async def test_a_digest_is_asked_for(registry: Registry) -> None:
    """It outranks the tag."""
    old, new = image("1", [BASE]), image("2", [BASE])
    for stored in (old, new):
        await asyncio.to_thread(registry.push, "moved", "latest", stored)
    assert (await ask(registry, f"moved:latest@{old.manifest.digest}")).user == "1"
    assert (await ask(registry, "moved")).user == "2"


async def test_what_is_not_there(registry: Registry) -> None:
    """The error names the registry and what was asked for."""
    with pytest.raises(RegistryError, match=r"^localhost:\d+: .*/v2/nothing/manifests/latest: 404$"):
        await ask(registry, "nothing")


async def test_a_user_and_a_password(private_registry: Registry) -> None:
    """With, without, and with the wrong one."""
    await asyncio.to_thread(private_registry.push, "secret", "1", image("7", [BASE]))
    assert (await ask(private_registry, "secret:1", USER)).user == "7"
    with pytest.raises(RegistryError, match="asks for a user and a password, and there are none"):
        await ask(private_registry, "secret:1")
    with pytest.raises(RegistryError, match="401") as raised:
        await ask(private_registry, "secret:1", Credentials("puller", "wrong"))
    assert "wrong" not in str(raised.value)


def test_preview_asks_as_the_user_of_docker(
    private_registry: Registry,
    authority: Authority,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The credentials of the auth file open the registry; what it says of the image decides the default."""
    private_registry.push("web", "1", image("web", [BASE]))
    auths = {private_registry.host: {"auth": encoded(USER)}}
    (tmp_path / "config.json").write_text(json.dumps({"auths": auths}), encoding="utf-8")
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.cert))
    for name in ("REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))
    image_names = (f"{private_registry.host}/web:1", f"{private_registry.host}/absent:1")
    containers = [{"name": f"c{number}", "image": name} for number, name in enumerate(image_names)]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {"containers": containers}}
    file = tmp_path / "pod.json"
    file.write_text(json.dumps(pod), encoding="utf-8")
    main(["preview", "--offline", "-f", str(file), "--images-from-registry", "-o", "json"])
    printed = capsys.readouterr()
    (result,) = json.loads(printed.out)["results"]
    first, second = result["patched"]["spec"]["containers"]
    assert first["securityContext"]["runAsUser"] == 101
    assert "runAsUser" not in second["securityContext"]
    assert f"warning: nothing is known of the image {image_names[1]}: {private_registry.host}: " in printed.err
    assert USER.password not in printed.err
    main(["scan", "-f", str(file), "--images-from-registry", "-o", "json"])
    (place,) = json.loads(capsys.readouterr().out)["namespaces"]
    forecasts = {row["image"]: row["forecast"] for row in place["workloads"][0]["starts"]}
    assert forecasts == {image_names[0]: "runs", image_names[1]: "unknown"}


def test_preview_foresees_a_program_that_is_not_started(
    registry: Registry,
    authority: Authority,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The one file capability that restricted allows is added; of others the forecast tells."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.cert))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    raw = bytes.fromhex("0100000200200000000000000000000000000000")
    containers = []
    for name, attribute in (("bind", BIND), ("raw", raw)):
        stored = image("7", [layer({"bin/web": executable(capability=attribute)})], Cmd=["/bin/web"])
        registry.push(name, "1", stored)
        containers.append({"name": name, "image": f"{registry.host}/{name}:1"})
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {"containers": containers}}
    file = tmp_path / "pod.json"
    file.write_text(json.dumps(pod), encoding="utf-8")
    main(
        [
            "preview",
            "--offline",
            "-f",
            str(file),
            "--images-from-registry",
            "--private-registry",
            registry.host,
            "-o",
            "json",
        ]
    )
    (result,) = json.loads(capsys.readouterr().out)["results"]
    added = [row["securityContext"]["capabilities"].get("add") for row in result["patched"]["spec"]["containers"]]
    assert added == [["NET_BIND_SERVICE"], None]
    assert [row["forecast"] for row in result["starts"]] == ["runs", "will-not-start"]
