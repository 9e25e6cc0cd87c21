"""Writes files whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from webhook.errors import InputError


def write_whole(path: Path, data: bytes) -> None:
    """Replace the content of a file. Whoever reads it, at whatever moment, finds the old content or the new.

    It keeps its mode and, where we may give it away, its owner, and a link to it stays one.

    Raises:
        InputError: if it cannot be written; it is unchanged then.
    """
    target = path.resolve()
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)
        temporary = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            owner = target.stat()
            with suppress(PermissionError):  # only root may give a file away
                os.chown(temporary, owner.st_uid, owner.st_gid)
            shutil.copymode(target, temporary)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
        directory = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
