"""The connector breaks no rule, and each rule is broken by what it is there for."""

import copy
import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from connector.fill import DEFINITION, PROPERTIES
from connector.lint.files import Connector, by_operation_id, read_connector
from connector.lint.rules import RULES, complaints_about

type Breaking = Callable[[Connector], Any]


def a_copy() -> Connector:
    """The connector, to be broken."""
    whole = read_connector()
    return replace(
        whole,
        definition=copy.deepcopy(whole.definition),
        properties=copy.deepcopy(whole.properties),
        texts=dict(whole.texts),
    )


def step(connector: Connector, name: str) -> dict[str, Any]:
    return by_operation_id(connector)[name]


def parameter(connector: Connector, operation: str, name: str) -> dict[str, Any]:
    return next(one for one in step(connector, operation)["parameters"] if one["name"] == name)


def info(**changed: str) -> Breaking:
    return lambda connector: connector.definition["info"].update(changed)


def said(operation: str, /, **changed: Any) -> Breaking:
    return lambda connector: step(connector, operation).update(
        {name.replace("_", "-"): value for name, value in changed.items()}
    )


def asked(operation: str, name: str, /, **changed: Any) -> Breaking:
    return lambda connector: parameter(connector, operation, name).update(
        {key.replace("_", "-"): value for key, value in changed.items()}
    )


def member(shape: str, name: str, /, **changed: Any) -> Breaking:
    return lambda connector: connector.definition["definitions"][shape]["properties"][name].update(
        {key.replace("_", "-"): value for key, value in changed.items()}
    )


def without(operation: str, *path: str) -> Breaking:
    def broken(connector: Connector) -> None:
        inner = step(connector, operation)
        for key in path[:-1]:
            inner = inner[key]
        del inner[path[-1]]

    return broken


def without_member(shape: str, name: str) -> Breaking:
    return lambda connector: connector.definition["definitions"][shape]["properties"].pop(name)


def told(**changed: Any) -> Breaking:
    return lambda connector: connector.properties[PROPERTIES]["properties"].update(changed)


def without_policy(template: str) -> Breaking:
    def broken(connector: Connector) -> None:
        told = connector.properties[PROPERTIES]["properties"]
        told["policyTemplateInstances"] = [
            policy for policy in told["policyTemplateInstances"] if policy["templateId"] != template
        ]

    return broken


def policy(template: str, /, **changed: Any) -> Breaking:
    def broken(connector: Connector) -> None:
        for one in connector.properties[PROPERTIES]["properties"]["policyTemplateInstances"]:
            if one["templateId"] == template:
                one["parameters"].update({f"x-ms-apimTemplateParameter.{key}": value for key, value in changed.items()})

    return broken


def drawn(width: int, height: int, kind: int, shade: bytes) -> bytes:
    """A PNG of one colour."""
    rows = (b"\0" + shade * width) * height
    parts = ((b"IHDR", struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)), (b"IDAT", zlib.compress(rows)))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in parts
    )


