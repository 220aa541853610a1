"""The connector's property files, one for each kind of sign-in: a custom connector may not have both."""

from collections.abc import Iterator
from typing import Any

from api.openapi.document import TITLE
from connector.fill import PLACEHOLDERS
from connector.steps import STEPS

BRAND_COLOUR = "#0b5c55"
CONNECTION_PARAMETERS: dict[str, dict[str, Any]] = {
    "entra": {
        "token": {
            "type": "oauthSetting",
            "oAuthSettings": {
                "identityProvider": "aad",
                "clientId": PLACEHOLDERS["connector_client_id"],
                "scopes": ["user_impersonation"],
                # Each connector has its own redirect URL, which the platform shows once the connector is imported.
                "redirectMode": "GlobalPerConnector",
                "redirectUrl": "https://global.consent.azure-apim.net/redirect",
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
                # Microsoft's schema for connectors accepts this text only.
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
            "policyTemplateInstances": [*paging(), *polling()],
        }
    }


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
    """The platform stores the cursor of the response, which is present even if nothing is new, and sends it back."""
    for step in STEPS:
        if step.is_trigger:
            yield {
                **_policy(
                    "pollingtrigger",
                    f"Poll {step.operation_id}",
                    step.operation_id,
                    triggerConfig={step.cursor_parameter: "@{triggerBody().cursor}"},
                    triggerDataPath="@triggerBody().value",
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
