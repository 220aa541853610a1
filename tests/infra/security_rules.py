"""Rules for who may access what: secrets, keys, TLS, sign-in, roles and private networking."""

import json
import re
from collections.abc import Iterator

from bicep_files import GUID, Infra

# The only built-in roles. Each is assigned on one resource.
ROLES = {
    "b7e6dc6d-f1e8-4753-8033-0f276bb0955b": "Storage Blob Data Owner",
    "974c5e8b-45b9-4653-ba55-5f855dd0fb88": "Storage Queue Data Contributor",
    "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3": "Storage Table Data Contributor",
    "3913510d-42f4-4e42-8a64-420c390055eb": "Monitoring Metrics Publisher",
    "4633458b-17de-408a-b874-0445c86b69e6": "Key Vault Secrets User",
    "0ad04412-c4d5-4796-b79c-f76d14c8d402": "Durable Task Data Contributor",
}
# error 51021: "site configuration properties … for Flex Consumption sites is invalid"
FLEX_ACCEPTS = {"http20Enabled", "minTlsVersion", "scmMinTlsVersion"}


def no_secret_is_read_or_returned(infra: Infra) -> Iterator[str]:
    for file in infra.files:
        for word in re.findall(
            r"\.list\w+\(|\blist\w*Keys?\w*\(|AccountKey|SharedAccessKey|InstrumentationKey", file.read_text()
        ):
            yield f"{file.name}: {word}"
    for file, name, output in infra.declarations("outputs"):
        if re.search(
            r"connectionstring|secret|password|listkeys", f"{name} {output['value']}".replace("_", ""), re.IGNORECASE
        ):
            yield f"{file}: output {name}"


def storage_accepts_identities_over_tls_only(infra: Infra) -> Iterator[str]:
    expected = {
        "allowSharedKeyAccess": False,
        "allowBlobPublicAccess": False,
        "minimumTlsVersion": "TLS1_2",
        "supportsHttpsTrafficOnly": True,
    }
    properties = infra.only("Microsoft.Storage/storageAccounts")["properties"]
    yield from (f"storage: {name}" for name, value in expected.items() if properties.get(name) != value)
    blobs = infra.only("Microsoft.Storage/storageAccounts/blobServices")["properties"]
    for policy in ("deleteRetentionPolicy", "containerDeleteRetentionPolicy"):
        if blobs[policy].get("enabled") is not True:
            yield f"storage: {policy}"


def telemetry_and_vault_accept_no_keys(infra: Infra) -> Iterator[str]:
    if infra.only("Microsoft.Insights/components")["properties"].get("DisableLocalAuth") is not True:
        yield "Application Insights: DisableLocalAuth"
    vault = infra.only("Microsoft.KeyVault/vaults")["properties"]
    for name in ("enableRbacAuthorization", "enablePurgeProtection"):
        if vault.get(name) is not True:
            yield f"vault: {name}"


def the_app_accepts_https_only(infra: Infra) -> Iterator[str]:
    app = infra.only("Microsoft.Web/sites")["properties"]
    site = app["siteConfig"]
    if app.get("httpsOnly") is not True:
        yield "app: httpsOnly"
    yield from (f"app: {name}" for name in ("minTlsVersion", "scmMinTlsVersion") if site.get(name) != "1.2")
    yield from (f"app: Flex Consumption rejects siteConfig.{name}" for name in site.keys() - FLEX_ACCEPTS)


def basic_publishing_is_off(infra: Infra) -> Iterator[str]:
    """Flex Consumption has no FTP, so there is one policy; without a location, Azure rejects it."""
    policy = infra.only("Microsoft.Web/sites/basicPublishingCredentialsPolicies")
    if (policy["name"], policy.get("location"), policy["properties"]) != ("scm", "location", {"allow": False}):
        yield f"basic publishing: {policy}"


def easy_auth_only_validates_tokens(infra: Infra) -> Iterator[str]:
    """It needs no secret then, and with function keys no registration."""
    file = "modules/function-app.bicep"
    [auth] = [
        body["properties"]
        for _, kind, body in infra.resources()
        if kind == "Microsoft.Web/sites/config" and body["name"] == "authsettingsV2"
    ]
    directory = infra.variable(file, "tokenValidation")["azureActiveDirectory"]
    expected = [
        (auth["platform"]["enabled"], "usesTokens"),
        (auth["globalValidation"]["requireAuthentication"], "usesTokens"),
        (auth["globalValidation"]["unauthenticatedClientAction"], "Return401"),
        (auth["globalValidation"]["excludedPaths"], "openPaths"),
        (infra.variable(file, "openPaths"), ["/api/health", "/api/report"]),
        (auth["httpSettings"]["requireHttps"], True),
        (auth["login"]["tokenStore"]["enabled"], False),
        (directory["registration"].keys(), {"openIdIssuer", "clientId"}),
        (directory["registration"]["clientId"], "apiClientId"),
        (directory["validation"]["allowedAudiences"], ["apiClientId", "api://${apiClientId}"]),
    ]
    yield from (f"Easy Auth: {value} should be {due}" for value, due in expected if value != due)
    if "identityProviders: usesTokens ? tokenValidation : {}" not in infra.text(file):
        yield "Easy Auth: a registration with function keys"


def role_assignments_are_minimal(infra: Infra) -> Iterator[str]:
    for file, kind, body in infra.resources():
        if kind != "Microsoft.Authorization/roleAssignments":
            continue
        yield from (f"{file}: role {role}" for role in GUID.findall(infra.text(file)) if role not in ROLES)
        if "scope" not in body:
            yield f"{file}: a role on the complete resource group"
        if body["name"].get("function", {}).get("type") != "guid":
            yield f"{file}: the name of a role assignment is not made by guid()"
        if body["properties"].get("principalType") != "ServicePrincipal":
            yield f"{file}: principalType"


def private_networking_covers_storage_vault_and_scheduler(infra: Infra) -> Iterator[str]:
    for kind in ("Microsoft.Storage/storageAccounts", "Microsoft.KeyVault/vaults", "Microsoft.DurableTask/schedulers"):
        access = json.dumps(infra.only(kind)["properties"].get("publicNetworkAccess"), default=str)
        if "privateNetworking" not in access or access.index("Disabled") > access.index("Enabled"):
            yield f"{kind}: publicNetworkAccess is {access}"
    endpoints = infra.text("modules/private-endpoints.bicep")
    yield from (f"private endpoints: none for {name}" for name in ("vaultId", "schedulerId") if name not in endpoints)
    if "'privatelink.durabletask.io'" not in endpoints:
        yield "private endpoints: no DNS zone for the scheduler"
