"""The two reviews: /mutate answers with a patch and the verdict on what it leads to, /validate with a verdict."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeAlias

from patches.evaluation import mutate
from patches.model.decisions import Decision
from patches.model.pod import TEMPLATES, Origin, Pod, locate
from patches.model.updates import is_significant
from patches.policy.configuration import DefaulterConfiguration, DenyIn
from patches.policy.policy import Policy
from patches.standards.judge import judge
from patches.standards.levels import Level, LevelVersion
from patches.standards.violations import Violation
from webhook.errors import InvalidObject, NamespaceUnknown, UndecodableReview
from webhook.review import messages, respond
from webhook.review.codec import Request, Response, decode_old_object
from webhook.sources.state import NamespaceState, Source

_OPERATIONS: Final = ("CREATE", "UPDATE")
_SUBRESOURCES: Final = ("", "ephemeralcontainers")


Decide: TypeAlias = Callable[[Request, NamespaceState, Pod, Pod | None], Response]


Verdicts: TypeAlias = Mapping[LevelVersion, Sequence[Violation]]


class Tally(Protocol):
    """Counts what the engine decides, for metrics."""

    def decided(self, decisions: Sequence[Decision]) -> None:
        """What became of the defaults of one object."""

    def judged(self, policy: Policy, verdicts: Verdicts) -> None:
        """What one object violates."""


class _NoTally:
    """Counts nothing."""

    def decided(self, decisions: Sequence[Decision]) -> None:
        """Nothing."""

    def judged(self, policy: Policy, verdicts: Verdicts) -> None:
        """Nothing."""


@dataclass(frozen=True, slots=True)
class _Rules:
    """What of a configuration concerns answers. Swapped whole."""

    denies_in_mutate: bool
    exempt_users: frozenset[str]
    exempt_namespaces: frozenset[str]
    generation: str

    def signed(self, audit: dict[str, str]) -> dict[str, str]:
        """The audit annotations, and which configuration led to them."""
        if self.generation:
            audit["generation"] = self.generation
        return audit


class Reviewer:
    """Answers decoded requests for one configuration and one source of namespace state."""

    def __init__(
        self,
        configuration: DefaulterConfiguration,
        source: Source,
        *,
        generation: str = "",
        tally: Tally | None = None,
    ) -> None:
        """Hold what every request needs. `generation` names the configuration in audit annotations; "": it does not."""
        self._source = source
        self._tally = tally or _NoTally()
        self.configure(configuration, generation)

    def configure(self, configuration: DefaulterConfiguration, generation: str = "") -> None:
        """Answer by this configuration from now on. The source is told separately."""
        self._rules = _Rules(
            configuration.deny_in is DenyIn.MUTATE,
            frozenset(configuration.exemptions.usernames),
            frozenset(configuration.exemptions.namespaces),
            generation,
        )

    async def mutate(self, request: Request) -> Response:
        """The patch, and what the patched object still violates. Never raises for what is in the request."""
        return await self._answer(request, self._mutated)

    async def validate(self, request: Request) -> Response:
        """The verdict on the object as it is. Never raises for what is in the request."""
        return await self._answer(request, self._validated)

    def unlearnt(self, request: Request, problem: str) -> Response:
        """The answer where it could not be learnt what to do: a refusal, but for controllers, which never are."""
        problem = messages.printable(problem)
        if request.kind.kind == "Pod":
            return respond.errored(request.uid, problem)
        warning = f"pod-security-defaulter: {problem}; nothing was looked at"
        return respond.allowed(request.uid, (), [warning], self._rules.signed({"error": problem}))

    async def _answer(self, request: Request, decide: Decide) -> Response:
        uid = request.uid
        if not self._concerns(request):
            return respond.allowed(uid)
        exemption = self._exemption(request)
        if exemption:
            return respond.allowed(uid, audit_annotations=self._rules.signed({"exempt": exemption}))
        try:
            return await self._decided(request, decide)
        except NamespaceUnknown as error:
            return self.unlearnt(request, str(error))
        except (InvalidObject, UndecodableReview) as error:
            return respond.invalid(uid, messages.printable(str(error)))

    async def _decided(self, request: Request, decide: Decide) -> Response:
        pod, old = _read(request)
        if pod is None:
            return respond.allowed(request.uid)
        state = await self._state(request.namespace, pod)
        if pod.spec.get("runtimeClassName") in state.policy.exempt_runtime_classes:
            return respond.allowed(request.uid, audit_annotations=self._rules.signed({"exempt": "runtimeClass"}))
        try:
            return decide(request, state, pod, old)
        except InvalidObject as error:  # a quantity, which only the rule that needs it reads
            raise _below("object", error) from None

    async def _state(self, namespace: str, pod: Pod) -> NamespaceState:
        """The namespace's state under the rules that answer: what waited while these were swapped is asked again."""
        while True:
            rules = self._rules
            state = await self._source.state(namespace, _account(pod))
            if rules is self._rules:
                return state

    def _concerns(self, request: Request) -> bool:
        return (
            request.operation in _OPERATIONS
            and request.sub_resource in _SUBRESOURCES
            and (request.kind.group, request.kind.kind) in TEMPLATES
        )

    def _exemption(self, request: Request) -> str:
        if request.namespace in self._rules.exempt_namespaces:
            return "namespace"
        return "user" if request.user_info.username in self._rules.exempt_users else ""

    def _mutated(self, request: Request, state: NamespaceState, pod: Pod, old: Pod | None) -> Response:
        policy = state.policy
        outcome = mutate(pod, old, policy, state.facts)
        self._tally.decided(outcome.decisions)
        self._tally.judged(policy, outcome.verdicts)
        warnings = messages.mutate_warnings(policy, outcome, is_update=old is not None)
        audit = self._rules.signed(messages.mutate_audit(policy, outcome, is_pod=not pod.is_template))
        if self._rules.denies_in_mutate and not pod.is_template:
            violations = outcome.verdicts.get(policy.enforce)
            if violations:
                return respond.forbidden(request.uid, messages.refusal(policy.enforce, violations), warnings, audit)
        return respond.allowed(request.uid, outcome.operations if outcome.withheld is None else (), warnings, audit)

    def _validated(self, request: Request, state: NamespaceState, pod: Pod, old: Pod | None) -> Response:
        policy = state.policy
        if old is not None and not is_significant(pod, old):
            return respond.allowed(request.uid)
        levels = dict.fromkeys((policy.enforce, policy.audit, policy.warn))
        verdicts = {level: judge(pod, level, policy.newest) for level in levels if level.level is not Level.PRIVILEGED}
        self._tally.judged(policy, verdicts)
        audit = self._rules.signed(messages.judged_audit(policy, verdicts, is_pod=not pod.is_template))
        enforced = verdicts.get(policy.enforce)
        if enforced and not pod.is_template:
            return respond.forbidden(
                request.uid, messages.printable(messages.violates(policy.enforce, enforced)), (), audit
            )
        warned = verdicts.get(policy.warn)
        warnings = [messages.printable(messages.would_violate(policy.warn, warned))] if warned else []
        return respond.allowed(request.uid, (), warnings, audit)


