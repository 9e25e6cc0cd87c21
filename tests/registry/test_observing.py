"""What an observer asks registries, whose Secrets it reads for that, and what it then knows."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, Literal, TypeAlias

import pytest

from patches import DefaulterConfiguration, ImageFacts, Lesson, RegistrySettings
from patches.policy.configuration import ObserverSettings, RunAsNonRootSettings, Settings
from tests.cluster.pki import Authority
from tests.gatherers.live_faults import Played, Refusal, beside, playing, until
from tests.registry.conftest import USER, Registry, encoded
from tests.registry.content import BIND, PASSWD, executable, image, layer
from tests.registry.test_hostile_registry import CONFIG, answer, serving
from webhook.images.facts import write_image_facts
from webhook.observer.book import ImageBook
from webhook.observer.pods import ImageUse
from webhook.observer.registries import Registries
from webhook.registry.authentication import Credentials

_STORED: Final = image("web", [layer({"etc/passwd": PASSWD})])
_SECONDS: Final = 20
RootImages: TypeAlias = Literal["skip", "userNamespace", "warn"]


class _Observed:
    """Registries that are asked, the book, and the API server that has the Secrets."""

    def __init__(self, played: Played, registries: Registries, book: ImageBook, woken: list[None]) -> None:
        self.played, self.registries, self.book, self.woken = played, registries, book, woken

    async def ask(
        self, image: str, namespace: str = "shop", digest: str = "", *, sets_user: bool = False
    ) -> dict[str, Any]:
        """Have a pod `p` use an image, and wait for the result; what is known of the image then."""
        before = self.registries.asked.total()
        self.registries.put(namespace, "p", [ImageUse(image, digest, sets_user)])
        await until(lambda: self.registries.asked.total() > before, _SECONDS)
        entry = self.book.entries.get(image)
        return {} if entry is None else {"user": entry.user, "uid": entry.uid, "gid": entry.gid, "source": entry.source}

    def add_secret(self, namespace: str, name: str, host: str, user: Credentials) -> None:
        """Have a pull secret."""
        text = json.dumps({"auths": {host: {"auth": encoded(user)}}}).encode()
        data = {".dockerconfigjson": b64encode(text).decode()}
        secret = {"type": "kubernetes.io/dockerconfigjson", "data": data}
        self.played.objects[f"/api/v1/namespaces/{namespace}/secrets/{name}"] = [secret]

    def add_pod(self, namespace: str, *names: str) -> None:
        """Have a pod `p` with pull secrets."""
        spec = {"imagePullSecrets": [{"name": name} for name in names]}
        self.played.objects[f"/api/v1/namespaces/{namespace}/pods/p"] = [{"spec": spec}]

    @property
    def secrets(self) -> list[str]:
        """The Secrets that were read."""
        return [path.removeprefix("/api/v1/namespaces/") for path, _ in self.played.asked if "/secrets/" in path]


def _configuration(settings: RegistrySettings, root_images: RootImages = "skip") -> DefaulterConfiguration:
    observer, non_root = ObserverSettings(registry=settings), RunAsNonRootSettings(root_images=root_images)
    return DefaulterConfiguration(observer=observer, settings=Settings(run_as_non_root=non_root))


@asynccontextmanager
async def _observing(host: str, *, root_images: RootImages = "skip", **settings: Any) -> AsyncIterator[_Observed]:
    woken: list[None] = []
    book = ImageBook()
    given = _configuration(RegistrySettings(enabled=True, allow=(host,), **settings), root_images)
    async with playing() as (played, client):
        registries = Registries(client, "own", book, lambda: woken.append(None), lambda: given)
        async with beside(registries.run()):
            yield _Observed(played, registries, book, woken)


@pytest.fixture(autouse=True)
def _trusted(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system trusts who signs for the registries of the tests."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.cert))


async def test_a_user_by_name_gets_its_number(registry: Registry) -> None:
    """Of the tag that the pod names, and of the digest where it has been pulled; written soon."""
    await asyncio.to_thread(registry.push, "observed", "1", _STORED)
    name = f"{registry.host}/observed:1"
    digest = f"{registry.host}/observed@{_STORED.manifest.digest}"
    async with _observing(registry.host) as observed:
        found = await observed.ask(name, digest=digest)
        assert found == {"user": "web", "uid": 101, "gid": 102, "source": "registry"}
        assert observed.book.entries[digest] == observed.book.entries[name]
        assert observed.book.entries[name].namespace == "shop"
        assert len(observed.woken) == 1
        assert observed.secrets == []
        observed.registries.put("shop", "p", [ImageUse(name, digest)])
        observed.registries.put("bank", "p", [ImageUse(name, digest)])
        assert len(observed.registries._waiting) == 0


@pytest.mark.parametrize(("attribute", "known"), [(BIND, ("NET_BIND_SERVICE",)), (b"", False)], ids=["with", "without"])
async def test_file_capabilities_are_looked_for(registry: Registry, attribute: bytes, *, known: Any) -> None:
    """Of an image whose user is known already: the ConfigMap has their names. They are looked for once."""
    stored = image("7", [layer({"bin/web": executable(capability=attribute)})], Cmd=["web"])
    await asyncio.to_thread(registry.push, "capable", "1", stored)
    name = f"{registry.host}/capable:1"
    async with _observing(registry.host) as observed:
        observed.book.learn(Lesson(name, ImageFacts(user="7", uid=7), by_kubelet=False), "shop", datetime.now(UTC))
        await observed.ask(name)
        written = json.loads(write_image_facts(observed.book.entries))["images"][name]
        assert written["fileCapabilities"] == (list(known) if known else known)
        assert (written["user"], written["source"]) == ("7", "running")
        observed.registries.put("bank", "p", [ImageUse(name, "")])
        assert len(observed.registries._waiting) == 0


async def test_file_capabilities_are_looked_for_where_they_matter(registry: Registry) -> None:
    """Not where root keeps its capabilities: where the pod names another user, or in a user namespace, it does not."""
    stored = image("", [layer({"bin/web": executable(capability=BIND)})], Cmd=["web"])
    await asyncio.to_thread(registry.push, "root", "1", stored)
    name = f"{registry.host}/root:1"
    cases: tuple[tuple[bool, RootImages, Any], ...] = (
        (False, "skip", None),
        (True, "skip", ("NET_BIND_SERVICE",)),
        (False, "userNamespace", ("NET_BIND_SERVICE",)),
    )
    for sets_user, root_images, known in cases:
        async with _observing(registry.host, root_images=root_images) as observed:
            await observed.ask(name, sets_user=sets_user)
            assert observed.book.entries[name].file_capabilities == known
            observed.registries.put("bank", "p", [ImageUse(name, "", sets_user)])
            assert len(observed.registries._waiting) == 0
            observed.registries.put("bank", "p", [ImageUse(name, "", sets_user=True)])
            assert len(observed.registries._waiting) == (known is None)


async def test_file_capabilities_are_not_looked_for(registry: Registry) -> None:
    """Where the configuration says so, no layer is downloaded and the image is not asked for again."""
    stored = image("7", [layer({"bin/web": executable(capability=BIND)})], Cmd=["web"])
    await asyncio.to_thread(registry.push, "capable", "1", stored)
    name = f"{registry.host}/capable:1"
    async with _observing(registry.host, file_capabilities=False) as observed:
        await observed.ask(name)
        assert observed.book.entries[name].file_capabilities is None
        observed.registries.put("bank", "p", [ImageUse(name, "")])
        assert len(observed.registries._waiting) == 0


async def test_what_a_registry_does_not_tell_is_not_asked_for_all_namespaces(registry: Registry) -> None:
    """It would say the same again, and the layers may be large. After a day it is asked for once more."""
    stored = image("7", [layer({"start": executable(b"#!"), "bin/web": executable(capability=BIND)})], Cmd=["/start"])
    await asyncio.to_thread(registry.push, "script", "1", stored)
    name = f"{registry.host}/script:1"
    async with _observing(registry.host) as observed:
        assert (await observed.ask(name))["user"] == "7"
        assert observed.book.entries[name].file_capabilities is None
        observed.registries.put("bank", "p", [ImageUse(name, "")])
        assert len(observed.registries._waiting) == 0
        observed.registries._pauses.clear()
        await observed.ask(name, "bank")
        assert dict(observed.registries.asked) == {"answered": 2}


async def test_nobody_s_secrets(private_registry: Registry) -> None:
    """Without pullSecrets a private image stays unknown, and no Secret is read."""
    await asyncio.to_thread(private_registry.push, "mine", "1", _STORED)
    async with _observing(private_registry.host) as observed:
        observed.add_pod("shop", "pull")
        observed.add_secret("shop", "pull", private_registry.host, USER)
        assert await observed.ask(f"{private_registry.host}/mine:1") == {}
        assert (observed.secrets, dict(observed.registries.asked)) == ([], {"failed": 1})


async def test_the_secrets_of_the_pod(private_registry: Registry) -> None:
    """Those of its own namespace, in their order; one that is missing or for another registry is passed over."""
    await asyncio.to_thread(private_registry.push, "mine", "1", _STORED)
    name = f"{private_registry.host}/mine:1"
    async with _observing(private_registry.host, pull_secrets="pod") as observed:
        observed.add_secret("shop", "other", "registry.example", Credentials("a", "b"))
        observed.add_secret("shop", "pull", private_registry.host, USER)
        observed.add_pod("shop", "../gone", "other", "pull", "more")
        observed.add_pod("bank", "pull")
        assert await observed.ask(name, "bank") == {}  # that namespace has no such Secret
        assert observed.secrets == ["bank/secrets/pull"]
        assert (await observed.ask(name))["uid"] == 101
        assert observed.secrets[1:] == ["shop/secrets/../gone", "shop/secrets/other", "shop/secrets/pull"]


async def test_secrets_of_our_own(private_registry: Registry) -> None:
    """For the pods of every namespace; what a pod names is not read."""
    await asyncio.to_thread(private_registry.push, "mine", "1", _STORED)
    async with _observing(private_registry.host, pull_secrets="named", secrets=("all",)) as observed:
        observed.add_secret("own", "all", private_registry.host, USER)
        observed.add_pod("shop", "pull")
        assert (await observed.ask(f"{private_registry.host}/mine:1"))["uid"] == 101
        assert observed.secrets == ["own/secrets/all"]


@pytest.mark.parametrize(
    "played",
    [
        {"type": "Opaque", "data": {".dockerconfigjson": "e30="}},
        {"type": "kubernetes.io/dockerconfigjson", "data": {}},
        {"type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": "W10="}},
        {"type": 7},
        Refusal(403, "forbidden"),
    ],
    ids=["another type", "without the key", "no auth file", "no Secret", "no right"],
)
async def test_secrets_that_cannot_be_used(private_registry: Registry, played: Any) -> None:
    """The image stays unknown, and others are asked for."""
    await asyncio.to_thread(private_registry.push, "mine", "1", _STORED)
    async with _observing(private_registry.host, pull_secrets="named", secrets=("all",)) as observed:
        observed.played.objects["/api/v1/namespaces/own/secrets/all"] = [played]
        assert await observed.ask(f"{private_registry.host}/mine:1") == {}
        observed.add_secret("own", "all", private_registry.host, USER)
        assert (await observed.ask(f"{private_registry.host}/mine:1", "bank"))["uid"] == 101


async def test_a_pod_that_cannot_be_read(private_registry: Registry) -> None:
    """It is gone, or no pod."""
    async with _observing(private_registry.host, pull_secrets="pod") as observed:
        assert await observed.ask(f"{private_registry.host}/mine:1") == {}
        observed.played.objects["/api/v1/namespaces/bank/pods/p"] = [{"spec": 7}]
        assert await observed.ask(f"{private_registry.host}/mine:1", "bank") == {}


async def test_no_secret_is_read_for_a_registry_that_may_not_be_asked() -> None:
    """Nor is it asked: whoever creates pods cannot have their pull secrets sent anywhere."""
    async with _observing("registry.example", pull_secrets="pod") as observed:
        observed.add_pod("shop", "pull")
        observed.registries.put("shop", "p", [ImageUse("other.example/app:1", "")])
        assert len(observed.registries._waiting) == 0
        assert observed.played.asked == []


async def test_a_refusal_is_not_asked_for_again_soon(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """After ten minutes, then twenty, and so on, but once a day."""
    now = 1000.0
    monkeypatch.setattr("webhook.observer.registries.time", SimpleNamespace(monotonic=lambda: now))
    name = f"{registry.host}/gone:1"
    async with _observing(registry.host) as observed:
        for minutes in (10, 20, 40):
            assert await observed.ask(name) == {}
            now += minutes * 60 - 1
            observed.registries.put("shop", "p", [ImageUse(name, "")])
            assert len(observed.registries._waiting) == 0
            now += 1
        for _ in range(8):
            now += 24 * 3600
            await observed.ask(name)
        assert observed.registries._pauses["shop", name].seconds == 24 * 3600
        assert dict(observed.registries.asked) == {"failed": 11}


async def test_nothing_of_ours_is_sent(authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a token nor what ~/.netrc has; and a registry cannot end the observer."""
    (tmp_path / "netrc").write_text("default login me password mine\n", encoding="utf-8")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    async with serving(authority) as server, _observing(server.host) as observed:
        assert (await observed.ask(f"{server.host}/app"))["uid"] == 101
        assert {shown for _, shown in server.requests} == {""}
        server.handlers[CONFIG] = answer(body=b"no configuration")
        assert await observed.ask(f"{server.host}/app:latest", "bank") == {}


