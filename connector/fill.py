"""Fills in the host of the app and how makers sign in, and writes a folder that is ready to import.

    python connector/fill.py --host your-app.azurewebsites.net --sign-in entra \
        --tenant-id 11111111-2222-4333-8444-555555555555 --client-id 66666666-7777-4888-9999-000000000000 \
        --connector-client-id 12121212-3434-4565-8787-909090909090 --contact-email support@contoso.com --out filled

Requires only Python 3.10.
"""

import argparse
import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
DEFINITION = "apiDefinition.swagger.json"
PROPERTIES = "apiProperties.json"
ICON = "icon.png"
FILES = {"entra": PROPERTIES, "key": "apiProperties.key.json"}
"""The property file of each kind of sign-in."""

PLACEHOLDERS = {
    "host": "your-app.azurewebsites.net",
    "tenant_id": "your-tenant-id",
    "client_id": "your-client-id",
    "connector_client_id": "your-connector-id",
    "contact_email": "you@contoso.example",
}

SECURITY: dict[str, dict[str, Any]] = {
    "entra": {
        "securityDefinitions": {
            "oauth2_auth": {
                "type": "oauth2",
                "flow": "accessCode",
                "authorizationUrl": f"https://login.microsoftonline.com/{PLACEHOLDERS['tenant_id']}/oauth2/authorize",
                "tokenUrl": f"https://login.microsoftonline.com/{PLACEHOLDERS['tenant_id']}/oauth2/token",
                "scopes": {"user_impersonation": "Use the app as the user who signs in."},
            }
        },
        "security": [{"oauth2_auth": ["user_impersonation"]}],
    },
    "key": {
        "securityDefinitions": {"api_key": {"type": "apiKey", "in": "header", "name": "x-functions-key"}},
        "security": [{"api_key": []}],
    },
}
"""The part of the definition that depends on the kind of sign-in."""

HOST = re.compile(r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}", re.IGNORECASE)
EMAIL = re.compile(r"[^@\s\"\\]+@([a-z0-9-]+\.)+[a-z]{2,63}", re.IGNORECASE)
GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)


def main(arguments: list[str] | None = None) -> int:
    """Write the folder; 2 and a message that names every invalid argument if that is not possible."""
    parser = _parser()
    given = parser.parse_args(arguments)
    if invalid := _invalid(given):
        parser.error("\n  ".join(["", *invalid]))
    out: Path = given.out
    out.mkdir(parents=True, exist_ok=True)
    values = {name: getattr(given, name) for name in PLACEHOLDERS}
    definition = {**_read(DEFINITION), **SECURITY[given.sign_in]}
    _write(out / DEFINITION, definition, values)
    _write(out / PROPERTIES, _read(FILES[given.sign_in]), values)
    shutil.copyfile(HERE / ICON, out / ICON)
    sys.stdout.write(f"{out} contains {DEFINITION}, {PROPERTIES} and {ICON} for {given.host}.\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="fill.py", description="Write the connector for one deployed app.")
    parser.add_argument("--host", required=True, help="the host name of the app, as in your-app.azurewebsites.net")
    parser.add_argument(
        "--sign-in", required=True, choices=sorted(FILES), help="the value of the app's setting API_ACCESS"
    )
    parser.add_argument("--tenant-id", help="with entra: the ID of the tenant, a GUID")
    parser.add_argument("--client-id", help="with entra: the client ID of the app registration, a GUID")
    parser.add_argument(
        "--connector-client-id",
        help="with entra: the client ID of the connector's own app registration, a GUID",
    )
    parser.add_argument("--contact-email", required=True, help="where makers ask for help")
    parser.add_argument("--out", required=True, type=Path, help="the folder to write")
    return parser


def _invalid(given: argparse.Namespace) -> list[str]:
    """What is invalid, and what would be valid."""
    ids = {
        "--tenant-id": given.tenant_id,
        "--client-id": given.client_id,
        "--connector-client-id": given.connector_client_id,
    }
    checks = {
        f"--host {given.host}: should be a host name only, such as {PLACEHOLDERS['host']}": HOST.fullmatch(given.host),
        f"--host {given.host}: is the placeholder; should be the host name of your app": (
            given.host.lower() != PLACEHOLDERS["host"]
        ),
        f"--contact-email {given.contact_email}: should be an email address": (
            EMAIL.fullmatch(given.contact_email) and given.contact_email != PLACEHOLDERS["contact_email"]
        ),
        f"--connector-client-id {given.connector_client_id}: should be another registration than --client-id": (
            given.sign_in == "key" or given.connector_client_id != given.client_id or not given.client_id
        ),
        f"--out {given.out}: is a file, should be a folder": given.out.is_dir() or not given.out.exists(),
        f"--out {given.out}: contains the files to fill in; should be another folder": given.out.resolve() != HERE,
    }
    return [
        *(message for message, is_valid in checks.items() if not is_valid),
        *(message for name, value in ids.items() if (message := _invalid_id(given.sign_in, name, value))),
    ]


def _invalid_id(sign_in: str, name: str, value: str | None) -> str | None:
    if sign_in == "key":
        return None if value is None else f"{name}: applies only to --sign-in entra"
    if GUID.fullmatch(value or ""):
        return None
    return f"{name} {value or 'is missing'}: should be a GUID, as Microsoft Entra shows it"


def _read(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((HERE / name).read_text(encoding="utf-8"))
    return document


def _write(path: Path, document: dict[str, Any], values: dict[str, str | None]) -> None:
    text = as_text(document)
    for name, placeholder in PLACEHOLDERS.items():
        text = text.replace(placeholder, values[name] or placeholder)
    path.write_text(text, encoding="utf-8")


def as_text(document: dict[str, Any]) -> str:
    """A document in the format of the connector's files, indented by four spaces."""
    return json.dumps(document, indent=4, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.exit(main())
