"""Asks registries what images are of which pods and kubelets have not taught enough, one by one and never for long.

Only the observer that leads asks, and only registries that the configuration allows. Whoever may create pods decides
which images are asked for, so namespaces take turns, and a registry that refuses is asked again ever more rarely.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from typing import Final, NamedTuple, NoReturn
from urllib.parse import quote

import msgspec

from patches import ImageReference, RegistrySettings, parse_image_reference
from webhook.cluster.api import ClusterClient
from webhook.errors import ClusterError, RegistryError
from webhook.observer.book import ImageBook
from webhook.observer.fair_queue import FairQueue
from webhook.observer.pods import ImageUse
from webhook.registry.addresses import AllowedHosts
from webhook.registry.auth_files import AuthFile
from webhook.registry.authentication import Credentials
from webhook.registry.client import RegistryClient

_MOST_WAITING: Final = 100
"""Of a namespace. Others come again with the next change of their pods, or the next sweep."""
_MOST_REMEMBERED: Final = 20_000
_AT_ONCE: Final = 2
_FIRST_PAUSE: Final = 300.0
_LONGEST_PAUSE: Final = 24 * 3600.0
"""Seconds until an image is asked for again, doubled from one to the other."""
_SECRET: Final = "kubernetes.io/dockerconfigjson"  # noqa: S105 (a type of Secrets)
_KEY: Final = ".dockerconfigjson"
_LOG: Final = logging.getLogger("webhook.observer")


class _Wanted(NamedTuple):
    namespace: str
    pod: str
    use: ImageUse


class _Pause(NamedTuple):
    until: float
    seconds: float


_NO_PAUSE: Final = _Pause(0.0, 0.0)


@lru_cache(1)
def _hosts(patterns: tuple[str, ...]) -> AllowedHosts:
    """Those of the settings in use: every change of a pod asks."""
    return AllowedHosts(patterns)


class _Secret(msgspec.Struct):
    type: str = ""
    data: dict[str, bytes] = {}


class _Named(msgspec.Struct):
    name: str = ""


class _Spec(msgspec.Struct, rename="camel"):
    image_pull_secrets: list[_Named] | None = None


class _Pod(msgspec.Struct):
    spec: _Spec


class Registries:
    """Asks registries.

    Attributes:
        asked: number of images that were asked for, by result: `answered` or `failed`.
    """

    def __init__(
        self,
        client: ClusterClient,
        own_namespace: str,
        book: ImageBook,
        wake: Callable[[], None],
        settings: Callable[[], RegistrySettings | None],
    ) -> None:
        """Prepare to ask.

        Args:
            client: the API server, for Secrets.
            own_namespace: where the Secrets of `pullSecrets: named` are.
            book: takes the answers.
            wake: is called when there is something to write.
            settings: returns the settings in use; None while nobody is to be asked.
        """
        self._client = client
        self._own_namespace = own_namespace
        self._book = book
        self._wake = wake
        self._settings = settings
        self._waiting: FairQueue[_Wanted] = FairQueue(_MOST_WAITING)
        # By namespace, whose Secrets count, and image.
        self._pauses: OrderedDict[tuple[str, str], _Pause] = OrderedDict()
        self.asked: Counter[str] = Counter()

    def put(self, namespace: str, pod: str, uses: Iterable[ImageUse]) -> None:
        """Ask soon for those images of a pod of which a registry may know more."""
        settings = self._settings()
        if settings is None:
            return
        for use in uses:
            key = namespace, use.image
            pause = self._pauses.get(key, _NO_PAUSE)
            due = use.image != "" and time.monotonic() >= pause.until and self._is_wanted(use, settings)
            if due and self._waiting.put(namespace, _Wanted(namespace, pod, use)):
                self._pause(key, pause.seconds or _FIRST_PAUSE)

    async def run(self) -> None:
        """Ask until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for _ in range(_AT_ONCE):
                tasks.create_task(self._go_on())

    async def _go_on(self) -> NoReturn:
        while True:
            wanted = await self._waiting.get()
            settings = self._settings()
            if settings is not None and self._is_wanted(wanted.use, settings):
                await self._ask(wanted, settings)

    async def _ask(self, wanted: _Wanted, settings: RegistrySettings) -> None:
        key = wanted.namespace, wanted.use.image
        reference = parse_image_reference(wanted.use.references[0])
        try:
            credentials = await self._find_credentials(wanted, reference, settings)
            async with RegistryClient(_hosts(settings.allow), context=self._context) as client:
                facts = await client.facts(reference, credentials)
        except (RegistryError, ClusterError, TimeoutError, msgspec.MsgspecError) as error:
            self.asked["failed"] += 1
            self._pause(key, min(2 * self._pauses.get(key, _NO_PAUSE).seconds, _LONGEST_PAUSE))
            _LOG.info("cannot learn of image %s from its registry: %s", wanted.use.image, error)
            return
        self.asked["answered"] += 1
        self._pause(key, _LONGEST_PAUSE)  # the number of a user by name may stay unknown
        if self._book.complete(wanted.use.references, facts, wanted.namespace, datetime.now(UTC)):
            self._wake()

    @cached_property
    def _context(self) -> ssl.SSLContext:
        return ssl.create_default_context()  # with those that SSL_CERT_FILE names

    def _is_wanted(self, use: ImageUse, settings: RegistrySettings) -> bool:
        """Whether something is to be learnt of an image, from a registry that may be asked."""
        if all(map(self._book.knows_user, use.references)):
            return False
        return _hosts(settings.allow).allows(parse_image_reference(use.references[0]).host)

    def _pause(self, key: tuple[str, str], seconds: float) -> None:
        self._pauses[key] = _Pause(time.monotonic() + seconds, seconds)
        self._pauses.move_to_end(key)
        if len(self._pauses) > _MOST_REMEMBERED:
            self._pauses.popitem(last=False)

    async def _find_credentials(
        self, wanted: _Wanted, reference: ImageReference, settings: RegistrySettings
    ) -> Credentials | None:
        """Find the first credentials for an image in the Secrets that may be read; None if there are none."""
        namespace, names = self._own_namespace, settings.secrets  # none but for pullSecrets: named
        if settings.pull_secrets == "pod":
            namespace, names = wanted.namespace, await self._pull_secrets_of(wanted)
        for name in names:
            file = await self._read_secret(namespace, name)
            credentials = None if file is None else file.find(reference)
            if credentials is not None:
                return credentials
        return None

    async def _pull_secrets_of(self, wanted: _Wanted) -> tuple[str, ...]:
        """Those that admission has given the pod of its ServiceAccount are there too."""
        text = await self._client.get(f"/api/v1/namespaces/{wanted.namespace}/pods/{wanted.pod}")
        rows = msgspec.json.decode(text, type=_Pod).spec.image_pull_secrets or ()
        return tuple(row.name for row in rows if row.name)

    async def _read_secret(self, namespace: str, name: str) -> AuthFile | None:
        """Read the auth file in a Secret; None if there is none that can be read."""
        try:
            text = await self._client.get(f"/api/v1/namespaces/{namespace}/secrets/{quote(name, safe='')}")
            secret = msgspec.json.decode(text, type=_Secret)
            return msgspec.json.decode(secret.data[_KEY], type=AuthFile) if secret.type == _SECRET else None
        except (msgspec.MsgspecError, KeyError, UnicodeDecodeError):
            return None
        except ClusterError as error:
            if error.not_found:
                return None
            raise
