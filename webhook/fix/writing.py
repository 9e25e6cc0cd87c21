"""Writes files whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from webhook.errors import InputError


def write_whole(path: Path, data: bytes) -> None:
    """Replace the content of a file. Whoever reads it, at whatever moment, finds the old content or the new.

    It keeps its mode, and a link still leads to it. Raises InputError if it cannot be written; it is unchanged then.
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
