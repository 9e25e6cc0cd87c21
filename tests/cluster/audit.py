"""The API server's audit log: the annotations of a request, by the Audit-Id of its answer."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

_SECONDS: Final = 10


class AuditLog:
    """Reads a log that is still being written."""

    def __init__(self, path: Path) -> None:
        """Open it at the first question."""
        self._path = path
        self._lock = threading.Lock()
        self._offset = 0
        self._events: dict[str, Any] = {}

    def annotations(self, audit_id: str) -> dict[str, str]:
        """The annotations of a request, once it is in the log. Fails where it does not get there."""
        end = time.monotonic() + _SECONDS
        while audit_id not in self._read():
            assert time.monotonic() < end, f"{audit_id} is not in the audit log"
            time.sleep(0.02)
        return dict(self._events[audit_id].get("annotations") or {})

    def events(self) -> Iterator[Any]:
        """All events so far."""
        yield from list(self._read().values())

    def _read(self) -> dict[str, Any]:
        with self._lock, self._path.open("rb") as file:
            file.seek(self._offset)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._offset += len(line)
                event = json.loads(line)
                self._events[event["auditID"]] = event
        return self._events
