"""Rules for the app registrations in Microsoft Entra."""

from collections.abc import Iterator
from typing import Any

from bicep_files import GUID, Infra

from api.access import AppRole


def the_registration_has_the_roles_of_the_app(infra: Infra) -> Iterator[str]:
    roles = infra.variable("entra/api.bicep", "appRoles")
    if {role["value"] for role in roles} != {str(role) for role in AppRole}:
        yield f"app roles {[role['value'] for role in roles]}"
    ids = GUID.findall(infra.text("entra/api.bicep"))
    if len(set(ids)) != len(ids) or len(ids) != len(roles) + 1:
        yield f"IDs of app roles and scope: {ids}"
    for role in roles:
        if role["allowedMemberTypes"] != ["User", "Application"] or role["isEnabled"] is not True:
            yield f"{role['value']}: not for users and applications"
    resources = {name: resource["config"] for name, resource in infra.file("entra/api.bicep")["resources"].items()}
    api, scopes = resources["api"], resources["api"]["api"]["oauth2PermissionScopes"]
    expected: list[tuple[Any, Any]] = [
        (api["signInAudience"], "AzureADMyOrg"),
        (api["api"]["requestedAccessTokenVersion"], 2),
        ([(scope["value"], scope["id"]) for scope in scopes], [("user_impersonation", "userImpersonationId")]),
        (resources["servicePrincipal"]["appRoleAssignmentRequired"], True),
    ]
    yield from (f"entra: {value} should be {due}" for value, due in expected if value != due)
    if "['api://${apiClientId}']" not in infra.text("entra/main.bicep"):
        yield "entra: the identifier URI is not api://{client ID}"


def the_connector_has_a_registration_of_its_own(infra: Infra) -> Iterator[str]:
    """Entra refuses an app that requests a token for itself (AADSTS90009), so the API pre-authorises another client."""
    connector = infra.file("entra/main.bicep")["resources"]["connector"]["config"]
    if connector["web"] != {"redirectUris": "connectorRedirectUris"}:
        yield f"connector: {connector}"
    if "for client in preauthorizedClients: {\n        appId: client\n" not in infra.text("entra/api.bicep"):
        yield "pre-authorised: not the clients of the parameter"
    if infra.text("entra/main.bicep").count("concat([connector.appId], preauthorizedClients)") != 2:
        yield "connector: not pre-authorised"


def each_application_is_declared_once(infra: Infra) -> Iterator[str]:
    names = [
        f"{kind} {body.get('uniqueName', body.get('appId'))}"
        for _, kind, body in infra.resources()
        if kind.startswith("Microsoft.Graph/")
    ]
    yield from (name for name in names if names.count(name) > 1)
    if len(names) != 4:
        yield f"{names}"
