"""The certificate that a cluster's replicas share: kept in a Secret, made and replaced by one of them.

Every replica follows the Secret and serves what it holds. The leader also writes it, one step of `authority.plan` at
a time, and keeps the bundle of trusted CAs in our webhook configurations. Two leaders, were there ever two, do no harm:
each write applies only to what it was decided on.

The Secret is ours: what somebody else put there and does not fit together is replaced. Replicas never serve such a
thing meanwhile, but what they have.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import os
import secrets
import socket
import ssl
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from webhook.certificates.authority import Lifetimes, plan, repaired
from webhook.certificates.files import WatchedAuthority, read_authority
from webhook.certificates.injection import CONFIGURATIONS, bundle_patch
from webhook.certificates.issuing import certificate_pem, key_pem
from webhook.certificates.live_context import LiveContext
from webhook.certificates.material import BUNDLE, Material, material_data
from webhook.certificates.objects import NAME, SECRET, lease_path, secret_material, secrets_path, served_names
from webhook.certificates.single import SingleObject
from webhook.certificates.tls import Served
from webhook.cluster.api import JSON_PATCH, Cluster
from webhook.cluster.backoff import Backoff
from webhook.cluster.election import Election, Pace
from webhook.errors import CertificateError, ClusterError

_LONGEST_PAUSE: Final = 30.0
_SHORTEST_PAUSE: Final = 0.2
_RACES: Final = frozenset({HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY})
"""An object is no longer what was read; the second is what a patch's test leads to."""
_LOG: Final = logging.getLogger(__name__)


