"""A compiled namespace: whom it exempts, what it lacks, and the questions "what if" of a preview."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from patches.compiler import NamespaceCompiler
from patches.model.shapes import Quantity
from patches.policy.configuration import DefaulterConfiguration, Exemption, Mode
from patches.policy.limits import NO_LIMITS, LimitItem, Limits
from patches.policy.namespace import CompiledNamespace, Missing
from patches.policy.snapshot import UNKNOWN, Coverage, Objects, RuntimeClass, ServiceAccount, empty_snapshot
from patches.standards.levels import parse_level_version
from tests.patches.build import OURS, namespace, policy

ACCOUNTS: Objects[ServiceAccount] = Objects({"builder": ServiceAccount(), "broken": UNKNOWN}, Coverage.CACHED)
CLASSES: Objects[RuntimeClass] = Objects({"kata": RuntimeClass({}, has_overhead=False)}, Coverage.CACHED)


def cached(account_scope: str = "", runtime_class: str = "") -> CompiledNamespace:
    """A namespace whose objects are in caches."""
    return replace(
        namespace(),
        service_accounts=ACCOUNTS,
        runtime_classes=CLASSES,
        account_scope=account_scope,
        runtime_class=runtime_class,
    )


@pytest.mark.parametrize(
    ("user", "runtime_class", "expected"),
    [
        ("jane", None, None),
        ("jane", "kata", None),
        ("root", None, Exemption.USER),
        ("jane", "gvisor", Exemption.RUNTIME_CLASS),
        ("root", "gvisor", Exemption.USER),
    ],
)
def test_exemptions(user: str, runtime_class: str | None, expected: Exemption | None) -> None:
    """A user and a RuntimeClass are exempt by name; the user is named first, as upstream does."""
    exempting = policy(exemptions={"usernames": ["root"], "runtimeClasses": ["gvisor"]})
    assert namespace(exempting).exemption(user, runtime_class) == expected


def test_an_exempt_namespace() -> None:
    """It is exempt whoever asks, and named before anything else."""
    exempting = policy(exemptions={"usernames": ["root"], "namespaces": ["shop"]})
    assert namespace(exempting, name="shop").exemption("root", None) is Exemption.NAMESPACE
    assert namespace(exempting, name="other").exemption("jane", None) is None


@pytest.mark.parametrize(
    ("scope", "account", "lacks"),
    [
        ("all", "builder", False),
        ("all", "deployer", True),
        ("all", "broken", True),
        ("default", "default", True),
        ("default", "deployer", False),
        ("", "default", False),
    ],
)
def test_accounts_that_a_cache_lacks(scope: str, account: str, lacks: bool) -> None:  # noqa: FBT001 (a parameter)
    """One is looked up if the token depends on it, and the cache has not got it or could not read it."""
    assert cached(scope).missing(account) == (Missing(service_account=account) if lacks else None)


def test_accounts_are_looked_up_only_beside_a_cache() -> None:
    """What no cache follows is known in full, or not at all: asking again would not help."""
    for coverage in (Coverage.COMPLETE, Coverage.PARTIAL):
        assert replace(cached("all"), service_accounts=Objects({}, coverage)).missing("default") is None


def test_runtime_classes_that_a_cache_lacks() -> None:
    """One is looked up if it may be added and is not in the cache."""
    assert cached(runtime_class="kata").missing("default") is None
    assert cached(runtime_class="gvisor").missing("default") == Missing(runtime_class="gvisor")
    assert cached("default", "gvisor").missing("default") == Missing("default", "gvisor")
    assert replace(cached(runtime_class="gvisor"), runtime_classes=Objects({})).missing("default") is None


@pytest.mark.parametrize(
    ("mode", "expected"), [("enforce", "enforce"), ("warn", "enforce"), ("audit", "enforce"), ("off", "off")]
)
def test_what_if_the_mode_were_enforce(mode: str, expected: str) -> None:
    """The modes that lead up to enforce become it; a namespace that is off stays so."""
    before = namespace(policy({f"{OURS}mode": mode}))
    assert before.enforcing().policy.mode is Mode(expected)
    assert (before.enforcing() is before) == (mode in ("enforce", "off"))


def test_what_if_the_target_were_another() -> None:
    """The new target is judged beside the namespace's own levels, and counts for conditions on a version."""
    baseline = parse_level_version("restricted:v1.24")
    found = namespace().retargeted(baseline).policy
    assert found.target == baseline
    assert baseline in found.judged
    assert not found.restricted_since(25)


def test_unknown_limits_give_nothing() -> None:
    """Where LimitRanges are unknown, none are assumed."""
    assert namespace(limits=None).known_limits is NO_LIMITS


def limits_of(compiler: NamespaceCompiler, cpu: Quantity, kind: str = "Container") -> Limits:
    """The limits of a namespace with a LimitRange of one item."""
    ranges: Objects[Sequence[LimitItem]] = Objects({"limits": (LimitItem(kind, default={"cpu": cpu}),)})
    limits = compiler.compile(replace(empty_snapshot("shop"), limit_ranges=ranges)).limits
    assert limits is not UNKNOWN
    return limits


def test_namespaces_share_equal_limits() -> None:
    """Ten thousand namespaces with the LimitRange of their platform have one between them."""
    compiler = NamespaceCompiler(DefaulterConfiguration())
    assert limits_of(compiler, "1") is limits_of(compiler, "1")
    assert limits_of(compiler, "2").default_limits["cpu"].text == "2"
    assert limits_of(compiler, "1", "Pod").default_limits == {}
    assert [repr(limits_of(compiler, cpu).default_limits["cpu"].text) for cpu in (1, 1.0)] == ["1", "1.0"]


def test_more_limits_than_are_kept() -> None:
    """Each namespace still has its own."""
    compiler = NamespaceCompiler(DefaulterConfiguration())
    texts = [str(number) for number in range(1, 5_000)]
    assert [limits_of(compiler, text).default_limits["cpu"].text for text in texts] == texts
