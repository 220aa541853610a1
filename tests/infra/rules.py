"""Rules for the infrastructure. Each yields what violates it."""

import json
import re
from collections.abc import Callable, Iterator
from inspect import getsource
from typing import Any

from bicep_files import GUID, Infra, jsonc, keys_of

from api.access import AppRole
from atlas.domain import events
from atlas.settings import Settings

type Rule = Callable[[Infra], Iterator[str]]

# The only built-in roles. Each is assigned on one resource.
ROLES = {
    "b7e6dc6d-f1e8-4753-8033-0f276bb0955b": "Storage Blob Data Owner",
    "974c5e8b-45b9-4653-ba55-5f855dd0fb88": "Storage Queue Data Contributor",
    "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3": "Storage Table Data Contributor",
    "3913510d-42f4-4e42-8a64-420c390055eb": "Monitoring Metrics Publisher",
    "4633458b-17de-408a-b874-0445c86b69e6": "Key Vault Secrets User",
    "0ad04412-c4d5-4796-b79c-f76d14c8d402": "Durable Task Data Contributor",
}
NOT_TAGGED = {
    "Microsoft.Authorization/roleAssignments",
    "Microsoft.DurableTask/schedulers/taskHubs",
    "Microsoft.Insights/diagnosticSettings",
    "Microsoft.Network/privateEndpoints/privateDnsZoneGroups",
    "Microsoft.Storage/storageAccounts/blobServices",
    "Microsoft.Storage/storageAccounts/blobServices/containers",
    "Microsoft.Storage/storageAccounts/queueServices",
    "Microsoft.Storage/storageAccounts/tableServices",
    "Microsoft.Web/sites/basicPublishingCredentialsPolicies",
    "Microsoft.Web/sites/config",
}
NOT_DEPLOYED = {
    "AZURE_CLIENT_SECRET": "a deployment contains no secret",
    "AZURE_CLIENT_CERTIFICATE_PATH": "the certificate comes from the key vault",
    "AZURE_AUTHORITY_HOST": "its default is the public cloud",
    "GRAPH_URL": "as above",
    "EXCHANGE_URL": "as above",
    "BOOKINGS_URL": "as above",
    "SSL_CERT_FILE": "only public certificate authorities",
    "AzureWebJobsStorage": "the account accepts no keys",
    "StatusStorage": "rows are in the storage of the host",
    "StatusStorage__tableServiceUri": "as above",
    "StatusStorage__clientId": "as above",
}
PLATFORM_SETTINGS = {
    "AzureWebJobsStorage__credential": "the host: access storage as an identity",
    "PYTHON_ENABLE_OPENTELEMETRY": "the worker: continue the host's traces",
    "AzureWebJobsStorage__blobServiceUri": "the host: its locks",
    "AzureWebJobsStorage__queueServiceUri": "the host: the queues of orchestrations",
    "DURABLE_TASK_SCHEDULER_CONNECTION_STRING": "the Durable extension, in host.dts.json",
}
# error 51021: "site configuration properties … for Flex Consumption sites is invalid"
FLEX_ACCEPTS = {"http20Enabled", "minTlsVersion", "scmMinTlsVersion"}
ALERTS = {
    "alert-no-scan",
    "alert-scan-failed",
    "alert-unknown",
    "alert-throttled",
    "alert-failures",
    "alert-availability",
    "alert-daily-cap",
}
EVENTS = {
    events.PROBE_FINISHED: events.probe_finished,
    events.SCAN_FINISHED: events.scan_finished,
    events.SCAN_NOT_STARTED: events.scan_not_started,
    events.AVAILABILITY_QUERIED: events.availability_queried,
}
FAULTS = {"identityCannotReadTenant", "registrationIsMissing", "apiIsMissing", "retentionIsTooShort"}


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


def the_app_has_its_runtime_and_package(infra: Infra) -> Iterator[str]:
    config = infra.only("Microsoft.Web/sites")["properties"]["functionAppConfig"]
    version = (infra.root / ".python-version").read_text().strip()
    if config["runtime"] != {"name": "python", "version": version}:
        yield f"app: runtime is {config['runtime']}, the project has Python {version}"
    if config["deployment"]["storage"]["authentication"]["type"] != "UserAssignedIdentity":
        yield "app: the package is not read with the identity"


def a_deployment_lets_running_functions_finish(infra: Infra) -> Iterator[str]:
    config = infra.only("Microsoft.Web/sites")["properties"]["functionAppConfig"]
    strategy = infra.variable("modules/function-app.bicep", "rollingUpdate")
    if config.get("spread") != "rollingUpdate" or strategy != {"siteUpdateStrategy": {"type": "RollingUpdate"}}:
        yield f"app: update strategy is {config.get('spread')}, {strategy}"


