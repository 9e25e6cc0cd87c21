"""The certificate that all replicas in a cluster share: it is kept in a Secret, and the leader makes and renews it.

Every replica follows the Secret and serves the certificate in it. The leader also writes the Secret, one step of
`authority.plan_step` at a time, and injects the bundle of trusted CAs into our webhook configurations. If there ever
were two leaders, they would do no harm: each write applies only to the object that it was decided on.

The Secret is ours: if somebody else damages it, the leader replaces its content. Until then, replicas serve what they
have.
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

from webhook.certificates.authority import Lifetimes, plan_step, repair
from webhook.certificates.files import ClientCAFile
from webhook.certificates.injection import CONFIGURATIONS, bundle_patch
from webhook.certificates.issuing import certificate_pem, key_pem
from webhook.certificates.live_context import LiveContext
from webhook.certificates.material import BUNDLE, Material, material_data
from webhook.certificates.objects import OwnObjects, secret_material
from webhook.certificates.single import SingleObject
from webhook.certificates.tls import KeyPair
from webhook.cluster.api import JSON_PATCH, ClusterClient
from webhook.cluster.backoff import Backoff
from webhook.cluster.election import Election, LeaseTimings
from webhook.errors import CertificateError, ClusterError

_LONGEST_PAUSE: Final = 30.0
_SHORTEST_PAUSE: Final = 0.2
_RACES: Final = frozenset({HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY})
"""The object has changed since it was read. The second is the answer to a JSON patch whose test fails."""
_LOG: Final = logging.getLogger(__name__)


class ManagedCertificate:
    """The shared certificate, as one replica serves it. Handshakes fail until there is a certificate."""

    def __init__(  # noqa: PLR0913 (the last three have defaults and go by name)
        self,
        cluster: ClusterClient,
        own: OwnObjects,
        inject: Sequence[str],
        lifetimes: Lifetimes | None = None,
        *,
        identity: str | None = None,
        client_ca: Path | None = None,
        timings: LeaseTimings | None = None,
    ) -> None:
        """Read the client CA; nothing is asked of the cluster yet.

        Args:
            cluster: the API server.
            own: where our own objects are.
            inject: keys of CONFIGURATIONS: the webhook configurations that get the bundle.
            lifetimes: how long certificates live.
            identity: this replica's name in the Lease, which no other has; by default the host's with a random suffix.
            client_ca: if given, clients need a certificate of the CA in this file.
            timings: those of the Lease.

        Raises:
            CertificateError: the client CA cannot be used.
        """
        self._cluster = cluster
        self._own = own
        self._lifetimes = lifetimes or Lifetimes()
        self._client_ca = None if client_ca is None else ClientCAFile(client_ca)
        self._live = LiveContext(None if self._client_ca is None else self._client_ca.first)
        self._wake = asyncio.Event()
        self._election = Election(
            cluster, own.lease_path, identity or _new_identity(), on_change=self._wake.set, timings=timings
        )
        self._secret = SingleObject(cluster, own.secrets_path, own.secret, self._take_secret)
        self._configurations = {
            path: SingleObject(cluster, path, own.name, self._wake.set)
            for path in (CONFIGURATIONS[kind] for kind in dict.fromkeys(inject))
        }
        self._good: Material | None = None
        self._injected: tuple[bytes, datetime] | None = None  # the bundle that all configurations have, and since when
        self._logged: dict[str, str] = {}

    @property
    def context(self) -> ssl.SSLContext:
        """For the listener; stays the same."""
        return self._live.context

    @property
    def expiry(self) -> datetime | None:
        """When the certificate that is served expires; None while there is none."""
        return self._live.expiry

    @property
    def authority_expiry(self) -> datetime | None:
        """When the CA that signed the served certificate expires; None while there is none."""
        issuer = None if self._good is None else self._good.issuer
        return None if issuer is None else issuer.not_valid_after_utc

    @property
    def is_leader(self) -> bool:
        """Whether this replica writes the Secret and the webhook configurations."""
        return self._election.is_leader

    async def run(self) -> None:
        """Follow the Secret, and lead if elected, until cancelled. Failures are logged and retried."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._election.run())
            tasks.create_task(self._secret.run())
            for configuration in self._configurations.values():
                tasks.create_task(configuration.run())
            if self._client_ca is not None:
                tasks.create_task(self._client_ca.run(self._live))
            tasks.create_task(self._maintain())

    def _take_secret(self) -> None:
        self._wake.set()
        secret, name = self._secret.value, self._own.secret
        if secret is None:
            self._log_once("secret", logging.ERROR, f"Secret {name} does not exist: apply the manifests again")
            return
        material = secret_material(secret)
        if material.can_serve(self._own.served_names, _now()):
            self._load(material)
        elif self._good is None:
            self._log_once("secret", logging.INFO, f"Secret {name} has no certificate to serve yet")
        else:
            self._log_once("secret", logging.WARNING, f"Secret {name} is damaged: its last certificate stays in use")

    def _load(self, material: Material) -> None:
        good, serving, key = self._good, material.serving, material.serving_key
        name = self._own.secret
        assert serving is not None  # noqa: S101 (material that can serve has both)
        assert key is not None  # noqa: S101
        if good is None or good.serving != serving:
            try:
                self._live.serve(KeyPair(certificate_pem(serving), key_pem(key), name, name))
            except CertificateError as error:
                self._log_once("secret", logging.ERROR, f"Secret {name}: {error}")
                return
            end = serving.not_valid_after_utc.isoformat()
            _LOG.info("serving certificate %x, valid until %s", serving.serial_number, end)
        self._logged.pop("secret", None)
        self._good = material

    async def _maintain(self) -> None:
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
                self._logged.pop("failure", None)
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._wake.wait()
            except ClusterError as error:
                if error.status not in _RACES:
                    self._log_once("failure", logging.WARNING, f"cannot renew certificate: {error}")
                await asyncio.sleep(backoff.next())
            except Exception:  # noqa: BLE001 (logged; certificates that nobody renews would be worse)
                _LOG.exception("cannot renew certificate")
                await asyncio.sleep(_LONGEST_PAUSE)

    async def _lead(self) -> None:
        secret = self._secret.value
        if secret is None:
            return
        now, current = _now(), secret_material(secret)
        material = repair(current, self._good, self._own.served_names, now)
        if material is not current:
            await self._write(secret, material, "its last good content restored")
            return
        failure = await self._inject(material_data(material)[BUNDLE], now) if material.bundle else None
        injected = None if self._injected is None else self._injected[1]
        step = plan_step(material, self._own.served_names, now, self._lifetimes, injected)
        if step is not None:
            await self._write(secret, step.material, step.what)
        if failure is not None:
            raise failure

    async def _write(self, secret: dict[str, Any], material: Material, what: str) -> None:
        """Replace the Secret's data. The watch then brings it to every replica, including this one."""
        data = {key: base64.b64encode(value).decode() for key, value in material_data(material).items()}
        await self._cluster.send("PUT", self._own.secret_path, {**secret, "data": data})
        _LOG.info("wrote Secret %s: %s", self._own.secret, what)

    async def _inject(self, bundle: bytes, now: datetime) -> ClusterError | None:
        """Give the bundle to all configurations that exist, and note since when all are known to have it.

        Returns:
            The last failure, if there was one; the other configurations have got the bundle all the same.
        """
        complete, failure, name = True, None, self._own.name
        for path, single in self._configurations.items():
            if not single.is_known:
                complete = False
                continue
            if single.value is None:
                self._log_once(path, logging.WARNING, f"{path}/{name} does not exist: no caBundle is written to it")
                continue
            self._logged.pop(path, None)
            patch = bundle_patch(single.value, bundle)
            if not patch:
                continue
            complete = False
            try:
                await self._cluster.send("PATCH", f"{path}/{name}", patch, content_type=JSON_PATCH)
                _LOG.info("wrote caBundle of %s/%s", path, name)
            except ClusterError as error:
                failure = error
        if not complete:
            self._injected = None
        elif self._injected is None or self._injected[0] != bundle:
            self._injected = (bundle, now)
        return failure

    def _log_once(self, topic: str, level: int, text: str) -> None:
        """Log `text` unless it was the last text on this topic."""
        if self._logged.get(topic) != text:
            self._logged[topic] = text
            _LOG.log(level, "%s", text)


def _new_identity() -> str:
    return f"{os.environ.get('HOSTNAME') or socket.gethostname()}_{secrets.token_hex(4)}"


def _now() -> datetime:
    return datetime.now(UTC)
