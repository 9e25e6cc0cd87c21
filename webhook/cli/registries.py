"""Asks registries, for a command, what no file says of images."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable, Sequence
from typing import Final

from patches import ImageFacts, Images, ImageUser, parse_image_reference
from webhook.errors import RegistryError
from webhook.review.messages import printable

_AT_ONCE: Final = 4


def ask_registries(references: Iterable[str], known: Images, private: Sequence[str]) -> Images:
    """Ask for the images of whose user or program nothing is known; print a warning for each that nobody tells about.

    Args:
        references: images, as manifests name them.
        known: what files say of them. It is not changed.
        private: hosts of registries that may have addresses of a private network.

    Returns:
        What is known now.

    Raises:
        InputError: if the user's auth files cannot be read.
    """
    unknown = [row for row in references if _is_unknown(known.find(row))]
    return known.joined(asyncio.run(_ask(unknown, private))) if unknown else known


def _is_unknown(facts: ImageFacts) -> bool:
    return facts.kind_of_user is ImageUser.UNKNOWN or (facts.file_capabilities is None and _may_lose(facts))


def _may_lose(facts: ImageFacts) -> bool:
    """Whether a container of the image may lose the capabilities of its program: by default root keeps them."""
    return facts.kind_of_user is not ImageUser.ROOT


async def _ask(references: Sequence[str], private: Sequence[str]) -> dict[str, ImageFacts]:
    from webhook.registry.addresses import AllowedHosts  # noqa: PLC0415 (only this option needs the client)
    from webhook.registry.auth_files import load_user_credentials  # noqa: PLC0415
    from webhook.registry.client import RegistryClient  # noqa: PLC0415

    credentials = load_user_credentials()
    turns = asyncio.Semaphore(_AT_ONCE)
    facts: dict[str, ImageFacts] = {}
    async with RegistryClient(AllowedHosts(("*", *private, *credentials.hosts))) as client:

        async def ask(text: str) -> None:
            reference = parse_image_reference(text)
            try:
                async with turns:
                    found = await asyncio.to_thread(credentials.find, reference)
                    facts[text] = await client.facts(reference, found, _may_lose)
            except RegistryError as error:
                print(
                    f"warning: nothing is known of the image {printable(text)}: {printable(str(error))}",
                    file=sys.stderr,
                )

        async with asyncio.TaskGroup() as tasks:
            for text in references:
                tasks.create_task(ask(text))
    return facts
