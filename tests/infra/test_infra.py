"""Applies the rules to the infrastructure, and proves that each rule notices a violation."""

import shutil
from pathlib import Path

import pytest
import rules
from bicep_files import ROOT, Infra
from lark.exceptions import LarkError
from rules import RULES, Rule

MAIN = "infra/main.bicep"
APP = "infra/modules/function-app.bicep"
STORAGE = "infra/modules/storage.bicep"
VAULT = "infra/modules/vault.bicep"
ALERTS = "infra/modules/alerts.bicep"
OBSERVABILITY = "infra/modules/observability.bicep"
ENDPOINTS = "infra/modules/private-endpoints.bicep"
DURABLE = "infra/modules/durable.bicep"
ENTRA = "infra/entra/main.bicep"
API = "infra/entra/api.bicep"
PARAMETERS = "infra/main.bicepparam"
CONFIG = "infra/bicepconfig.json"
UNKNOWN = "loadTextContent('../queries/unknown.kql')"

VIOLATIONS: dict[Rule, list[tuple[str, str, str]]] = {
    rules.no_secret_is_read_or_returned: [
        (APP, "value: '${storage.", "value: '${storage.listKeys().keys[0].value}${storage."),
        (APP, "string = app.name", "string = applicationInsights.properties.ConnectionString"),
    ],
    rules.storage_accepts_identities_over_tls_only: [
        (STORAGE, "allowSharedKeyAccess: false", "allowSharedKeyAccess: true"),
        (STORAGE, "TLS1_2", "TLS1_0"),
        (STORAGE, "    supportsHttpsTrafficOnly: true\n", ""),
        (STORAGE, "enabled: true", "enabled: false"),
    ],
    rules.telemetry_and_vault_accept_no_keys: [
        (OBSERVABILITY, "DisableLocalAuth: true", "DisableLocalAuth: false"),
        (VAULT, "enableRbacAuthorization: true", "enableRbacAuthorization: false"),
    ],
    rules.the_app_accepts_https_only: [
        (APP, "httpsOnly: true", "httpsOnly: false"),
        (APP, "minTlsVersion: '1.2'", "minTlsVersion: '1.0'"),
        (APP, "http20Enabled: true", "ftpsState: 'Disabled'"),
        (APP, "http20Enabled: true", "cors: { allowedOrigins: ['*'] }"),
    ],
    rules.basic_publishing_is_off: [
        (APP, "  location: location\n  properties: {\n    allow", "  properties: {\n    allow"),
        (APP, "name: 'scm'", "name: 'ftp'"),
        (APP, "allow: false", "allow: true"),
    ],
    rules.the_app_has_its_runtime_and_package: [
        (".python-version", "3.13", "3.14"),
        (APP, "'UserAssignedIdentity'", "'StorageAccountConnectionString'"),
    ],
    rules.a_deployment_lets_running_functions_finish: [
        (APP, "'RollingUpdate'", "'Recreate'"),
        (APP, "      ...rollingUpdate\n", ""),
    ],
    rules.one_instance_is_ready_for_orchestrations: [
        (MAIN, "alwaysReadyDurable int = 1", "alwaysReadyDurable int = 0"),
        (MAIN, " it costs about 21 USD a month with 2 GB.", ""),
        (APP, "name: 'durable'", "name: 'http'"),
    ],
    rules.easy_auth_only_validates_tokens: [
        (APP, "'/api/health'", "'/api/*'"),
        (APP, "'Return401'", "'AllowAnonymous'"),
        (APP, "requireAuthentication: usesTokens", "requireAuthentication: false"),
        (APP, "usesTokens ? tokenValidation : {}", "tokenValidation"),
        (
            APP,
            "      clientId: apiClientId\n",
            "      clientId: apiClientId\n      clientSecretSettingName: 'SECRET'\n",
        ),
    ],
    rules.role_assignments_are_minimal: [
        (STORAGE, "b7e6dc6d-f1e8-4753-8033-0f276bb0955b", "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"),
        (STORAGE, "    scope: account\n", ""),
        (STORAGE, "guid(account.id, principalId, role.value)", "newGuid()"),
    ],
    rules.private_networking_covers_storage_vault_and_scheduler: [
        (DURABLE, "privateNetworking ? 'Disabled' : 'Enabled'", "'Enabled'"),
        (VAULT, "privateNetworking ? 'Disabled' : 'Enabled'", "privateNetworking ? 'Enabled' : 'Disabled'"),
        (ENDPOINTS, "privatelink.durabletask.io", "durabletask.io"),
    ],
    rules.every_setting_is_deployed_or_has_a_reason: [
        (APP, "  HISTORY_DAYS: string(settings.historyDays)\n", ""),
        (APP, "  HISTORY_DAYS:", "  HISTORY_MONTHS:"),
        (APP, "  API_ACCESS:", "  GRAPH_URL:"),
        (APP, "union(platformSettings, ", "union("),
    ],
    rules.limits_and_defaults_match_the_app: [
        (MAIN, "probeConcurrency: 4", "probeConcurrency: 5"),
        (MAIN, "@maxValue(3650)", "@maxValue(365)"),
        (MAIN, "param sharedPages bool = true", "param sharedPages bool = false"),
    ],
    rules.every_parameter_is_described_and_typed: [
        (MAIN, "param apiAllowedApplications string[]", "param apiAllowedApplications array"),
        (ALERTS, "@description('Email addresses that receive the alerts.')\n", ""),
    ],
    rules.outputs_follow_the_style_of_azd: [(MAIN, "output FUNCTION_APP_URL", "output functionAppUrl")],
    rules.every_resource_is_tagged: [
        (STORAGE, "  tags: tags\n", ""),
        (MAIN, "'azd-env-name': environmentName", "'azd-env-name': owner"),
        (APP, "'azd-service-name': 'atlas'", "'azd-service-name': 'app'"),
    ],
    rules.the_parameter_file_sets_every_parameter: [
        (PARAMETERS, "param privateNetworking", "param networkIsPrivate"),
        (PARAMETERS, "trim(address)", "address"),
        (MAIN, "maximumInstanceCount: 40", "maximumInstanceCount: 10"),
        (MAIN, "  small: {", "  tiny: {"),
    ],
    rules.invalid_combinations_fail_first: [
        (MAIN, "tags: empty(faults) ? tags : fail(join(faults, ' '))", "tags: tags"),
        (MAIN, "  apiIsMissing ? ", "  false ? "),
    ],
    rules.a_threshold_of_zero_disables_the_alert: [
        (ALERTS, "enabled: rule.enabled", "enabled: true"),
        (ALERTS, "thresholds.hoursWithoutScan > 0", "true"),
        (MAIN, "@minValue(0)\n@maxValue(47)", "@minValue(1)\n@maxValue(47)"),
    ],
    rules.no_log_names_people: [
        (STORAGE, "scope: blobs\n", "scope: tables\n"),
        (VAULT, "    logs: [\n", "    metrics: []\n    logs: [\n"),
        (OBSERVABILITY, "'Microsoft-Table-AppRequests'", "'Microsoft-Table-AppTraces'"),
        (OBSERVABILITY, "mask-requests.kql", "other.kql"),
    ],
    rules.the_workspace_keeps_its_mask: [
        (OBSERVABILITY, "maskRuleId: knownMaskRuleId", "maskRuleId: ''"),
        (OBSERVABILITY, "= if (empty(knownMaskRuleId))", "= if (false)"),
        (OBSERVABILITY, "    workspaceWithMask\n", ""),
        (PARAMETERS, "'MASK_RULE_ID'", "'RULE_ID'"),
        ("infra/modules/workspace.bicep", "empty(maskRuleId) ? null : maskRuleId", "null"),
    ],
    rules.every_alert_names_its_section_of_the_runbook: [
        (ALERTS, "docs/runbook.md#alert-failures describes", "The runbook describes"),
        (ALERTS, "#alert-availability", "#availability"),
        ("docs/runbook.md", "## Alert: daily cap\n", "## The daily cap\n"),
    ],
    rules.every_query_has_an_alert: [(ALERTS, UNKNOWN, UNKNOWN.replace("unknown", "throttled"))],
    rules.queries_read_existing_events: [
        ("infra/queries/unknown.kql", "Properties.usersListed", "Properties.users"),
        ("infra/workbook.json", "Properties.byStatus", "Properties.statuses"),
        ("infra/queries/no-scan.kql", "'ScanFinished'", "'ScanEnded'"),
    ],
    rules.the_registration_has_the_roles_of_the_app: [
        (API, "value: 'Scans.Run'", "value: 'Scans.Start'"),
        (API, "appRoleAssignmentRequired: true", "appRoleAssignmentRequired: false"),
        (ENTRA, "['api://${apiClientId}']", "['api://bookings-atlas']"),
    ],
    rules.the_connector_has_a_registration_of_its_own: [
        (API, "appId: client\n", "appId: api.appId\n"),
        (ENTRA, "preauthorizedClients: concat([connector.appId], preauthorizedClients)", "preauthorizedClients: []"),
        (ENTRA, "redirectUris: connectorRedirectUris", "redirectUris: []"),
    ],
    rules.each_application_is_declared_once: [
        (ENTRA, "uniqueName: '${uniqueName}-connector'", "uniqueName: uniqueName"),
    ],
    rules.findings_of_the_linter_are_warnings: [
        (CONFIG, '"no-hardcoded-location": { "level": "warning" }', '"no-hardcoded-location": { "level": "error" }'),
        (MAIN, "targetScope = ", "extension microsoftGraphV1\ntargetScope = "),
    ],
    rules.the_host_files_differ_only_in_storage: [
        ("host.json", "00:30:00", "00:10:00"),
        ("host.dts.json", "DURABLE_TASK_SCHEDULER_CONNECTION_STRING", "DTS"),
    ],
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_infrastructure_follows_the_rule(rule: Rule) -> None:
    assert not list(rule(Infra()))


@pytest.mark.parametrize(
    ("rule", "file", "old", "new"),
    [(rule, *change) for rule, changes in VIOLATIONS.items() for change in changes],
    ids=lambda part: getattr(part, "__name__", None),
)
def test_a_violation_is_noticed(rule: Rule, file: str, old: str, new: str, copy: Path) -> None:
    text = (copy / file).read_text()
    assert old in text
    (copy / file).write_text(text.replace(old, new, 1))

    assert list(rule(Infra(copy)))


def test_every_rule_has_a_violation() -> None:
    assert VIOLATIONS.keys() == set(RULES)


def test_a_malformed_file_is_an_error(copy: Path) -> None:
    (copy / STORAGE).write_text("resource account 'Microsoft.Storage/storageAccounts@2025-01-01' = {")

    with pytest.raises(LarkError):
        list(Infra(copy).resources())


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of everything that the rules read."""
    shutil.copytree(ROOT / "infra", tmp_path / "infra")
    (tmp_path / "docs").mkdir()
    for file in ("host.json", "host.dts.json", ".python-version", "docs/runbook.md"):
        shutil.copy(ROOT / file, tmp_path / file)
    return tmp_path
