"""kubectl, with a kubeconfig and caches of its own."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Final

from tests.cluster.control_plane import ControlPlane

_SECONDS: Final = 60


class Kubectl:
    """Runs kubectl as the administrator."""

    def __init__(self, plane: ControlPlane, directory: Path) -> None:
        """Keep what it writes in `directory`."""
        self._program = plane.binaries / "kubectl"
        self._home = directory
        self._kubeconfig = plane.kubeconfig("kubectl")

    def run(
        self, *arguments: str, stdin: str = "", check: bool = True, seconds: float = _SECONDS
    ) -> subprocess.CompletedProcess[str]:
        """Run it to its end, within `seconds`; with `check` it has to succeed."""
        environment = {**os.environ, "HOME": str(self._home), "KUBECONFIG": str(self._kubeconfig)}
        done = subprocess.run(
            [str(self._program), *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            env=environment,
            timeout=seconds,
            check=False,
        )
        assert not check or done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}"
        return done
