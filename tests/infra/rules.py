"""Every rule for the infrastructure. Each yields what violates it."""

from collections.abc import Callable, Iterator

from bicep_files import Infra
from configuration_rules import (
    a_deployment_lets_running_functions_finish,
    every_parameter_is_described_and_typed,
    every_resource_is_tagged,
    every_setting_is_deployed_or_has_a_reason,
    findings_of_the_linter_are_warnings,
    invalid_combinations_fail_first,
    limits_and_defaults_match_the_app,
    one_instance_is_ready_for_orchestrations,
    outputs_follow_the_style_of_azd,
    the_app_has_its_runtime_and_package,
    the_host_files_differ_only_in_storage,
    the_parameter_file_sets_every_parameter,
)
from observability_rules import (
    a_threshold_of_zero_disables_the_alert,
    every_alert_names_its_section_of_the_runbook,
    every_query_has_an_alert,
    no_log_names_people,
    queries_read_existing_events,
    the_workspace_keeps_its_mask,
)
from registration_rules import (
    each_application_is_declared_once,
    the_connector_has_a_registration_of_its_own,
    the_registration_has_the_roles_of_the_app,
)
from security_rules import (
    basic_publishing_is_off,
    easy_auth_only_validates_tokens,
    no_secret_is_read_or_returned,
    private_networking_covers_storage_vault_and_scheduler,
    role_assignments_are_minimal,
    storage_accepts_identities_over_tls_only,
    telemetry_and_vault_accept_no_keys,
    the_app_accepts_https_only,
)

type Rule = Callable[[Infra], Iterator[str]]

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