def one_instance_is_ready_for_orchestrations(infra: Infra) -> Iterator[str]:
    config = infra.only("Microsoft.Web/sites")["properties"]["functionAppConfig"]
    [ready] = config["scaleAndConcurrency"]["alwaysReady"]
    if ready["name"] != "durable" or "alwaysReadyDurable" not in json.dumps(ready["instanceCount"]):
        yield f"app: alwaysReady is {ready}"
    parameter = infra.file("main.bicep")["parameters"]["alwaysReadyDurable"]
    if parameter["default"] != 1 or "USD a month" not in parameter["decorators"][0]["argument"]:
        yield "alwaysReadyDurable: not one by default, or its cost is not beside it"


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


def every_setting_is_deployed_or_has_a_reason(infra: Infra) -> Iterator[str]:
    known = {str(field.alias) for field in Settings.model_fields.values()}
    deployed = deployed_settings(infra)
    yield from (f"{name}: neither deployed nor excepted" for name in known - deployed - NOT_DEPLOYED.keys())
    yield from (f"{name}: deployed, but nothing reads it" for name in deployed - known - PLATFORM_SETTINGS.keys())
    yield from (
        f"{name}: excepted, but deployed or unknown"
        for name in NOT_DEPLOYED.keys() & deployed | NOT_DEPLOYED.keys() - known
    )
    yield from (
        f"{name}: a setting of the platform, but not deployed or ours"
        for name in PLATFORM_SETTINGS.keys() - deployed | PLATFORM_SETTINGS.keys() & known
    )


def deployed_settings(infra: Infra) -> set[str]:
    """The app settings of a deployment, of all its variants together."""
    file = infra.file("modules/function-app.bicep")
    [body] = [
        resource["config"] for resource in file["resources"].values() if resource["config"].get("name") == "appsettings"
    ]
    merged = set(re.findall(r"\w+Settings\b", json.dumps(body, default=str)))
    return {
        key
        for name in merged & file["variables"].keys()
        for key in keys_of(file["variables"][name]["value"])
        if re.fullmatch(r"[A-Z][A-Z_]+[A-Z]|AzureWebJobs\w+", key)
    }


def limits_and_defaults_match_the_app(infra: Infra) -> Iterator[str]:
    """A parameter that the app reads under another name in lower case has the app's limits and default."""
    parameters = infra.file("main.bicep")["parameters"]
    settings = {name: field for name, field in Settings.model_fields.items() if _camel(name) in parameters}
    for name, field in settings.items():
        parameter = parameters[_camel(name)]
        if name in ("tenant_id", "probe_concurrency", "not_set_up_markers", "exclude_users"):
            continue
        limits = {item["type"]: item["argument"] for item in parameter["decorators"] if item["type"] != "description"}
        due = {
            kind: limit
            for item in field.metadata
            for kind, limit in (("min_value", getattr(item, "ge", None)), ("max_value", getattr(item, "le", None)))
            if limit is not None
        }
        if (parameter["default"], limits) != (field.default, due):
            yield f"{name}: {parameter['default']} {limits}, in the app {field.default} {due}"
    if len(settings) < 7:
        yield f"only {settings.keys()} are compared"
    if size_of(infra, "small")["probeConcurrency"] != Settings.model_fields["probe_concurrency"].default:
        yield "probe_concurrency: not the default of the app in the smallest size"


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def every_parameter_is_described_and_typed(infra: Infra) -> Iterator[str]:
    for kind in ("parameters", "outputs"):
        for file, name, declaration in infra.declarations(kind):
            if not any(item["type"] == "description" for item in declaration["decorators"]):
                yield f"{file}: {name} has no description"
            if declaration["type"] in ("object", "array"):
                yield f"{file}: {name} is any {declaration['type']}"


def outputs_follow_the_style_of_azd(infra: Infra) -> Iterator[str]:
    names = infra.file("main.bicep")["outputs"]
    yield from (f"output {name}" for name in names if not re.fullmatch(r"[A-Z][A-Z_]*[A-Z]", str(name)))


def every_resource_is_tagged(infra: Infra) -> Iterator[str]:
    for file, kind, body in infra.resources():
        if not kind.startswith("Microsoft.Graph/") and ("tags" in body) == (kind in NOT_TAGGED):
            yield f"{file}: tags of {kind}"
    if infra.variable("main.bicep", "tags").get("'azd-env-name'") != "environmentName":
        yield "main.bicep: azd does not find its environment"
    if "'azd-service-name': 'atlas'" not in infra.text("modules/function-app.bicep"):
        yield "function-app.bicep: azd does not find the app"


