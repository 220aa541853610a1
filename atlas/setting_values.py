"""The kinds of values that settings have, with their validation.

Validators raise ``ValueError``, with a hint if one helps, and never quote the value: it may be a misplaced secret.
"""

import re
import ssl
from pathlib import Path
from typing import Annotated
from urllib.parse import SplitResult, urlsplit
from uuid import UUID

from azure.data.tables import TableServiceClient
from croniter import croniter
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_pem_x509_certificate
from pydantic import AfterValidator, BeforeValidator, SecretStr

_VALUE = r"(\d+|[a-z]{3})"
_FIELD = rf"(\*|{_VALUE}(-{_VALUE})?)(/\d+)?"
NCRONTAB = re.compile(rf"({_FIELD}(,{_FIELD})*)(\s+{_FIELD}(,{_FIELD})*){{5}}", re.IGNORECASE)
"""Six fields of numbers, names, ranges and steps: croniter accepts more than Azure's timer does."""
TELEMETRY_SIGN_IN = re.compile(r"(ClientId=(?P<client>[0-9a-f-]{36});)?Authorization=AAD;?", re.IGNORECASE)
LOOPBACK = re.compile(r"localhost|127\.\d+\.\d+\.\d+|::1")
OTHER_CLOUDS = re.compile(
    r"(^|\.)(microsoft(online)?\.(us|de)|office365\.(us|cn)|outlook\.cn|microsoftonline\.cn|chinacloudapi\.cn"
    r"|usgovcloudapi\.net|azure\.us|azure\.cn)$"
)
DEVELOPMENT_STORAGE = (
    "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsu"
    "Fq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;TableEndpoint=http://127.0.0.1:10002/devstoreaccount1;"
)
"""The meaning of ``UseDevelopmentStorage=true``; the key is Azurite's published one."""


def _guid(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        raise ValueError from None


def _url_parts(text: str) -> SplitResult:
    try:
        parts = urlsplit(text.strip().rstrip("/"))
        _ = parts.port  # validated when it is read
    except ValueError:  # its message quotes the URL, which may contain a secret
        raise ValueError from None
    return parts


def _service_url(text: str) -> str:
    parts = _url_parts(text)
    host = parts.hostname or ""
    if OTHER_CLOUDS.search(host):
        raise ValueError("tenants outside the public cloud are out of scope")
    if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError
    if parts.scheme == "http" and not LOOPBACK.fullmatch(host):
        raise ValueError("http:// is accepted for loopback addresses only")
    return parts.geturl()


def _https_url(text: str) -> str:
    url = _service_url(text)
    if not url.startswith("https://"):
        raise ValueError("the sign-in service requires https")
    return url


def _words(text: str) -> tuple[str, ...]:
    words = tuple(word.strip() for word in text.split(",") if word.strip())
    if not words:
        raise ValueError
    return words


def _users_and_groups(text: str) -> tuple[str, ...]:
    entries = _words(text)
    for entry in entries:
        name, _, rest = entry.lower().partition(":")
        is_upn = "@" in entry and not any(character.isspace() for character in entry)
        if name == "group":
            _guid(rest.strip())
        elif not is_upn:
            _guid(entry)
    return entries


def schedule(text: str) -> str:
    """A schedule of six fields. Raises ``ValueError``."""
    if not NCRONTAB.fullmatch(text.strip()) or not croniter.is_valid(text, second_at_beginning=True):
        raise ValueError
    return text


def _text_of_file(text: str) -> str:
    try:
        return Path(text).read_text()
    except OSError:
        raise ValueError("the file does not exist or cannot be read") from None
    except ValueError:
        raise ValueError("the file does not contain text") from None


def _authorities_file(text: str) -> Path:
    _text_of_file(text)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=text)
    except (ssl.SSLError, OSError):
        raise ValueError("the file contains no certificate that can be read") from None
    return Path(text)


def _certificate(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    try:
        load_pem_x509_certificate(text.encode())
        key = load_pem_private_key(text.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):  # its message may quote the text
        raise ValueError from None
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("the key is not an RSA key")  # noqa: TRY004 - pydantic reports only ValueError as an invalid value
    return secret


def _certificate_file(text: str) -> SecretStr:
    return _certificate(SecretStr(_text_of_file(text)))


def _connection_string(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    if text.strip().rstrip(";").lower() == "usedevelopmentstorage=true":
        return SecretStr(DEVELOPMENT_STORAGE)
    try:
        TableServiceClient.from_connection_string(text)
    except (ValueError, KeyError):  # its message may quote the key
        raise ValueError from None
    return secret


def _telemetry_connection(text: str) -> str:
    parts = dict(part.partition("=")[::2] for part in text.split(";") if part)
    _guid(parts.get("InstrumentationKey", ""))
    if "IngestionEndpoint" in parts:
        _service_url(parts["IngestionEndpoint"])
    return text


def _telemetry_sign_in(text: str) -> str:
    if not TELEMETRY_SIGN_IN.fullmatch(text):
        raise ValueError
    return text


Guid = Annotated[str, AfterValidator(_guid)]
ServiceUrl = Annotated[str, AfterValidator(_service_url)]
HttpsUrl = Annotated[str, AfterValidator(_https_url)]
Words = Annotated[tuple[str, ...], BeforeValidator(_words)]
UsersAndGroups = Annotated[tuple[str, ...], BeforeValidator(_users_and_groups)]
Schedule = Annotated[str, AfterValidator(schedule)]
AuthoritiesFile = Annotated[Path, BeforeValidator(_authorities_file)]
CertificateFile = Annotated[SecretStr, BeforeValidator(_certificate_file)]
Certificate = Annotated[SecretStr, AfterValidator(_certificate)]
ConnectionString = Annotated[SecretStr, AfterValidator(_connection_string)]
TelemetryConnection = Annotated[str, AfterValidator(_telemetry_connection)]
TelemetrySignIn = Annotated[str, AfterValidator(_telemetry_sign_in)]
