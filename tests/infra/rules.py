"""What the infrastructure promises. Each rule answers with what breaks it, and with nothing where it holds."""

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

# Built-in roles, and no wider ones. Each is given on one resource.
ROLES = {
    "b7e6dc6d-f1e8-4753-8033-0f276bb0955b": "Storage Blob Data Owner",
    "974c5e8b-45b9-4653-ba55-5f855dd0fb88": "Storage Queue Data Contributor",
    "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3": "Storage Table Data Contributor",
    "3913510d-42f4-4e42-8a64-420c390055eb": "Monitoring Metrics Publisher",
    "4633458b-17de-408a-b874-0445c86b69e6": "Key Vault Secrets User",
    "0ad04412-c4d5-4796-b79c-f76d14c8d402": "Durable Task Data Contributor",
}
RIGHTS = {"User.Read.All", "Bookings.Read.All", "AuditLogsQuery-Exchange.Read.All", "Exchange.ManageAsApp"}
NOT_TAGGED = {
    "Microsoft.Authorization/locks",
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
    "AZURE_CLIENT_SECRET": "a deployment has no secret",
    "AZURE_CLIENT_CERTIFICATE_PATH": "the certificate comes from the key vault",
    "AZURE_AUTHORITY_HOST": "the public cloud, which is its default",
    "GRAPH_URL": "as above",
    "EXCHANGE_URL": "as above",
    "BOOKINGS_URL": "as above",
    "SSL_CERT_FILE": "no authority but the public ones",
    "AzureWebJobsStorage": "the account has no key to connect with",
    "StatusStorage": "the rows are in the storage of the host",
    "StatusStorage__tableServiceUri": "as above",
    "StatusStorage__clientId": "as above",
}
THE_PLATFORMS = {
    "AzureWebJobsStorage__credential": "the host: enter storage as an identity",
    "PYTHON_ENABLE_OPENTELEMETRY": "the worker: join its traces to the host's",
    "AzureWebJobsStorage__blobServiceUri": "the host: its locks",
    "AzureWebJobsStorage__queueServiceUri": "the host: the queues of flows",
    "DURABLE_TASK_SCHEDULER_CONNECTION_STRING": "the Durable extension, by host.dts.json",
    "OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID": "Easy Auth: the identity in place of a client secret",
}
# error 51021: "site configuration properties … for Flex Consumption sites is invalid"
FLEX_TAKES = {"http20Enabled", "minTlsVersion", "scmMinTlsVersion"}
ALERTS = {
    "alert-no-scan",
    "alert-scan-failed",
    "alert-unknown",
    "alert-throttled",
    "alert-failures",
    "alert-availability",
    "alert-daily-cap",
}
EVENTS = {events.PROBE_FINISHED: events.probe_finished, events.SCAN_FINISHED: events.scan_finished}
FAULTS = {"readsAnotherTenant", "signsInAsNobody", "lacksTheApi"}
LONGEST_NAME_OF_A_DEPLOYMENT = 64
MASK = "without-people.kql"
# Of what Azure Monitor lists as supported in transformations; replace_regex is not among it.
MAY_TRANSFORM = {
    *("extend", "project-away", "where"),
    *("extract", "iif", "isempty", "parse_json", "split", "strcat", "tostring"),
}
# What a request says, and what is kept of it.
ADDRESSES = {
    "https://a.net/api/users/anna@contoso.com/bookings": "https://a.net/api/users/***",
    "https://a.net/api/Users/Anna%40contoso.com": "https://a.net/api/Users/***",
    "https://a.net/api/users?status=unknown&code=secret": "https://a.net/api/users",
    "https://a.net/api/health": "https://a.net/api/health",
    "GET /api/users/{user}/bookings": "GET /api/users/{user}/bookings",
    "GET /api/users/anna@contoso.com": "GET /api/users/***",
}
SIZES = {
    "instanceMemoryMB",
    "maximumInstanceCount",
    "logRetentionDays",
    "dailyCapGB",
    "probeConcurrency",
}


