"""How a command signs in: the settings first, then the logins of `az` and `azd`, then the machine's own identity."""

import json
import stat
import sys
from pathlib import Path

import pytest

from atlas.cli.connection import connect, describe_sign_in
from atlas.microsoft365.connections import trusted_authorities
from atlas.microsoft365.failures import SignInRefused
from atlas.microsoft365.sign_in import EXCHANGE_SCOPE, GRAPH_SCOPE, sign_in_with
from atlas.settings import ClientSecret, DeviceCode, InvalidSettings, ManagedIdentity, OwnLogin

TENANT = "72f988bf-86f1-41af-91ab-2d7cd011db47"
OTHER = "11111111-2222-4333-8444-555555555555"
CLIENT = "5f8c5f8b-0c0f-4f5e-9d0c-3b1f6a0f2c11"
AUTHORITY = "https://login.microsoftonline.com"
ACCOUNT = {"tenantId": TENANT, "user": {"name": "admin@contoso.com", "type": "user"}}
TOKEN = {"accessToken": "of-the-person", "expires_on": 4102444800, "tenant": TENANT, "tokenType": "Bearer"}
AZD_TOKEN = {"token": "of-azd", "expiresOn": "2099-12-31T23:59:59Z"}
NOT_LOGGED_IN = {
    "az": "ERROR: Please run 'az login' to setup account.",
    "azd": "ERROR: not logged in, run `azd auth login` to login",
}
NO_EXCHANGE = "AADSTS65002: Consent between first party application and resource must be configured"


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Puts programs on the path that print what a test wants; none of the machine's own is there."""
    monkeypatch.setenv("PATH", str(tmp_path))

    def install(name: str, *, login: bool = True, exchange: bool = True) -> None:
        outputs = {"show": ACCOUNT, "az": TOKEN, "azd": AZD_TOKEN}
        script = tmp_path / name
        script.write_text(
            f"#!{sys.executable}\nimport sys\n"
            f"login, exchange, outputs = {login}, {exchange}, {outputs!r}\n"
            "import json\n"
            f"if not login: sys.exit({NOT_LOGGED_IN[name]!r})\n"
            f"if not exchange and any('outlook' in one for one in sys.argv): sys.exit('ERROR: {NO_EXCHANGE}')\n"
            f"print(json.dumps(outputs['show' if 'show' in sys.argv else {name!r}]))\n"
        )
        script.chmod(script.stat().st_mode | stat.S_IXUSR)

    return install


def test_a_sign_in_setting_comes_first(tools):
    tools("az")

    connection = connect({"TENANT_ID": OTHER, "AZURE_CLIENT_ID": CLIENT, "AZURE_CLIENT_SECRET": "s"})

    assert isinstance(connection.sign_in, ClientSecret)
    assert connection.sentence is None


def test_azure_s_own_identity_comes_before_a_login(tools):
    tools("az")

    assert connect({"TENANT_ID": OTHER, "IDENTITY_ENDPOINT": "http://127.0.0.1/msi"}).sign_in == ManagedIdentity()


def test_the_login_of_az_provides_the_tenant(tools):
    tools("az")

    connection = connect({})

    assert (connection.sign_in, connection.settings.tenant_id) == (OwnLogin("az"), TENANT)
    assert connection.sentence == (
        "No sign-in is set: this uses your login of the Azure CLI, `az` (admin@contoso.com)."
    )


@pytest.mark.parametrize(
    ("environment", "tenant"), [({"TENANT_ID": OTHER}, None), ({}, OTHER), ({"TENANT_ID": TENANT}, OTHER)]
)
def test_a_named_tenant_overrides_that_of_az(tools, environment, tenant):
    tools("az")

    assert connect(environment, tenant=tenant).settings.tenant_id == OTHER


def test_without_az_the_login_of_azd_is_used(tools):
    tools("az", login=False)
    tools("azd")

    connection = connect({"TENANT_ID": TENANT})

    assert connection.sign_in == OwnLogin("azd")
    assert "the Azure Developer CLI" in connection.sentence


def test_without_any_login_it_is_the_machine_s_identity(tools):
    tools("az", login=False)
    tools("azd", login=False)

    connection = connect({"TENANT_ID": TENANT})

    assert (connection.sign_in, connection.sentence) == (ManagedIdentity(), None)


@pytest.mark.usefixtures("tools")
def test_without_tenant_and_login_the_message_names_both_ways():
    with pytest.raises(InvalidSettings) as caught:
        connect({})

    assert "TENANT_ID is missing" in str(caught.value)
    assert "az login --allow-no-subscriptions" in str(caught.value)


@pytest.mark.usefixtures("tools")
def test_a_device_code_needs_a_tenant_and_an_app_registration():
    connection = connect({}, tenant=TENANT, client_id=CLIENT)

    assert connection.sign_in == DeviceCode(CLIENT)
    assert CLIENT in describe_sign_in(connection.sign_in)
    with pytest.raises(InvalidSettings, match="TENANT_ID is missing"):
        connect({}, client_id=CLIENT)


def sign_in(tool):
    return sign_in_with(OwnLogin(tool), TENANT, AUTHORITY, trusted_authorities(None))


@pytest.mark.parametrize(("tool", "token"), [("az", "of-the-person"), ("azd", "of-azd")])
async def test_the_token_is_that_of_the_tool(tools, tool, token):
    tools(tool)

    assert await sign_in(tool).token(GRAPH_SCOPE) == token


@pytest.mark.parametrize("tool", ["az", "azd"])
async def test_a_tool_without_a_login_is_reported_with_the_command(tools, tool):
    tools(tool, login=False)

    with pytest.raises(SignInRefused, match="login") as caught:
        await sign_in(tool).token(GRAPH_SCOPE)

    assert TENANT in str(caught.value)


async def test_a_service_for_which_az_gets_no_token_is_named(tools):
    tools("az", exchange=False)

    with pytest.raises(SignInRefused, match=r"no token for https://outlook\.office365\.com") as caught:
        await sign_in("az").token(EXCHANGE_SCOPE)

    assert "AADSTS65002" in str(caught.value)
    assert json.dumps(TOKEN) not in str(caught.value)
