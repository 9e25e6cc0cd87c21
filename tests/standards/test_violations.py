"""Violations in upstream's words."""

from __future__ import annotations

from patches.standards.violations import Violation, violation_text

PORTS = Violation("hostPorts", "hostPort", 'container "a" uses hostPort 80')
NAMESPACES = Violation("hostNamespaces", "host namespaces", "hostPID=true")


def test_a_violation_is_its_reason_with_the_detail_in_parentheses() -> None:
    """As Kubernetes prints one failed check."""
    assert str(PORTS) == 'hostPort (container "a" uses hostPort 80)'


def test_violations_are_joined_by_commas() -> None:
    """As Kubernetes prints several; nothing where there is none."""
    assert violation_text([NAMESPACES, PORTS]) == (
        'host namespaces (hostPID=true), hostPort (container "a" uses hostPort 80)'
    )
    assert violation_text([]) == ""
