"""The connector's actions, trigger and policies are consistent, as the designer and the platform require.

Sources: [V] learn.microsoft.com/connectors/custom-connectors/certification-swagger-validator-rules, [X]
learn.microsoft.com/connectors/custom-connectors/openapi-extensions, [P] published connectors of
microsoft/PowerPlatformConnectors (October 2024), [T] learn training "create-triggers-custom-connectors".
"""

import re

import pytest

from atlas.domain.time_zones import time_zone
from tests.connector.connector_files import (
    OPERATIONS,
    PATHS,
    PROPERTIES,
    members,
    parameters,
    policies,
    response_member,
)


@pytest.mark.parametrize("name", OPERATIONS)
def test_responses_are_typed(name: str) -> None:
    """[V]: one 200 with a schema, known problems beside it, and no ``default`` that hides them."""
    responses = OPERATIONS[name]["responses"]

    assert "schema" in responses["200"]
    assert [status for status in responses if status.startswith("4")]
    assert [status for status in responses if status.startswith("5")]
    assert "default" not in responses
    assert [status for status, response in responses.items() if not response["description"]] == []


def test_every_field_has_a_type() -> None:
    """[V]; ``value`` of a policy is any JSON, which OpenAPI writes as no type."""
    untyped = [place for place, schema in (*parameters(), *members()) if "type" not in schema]

    assert untyped == []
    assert [place for place, schema in members() if schema["type"] == "array" and not schema["items"]] == []


@pytest.mark.parametrize("name", OPERATIONS)
def test_path_parameters_are_required_and_encoded(name: str) -> None:
    """[X]: ``x-ms-url-encoding``; each has its place in the path."""
    in_path = {one["name"]: one for one in OPERATIONS[name]["parameters"] if one["in"] == "path"}

    assert in_path.keys() == set(re.findall(r"{(\w+)}", PATHS[name]))
    assert {one["required"] for one in in_path.values()} <= {True}
    assert {one["x-ms-url-encoding"] for one in in_path.values()} <= {"double"}


def test_internal_parameters_can_be_sent() -> None:
    """[X]: a maker cannot fill in a parameter that is not shown, so a required one has a default."""
    internal = [(place, one) for place, one in parameters() if one.get("x-ms-visibility") == "internal"]

    assert internal
    assert [place for place, one in internal if one["required"] and "default" not in one] == []


@pytest.mark.parametrize("name", OPERATIONS)
def test_required_parameters_come_first(name: str) -> None:
    """The designer shows parameters in the order of the file [P]."""
    shown = [one for one in OPERATIONS[name]["parameters"] if one.get("x-ms-visibility") != "internal"]
    is_optional = [not one["required"] for one in shown]

    assert is_optional == sorted(is_optional)


@pytest.mark.parametrize("file", PROPERTIES)
def test_lists_have_a_paging_policy(file: str) -> None:
    """[X], and PowerPlatformConnectors issue 2959: ``x-ms-pageable`` has no effect without ``updatenextlink``."""
    paged = {name: one["x-ms-pageable"]["nextLinkName"] for name, one in OPERATIONS.items() if "x-ms-pageable" in one}
    updated = policies(PROPERTIES[file], "updatenextlink")

    assert paged
    assert {name: policy["nextLinkPropertyName"] for name, policy in updated.items()} == paged
    assert [name for name, link in paged.items() if response_member(OPERATIONS[name], link) is None] == []


