"""A sum over the containers of a pod, as the scheduler counts it."""

from __future__ import annotations

from collections.abc import Iterable

from patches.model.pod import ContainerView


class PodSum:
    """A sum over a pod as the scheduler counts it: init containers run one by one, beside the sidecars before them.

    It is kept while amounts change, because to add up all containers for each of them takes too long for large pods.
    """

    __slots__ = ("_amounts", "_init", "_of_init", "_present", "_regular")

    def __init__(self, amounts: Iterable[tuple[ContainerView, int | None]]) -> None:
        """Add up the amount of each container in billionths, in visiting order."""
        self._amounts: dict[str, int | None] = {}
        self._init: dict[str, bool] = {}  # by path: whether it is a sidecar
        self._of_init: tuple[int, int] | None = None
        self._present = self._regular = 0
        for container, amount in amounts:
            if container.list_name != "containers":
                self._init[container.path] = container.value.get("restartPolicy") == "Always"
            self.count(container, amount)

    def count(self, container: ContainerView, amount: int | None) -> None:
        """Replace the amount of a container."""
        path = container.path
        own = self._amounts.get(path)
        if amount == own:
            return
        self._amounts[path] = amount
        self._present += (amount is not None) - (own is not None)
        if path in self._init:
            self._of_init = None
        else:
            self._regular += (amount or 0) - (own or 0)

    def total(self) -> int | None:
        """The sum in billionths, or None if no container has an amount."""
        if not self._present:
            return None
        if self._of_init is None:
            self._of_init = self._add_up_init()
        sidecars, peak = self._of_init
        return max(self._regular + sidecars, peak)

    def _add_up_init(self) -> tuple[int, int]:
        """The sum of the sidecars, and the most that init containers need at once."""
        sidecars = peak = 0
        for path, is_sidecar in self._init.items():
            amount = self._amounts.get(path) or 0
            peak = max(peak, sidecars + amount)
            if is_sidecar:
                sidecars += amount
        return sidecars, peak
