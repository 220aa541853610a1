"""Parses the environment into one frozen ``Settings``; all problems are reported at the same time.

The names and their meaning are those of docs/settings.md.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_core import ErrorDetails

from atlas.setting_values import (
    TELEMETRY_SIGN_IN,
    AuthoritiesFile,
    Certificate,
    CertificateFile,
    ConnectionString,
    Guid,
    HttpsUrl,
    Schedule,
    ServiceUrl,
    TelemetryConnection,
    TelemetrySignIn,
    UsersAndGroups,
    Words,
    schedule,
)

DEFAULT_SCHEDULE = "0 0 3 * * *"
SECRET_MARKERS = frozenset("@?;=~")
"""Characters of passwords in URLs, shared access signatures, connection strings and client secrets: a value that
contains one is not quoted, as it may be a misplaced secret."""


class InvalidSettings(Exception):
    """The settings are invalid; ``str`` is the complete message, ``problems`` has a sentence for each setting."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(("Bookings Atlas cannot start, because of its settings:", *problems)))
        self.problems = problems

    @property
    def names(self) -> str:
        """The names of the missing or invalid settings, without their values."""
        return ", ".join(problem.partition(" is ")[0].partition(" are ")[0] for problem in self.problems)


@dataclass(frozen=True, slots=True)
class ManagedIdentity:
    """Sign in as this user-assigned managed identity; without a client ID, as the system-assigned one."""

    client_id: str | None = None


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """Sign in as an app registration with a secret."""

    client_id: str
    secret: SecretStr


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """Sign in as an app registration with a certificate; ``pem`` contains it and its private key."""

    client_id: str
    pem: SecretStr


@dataclass(frozen=True, slots=True)
class FederatedIdentity:
    """Sign in as an app registration whose credential is a user-assigned managed identity."""

    client_id: str
    identity_client_id: str


@dataclass(frozen=True, slots=True)
class OwnLogin:
    """Sign in as the person at the terminal, with the login of the Azure CLI or the Azure Developer CLI."""

    tool: Literal["az", "azd"]


@dataclass(frozen=True, slots=True)
class DeviceCode:
    """Sign in as the person at the terminal, in a browser, through an app registration without a secret."""

    client_id: str


type SignInKind = ManagedIdentity | ClientSecret | ClientCertificate | FederatedIdentity | OwnLogin | DeviceCode


@dataclass(frozen=True, slots=True)
class StorageByConnectionString:
    """A storage account and its key."""

    connection_string: SecretStr

    @property
    def account(self) -> str:
        """The address of its tables, or its name."""
        parts = dict(part.split("=", 1) for part in self.connection_string.get_secret_value().split(";") if "=" in part)
        return parts.get("TableEndpoint") or parts.get("AccountName") or "the local emulator"


@dataclass(frozen=True, slots=True)
class StorageByIdentity:
    """A storage account that a managed identity may access."""

    table_service_url: str
    client_id: str | None = None

    @property
    def account(self) -> str:
        """The address of its tables."""
        return self.table_service_url


type Storage = StorageByConnectionString | StorageByIdentity


@dataclass(frozen=True, slots=True)
class Telemetry:
    """Where events and traces are sent, and with which identity."""

    connection_string: str
    by_identity: bool = False
    client_id: str | None = None


GUID = "a GUID such as 72f988bf-86f1-41af-91ab-2d7cd011db47"
SERVICE_URL = "an https:// address without query"
TABLE_URL = "the table address of a storage account, such as https://name.table.core.windows.net"
CONNECTION_STRING = "the connection string of a storage account (or set {}__tableServiceUri instead)"


