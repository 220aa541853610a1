"""Settings: defaults, and invalid values, which are reported together, with what is valid and without secrets."""

import re
from contextlib import suppress

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from hypothesis import given
from hypothesis import strategies as st

from atlas.domain.excluded_users import ExcludedUsers
from atlas.setting_values import DEVELOPMENT_STORAGE
from atlas.settings import (
    DEFAULT_SCHEDULE,
    ClientCertificate,
    ClientSecret,
    FederatedIdentity,
    InvalidSettings,
    ManagedIdentity,
    Settings,
    StorageByConnectionString,
    StorageByIdentity,
    api_access_of,
    schedule_of,
)
from local.simulator.certificate import registered_certificate

TENANT = "72f988bf-86f1-41af-91ab-2d7cd011db47"
APP = "11111111-1111-4111-8111-111111111111"
IDENTITY = "22222222-2222-4222-8222-222222222222"
STORAGE = "DefaultEndpointsProtocol=https;AccountName=x;AccountKey=c2VjcmV0a2V5;EndpointSuffix=core.windows.net"
TABLES = "https://x.table.core.windows.net"
LEAST = {"TENANT_ID": TENANT, "AzureWebJobsStorage": STORAGE}
SCRIPT_BOUND = "hunter2~Zz"


@pytest.fixture(scope="module")
def pem(tmp_path_factory):
    """A private key followed by its certificate."""
    path = tmp_path_factory.mktemp("certificate") / "app.pem"
    registered_certificate(path)
    return path.read_text()


def load(**more):
    return Settings.load({**LEAST, **more})


def problems(**more):
    with pytest.raises(InvalidSettings) as caught:
        load(**more)
    assert all(problem in str(caught.value) for problem in caught.value.problems)
    return caught.value.problems


def test_settings_have_the_documented_defaults():
    settings = load()

    assert settings.tenant_id == TENANT
    assert settings.authority_host == "https://login.microsoftonline.com"
    assert settings.graph_url == "https://graph.microsoft.com"
    assert settings.exchange_url == "https://outlook.office365.com"
    assert settings.bookings_url == "https://outlook.office.com"
    assert settings.scan_schedule == "0 0 3 * * *"
    assert settings.probe_concurrency == 4
    assert settings.not_set_up_markers == ("NotFound", "NotProvisioned", "NonExistent", "NotEnabled")
    assert settings.probe_availability is True
    assert settings.exchange_evidence is True
    assert settings.shared_pages is True
    assert settings.history_days == 30
    assert settings.api_access == "key"
    assert settings.sign_in == ManagedIdentity()


def test_an_empty_value_counts_as_absent():
    assert load(PROBE_CONCURRENCY="", GRAPH_URL="  ", AZURE_CLIENT_ID="").sign_in == ManagedIdentity()


@pytest.mark.parametrize(
    ("name", "value", "attribute", "read"),
    [
        ("TENANT_ID", TENANT.upper(), "tenant_id", TENANT),
        ("GRAPH_URL", "https://graph.example/", "graph_url", "https://graph.example"),
        ("GRAPH_URL", "http://localhost:8080", "graph_url", "http://localhost:8080"),
        ("GRAPH_URL", "http://127.0.0.2:8080/", "graph_url", "http://127.0.0.2:8080"),
        ("GRAPH_URL", "http://[::1]:8080", "graph_url", "http://[::1]:8080"),
        ("AZURE_AUTHORITY_HOST", "https://127.0.0.1:8443/", "authority_host", "https://127.0.0.1:8443"),
        ("NOT_SET_UP_MARKERS", " One, Two ,,", "not_set_up_markers", ("One", "Two")),
        ("PROBE_AVAILABILITY", "False", "probe_availability", False),
        ("EXCHANGE_EVIDENCE", "false", "exchange_evidence", False),
        ("SHARED_PAGES", "FALSE", "shared_pages", False),
        ("PROBE_CONCURRENCY", "64", "probe_concurrency", 64),
        ("HISTORY_DAYS", "1", "history_days", 1),
        ("SCAN_SCHEDULE", "*/30 * * * * *", "scan_schedule", "*/30 * * * * *"),
        ("SCAN_SCHEDULE", "0 30 9 * Jan Mon", "scan_schedule", "0 30 9 * Jan Mon"),
        ("SCAN_SCHEDULE", "0 */15,7 2-4/2 1,15 jan-MAR 1-5", "scan_schedule", "0 */15,7 2-4/2 1,15 jan-MAR 1-5"),
        ("API_ACCESS", "entra", "api_access", "entra"),
    ],
)
def test_a_right_value_is_read(name, value, attribute, read):
    assert getattr(load(**{name: value}), attribute) == read


