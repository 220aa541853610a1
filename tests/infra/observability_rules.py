"""Rules for alerts, their queries, and logs that name no person."""

import json
import re
from collections.abc import Iterator
from inspect import getsource

from bicep_files import Infra, limit_of

from atlas.domain import events

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
