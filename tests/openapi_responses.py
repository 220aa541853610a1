"""Checks real responses against ``/api/swagger.json``: status, headers, media type, and the complete body."""

import json
import re
from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from typing import Any

import httpx
from jsonschema import Draft4Validator

from api.openapi.document import all_definitions, paths_of
from api.openapi.operations import JSON, OPERATIONS, PROBLEM_JSON, Operation, problems_of

PREFIX = "/api"


def assert_response_is_described(method: str, path: str, response: httpx.Response) -> None:
    """A response to this method and path (as sent, with ``/api``) is one of those described.

    Objects are closed here: a member that is not described is as invalid as one that is missing.
    """
    on_path = [operation for operation in OPERATIONS if _pattern(operation.path).fullmatch(path)]
    operation = next((operation for operation in on_path if operation.method == method.lower()), None)
    what = f"{method} {path}: {response.status_code} {_media_type(response)}: {response.text[:2000]}"
    if operation is None:
        codes = {"methodNotAllowed" if on_path else "routeNotFound", "unauthenticated", "forbidden"}
        assert _media_type(response) == PROBLEM_JSON, what
        assert response.json()["code"] in codes, what
        return
    if _media_type(response) == PROBLEM_JSON:
        _assert_problem_is_described(operation, response, what)
        return
    status = str(response.status_code)
    described = {str(int(returns.status)): returns for returns in operation.returns}
    assert status in described, f"{status} is not described for {what}"
    assert _media_type(response) in operation.media_types, what
    assert [name for name in described[status].headers if name not in response.headers] == [], what
    if _media_type(response) == JSON:
        assert_is_described(schema_of(operation, status), response.json(), what)


async def check_against_the_description(response: httpx.Response) -> None:
    """The same as an event hook of an ``httpx.AsyncClient``; only responses under ``/api`` are checked."""
    path = response.request.url.raw_path.decode().partition("?")[0]
    if path.startswith(f"{PREFIX}/"):
        await response.aread()
        assert_response_is_described(response.request.method, path, response)


def assert_is_described(
    schema: dict[str, Any], document: Any, what: str, definitions: Mapping[str, dict[str, Any]] | None = None
) -> None:
    """A document is valid by a schema of the description, or by one with definitions of its own."""
    known = _own_definitions() if definitions is None else json.dumps(definitions)
    errors = [
        f"{error.json_path}: {error.message}" for error in _validator(json.dumps(schema), known).iter_errors(document)
    ]
    assert errors == [], what


@cache
def _validator(schema: str, definitions: str) -> Draft4Validator:
    """Both are given as JSON, so that equal ones share a validator: to create one takes longer than to use it."""
    known = {name: closed(definition) for name, definition in json.loads(definitions).items()}
    complete = {**closed(json.loads(schema)), "definitions": known}
    return Draft4Validator(complete, format_checker=Draft4Validator.FORMAT_CHECKER)


@cache
def _own_definitions() -> str:
    return json.dumps(all_definitions())


def schema_of(operation: Operation, status: str) -> dict[str, Any]:
    """The schema of one response in the document."""
    schema: dict[str, Any] = _paths()[operation.path][operation.method]["responses"][status]["schema"]
    return schema


def closed(schema: Any) -> Any:
    """A schema of the description as JSON Schema: ``x-nullable`` is a type, and no object has other members."""
    match schema:
        case {"x-nullable": True, **rest}:
            return {"anyOf": [closed(rest), {"type": "null"}]}
        case {"properties": dict(members), **rest}:
            inner = {name: closed(member) for name, member in members.items()}
            return {**rest, "properties": inner, "additionalProperties": False}
        case dict():
            return {name: closed(value) for name, value in schema.items()}
        case _:
            return schema


def _assert_problem_is_described(operation: Operation, response: httpx.Response, what: str) -> None:
    described = problems_of(operation).get(HTTPStatus(response.status_code), {})
    problem = response.json()
    assert problem.get("code") in described, f"the code of this problem is not described: {what}"
    assert problem["status"] == response.status_code, what
    assert_is_described({"$ref": "#/definitions/ProblemDocument"}, problem, what)


def _media_type(response: httpx.Response) -> str:
    return response.headers.get("Content-Type", "").partition(";")[0].strip().lower()


@cache
def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(PREFIX + re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path)))


@cache
def _paths() -> dict[str, Any]:
    return paths_of(OPERATIONS)
