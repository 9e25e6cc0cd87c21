"""What can be wrong with a certificate."""

from __future__ import annotations


class CertificateError(Exception):
    """A certificate or key cannot be read, written or used. The message begins with the file or directory."""
