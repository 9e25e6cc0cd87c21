"""Authentication by the challenge of a registry.

Whoever a registry names for tokens gets the credentials for it, as with every client: a registry that wants them could
as well ask for them itself. Sources: RFC 7235; RFC 7617; `distribution/distribution`, token authentication and OAuth2.
"""

from __future__ import annotations

import re
from base64 import b64encode
from http import HTTPStatus
from typing import Final, NamedTuple
from urllib.parse import urlencode

import msgspec

from webhook.errors import RegistryError
from webhook.registry.exchange import Request, Response, Steps, send

_CHALLENGE: Final = re.compile(r"\s*(bearer|basic)\b(.*)", re.IGNORECASE | re.DOTALL)
_PARAMETER: Final = re.compile(r'([a-z]+)\s*=\s*(?:"([^"]*)"|([^\s,"]+))', re.IGNORECASE)
_MOST_TOKEN_BYTES: Final = 64 * 1024
_CLIENT_ID: Final = "pod-security-defaulter"


class Credentials(NamedTuple):
    """How a user shows who they are: a name and a password, or an identity token, which is exchanged for others."""

    username: str = ""
    password: str = ""
    identity_token: str = ""

    def __repr__(self) -> str:
        """Show no secret, whoever logs it."""
        return f"Credentials(username={self.username!r})"

    @property
    def basic(self) -> str:
        """The value of an Authorization header."""
        return f"Basic {b64encode(f'{self.username}:{self.password}'.encode()).decode()}"


class _Token(msgspec.Struct):
    token: str = ""
    access_token: str = ""


def authorize(response: Response, repository: str, credentials: Credentials | None) -> Steps[str]:
    """Do what the challenge of a 401 asks for.

    Args:
        response: the 401 of the registry itself.
        repository: the repository that is to be pulled from.
        credentials: the user's for this registry; None for an anonymous user.

    Returns:
        The Authorization header to ask again with.

    Raises:
        RegistryError: if the challenge cannot be met.
    """
    scheme, parameters = _read_challenge(response.headers.get("www-authenticate", ""))
    if scheme == "basic":
        if credentials is None or not credentials.username:
            raise RegistryError("the registry asks for a user and a password, and there are none", response.status)
        return credentials.basic
    realm = parameters.get("realm", "")
    answer = yield from send(_token_request(realm, parameters.get("service", ""), repository, credentials))
    if answer.status != HTTPStatus.OK:
        raise RegistryError(f"no token from {realm}: {answer.status}", answer.status)
    try:
        token = msgspec.json.decode(answer.body, type=_Token)
    except msgspec.MsgspecError:
        raise RegistryError(f"no token from {realm}: the answer cannot be read") from None
    text = token.token or token.access_token
    if not text or not text.isascii() or not text.isprintable():
        raise RegistryError(f"no token from {realm}: the answer has none")
    return f"Bearer {text}"


def _token_request(realm: str, service: str, repository: str, credentials: Credentials | None) -> Request:
    asked = {"service": service, "scope": f"repository:{repository}:pull"}
    headers = {"Accept": "application/json"}
    if credentials is not None and credentials.identity_token:
        form = {
            "grant_type": "refresh_token",
            "refresh_token": credentials.identity_token,
            "client_id": _CLIENT_ID,
            **asked,
        }
        return Request(realm, _MOST_TOKEN_BYTES, headers, form)
    if credentials is not None:
        headers["Authorization"] = credentials.basic
    query = urlencode({name: value for name, value in asked.items() if value})
    return Request(f"{realm}{'&' if '?' in realm else '?'}{query}", _MOST_TOKEN_BYTES, headers)


def _read_challenge(text: str) -> tuple[str, dict[str, str]]:
    found = _CHALLENGE.match(text)
    if found is None:
        raise RegistryError(f"no known way of authentication is asked for: {text[:100]!r}", HTTPStatus.UNAUTHORIZED)
    parameters = {name.lower(): quoted or bare for name, quoted, bare in _PARAMETER.findall(found[2])}
    return found[1].lower(), parameters
