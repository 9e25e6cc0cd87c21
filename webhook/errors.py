"""Every failure that the program knows by name, and what callers are told of it.

    DefaulterError (patches)
    ├── InvalidObject (patches)      an object of Kubernetes has a wrong field
    │   └── ObjectTooLarge (patches)    or more of something than a review looks at
    ├── InputError                   something the operator named cannot be read
    │   ├── ConfigurationError       the configuration
    │   └── CertificateError         a certificate or a key
    ├── DocumentError                a manifest
    │   ├── BrokenDocument           one document cannot be read
    │   │   └── DocumentTooLarge     or exceeds a bound
    │   └── UnwritableValue          a value has no YAML form
    ├── ClusterError                 the API server refuses, or does not answer
    ├── RegistryError                a registry refuses, does not answer, or answers what cannot be used
    ├── NamespaceUnknown             the policy of a namespace cannot be learnt
    └── RequestError                 a request over HTTP cannot be answered
        ├── UndecodableReview        its body is no AdmissionReview
        ├── UnreadableBody           its body broke off
        ├── LateBody                 its body did not arrive in time
        ├── UnsupportedBody          its body has an encoding or type that is not read
        ├── InvalidParameter         a parameter or header is wrong
        ├── NotAcceptable            it asks for a media type that there is not
        ├── TooMuchWork              it asks for more work than one caller may
        ├── TooManyRequests          its caller asks too often
        ├── Unauthenticated          nobody knows its caller
        ├── PermissionDenied         its caller may not ask this
        └── AuthorizerUnavailable    nobody can say whether its caller may

`HTTP_STATUS` and `EXIT_STATUS` give these their numbers. A review that has a uid is answered with HTTP 200 and a Status
inside instead (`webhook.review.respond`).
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from patches import DefaulterError, InvalidObject, ObjectTooLarge

__all__ = ["DefaulterError", "InvalidObject", "ObjectTooLarge"]


class InputError(DefaulterError):
    """Something that the operator named cannot be read. The message says what: file, line and field."""


class ConfigurationError(InputError):
    """The configuration cannot be used.

    Attributes:
        file: name of the file.
        line: line in it, from 1; 0 for the whole file.
        field: path of the wrong field; "" for the whole file.
        problem: what is wrong with it.
    """

    def __init__(self, file: str, line: int, field: str, problem: str) -> None:
        place = f"{file}:{line}" if line else file
        super().__init__(f"{place}: {field}: {problem}" if field else f"{place}: {problem}")
        self.file = file
        self.line = line
        self.field = field
        self.problem = problem


class CertificateError(InputError):
    """A certificate or key cannot be read, written or used. The message begins with the file or directory."""


class DocumentError(DefaulterError):
    """A manifest cannot be read or written."""


class BrokenDocument(DocumentError):
    """One document of a stream cannot be read. The reader yields it in the document's place.

    Attributes:
        message: what is wrong, without the place.
        source: name of the input, such as a file's.
        number: which document of the stream, from 1; documents without content do not count.
        line: line in the whole input, from 1.
        column: column in that line, from 1.
        field: the field that was being read, as in `spec.containers[0].image`; "" if unknown or the whole document.
    """

    def __init__(  # noqa: PLR0913 (the parts of a place, all by name)
        self,
        message: str,
        *,
        source: str,
        number: int,
        line: int,
        column: int,
        field: str = "",
    ) -> None:
        self.message = message
        self.source = source
        self.number = number
        self.line = line
        self.column = column
        self.field = field
        place = f"{source}: document {number}, line {line}, column {column}"
        super().__init__(f"{place}, {field}: {message}" if field else f"{place}: {message}")


class DocumentTooLarge(BrokenDocument):
    """The input exceeds a bound: bytes, depth, values, or what its aliases expand to."""


class UnwritableValue(DocumentError):
    """A value has no YAML form that reads back the same. `field` names the offending part ("": the whole value)."""

    def __init__(self, message: str, *, field: str) -> None:
        self.message = message
        self.field = field
        super().__init__(f"{field}: {message}" if field else message)


class ClusterError(DefaulterError):
    """The API server refused (`status` as in HTTP) or did not answer (`status` 0). The message names the request.

    `continuation` is the token with which a list whose pages have expired goes on, as the collection is now; else "".
    """

    def __init__(self, status: int, message: str, continuation: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.continuation = continuation

    @property
    def not_found(self) -> bool:
        """Whether the object does not exist."""
        return self.status == HTTPStatus.NOT_FOUND

    @property
    def gone(self) -> bool:
        """Whether the resourceVersion is too old to continue from, so that a new list is needed."""
        return self.status == HTTPStatus.GONE


class RegistryError(DefaulterError):
    """A registry refused, did not answer, or answered what cannot be used. `status` is as in HTTP; 0 for all others."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class NamespaceUnknown(DefaulterError):
    """The labels of a namespace cannot be learnt, so nothing may be decided. `absent`: because it does not exist."""

    def __init__(self, message: str, *, absent: bool = False) -> None:
        super().__init__(message)
        self.absent = absent