def size_of(infra: Infra, size: str) -> dict[str, int]:
    sizes: dict[str, dict[str, int]] = infra.variable("main.bicep", "sizes")
    return sizes[size]


def the_parameter_file_sets_every_parameter(infra: Infra) -> Iterator[str]:
    text = infra.text("main.bicepparam")
    parameters = {str(name) for name in infra.file("main.bicep")["parameters"]}
    assigned = dict(_assignments(text))
    yield from (f"{name}: in main.bicep or in main.bicepparam only" for name in assigned.keys() ^ parameters)
    yield from (
        f"{name}: keeps a blank after a comma"
        for name, value in assigned.items()
        if "split(" in value and "trim(" not in value
    )
    sizes = {str(name) for name in infra.variable("main.bicep", "sizes")}
    if sizes != set(
        re.findall(r"'(\w+)'", infra.text("modules/types.bicep").partition("type Size = ")[2].partition("\n")[0])
    ):
        yield f"sizes {sizes} are not those of the type"
    for name in sizes:
        if size_of(infra, name)["maximumInstanceCount"] < limit_of(infra, "alwaysReadyDurable", "max_value"):
            yield f"{name}: more instances may be ready than may exist"


def _assignments(text: str) -> Iterator[tuple[str, str]]:
    for found in re.finditer(r"^param (\w+) = (.+?)(?=\n(?:\n|param |//)|\n?\Z)", text, re.MULTILINE | re.DOTALL):
        yield found[1], found[2].strip()


def limit_of(infra: Infra, parameter: str, kind: str) -> Any:
    """The argument of a decorator of a parameter of main.bicep."""
    decorators = infra.file("main.bicep")["parameters"][parameter]["decorators"]
    [limit] = [item["argument"] for item in decorators if item["type"] == kind]
    return limit


def invalid_combinations_fail_first(infra: Infra) -> Iterator[str]:
    group = infra.file("main.bicep")["resources"]["group"]["config"]
    if "fail" not in json.dumps(group["tags"], default=str):
        yield "the resource group is created in spite of faults"
    faults = json.dumps(infra.variable("main.bicep", "faults"), default=str)
    yield from (f"{name}: not checked" for name in FAULTS if name not in faults)


def a_threshold_of_zero_disables_the_alert(infra: Infra) -> Iterator[str]:
    if limit_of(infra, "alertHoursWithoutScan", "min_value") != 0:
        yield "the alert cannot be disabled"
    text = infra.text("modules/alerts.bicep")
    for part in ("enabled: thresholds.hoursWithoutScan > 0", "enabled: rule.enabled"):
        if part not in text:
            yield f"alerts: {part}"


def no_log_names_people(infra: Infra) -> Iterator[str]:
    """The logs of tables and queues would hold row keys. Flex Consumption writes no authentication logs."""
    for file, kind, body in infra.resources():
        if kind == "Microsoft.Insights/diagnosticSettings":
            if body["scope"] not in ("blobs", "vault"):
                yield f"{file}: a log of {body['scope']}"
            if "metrics" in body["properties"]:
                yield f"{file}: metrics, which Azure stores anyway"
    rule = infra.only("Microsoft.Insights/dataCollectionRules")
    flows = [
        (flow["streams"], "mask-requests.kql" in json.dumps(flow, default=str))
        for flow in rule["properties"]["dataFlows"]
    ]
    if rule["kind"] != "WorkspaceTransforms" or flows != [(["Microsoft-Table-AppRequests"], True)]:
        yield f"requests are stored by {flows}"


def the_workspace_keeps_its_mask(infra: Infra) -> Iterator[str]:
    """A workspace written without its rule loses it, so only the first deployment writes it without."""
    workspace = infra.only("Microsoft.OperationalInsights/workspaces")["properties"]
    if "maskRuleId" not in json.dumps(workspace.get("defaultDataCollectionRuleResourceId"), default=str):
        yield "the workspace has no rule"
    observability = infra.text("modules/observability.bicep")
    for part in (
        "maskRuleId: knownMaskRuleId",
        "= if (empty(knownMaskRuleId))",
        "maskRuleId: maskRule.id",
        "dependsOn: [\n    workspaceWithMask\n  ]",
    ):
        if part not in observability:
            yield f"observability.bicep: {part}"
    if "readEnvironmentVariable('MASK_RULE_ID', '')" not in infra.text("main.bicepparam"):
        yield "the ID of the rule does not come back"
    if "MASK_RULE_ID" not in infra.file("main.bicep")["outputs"]:
        yield "the ID of the rule is not returned"


