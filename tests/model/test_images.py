"""Image references are compared as a container runtime does, and USER is read as the kubelet reads it."""

from __future__ import annotations

import pytest

from patches.model.images import NO_IMAGES, UNKNOWN_IMAGE, ImageFacts, Images, ImageUser, reference_key

_DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("reference", "key"),
    [
        ("nginx", "docker.io/library/nginx:latest"),
        ("nginx:1.27", "docker.io/library/nginx:1.27"),
        ("library/nginx", "docker.io/library/nginx:latest"),
        ("docker.io/nginx", "docker.io/library/nginx:latest"),
        ("index.docker.io/library/nginx:1.27", "docker.io/library/nginx:1.27"),
        ("grafana/grafana", "docker.io/grafana/grafana:latest"),
        ("docker.io/grafana/grafana:11", "docker.io/grafana/grafana:11"),
        ("localhost/pause:1", "localhost/pause:1"),
        ("localhost:5000/pause", "localhost:5000/pause:latest"),
        ("registry:5000/app", "registry:5000/app:latest"),
        ("registry.example/team/app:2", "registry.example/team/app:2"),
        ("registry.example:5000/team/app", "registry.example:5000/team/app:latest"),
        ("team/app/part:3", "docker.io/team/app/part:3"),
        ("Registry/app", "Registry/app:latest"),
        (f"nginx@{_DIGEST}", _DIGEST),
        (f"registry.example/nginx:1.27@{_DIGEST}", _DIGEST),
    ],
)
def test_the_key_of_a_reference(reference: str, key: str) -> None:
    """Host, path and tag are filled in as `docker pull` and containerd do; a digest outranks all of them."""
    assert reference_key(reference) == key


@pytest.mark.parametrize(
    ("facts", "kind"),
    [
        (ImageFacts(), ImageUser.UNKNOWN),
        (ImageFacts(user=""), ImageUser.ROOT),
        (ImageFacts(user="root"), ImageUser.ROOT),
        (ImageFacts(user="root:root"), ImageUser.ROOT),
        (ImageFacts(user="0"), ImageUser.ROOT),
        (ImageFacts(user="0:1000"), ImageUser.ROOT),
        (ImageFacts(user=":1000"), ImageUser.ROOT),
        (ImageFacts(user="toor", uid=0), ImageUser.ROOT),
        (ImageFacts(uid=0), ImageUser.ROOT),
        (ImageFacts(user="101"), ImageUser.NUMBER),
        (ImageFacts(user="101:101"), ImageUser.NUMBER),
        (ImageFacts(user="101:web", uid=101), ImageUser.NUMBER),
        (ImageFacts(user="memcache", uid=101), ImageUser.NAMED),
        (ImageFacts(user="memcache:memcache", uid=101), ImageUser.NAMED),
        (ImageFacts(uid=101), ImageUser.NAMED),
        (ImageFacts(user="memcache"), ImageUser.NAME),
    ],
    ids=repr,
)
def test_what_the_kubelet_makes_of_a_user(facts: ImageFacts, kind: ImageUser) -> None:
    """It reads the part before the colon, takes digits for a uid, and nothing at all for root."""
    assert facts.kind_of_user is kind


def test_facts_are_found_by_any_spelling() -> None:
    """What is known of `nginx` serves `docker.io/library/nginx:latest`, and nothing serves another tag."""
    images = Images({"nginx": ImageFacts(user=""), f"x@{_DIGEST}": ImageFacts(user="7")})
    assert images.find("docker.io/library/nginx:latest").user == ""
    assert images.find("nginx:1.27") is UNKNOWN_IMAGE
    assert images.find(f"mirror.example/other:3@{_DIGEST}").user == "7"
    assert images.find(None) is images.find("") is UNKNOWN_IMAGE
    assert len(images) == 2


def test_facts_are_joined() -> None:
    """What is known already counts, field by field, whatever the spelling; and it stays as it was."""
    known = Images({"nginx": ImageFacts(exposed_ports=(80,), file_capabilities=False), "redis": ImageFacts(user="7")})
    found = ImageFacts(user="web", uid=101, exposed_ports=(81,), volumes=("/a",))
    joined = known.joined({"docker.io/nginx:latest": found, "caddy": ImageFacts(user="")})
    assert joined.find("nginx") == ImageFacts(
        user="web", uid=101, exposed_ports=(80,), volumes=("/a",), file_capabilities=False
    )
    assert [joined.find(name).user for name in ("redis", "caddy")] == ["7", ""]
    assert known.find("nginx").user is None
    assert len(known) == 2


def test_equal_facts_are_equal() -> None:
    """So that a follower can tell whether anything changed."""
    assert Images({"nginx": ImageFacts(user="")}) == Images({"docker.io/nginx:latest": ImageFacts(user="")})
    assert Images({"nginx": ImageFacts(user="")}) != Images({"nginx": ImageFacts(user="1")})
    assert Images({}) == NO_IMAGES
    assert len({Images({"nginx": ImageFacts()}), Images({"nginx:latest": ImageFacts()})}) == 1
    assert NO_IMAGES != {}
    assert NO_IMAGES.find("nginx") is UNKNOWN_IMAGE