class Settings(BaseModel):
    """Every setting of the product; the description of each says what a valid value is."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    tenant_id: Guid = Field(alias="TENANT_ID", description=GUID)
    azure_client_id: Guid | None = Field(None, alias="AZURE_CLIENT_ID", description=GUID)
    azure_client_secret: SecretStr | None = Field(
        None, alias="AZURE_CLIENT_SECRET", description="the value of a client secret"
    )
    certificate_of_file: CertificateFile | None = Field(
        None,
        alias="AZURE_CLIENT_CERTIFICATE_PATH",
        description="the path of a PEM file with the certificate and its private key",
    )
    certificate: Certificate | None = Field(
        None, alias="AZURE_CLIENT_CERTIFICATE", description="PEM text with the certificate and its private key"
    )
    federated_identity_client_id: Guid | None = Field(None, alias="FEDERATED_IDENTITY_CLIENT_ID", description=GUID)
    managed_identity_client_id: Guid | None = Field(None, alias="MANAGED_IDENTITY_CLIENT_ID", description=GUID)
    authority_host: HttpsUrl = Field(
        "https://login.microsoftonline.com", alias="AZURE_AUTHORITY_HOST", description="an https:// address"
    )
    extra_certificates: AuthoritiesFile | None = Field(
        None, alias="SSL_CERT_FILE", description="the path of a PEM file with certificate authorities"
    )
    graph_url: ServiceUrl = Field("https://graph.microsoft.com", alias="GRAPH_URL", description=SERVICE_URL)
    exchange_url: ServiceUrl = Field("https://outlook.office365.com", alias="EXCHANGE_URL", description=SERVICE_URL)
    bookings_url: ServiceUrl = Field("https://outlook.office.com", alias="BOOKINGS_URL", description=SERVICE_URL)
    host_storage: ConnectionString | None = Field(
        None, alias="AzureWebJobsStorage", description=CONNECTION_STRING.format("AzureWebJobsStorage")
    )
    host_storage_url: ServiceUrl | None = Field(
        None, alias="AzureWebJobsStorage__tableServiceUri", description=TABLE_URL
    )
    host_storage_client_id: Guid | None = Field(None, alias="AzureWebJobsStorage__clientId", description=GUID)
    status_storage: ConnectionString | None = Field(
        None, alias="StatusStorage", description=CONNECTION_STRING.format("StatusStorage")
    )
    status_storage_url: ServiceUrl | None = Field(None, alias="StatusStorage__tableServiceUri", description=TABLE_URL)
    status_storage_client_id: Guid | None = Field(None, alias="StatusStorage__clientId", description=GUID)
    scan_schedule: Schedule = Field(
        DEFAULT_SCHEDULE,
        alias="SCAN_SCHEDULE",
        description="six fields: second minute hour day month day-of-week, such as 0 0 3 * * * (UTC)",
    )
    probe_concurrency: int = Field(4, alias="PROBE_CONCURRENCY", ge=1, le=64, description="a whole number from 1 to 64")
    not_set_up_markers: Words = Field(
        ("NotFound", "NotProvisioned", "NonExistent", "NotEnabled"),
        alias="NOT_SET_UP_MARKERS",
        description="words with commas between them, such as NotFound,NotProvisioned",
    )
    probe_availability: bool = Field(default=True, alias="PROBE_AVAILABILITY", description="true or false")
    exchange_evidence: bool = Field(default=True, alias="EXCHANGE_EVIDENCE", description="true or false")
    shared_pages: bool = Field(default=True, alias="SHARED_PAGES", description="true or false")
    max_full_access: int = Field(5, alias="MAX_FULL_ACCESS", ge=1, le=500, description="a whole number from 1 to 500")
    exclude_users: UsersAndGroups | None = Field(
        None,
        alias="EXCLUDE_USERS",
        description="UPNs, object IDs or group:{object ID}, with commas between them",
    )
    live_lookups_per_minute: int = Field(
        120, alias="LIVE_LOOKUPS_PER_MINUTE", ge=1, description="a whole number, 1 or more"
    )
    live_reuse_seconds: int = Field(60, alias="LIVE_REUSE_SECONDS", ge=0, description="a whole number, 0 or more")
    history_days: int = Field(30, alias="HISTORY_DAYS", ge=1, le=3650, description="a whole number from 1 to 3650")
    not_set_up_recheck_days: int = Field(
        0, alias="NOT_SET_UP_RECHECK_DAYS", ge=0, le=365, description="a whole number from 0 to 365"
    )
    telemetry_connection: TelemetryConnection | None = Field(
        None,
        alias="APPLICATIONINSIGHTS_CONNECTION_STRING",
        description="the connection string of an Application Insights resource, which begins with InstrumentationKey=",
    )
    telemetry_sign_in: TelemetrySignIn | None = Field(
        None,
        alias="APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
        description="Authorization=AAD, with ClientId= and a GUID before it for a user-assigned identity",
    )
    api_access: Literal["key", "entra"] = Field("key", alias="API_ACCESS", description="key or entra")

    @classmethod
    def load(cls, environment: Mapping[str, str], *, needs_storage: bool = True) -> Self:
        """The settings of this environment; an empty value counts as not set.

        Without ``needs_storage``, storage is optional. Raises ``InvalidSettings`` with all problems. Values are quoted
        unless they may be secrets.
        """
        given = {name: value for name, value in environment.items() if value.strip()}
        problems = [*_sign_in_problems(given), *_storage_problems(given, needs_storage=needs_storage)]
        try:
            settings = cls.model_validate(given)
        except ValidationError as error:
            problems = [*(_problem(detail, given) for detail in error.errors()), *problems]
        if problems:
            raise InvalidSettings(tuple(problems))
        return settings

    @property
    def sign_in(self) -> SignInKind:
        """How the product signs in to the tenant."""
        client_id = self.azure_client_id
        if client_id and self.azure_client_secret:
            return ClientSecret(client_id, self.azure_client_secret)
        if client_id and self.federated_identity_client_id:
            return FederatedIdentity(client_id, self.federated_identity_client_id)
        if client_id and (pem := self.certificate_of_file or self.certificate):
            return ClientCertificate(client_id, pem)
        return ManagedIdentity(self.managed_identity_client_id)

    @property
    def telemetry(self) -> Telemetry | None:
        """Where events and traces are sent; ``None``: nowhere."""
        if self.telemetry_connection is None:
            return None
        sign_in = TELEMETRY_SIGN_IN.fullmatch(self.telemetry_sign_in or "")
        return Telemetry(self.telemetry_connection, sign_in is not None, sign_in["client"] if sign_in else None)

    @property
    def storage(self) -> Storage | None:
        """The storage of the rows: ``StatusStorage``, otherwise the storage of the host; ``None``: not set."""
        if self.status_storage:
            return StorageByConnectionString(self.status_storage)
        if self.status_storage_url:
            return StorageByIdentity(self.status_storage_url, self.status_storage_client_id)
        if self.host_storage:
            return StorageByConnectionString(self.host_storage)
        if self.host_storage_url:
            return StorageByIdentity(self.host_storage_url, self.host_storage_client_id)
        return None


STORAGE_NAMES = {
    "StatusStorage",
    "StatusStorage__tableServiceUri",
    "AzureWebJobsStorage",
    "AzureWebJobsStorage__tableServiceUri",
}
WITH_APP_REGISTRATION = (
    "AZURE_CLIENT_SECRET",
    "AZURE_CLIENT_CERTIFICATE_PATH",
    "AZURE_CLIENT_CERTIFICATE",
    "FEDERATED_IDENTITY_CLIENT_ID",
)


def _sign_in_problems(given: Mapping[str, str]) -> Iterator[str]:
    kinds = [name for name in (*WITH_APP_REGISTRATION, "MANAGED_IDENTITY_CLIENT_ID") if name in given]
    with_app = any(name in WITH_APP_REGISTRATION for name in kinds)
    if len(kinds) > 1:
        yield f"{' and '.join(kinds)} are set; at most one kind of sign-in may be set."
    elif "AZURE_CLIENT_ID" in given and not with_app:
        yield f"AZURE_CLIENT_ID is set; it needs one of {', '.join(WITH_APP_REGISTRATION)} beside it."
    elif with_app and "AZURE_CLIENT_ID" not in given:
        yield f"{kinds[0]} is set; it needs AZURE_CLIENT_ID, the client id of the app registration, beside it."


def _storage_problems(given: Mapping[str, str], *, needs_storage: bool) -> Iterator[str]:
    for prefix in ("StatusStorage", "AzureWebJobsStorage"):
        if {prefix, f"{prefix}__tableServiceUri"} <= given.keys():
            yield f"{prefix} and {prefix}__tableServiceUri are set; set only one of them."
    if needs_storage and not given.keys() & STORAGE_NAMES:
        yield f"AzureWebJobsStorage is missing; it must be {_valid_values_of('AzureWebJobsStorage')}."


def schedule_of(environment: Mapping[str, str]) -> str:
    """The timer's schedule, read when the app is imported; ``Settings.load`` reports an invalid one later."""
    text = environment.get("SCAN_SCHEDULE", "").strip()
    try:
        return schedule(text)
    except ValueError:
        return DEFAULT_SCHEDULE


def api_access_of(environment: Mapping[str, str]) -> str:
    """Who may call the routes, read when the app is imported; anything but ``entra`` requires a function key."""
    return "entra" if environment.get("API_ACCESS", "").strip() == "entra" else "key"


def _problem(detail: ErrorDetails, given: Mapping[str, str]) -> str:
    name = str(detail["loc"][0])
    if detail["type"] == "missing":
        return f"{name} is missing; it must be {_valid_values_of(name)}."
    value = "set" if _is_secret(name) or SECRET_MARKERS & set(given[name]) else repr(given[name])
    why = str(detail.get("ctx", {}).get("error", ""))
    return f"{name} is {value}; it must be {_valid_values_of(name)}{f' ({why})' if why else ''}."


def _valid_values_of(name: str) -> str:
    return next(field.description or "" for field in Settings.model_fields.values() if field.alias == name)


def _is_secret(name: str) -> bool:
    field = next(field for field in Settings.model_fields.values() if field.alias == name)
    return "SecretStr" in str(field.annotation)
