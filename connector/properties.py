"""The connector's property files, one for each kind of sign-in: a custom connector may not have both."""

from collections.abc import Iterator
from typing import Any

from api.openapi.document import TITLE
from connector.definition import PREFIX, ROUTES
from connector.fill import PLACEHOLDERS
from connector.steps import STEPS

BRAND_COLOUR = "#0b5c55"
REDIRECT_URL = "https://global.consent.azure-apim.net/redirect"
"""The redirect URL of every custom connector; the app registration must list it."""

CONNECTION_PARAMETERS: dict[str, dict[str, Any]] = {
    "entra": {
        "token": {
            "type": "oauthSetting",
            "oAuthSettings": {
                "identityProvider": "aad",
                "clientId": PLACEHOLDERS["client_id"],
                "scopes": ["user_impersonation"],
                "redirectMode": "Global",
                "redirectUrl": REDIRECT_URL,
                "properties": {"IsFirstParty": "False"},
                "customParameters": {
                    "loginUri": {"value": "https://login.microsoftonline.com"},
                    "tenantId": {"value": PLACEHOLDERS["tenant_id"]},
                    "resourceUri": {"value": f"api://{PLACEHOLDERS['client_id']}"},
                },
            },
        },
        "token:TenantId": {
            "type": "string",
            "metadata": {"sourceType": "AzureActiveDirectoryTenant"},
            "uiDefinition": {
                "displayName": "Tenant",
                "description": "The tenant ID of for the Azure Active Directory application",
                "constraints": {"required": "false", "hidden": "true"},
            },
        },
    },
    "key": {
        "api_key": {
            "type": "securestring",
            "uiDefinition": {
                "displayName": "Function Key",
                "description": "A function key of the app.",
                "tooltip": "Ask the operator of the app for a function key",
                "constraints": {"clearText": False, "required": "true", "tabIndex": 2},
            },
        }
    },
}


def properties(sign_in: str) -> dict[str, Any]:
    """The property file for one kind of sign-in."""
    return {
        "properties": {
            "connectionParameters": CONNECTION_PARAMETERS[sign_in],
            "iconBrandColor": BRAND_COLOUR,
            "capabilities": ["actions", "triggers"],
            "publisher": TITLE,
            "stackOwner": TITLE,
            "policyTemplateInstances": [*routing(), *paging(), *polling()],
        }
    }


def routing() -> Iterator[dict[str, Any]]:
    """A second action on one route has a path of its own, which is routed to the route's path."""
    for step in STEPS:
        if step.path:
            yield _policy(
                "routerequesttoendpoint",
                f"Route {step.operation_id}",
                step.operation_id,
                newPath=PREFIX + ROUTES[step.route].path,
                httpMethod="@Request.OriginalHTTPMethod",
            )


def paging() -> Iterator[dict[str, Any]]:
    """The URL of the next page leads through the connector, because only there is the request signed in."""
    for step in STEPS:
        if pageable := step.extensions.get("x-ms-pageable"):
            yield _policy(
                "updatenextlink",
                f"Page through {step.operation_id}",
                step.operation_id,
                nextLinkPropertyName=pageable["nextLinkName"],
            )


def polling() -> Iterator[dict[str, Any]]:
    """The platform stores the cursor of the response, which is present even if nothing is new, and sends it back.

    With ``x-ms-trigger-value`` alone, users report that the platform sends nothing back (PowerPlatformConnectors, issue
    3181), so the policy states it as well.
    """
    for step in STEPS:
        for name, overlay in step.parameters.items():
            if value := overlay.get("x-ms-trigger-value"):
                yield {
                    **_policy(
                        "pollingtrigger",
                        f"Poll {step.operation_id}",
                        step.operation_id,
                        triggerConfig={name: f"@{{triggerBody().{value['value-path']}}}"},
                        triggerDataPath=f"@triggerBody().{value['value-collection']}",
                    ),
                    "type": "PollingTrigger",
                }


def _policy(template: str, title: str, operation_id: str, **parameters: Any) -> dict[str, Any]:
    return {
        "templateId": template,
        "title": title,
        "parameters": {
            "x-ms-apimTemplate-operationName": [operation_id],
            **{f"x-ms-apimTemplateParameter.{name}": value for name, value in parameters.items()},
        },
    }
