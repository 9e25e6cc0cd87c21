"""The OpenAPI 3.1 description of the preview, generated from the types of its answers.

Source: https://spec.openapis.org/oas/v3.1.0
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, Final

import msgspec

from webhook.preview.requests import BODY_TYPES, DEFAULT_NAMESPACE, Form, Problem
from webhook.preview.results import Report

_REFUSALS: Final = {
    400: "A parameter or the encoding of the body is wrong.",
    401: "There is no bearer token, or the API server does not accept it.",
    403: "The user may not create pods in a namespace that the objects name, or the page is another site's.",
    406: "The Accept header names no media type that this endpoint can send.",
    408: "The body did not arrive in time.",
    413: "The body is too large, or holds too many documents, values or containers.",
    415: "The content type of the body is not one of manifests, or the body is compressed.",
    429: "Too many requests. Retry-After says when to try again.",
    500: "A bug in this server.",
    503: "The API server cannot be asked about the caller or about a namespace.",
}
_NEEDS_CLUSTER: Final = (401, 503)
_HEADERS: Final = {
    401: {"WWW-Authenticate": {"required": True, "schema": {"const": "Bearer"}}},
    429: {"Retry-After": {"required": True, "description": "Seconds.", "schema": {"type": "integer", "minimum": 1}}},
}
_ETAG: Final = {"required": True, "description": "Changes with the file.", "schema": {"type": "string"}}


def description(*, needs_token: bool) -> dict[str, Any]:
    """Build the OpenAPI document. `needs_token`: describe the preview in a cluster, which needs a bearer token."""
    (report, problem), schemas = msgspec.json.schema_components(
        [Report, Problem], ref_template="#/components/schemas/{name}"
    )
    document: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": "pod-security-defaulter preview",
            "version": version("pod-security-defaulter"),
            "summary": "What the defaults would add to pods, and what would still violate the Pod Security Standards.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": {
            "/preview": {"post": _preview(report, problem, needs_token=needs_token)},
            "/openapi.json": {"get": _file("description", "This description.", "application/json", "object")},
            "/": {"get": _file("page", "The page.", "text/html", "string")},
        },
        "components": {"schemas": schemas},
    }
    if needs_token:
        document["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    return document


def _preview(report: Mapping[str, Any], problem: Mapping[str, Any], *, needs_token: bool) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": "preview",
        "summary": "Preview manifests",
        "description": "One object, many documents, or a List. An AdmissionReview means the object in it, as it "
        "arrived. A document that cannot be read becomes a result with an error; it never hides the others.",
        "parameters": [
            _parameter(
                "namespace",
                "The namespace of objects without one.",
                {
                    "type": "string",
                    "default": DEFAULT_NAMESPACE,
                    "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
                    "maxLength": 63,
                },
            ),
            _parameter(
                "profile",
                "Judge by this level and version, instead of each namespace's own.",
                {
                    "type": "string",
                    "pattern": r"^(privileged|baseline|restricted)(:(latest|v1\.(0|[1-9][0-9]{0,8})))?$",
                    "examples": ["restricted:v1.30"],
                },
            ),
            _parameter(
                "diff",
                "Whether a diff shows only the changes or the whole document.",
                {"type": "string", "enum": ["changes", "full"], "default": "changes"},
            ),
        ],
        "requestBody": {
            "description": "Manifests in YAML or JSON. Any bytes are accepted; what cannot be read becomes an error.",
            "required": False,
            "content": {media: {"schema": {}} for media in BODY_TYPES},
        },
        "responses": {
            "200": {
                "description": "A result for every document, including those that cannot be read.",
                "content": {
                    Form.JSON.value: {"schema": report},
                    Form.YAML.value: {"schema": {}},  # a stream of documents is not one value
                    Form.DIFF.value: {"schema": {"type": "string"}},
                },
            },
            **{
                str(status): {
                    "description": meaning,
                    "headers": _HEADERS.get(status, {}),
                    "content": {"application/json": {"schema": problem}},
                }
                for status, meaning in _REFUSALS.items()
                if needs_token or status not in _NEEDS_CLUSTER
            },
        },
    }
    if needs_token:
        operation["security"] = [{"token": []}]
    return operation


def _parameter(name: str, meaning: str, schema: Mapping[str, Any], where: str = "query") -> dict[str, Any]:
    return {"name": name, "in": where, "required": False, "description": meaning, "schema": schema}


def _file(name: str, meaning: str, media: str, kind: str) -> dict[str, Any]:
    return {
        "operationId": name,
        "summary": meaning,
        "parameters": [
            _parameter("If-None-Match", "ETags of the versions that the caller has.", {"type": "string"}, "header")
        ],
        "responses": {
            "200": {
                "description": meaning,
                "headers": {"ETag": _ETAG},
                "content": {media: {"schema": {"type": kind}}},
            },
            "304": {"description": "The caller has it already.", "headers": {"ETag": _ETAG}},
        },
    }