BREAKING: list[tuple[str, Breaking]] = [
    ("title_is_plain", info(title="Microsoft Bookings")),
    ("title_is_plain", info(title="Bookings Atlas API")),
    ("title_is_plain", info(title="Bookings for Power Automate")),
    ("title_is_plain", info(title="Bookings Atlas, the atlas of them all")),
    ("title_is_plain", info(title="Bookings Atlas!")),
    ("title_is_plain", info(title="")),
    ("description_is_plain", info(description="Too short.")),
    ("description_is_plain", info(description="An API that finds the booking page of everybody.")),
    ("description_is_plain", info(description="Finds the booking page of everybody, for Power Apps.")),
    ("description_is_plain", info(description="Finds the booking page of everybody in the tenant")),
    ("summaries_are_sentence_case", said("GetScan", summary="Get Scan")),
    ("summaries_are_sentence_case", said("GetScan", summary="get scan")),
    ("summaries_are_sentence_case", said("GetScan", summary="Get scan/page")),
    ("summaries_are_sentence_case", said("GetScan", summary="Get scan.")),
    ("summaries_are_sentence_case", said("GetScan", summary="Get " + "scan " * 20 + "now")),
    ("summaries_are_sentence_case", said("GetScan", summary="")),
    ("descriptions_are_sentences", said("GetScan", description="Gets how far a scan is")),
    ("descriptions_are_sentences", said("GetScan", description="Get scan.")),
    ("descriptions_are_sentences", without("GetScan", "description")),
    ("triggers_say_when", said("WhenPageChanges", summary="Page changed")),
    ("triggers_say_when", said("WhenPageChanges", description="Triggers when a page changes.")),
    ("triggers_say_when", without("WhenPageChanges", "x-ms-trigger-hint")),
    ("operation_ids_are_pascal_case", said("GetScan", operationId="getScan")),
    ("operation_ids_are_pascal_case", said("GetScan", operationId="Get_Scan")),
    ("operation_ids_are_pascal_case", said("GetScan", operationId="StartScan")),
    ("everything_has_a_title", asked("GetScan", "id", x_ms_summary="scan id")),
    ("everything_has_a_title", member("User", "reason", x_ms_summary="")),
    ("everything_has_a_title", member("User", "reason", x_ms_summary="A" * 81)),
    ("everything_is_described", asked("GetScan", "id", description="The id")),
    ("everything_is_described", member("User", "reason", description="Reason.")),
    ("answers_are_typed", without("GetScan", "responses", "200", "schema")),
    ("answers_are_typed", without("ListPages", "responses", "503")),
    ("answers_are_typed", said("GetScan", responses={"200": {"description": "x", "schema": {}}, "default": {}})),
    ("types_are_whole", member("User", "findings", items={})),
    ("types_are_whole", lambda connector: connector.definition["definitions"]["User"]["properties"]["url"].pop("type")),
    ("path_parameters_are_encoded", lambda connector: parameter(connector, "GetScan", "id").pop("x-ms-url-encoding")),
    ("path_parameters_are_encoded", asked("GetScan", "id", required=False)),
    ("path_parameters_are_encoded", asked("GetScan", "id", name="scan")),
    (
        "internal_parameters_can_be_sent",
        lambda connector: parameter(connector, "GetBookingPage", "availability").pop("default"),
    ),
    ("required_parameters_come_first", asked("ListPages", "search", required=True)),
    ("pages_have_their_policy", without_policy("updatenextlink")),
    ("pages_have_their_policy", policy("updatenextlink", nextLinkPropertyName="@odata.nextLink")),
    ("pages_have_their_policy", without_member("UserList", "nextLink")),
    ("triggers_can_be_polled", without_policy("pollingtrigger")),
    ("triggers_can_be_polled", policy("pollingtrigger", triggerConfig={"after": "@{triggerBody().cursor}"})),
    ("triggers_can_be_polled", policy("pollingtrigger", triggerDataPath="@triggerBody().items")),
    ("triggers_can_be_polled", without("WhenPageChanges", "x-ms-trigger-metadata")),
    ("triggers_can_be_polled", asked("WhenPageChanges", "since", x_ms_visibility="advanced")),
    ("triggers_can_be_polled", without_member("ChangeList", "cursor")),
    ("triggers_can_be_polled", without_member("Change", "cursor")),
    (
        "dynamic_values_can_be_asked",
        lambda connector: parameter(connector, "GetAvailability", "meetingType")["x-ms-dynamic-values"].update(
            operationId="ListMeetingTypes"
        ),
    ),
    (
        "dynamic_values_can_be_asked",
        lambda connector: parameter(connector, "GetAvailability", "meetingType")["x-ms-dynamic-values"].update(
            parameters={}
        ),
    ),
    ("dynamic_values_can_be_asked", without_member("MeetingType", "title")),
    ("policies_fit_the_operations", said("GetAvailability", operationId="GetFreeTimes")),
    ("policies_fit_the_operations", policy("routerequesttoendpoint", newPath="/api/users/{name}/bookings")),
    ("properties_are_alike", told(publisher="Somebody else")),
    ("properties_are_alike", told(connectionParameters={})),
    ("properties_are_alike", told(connectionParameters={"a": {"type": "securestring"}, "b": {"type": "oauthSetting"}})),
    ("brand_colour_is_ours", told(iconBrandColor="#007ee5")),
    ("brand_colour_is_ours", told(iconBrandColor="#FFFFFF")),
    ("brand_colour_is_ours", told(iconBrandColor="green")),
    ("metadata_is_whole", lambda connector: connector.definition["x-ms-connector-metadata"].pop()),
    ("metadata_is_whole", lambda connector: connector.definition["info"].pop("contact")),
    ("calls_are_encrypted", lambda connector: connector.definition.update(schemes=["https", "http"])),
    ("calls_are_encrypted", lambda connector: connector.definition.update(securityDefinitions={})),
    ("files_are_indented", lambda connector: connector.texts.update({DEFINITION: '{\n  "swagger": "2.0"\n}\n'})),
    ("files_are_indented", lambda connector: connector.texts.update({DEFINITION: '{\n\t"swagger": "2.0"\n}\n'})),
]

ICONS = {
    "no PNG": b"GIF89a",
    "too small": drawn(32, 32, 2, b"\x0b\x5c\x55"),
    "transparent": drawn(230, 230, 6, b"\x0b\x5c\x55\x00"),
    "white": drawn(230, 230, 2, b"\xff\xff\xff"),
}


def test_the_connector_breaks_no_rule() -> None:
    assert complaints_about(read_connector()) == {}


@pytest.mark.parametrize(("rule", "breaking"), BREAKING, ids=[rule for rule, _ in BREAKING])
def test_a_rule_is_broken_by_what_it_is_there_for(rule: str, breaking: Breaking) -> None:
    connector = a_copy()
    breaking(connector)

    assert rule in complaints_about(connector)


@pytest.mark.parametrize("icon", ICONS)
def test_a_wrong_icon_is_told(icon: str) -> None:
    assert list(complaints_about(replace(a_copy(), icon=ICONS[icon]))) == ["icon_is_square_and_opaque"]


def test_every_rule_is_broken_once() -> None:
    assert {rule for rule, _ in BREAKING} | {"icon_is_square_and_opaque"} == set(RULES)
