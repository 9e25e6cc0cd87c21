"""Exceptions: which rules a namespace carries, and which containers they name."""

from __future__ import annotations

from typing import Any

import pytest

from patches.policy.exceptions import NO_EXCEPTIONS, ExceptionCompiler, Exceptions
from tests.patches.build import configuration, document
from tests.pods import view


def compiled(*rules: dict[str, Any], namespace: str = "shop") -> Exceptions:
    """What a namespace carries of these rules."""
    return ExceptionCompiler(configuration(exceptions=list(rules)).exceptions).compile(namespace)


def excepted(rule: dict[str, Any], name: str = "app", image: str | None = "registry.example/app:1") -> bool:
    """Whether a rule leaves a container alone."""
    pod = view(document({"name": name, "image": image}))
    return bool(compiled({"defaults": ["os"], **rule}).find(pod.containers, ())["os"])


@pytest.mark.parametrize(
    ("glob", "image", "matches"),
    [
        ("registry.example/app:1", "registry.example/app:1", True),
        ("*/app:*", "registry.example/app:1", True),
        ("*/app:*", "registry.example/team/app:1", True),
        ("*", None, True),
        ("registry.example/app:?", "registry.example/app:1", True),
        ("registry.example/app:?", "registry.example/app:12", False),
        ("registry.example/app", "registry.example/app:1", False),
        ("app:1", "registry.example/app:1", False),
        ("*/APP:*", "registry.example/app:1", False),
        ("registryxexample/app:1", "registry.example/app:1", False),
        ("registry.example/app.1", "registry.example/app:1", False),
        ("*/app:[12]", "registry.example/app:1", True),
        ("*/app:1", "registry.example/app:1\n", False),
        ("*app*", None, False),
    ],
)
def test_globs(glob: str, image: str | None, matches: bool) -> None:  # noqa: FBT001 (a parameter of the test)
    """As fnmatch has them: the whole text, case-sensitive, `*` over slashes too, a dot is a dot."""
    assert excepted({"images": [glob]}, image=image) is matches


def test_every_given_list_must_match() -> None:
    """One match of each; a list that is not given matches anything."""
    rule = {"containers": ["proxy", "app*"], "images": ["*/app:*"]}
    assert excepted(rule, "app-1")
    assert not excepted(rule, "other")
    assert not excepted(rule, "proxy", "registry.example/proxy:1")
    assert excepted({"containers": ["other", "proxy"]}, "proxy", None)


def test_the_image_of_a_placeholder_is_not_known() -> None:
    """Any may come; its name is known."""
    rule = {"containers": ["proxy"], "images": ["*/proxyv2:*"], "defaults": ["os"]}
    pod = view(document({"name": "proxy", "image": "auto"}, {"name": "app", "image": "auto"}))
    paths = {container.path for container in pod.containers}
    assert compiled(rule).find(pod.containers, paths) == {"os": {"/spec/containers/0"}}
    assert not compiled(rule).find(pod.containers, ())


def test_a_namespace_carries_only_its_own() -> None:
    """Rules of other namespaces are not there to be tried; one for whole namespaces is no longer a rule."""
    whole = {"namespaces": ["team-*", "shop"], "defaults": ["resources", "os"]}
    named = {"namespaces": ["shop"], "containers": ["a"], "defaults": ["os"]}
    other = {"namespaces": ["cart"], "images": ["*"], "defaults": ["os"]}
    everywhere = {"images": ["x"], "defaults": ["hostUsers"]}
    found = compiled(whole, named, other, everywhere)
    assert found.everywhere == {"resources", "os"}
    assert [rule.defaults for rule in found.rules] == [{"os"}, {"hostUsers"}]
    assert compiled(whole, named, other, namespace="dev") is NO_EXCEPTIONS
    assert compiled() is NO_EXCEPTIONS


def test_namespaces_share_what_they_carry() -> None:
    """Ten thousand namespaces with the same rules hold one object."""
    rules = [{"images": ["x"], "defaults": ["os"]}, {"namespaces": ["cart"], "defaults": ["os"]}]
    compiler = ExceptionCompiler(configuration(exceptions=rules).exceptions)
    assert compiler.compile("shop") is compiler.compile("team")
    assert compiler.compile("cart") is not compiler.compile("shop")
