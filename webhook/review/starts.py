"""The sentences about containers that will not start, as warnings, each with the way out."""

from __future__ import annotations

from typing import Final

from patches import Cause, Evaluation, Forecast, Stage, Withheld

_SENTENCES: Final = {
    Cause.USER_BREAKS_NON_ROOT: 'container "{0}" {will} not start: {2}. Name a user that is not root',
    Cause.IMAGE_BREAKS_NON_ROOT: (
        'container "{0}" (image {1}) {will} not start: {2}. Set runAsUser to a user that the image supports'
    ),
    Cause.IMAGE_USER_NOT_NUMERIC: (
        'container "{0}" (image {1}) {will} not start: {2}. Set runAsUser to a user that the image supports'
    ),
    Cause.FILE_CAPABILITIES: (
        'container "{0}" (image {1}) {will} not start: {2}, because it drops the file capabilities of its program. Use '
        "an image without them"
    ),
}
"""By cause. `{0}` is the container, `{1}` its image, `{2}` what the kubelet or the kernel says."""


def start_warnings(evaluation: Evaluation) -> list[str]:
    """Return a warning for each container that will not start once patched, each text once."""
    if evaluation.withheld is not None and not evaluation.withheld.evaluated:
        return []
    hypothetical = evaluation.withheld is Withheld.MODE or evaluation.namespace.hypothetical
    will = "would" if hypothetical else "will"
    sentences = [
        _SENTENCES[cause].format(container, image, message, will=will)
        for _, container, image, forecast, cause, message in evaluation.starts(Stage.PATCHED)
        if forecast is Forecast.WILL_NOT_START and cause is not None
    ]
    return [f"pod-security-defaulter: {sentence}" for sentence in dict.fromkeys(sentences)]


def depends_on_unknown_images(evaluation: Evaluation) -> bool:
    """Whether a container may not start once patched, for all that is known of its image."""
    return any(row.cause is Cause.IMAGE_NOT_KNOWN for row in evaluation.starts(Stage.PATCHED))
