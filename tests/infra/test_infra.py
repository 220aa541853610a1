"""Holds the infrastructure to what it promises, and each promise to being noticed when it is broken."""

import shutil
from pathlib import Path

import pytest
from bicep_files import ROOT, Infra
from lark.exceptions import LarkError
from rules import (
    RULES,
    Rule,
    a_threshold_of_none_ends_the_alert,
    both_configurations_have_the_same_rules,
    easy_auth_lets_health_through_and_nobody_else,
    every_alert_says_where_to_read_on,
    every_parameter_is_described_and_typed,
    every_query_is_asked,
    every_resource_is_tagged,
    every_setting_is_set_or_has_a_reason,
    limits_and_defaults_are_those_of_the_app,
    no_log_names_who_was_looked_up,
    no_secret_is_read_or_leaves,
    outputs_are_in_the_style_of_azd,
    queries_read_events_that_are_written,
    roles_are_few_and_given_on_one_resource,
    storage_is_entered_by_identity_over_tls,
    telemetry_and_vault_take_no_keys,
    the_app_answers_https_alone,
    the_host_files_differ_in_where_flows_are_kept,
    the_identity_gets_no_other_right,
    the_registration_has_the_roles_of_the_app,
    the_runtime_is_the_projects,
    the_sizes_differ_in_size_alone,
    what_could_not_work_ends_at_once,
)

MAIN = "infra/main.bicep"
APP = "infra/modules/function-app.bicep"
STORAGE = "infra/modules/storage.bicep"
ALERTS = "infra/modules/alerts.bicep"
WATCH = "infra/modules/observability.bicep"
MASK = "infra/modules/without-people.kql"
ENTRA = "infra/entra/main.bicep"
SMALL = "infra/main.bicepparam"
SUBJECT = "subject: identityPrincipalId"
ASKED = "loadTextContent('../queries/unknown.kql')"

