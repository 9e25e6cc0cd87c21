"""A TLS context for a listener's whole life, whose certificate and client CA are replaced while it serves.

The listener's context only names, at each handshake, the context that holds the present certificate. So a replacement
takes effect as a whole, a CA of clients can also be taken away, and connections that stand are not touched.
"""

from __future__ import annotations

import ssl
from datetime import datetime

from webhook.certificates.tls import Served, bare_context, context_of


class LiveContext:
    """Give `context` to the listener. Until there is a certificate, handshakes fail."""

    def __init__(self, client_ca: tuple[bytes, str] | None = None) -> None:
        """With `client_ca`, its PEM and its name, clients need a certificate of it. Raises CertificateError."""
        self._client_ca = client_ca
        self._served: Served | None = None
        self._present: ssl.SSLContext | None = None
        self._expiry: datetime | None = None
        self.context = bare_context(client_ca)
        self.context.sni_callback = self._choose

    @property
    def expiry(self) -> datetime | None:
        """When the certificate ends; None as long as there is none."""
        return self._expiry

    def serve(self, served: Served) -> None:
        """Serve this from now on. Raises CertificateError, and then goes on with what it has."""
        self._present = context_of(served, self._client_ca)
        self._served = served
        self._expiry = served.certificate().not_valid_after_utc

    def trust(self, client_ca: tuple[bytes, str]) -> None:
        """Ask clients for a certificate of this CA from now on. Raises CertificateError, and then changes nothing."""
        context = bare_context(client_ca) if self._served is None else context_of(self._served, client_ca)
        self._present = None if self._served is None else context
        self._client_ca = client_ca

    def _choose(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> int | None:
        if self._present is None:
            return int(ssl.AlertDescription.ALERT_DESCRIPTION_INTERNAL_ERROR)
        connection.context = self._present
        return None