def no_secret_is_read_or_leaves(infra: Infra) -> Iterator[str]:
    for file in infra.files:
        for word in re.findall(
            r"\.list\w+\(|\blist\w*Keys?\w*\(|AccountKey|SharedAccessKey|InstrumentationKey", file.read_text()
        ):
            yield f"{file.name}: {word}"
    for file, name, output in infra.named("outputs"):
        if re.search(
            r"connectionstring|secret|password|listkeys", f"{name} {output['value']}".replace("_", ""), re.IGNORECASE
        ):
            yield f"{file}: output {name}"


def storage_is_entered_by_identity_over_tls(infra: Infra) -> Iterator[str]:
    right = {
        "allowSharedKeyAccess": False,
        "allowBlobPublicAccess": False,
        "minimumTlsVersion": "TLS1_2",
        "supportsHttpsTrafficOnly": True,
    }
    properties = infra.only("Microsoft.Storage/storageAccounts")["properties"]
    yield from (f"storage: {name}" for name, value in right.items() if properties.get(name) != value)
    blobs = infra.only("Microsoft.Storage/storageAccounts/blobServices")["properties"]
    for policy in ("deleteRetentionPolicy", "containerDeleteRetentionPolicy"):
        if blobs[policy].get("enabled") is not True:
            yield f"storage: {policy}"


def telemetry_and_vault_take_no_keys(infra: Infra) -> Iterator[str]:
    if infra.only("Microsoft.Insights/components")["properties"].get("DisableLocalAuth") is not True:
        yield "Application Insights: DisableLocalAuth"
    vault = infra.only("Microsoft.KeyVault/vaults")["properties"]
    for name in ("enableRbacAuthorization", "enablePurgeProtection"):
        if vault.get(name) is not True:
            yield f"vault: {name}"


def the_app_answers_https_alone(infra: Infra) -> Iterator[str]:
    app = infra.only("Microsoft.Web/sites")["properties"]
    site = app["siteConfig"]
    if app.get("httpsOnly") is not True:
        yield "app: httpsOnly"
    yield from (f"app: {name}" for name in ("minTlsVersion", "scmMinTlsVersion") if site.get(name) != "1.2")
    yield from (f"app: Flex Consumption refuses siteConfig.{name}" for name in site.keys() - FLEX_TAKES)
    policies = [body for _, kind, body in infra.made() if kind.endswith("basicPublishingCredentialsPolicies")]
    if [body["properties"] for body in policies] != [{"allow": False}] or "for way in ['ftp', 'scm']" not in infra.text(
        "modules/function-app.bicep"
    ):
        yield "app: basic publishing credentials"


def the_runtime_is_the_projects(infra: Infra) -> Iterator[str]:
    config = infra.only("Microsoft.Web/sites")["properties"]["functionAppConfig"]
    version = (infra.root / ".python-version").read_text().strip()
    if config["runtime"] != {"name": "python", "version": version}:
        yield f"app: runtime is {config['runtime']}, the project's Python {version}"
    if config["deployment"]["storage"]["authentication"]["type"] != "UserAssignedIdentity":
        yield "app: the package is read with something else than the identity"


def easy_auth_lets_health_through_and_nobody_else(infra: Infra) -> Iterator[str]:
    [auth] = [
        body["properties"]
        for _, kind, body in infra.made()
        if kind == "Microsoft.Web/sites/config" and body["name"] == "authsettingsV2"
    ]
    directory = auth["identityProviders"]["azureActiveDirectory"]
    right = [
        (auth["platform"]["enabled"], "byToken"),
        (auth["globalValidation"]["requireAuthentication"], "byToken"),
        (auth["globalValidation"]["unauthenticatedClientAction"], "Return401"),
        (auth["globalValidation"]["excludedPaths"], ["/api/health"]),
        (auth["httpSettings"]["requireHttps"], True),
        (auth["login"]["tokenStore"]["enabled"], False),
        (directory["registration"]["clientId"], "apiClientId"),
        (directory["registration"]["clientSecretSettingName"], "credentialSetting"),
        (directory["validation"]["allowedAudiences"], ["api://${apiClientId}"]),
    ]
    yield from (f"Easy Auth: {value} should be {due}" for value, due in right if value != due)
    if infra.variable("modules/function-app.bicep", "credentialSetting") not in settings_set(infra):
        yield "Easy Auth: the setting of its credential is not set"


