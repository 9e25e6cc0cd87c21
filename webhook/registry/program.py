"""Which program an image executes, and whether its file has capabilities.

The program is the first word of ENTRYPOINT, or of CMD without one, looked up as runc does: a word with a slash from the
working directory on, another along PATH. A script, a shell or a small init may execute what the words after it name.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from webhook.errors import RegistryError
from webhook.registry.tree import File, Tree

_DEFAULT_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_MOST_WORDS: Final = 64
_MOST_DIRECTORIES: Final = 64
_ELF: Final = b"\x7fELF"
_WRAPPERS: Final = frozenset(
    {
        "ash",
        "bash",
        "busybox",
        "catatonit",
        "dash",
        "docker-init",
        "dumb-init",
        "env",
        "gosu",
        "setpriv",
        "sh",
        "su-exec",
        "tini",
        "tini-static",
    }
)
"""Binaries whose purpose is to execute another program."""


class Command(NamedTuple):
    """What an image executes: the words, the directories of PATH, and the directory that it is executed in."""

    words: tuple[str, ...]
    path: tuple[str, ...]
    directory: str

    @property
    def programs(self) -> frozenset[str]:
        """The names of the files that may be its programs."""
        return frozenset(posixpath.basename(word) for word in self.words) - {""}


def read_command(entrypoint: Any, cmd: Any, env: Any, directory: Any) -> Command:
    """Read the command of an image's configuration. What is malformed there counts as absent."""
    path = _DEFAULT_PATH
    for row in _texts(env):
        name, _, value = row.partition("=")
        if name == "PATH":
            path = value
    return Command(
        words=(*_texts(entrypoint), *_texts(cmd))[:_MOST_WORDS],
        path=tuple(path.split(":")[:_MOST_DIRECTORIES]),
        directory=directory if isinstance(directory, str) else "",
    )


def file_capabilities(command: Command, tree: Tree) -> bool | frozenset[str] | None:
    """Find out which capabilities a container needs to execute the program of an image.

    Args:
        command: what the image executes.
        tree: the files of the image: those of the command's programs, and all that have capabilities.

    Returns:
        Their names; False if it needs none. None if nobody can tell: the program may execute others, and the image has
        one with capabilities that the command does not name.
    """
    found = [_look_up(word, command, tree) for word in command.words]
    first = found[0] if found else None
    wraps = first is None or _wraps(command.words[0], first)
    for file in found if wraps else found[:1]:
        if file is not None and file.capabilities:
            return file.capabilities
    return None if wraps and any(file.capabilities for file in tree.files()) else False


def _wraps(word: str, file: File) -> bool:
    """Whether a program may execute others: all but a binary that is known for nothing of the kind."""
    return not file.content.startswith(_ELF) or posixpath.basename(word) in _WRAPPERS


def _look_up(word: str, command: Command, tree: Tree) -> File | None:
    for path in _candidates(word, command):
        try:
            file = tree.find(posixpath.join("/", command.directory, path).lstrip("/"))
        except RegistryError:  # a path that leads nowhere
            continue
        if file is not None:
            return file
    return None


def _candidates(word: str, command: Command) -> Iterator[str]:
    if "/" in word:
        yield word
    elif word:
        yield from (posixpath.join(directory, word) for directory in command.path)


def _texts(value: Any) -> Sequence[str]:
    return [row for row in value if isinstance(row, str)] if isinstance(value, list) else []
