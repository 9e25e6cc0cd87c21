"""The two reviews: /mutate patches the object and judges the result, /validate judges the object as it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple, ParamSpec, Protocol, TypeAlias, TypeVar

from patches import TEMPLATES, CompiledNamespace, Evaluation, InvalidObject, Origin, Pod, evaluate, locate, validate
from webhook.errors import NamespaceUnknown, ObjectTooLarge, UndecodableReview
from webhook.review import messages, respond
from webhook.review.codec import AdmissionRequest, AdmissionResponse, RequestHead, decode_old_object
from webhook.review.namespace_cache import NamespaceCache

OPERATIONS: Final = ("CREATE", "UPDATE")
SUBRESOURCES: Final = ("", "ephemeralcontainers")

OnEvaluation: TypeAlias = Callable[[Evaluation], None]
"""A function that counts an evaluation for metrics."""


_Parameters = ParamSpec("_Parameters")
_Result = TypeVar("_Result")


class Run(Protocol):
    """Runs a step of a review, which may take long, and awaits its result."""

    async def __call__(
        self, function: Callable[_Parameters, _Result], *args: _Parameters.args, **kwargs: _Parameters.kwargs
    ) -> _Result:
        """Run the step."""
        ...


async def run_here(
    function: Callable[_Parameters, _Result], *args: _Parameters.args, **kwargs: _Parameters.kwargs
) -> _Result:
    """Run a step at once, in the loop."""
    return function(*args, **kwargs)


class _Evaluate(Protocol):
    def __call__(
        self, pod: Pod, namespace: CompiledNamespace, *, old: Pod | None = None, user: str = ""
    ) -> Evaluation: ...


class _ReviewKind(NamedTuple):
    """How one kind of review evaluates a pod, and how it words the response."""

    evaluate: _Evaluate
    respond: Callable[[AdmissionRequest, Evaluation, str], AdmissionResponse]


class Reviewer:
    """Answers decoded requests: gathers and compiles the namespace, evaluates the pod, and words the response."""

    def __init__(self, namespaces: NamespaceCache, on_evaluation: OnEvaluation | None = None) -> None:
        """Answer for these namespaces. `on_evaluation` is called with each evaluation."""
        self._namespaces = namespaces
        self._on_evaluation = on_evaluation

    async def mutate(
        self, request: AdmissionRequest, run: Run = run_here, deadline: float | None = None
    ) -> AdmissionResponse:
        """Answer with a patch, and with what the patched object violates.

        No content of a request makes it raise.

        Args:
            request: the request.
            run: runs the steps that may take long.
            deadline: time of the event loop at which to give up waiting for the namespace; None for no such time.

        Raises:
            TimeoutError: at the deadline.
        """
        return await self._answer(request, _MUTATION, run, deadline)

    async def validate(
        self, request: AdmissionRequest, run: Run = run_here, deadline: float | None = None
    ) -> AdmissionResponse:
        """Answer with what the object violates as it is. All else is as for `mutate`."""
        return await self._answer(request, _VALIDATION, run, deadline)

    def answer_unknown(self, request: RequestHead, problem: str) -> AdmissionResponse:
        """Answer when nothing is known of the namespace: refuse a pod, allow a controller with a warning."""
        problem = messages.printable(problem)
        if request.kind.kind == "Pod":
            return respond.errored(request.uid, problem)
        return self._allow_unjudged(request, problem)

    def answer_too_large(self, request: RequestHead, problem: str) -> AdmissionResponse:
        """Answer when an object is more work than one review may be: refuse a pod, allow a controller with a warning.

        The pods of the controller will be refused, each with the reason.
        """
        problem = messages.printable(problem)
        unconcerned = self._answer_unconcerned(request)
        if unconcerned is not None:
            return unconcerned
        if request.kind.kind == "Pod":
            return respond.invalid(request.uid, problem)
        return self._allow_unjudged(request, problem)

    def _allow_unjudged(self, request: RequestHead, problem: str) -> AdmissionResponse:
        warning = f"pod-security-defaulter: {problem}; nothing was looked at"
        audit = messages.add_generation({"error": problem}, self._namespaces.generation)
        return respond.allowed(request.uid, (), [warning], audit)

    def _answer_unconcerned(self, request: RequestHead) -> AdmissionResponse | None:
        """The answer to a request whose objects do not matter; None if they do."""
        if not concerns_us(request):
            return respond.allowed(request.uid)
        exemption = self._namespaces.exemption(request.namespace, request.user_info.username)
        return None if exemption is None else respond.exempt(request.uid, exemption, self._namespaces.generation)

    async def _answer(
        self, request: AdmissionRequest, answer: _ReviewKind, run: Run, deadline: float | None
    ) -> AdmissionResponse:
        unconcerned = self._answer_unconcerned(request)
        if unconcerned is not None:
            return unconcerned
        try:
            return await self._review(request, answer, run, deadline)
        except NamespaceUnknown as error:
            return self.answer_unknown(request, str(error))
        except ObjectTooLarge as error:
            return self.answer_too_large(request, str(error))
        except (InvalidObject, UndecodableReview) as error:
            return respond.invalid(request.uid, messages.printable(str(error)))

    async def _review(
        self, request: AdmissionRequest, answer: _ReviewKind, run: Run, deadline: float | None
    ) -> AdmissionResponse:
        pod, old = await run(read_pods, request)
        if pod is None:
            return respond.allowed(request.uid)
        namespace = await self._namespaces.find(request.namespace, _account_of(pod), deadline)
        try:
            evaluation = await run(answer.evaluate, pod, namespace, old=old, user=request.user_info.username)
        except InvalidObject as error:  # a malformed quantity, which is read only when a rule needs it
            raise error.below("object") from None
        if evaluation.exempt is not None:
            return respond.exempt(request.uid, evaluation.exempt, self._namespaces.generation)
        if self._on_evaluation is not None:
            self._on_evaluation(evaluation)
        return await run(answer.respond, request, evaluation, self._namespaces.generation)


def _mutation_response(request: AdmissionRequest, evaluation: Evaluation, generation: str) -> AdmissionResponse:
    warnings = messages.mutation_warnings(evaluation)
    audit = messages.add_generation(messages.mutation_audit(evaluation), generation)
    if evaluation.denied:
        return respond.forbidden(request.uid, messages.refusal(evaluation), warnings, audit)
    operations = evaluation.operations if evaluation.withheld is None else ()
    return respond.allowed(request.uid, operations, warnings, audit)


def _validation_response(request: AdmissionRequest, evaluation: Evaluation, generation: str) -> AdmissionResponse:
    if evaluation.withheld is not None:
        return respond.allowed(request.uid)
    policy, verdicts = evaluation.policy, evaluation.verdicts
    audit = messages.add_generation(messages.verdict_audit(evaluation), generation)
    if evaluation.denied:
        text = messages.printable(messages.violates(policy.enforce, verdicts[policy.enforce]))
        return respond.forbidden(request.uid, text, (), audit)
    warned = verdicts.get(policy.warn)
    warnings = [messages.printable(messages.would_violate(policy.warn, warned))] if warned else []
    return respond.allowed(request.uid, (), warnings, audit)


_MUTATION: Final = _ReviewKind(evaluate, _mutation_response)
_VALIDATION: Final = _ReviewKind(validate, _validation_response)


def concerns_us(request: RequestHead) -> bool:
    """Whether the request can concern a pod or a template. All others are allowed as they are."""
    return (
        request.operation in OPERATIONS
        and request.sub_resource in SUBRESOURCES
        and (request.kind.group, request.kind.kind) in TEMPLATES
    )


def _account_of(pod: Pod) -> str:
    """The ServiceAccount of the pod. Admission sets it on pods; a template may leave it out."""
    return pod.spec.get("serviceAccountName") or "default"


def read_pods(request: AdmissionRequest) -> tuple[Pod | None, Pod | None]:
    """Read the pod or template, and what it was before an update. A template that was unset before is a new one.

    Raises:
        InvalidObject: if a field of an object has a wrong type.
        UndecodableReview: if the object before the update cannot be decoded.
    """
    pod = _locate(request, request.object, "object")
    if pod is None or request.operation != "UPDATE":
        return pod, None
    old = decode_old_object(request)
    if old is None and pod.is_template:
        return pod, pod  # nothing says that the update changes it
    return pod, _locate(request, old, "oldObject")


def _locate(request: AdmissionRequest, document: Any, name: str) -> Pod | None:
    """Find the pod in a document, which must be of the kind that the request names. None if it has no pod."""
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
        raise error.below(name) from None
