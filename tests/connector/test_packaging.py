"""Sign-in, brand, contact and the form of the files.

Sources: [V] learn.microsoft.com/connectors/custom-connectors/certification-swagger-validator-rules, [P]
`.github/pull_request_template.md` and pull request 3473 of microsoft/PowerPlatformConnectors, [J] its JSON schema
`schemas/paconn-apiProperties.schema.json`.
"""

import struct
from urllib.parse import urlsplit

import pytest

from api.openapi.operations import OPERATIONS
from connector.fill import AGENTS_DEFINITION, DEFINITION, HERE, ICON
from tests.connector.connector_files import DEFINED, PROPERTIES, Document, committed


def test_property_files_differ_only_in_sign_in() -> None:
    """A custom connector cannot have both kinds of sign-in [J], so there are two files."""
    rest = [{key: value for key, value in one.items() if key != "connectionParameters"} for one in PROPERTIES.values()]

    assert rest[0] == rest[1]


@pytest.mark.parametrize("file", PROPERTIES)
def test_a_property_file_has_one_kind_of_sign_in(file: str) -> None:
    """[J]: custom connectors may not have ``connectionParameterSets``."""
    kinds = [one["type"] for one in PROPERTIES[file]["connectionParameters"].values()]

    assert len([kind for kind in kinds if kind in {"oauthSetting", "securestring"}]) == 1


def test_the_brand_colour_is_ours() -> None:
    """[P]: neither the platform's default nor white."""
    (colour,) = {one["iconBrandColor"] for one in PROPERTIES.values()}

    assert len(bytes.fromhex(colour.removeprefix("#"))) == 3
    assert colour.lower() not in {"#007ee5", "#ffffff"}


def test_the_metadata_is_complete() -> None:
    """[V]: website, privacy policy, categories and contact; 945 of 1,014 published connectors have an email."""
    metadata = {entry["propertyName"]: entry["propertyValue"] for entry in DEFINED["x-ms-connector-metadata"]}

    assert all(metadata[name] for name in ("Website", "Privacy policy", "Categories"))
    assert all(DEFINED["info"]["contact"][name] for name in ("name", "url", "email"))


@pytest.mark.parametrize("definition", [DEFINED, committed(AGENTS_DEFINITION)], ids=["flows", "agents"])
def test_the_website_opens_for_everyone(definition: Document) -> None:
    """A maker opens it from the page of the connector, without a key or token."""
    open_paths = {f"/api{operation.path}" for operation in OPERATIONS if operation.is_open}
    metadata = {entry["propertyName"]: entry["propertyValue"] for entry in definition["x-ms-connector-metadata"]}

    for url in (definition["info"]["contact"]["url"], metadata["Website"], metadata["Privacy policy"]):
        address = urlsplit(url)
        assert (address.scheme, address.netloc) == ("https", definition["host"])
        assert address.path in open_paths


def test_calls_are_encrypted_and_signed_in() -> None:
    """[V]: https only, and one sign-in for all operations."""
    assert DEFINED["schemes"] == ["https"]
    assert len(DEFINED["securityDefinitions"]) == 1
    assert DEFINED["security"]


@pytest.mark.parametrize("file", [DEFINITION, *PROPERTIES])
def test_files_are_indented_by_four_spaces(file: str) -> None:
    """[P]."""
    lines = (HERE / file).read_text(encoding="utf-8").splitlines()
    indents = {len(line) - len(line.lstrip(" ")) for line in lines}

    assert not any("\t" in line for line in lines)
    assert min(indents - {0}) == 4
    assert not any(indent % 4 for indent in indents)


def test_the_icon_is_square_and_opaque() -> None:
    """[P], pull request 3473: a PNG of 230 by 230 pixels, with 8 bits per colour and without transparency."""
    icon = (HERE / ICON).read_bytes()
    width, height, bit_depth, colour_type = struct.unpack(">IIBB", icon[16:26])

    assert icon.startswith(b"\x89PNG\r\n\x1a\n")
    assert (width, height) == (230, 230)
    assert (bit_depth, colour_type) == (8, 2), "the icon must be true colour without an alpha channel"
    assert b"tRNS" not in icon
