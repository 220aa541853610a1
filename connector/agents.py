"""The connector for agents: one operation, through which Copilot Studio calls the tools of the app."""

from typing import Any

from api.mcp.route import INSTRUCTIONS
from api.openapi.document import LICENSE, TITLE, VERSION
from api.openapi.operations import JSON
from connector.definition import CONNECTOR_METADATA, HOST, PREFIX, WEBSITE
from connector.fill import PLACEHOLDERS, SECURITY
from connector.properties import BRAND_COLOUR, CONNECTION_PARAMETERS

AGENTS_TITLE = f"{TITLE} for Agents"
PROTOCOL = "mcp-streamable-1.0"
"""As in Microsoft's samples: with it, the platform requests the tools from the server instead of reading operations."""


def agents_definition() -> dict[str, Any]:
    """The complete document, with the placeholders of ``fill.py`` and sign-in with Microsoft Entra ID."""
    return {
        "swagger": "2.0",
        "info": {
            "title": AGENTS_TITLE,
            "description": INSTRUCTIONS,
            "version": VERSION,
            "contact": {"name": TITLE, "url": WEBSITE, "email": PLACEHOLDERS["contact_email"]},
            "license": LICENSE,
        },
        "host": HOST,
        "basePath": "/",
        "schemes": ["https"],
        "consumes": [JSON],
        "produces": [JSON],
        "paths": {
            f"{PREFIX}/mcp": {
                "post": {
                    "operationId": "InvokeServer",
                    "summary": "Booking page tools",
                    "description": "Finds booking pages and free times, and people without a page. It is read-only.",
                    "x-ms-agentic-protocol": PROTOCOL,
                    "responses": {"200": {"description": "The result of a tool."}},
                }
            }
        },
        "definitions": {},
        **SECURITY["entra"],
        "x-ms-connector-metadata": CONNECTOR_METADATA,
    }


def agents_properties(sign_in: str) -> dict[str, Any]:
    """The property file for one kind of sign-in; nothing is paged or polled here."""
    return {
        "properties": {
            "connectionParameters": CONNECTION_PARAMETERS[sign_in],
            "iconBrandColor": BRAND_COLOUR,
            "capabilities": ["actions"],
            "publisher": TITLE,
            "stackOwner": TITLE,
        }
    }
