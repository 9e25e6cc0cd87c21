"""The image of the product, as `make image` builds it from this checkout, kept in the cache until a source changes."""

from __future__ import annotations

import hashlib
import shlex
import shutil
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from tests.cluster.assets.build import cache_directory
from tests.image import package_index
from tests.image.buildah import Buildah, require_tools
from tests.image.debian import base_archives, import_bases
from tests.node.telling import tell
from tests.shared_data import ROOT

NAME: Final = "docker.io/library/pod-security-defaulter:0.1.0"
"""As a node understands the image of manifests/base."""
_FILES: Final = (
    "Dockerfile", "requirements-compile.lock", "requirements.lock", "pyproject.toml", "setup.py", "README.md", "LICENSE"
)  # fmt: skip
_PACKAGES: Final = ("patches", "webhook")


def product_archive() -> Path:
    """An archive of the image, as `ctr images import` reads it. Skips the test where it cannot be built."""
    bases = base_archives().values()
    directory = cache_directory().parent / "node"
    archive = directory / f"product-{_digest(bases)}.tar"
    if not archive.exists():
        require_tools()
        started = time.monotonic()
        directory.mkdir(parents=True, exist_ok=True)
        _build(archive)
        tell(f"image of the product built in {time.monotonic() - started:.0f} s")
    return archive


def _digest(bases: Iterable[Path]) -> str:
    """Of all that the image is built from."""
    sources = [path for name in _PACKAGES for path in (ROOT / name).rglob("*") if path.is_file()]
    kept = [path for path in sources if path.suffix != ".pyc"]
    digest = hashlib.sha256("".join(f"{base.name} {base.stat().st_mtime_ns}\n" for base in bases).encode())
    for path in sorted([*kept, *(ROOT / name for name in _FILES)]):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(ROOT)} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:12]


def _build(archive: Path) -> None:
    with tempfile.TemporaryDirectory(dir=archive.parent, prefix=".making-") as name:
        directory = Path(name)
        buildah = Buildah(directory)
        flags = package_index.flags(directory)
        buildah.make("image", *import_bases(buildah), f"IMAGE={NAME}", f"IMAGE_FLAGS={shlex.join(flags)}")
        made = directory / "image.tar"
        buildah.run("push", "--disable-compression", NAME, f"docker-archive:{made}:{NAME}")
        for older in archive.parent.glob("product-*.tar"):  # each has hundreds of megabytes
            older.unlink(missing_ok=True)
        shutil.move(made, archive)