@pytest.mark.parametrize(
    ("name", "value", "right"),
    [
        ("TENANT_ID", "contoso.com", "GUID"),
        ("AZURE_CLIENT_ID", "app", "GUID"),
        ("MANAGED_IDENTITY_CLIENT_ID", "me", "GUID"),
        ("FEDERATED_IDENTITY_CLIENT_ID", "me", "GUID"),
        ("AZURE_CLIENT_CERTIFICATE_PATH", "/nowhere/at/all.pem", "path of a PEM file"),
        ("AZURE_CLIENT_CERTIFICATE_PATH", "-----BEGIN CERTIFICATE-----\n" + "x" * 5000, "path of a PEM file"),
        ("AZURE_CLIENT_CERTIFICATE", "no PEM", "PEM text"),
        ("SSL_CERT_FILE", "/nowhere/at/all.pem", "certificate authorities"),
        ("SSL_CERT_FILE", "x" * 5000, "certificate authorities"),
        *(
            (name, value, "https://")
            for name in (
                "GRAPH_URL",
                "EXCHANGE_URL",
                "BOOKINGS_URL",
                "AZURE_AUTHORITY_HOST",
                "StatusStorage__tableServiceUri",
            )
            for value in (
                "graph.microsoft.com",
                "ftp://graph.example",
                "https://",
                "https://graph.example?x=1",
                "https://graph.example#x",
                "http://graph.example",
                "https://host:port",
                "https://host:99999",
                "http://[broken",
                "http://127.0.0.1.example.com",
                "http://localhost.example.com",
            )
        ),
        ("AZURE_AUTHORITY_HOST", "http://127.0.0.1:8080", "https"),
        ("StatusStorage", "AccountName=x", "connection string"),
        ("StatusStorage", "AccountName=x;AccountKey=", "connection string"),
        ("StatusStorage", "AccountName=x;;AccountKey=aGFsbG8=", "connection string"),
        ("StatusStorage", "SharedAccessSignature=sv=2022&sig=x", "connection string"),
        ("StatusStorage", "AccountName=x;AccountKey=aGFsbG8=;TableEndpoint=http://[broken", "connection string"),
        ("SCAN_SCHEDULE", "0 3 * * *", "six fields"),
        ("SCAN_SCHEDULE", "0 0 25 * * *", "six fields"),
        ("SCAN_SCHEDULE", "every night at three o clock", "six fields"),
        *(
            ("SCAN_SCHEDULE", malformed, "six fields")
            for malformed in (
                "0 0 3 L * *",
                "0 0 3 l * *",
                "0 0 3 * * L5",
                "0 0 3 * * 5#3",
                "0 0 3 ? * *",
                "0 0 R * * *",
                "0 0 R(1-5) * * *",
                "0 0 3 15W * *",
                "0 0 3 * * * 2027",
                "@daily",
            )
        ),
        *(("PROBE_CONCURRENCY", value, "1 to 64") for value in ("0", "65", "-1", "four", "1.5")),
        *(("HISTORY_DAYS", value, "1 to 3650") for value in ("0", "3651", "a month")),
        *((name, "perhaps", "true or false") for name in ("PROBE_AVAILABILITY", "EXCHANGE_EVIDENCE", "SHARED_PAGES")),
        ("NOT_SET_UP_MARKERS", ",", "words"),
        ("API_ACCESS", "everybody", "key or entra"),
        ("API_ACCESS", "Entra", "key or entra"),
    ],
)
def test_an_invalid_value_is_reported_with_a_valid_one(name, value, right):
    reported = [problem for problem in problems(**{name: value}) if problem.startswith(f"{name} ")]

    assert len(reported) >= 1
    assert right in reported[0]


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "AZURE_CLIENT_CERTIFICATE_PATH"])
@pytest.mark.parametrize("content", [b"no PEM at all", b"\x30\x82\xff\xfe"])
def test_a_file_with_other_content_is_reported(tmp_path, name, content):
    path = tmp_path / "malformed.pem"
    path.write_bytes(content)

    assert any(name in reported and "PEM file" in reported for reported in problems(**{name: str(path)}))


