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

from patches import (
    DefaulterConfiguration,
    ImageFacts,
    ImageReference,
    ImageUser,
    RegistrySettings,
    parse_image_reference,
)
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


def _root_keeps(use: ImageUse, configuration: DefaulterConfiguration) -> bool:
    """Whether a container whose image runs as root keeps its capabilities, so that those of its program do not matter.

    It does not where the pod names another user, nor in a user namespace under restricted.
    """
    return not use.sets_user and configuration.settings.run_as_non_root.root_images != "userNamespace"


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
        configuration: Callable[[], DefaulterConfiguration | None],
    ) -> None:
        """Prepare to ask.

        Args:
            client: the API server, for Secrets.
            own_namespace: where the Secrets of `pullSecrets: named` are.
            book: takes the answers.
            wake: is called when there is something to write.
            configuration: returns the configuration in use; None while nobody is to be asked.
        """
        self._client = client
        self._own_namespace = own_namespace
        self._book = book
        self._wake = wake
        self._configuration = configuration
        self._waiting: FairQueue[_Wanted] = FairQueue(_MOST_WAITING)
        # By namespace, whose Secrets count, and image; for all namespaces under "".
        self._pauses: OrderedDict[tuple[str, str], _Pause] = OrderedDict()
        self.asked: Counter[str] = Counter()

    def put(self, namespace: str, pod: str, uses: Iterable[ImageUse]) -> None:
        """Ask soon for those images of a pod of which a registry may know more."""
        configuration = self._configuration()
        if configuration is None:
            return
        for use in uses:
            key = namespace, use.image
            pause = self._pauses.get(key, _NO_PAUSE)
            until = max(pause.until, self._pauses.get(("", use.image), _NO_PAUSE).until)
            due = use.image != "" and time.monotonic() >= until and self._is_wanted(use, configuration)
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
            configuration = self._configuration()
            if configuration is not None and self._is_wanted(wanted.use, configuration):
                await self._ask(wanted, configuration)

    async def _ask(self, wanted: _Wanted, configuration: DefaulterConfiguration) -> None:
        settings = configuration.observer.registry
        key = wanted.namespace, wanted.use.image
        reference = parse_image_reference(wanted.use.references[0])

        def looks_into(facts: ImageFacts) -> bool:
            keeps = facts.kind_of_user is ImageUser.ROOT and _root_keeps(wanted.use, configuration)
            return settings.file_capabilities and not keeps

        try:
            credentials = await self._find_credentials(wanted, reference, settings)
            async with RegistryClient(_hosts(settings.allow), context=self._context) as client:
                facts = await client.facts(reference, credentials, looks_into)
        except (RegistryError, ClusterError, TimeoutError, msgspec.MsgspecError) as error:
            self.asked["failed"] += 1
            self._pause(key, min(2 * self._pauses.get(key, _NO_PAUSE).seconds, _LONGEST_PAUSE))
            _LOG.info("cannot learn of image %s from its registry: %s", wanted.use.image, error)
            return
        self.asked["answered"] += 1
        self._pause(key, _LONGEST_PAUSE)
        if self._book.complete(wanted.use.references, facts, wanted.namespace, datetime.now(UTC)):
            self._wake()
        if self._is_wanted(wanted.use, configuration):  # what it does not tell one, it does not tell others
            self._pause(("", wanted.use.image), _LONGEST_PAUSE)

    @cached_property
    def _context(self) -> ssl.SSLContext:
        return ssl.create_default_context()  # with those that SSL_CERT_FILE names

    def _is_wanted(self, use: ImageUse, configuration: DefaulterConfiguration) -> bool:
        """Whether something is to be learnt of an image, from a registry that may be asked."""
        if all(self._knows(reference, use, configuration) for reference in use.references):
            return False
        hosts = _hosts(configuration.observer.registry.allow)
        return hosts.allows(parse_image_reference(use.references[0]).host)

    def _knows(self, reference: str, use: ImageUse, configuration: DefaulterConfiguration) -> bool:
        """Whether nothing is left that a registry could say of an image."""
        if not self._book.knows_user(reference):
            return False
        if not configuration.observer.registry.file_capabilities or self._book.knows_file_capabilities(reference):
            return True
        return self._book.is_root(reference) and _root_keeps(use, configuration)

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