def roles_are_few_and_given_on_one_resource(infra: Infra) -> Iterator[str]:
    for file, kind, body in infra.made():
        if kind != "Microsoft.Authorization/roleAssignments":
            continue
        yield from (f"{file}: role {role}" for role in GUID.findall(infra.text(file)) if role not in ROLES)
        if "scope" not in body:
            yield f"{file}: a role on the whole resource group"
        if body["name"].get("function", {}).get("type") != "guid":
            yield f"{file}: a role assignment whose name is not made by guid()"
        if body["properties"].get("principalType") != "ServicePrincipal":
            yield f"{file}: principalType"


def every_setting_is_set_or_has_a_reason(infra: Infra) -> Iterator[str]:
    known = {str(field.alias) for field in Settings.model_fields.values()}
    given = settings_set(infra)
    yield from (f"{name}: neither set nor excused" for name in known - given - NOT_DEPLOYED.keys())
    yield from (f"{name}: set, and read by nobody" for name in given - known - THE_PLATFORMS.keys())
    yield from (
        f"{name}: excused, and set or unknown" for name in NOT_DEPLOYED.keys() & given | NOT_DEPLOYED.keys() - known
    )
    yield from (
        f"{name}: excused, and not set or ours" for name in THE_PLATFORMS.keys() - given | THE_PLATFORMS.keys() & known
    )


def settings_set(infra: Infra) -> set[str]:
    """The app settings of a deployment: of all its kinds together."""
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


def limits_and_defaults_are_those_of_the_app(infra: Infra) -> Iterator[str]:
    parameters = infra.file("main.bicep")["parameters"]
    same = {
        "probeConcurrency": "probe_concurrency",
        "historyDays": "history_days",
        "scanSchedule": "scan_schedule",
        "probeAvailability": "probe_availability",
        "exchangeEvidence": "exchange_evidence",
        "sharedPages": "shared_pages",
        "apiAccess": "api_access",
    }
    for name, field_name in same.items():
        field, parameter = Settings.model_fields[field_name], parameters[name]
        limits = {item["type"]: item["argument"] for item in parameter["decorators"] if item["type"] != "description"}
        due = {
            name: limit
            for item in field.metadata
            for name, limit in (("min_value", getattr(item, "ge", None)), ("max_value", getattr(item, "le", None)))
            if limit is not None
        }
        if (parameter["default"], limits) != (field.default, due):
            yield f"{name}: {parameter['default']} {limits}, and the app says {field.default} {due}"


def every_parameter_is_described_and_typed(infra: Infra) -> Iterator[str]:
    for kind in ("parameters", "outputs"):
        for file, name, declaration in infra.named(kind):
            if not any(item["type"] == "description" for item in declaration["decorators"]):
                yield f"{file}: {name} has no description"
            if declaration["type"] in ("object", "array"):
                yield f"{file}: {name} may be any {declaration['type']}"


def outputs_are_in_the_style_of_azd(infra: Infra) -> Iterator[str]:
    names = infra.file("main.bicep")["outputs"]
    yield from (f"output {name}" for name in names if not re.fullmatch(r"[A-Z][A-Z_]*[A-Z]", str(name)))


