"""How a command signs in: as the settings say or, if they do not, with the login of the person at the terminal."""

import json
import logging
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from azure.core.exceptions import AzureError
from azure.identity import AzureDeveloperCliCredential

from atlas.microsoft365.sign_in import GRAPH_SCOPE
from atlas.microsoft365.token_requests import TOOL_TIMEOUT_SECONDS
from atlas.settings import (
    ClientCertificate,
    ClientSecret,
    DeviceCode,
    FederatedIdentity,
    InvalidSettings,
    ManagedIdentity,
    OwnLogin,
    Settings,
    SignInKind,
)

SIGN_IN_SETTINGS = (
    "AZURE_CLIENT_ID",
    "AZURE_CLIENT_SECRET",
    "AZURE_CLIENT_CERTIFICATE_PATH",
    "AZURE_CLIENT_CERTIFICATE",
    "FEDERATED_IDENTITY_CLIENT_ID",
    "MANAGED_IDENTITY_CLIENT_ID",
    "IDENTITY_ENDPOINT",  # where Azure provides managed identities
)
TOOLS = {"az": "the Azure CLI", "azd": "the Azure Developer CLI"}
OTHER_WAYS = "Or log in with `az login --allow-no-subscriptions`, and the tenant of that login is used."


@dataclass(frozen=True, slots=True)
class Connection:
    """The settings of a command, and how it signs in."""

    settings: Settings
    sign_in: SignInKind
    is_own_login: bool = False
    """Whether the person at the terminal signs in, so that permissions are delegated."""
    person: str | None = None
    """Who is signed in, if that is known."""

    @property
    def sentence(self) -> str | None:
        """How the command signs in, if the settings do not say."""
        if not self.is_own_login:
            return None
        person = f" ({self.person})" if self.person else ""
        return f"No sign-in is set: this uses {describe_sign_in(self.sign_in)}{person}."


def connect(environment: Mapping[str, str], *, tenant: str | None = None, client_id: str | None = None) -> Connection:
    """The connection for these settings: by a sign-in setting, ``client_id``, `az` or `azd`, whichever is usable first.

    ``tenant`` overrides TENANT_ID; ``client_id`` is an app registration for a sign-in by device code. Blocks while a
    tool is run. Raises ``InvalidSettings``.
    """
    if tenant:
        environment = {**environment, "TENANT_ID": tenant}
    if client_id:
        return Connection(_load(environment), DeviceCode(client_id), is_own_login=True)
    if any(environment.get(name, "").strip() for name in SIGN_IN_SETTINGS):
        settings = _load(environment)
        return Connection(settings, settings.sign_in)
    if account := _az_account():
        settings = _load({"TENANT_ID": account.get("tenantId") or "", **_without_empty(environment)})
        return Connection(settings, OwnLogin("az"), is_own_login=True, person=_person(account))
    settings = _load(environment, hint=OTHER_WAYS)
    if _azd_signs_in(settings.tenant_id):
        return Connection(settings, OwnLogin("azd"), is_own_login=True)
    return Connection(settings, settings.sign_in)  # the system-assigned identity of a virtual machine


def describe_sign_in(sign_in: SignInKind) -> str:
    """Who signs in, as a noun."""
    match sign_in:
        case ManagedIdentity(client_id=None):
            return "the system-assigned managed identity"
        case ManagedIdentity(client_id=client_id):
            return f"the managed identity {client_id}"
        case ClientSecret(client_id=client_id):
            return f"the app registration {client_id}, with a secret"
        case ClientCertificate(client_id=client_id):
            return f"the app registration {client_id}, with a certificate"
        case FederatedIdentity(client_id=client_id, identity_client_id=identity):
            return f"the app registration {client_id}, with the managed identity {identity}"
        case OwnLogin(tool=tool):
            return f"your login of {TOOLS[tool]}, `{tool}`"
        case DeviceCode(client_id=client_id):
            return f"your own account, through the app registration {client_id}"


def _load(environment: Mapping[str, str], hint: str | None = None) -> Settings:
    try:
        return Settings.load(environment, needs_storage=False)
    except InvalidSettings as invalid:
        if hint and "TENANT_ID" in invalid.names.split(", "):
            raise InvalidSettings((*invalid.problems, hint)) from None
        raise


def _without_empty(environment: Mapping[str, str]) -> Mapping[str, str]:
    return {name: value for name, value in environment.items() if value.strip()}


def _az_account() -> Mapping[str, Any] | None:
    """The output of `az account show`; ``None`` without a login, or without `az`."""
    program = shutil.which("az")
    if program is None:
        return None
    try:
        shown = subprocess.run(  # noqa: S603 - a program of the path, with fixed arguments
            [program, "account", "show", "--output", "json"],
            capture_output=True,
            timeout=TOOL_TIMEOUT_SECONDS,
            check=True,
        )
        account = json.loads(shown.stdout)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return account if isinstance(account, dict) else None


def _person(account: Mapping[str, Any]) -> str | None:
    user = account.get("user")
    name = user.get("name") if isinstance(user, dict) else None
    return name if isinstance(name, str) else None


def _azd_signs_in(tenant_id: str) -> bool:
    if shutil.which("azd") is None:
        return False
    logging.getLogger("azure.identity").setLevel(logging.CRITICAL)  # a missing login is not worth a warning
    try:
        AzureDeveloperCliCredential(tenant_id=tenant_id, process_timeout=TOOL_TIMEOUT_SECONDS).get_token(GRAPH_SCOPE)
    except AzureError:
        return False
    return True
