"""Compiles the exceptions of the configuration: which defaults leave which containers alone.

A rule holds for a container if each of its given lists has a glob that matches: the container's name, its image as the
pod writes it, the name of its namespace. Globs are those of `fnmatch`, case-sensitive: `*` stands for any characters,
`/` included. Namespaces are matched when a namespace is compiled, so that it carries only its own rules.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import translate
from functools import lru_cache
from typing import Final, NamedTuple

from patches.model.pod import ContainerView
from patches.policy.configuration import ExceptionRule

_DISTINCT_EXCEPTIONS: Final = 1024
"""How many combinations of rules to keep. Namespaces with the same rules share one."""


class _ContainerRule(NamedTuple):
    """A rule without its namespaces; None for a list that is not given."""

    defaults: frozenset[str]
    containers: re.Pattern[str] | None
    images: re.Pattern[str] | None

    def matches(self, container: ContainerView, *, is_placeholder: bool) -> bool:
        """Whether the rule holds for a container. The image of a placeholder is not known yet: any may come."""
        if self.containers is not None and not self.containers.match(container.name):
            return False
        return self.images is None or is_placeholder or bool(self.images.match(container.value.get("image") or ""))


@dataclass(frozen=True, slots=True)
class Exceptions:
    """The exceptions of one namespace.

    Attributes:
        everywhere: ids of the defaults that leave all of its pods alone.
        rules: the rules that name containers or images.
    """

    everywhere: frozenset[str] = frozenset()
    rules: tuple[_ContainerRule, ...] = ()

    def find(self, containers: Sequence[ContainerView], placeholders: Collection[str]) -> Mapping[str, Collection[str]]:
        """Find the containers that defaults leave alone.

        Args:
            containers: the containers to look at.
            placeholders: the paths of those that are placeholders.

        Returns:
            The paths of these containers, by the default's id.
        """
        found: defaultdict[str, set[str]] = defaultdict(set)
        for rule in self.rules:
            for container in containers:
                if rule.matches(container, is_placeholder=container.path in placeholders):
                    for default in rule.defaults:
                        found[default].add(container.path)
        return found


NO_EXCEPTIONS: Final = Exceptions()
"""A namespace without exceptions."""


class ExceptionCompiler:
    """Compiles the exceptions of namespaces for one configuration."""

    def __init__(self, rules: Iterable[ExceptionRule]) -> None:
        """Compile the globs of `rules`."""
        self._rules = [
            (
                _any_of(rule.namespaces),
                _ContainerRule(frozenset(rule.defaults), _any_of(rule.containers), _any_of(rule.images)),
            )
            for rule in rules
        ]
        self._shared = lru_cache(_DISTINCT_EXCEPTIONS)(_exceptions)

    def compile(self, namespace: str) -> Exceptions:
        """Compile the exceptions of a namespace."""
        rules = tuple(rule for names, rule in self._rules if names is None or names.match(namespace))
        return self._shared(rules) if rules else NO_EXCEPTIONS


def _exceptions(rules: tuple[_ContainerRule, ...]) -> Exceptions:
    whole = [rule for rule in rules if rule.containers is None and rule.images is None]
    everywhere = frozenset[str]().union(*(rule.defaults for rule in whole))
    return Exceptions(everywhere, tuple(rule for rule in rules if rule not in whole))


def _any_of(globs: Iterable[str] | None) -> re.Pattern[str] | None:
    """One pattern for a list of globs; None if it is not given."""
    return None if globs is None else re.compile("|".join(map(translate, globs)))
