"""The mask for requests: what is stored of the addresses that name people or carry keys."""

import pytest
from bicep_files import ROOT
from transformation import transform

QUERY = (ROOT / "infra" / "modules" / "mask-requests.kql").read_text()
STORED = {
    # every route, as it is
    "https://a.net/api/users": "https://a.net/api/users",
    "https://a.net/api/users.csv": "https://a.net/api/users.csv",
    "https://a.net/api/changes": "https://a.net/api/changes",
    "https://a.net/api/scans": "https://a.net/api/scans",
    "https://a.net/api/scans/0f8fad5bd9cb469fa16570867728950e": "https://a.net/api/scans/0f8fad5bd9cb469fa16570867728950e",
    "https://a.net/api/policy": "https://a.net/api/policy",
    "https://a.net/api/shared-pages": "https://a.net/api/shared-pages",
    "https://a.net/api/shared-pages.csv": "https://a.net/api/shared-pages.csv",
    "https://a.net/api/shared-page-changes": "https://a.net/api/shared-page-changes",
    "https://a.net/api/report": "https://a.net/api/report",
    "https://a.net/api/mcp": "https://a.net/api/mcp",
    "https://a.net/api/health": "https://a.net/api/health",
    "https://a.net/api/swagger.json": "https://a.net/api/swagger.json",
    # without the name of a person or a page
    "https://a.net/api/users/anna@contoso.com/bookings": "https://a.net/api/users/***",
    "https://a.net/api/users/anna@contoso.com/availability": "https://a.net/api/users/***",
    "https://a.net/api/users/anna@contoso.com/shared-pages?code=key": "https://a.net/api/users/***",
    "https://a.net/api/users/Anna%40contoso.com": "https://a.net/api/users/***",
    "https://a.net/api/users/{anna@contoso.com}/bookings": "https://a.net/api/users/***",
    "https://a.net/API/Users/anna@contoso.com/Bookings": "https://a.net/API/Users/***",
    "https://a.net/api/shared-pages/sales@contoso.com": "https://a.net/api/shared-pages/***",
    "https://a.net/api/scans/anna@contoso.com": "https://a.net/api/scans/***",
    "https://a.net/api/users%2Fanna%40contoso.com%2Fbookings": "https://a.net/***",
    "https://a.net/api/%75sers/anna@contoso.com/bookings": "https://a.net/***",
    "https://a.net/api//users/anna@contoso.com/bookings": "https://a.net/***",
    "https://a.net//api/users/anna@contoso.com": "https://a.net/***",
    "https://a.net/%61pi/users/anna@contoso.com": "https://a.net/***",
    "https://a.net/anna@contoso.com": "https://a.net/***",
    "https://anna@a.net/api/users": "/***",
    # without queries, which carry keys and searches
    "https://a.net/api/users?status=unknown&code=key": "https://a.net/api/users",
    "https://a.net/api/users/?search=anna": "https://a.net/api/users/***",
    "https://a.net/runtime/webhooks/durabletask/instances/x?code=key": "https://a.net/***",
    "https://a.net/admin/host/status?code=key": "https://a.net/***",
    "https://a.net?code=key": "https://a.net/***",
    # in names of operations
    "GET": "GET",
    "probe_user": "probe_user",
    "": "",
    "GET /api/users/{user}/bookings": "GET /api/users/{user}/bookings",
    "GET /api/users/{user}/shared-pages": "GET /api/users/{user}/shared-pages",
    "GET /api/users/anna@contoso.com": "GET /api/users/***",
    "GET api/shared-pages/{id}": "GET api/shared-pages/{id}",
    "anna@contoso.com": "/***",
}


@pytest.mark.parametrize(("address", "stored"), STORED.items())
def test_no_address_names_a_person_or_a_key(address: str, stored: str) -> None:
    row = transform(QUERY, {"Url": address, "Name": address, "OperationName": address, "Properties": {}})

    assert (row["Url"], row["Name"], row["OperationName"]) == (stored, stored, stored)


@pytest.mark.parametrize(
    ("properties", "stored"),
    [
        ({"scanId": "0f8fad5b", "trigger": "timer"}, {"scanId": "0f8fad5b", "trigger": "timer"}),
        ({"url.path": "/api/users/anna"}, {}),
        ({"url.path": "%2FAPI%2Fusers%2Fanna"}, {}),
        ({"user": "anna@contoso.com"}, {}),
        ({"user": "anna%40contoso.com"}, {}),
        ({"url.query": "code=key"}, {}),
    ],
    ids=str,
)
def test_properties_with_an_address_are_not_stored(properties: dict[str, str], stored: dict[str, str]) -> None:
    row = transform(QUERY, {"Url": "", "Name": "", "OperationName": "", "Properties": properties})

    assert row["Properties"] == stored


def test_the_mask_fits_on_one_line() -> None:
    """observability.bicep joins its lines, and a comment would end there."""
    assert "//" not in QUERY.replace("https?://", "")


@pytest.mark.parametrize(
    "query", ["source | where x", "source\n| where Url == ''", "source\n| extend Url = tohex(Url)"]
)
def test_an_unknown_function_or_operator_is_an_error(query: str) -> None:
    """Azure Monitor supports few of them, and a deployment with another one fails."""
    with pytest.raises((ValueError, KeyError)):
        transform(query, {"Url": ""})
