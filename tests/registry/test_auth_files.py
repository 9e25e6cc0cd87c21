"""Auth files of docker and podman, and credential helpers."""

from __future__ import annotations

import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from patches import parse_image_reference
from webhook.errors import InputError, RegistryError
from webhook.registry.auth_files import UserCredentials, load_user_credentials, read_auth_file
from webhook.registry.authentication import Credentials


def auth(text: str) -> dict[str, str]:
    """A row of an auth file."""
    return {"auth": b64encode(text.encode()).decode()}


def find(content: Any, reference: str) -> Credentials | None:
    """What a file of this content says of an image."""
    return UserCredentials([read_auth_file(json.dumps(content), "a")]).find(parse_image_reference(reference))


@pytest.mark.parametrize(
    ("key", "reference"),
    [
        ("reg.example", "reg.example/a/b:1"),
        ("https://reg.example", "reg.example/a"),
        ("https://reg.example/v1/", "reg.example/a"),
        ("reg.example:5000", "reg.example:5000/a"),
        ("reg.example/a", "reg.example/a/b"),
        ("reg.example/a/b", "reg.example/a/b@sha256:0"),
        ("https://index.docker.io/v1/", "nginx"),
        ("docker.io", "nginx"),
        ("docker.io/library/nginx", "nginx"),
    ],
)
def test_a_key_that_fits(key: str, reference: str) -> None:
    """Hosts, URLs as docker once wrote them, and parts of the path."""
    assert find({"auths": {key: auth("me:se:cret")}}, reference) == Credentials("me", "se:cret")


@pytest.mark.parametrize(
    ("key", "reference"),
    [
        ("reg.example", "reg.example:5000/a"),
        ("reg.example/a", "reg.example/ab"),
        ("docker.io", "reg.example/docker.io"),
    ],
)
def test_a_key_that_does_not_fit(key: str, reference: str) -> None:
    """Another port, half a word, a host that is a path elsewhere."""
    assert find({"auths": {key: auth("me:secret")}}, reference) is None


def test_the_longest_key_counts() -> None:
    """The most particular of several keys."""
    content = {"auths": {"r.io": auth("a:1"), "r.io/x": auth("b:2"), "r.io/x/y": auth("c:3")}}
    assert find(content, "r.io/x/y") == Credentials("c", "3")
    assert find(content, "r.io/x/z") == Credentials("b", "2")
    assert find(content, "r.io/z") == Credentials("a", "1")


def test_forms_of_credentials() -> None:
    """A pair in base64, in two fields, an identity token; what cannot be read is none."""
    assert find({"auths": {"r.io": {"username": "a", "password": "b"}}}, "r.io/x") == Credentials("a", "b")
    token = find({"auths": {"r.io": {**auth("00000000:"), "identitytoken": "t"}}}, "r.io/x")
    assert token == Credentials("00000000", identity_token="t")  # noqa: S106
    for row in ({}, {"auth": "no base64!"}, {"auth": b64encode(b"\xff").decode()}):
        assert find({"auths": {"r.io": row}}, "r.io/x") is None


def test_no_secret_is_shown() -> None:
    """Neither by repr nor by an error."""
    assert "secret" not in repr(Credentials("me", "secret", "secret"))
    with pytest.raises(InputError, match=r"^a: this is no auth file of docker or podman$"):
        read_auth_file('{"auths": "secret"}', "a")


@pytest.fixture
def helpers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of credential helpers on the PATH."""
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setenv("PATH", f"{directory}:/usr/bin:/bin")
    return directory


def write_helper(directory: Path, name: str, script: str) -> None:
    """Install a helper, a shell script."""
    file = directory / f"docker-credential-{name}"
    file.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    file.chmod(0o755)


def test_credential_helpers(helpers: Path) -> None:
    """A helper of the host's own, else the store; it is asked once."""
    write_helper(
        helpers, "one", f'read -r host; echo x >>{helpers}/asked; printf \'{{"Username":"u","Secret":"%s"}}\' "$host"'
    )
    write_helper(helpers, "store", 'cat >/dev/null; printf \'{"Username":"<token>","Secret":"t"}\'')
    content = {"credsStore": "store", "credHelpers": {"r.io": "one"}}
    credentials = UserCredentials([read_auth_file(json.dumps(content), "a")])
    for _ in range(2):
        assert credentials.find(parse_image_reference("r.io/x")) == Credentials("u", "r.io")
    assert (helpers / "asked").read_text(encoding="utf-8") == "x\n"
    assert credentials.find(parse_image_reference("q.io/x")) == Credentials(identity_token="t")  # noqa: S106
    assert credentials.hosts == {"r.io"}


@pytest.mark.parametrize(
    ("name", "script", "message"),
    [
        ("absent", "", "docker-credential-absent is not installed"),
        ("../x", "", "is no name of a credential helper"),
        ("fails", "cat >/dev/null; echo locked; exit 1", "docker-credential-fails fails for r.io"),
        ("talks", "cat >/dev/null; echo hello", "answers what cannot be read"),
    ],
)
def test_a_helper_that_fails(helpers: Path, name: str, script: str, message: str) -> None:
    """An error names the helper, and nothing that it printed."""
    if script:
        write_helper(helpers, name, script)
    with pytest.raises(RegistryError, match=message):
        find({"credsStore": name}, "r.io/x")


def test_a_helper_that_knows_nothing(helpers: Path) -> None:
    """It says so, and the image is asked for without credentials."""
    write_helper(helpers, "none", "cat >/dev/null; echo credentials not found in native keychain; exit 1")
    assert find({"credsStore": "none"}, "r.io/x") is None


def test_files_where_podman_and_docker_keep_them(tmp_path: Path) -> None:
    """Those of podman first; what is not there is passed over."""
    docker, podman = tmp_path / ".docker" / "config.json", tmp_path / "run" / "containers" / "auth.json"
    for file, user in ((docker, "d"), (podman, "p")):
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps({"auths": {"r.io": auth(f"{user}:1")}}), encoding="utf-8")
    reference = parse_image_reference("r.io/x")
    both = {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path / "run")}
    assert load_user_credentials(both).find(reference) == Credentials("p", "1")
    assert load_user_credentials({"HOME": str(tmp_path)}).find(reference) == Credentials("d", "1")
    assert load_user_credentials({"HOME": str(tmp_path / "none")}).find(reference) is None
    with pytest.raises(InputError, match="Is a directory"):
        load_user_credentials({"HOME": str(tmp_path / "none"), "REGISTRY_AUTH_FILE": str(tmp_path)})