class RequestError(DefaulterError):
    """A request over HTTP cannot be answered.

    Attributes:
        field: the parameter, header or field of the body at fault; "" if it is none of them.
        headers: what the answer says beside its status.
    """

    def __init__(self, message: str, *, field: str = "", headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.field = field
        self.headers = headers or {}


class UndecodableReview(RequestError):
    """The body is no AdmissionReview, so that there is no uid to answer to."""


class UnreadableBody(RequestError):
    """The body broke off, or is not encoded as its headers say."""


class LateBody(RequestError):
    """The body did not arrive in time."""


class UnsupportedBody(RequestError):
    """The body is compressed, or of a media type that is not read."""


class InvalidParameter(RequestError):
    """A query parameter or header cannot be used."""


class NotAcceptable(RequestError):
    """The Accept header asks for none of the media types there are."""


class TooMuchWork(RequestError):
    """The documents are more work than one caller may ask for."""


class TooManyRequests(RequestError):
    """The caller asks too often. `Retry-After` among the headers says when to come again, in seconds."""


class Unauthenticated(RequestError):
    """The caller shows no token, or one that the API server does not accept."""


class PermissionDenied(RequestError):
    """The caller is known and lacks the right."""


class AuthorizerUnavailable(RequestError):
    """The API server, which knows the caller and its rights, does not answer."""


HTTP_STATUS: Final[Mapping[type[DefaulterError], HTTPStatus]] = {
    UndecodableReview: HTTPStatus.BAD_REQUEST,
    InvalidObject: HTTPStatus.BAD_REQUEST,
    UnreadableBody: HTTPStatus.BAD_REQUEST,
    InvalidParameter: HTTPStatus.BAD_REQUEST,
    Unauthenticated: HTTPStatus.UNAUTHORIZED,
    PermissionDenied: HTTPStatus.FORBIDDEN,
    NotAcceptable: HTTPStatus.NOT_ACCEPTABLE,
    LateBody: HTTPStatus.REQUEST_TIMEOUT,
    TooMuchWork: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    UnsupportedBody: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    TooManyRequests: HTTPStatus.TOO_MANY_REQUESTS,
    AuthorizerUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    NamespaceUnknown: HTTPStatus.SERVICE_UNAVAILABLE,
}
"""The status of an HTTP answer. Other failures are bugs there: 500."""

EXIT_STATUS: Final[Mapping[type[DefaulterError], int]] = {
    InputError: 2,
    DocumentError: 2,
    ClusterError: 2,
}
"""The exit status of a command that a failure ends. Others are bugs."""


def http_status(error: DefaulterError) -> HTTPStatus:
    """The status of an HTTP answer to `error`."""
    return next((HTTP_STATUS[kind] for kind in type(error).__mro__ if kind in HTTP_STATUS), HTTPStatus(500))


def exit_status(error: DefaulterError) -> int:
    """The exit status of a command that `error` ends. Raises `error` if it is none that a command may end with."""
    for kind in type(error).__mro__:
        if kind in EXIT_STATUS:
            return EXIT_STATUS[kind]
    raise error