class ManagedCertificate:
    """One replica's part in it. Give the listener `context` at once: handshakes fail until there is a certificate."""

    def __init__(  # noqa: PLR0913 (the last three have defaults and go by name)
        self,
        cluster: Cluster,
        namespace: str,
        inject: Sequence[str],
        lifetimes: Lifetimes | None = None,
        *,
        identity: str | None = None,
        client_ca: Path | None = None,
        pace: Pace | None = None,
    ) -> None:
        """`inject` has keys of CONFIGURATIONS; `identity` is nobody else's. Raises CertificateError for `client_ca`."""
        self._cluster = cluster
        self._secrets = secrets_path(namespace)
        self._names = served_names(namespace)
        self._lifetimes = lifetimes or Lifetimes()
        self._live = LiveContext(None if client_ca is None else read_authority(client_ca))
        self._client_ca = None if client_ca is None else WatchedAuthority(client_ca, self._live)
        self._wake = asyncio.Event()
        self._election = Election(
            cluster, lease_path(namespace), identity or _identity(), changed=self._wake.set, pace=pace
        )
        self._secret = SingleObject(cluster, self._secrets, SECRET, self._secret_changed)
        self._configurations = {
            path: SingleObject(cluster, path, NAME, self._wake.set)
            for path in (CONFIGURATIONS[kind] for kind in dict.fromkeys(inject))
        }
        self._known: Material | None = None
        self._injected: tuple[bytes, datetime] | None = None
        self._told: dict[str, str] = {}

    @property
    def context(self) -> ssl.SSLContext:
        """For the listener; stays the same."""
        return self._live.context

    @property
    def expiry(self) -> datetime | None:
        """When the certificate that is served ends; None as long as there is none."""
        return self._live.expiry

    @property
    def authority_expiry(self) -> datetime | None:
        """When the CA that signed it ends."""
        issuer = None if self._known is None else self._known.issuer
        return None if issuer is None else issuer.not_valid_after_utc

    @property
    def is_leader(self) -> bool:
        """Whether this replica looks after Secret and webhook configurations."""
        return self._election.is_leader

    async def run(self) -> None:
        """Follow the Secret, and lead if elected, until cancelled. What fails is logged and tried again."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._election.run())
            tasks.create_task(self._secret.run())
            for configuration in self._configurations.values():
                tasks.create_task(configuration.run())
            if self._client_ca is not None:
                tasks.create_task(self._client_ca.run())
            tasks.create_task(self._look_after())

    def _secret_changed(self) -> None:
        self._wake.set()
        secret = self._secret.value
        if secret is None:
            self._tell("secret", logging.ERROR, f"Secret {SECRET} does not exist: apply the manifests again")
            return
        material = secret_material(secret)
        if material.stands(self._names, _now()):
            self._load(material)
        elif self._known is None:
            self._tell("secret", logging.INFO, f"Secret {SECRET} has no certificate to serve yet")
        else:
            self._tell("secret", logging.WARNING, f"Secret {SECRET} no longer fits: what it held is served on")

    def _load(self, material: Material) -> None:
        known, serving, key = self._known, material.serving, material.serving_key
        assert serving is not None  # noqa: S101 (material that stands has both)
        assert key is not None  # noqa: S101
        if known is None or known.serving != serving:
            try:
                self._live.serve(Served(certificate_pem(serving), key_pem(key), SECRET, SECRET))
            except CertificateError as error:
                self._tell("secret", logging.ERROR, f"Secret {SECRET}: {error}")
                return
            end = serving.not_valid_after_utc.isoformat()
            _LOG.info("serving certificate %x, which is valid until %s", serving.serial_number, end)
        self._told.pop("secret", None)
        self._known = material

    async def _look_after(self) -> None:
        backoff = Backoff()
        pause = min(_LONGEST_PAUSE, max(_SHORTEST_PAUSE, self._lifetimes.settle.total_seconds() / 4))
        while True:
            self._wake.clear()
            try:
                if self.is_leader:
                    await self._lead()
                else:
                    self._injected = None
                backoff.reset()
                self._told.pop("failure", None)
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._wake.wait()
            except ClusterError as error:
                if error.status not in _RACES:
                    self._tell("failure", logging.WARNING, f"certificates cannot be looked after: {error}")
                await asyncio.sleep(backoff.next())
            except Exception:  # noqa: BLE001 (logged; certificates that nobody renews would be worse)
                _LOG.exception("certificates cannot be looked after")
                await asyncio.sleep(_LONGEST_PAUSE)

    async def _lead(self) -> None:
        secret = self._secret.value
        if secret is None:
            return
        now, current = _now(), secret_material(secret)
        material = repaired(current, self._known, self._names, now)
        if material is not current:
            await self._write(secret, material, "what it held before, put back")
            return
        failure = await self._inject(material_data(material)[BUNDLE], now) if material.bundle else None
        injected = None if self._injected is None else self._injected[1]
        step = plan(material, self._names, now, self._lifetimes, injected)
        if step is not None:
            await self._write(secret, step.material, step.what)
        if failure is not None:
            raise failure

    async def _write(self, secret: dict[str, Any], material: Material, what: str) -> None:
        """Replace the Secret's data; the watch then tells every replica, this one too."""
        data = {key: base64.b64encode(value).decode() for key, value in material_data(material).items()}
        await self._cluster.send("PUT", f"{self._secrets}/{SECRET}", {**secret, "data": data})
        _LOG.info("Secret %s written: %s", SECRET, what)

    async def _inject(self, bundle: bytes, now: datetime) -> ClusterError | None:
        """Give the bundle to all configurations that exist, and note since when all are known to have it.

        What fails with one does not keep the bundle from the others; it is returned.
        """
        complete, failure = True, None
        for path, single in self._configurations.items():
            if not single.heard:
                complete = False
                continue
            if single.value is None:
                self._tell(path, logging.WARNING, f"{path}/{NAME} does not exist: its caBundle waits for it")
                continue
            self._told.pop(path, None)
            patch = bundle_patch(single.value, bundle)
            if not patch:
                continue
            complete = False
            try:
                await self._cluster.send("PATCH", f"{path}/{NAME}", patch, content_type=JSON_PATCH)
                _LOG.info("%s/%s: caBundle written", path, NAME)
            except ClusterError as error:
                failure = error
        if not complete:
            self._injected = None
        elif self._injected is None or self._injected[0] != bundle:
            self._injected = (bundle, now)
        return failure

    def _tell(self, topic: str, level: int, text: str) -> None:
        """Once, until it changes."""
        if self._told.get(topic) != text:
            self._told[topic] = text
            _LOG.log(level, "%s", text)


def _identity() -> str:
    return f"{os.environ.get('HOSTNAME') or socket.gethostname()}_{secrets.token_hex(4)}"


def _now() -> datetime:
    return datetime.now(UTC)