@pytest.mark.parametrize("file", PROPERTIES)
def test_triggers_can_be_polled(file: str) -> None:
    """The policy sends the cursor of the response back as ``since`` [T].

    In all 12 published connectors with this policy, paths begin with ``/trigger/`` and ``x-ms-trigger-value`` is absent
    [P]; without the prefix, issue 3181 reports that no state is sent.
    """
    triggers = {name: one for name, one in OPERATIONS.items() if "x-ms-trigger" in one}
    polled = policies(PROPERTIES[file], "pollingtrigger")

    assert triggers
    assert polled.keys() == triggers.keys()
    for name, trigger in triggers.items():
        (state,) = [one for one in trigger["parameters"] if one.get("x-ms-visibility") == "internal"]
        assert PATHS[name].startswith("/trigger/")
        assert "x-ms-trigger-value" not in str(trigger)
        assert trigger["x-ms-trigger-metadata"] == {"kind": "query", "mode": "polling"}
        assert (state["x-ms-visibility"], state["required"]) == ("internal", False)
        assert polled[name]["triggerConfig"] == {state["name"]: "@{triggerBody().cursor}"}
        assert polled[name]["triggerDataPath"] == "@triggerBody().value"
        assert response_member(trigger, "cursor")
        assert response_member(trigger, "value")


def test_choices_come_from_an_operation_that_returns_them() -> None:
    """[X]: ``x-ms-dynamic-values`` names an operation, its parameters, and members of its response."""
    choosing = [one["x-ms-dynamic-values"] for _, one in parameters() if "x-ms-dynamic-values" in one]

    assert choosing
    for choice in choosing:
        operation = OPERATIONS[choice["operationId"]]
        known = {one["name"]: one for one in operation["parameters"]}
        required = {name for name, one in known.items() if one["required"]}
        assert required <= choice["parameters"].keys() <= known.keys()
        for key in ("value-path", "value-title"):
            assert response_member(operation, f"{choice['value-collection']}/{choice[key]}")


def test_both_kinds_of_choices_say_the_same() -> None:
    """[X]: newer designers read ``x-ms-dynamic-list``, older ones ``x-ms-dynamic-values``."""
    choosing = [one for _, one in parameters() if "x-ms-dynamic-values" in one]

    assert choosing
    for one in choosing:
        old, new = one["x-ms-dynamic-values"], one["x-ms-dynamic-list"]
        assert (old["operationId"], old["value-collection"]) == (new["operationId"], new["itemsPath"])
        assert (old["value-path"], old["value-title"]) == (new["itemValuePath"], new["itemTitlePath"])
        assert old["parameters"].keys() == new["parameters"].keys()


def test_the_outputs_that_makers_want_come_first() -> None:
    """As in published connectors [P]: URLs and statuses are important, cursors and links internal."""
    shown = {place.rpartition(".")[2]: one.get("x-ms-visibility") for place, one in members()}

    assert {shown[name] for name in ("url", "anonymousUrl", "status", "kind")} == {"important"}
    assert {shown[name] for name in ("cursor", "nextLink", "continuation")} == {"internal"}


def test_enum_values_have_labels() -> None:
    """[X]: ``x-ms-enum-values`` gives each value a display name."""
    enum_labels = [(place, one) for place, one in (*parameters(), *members()) if "x-ms-enum-values" in one]

    assert len(enum_labels) > 5
    for place, one in enum_labels:
        assert [entry["value"] for entry in one["x-ms-enum-values"]] == one["enum"], place


@pytest.mark.parametrize("file", PROPERTIES)
def test_policies_name_operations_that_exist(file: str) -> None:
    """A policy of an operation that does not exist is ignored without a word [P]."""
    named = {
        name
        for policy in PROPERTIES[file]["policyTemplateInstances"]
        for name in policy["parameters"]["x-ms-apimTemplate-operationName"]
    }

    assert named <= OPERATIONS.keys()


def test_every_time_zone_that_is_offered_is_valid() -> None:
    """A drop-down with a fixed list: its values are IANA names, its labels name Windows' zone as well."""
    (offered,) = [one for place, one in parameters() if place == "GetAvailability.timeZone"]
    entries = {entry["value"]: entry["displayName"] for entry in offered["x-ms-enum-values"]}

    assert next(iter(entries)) == offered["default"] == "UTC"
    assert len(entries) > 100
    assert {str(time_zone(name)) for name in entries} == set(entries)
    assert entries["Europe/Berlin"] == "Europe/Berlin (W. Europe Standard Time)"
