"""Follow files that somebody else replaces while the program runs: a kubelet, an operator, an editor.

The files are read every so often instead of being watched through the kernel: they have a few kilobytes, and no way to
replace one is missed. A kubelet swaps a symbolic link, an editor renames one file over another, others write in place.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final, Generic, NoReturn, TypeVar

from webhook.errors import InputError

T = TypeVar("T")

_RETRY_SECONDS: Final = 5.0
_LOG: Final = logging.getLogger(__name__)


class FileFollower(Generic[T]):
    """Hand on what files contain whenever that changes.

    If the files cannot be read, or their content cannot be used, the content from before stays in use.

    Attributes:
        problem: why the files as they are now are not in use; "" if they are.
    """

    def __init__(self, name: str, read: Callable[[], T], content: T) -> None:
        """Begin with content that is in use already.

        Args:
            name: what log lines call the files.
            read: reads the files; raises InputError if it cannot. Equal results mean that nothing has changed.
            content: what `read` returned, and what is in use.
        """
        self._name = name
        self._read = read
        self._in_use = content
        self._rejected: T | None = None
        self._retry_at = 0.0
        self.problem = ""

    async def run(self, use: Callable[[T], None], *, every_seconds: float) -> NoReturn:
        """Call `check` every so many seconds until cancelled."""
        while True:
            await asyncio.sleep(every_seconds)
            self.check(use)

    def check(self, use: Callable[[T], None]) -> None:
        """Read the files once, and call `use` with new content. Log a problem once, until it changes or is solved.

        Args:
            use: puts the content into use; raises InputError if it cannot, and then changes nothing. After a failure
                it gets the same content again every five seconds: the cause may lie elsewhere.
        """
        try:
            content = self._read()
            if content != self._in_use:
                if content == self._rejected and time.monotonic() < self._retry_at:
                    return
                self._rejected, self._retry_at = content, time.monotonic() + _RETRY_SECONDS
                use(content)
                self._in_use = content
        except InputError as error:
            self._report(str(error))
        else:
            self._rejected, self.problem = None, ""

    def _report(self, problem: str) -> None:
        if problem != self.problem:
            self.problem = problem
            _LOG.error("cannot use the changed %s, keeping the one before: %s", self._name, problem)
