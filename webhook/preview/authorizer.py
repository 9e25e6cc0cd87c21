"""Decides who may preview in a cluster: users who may create pods in every namespace of the preview.

The API server checks each request: the token by TokenReview, the right by SubjectAccessReview. Nothing is cached, so a
revoked right ends at once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec

from webhook.errors import AuthorizerUnavailable, ClusterError, PermissionDenied, Unauthenticated

if TYPE_CHECKING:  # the client is large, and a server without a cluster needs none
    from webhook.cluster.api import ClusterClient

_SECONDS: Final = 5.0
_CHALLENGE: Final = {"WWW-Authenticate": "Bearer"}
_TOKEN_REVIEWS: Final = "/apis/authentication.k8s.io/v1/tokenreviews"  # noqa: S105 (a path)
_ACCESS_REVIEWS: Final = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
_LOG: Final = logging.getLogger("webhook.preview")


class User(msgspec.Struct):
    """`authentication/v1` UserInfo, as in the status of a TokenReview."""

    username: str = ""
    uid: str = ""
    groups: list[str] = []
    extra: dict[str, list[str]] = {}


class _TokenStatus(msgspec.Struct):
    authenticated: bool = False
    user: User = msgspec.field(default_factory=User)


class _TokenReview(msgspec.Struct):
    status: _TokenStatus = msgspec.field(default_factory=_TokenStatus)


class _AccessStatus(msgspec.Struct):
    allowed: bool = False


class _AccessReview(msgspec.Struct):
    status: _AccessStatus = msgspec.field(default_factory=_AccessStatus)


class Authorizer:
    """Checks callers with the API server."""

    def __init__(self, client: ClusterClient) -> None:
        """Check callers with this cluster."""
        self._client = client

    async def user(self, authorization: str) -> User:
        """Find the user to whom a token belongs.

        Args:
            authorization: the Authorization header of the request; "" for none.

        Raises:
            Unauthenticated: if there is no bearer token, or the API server rejects it.
            AuthorizerUnavailable: if the API server does not answer.
        """
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise Unauthenticated(
                "a bearer token is needed: kubectl create token ACCOUNT -n NAMESPACE makes one", headers=_CHALLENGE
            )
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": token.strip()}}
        status = msgspec.json.decode(await self._post(_TOKEN_REVIEWS, body), type=_TokenReview).status
        if not status.authenticated:
            raise Unauthenticated(
                "the API server does not accept this token: it is wrong, or has expired", headers=_CHALLENGE
            )
        return status.user

    async def check(self, user: User, namespaces: Iterable[str]) -> None:
        """Check that a user may create pods in each of these namespaces.

        Raises:
            PermissionDenied: if the user may not. The message names the first such namespace.
            AuthorizerUnavailable: if the API server does not answer.
        """
        names = list(dict.fromkeys(namespaces))
        answers = await asyncio.gather(*(self._may_create_pods(user, name) for name in names))
        for name, allowed in zip(names, answers, strict=True):
            if not allowed:
                raise PermissionDenied(f'a preview for namespace "{name}" is for those who may create pods there')

    async def _may_create_pods(self, user: User, namespace: str) -> bool:
        spec: Mapping[str, Any] = {
            "user": user.username,
            "uid": user.uid,
            "groups": user.groups,
            "extra": user.extra,
            "resourceAttributes": {"namespace": namespace, "verb": "create", "resource": "pods", "version": "v1"},
        }
        body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
        return msgspec.json.decode(await self._post(_ACCESS_REVIEWS, body), type=_AccessReview).status.allowed

    async def _post(self, path: str, body: Mapping[str, Any]) -> bytes:
        try:
            return await self._client.send("POST", path, body, seconds=_SECONDS)
        except ClusterError as error:
            _LOG.warning("cannot look up a caller of the preview: %s", error)
            raise AuthorizerUnavailable("the API server cannot be asked who is calling: try again") from error
