"""The composition root: one part exchanged, and options that contradict each other."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Collection
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from patches.model.images import Images
from patches.policy.snapshot import Snapshot
from tests.gatherers.test_credentials import kubeconfig
from tests.review.builders import NAMESPACE, RESTRICTED, pod, privileged_pod, review
from tests.review.gatherers import UnlabelledGatherer
from webhook.certificates.self_signed import CertificateFiles
from webhook.cli import main
from webhook.cluster.options import ConnectionOptions
from webhook.errors import InputError
from webhook.gatherers.gatherer import GatheredNamespaces
from webhook.server.build import Server, build_server
from webhook.server.options import ServerOptions, TlsOptions

SELF_SIGNED = TlsOptions(self_signed=Path("certs"))


class RestrictedGatherer(UnlabelledGatherer):
    """A gatherer that knows each namespace to enforce `restricted`, and what it was asked about."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def use_images(self, images: Images) -> None:
        """The test says nothing of images."""

    async def gather(self, namespace: str, deadline: float) -> Snapshot:
        """The snapshot of a restricted namespace."""
        self.asked.append(namespace)
        return replace(await super().gather(namespace, deadline), labels=RESTRICTED)

    async def gather_all(self, namespaces: Collection[str]) -> GatheredNamespaces:
        """As `gather`, with a problem for each."""
        snapshots = {name: await self.gather(name, 0) for name in namespaces}
        return GatheredNamespaces(snapshots, {name: f"{name} is of the test" for name in namespaces})


def options_of(files: CertificateFiles) -> ServerOptions:
    """Options for all three sites."""
    tls = TlsOptions(tls_cert=files.cert, tls_key=files.key)
    return ServerOptions(port=0, health_port=0, preview_port=0, tls=tls)


def client_of(app: web.Application) -> TestClient[web.Request, web.Application]:
    """A client of an application on loopback."""
    return TestClient(TestServer(app))


async def test_a_gatherer_is_exchanged(files: CertificateFiles) -> None:
    """Reviews and previews ask the one that is given, instead of what the options name: that is not even read."""
    gatherer = RestrictedGatherer()
    options = replace(options_of(files), objects=[Path("no-such-file.yaml")])
    async with AsyncExitStack() as stack:
        server = await build_server(options, stack, gatherer=gatherer)
        assert (list(server.sites), server.notes) == (["admission", "health and metrics", "the preview page"], [])
        assert server.authority == files.cert
        client = await stack.enter_async_context(client_of(server.sites["admission"].app))
        async with client.post("/validate", json=review(privileged_pod())) as reply:
            response = (await reply.json())["response"]
        assert (response["allowed"], response["status"]["code"]) == (False, 403)
        client = await stack.enter_async_context(client_of(server.sites["the preview page"].app))
        async with client.post("/preview", json=pod()) as reply:
            (result,) = (await reply.json())["results"]
        assert (result["profile"], result["allowed"]) == ("restricted:latest", True)
        assert f"{NAMESPACE} is of the test" in result["warnings"]
        assert gatherer.asked == [NAMESPACE, NAMESPACE]
        client = await stack.enter_async_context(client_of(server.sites["health and metrics"].app))
        async with client.get("/metrics") as reply:
            assert 'psd_violations_total{check="privileged",level="baseline"' not in await reply.text()


async def test_an_exchanged_gatherer_leaves_the_caches_of_a_cluster_alone(
    files: CertificateFiles, tmp_path: Path
) -> None:
    """Nothing waits for caches that nobody asks: what else is the cluster's stays."""
    connection = ConnectionOptions(kubeconfig=kubeconfig(tmp_path, "http://127.0.0.1:9", {}))
    options = replace(options_of(files), cluster=True, connection=connection)

    async def built(gatherer: RestrictedGatherer | None) -> Server:
        async with AsyncExitStack() as stack:
            return await build_server(options, stack, gatherer=gatherer)

    of_cluster, exchanged = await built(None), await built(RestrictedGatherer())
    assert "cache namespaces" in of_cluster.readiness.report()
    assert "cache" not in exchanged.readiness.report()
    assert len(exchanged.background) == len(of_cluster.background) - 1


@pytest.mark.parametrize(
    ("arguments", "options", "text"),
    [
        (
            ["--managed-certificates"],
            ServerOptions(tls=TlsOptions(managed_certificates=True)),
            "--managed-certificates are kept in a cluster: add --cluster",
        ),
        (
            ["--cluster", "--managed-certificates", "--self-signed", "certs"],
            ServerOptions(cluster=True, tls=replace(SELF_SIGNED, managed_certificates=True)),
            "--managed-certificates makes its own: leave out --tls-cert, --tls-key and --self-signed",
        ),
        (
            ["--self-signed", "certs", "--tls-key", "x"],
            ServerOptions(tls=replace(SELF_SIGNED, tls_key=Path("x"))),
            "--self-signed makes its own certificate: leave out --tls-cert and --tls-key",
        ),
        (
            ["--cluster", "--objects", ".", "--self-signed", "certs"],
            ServerOptions(cluster=True, objects=[Path()], tls=SELF_SIGNED),
            "--cluster asks the API server: leave out --objects",
        ),
        (
            ["--self-signed", "certs", "--preview-port", "0", "--host", "0.0.0.0"],  # noqa: S104 (it is refused)
            ServerOptions(host="0.0.0.0", preview_port=0, tls=SELF_SIGNED),  # noqa: S104 (likewise)
            "without --cluster nobody can be asked who is calling: --preview-host has to be of loopback",
        ),
        (
            ["--self-signed", "certs", "--no-admission"],
            ServerOptions(admission=False, tls=SELF_SIGNED),
            "--no-admission leaves nothing to serve: add --preview-port",
        ),
        (
            ["--tls-cert", "x"],
            ServerOptions(tls=TlsOptions(tls_cert=Path("x"))),
            "admission is served over TLS: give --tls-cert and --tls-key, or --self-signed DIR",
        ),
        (
            ["--self-signed", "certs", "--objects", "no.yaml"],
            ServerOptions(objects=[Path("no.yaml")], tls=SELF_SIGNED),
            "no.yaml: No such file or directory",
        ),
    ],
)
@pytest.mark.usefixtures("root_logger")
def test_options_that_contradict_each_other(  # noqa: PLR0917 (parameters and fixtures, all by name)
    arguments: list[str],
    options: ServerOptions,
    text: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever builds a server is told what the command prints, before anything is made or listens."""
    monkeypatch.chdir(tmp_path)

    async def build() -> None:
        async with AsyncExitStack() as stack:
            await build_server(options, stack)

    with pytest.raises(InputError) as caught:
        asyncio.run(build())
    assert str(caught.value) == text
    assert main(["serve", *arguments]) == 2
    assert capsys.readouterr() == ("", f"error: {text}\n")
    assert not any(tmp_path.iterdir())


async def test_a_preview_alone_needs_no_certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without admission and cluster the page is served in plain HTTP on loopback, and nothing is made on disk."""
    monkeypatch.chdir(tmp_path)
    async with AsyncExitStack() as stack:
        server = await build_server(ServerOptions(admission=False, preview_port=0), stack)
    assert [(what, site.context) for what, site in server.sites.items()] == [("the preview page", None)]
    assert server.authority is None
    assert os.listdir(tmp_path) == []  # noqa: PTH208 (the directory is local and small)
