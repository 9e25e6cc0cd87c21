"""One certificate for all tests of the server."""

from __future__ import annotations

import pytest

from tests.server.serving import certificate
from webhook.certificates.self_signed import CertificateFiles


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> CertificateFiles:
    """A certificate of today, read by many tests and changed by none."""
    return certificate(tmp_path_factory.mktemp("certificate"))
