"""The servers' pods at profile restricted, under each setting for images, and what becomes of them on the node."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from patches.policy.policy import PREFIX, PSA_PREFIX
from tests.cluster.client import Answer, Client, spread
from tests.cluster.webhooks import defaulter, namespace
from tests.node.image_facts import Known, known_images, tagged
from tests.node.node import Node
from tests.node.outcomes import AT_ONCE_WITHOUT_REQUESTS, CONTAINER, Outcome, State, Trial, run_trials
from tests.node.servers import Server

_SECONDS: Final = 8
"""That a server has to run: one that cannot says so as soon as it is started."""
_TOKEN: Final = re.compile(r"kube-api-access-\w+")
SKIP: Final = "skip"
USER_NAMESPACE: Final = "userNamespace"
WARN: Final = "warn"


class Cell(NamedTuple):
    """The settings of runAsNonRoot, and whether Kubernetes enforces restricted too."""

    root_images: str
    enforced: bool = False
    unknown_images: str = "add"

    @property
    def settings(self) -> str:
        """A name for the settings."""
        return f"{self.root_images.lower()}-{self.unknown_images}"

    @property
    def namespace(self) -> str:
        """The namespace where they hold."""
        return f"{self.settings}-{'enforced' if self.enforced else 'alone'}"

    @property
    def labels(self) -> dict[str, str]:
        """Of that namespace."""
        ours = {f"{PREFIX}profile": "restricted", f"{PREFIX}mode": "enforce"}
        return ours | ({f"{PSA_PREFIX}enforce": "restricted"} if self.enforced else {})

    @property
    def configuration(self) -> dict[str, Any]:
        """The file. It has no requests, which would keep most of the pods from running at once."""
        images = {"rootImages": self.root_images, "unknownImages": self.unknown_images, "userNamespaces": True}
        return {
            "apiVersion": "pod-security-defaulter.io/v1alpha1",
            "kind": "DefaulterConfiguration",
            "settings": {"runAsNonRoot": images, "resources": {"enabled": False}},
        }


CELLS: Final = tuple(
    Cell(settings, enforced) for settings in (SKIP, USER_NAMESPACE, WARN) for enforced in (False, True)
)
CAUTIOUS: Final = tuple(Cell(SKIP, enforced, unknown_images="skip") for enforced in (False, True))
"""Where images of which nothing is known are left alone."""


def cells_of(node: Node) -> list[Cell]:
    """Those that this node can show."""
    return [cell for cell in CELLS if cell.root_images != USER_NAMESPACE or node.has_user_namespaces]


def pod_of(server: Server, image: str) -> Any:
    """A pod that says nothing but the image."""
    spec = {"containers": [{"name": CONTAINER, "image": image}]}
    return {"metadata": {"generateName": f"{server.name}-"}, "spec": spec}


@contextmanager
def served(node: Node, directory: Path, uids: Mapping[str, int]) -> Iterator[None]:
    """Make the namespaces of all cells, and serve them."""
    cells: dict[str, list[Cell]] = {}
    for cell in (*CELLS, *CAUTIOUS):
        cells.setdefault(cell.settings, []).append(cell)
    with ExitStack() as stack:
        for name, some in cells.items():
            objects = [namespace(cell.namespace, cell.labels) for cell in some]
            config = some[0].configuration
            server = defaulter(
                node.plane, directory / name, name, objects=objects, config=config, images=known_images(uids)
            )
            stack.enter_context(server)
        yield


class Fates:
    """What becomes of pods. Of those that the API server would store alike, but for their names, one is run."""

    def __init__(self, node: Node) -> None:
        """Know nothing yet."""
        self._node = node
        self._known: dict[str, Outcome] = {}

    def find(self, trials: Sequence[Trial]) -> list[Outcome]:
        """Find the outcomes, in the order of the trials; each with the warnings of its own creation."""
        answers = spread(self._ask, trials)
        keys = [_key(trial, answer) for trial, answer in zip(trials, answers, strict=True)]
        wanted = {key: trial for key, trial in zip(keys, trials, strict=True) if key and key not in self._known}
        found = run_trials(self._node, list(wanted.values()), seconds=_SECONDS, at_once=AT_ONCE_WITHOUT_REQUESTS)
        self._known |= zip(wanted, found, strict=True)
        return [
            self._known[key]._replace(warnings=answer.warnings)
            if key
            else Outcome(State.REFUSED, answer.message, answer.warnings)
            for key, answer in zip(keys, answers, strict=True)
        ]

    @property
    def count(self) -> int:
        """How many pods have been run."""
        return len(self._known)

    def _ask(self, trial: Trial) -> Answer:
        return self._node.create(trial.client, trial.namespace, trial.pod, dry_run=True)


def trial_in(cell: Cell, client: Client, server: Server, known: Known) -> Trial:
    """A pod of a server, of whose image so much is known, in a cell."""
    return Trial(server, client, cell.namespace, pod_of(server, tagged(server, known)))


def _key(trial: Trial, answer: Answer) -> str:
    """What is equal for pods that are alike; empty for one that is refused."""
    if not answer.ok:
        return ""
    spec = json.dumps(answer.body["spec"], sort_keys=True)
    for known in Known:
        spec = spec.replace(f'"{tagged(trial.server, known)}"', f'"{trial.server.image}"')
    return _TOKEN.sub("kube-api-access", spec)