def break_pem(pem: str) -> str:
    """The same blocks with nothing readable in them."""
    return re.sub(r"(?<=-----\n)[^-]+", "YWJj\n", pem)


def test_a_certificate_is_read_in_any_order(pem):
    key, certificate = pem.split("-----END PRIVATE KEY-----\n")
    key += "-----END PRIVATE KEY-----\n"
    for text in (
        pem,
        certificate + key,
        f"Bag Attributes\n{certificate}Bag Attributes\n{key}",
        pem.replace("\n", "\r\n"),
    ):
        assert isinstance(load(AZURE_CLIENT_ID=APP, AZURE_CLIENT_CERTIFICATE=text).sign_in, ClientCertificate)


def test_a_certificate_that_cannot_be_signed_with_is_refused(pem):
    key = load_pem_private_key(pem.encode(), password=None)
    certificate = pem[pem.index("-----BEGIN CERTIFICATE-----") :]
    locked = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"hunter2"))
    elliptic = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    for text in (certificate, break_pem(pem), locked.decode() + certificate, elliptic.decode() + certificate):
        (reported,) = problems(AZURE_CLIENT_ID=APP, AZURE_CLIENT_CERTIFICATE=text)
        assert reported.startswith("AZURE_CLIENT_CERTIFICATE is set; it must be PEM text")
        assert not set(text.splitlines()) & set(reported.splitlines())


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "AZURE_CLIENT_CERTIFICATE_PATH"])
def test_an_unreadable_certificate_file_is_reported(tmp_path, pem, name):
    path = tmp_path / "broken.pem"
    path.write_text(break_pem(pem))

    assert any(name in reported and "PEM file" in reported for reported in problems(**{name: str(path)}))


def test_all_invalid_settings_are_reported_together():
    with pytest.raises(InvalidSettings) as caught:
        Settings.load({"PROBE_CONCURRENCY": "0", "GRAPH_URL": "x", "AZURE_CLIENT_ID": APP})

    named = {problem.split()[0] for problem in caught.value.problems}
    assert named == {"TENANT_ID", "PROBE_CONCURRENCY", "GRAPH_URL", "AZURE_CLIENT_ID", "AzureWebJobsStorage"}


@pytest.mark.parametrize(
    "url",
    [
        "https://login.microsoftonline.us",
        "https://graph.microsoft.us",
        "https://dod-graph.microsoft.us",
        "https://outlook.office365.us",
        "https://microsoftgraph.chinacloudapi.cn",
        "https://partner.outlook.cn",
        "https://login.partner.microsoftonline.cn",
        "https://graph.microsoft.de",
        "https://LOGIN.MICROSOFTONLINE.US",
    ],
)
@pytest.mark.parametrize("name", ["GRAPH_URL", "EXCHANGE_URL", "BOOKINGS_URL", "AZURE_AUTHORITY_HOST"])
def test_other_clouds_are_out_of_scope(name, url):
    assert "tenants outside the public cloud are out of scope" in problems(**{name: url})[0]