def every_alert_names_its_section_of_the_runbook(infra: Infra) -> Iterator[str]:
    rules = infra.variable("modules/alerts.bicep", "rules")
    descriptions = [rule["description"] for rule in rules] + [
        body["properties"]["description"]
        for _, kind, body in infra.resources()
        if kind == "Microsoft.Insights/metricAlerts"
    ]
    anchors = [re.findall(r"docs/runbook\.md#([\w-]+)", description) for description in descriptions]
    if sorted(anchors) != sorted([anchor] for anchor in ALERTS):
        yield f"anchors of the descriptions: {anchors}"
    titles = re.findall(r"^#+ (.+)$", (infra.root / "docs" / "runbook.md").read_text(), re.MULTILINE)
    slugs = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
    yield from (f"docs/runbook.md has no {anchor}" for anchor in ALERTS - slugs)


def every_query_has_an_alert(infra: Infra) -> Iterator[str]:
    rules = infra.variable("modules/alerts.bicep", "rules")
    used = [rule["query"]["function"]["parameters"]["file_path"].removeprefix("../queries/") for rule in rules]
    if sorted(used) != sorted(path.name for path in (infra.folder / "queries").iterdir()):
        yield f"queries with an alert: {used}"
    yield from (
        f"{rule['name']}: its query is {name}"
        for rule, name in zip(rules, used, strict=True)
        if name != f"{rule['name']}.kql"
    )


def queries_read_existing_events(infra: Infra) -> Iterator[str]:
    fields = {name for emit in EVENTS.values() for name in re.findall(r"^ +(\w+)=", getsource(emit), re.MULTILINE)}
    for query, text in infra.queries().items():
        yield from (f"{query}: event {name}" for name in re.findall(r"\bName == '(\w+)'", text) if name not in EVENTS)
        yield from (
            f"{query}: Properties.{name}" for name in re.findall(r"Properties\.(\w+)", text) if name not in fields
        )


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


def findings_of_the_linter_are_warnings(infra: Infra) -> Iterator[str]:
    """A newer compiler must not stop an operator. Our own check fails on any finding."""
    config = jsonc(infra.text("bicepconfig.json"))
    rules = config["analyzers"]["core"]["rules"]
    yield from (f"bicepconfig.json: {name}" for name, rule in rules.items() if rule != {"level": "warning"})
    extensions = [file.name for file in infra.files if re.search(r"^extension ", file.read_text(), re.MULTILINE)]
    if extensions != ["api.bicep", "main.bicep"] or "extension" in infra.text("main.bicep"):
        yield f"main.bicep builds offline only without an extension: {extensions}"
    if [path.name for path in infra.folder.rglob("bicepconfig.json")] != ["bicepconfig.json"]:
        yield "more than one bicepconfig.json"


def the_host_files_differ_only_in_storage(infra: Infra) -> Iterator[str]:
    storage, scheduler = (json.loads((infra.root / name).read_text()) for name in ("host.json", "host.dts.json"))
    provider = scheduler["extensions"]["durableTask"].pop("storageProvider")
    storage["extensions"]["durableTask"].pop("storageProvider")
    if storage != scheduler:
        yield "host.dts.json differs from host.json in more than its storageProvider"
    setting = provider.get("connectionStringName")
    if provider != {"type": "azureManaged", "connectionStringName": setting} or setting not in deployed_settings(infra):
        yield f"host.dts.json: {provider}"


RULES: list[Rule] = [
    no_secret_is_read_or_returned,
    storage_accepts_identities_over_tls_only,
    telemetry_and_vault_accept_no_keys,
    the_app_accepts_https_only,
    basic_publishing_is_off,
    the_app_has_its_runtime_and_package,
    a_deployment_lets_running_functions_finish,
    one_instance_is_ready_for_orchestrations,
    easy_auth_only_validates_tokens,
    role_assignments_are_minimal,
    private_networking_covers_storage_vault_and_scheduler,
    every_setting_is_deployed_or_has_a_reason,
    limits_and_defaults_match_the_app,
    every_parameter_is_described_and_typed,
    outputs_follow_the_style_of_azd,
    every_resource_is_tagged,
    the_parameter_file_sets_every_parameter,
    invalid_combinations_fail_first,
    a_threshold_of_zero_disables_the_alert,
    no_log_names_people,
    the_workspace_keeps_its_mask,
    every_alert_names_its_section_of_the_runbook,
    every_query_has_an_alert,
    queries_read_existing_events,
    the_registration_has_the_roles_of_the_app,
    the_connector_has_a_registration_of_its_own,
    each_application_is_declared_once,
    findings_of_the_linter_are_warnings,
    the_host_files_differ_only_in_storage,
]