def every_resource_is_tagged(infra: Infra) -> Iterator[str]:
    for file, kind, body in infra.made():
        if not kind.startswith("Microsoft.Graph/") and ("tags" in body) == (kind in NOT_TAGGED):
            yield f"{file}: tags of {kind}"
    if infra.variable("main.bicep", "tags").get("'azd-env-name'") != "environmentName":
        yield "main.bicep: azd does not find its environment"
    if "'azd-service-name': 'atlas'" not in infra.text("modules/function-app.bicep"):
        yield "function-app.bicep: azd does not find the app"


def the_sizes_differ_in_size_alone(infra: Infra) -> Iterator[str]:
    due = {str(name) for name in infra.file("main.bicep")["parameters"]}
    sizes = {path.name: dict(_assignments(path.read_text())) for path in sorted(infra.folder.glob("*.bicepparam"))}
    if len(sizes) != 3:
        yield f"{len(sizes)} sizes"
    for name, given in sizes.items():
        yield from (f"{name}: {parameter} is in it or in main.bicep alone" for parameter in given.keys() ^ due)
        if int(given["maximumInstanceCount"]) < limit_of(infra, "alwaysReadyDurable", "max_value"):
            yield f"{name}: more instances may wait than there may be"
    for parameter in due - SIZES:
        if len({given.get(parameter) for given in sizes.values()}) > 1:
            yield f"{parameter}: not a matter of size"
    for name, given in sizes.items():
        yield from (
            f"{name}: {parameter} takes a blank after a comma for a part of the entry"
            for parameter, value in given.items()
            if "split(" in value and "trim(" not in value
        )


def limit_of(infra: Infra, parameter: str, kind: str) -> Any:
    """What a decorator of main.bicep says of a parameter."""
    decorators = infra.file("main.bicep")["parameters"][parameter]["decorators"]
    [limit] = [item["argument"] for item in decorators if item["type"] == kind]
    return limit


def what_could_not_work_ends_at_once(infra: Infra) -> Iterator[str]:
    group = infra.file("main.bicep")["resources"]["group"]["config"]
    if "fail" not in json.dumps(group["tags"], default=str):
        yield "the resource group is made whatever is wrong"
    faults = json.dumps(infra.variable("main.bicep", "faults"), default=str)
    yield from (f"{name}: nobody asks" for name in FAULTS if name not in faults)
    for file in ("main.bicep", "entra/main.bicep"):
        [longest] = [
            item["argument"]
            for item in infra.file(file)["parameters"]["environmentName"]["decorators"]
            if item["type"] == "max_length"
        ]
        if len("entra-") + longest > LONGEST_NAME_OF_A_DEPLOYMENT:
            yield f"{file}: entra-{{environmentName}} is too long for the name of a deployment"


def a_threshold_of_none_ends_the_alert(infra: Infra) -> Iterator[str]:
    if limit_of(infra, "alertHoursWithoutScan", "min_value") != 0:
        yield "the alert cannot be switched off"
    text = infra.text("modules/alerts.bicep")
    for part in ("enabled: thresholds.hoursWithoutScan > 0", "enabled: rule.enabled"):
        if part not in text:
            yield f"alerts: {part}"


def no_log_names_who_was_looked_up(infra: Infra) -> Iterator[str]:
    for file, kind, body in infra.made():
        if kind == "Microsoft.Insights/diagnosticSettings":
            if body["scope"] in ("tables", "queues"):
                yield f"{file}: the log of {body['scope']} holds keys of rows"
            if "metrics" in body["properties"]:
                yield f"{file}: metrics, which Azure keeps anyway"
    rule = infra.only("Microsoft.Insights/dataCollectionRules")
    flows = [(flow["streams"], MASK in json.dumps(flow, default=str)) for flow in rule["properties"]["dataFlows"]]
    if rule["kind"] != "WorkspaceTransforms" or flows != [(["Microsoft-Table-AppRequests"], True)]:
        yield f"what becomes of requests: {flows}"
    if "transformationId: transformation.id" not in infra.text("modules/observability.bicep"):
        yield "the workspace does not know of the rule"
    if (
        "defaultDataCollectionRuleResourceId"
        not in infra.only("Microsoft.OperationalInsights/workspaces")["properties"]
    ):
        yield "the workspace takes no rule"
    yield from (f"{MASK}: {fault}" for fault in faults_of_the_mask(infra.text(f"modules/{MASK}")))