SECRETS = {
    "AZURE_CLIENT_SECRET": SCRIPT_BOUND,
    "AZURE_CLIENT_CERTIFICATE": SCRIPT_BOUND,
    "AZURE_CLIENT_CERTIFICATE_PATH": SCRIPT_BOUND,
    "AzureWebJobsStorage": f"AccountName=x;{SCRIPT_BOUND}",
    "StatusStorage": f"UseDevelopmentStorage=false;{SCRIPT_BOUND}",
    "GRAPH_URL": f"https://user:{SCRIPT_BOUND}@graph.example",
    "BOOKINGS_URL": f"https://:{SCRIPT_BOUND}@graph.example",
    "StatusStorage__tableServiceUri": f"https://x.table.core.windows.net/?sv=2022&sig={SCRIPT_BOUND}",
    "AzureWebJobsStorage__tableServiceUri": f"DefaultEndpointsProtocol=https;AccountName=x;AccountKey={SCRIPT_BOUND}",
    "AZURE_CLIENT_ID": SCRIPT_BOUND,
}


@pytest.mark.parametrize("name", SECRETS)
def test_no_message_contains_a_misplaced_secret(name):
    with pytest.raises(InvalidSettings) as caught:
        Settings.load({"PROBE_CONCURRENCY": "0", name: SECRETS[name]})

    assert SCRIPT_BOUND not in str(caught.value)
    assert SCRIPT_BOUND not in repr(caught.value)
    assert name in str(caught.value)


def test_settings_do_not_show_their_secrets(tmp_path):
    settings = load(AZURE_CLIENT_ID=APP, AZURE_CLIENT_SECRET=SCRIPT_BOUND)

    assert SCRIPT_BOUND not in repr(settings) + str(settings) + repr(settings.sign_in)
    assert "c2VjcmV0a2V5" not in repr(settings) + repr(settings.storage)


def test_the_settings_determine_the_sign_in(tmp_path, pem):
    path = tmp_path / "app.pem"
    path.write_text(pem)

    secret = load(AZURE_CLIENT_ID=APP, AZURE_CLIENT_SECRET="s").sign_in
    from_file = load(AZURE_CLIENT_ID=APP, AZURE_CLIENT_CERTIFICATE_PATH=str(path)).sign_in
    from_text = load(AZURE_CLIENT_ID=APP, AZURE_CLIENT_CERTIFICATE=pem).sign_in

    assert isinstance(secret, ClientSecret)
    assert secret.secret.get_secret_value() == "s"
    assert isinstance(from_file, ClientCertificate)
    assert from_file == from_text
    assert load(AZURE_CLIENT_ID=APP, FEDERATED_IDENTITY_CLIENT_ID=IDENTITY).sign_in == FederatedIdentity(APP, IDENTITY)
    assert load(MANAGED_IDENTITY_CLIENT_ID=IDENTITY).sign_in == ManagedIdentity(IDENTITY)


