"""Fills in the host of the app and how makers sign in, and writes a folder that is ready to import.

    python connector/fill.py --host your-app.azurewebsites.net --sign-in entra \
        --tenant-id 11111111-2222-4333-8444-555555555555 --client-id 66666666-7777-4888-9999-000000000000 \
        --connector-client-id 12121212-3434-4565-8787-909090909090 --contact-email support@contoso.com --out filled

Every value may come from an environment variable instead; ``azd env get-values`` prints most of them. With
``--solution``, the Power Platform CLI imports the connector into that solution. Requires only Python 3.10.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
DEFINITION = "apiDefinition.swagger.json"
PROPERTIES = "apiProperties.json"
ICON = "icon.png"
FILES = {"entra": PROPERTIES, "key": "apiProperties.key.json"}
"""The property file of each kind of sign-in."""
AGENTS_DEFINITION = "apiDefinition.agents.swagger.json"
AGENTS_FILES = {"entra": "apiProperties.agents.json", "key": "apiProperties.agents.key.json"}
"""The same files of the connector for agents."""
CONNECTORS = {"flows": (DEFINITION, FILES), "agents": (AGENTS_DEFINITION, AGENTS_FILES)}

PLACEHOLDERS = {
    "host": "your-app.azurewebsites.net",
    "tenant_id": "your-tenant-id",
    "client_id": "your-client-id",
    "connector_client_id": "your-connector-id",
    "contact_email": "you@contoso.example",
}

VARIABLES = {
    "host": "FUNCTION_APP_HOSTNAME",
    "sign_in": "ATLAS_API_ACCESS",
    "tenant_id": "ATLAS_TENANT_ID",
    "client_id": "ATLAS_API_CLIENT_ID",
    "connector_client_id": "ATLAS_CONNECTOR_CLIENT_ID",
    "contact_email": "ATLAS_CONTACT_EMAIL",
    "solution": "ATLAS_CONNECTOR_SOLUTION",
    "connector_id": "ATLAS_CONNECTOR_ID",
    "environment": "ATLAS_POWER_PLATFORM_ENVIRONMENT",
}
"""The environment variable of each argument. If ``azd`` writes the value, the variable has the name that azd uses."""
ONLY_WITH_ENTRA = ("tenant_id", "client_id", "connector_client_id")

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
SOLUTION = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,64}")
ENVIRONMENT = re.compile(r"https://[a-z0-9.-]+/?", re.IGNORECASE)
GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)


def main(arguments: list[str] | None = None) -> int:
    """Write the folder and, with a solution, import it; 2 and a message that names every invalid value if one is."""
    parser = _parser()
    given = _with_variables(parser.parse_args(arguments))
    if invalid := _invalid(given):
        parser.error("\n  ".join(["", *invalid]))
    out: Path = given.out
    out.mkdir(parents=True, exist_ok=True)
    values = {name: getattr(given, name) for name in PLACEHOLDERS}
    definition_file, property_files = CONNECTORS[given.connector]
    definition = {**_read(definition_file), **SECURITY[given.sign_in]}
    _write(out / DEFINITION, definition, values)
    _write(out / PROPERTIES, _read(property_files[given.sign_in]), values)
    shutil.copyfile(HERE / ICON, out / ICON)
    sys.stdout.write(f"{out} contains {DEFINITION}, {PROPERTIES} and {ICON} for {given.host}.\n")
    return _import(given) if given.solution or given.connector_id else 0


def _import(given: argparse.Namespace) -> int:
    """The exit code of the Power Platform CLI, which creates the connector in its solution, or updates it."""
    program = shutil.which("pac")
    if program is None:
        sys.stderr.write("pac, the Power Platform CLI, is not on the path. The folder can be imported by hand.\n")
        return 1
    command = [program, "connector", "update" if given.connector_id else "create"]
    command += ["--connector-id", given.connector_id] if given.connector_id else []
    command += ["--api-definition-file", str(given.out / DEFINITION)]
    command += ["--api-properties-file", str(given.out / PROPERTIES), "--icon-file", str(given.out / ICON)]
    command += ["--solution-unique-name", given.solution] if given.solution and not given.connector_id else []
    command += ["--environment", given.environment] if given.environment else []
    return subprocess.run(command, check=False).returncode  # noqa: S603 - a program of the caller's, with checked values


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fill.py",
        description="Write the connector for one deployed app, and import it into a solution.",
        epilog="Arguments take precedence over their environment variables.",
    )

    def add(name: str, text: str, **more: Any) -> None:
        parser.add_argument(f"--{name.replace('_', '-')}", help=f"{text} [{VARIABLES[name]}]", **more)

    add("host", "the host name of the app, as in your-app.azurewebsites.net")
    add("sign_in", "the value of the app's setting API_ACCESS", choices=sorted(FILES))
    add("tenant_id", "with entra: the ID of the tenant, a GUID")
    add("client_id", "with entra: the client ID of the app registration, a GUID")
    add("connector_client_id", "with entra: the client ID of the connector's own app registration, a GUID")
    add("contact_email", "where makers ask for help")
    add("solution", "the unique name of the solution into which pac creates the connector")
    add("connector_id", "the ID of the connector that pac updates instead of creating one, a GUID")
    add("environment", "the URL of the Power Platform environment; by default, the one that pac is signed in to")
    parser.add_argument(
        "--connector", choices=sorted(CONNECTORS), default="flows", help="the one for flows (default) or for agents"
    )
    parser.add_argument("--out", required=True, type=Path, help="the folder to write")
    return parser


def _with_variables(given: argparse.Namespace) -> argparse.Namespace:
    """The arguments, and for those not given, their environment variables."""
    for name, variable in VARIABLES.items():
        is_unused = name in ONLY_WITH_ENTRA and given.sign_in == "key"
        if getattr(given, name) is None and not is_unused:
            setattr(given, name, os.environ.get(variable) or None)
    return given


def _invalid(given: argparse.Namespace) -> list[str]:
    """What is invalid, and what would be valid."""
    if missing := [
        f"--{name.replace('_', '-')} is missing, and so is {VARIABLES[name]}"
        for name in ("host", "sign_in", "contact_email")
        if getattr(given, name) is None
    ]:
        return missing
    checks = {
        f"--host {given.host}: must be a host name only, such as {PLACEHOLDERS['host']}": HOST.fullmatch(given.host),
        f"--host {given.host}: is the placeholder; must be the host name of your app": (
            given.host.lower() != PLACEHOLDERS["host"]
        ),
        f"--sign-in {given.sign_in}: must be {' or '.join(sorted(FILES))}": given.sign_in in FILES,
        f"--contact-email {given.contact_email}: must be an email address": (
            EMAIL.fullmatch(given.contact_email) and given.contact_email != PLACEHOLDERS["contact_email"]
        ),
        f"--connector-client-id {given.connector_client_id}: must be another registration than --client-id": (
            given.sign_in == "key" or given.connector_client_id != given.client_id or not given.client_id
        ),
        f"--solution {given.solution}: must be the unique name of a solution, such as BookingsAtlas": (
            given.solution is None or SOLUTION.fullmatch(given.solution)
        ),
        f"--connector-id {given.connector_id}: must be a GUID, as pac connector list shows it": (
            given.connector_id is None or GUID.fullmatch(given.connector_id)
        ),
        f"--environment {given.environment}: must be a URL, such as https://contoso.crm.dynamics.com": (
            given.environment is None or ENVIRONMENT.fullmatch(given.environment)
        ),
        f"--out {given.out}: is a file, must be a folder": given.out.is_dir() or not given.out.exists(),
        f"--out {given.out}: contains the files to fill in; must be another folder": given.out.resolve() != HERE,
    }
    return [
        *(message for message, is_valid in checks.items() if not is_valid),
        *(message for name in ONLY_WITH_ENTRA if (message := _invalid_id(given, name))),
    ]


def _invalid_id(given: argparse.Namespace, name: str) -> str | None:
    value, argument = getattr(given, name), f"--{name.replace('_', '-')}"
    if given.sign_in == "key":
        return None if value is None else f"{argument}: applies only to --sign-in entra"
    if GUID.fullmatch(value or ""):
        return None
    return f"{argument} {value or 'is missing'}: must be a GUID, as Microsoft Entra shows it"


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
