"""Where reviews run: small ones in the loop, large ones in a thread, one at a time, so that small ones never wait long.

Python runs one thread at a time: a thread gives way every few milliseconds, but not while a library decodes or encodes.
So the thread rests after a long step for as long as the step took, and half of a core remains for small reviews. Of the
large reviews that wait, the smallest comes first: one of 20 KiB does not wait for all those of 3 MiB.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from time import monotonic, sleep, thread_time
from typing import Final, ParamSpec, Protocol, TypeVar

from webhook.errors import TooManyRequests
from webhook.review.reviewer import Run, run_here
from webhook.server.memory import give_back
from webhook.server.turns import Turns

LARGE: Final = 16 * 1024
"""Bytes. A review with a longer body is a large one. Of those recorded of real objects, one in a hundred is."""
MOST_BODIES: Final = 16
"""Large bodies in memory: being read, waiting or at work. Others are not read before there is room."""
_RESTED: Final = 0.02
"""Seconds of work after which the thread rests."""
_MUCH: Final = 1024 * 1024
"""Bytes of bodies after which memory is given back, once there are none for `_IDLE` seconds."""
_IDLE: Final = 1.0
_NOTHING: Final = nullcontext()

_Parameters = ParamSpec("_Parameters")
_Result = TypeVar("_Result")


class Lane(Protocol):
    """Where reviews of some size run.

    Attributes:
        late: why a review has no answer at its deadline.
        run: runs a step of a review.
    """

    @property
    def late(self) -> str: ...  # noqa: D102 (an attribute, described above)

    @property
    def run(self) -> Run: ...  # noqa: D102 (likewise)

    def room(self, size: int | None, deadline: float) -> AbstractAsyncContextManager[None]:
        """Hold room for a body in memory; `size`: its bytes, if they are known.

        Raises:
            TooManyRequests: if there is none until `deadline`, by the loop's clock.
        """
        ...

    def turn(self, size: int, deadline: float) -> AbstractAsyncContextManager[None]:
        """Hold the lane for a review with a body of `size` bytes.

        Raises:
            TimeoutError: at `deadline`, by the loop's clock, if the lane's reviews wait for more than their namespace.
        """
        ...


class SmallReviews:
    """The lane of small reviews: they run at once, in the loop."""

    late = "the namespace could not be looked up in time"

    def __init__(self) -> None:
        """Hold nothing."""
        self.run: Run = run_here

    def room(self, _size: int | None, _deadline: float) -> AbstractAsyncContextManager[None]:
        """There is always room."""
        return _NOTHING

    def turn(self, _size: int, _deadline: float) -> AbstractAsyncContextManager[None]:
        """None waits for another."""
        return _NOTHING


class LargeReviews:
    """The lane of large reviews: they run in a thread, one at a time."""

    late = "a review of this size could not be done in time"

    def __init__(self) -> None:
        """Start without a thread; the first large review starts it."""
        self._thread = ThreadPoolExecutor(1, "large-review")
        self._turns = Turns()
        self._rest_until = 0.0
        self._room = asyncio.Semaphore(MOST_BODIES)
        self._bodies = 0
        self._used = 0
        self._idle: asyncio.TimerHandle | None = None

    def close(self) -> None:
        """End the thread after the step at which it is."""
        self._cancel_idle()
        self._thread.shutdown(wait=False, cancel_futures=True)

    @asynccontextmanager
    async def room(self, size: int | None, deadline: float) -> AsyncIterator[None]:
        """Hold room for a body in memory. When there has been no body for a while, memory is given back."""
        try:
            async with asyncio.timeout_at(deadline):
                await self._room.acquire()
        except TimeoutError:
            raise TooManyRequests("too many large reviews at once") from None
        self._cancel_idle()
        self._bodies += 1
        self._used += _MUCH if size is None else size
        try:
            yield
        finally:
            self._bodies -= 1
            self._room.release()
            if not self._bodies and self._used >= _MUCH:
                self._idle = asyncio.get_running_loop().call_later(_IDLE, self._give_back)

    @asynccontextmanager
    async def turn(self, size: int, deadline: float) -> AsyncIterator[None]:
        """Hold the lane once no other review does, and none that is smaller waits for it, until a deadline."""
        async with asyncio.timeout_at(deadline), self._turns.take(size):
            yield

    async def run(
        self, function: Callable[_Parameters, _Result], *args: _Parameters.args, **kwargs: _Parameters.kwargs
    ) -> _Result:
        """Run a step in the thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, lambda: self._run(function, *args, **kwargs))

    def _run(
        self, function: Callable[_Parameters, _Result], *args: _Parameters.args, **kwargs: _Parameters.kwargs
    ) -> _Result:
        sleep(max(0.0, self._rest_until - monotonic()))
        start = thread_time()
        try:
            return function(*args, **kwargs)
        finally:
            taken = thread_time() - start
            if taken > _RESTED:
                self._rest_until = monotonic() + taken

    def _give_back(self) -> None:
        self._used = 0
        self._thread.submit(give_back)

    def _cancel_idle(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