async def test_it_is_off(registry: Registry) -> None:
    """Nothing is queued."""
    async with playing() as (_, client):
        registries = Registries(client, "own", ImageBook(), lambda: None, lambda: None)
        registries.put("shop", "p", [ImageUse(f"{registry.host}/observed:1", "")])
        assert len(registries._waiting) == 0


async def test_it_is_switched_off_meanwhile(registry: Registry) -> None:
    """What waits is not asked for, and what became known meanwhile neither."""
    asking = _configuration(RegistrySettings(enabled=True, allow=("*",)))
    settings: list[DefaulterConfiguration | None] = [asking]
    book = ImageBook()
    async with playing() as (_, client):
        registries = Registries(client, "own", book, lambda: None, lambda: settings[0])
        registries.put("shop", "p", [ImageUse(f"{registry.host}/a:1", ""), ImageUse("", "")])
        settings[0] = None
        async with beside(registries.run()):
            await until(lambda: not len(registries._waiting))
            settings[0] = asking
            registries.put("shop", "p", [ImageUse(f"{registry.host}/b:1", "")])
            book.complete(
                [f"{registry.host}/b:1"], ImageFacts(user="7", file_capabilities=False), "shop", datetime.now(UTC)
            )
            await until(lambda: not len(registries._waiting))
            await asyncio.sleep(0)
    assert registries.asked.total() == 0