def faults_of_the_mask(query: str) -> Iterator[str]:
    if "//" in query:
        yield "put on one line, it would end at a comment"
    used = set(re.findall(r"\b([a-z_]+)\(", query)) | set(re.findall(r"\| ([a-z-]+)", query))
    yield from (f"{name} is not among what a transformation may use" for name in used - MAY_TRANSFORM)
    for column in ("Url", "Name", "OperationName"):
        found = re.search(rf"extract\('([^']+)', 1, {column}\)", query)
        if not found or f"extend {column} = iif(isempty(" not in query:
            yield f"{column} is kept as it is"
            continue
        for address, kept in ADDRESSES.items():
            before = re.match(found[1], address)
            if (f"{before[1]}***" if before else address.partition("?")[0]) != kept:
                yield f"keeps of {address} something else than {kept}"
    if "extend Properties = iif(" not in query:
        yield "Properties are kept as they are"


def _assignments(text: str) -> Iterator[tuple[str, str]]:
    for found in re.finditer(r"^param (\w+) = (.+?)(?=\n(?:\n|param |//)|\n?\Z)", text, re.MULTILINE | re.DOTALL):
        yield found[1], found[2].strip()


def every_alert_says_where_to_read_on(infra: Infra) -> Iterator[str]:
    rules = infra.variable("modules/alerts.bicep", "rules")
    descriptions = [rule["says"] for rule in rules] + [
        body["properties"]["description"] for _, kind, body in infra.made() if kind == "Microsoft.Insights/metricAlerts"
    ]
    anchors = [re.findall(r"docs/operate\.md#([\w-]+)", description) for description in descriptions]
    if sorted(anchors) != sorted([anchor] for anchor in ALERTS):
        yield f"anchors of the descriptions: {anchors}"
    titles = re.findall(r"^#+ (.+)$", (infra.root / "docs" / "operate.md").read_text(), re.MULTILINE)
    slugs = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
    yield from (f"docs/operate.md has no {anchor}" for anchor in ALERTS - slugs)


def every_query_is_asked(infra: Infra) -> Iterator[str]:
    rules = infra.variable("modules/alerts.bicep", "rules")
    asked = [rule["query"]["function"]["parameters"]["file_path"].removeprefix("../queries/") for rule in rules]
    if sorted(asked) != sorted(path.name for path in (infra.folder / "queries").iterdir()):
        yield f"queries that are asked: {asked}"
    yield from (
        f"{rule['name']}: its query is {name}"
        for rule, name in zip(rules, asked, strict=True)
        if name != f"{rule['name']}.kql"
    )


def queries_read_events_that_are_written(infra: Infra) -> Iterator[str]:
    written = {name for tell in EVENTS.values() for name in re.findall(r"^ +(\w+)=", getsource(tell), re.MULTILINE)}
    for query, text in infra.queries().items():
        yield from (f"{query}: event {name}" for name in re.findall(r"\bName == '(\w+)'", text) if name not in EVENTS)
        yield from (
            f"{query}: Properties.{name}" for name in re.findall(r"Properties\.(\w+)", text) if name not in written
        )


