"""The description as an OpenAPI 2.0 document."""

from collections.abc import Iterable
from typing import Any

from api.openapi.operations import HEADERS, OPERATIONS, PROBLEM_JSON, Answer, Operation, Parameter, problems_of
from api.openapi.schemas import Schema, ref
from api.openapi.shapes import SHAPES

TITLE = "Bookings Atlas"
DESCRIPTION = (
    "Finds the personal booking page of every licensed user of a tenant: its address, whether it is there, what can "
    "be booked on it and when, and, where there is none, why not."
)
VERSION = "1.0.0"
LICENSE = {"name": "MIT"}

FUNCTION_KEY: dict[str, Any] = {
    "type": "apiKey",
    "in": "header",
    "name": "x-functions-key",
    "description": "A function key of the app.",
}
BEARER_TOKEN: dict[str, Any] = {
    "type": "apiKey",
    "in": "header",
    "name": "Authorization",
    "description": "The word Bearer and a token of Microsoft Entra ID for the app.",
}
SIGN_IN: dict[str, dict[str, Any]] = {"key": {"functionKey": FUNCTION_KEY}, "entra": {"bearerToken": BEARER_TOKEN}}
"""By ``API_ACCESS``."""


def swagger_document(host: str, scheme: str, api_access: str) -> dict[str, Any]:
    """All routes, for callers who reach the app under this host and scheme."""
    sign_in = SIGN_IN[api_access]
    return {
        "swagger": "2.0",
        "info": {"title": TITLE, "description": DESCRIPTION, "version": VERSION, "license": LICENSE},
        "host": host,
        "basePath": "/api",
        "schemes": [scheme],
        "produces": ["application/json"],
        "paths": paths_of(OPERATIONS),
        "definitions": SHAPES,
        "securityDefinitions": sign_in,
        "security": [{name: []} for name in sign_in],
    }


def paths_of(operations: Iterable[Operation]) -> dict[str, Any]:
    """The operations by path and method."""
    paths: dict[str, Any] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method] = operation_object(operation)
    return paths


def operation_object(operation: Operation) -> dict[str, Any]:
    """One operation as OpenAPI 2.0 writes it."""
    described: dict[str, Any] = {
        "operationId": operation.operation_id,
        "summary": operation.summary,
        "description": operation.description,
        "produces": [*operation.media_types, PROBLEM_JSON],
        "parameters": [parameter_object(parameter) for parameter in operation.parameters],
        "responses": responses_of(operation),
    }
    return {**described, "security": []} if operation.is_open else described


def parameter_object(parameter: Parameter) -> dict[str, Any]:
    """One parameter as OpenAPI 2.0 writes it."""
    described = {"name": parameter.name, "in": parameter.place, **parameter.schema}
    if parameter.place == "path":
        # Encoded twice, a slash or a number sign stays within its segment however often a gateway decodes it.
        return {**described, "required": True, "x-ms-url-encoding": "double"}
    return {**described, "required": False}


def responses_of(operation: Operation) -> dict[str, Any]:
    """All answers by status; where a status has an answer of its own shape and problems, the shape is the answer's."""
    problems = {
        str(int(status)): {"description": " ".join(codes.values()), "schema": ref("Problem")}
        for status, codes in problems_of(operation).items()
    }
    answers = {str(int(answer.status)): response_object(answer) for answer in operation.answers}
    return dict(sorted({**problems, **answers}.items()))


def response_object(answer: Answer) -> dict[str, Any]:
    """One answer as OpenAPI 2.0 writes it."""
    schema: Schema = ref(answer.shape) if answer.shape else {"type": "object"}
    described: dict[str, Any] = {"description": answer.description, "schema": schema}
    if answer.headers:
        described["headers"] = {name: HEADERS[name] for name in answer.headers}
    return described
