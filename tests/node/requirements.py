"""What the tests of this folder need of the machine. Where it is missing they are skipped, with what brings it."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.cluster import binaries
from tests.cluster.assets.build import NODE_PROGRAMS

PLUGINS: Final = Path("/usr/lib/cni")
"""Where Debian has the plugins that connect pods to a network."""
_PLUGINS: Final = ("bridge", "host-local", "loopback")
_COMMANDS: Final = {"unshare": "util-linux", "nsenter": "util-linux", "ip": "iproute2", "debootstrap": "debootstrap"}
"""Commands, and Debian's packages that have them."""


def require() -> Path:
    """The directory of all programs, of the control plane and the node. Skips the test where a node cannot run."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("a node runs on Linux and needs root")
    absent = {package for command, package in _COMMANDS.items() if shutil.which(command) is None}
    if not all((PLUGINS / name).exists() for name in _PLUGINS):
        absent.add("containernetworking-plugins")
    if absent:
        pytest.skip(f"a node needs more packages: `apt-get install {' '.join(sorted(absent))}`")
    control_plane = ("etcd", "kube-apiserver", "kube-controller-manager")
    return binaries.find(*control_plane, *(program.name for program in NODE_PROGRAMS))
