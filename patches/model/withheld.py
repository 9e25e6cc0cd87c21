"""Why an object gets no patch, and what is done with it all the same."""

from __future__ import annotations

from patches.model.explained import Explained


class Withheld(Explained):
    """Why an object gets no patch. A closed set, in the order of docs/reasons.md."""

    DELETING = "deleting", "The object is being deleted.", "Nothing."
    MIRROR_POD = (
        "mirror-pod",
        (
            "It is the mirror of a static pod, which the kubelet runs from a file on its node. It is judged all the "
            "same."
        ),
        "Change the file on the node.",
    )
    MODE = (
        "mode",
        (
            "The namespace's label `pod-security-defaulter.io/mode`, or the configuration, says `warn` or `audit`: "
            "what would be added is only said."
        ),
        "Set the label to `enforce` when the warnings look right.",
    )
    OFF = (
        "off",
        "The mode is `off`.",
        "Set the label `pod-security-defaulter.io/mode` to have the namespace's pods defaulted.",
    )
    OWNED_TEMPLATE = (
        "owned-template",
        "The template belongs to an object that another controller owns and would write again.",
        "Change the owner.",
    )
    TEMPLATE = (
        "template",
        (
            "It is the template of a controller. Its pods are patched; patching the template would make GitOps tools "
            "see a difference."
        ),
        "Nothing. `patchTemplates: true` patches templates too.",
    )
    UPDATE = (
        "update",
        "The pod exists already, and its spec is immutable.",
        "Create the pod anew, for example with `kubectl rollout restart`.",
    )

    @property
    def judged(self) -> bool:
        """Whether the object is judged all the same."""
        return self not in (Withheld.DELETING, Withheld.OFF, Withheld.UPDATE)

    @property
    def evaluated(self) -> bool:
        """Whether the defaults are tried all the same, to say what they would add."""
        return self in (Withheld.MODE, Withheld.OWNED_TEMPLATE, Withheld.TEMPLATE)

    @property
    def deferred(self) -> bool:
        """Whether the template's pods get the patch when they are created. It is then judged with the patch."""
        return self in (Withheld.OWNED_TEMPLATE, Withheld.TEMPLATE)