@pytest.mark.parametrize(
    ("given_names", "words"),
    [
        (["AZURE_CLIENT_ID"], ["AZURE_CLIENT_SECRET", "FEDERATED_IDENTITY_CLIENT_ID"]),
        (["AZURE_CLIENT_SECRET"], ["AZURE_CLIENT_SECRET", "AZURE_CLIENT_ID"]),
        (["FEDERATED_IDENTITY_CLIENT_ID"], ["AZURE_CLIENT_ID"]),
        (["AZURE_CLIENT_ID", "MANAGED_IDENTITY_CLIENT_ID"], ["AZURE_CLIENT_ID"]),
        (["AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE"], ["at most one kind"]),
        (["AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "FEDERATED_IDENTITY_CLIENT_ID"], ["at most one kind"]),
        (["AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "MANAGED_IDENTITY_CLIENT_ID"], ["at most one kind"]),
        (["FEDERATED_IDENTITY_CLIENT_ID", "MANAGED_IDENTITY_CLIENT_ID"], ["at most one kind"]),
    ],
)
def test_an_incomplete_or_second_sign_in_is_invalid(pem, given_names, words):
    values = {
        "AZURE_CLIENT_ID": APP,
        "AZURE_CLIENT_SECRET": "s",
        "AZURE_CLIENT_CERTIFICATE": pem,
        "FEDERATED_IDENTITY_CLIENT_ID": IDENTITY,
        "MANAGED_IDENTITY_CLIENT_ID": IDENTITY,
    }

    (reported,) = problems(**{name: values[name] for name in given_names})

    assert all(word in reported for word in words)


@pytest.mark.parametrize("name", ["AzureWebJobsStorage", "StatusStorage"])
def test_storage_is_a_connection_string_or_an_identity(name):
    by_key = Settings.load({"TENANT_ID": TENANT, name: STORAGE}).storage
    by_identity = Settings.load(
        {"TENANT_ID": TENANT, f"{name}__tableServiceUri": TABLES, f"{name}__clientId": IDENTITY}
    ).storage

    assert isinstance(by_key, StorageByConnectionString)
    assert by_key.connection_string.get_secret_value() == STORAGE
    assert by_identity == StorageByIdentity(TABLES, IDENTITY)


def test_the_rows_are_where_status_storage_says():
    assert load(StatusStorage__tableServiceUri=TABLES).storage == StorageByIdentity(TABLES, None)


@pytest.mark.parametrize("text", ["UseDevelopmentStorage=true", "usedevelopmentstorage=TRUE;"])
def test_development_storage_stands_for_azurite(text):
    storage = Settings.load({"TENANT_ID": TENANT, "AzureWebJobsStorage": text}).storage

    assert isinstance(storage, StorageByConnectionString)
    assert storage.connection_string.get_secret_value() == DEVELOPMENT_STORAGE


@pytest.mark.parametrize("prefix", ["AzureWebJobsStorage", "StatusStorage"])
def test_a_storage_that_is_set_twice_is_invalid(prefix):
    (reported,) = problems(**{prefix: STORAGE, f"{prefix}__tableServiceUri": TABLES})

    assert "set only one of them" in reported


@pytest.mark.parametrize(
    ("environment", "schedule"),
    [
        ({}, DEFAULT_SCHEDULE),
        ({"SCAN_SCHEDULE": ""}, DEFAULT_SCHEDULE),
        ({"SCAN_SCHEDULE": "nightly"}, DEFAULT_SCHEDULE),
        ({"SCAN_SCHEDULE": " 0 */5 * * * * "}, "0 */5 * * * *"),
    ],
)
def test_the_timer_falls_back_to_the_default_schedule(environment, schedule):
    assert schedule_of(environment) == schedule


@pytest.mark.parametrize(
    ("environment", "access"),
    [
        ({}, "key"),
        ({"API_ACCESS": "entra"}, "entra"),
        ({"API_ACCESS": "anybody"}, "key"),
        ({"API_ACCESS": "ENTRA"}, "key"),
    ],
)
def test_access_falls_back_to_a_key(environment, access):
    assert api_access_of(environment) == access


ALIASES = [str(field.alias) for field in Settings.model_fields.values()]


@given(st.dictionaries(st.sampled_from(ALIASES), st.text(max_size=60), max_size=6))
def test_loading_raises_only_invalid_settings(environment):
    with suppress(InvalidSettings):
        assert Settings.load(environment).storage


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("adele@contoso.com", ("adele@contoso.com",)),
        (f" {APP} , group:{IDENTITY},bob@contoso.com ", (APP, f"group:{IDENTITY}", "bob@contoso.com")),
        (f"GROUP:{IDENTITY.upper()}", (f"GROUP:{IDENTITY.upper()}",)),
    ],
)
def test_excluded_users_are_upns_ids_and_groups(text, expected):
    assert load(EXCLUDE_USERS=text).exclude_users == expected
    ExcludedUsers.parse(expected)


@pytest.mark.parametrize("text", ["adele", "a b@contoso.com", "group:admins", "group:", "contoso.com", ",", f"{APP}x"])
def test_an_invalid_excluded_user_is_reported(text):
    (problem,) = problems(EXCLUDE_USERS=f"adele@contoso.com,{text}" if text != "," else text)

    assert problem.startswith("EXCLUDE_USERS is ")
    assert "group:{object ID}" in problem
