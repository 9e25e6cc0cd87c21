"""Whether a container starts, as far as its pod and what is known of its image tell.

Under `runAsNonRoot: true` the kubelet verifies the user of a container before it starts it: `runAsUser` of the
container or the pod, else USER of the image, which must be a number; on Windows nodes the user's name. Then the kernel
starts no program whose file carries a capability that the container cannot have. Nothing else is looked at.
Source: `verifyRunAsNonRoot` and `getImageUser` of the kubelet, for Linux and for Windows; `capabilities(7)`, "Safety
checking for capability-dumb binaries".
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from enum import StrEnum
from typing import Final, NamedTuple, TypeAlias

from patches.model.explained_code import ExplainedCode
from patches.model.images import UNKNOWN_IMAGE, ImageFacts, Images, ImageUser
from patches.model.pod import ContainerView, Pod
from patches.model.shapes import Capabilities, WindowsOptions

_WINDOWS_ROOT: Final = "containeradministrator"
_ALL: Final = "ALL"
_NO_OPTIONS: Final[WindowsOptions] = {}
_NO_CAPABILITIES: Final[Capabilities] = {}


class Forecast(StrEnum):
    """Whether a container starts."""

    RUNS = "runs"
    """Nothing that is known keeps it from starting, and its user is known as far as it matters."""
    WILL_NOT_START = "will-not-start"
    UNKNOWN = "unknown"
    """It depends on what is not known of its image."""


class Cause(ExplainedCode):
    """Why a container does not start, or why nobody can tell. A closed set, in the order of docs/reasons.md."""

    USER_BREAKS_NON_ROOT = (
        "user-breaks-non-root",
        (
            "The pod says `runAsNonRoot: true` and names root: `runAsUser: 0`, or on Windows `ContainerAdministrator`, "
            "which may come from the image. "
            'The kubelet says "container\'s runAsUser breaks non-root policy", on Windows "container\'s runAsUserName '
            '(…) which will be regarded as root identity and will break non-root policy".'
        ),
        "Name another user, or say `runAsNonRoot: false` where the profile allows root.",
    )
    IMAGE_BREAKS_NON_ROOT = (
        "image-breaks-non-root",
        (
            "The pod says `runAsNonRoot: true` and no user, and the [image](images.md) runs as root. The kubelet says "
            '"container has runAsNonRoot and image will run as root".'
        ),
        "Set `runAsUser` to a user that the image supports, or use an image with a numeric USER.",
    )
    IMAGE_USER_NOT_NUMERIC = (
        "image-user-not-numeric",
        (
            "The pod says `runAsNonRoot: true` and no user, and USER of the [image](images.md) is a name. The kubelet "
            'says "container has runAsNonRoot and image has non-numeric user (…), cannot verify user is non-root".'
        ),
        "Set `runAsUser` to the number of that user, or use an image with a numeric USER.",
    )
    FILE_CAPABILITIES = (
        "file-capabilities",
        (
            "The program of the [image](images.md) carries file capabilities that the container drops, so the kernel "
            "does not start it: `exec …: operation not permitted`."
        ),
        "Use an image without file capabilities. Of the capabilities, only `NET_BIND_SERVICE` may be added.",
    )
    IMAGE_NOT_KNOWN = (
        "image-not-known",
        (
            "The pod says `runAsNonRoot: true` and no user, so USER of the image decides, and it is [not "
            "known](images.md). Or the image is a placeholder, which another webhook replaces."
        ),
        "Set `runAsUser`, or have the image described.",
    )


class Start(NamedTuple):
    """Whether one container starts.

    Attributes:
        path: the JSON Pointer of the container.
        container: its name.
        image: its image; "" for none.
        forecast: whether it starts.
        cause: why not, or why it is unknown; None if it runs.
        message: what the kubelet or the kernel says, as far as it is the same for all pods; "" if nothing is known.
    """

    path: str
    container: str
    image: str
    forecast: Forecast
    cause: Cause | None = None
    message: str = ""


_Finding: TypeAlias = tuple[Forecast, Cause | None, str]

_RUNS: Final[_Finding] = (Forecast.RUNS, None, "")
_NOT_KNOWN: Final[_Finding] = (Forecast.UNKNOWN, Cause.IMAGE_NOT_KNOWN, "")


def foresee(
    pod: Pod, containers: Iterable[ContainerView], images: Images, placeholders: Collection[str]
) -> Iterator[Start]:
    """Foresee whether containers start.

    Args:
        pod: the pod as its node gets it: patched.
        containers: the containers of the pod to look at.
        images: what is known of images.
        placeholders: the images of containers that another webhook is to fill in.
    """
    verify = _verify_on_windows if pod.for_windows else _verify
    for_all = pod.security.get("runAsNonRoot")
    for container in containers:
        image = container.value.get("image") or ""
        if image in placeholders:
            finding = _NOT_KNOWN
        else:
            known = images.find(image)
            own = container.security.get("runAsNonRoot")
            finding = verify(pod, container, known) if (for_all if own is None else own) else _RUNS
            if known.file_capabilities and finding[0] is not Forecast.WILL_NOT_START:
                finding = _execute(container, known) or finding
        yield Start(container.path, container.name, image, *finding)


def names_root(pod: Pod, container: ContainerView) -> bool:
    """Whether the pod makes the container root by name or number, so that `runAsNonRoot: true` keeps it from starting.

    A pod without `os` may be meant for Windows.
    """
    return pod.user_of(container) == 0 or is_windows_root(_windows_user(pod, container))


def _verify(pod: Pod, container: ContainerView, image: ImageFacts) -> _Finding:
    user = pod.user_of(container)
    if user is None:
        return _NOT_KNOWN if image is UNKNOWN_IMAGE else _verify_image(image)
    if user == 0:
        return _refused(Cause.USER_BREAKS_NON_ROOT, "container's runAsUser breaks non-root policy")
    return _RUNS


def _verify_image(image: ImageFacts) -> _Finding:
    kind, name = image.kind_of_user, image.user_name
    if kind is ImageUser.NUMBER:
        return _RUNS
    if name and not name.isdecimal():
        text = f"image has non-numeric user ({name}), cannot verify user is non-root"
        return _refused(Cause.IMAGE_USER_NOT_NUMERIC, text)
    if kind is ImageUser.ROOT:
        return _refused(Cause.IMAGE_BREAKS_NON_ROOT, "container has runAsNonRoot and image will run as root")
    return _NOT_KNOWN  # a uid that was seen running does not tell how USER is written


def _verify_on_windows(pod: Pod, container: ContainerView, image: ImageFacts) -> _Finding:
    name = _windows_user(pod, container)
    field, user = ("runAsUserName", name) if name is not None else ("runAsUser", image.user_name)
    if user is None:
        return _NOT_KNOWN
    if is_windows_root(user):
        text = f"container's {field} ({user}) which will be regarded as root identity and will break non-root policy"
        return _refused(Cause.USER_BREAKS_NON_ROOT, text)
    return _RUNS


def _windows_user(pod: Pod, container: ContainerView) -> str | None:
    own = (container.security.get("windowsOptions") or _NO_OPTIONS).get("runAsUserName")
    return (pod.security.get("windowsOptions") or _NO_OPTIONS).get("runAsUserName") if own is None else own


def is_windows_root(name: str | None) -> bool:
    """Whether a user of Windows counts as root; None for no user."""
    return name is not None and name.lower() == _WINDOWS_ROOT


def _execute(container: ContainerView, image: ImageFacts) -> _Finding | None:
    """What becomes of a program whose file carries capabilities; None if it may have all of them.

    What a container drops by name it has not, even if it adds it; what it adds by name outlasts a drop of ALL.
    """
    if container.security.get("privileged"):
        return None
    capabilities = container.security.get("capabilities") or _NO_CAPABILITIES
    dropped, added = _names(capabilities.get("drop")), _names(capabilities.get("add"))
    text = "exec …: operation not permitted"
    if isinstance(image.file_capabilities, frozenset):
        carried = _names(image.file_capabilities)
        lost = carried & dropped or (_ALL in dropped and not carried <= added)
        return _refused(Cause.FILE_CAPABILITIES, text) if lost else None
    if _ALL in dropped and not added:
        return _refused(Cause.FILE_CAPABILITIES, text)
    return (Forecast.UNKNOWN, Cause.FILE_CAPABILITIES, text) if dropped else None


def _names(capabilities: Iterable[str] | None) -> frozenset[str]:
    return frozenset(name.upper().removeprefix("CAP_") for name in capabilities or ())


def _refused(cause: Cause, message: str) -> _Finding:
    return Forecast.WILL_NOT_START, cause, message
