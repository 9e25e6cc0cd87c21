"""Why an object gets no patch, and what is done with it all the same."""

from __future__ import annotations

from patches.model.explained_code import ExplainedCode


class Withheld(ExplainedCode):
    """Why an object gets no patch. A closed set, in the order of docs/reasons.md."""

    DELETING = "deleting", "The object is being deleted.", "Nothing."
    IMMUTABLE_TEMPLATE = (
        "immutable-template",
        (
            "It is an update of a Job. Nobody may change the template of a Job that exists: with a patch the API "
            "server would refuse the update. Pods that the Job creates from now on are patched."
        ),
        "Nothing. The template of a new Job is patched.",
    )
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
    UNCHANGED_TEMPLATE = (
        "unchanged-template",
        (
            "It is an update that leaves the template as it was. A patch would start a rollout that nobody asked for. "
            "Pods that are created from now on are patched."
        ),
        "Nothing. The template is patched when its author changes it, for example by `kubectl rollout restart`.",
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
        return self is Withheld.MODE or self.deferred

    @property
    def deferred(self) -> bool:
        """Whether the template's pods get the patch when they are created. It is then judged with the patch."""
        return self in (
            Withheld.IMMUTABLE_TEMPLATE,
            Withheld.OWNED_TEMPLATE,
            Withheld.TEMPLATE,
            Withheld.UNCHANGED_TEMPLATE,
        )
