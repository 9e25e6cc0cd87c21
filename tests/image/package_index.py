"""How pip reaches a package index from here, for the pip of a build: as secrets, which no layer keeps.

What pip is configured to do on this machine, by files or PIP_* variables, becomes one pip.conf. The certificates that
this machine trusts go beside it. Proxies need nothing: buildah hands http_proxy and its kind to what it runs.
"""

from __future__ import annotations

import ast
import os
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Final

_KEYS: Final = ("index-url", "extra-index-url", "trusted-host", "proxy", "timeout", "retries", "find-links", "no-index")
_BUNDLE: Final = "/run/secrets/ca.crt"
"""Where the Dockerfile mounts the secret `ca.crt`."""


def flags(directory: Path) -> list[str]:
    """What to add to `buildah build`; the file it reads is written into `directory`."""
    settings = _settings()
    chosen: dict[str, str] = {key: settings[key] for key in _KEYS if key in settings}
    result: list[str] = []
    if bundle := _bundle(settings):
        chosen["cert"] = _BUNDLE
        result += ["--secret", f"id=ca.crt,src={bundle}"]
    for word in settings.get("find-links", "").split():
        if Path(word).is_dir():
            result += ["--volume", f"{word}:{word}:ro"]
    file = directory / "pip.conf"
    file.touch(mode=0o600)
    lines = (f"{key} = " + "\n    ".join(value.split()) for key, value in chosen.items())
    file.write_text("\n".join(["[global]", *lines]) + "\n", encoding="utf-8")
    return [*result, "--secret", f"id=pip.conf,src={file}"]


def _settings() -> dict[str, str]:
    """The settings of pip by name; a variable goes before what is set for `install`, that before the global."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    listed = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    sections: dict[str, dict[str, str]] = {"global": {}, "install": {}, ":env:": {}}
    for line in listed.splitlines():
        name, _, value = line.partition("=")
        section, _, key = name.rpartition(".")
        if section in sections:
            sections[section][key] = str(ast.literal_eval(value))
    return sections["global"] | sections["install"] | sections[":env:"]


def _bundle(settings: dict[str, str]) -> str | None:
    """The file of the certificates that this machine trusts."""
    candidates = (settings.get("cert"), os.environ.get("SSL_CERT_FILE"), ssl.get_default_verify_paths().cafile)
    return next((path for path in candidates if path and Path(path).is_file()), None)
