"""Who may ask for a preview in a cluster: whoever could create pods in each namespace that it is about.

The token is checked by TokenReview, the right by SubjectAccessReview, both by the API server itself, for each request:
nothing is remembered, so that a right that is withdrawn is gone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from webhook.cluster.api import ClusterClient
from webhook.errors import AuthorizerUnavailable, ClusterError, PermissionDenied, Unauthenticated

_SECONDS: Final = 5.0
_CHALLENGE: Final = {"WWW-Authenticate": "Bearer"}
_TOKEN_REVIEWS: Final = "/apis/authentication.k8s.io/v1/tokenreviews"  # noqa: S105 (a path)
_ACCESS_REVIEWS: Final = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
_LOG: Final = logging.getLogger("webhook.preview")


class User(msgspec.Struct):
    """`authentication/v1` UserInfo, as the API server tells it."""

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


class Access:
    """Asks the API server about callers."""

    def __init__(self, cluster: ClusterClient) -> None:
        """Ask this cluster."""
        self._cluster = cluster

    async def user(self, authorization: str) -> User:
        """Who sends this Authorization header. Raises Unauthenticated and AuthorizerUnavailable."""
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
        """Check that the user may create pods in all of them.

        Raises PermissionDenied, naming the first namespace where it may not, and AuthorizerUnavailable.
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
            return await self._cluster.send("POST", path, body, seconds=_SECONDS)
        except ClusterError as error:
            _LOG.warning("a caller of the preview could not be looked up: %s", error)
            raise AuthorizerUnavailable("the API server cannot be asked who is calling: try again") from error
