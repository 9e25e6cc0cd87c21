"""What holds for all namespaces with the same labels and annotations, compiled once and shared by them."""

from __future__ import annotations

from dataclasses import dataclass

from patches.defaults import automount_service_account_token, runtime_class_name
from patches.evaluation import active
from patches.policy.configuration import DefaulterConfiguration, Mode
from patches.policy.policy import Policy, resolve
from webhook.sources.objects import Marks


@dataclass(frozen=True, slots=True)
class Rules:
    """A policy, and which objects it depends on.

    `accounts`: whose ServiceAccount counts: "" nobody's, `default`, or `all`. `runtime_class`: the class that may be
    added; "": none.
    """

    policy: Policy
    accounts: str
    runtime_class: str

    def depends_on(self, account: str) -> bool:
        """Whether it counts what this ServiceAccount says."""
        return self.accounts == "all" or (account == "default" and bool(self.accounts))


def rules_of(configuration: DefaulterConfiguration, newest: int, marks: Marks) -> Rules:
    """Compile the rules of a namespace. `newest`: the API server's own minor version."""
    policy = resolve(configuration, dict(marks.labels), dict(marks.annotations), newest)
    acting = {default.id for default in active(policy.target.level, policy.enabled)} - policy.skip
    if policy.mode is Mode.OFF:
        acting = set()
    accounts = policy.settings.automount_service_account_token.service_accounts
    addable = runtime_class_name.ID in acting and policy.runtime_class not in policy.exempt_runtime_classes
    return Rules(
        policy,
        accounts if automount_service_account_token.ID in acting else "",
        policy.runtime_class if addable else "",
    )