BREAKS: list[tuple[Rule, str, str, str]] = [
    (no_secret_is_read_or_leaves, APP, "value: '${storage.", "value: '${storage.listKeys().keys[0].value}${storage."),
    (no_secret_is_read_or_leaves, APP, "string = app.name", "string = applicationInsights.properties.ConnectionString"),
    (storage_is_entered_by_identity_over_tls, STORAGE, "allowSharedKeyAccess: false", "allowSharedKeyAccess: true"),
    (storage_is_entered_by_identity_over_tls, STORAGE, "TLS1_2", "TLS1_0"),
    (storage_is_entered_by_identity_over_tls, STORAGE, "    supportsHttpsTrafficOnly: true\n", ""),
    (storage_is_entered_by_identity_over_tls, STORAGE, "enabled: true", "enabled: false"),
    (
        telemetry_and_vault_take_no_keys,
        "infra/modules/observability.bicep",
        "DisableLocalAuth: true",
        "DisableLocalAuth: false",
    ),
    (
        telemetry_and_vault_take_no_keys,
        "infra/modules/vault.bicep",
        "enableRbacAuthorization: true",
        "enableRbacAuthorization: false",
    ),
    (the_app_answers_https_alone, APP, "httpsOnly: true", "httpsOnly: false"),
    (the_app_answers_https_alone, APP, "minTlsVersion: '1.2'", "minTlsVersion: '1.0'"),
    (the_app_answers_https_alone, APP, "http20Enabled: true", "ftpsState: 'Disabled'"),
    (the_app_answers_https_alone, APP, "http20Enabled: true", "cors: { allowedOrigins: ['*'] }"),
    (the_app_answers_https_alone, APP, "['ftp', 'scm']", "['ftp']"),
    (the_app_answers_https_alone, APP, "allow: false", "allow: true"),
    (the_runtime_is_the_projects, ".python-version", "3.13", "3.14"),
    (the_runtime_is_the_projects, APP, "'UserAssignedIdentity'", "'StorageAccountConnectionString'"),
    (easy_auth_lets_health_through_and_nobody_else, APP, "'/api/health'", "'/api/*'"),
    (easy_auth_lets_health_through_and_nobody_else, APP, "'Return401'", "'AllowAnonymous'"),
    (
        easy_auth_lets_health_through_and_nobody_else,
        APP,
        "requireAuthentication: byToken",
        "requireAuthentication: false",
    ),
    (easy_auth_lets_health_through_and_nobody_else, APP, "accessSettings, durable", "durable"),
    (
        roles_are_few_and_given_on_one_resource,
        STORAGE,
        "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
        "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
    ),
    (roles_are_few_and_given_on_one_resource, STORAGE, "    scope: account\n", ""),
    (roles_are_few_and_given_on_one_resource, STORAGE, "guid(account.id, principalId, role.value)", "newGuid()"),
    (every_setting_is_set_or_has_a_reason, APP, "  HISTORY_DAYS: string(settings.historyDays)\n", ""),
    (every_setting_is_set_or_has_a_reason, APP, "  HISTORY_DAYS:", "  HISTORY_MONTHS:"),
    (every_setting_is_set_or_has_a_reason, APP, "  API_ACCESS:", "  GRAPH_URL:"),
    (every_setting_is_set_or_has_a_reason, APP, "union(platformSettings, ", "union("),
    (
        limits_and_defaults_are_those_of_the_app,
        MAIN,
        "param probeConcurrency int = 4",
        "param probeConcurrency int = 5",
    ),
    (limits_and_defaults_are_those_of_the_app, MAIN, "@maxValue(3650)", "@maxValue(365)"),
    (
        every_parameter_is_described_and_typed,
        MAIN,
        "param apiAllowedApplications string[]",
        "param apiAllowedApplications array",
    ),
    (every_parameter_is_described_and_typed, ALERTS, "@description('Who gets a mail.')\n", ""),
    (outputs_are_in_the_style_of_azd, MAIN, "output FUNCTION_APP_URL", "output functionAppUrl"),
    (every_resource_is_tagged, STORAGE, "  tags: tags\n", ""),
    (every_resource_is_tagged, MAIN, "'azd-env-name': environmentName", "'azd-env-name': owner"),
    (every_resource_is_tagged, APP, "'azd-service-name': 'atlas'", "'azd-service-name': 'app'"),
    (the_sizes_differ_in_size_alone, SMALL, "param deleteLock", "param lockDelete"),
    (the_sizes_differ_in_size_alone, SMALL, "'ATLAS_HISTORY_DAYS', '30'", "'ATLAS_HISTORY_DAYS', '7'"),
    (the_sizes_differ_in_size_alone, SMALL, "maximumInstanceCount = 40", "maximumInstanceCount = 10"),
    (the_sizes_differ_in_size_alone, SMALL, "'Standard_LRS'", "'Standard_ZRS'"),
    (the_sizes_differ_in_size_alone, SMALL, "trim(address)", "address"),
    (what_could_not_work_ends_at_once, MAIN, "tags: empty(faults) ? tags : fail(join(faults, ' '))", "tags: tags"),
    (what_could_not_work_ends_at_once, MAIN, "  lacksTheApi ? ", "  false ? "),
    (what_could_not_work_ends_at_once, ENTRA, "@maxLength(58)", "@maxLength(64)"),
    (a_threshold_of_none_ends_the_alert, ALERTS, "enabled: rule.enabled", "enabled: true"),
    (a_threshold_of_none_ends_the_alert, ALERTS, "thresholds.hoursWithoutScan > 0", "true"),
    (a_threshold_of_none_ends_the_alert, MAIN, "@minValue(0)\n@maxValue(47)", "@minValue(1)\n@maxValue(47)"),
    (no_log_names_who_was_looked_up, STORAGE, "scope: blobs\n", "scope: tables\n"),
    (no_log_names_who_was_looked_up, "infra/modules/vault.bicep", "    logs: [\n", "    metrics: []\n    logs: [\n"),
    (no_log_names_who_was_looked_up, WATCH, "'Microsoft-Table-AppRequests'", "'Microsoft-Table-AppTraces'"),
    (no_log_names_who_was_looked_up, WATCH, "    transformationId: transformation.id\n", ""),
    (no_log_names_who_was_looked_up, MASK, "(?i)", ""),
    (no_log_names_who_was_looked_up, MASK, "[^{]", "."),
    (no_log_names_who_was_looked_up, MASK, "extract(", "replace_regex("),
    (no_log_names_who_was_looked_up, MASK, "source\n", "source // as it comes\n"),
    (no_log_names_who_was_looked_up, MASK, "| extend Properties = iif(", "| where iif("),
    (every_alert_says_where_to_read_on, ALERTS, "docs/operate.md#alert-failures says", "The runbook says"),
    (every_alert_says_where_to_read_on, ALERTS, "#alert-availability", "#availability"),
    (every_alert_says_where_to_read_on, "docs/operate.md", "### Alert: daily cap\n", "### The daily cap\n"),
    (every_query_is_asked, ALERTS, ASKED, ASKED.replace("unknown", "throttled")),
    (queries_read_events_that_are_written, "infra/queries/unknown.kql", "Properties.usersListed", "Properties.users"),
    (queries_read_events_that_are_written, "infra/workbook.json", "Properties.byStatus", "Properties.statuses"),
    (queries_read_events_that_are_written, "infra/queries/no-scan.kql", "'ScanFinished'", "'ScanEnded'"),
    (the_registration_has_the_roles_of_the_app, ENTRA, "value: 'Scans.Run'", "value: 'Scans.Start'"),
    (
        the_registration_has_the_roles_of_the_app,
        ENTRA,
        "appRoleAssignmentRequired: true",
        "appRoleAssignmentRequired: false",
    ),
    (the_registration_has_the_roles_of_the_app, ENTRA, SUBJECT, "subject: uniqueName"),
    (the_identity_gets_no_other_right, ENTRA, "'User.Read.All'", "'User.ReadWrite.All'"),
    (the_identity_gets_no_other_right, ENTRA, "identityIsTheSignIn && readExchange ?", "identityIsTheSignIn ?"),
    (
        both_configurations_have_the_same_rules,
        "infra/entra/bicepconfig.json",
        '"no-unused-vars": { "level": "error"',
        '"no-unused-vars": { "level": "off"',
    ),
    (the_host_files_differ_in_where_flows_are_kept, "host.json", "00:30:00", "00:10:00"),
    (the_host_files_differ_in_where_flows_are_kept, "host.dts.json", "DURABLE_TASK_SCHEDULER_CONNECTION_STRING", "DTS"),
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_promise_is_kept(rule: Rule) -> None:
    assert not list(rule(Infra()))


@pytest.mark.parametrize(("rule", "file", "old", "new"), BREAKS, ids=lambda part: getattr(part, "__name__", None))
def test_a_broken_promise_is_noticed(rule: Rule, file: str, old: str, new: str, a_copy: Path) -> None:
    text = (a_copy / file).read_text()
    assert old in text
    (a_copy / file).write_text(text.replace(old, new, 1))

    assert list(rule(Infra(a_copy)))


def test_every_promise_can_be_broken() -> None:
    assert {rule for rule, *_ in BREAKS} == set(RULES)


def test_a_file_that_cannot_be_read_is_no_file_without_faults(a_copy: Path) -> None:
    (a_copy / STORAGE).write_text("resource account 'Microsoft.Storage/storageAccounts@2025-01-01' = {")

    with pytest.raises(LarkError):
        list(Infra(a_copy).made())


@pytest.fixture
def a_copy(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "infra", tmp_path / "infra")
    (tmp_path / "docs").mkdir()
    for file in ("host.json", "host.dts.json", ".python-version", "docs/operate.md"):
        shutil.copy(ROOT / file, tmp_path / file)
    return tmp_path
