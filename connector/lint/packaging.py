"""What is handed in: sign-in, brand, contacts, and the form of the files."""

import re
import struct
import zlib

from connector.lint.files import Complaints, Connector

BAD_COLOURS = frozenset({"#007ee5", "#ffffff"})
ICON_SIZE = (230, 230)


def properties_are_alike(connector: Connector) -> Complaints:
    """The two kinds of sign-in differ in sign-in alone, and each file has one kind."""
    rest = [
        {name: value for name, value in document["properties"].items() if name != "connectionParameters"}
        for document in connector.properties.values()
    ]
    if any(one != rest[0] for one in rest):
        yield "the property files differ in more than sign-in"
    for file, document in connector.properties.items():
        kinds = [
            parameter["type"]
            for parameter in document["properties"].get("connectionParameters", {}).values()
            if parameter["type"] in {"oauthSetting", "securestring"}
        ]
        if len(kinds) != 1:
            yield f"{file}: has {len(kinds)} kinds of sign-in"


def brand_colour_is_ours(connector: Connector) -> Complaints:
    """Neither the colour that the platform gives by default nor white."""
    for file, document in connector.properties.items():
        shade = document["properties"].get("iconBrandColor", "")
        if not re.fullmatch(r"#[0-9a-fA-F]{6}", shade) or shade.lower() in BAD_COLOURS:
            yield f"{file}: the brand colour {shade!r} is none, the default or white"


def metadata_is_whole(connector: Connector) -> Complaints:
    """Who is behind it, and where to read about it."""
    told = {entry["propertyName"]: entry["propertyValue"] for entry in connector.definition["x-ms-connector-metadata"]}
    missing = {"Website", "Privacy policy", "Categories"} - {name for name, value in told.items() if value}
    yield from (f"x-ms-connector-metadata has no {name}" for name in sorted(missing))
    if not connector.definition["info"].get("contact", {}).get("name"):
        yield "info has no contact"


def calls_are_encrypted(connector: Connector) -> Complaints:
    """Only https, and one sign-in for all."""
    if connector.definition.get("schemes") != ["https"]:
        yield "the schemes are not https alone"
    if len(connector.definition.get("securityDefinitions", {})) != 1 or not connector.definition.get("security"):
        yield "there is not one sign-in for all operations"


def files_are_indented(connector: Connector) -> Complaints:
    """By four spaces."""
    for file, text in connector.texts.items():
        indents = {len(line) - len(line.lstrip(" ")) for line in text.splitlines() if line.strip()}
        if "\t" in text or any(indent % 4 for indent in indents) or 4 not in indents:
            yield f"{file}: is not indented by four spaces"


def icon_is_square_and_opaque(connector: Connector) -> Complaints:
    """A PNG of 230 by 230, of eight bits a colour, without transparency, whose corner is not white."""
    icon = connector.icon
    if icon[:8] != b"\x89PNG\r\n\x1a\n":
        yield "the icon is no PNG"
        return
    width, height, depth, kind = struct.unpack(">IIBB", icon[16:26])
    if (width, height) != ICON_SIZE:
        yield f"the icon is {width} by {height}"
    if (depth, kind) != (8, 2) or b"tRNS" in icon:
        yield "the icon is not of plain opaque colour"
        return
    start = icon.index(b"IDAT") + 4
    length = int.from_bytes(icon[start - 8 : start - 4])
    if zlib.decompress(icon[start : start + length])[1:4] == b"\xff\xff\xff":
        yield "the icon stands on white"
