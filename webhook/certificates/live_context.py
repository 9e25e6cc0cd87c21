"""A TLS context for a listener's whole life, whose certificate and client CA are replaced while it serves.

The listener keeps one context. At each handshake its SNI callback switches to the context with the current certificate
and client CA. So a replacement is atomic, a client CA can be removed, and open connections continue.
"""

from __future__ import annotations

import ssl
from datetime import datetime

from webhook.certificates.tls import ClientCA, KeyPair, bare_context, server_context


class LiveContext:
    """A TLS context whose content can change. Handshakes fail until there is a certificate.

    Attributes:
        context: for the listener; stays the same.
    """

    def __init__(self, client_ca: ClientCA | None = None) -> None:
        """If `client_ca` is given, clients need a certificate of it. Raises CertificateError if it is not PEM."""
        self._client_ca = client_ca
        self._pair: KeyPair | None = None
        self._present: ssl.SSLContext | None = None
        self._expiry: datetime | None = None
        self.context = bare_context(client_ca)
        self.context.sni_callback = self._choose

    @property
    def expiry(self) -> datetime | None:
        """When the certificate expires; None while there is none."""
        return self._expiry

    def serve(self, pair: KeyPair) -> None:
        """Serve this certificate from now on. Raises CertificateError if it cannot, and keeps the one before."""
        self._present = server_context(pair, self._client_ca)
        self._pair = pair
        self._expiry = pair.certificate().not_valid_after_utc

    def trust(self, client_ca: ClientCA) -> None:
        """Require clients to have a certificate of this CA from now on.

        Only for a context that was made with a client CA: one that was made without never asks for certificates.

        Raises:
            CertificateError: the CA is not PEM. The one before stays.
        """
        context = bare_context(client_ca) if self._pair is None else server_context(self._pair, client_ca)
        self._present = None if self._pair is None else context
        self._client_ca = client_ca

    def _choose(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> int | None:
        if self._present is None:
            return int(ssl.AlertDescription.ALERT_DESCRIPTION_INTERNAL_ERROR)
        connection.context = self._present
        return None
