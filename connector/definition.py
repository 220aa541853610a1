"""The connector's ``apiDefinition.swagger.json``: the routes that makers need, as the designer requires them."""

from typing import Any

from api.openapi.document import DESCRIPTION, LICENSE, TITLE, VERSION, all_definitions, parameters_of, responses_of
from api.openapi.operations import JSON, OPERATIONS, Operation
from api.openapi.schemas import Schema, definitions, reference, references
from connector.fill import PLACEHOLDERS, SECURITY
from connector.steps import STEPS, Step

HOST = PLACEHOLDERS["host"]
WEBSITE = f"https://{HOST}/api/report"
"""The page of the app that opens for everyone, and shows data only to those who sign in; its root does not respond."""
CONNECTOR_METADATA = [
    {"propertyName": "Website", "propertyValue": WEBSITE},
    {"propertyName": "Privacy policy", "propertyValue": WEBSITE},
    {"propertyName": "Categories", "propertyValue": "Productivity;IT Operations"},
]
PREFIX = "/api"
"""Part of every path, because the prefix of a trigger comes before it."""

TRIGGER_PREFIX = "/trigger"
"""As in all 37 operations of published connectors with this policy; without it, the platform keeps no state
(PowerPlatformConnectors, issue 3181)."""

ROUTES: dict[str, Operation] = {operation.operation_id: operation for operation in OPERATIONS}
DEFINITIONS: dict[str, Schema] = {
    **all_definitions(),
    **definitions(*(step.model for step in STEPS if step.model)),
}


def definition() -> dict[str, Any]:
    """The complete document, with the placeholders of ``fill.py`` and sign-in with Microsoft Entra ID."""
    paths: dict[str, Any] = {}
    for step in STEPS:
        paths.setdefault(path_of(step), {})[ROUTES[step.route].method] = operation_of(step)
    return {
        "swagger": "2.0",
        "info": {
            "title": TITLE,
            "description": DESCRIPTION,
            "version": VERSION,
            "contact": {"name": TITLE, "url": WEBSITE, "email": PLACEHOLDERS["contact_email"]},
            "license": LICENSE,
        },
        "host": HOST,
        "basePath": "/",
        "schemes": ["https"],
        "consumes": [JSON],
        "produces": [JSON],
        "paths": paths,
        "definitions": {name: DEFINITIONS[name] for name in sorted(_used_by(paths))},
        **SECURITY["entra"],
        "x-ms-connector-metadata": CONNECTOR_METADATA,
    }


def path_of(step: Step) -> str:
    """The path of the step's route. That of a trigger begins with a prefix, which the policy for polling removes."""
    path = PREFIX + ROUTES[step.route].path
    return TRIGGER_PREFIX + path if step.is_trigger else path


def operation_of(step: Step) -> dict[str, Any]:
    """One action or trigger as the designer requires it."""
    route = ROUTES[step.route]
    known = parameters_of(route)
    return {
        "operationId": step.operation_id,
        "summary": step.summary,
        "description": step.description,
        "parameters": [_overlaid(known[name], overlay) for name, overlay in step.parameters.items()],
        "responses": _responses(step, route),
        **({} if JSON in route.media_types else {"produces": [*route.media_types]}),
        **step.extensions,
    }


def _overlaid(parameter: dict[str, Any], overlay: Any) -> dict[str, Any]:
    return {name: value for name, value in {**parameter, **overlay}.items() if value is not None}


def _responses(step: Step, route: Operation) -> dict[str, Any]:
    responses = responses_of(route)
    if step.model:
        responses["200"] = {**responses["200"], "schema": reference(step.model)}
    if JSON not in route.media_types:
        responses["200"] = {
            **responses["200"],
            "schema": {"type": "string", "format": "binary", "x-ms-summary": "File"},
        }
    if "200" not in responses:
        # The platform follows the URL in Location, and returns to the flow what it receives there in the end.
        responses["200"] = {"description": "The ended scan.", "schema": responses["202"]["schema"]}
    return dict(sorted(responses.items()))


def _used_by(part: Any) -> set[str]:
    """The names of all definitions that are referenced, directly or by another definition."""
    used: set[str] = set()
    waiting = [*references(part)]
    while waiting:
        name = waiting.pop()
        if name not in used:
            used.add(name)
            waiting.extend(references(DEFINITIONS[name]))
    return used
