"""The description of the API as an OpenAPI 2.0 document."""

from collections.abc import Iterable
from functools import cache
from typing import Any

from api.models.problems import ProblemDocument
from api.openapi.operations import HEADERS, JSON, OPERATIONS, PROBLEM_JSON, Operation, Returns, problems_of
from api.openapi.schemas import Model, Schema, definitions, parameters, reference

TITLE = "Bookings Atlas"
DESCRIPTION = (
    "Finds the personal booking page of every licensed user of a tenant: its URL, whether it exists, what can be "
    "booked on it and when, and, if there is no page, why not."
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
"""The security definition for each value of ``API_ACCESS``."""


BODY: Schema = {
    "name": "message",
    "in": "body",
    "required": True,
    "schema": {},
    "description": "A JSON-RPC message of the Model Context Protocol, or a batch of them.",
}


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
        "definitions": all_definitions(),
        "securityDefinitions": sign_in,
        "security": [{name: []} for name in sign_in],
    }


@cache
def all_definitions() -> dict[str, Schema]:
    """The schema of everything that a route returns, by name."""
    returned: list[Model] = [
        returns.model for operation in OPERATIONS for returns in operation.returns if returns.model is not None
    ]
    return definitions(*dict.fromkeys(returned), ProblemDocument)


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
        "parameters": [*parameters_of(operation).values()],
        "responses": responses_of(operation),
    }
    return {**described, "security": []} if operation.is_open else described


def parameters_of(operation: Operation) -> dict[str, Schema]:
    """The parameters of an operation by name, as OpenAPI 2.0 writes them."""
    in_path = {
        # Encoded twice, a slash or a number sign stays within its segment however often a gateway decodes it.
        name: {"name": name, "in": "path", **schema, "required": True, "x-ms-url-encoding": "double"}
        for name, (schema, _) in parameters(operation.path_parameters).items()
    }
    in_query = {
        name: {"name": name, "in": "query", **schema, "required": required}
        for name, (schema, required) in parameters(operation.query).items()
    }
    return {**in_path, **in_query, **({"message": BODY} if operation.has_body else {})}


def responses_of(operation: Operation) -> dict[str, Any]:
    """All responses by status; a status that has both a response of its own and problems shows its own."""
    problems = {
        str(int(status)): {"description": " ".join(codes.values()), "schema": reference(ProblemDocument)}
        for status, codes in problems_of(operation).items()
    }
    own = {str(int(returns.status)): response_object(operation, returns) for returns in operation.returns}
    return dict(sorted({**problems, **own}.items()))


def response_object(operation: Operation, returns: Returns) -> dict[str, Any]:
    """One response as OpenAPI 2.0 writes it."""
    other: Schema = {"type": "object"} if JSON in operation.media_types else {"type": "string"}
    if operation.has_body:  # a message or a batch of them
        other = {}
    schema = reference(returns.model) if returns.model else other
    described: dict[str, Any] = {"description": returns.description, "schema": schema}
    if returns.headers:
        described["headers"] = {name: HEADERS[name] for name in returns.headers}
    return described
