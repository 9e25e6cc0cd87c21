"""Certificates are rotated under load: at least 500 admissions in each window, counted by the client, none failed.

In a module of its own, since an install has port 443 of loopback for itself.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

import pytest

from tests.cluster.control_plane import ControlPlane
from tests.cluster.installed import MODE, eventually, installed
from tests.cluster.kubectl import Kubectl
from tests.cluster.load import bundle_of, note, through_the_api_server

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

_LIFETIME: Final = 20
"""Seconds of a serving certificate, which is renewed after two thirds of it; the CA lives four times as long."""


def test_the_certificate_is_rotated(plane: ControlPlane, kubectl: Kubectl, tmp_path: Path) -> None:
    """Serving certificates are renewed, the CA too: both CAs are in the bundle for a while, then the new one alone."""
    with installed(plane, kubectl, tmp_path / "served", extra=[f"--certificate-lifetime={_LIFETIME}"]) as install:
        plane.namespace("rotated", {MODE: "enforce"})
        eventually(lambda: install.is_defaulted("rotated"), "the API server asks us")
        start, first = time.monotonic(), bundle_of(plane)
        overlapped = replaced = False
        with through_the_api_server(install, "rotated").running() as load:
            load.window()
            end = time.monotonic() + 12 * _LIFETIME
            while not replaced:
                assert time.monotonic() < end, "the CA is not replaced"
                assert not load.failures, load.failures[:3]
                bundle = bundle_of(plane)
                overlapped |= bundle.count("BEGIN CERTIFICATE") == 2 and first in bundle
                replaced = overlapped and first not in bundle
                time.sleep(0.5)
            load.window()
        note("certificate and CA rotated", load, start)
        issued = [line for line in install.log if line["message"].startswith("serving certificate")]
        assert len(issued) >= 3