def the_registration_has_the_roles_of_the_app(infra: Infra) -> Iterator[str]:
    roles = infra.variable("entra/main.bicep", "appRoles")
    if {role["value"] for role in roles} != {str(role) for role in AppRole}:
        yield f"app roles {[role['value'] for role in roles]}"
    ids = GUID.findall(infra.text("entra/main.bicep").partition("resource graph ")[0])
    if len(set(ids)) != len(roles) + 1:
        yield f"ids of app roles and scope: {ids}"
    for role in roles:
        if role["allowedMemberTypes"] != ["User", "Application"] or role["isEnabled"] is not True:
            yield f"{role['value']}: not for users and applications"
    resources = {name: body_of_entra(infra, name) for name in ("api", "servicePrincipal", "credential")}
    api = resources["api"]
    right: list[tuple[Any, Any]] = [
        (api["signInAudience"], "AzureADMyOrg"),
        (api["identifierUris"], ["api://${registration!.appId}"]),
        (api["api"]["requestedAccessTokenVersion"], 2),
        ([scope["value"] for scope in api["api"]["oauth2PermissionScopes"]], ["user_impersonation"]),
        (resources["servicePrincipal"]["appRoleAssignmentRequired"], True),
        (resources["credential"]["subject"], "identityPrincipalId"),
        (resources["credential"]["audiences"], ["api://AzureADTokenExchange"]),
    ]
    yield from (f"entra: {value} should be {due}" for value, due in right if value != due)


def body_of_entra(infra: Infra, name: str) -> dict[str, Any]:
    config: dict[str, Any] = infra.file("entra/main.bicep")["resources"][name]["config"]
    return config["config"]  # each is made on a condition


def the_identity_gets_no_other_right(infra: Infra) -> Iterator[str]:
    given = set(re.findall(r"'([A-Z][\w-]*(?:\.[A-Z]\w*)+)'", infra.text("entra/main.bicep")))
    roles = {str(role) for role in AppRole}
    yield from (f"entra: {name}" for name in (given - roles) ^ RIGHTS)
    if "identityIsTheSignIn && readExchange ? ['Exchange.ManageAsApp'] : []" not in infra.text("entra/main.bicep"):
        yield "entra: Exchange is granted to an app that does not ask it"


def both_configurations_have_the_same_rules(infra: Infra) -> Iterator[str]:
    main, entra = (jsonc(infra.text(name)) for name in ("bicepconfig.json", "entra/bicepconfig.json"))
    if main["analyzers"] != entra["analyzers"]:
        yield "the linter has two minds"
    if "extensions" in main:
        yield "the main template needs a registry to build"


def the_host_files_differ_in_where_flows_are_kept(infra: Infra) -> Iterator[str]:
    storage, scheduler = (json.loads((infra.root / name).read_text()) for name in ("host.json", "host.dts.json"))
    kept = scheduler["extensions"]["durableTask"].pop("storageProvider")
    storage["extensions"]["durableTask"].pop("storageProvider")
    if storage != scheduler:
        yield "host.dts.json is not host.json but for its storageProvider"
    setting = kept.get("connectionStringName")
    if kept != {"type": "azureManaged", "connectionStringName": setting} or setting not in settings_set(infra):
        yield f"host.dts.json: {kept}"


RULES: list[Rule] = [
    no_secret_is_read_or_leaves,
    storage_is_entered_by_identity_over_tls,
    telemetry_and_vault_take_no_keys,
    the_app_answers_https_alone,
    the_runtime_is_the_projects,
    easy_auth_lets_health_through_and_nobody_else,
    roles_are_few_and_given_on_one_resource,
    every_setting_is_set_or_has_a_reason,
    limits_and_defaults_are_those_of_the_app,
    every_parameter_is_described_and_typed,
    outputs_are_in_the_style_of_azd,
    every_resource_is_tagged,
    the_sizes_differ_in_size_alone,
    what_could_not_work_ends_at_once,
    a_threshold_of_none_ends_the_alert,
    no_log_names_who_was_looked_up,
    every_alert_says_where_to_read_on,
    every_query_is_asked,
    queries_read_events_that_are_written,
    the_registration_has_the_roles_of_the_app,
    the_identity_gets_no_other_right,
    both_configurations_have_the_same_rules,
    the_host_files_differ_in_where_flows_are_kept,
]
