"""The connector's ``apiDefinition.swagger.json``: the routes that makers need, in the form that the designer wants."""

from collections.abc import Iterator
from typing import Any

from api.openapi.document import DESCRIPTION, LICENSE, TITLE, VERSION, parameter_object, responses_of
from api.openapi.operations import JSON, OPERATIONS, Operation
from api.openapi.schemas import record, ref
from api.openapi.shapes import LOOK_UP, SHAPES
from connector.fill import PLACEHOLDERS, SECURITY
from connector.steps import STEPS, Step

HOST = PLACEHOLDERS["host"]
PREFIX = "/api"
"""Part of every path, and the base path is ``/``: a policy's new path is then right whether it counts from the host
or from the base path, of which Microsoft's examples show both."""

ROUTES: dict[str, Operation] = {operation.operation_id: operation for operation in OPERATIONS}
WITHOUT_AVAILABILITY = {
    name: member for name, member in LOOK_UP.items() if name not in {"availability", "availabilityProblem"}
}
DEFINITIONS: dict[str, Any] = {
    **SHAPES,
    "BookingPage": record(WITHOUT_AVAILABILITY, "Booking Page", "What is known about the booking page of one user."),
}


def definition() -> dict[str, Any]:
    """The whole document, with the placeholders of ``fill.py`` and sign-in by Microsoft Entra ID."""
    paths: dict[str, Any] = {}
    for step in STEPS:
        paths.setdefault(path_of(step), {})[ROUTES[step.route].method] = operation_of(step)
    return {
        "swagger": "2.0",
        "info": {
            "title": TITLE,
            "description": DESCRIPTION,
            "version": VERSION,
            "contact": {"name": TITLE, "url": f"https://{HOST}/"},
            "license": LICENSE,
        },
        "host": HOST,
        "basePath": "/",
        "schemes": ["https"],
        "consumes": [JSON],
        "produces": [JSON],
        "paths": paths,
        "definitions": {name: DEFINITIONS[name] for name in DEFINITIONS if name in _used_by(paths)},
        **SECURITY["entra"],
        "x-ms-connector-metadata": [
            {"propertyName": "Website", "propertyValue": f"https://{HOST}/"},
            {"propertyName": "Privacy policy", "propertyValue": f"https://{HOST}/"},
            {"propertyName": "Categories", "propertyValue": "Productivity;IT Operations"},
        ],
    }


def path_of(step: Step) -> str:
    """The path of an action: its own, or its route's."""
    return PREFIX + (step.path or ROUTES[step.route].path)


def operation_of(step: Step) -> dict[str, Any]:
    """One action or trigger as the designer wants it."""
    route = ROUTES[step.route]
    known = {parameter.name: parameter for parameter in route.parameters}
    return {
        "operationId": step.operation_id,
        "summary": step.summary,
        "description": step.description,
        "parameters": [_laid_over(parameter_object(known[name]), laid) for name, laid in step.parameters.items()],
        "responses": _responses(step, route),
        **step.extensions,
    }


def _laid_over(parameter: dict[str, Any], overlay: Any) -> dict[str, Any]:
    return {name: value for name, value in {**parameter, **overlay}.items() if value is not None}


def _responses(step: Step, route: Operation) -> dict[str, Any]:
    responses = responses_of(route)
    if step.shape:
        responses["200"] = {**responses["200"], "schema": ref(step.shape)}
    if "200" not in responses:
        # The platform follows the address in Location, and hands the flow what is answered there at the end.
        responses["200"] = {"description": "The end of it.", "schema": responses["202"]["schema"]}
    return dict(sorted(responses.items()))


def _used_by(part: Any) -> set[str]:
    """The names of all shapes that are referred to, by the shapes referred to as well."""
    used: set[str] = set()
    waiting = [*_refs(part)]
    while waiting:
        name = waiting.pop()
        if name not in used:
            used.add(name)
            waiting.extend(_refs(DEFINITIONS[name]))
    return used


def _refs(part: Any) -> Iterator[str]:
    match part:
        case {"$ref": str(target)}:
            yield target.removeprefix("#/definitions/")
        case dict():
            for inner in part.values():
                yield from _refs(inner)
        case list():
            for inner in part:
                yield from _refs(inner)
