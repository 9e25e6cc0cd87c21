"""The failures: one tree, drawn where it is defined, and one place for their numbers."""

from __future__ import annotations

import pkgutil
import re
from collections.abc import Iterator, Mapping
from functools import cache
from http import HTTPStatus
from importlib import import_module
from types import ModuleType
from typing import Final, NamedTuple

import pytest

import patches
import patches.errors
import webhook
import webhook.errors
from patches.errors import DefaulterError
from webhook.errors import EXIT_STATUS, HTTP_STATUS, exit_status, http_status

_DRAWN: Final = re.compile(
    r"^    (?P<branches>[│├└─ ]*)(?P<name>[A-Z]\w+)(?: \(patches\))?(?: {2,}\S.*)?$", re.MULTILINE
)
_STEP: Final = 4
"""Characters by which a branch of the drawing is indented."""
_BUG: Final = HTTPStatus.INTERNAL_SERVER_ERROR


class _Statuses(NamedTuple):
    """What callers are told of a failure; without an exit status no command may end with it."""

    http: HTTPStatus
    exit: int | None = None


_STATUSES: Final[Mapping[str, _Statuses]] = {
    "DefaulterError": _Statuses(_BUG),
    "InvalidObject": _Statuses(HTTPStatus.BAD_REQUEST),
    "ObjectTooLarge": _Statuses(HTTPStatus.BAD_REQUEST),
    "InputError": _Statuses(_BUG, 2),
    "ConfigurationError": _Statuses(_BUG, 2),
    "CertificateError": _Statuses(_BUG, 2),
    "DocumentError": _Statuses(_BUG, 2),
    "BrokenDocument": _Statuses(_BUG, 2),
    "DocumentTooLarge": _Statuses(_BUG, 2),
    "UnwritableValue": _Statuses(_BUG, 2),
    "ClusterError": _Statuses(_BUG, 2),
    "RegistryError": _Statuses(_BUG),
    "NamespaceUnknown": _Statuses(HTTPStatus.SERVICE_UNAVAILABLE),
    "RequestError": _Statuses(_BUG),
    "UndecodableReview": _Statuses(HTTPStatus.BAD_REQUEST),
    "UnreadableBody": _Statuses(HTTPStatus.BAD_REQUEST),
    "LateBody": _Statuses(HTTPStatus.REQUEST_TIMEOUT),
    "UnsupportedBody": _Statuses(HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
    "InvalidParameter": _Statuses(HTTPStatus.BAD_REQUEST),
    "NotAcceptable": _Statuses(HTTPStatus.NOT_ACCEPTABLE),
    "TooMuchWork": _Statuses(HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    "TooManyRequests": _Statuses(HTTPStatus.TOO_MANY_REQUESTS),
    "Unauthenticated": _Statuses(HTTPStatus.UNAUTHORIZED),
    "PermissionDenied": _Statuses(HTTPStatus.FORBIDDEN),
    "AuthorizerUnavailable": _Statuses(HTTPStatus.SERVICE_UNAVAILABLE),
}


def _modules() -> Iterator[ModuleType]:
    """Every module of the program, but for those that run it when they are imported."""
    for package in (patches, webhook):
        yield package
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not found.name.endswith("__main__"):
                yield import_module(found.name)


@cache
def _failures() -> Mapping[str, type[BaseException]]:
    """Every exception class that a module defines, by name. No two have the same."""
    classes = [
        value
        for module in _modules()
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, BaseException) and value.__module__ == module.__name__
    ]
    found = {value.__name__: value for value in classes}
    assert len(found) == len(classes)
    return found


def _drawn(module: ModuleType) -> dict[str, str]:
    """The parent of each class in the drawing of a module; "" for the root."""
    parents: dict[str, str] = {}
    path: list[str] = []
    for match in _DRAWN.finditer(module.__doc__ or ""):
        depth = len(match["branches"]) // _STEP
        del path[depth:]
        parents[match["name"]] = path[-1] if path else ""
        path.append(match["name"])
    return parents


def _instance(name: str) -> DefaulterError:
    """A failure of this class, whatever its arguments would be."""
    kind = _failures()[name]
    failure = kind.__new__(kind)
    assert isinstance(failure, DefaulterError)
    return failure


def test_the_tree_has_one_root() -> None:
    """Whatever is raised by name can be caught by one name."""
    assert [name for name, kind in _failures().items() if not issubclass(kind, DefaulterError)] == []


def test_the_tree_is_defined_in_two_modules() -> None:
    """The engine's failures in one, all others in the other."""
    assert {kind.__module__ for kind in _failures().values()} == {"patches.errors", "webhook.errors"}


def test_every_failure_is_drawn() -> None:
    """The drawing of `webhook.errors` has each class that there is, below one that it descends from, and no other."""
    drawn = _drawn(webhook.errors)
    assert drawn.keys() == _failures().keys()
    assert [name for name, parent in drawn.items() if not parent] == ["DefaulterError"]
    bases = {name: {base.__name__ for base in kind.__bases__} for name, kind in _failures().items()}
    assert {name: parent for name, parent in drawn.items() if parent and parent not in bases[name]} == {}


def test_the_engine_draws_its_own() -> None:
    """The drawing of `patches.errors` is the part of it that is defined there."""
    engine = {name for name, kind in _failures().items() if kind.__module__ == "patches.errors"}
    whole = _drawn(webhook.errors)
    assert _drawn(patches.errors) == {name: whole[name] for name in engine}


def test_every_failure_has_statuses_here() -> None:
    """A new class needs an answer to what callers are told of it."""
    assert _STATUSES.keys() == _failures().keys()


def test_no_status_is_given_to_what_is_not_of_the_tree() -> None:
    """What has a number is a class that is defined."""
    assert {kind.__name__ for kind in (*HTTP_STATUS, *EXIT_STATUS)} <= _failures().keys()


@pytest.mark.parametrize("name", _STATUSES)
def test_http_status(name: str) -> None:
    """A failure that is nobody's fault but ours is 500."""
    assert http_status(_instance(name)) is _STATUSES[name].http


@pytest.mark.parametrize("name", _STATUSES)
def test_exit_status(name: str) -> None:
    """A failure that no command may end with is a bug: it goes on up."""
    failure, expected = _instance(name), _STATUSES[name].exit
    if expected is not None:
        assert exit_status(failure) == expected
        return
    with pytest.raises(DefaulterError) as caught:
        exit_status(failure)
    assert caught.value is failure


def test_a_class_of_ones_own_inherits_its_statuses() -> None:
    """The nearest class that has a number decides."""

    class LateToken(webhook.errors.Unauthenticated):
        """A failure that a caller made up."""

    class OddFile(webhook.errors.CertificateError):
        """Another."""

    assert http_status(LateToken("late")) is HTTPStatus.UNAUTHORIZED
    assert exit_status(OddFile("odd")) == 2
