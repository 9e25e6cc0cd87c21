"""Gathers and compiles the namespaces of a server, and keeps each compiled until it changes."""

from __future__ import annotations

import asyncio
from weakref import WeakKeyDictionary

from patches import CompiledNamespace, DefaulterConfiguration, Exemption, NamespaceCompiler, Snapshot
from webhook.gatherers.gatherer import LOOKUP_SECONDS, Gatherer


class NamespaceCache:
    """Compiles the namespaces of one gatherer under one configuration.

    Attributes:
        generation: generation of the configuration; "" for none.
    """

    def __init__(self, gatherer: Gatherer, configuration: DefaulterConfiguration, generation: str = "") -> None:
        """Start with this configuration."""
        self._gatherer = gatherer
        self.configure(configuration, generation)

    def configure(self, configuration: DefaulterConfiguration, generation: str = "") -> None:
        """Compile with this configuration from now on."""
        self.generation = generation
        self._set_compiler(NamespaceCompiler(configuration, self._gatherer.server_minor))

    @property
    def configuration(self) -> DefaulterConfiguration:
        """The configuration in use."""
        return self._compiler.configuration

    def exemption(self, namespace: str, user: str) -> Exemption | None:
        """Why requests of this user in this namespace are exempt; None if they are not. Needs no snapshot."""
        return self._compiler.configuration.exemptions.find(namespace=namespace, user=user)

    async def find(self, namespace: str, account: str, deadline: float | None = None) -> CompiledNamespace:
        """Find a namespace, compiled, with everything that a pod of this ServiceAccount depends on.

        Args:
            namespace: its name.
            account: the name of the ServiceAccount.
            deadline: time of the event loop at which to give up; None to wait as long as the gatherer does.

        Raises:
            NamespaceUnknown: if the labels of the namespace are not known in time.
            TimeoutError: at the deadline.
        """
        if self._compiler.server_minor != self._gatherer.server_minor:
            self._set_compiler(NamespaceCompiler(self._compiler.configuration, self._gatherer.server_minor))
        snapshot = self._gatherer.snapshot(namespace)
        if snapshot is not None:
            compiled = self._compile(snapshot)
            if compiled.missing(account) is None:
                return compiled
        async with asyncio.timeout_at(deadline):  # only here: it takes as long as the checks of a pod
            while True:
                compiler = self._compiler
                compiled = await self._look_up(namespace, account)
                if compiler is self._compiler:  # else the configuration changed during a lookup
                    return compiled

    async def _look_up(self, namespace: str, account: str) -> CompiledNamespace:
        deadline = asyncio.get_running_loop().time() + LOOKUP_SECONDS
        snapshot = await self._gatherer.gather(namespace, deadline)
        compiled = self._compile(snapshot)
        missing = compiled.missing(account)
        if missing is None:
            return compiled
        return self._compiler.compile(await self._gatherer.look_up(snapshot, missing, deadline))

    def _compile(self, snapshot: Snapshot) -> CompiledNamespace:
        compiled = self._compiled.get(snapshot)
        if compiled is None:
            compiled = self._compiled[snapshot] = self._compiler.compile(snapshot)
        return compiled

    def _set_compiler(self, compiler: NamespaceCompiler) -> None:
        self._compiler = compiler
        self._compiled: WeakKeyDictionary[Snapshot, CompiledNamespace] = WeakKeyDictionary()