def _account(pod: Pod) -> str:
    """The ServiceAccount that the pod runs as; admission has filled it in, on a template it may be left out."""
    account = pod.spec.get("serviceAccountName")
    return account if isinstance(account, str) and account else "default"


def _read(request: Request) -> tuple[Pod | None, Pod | None]:
    """The pod, and the pod before an update. A template is read afresh: all of it may change."""
    pod = _located(request, request.object, "object")
    if pod is None or request.operation != "UPDATE" or pod.is_template:
        return pod, None
    return pod, _located(request, decode_old_object(request), "oldObject")


def _located(request: Request, document: Any, name: str) -> Pod | None:
    """The pod in a document of the request, which must be of the kind that the request names. None: no template."""
    if isinstance(document, dict):
        group, kind = request.kind.group, request.kind.kind
        if document.get("kind") != kind:
            raise InvalidObject(f"{name}.kind", f"Expected `{kind}`, as request.kind says")
        api_version = document.get("apiVersion")
        if not isinstance(api_version, str) or api_version.rpartition("/")[0] != group:
            raise InvalidObject(f"{name}.apiVersion", f"Expected the group `{group}`, as request.kind says")
    try:
        return locate(document, Origin.ADMISSION)
    except InvalidObject as error:
        raise _below(name, error) from None


def _below(name: str, error: InvalidObject) -> InvalidObject:
    return InvalidObject(f"{name}.{error.field}" if error.field else name, error.problem)
