"""`Retry-After` in all its forms, and which failures are worth another try at once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.microsoft365.calls import MAX_INLINE_WAIT_SECONDS, parse_next_link, parse_retry_after, wait_before_retry
from atlas.microsoft365.failures import (
    ListingExpired,
    NotUnderstood,
    Refused,
    SignInRefused,
    TenantFailure,
    Throttled,
    TimedOut,
    Unreachable,
)

DATE = "Sat, 21 Nov 2026 08:00:00 GMT"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("1", 1),
        (" 120 ", 120),
        ("2.128", 2.128),
        ("Sat, 21 Nov 2026 08:00:30 GMT", 30),
        ("Saturday, 21-Nov-26 08:01:00 GMT", 60),
        ("Sat, 21 Nov 2026 09:00:10 +0100", 10),
        ("Sat, 21 Nov 2026 07:00:00 GMT", 0),
        ("", None),
        ("-1", None),
        ("nan", None),
        ("inf", None),
        ("1e400", None),
        ("soon", None),
        ("99999999999", 86_400),
        ("Sat, 21 Nov 2099 08:00:00 GMT", 86_400),
        ("Sat, 21 Nov 99999 08:00:00 GMT", None),
        ("Sat, 21 Nov 2026 08:00:00 +99999999999999", None),
    ],
)
def test_retry_after_is_parsed_in_every_form(text, seconds):
    assert parse_retry_after({"retry-after": text, "date": DATE}) == seconds


def test_no_header_means_no_wait():
    assert parse_retry_after({}) is None


def test_a_date_is_compared_with_the_services_clock():
    headers = {"retry-after": "Wed, 21 Nov 2001 08:00:07 GMT", "date": "Wed, 21 Nov 2001 08:00:00 GMT"}

    assert parse_retry_after(headers) == 7


@given(st.text(), st.text())
def test_no_header_value_raises(retry_after, date):
    seconds = parse_retry_after({"retry-after": retry_after, "date": date})

    assert seconds is None or 0 <= seconds < float("inf")


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (Throttled("x"), True),
        (Throttled("x", 0.0), 0.0),
        (Throttled("x", MAX_INLINE_WAIT_SECONDS), MAX_INLINE_WAIT_SECONDS),
        (Throttled("x", MAX_INLINE_WAIT_SECONDS + 0.1), False),
        (Unreachable("x"), True),
        (TimedOut("x"), False),
        (Refused("x"), False),
        (SignInRefused("x"), False),
        (NotUnderstood("x"), False),
        (ListingExpired("x"), False),
        (ValueError("a bug"), False),
    ],
)
def test_which_failures_are_retried_inline(failure, expected):
    waited = wait_before_retry(failure)

    assert (waited, type(waited)) == (expected, type(expected))


def leaves(kind):
    return {kind} | {leaf for child in kind.__subclasses__() for leaf in leaves(child)}


def test_every_failure_has_a_reason():
    assert all(kind("x").unknown().reason for kind in leaves(TenantFailure) - {TenantFailure})


BASE = "https://graph.microsoft.com"


@pytest.mark.parametrize("link", [None, ""])
def test_no_link_means_the_last_page(link):
    assert parse_next_link(BASE, link) is None


@pytest.mark.parametrize("link", [f"{BASE}/v1.0/users?$skiptoken=a", "https://GRAPH.microsoft.com:443/x"])
def test_a_parse_next_link_the_same_host_is_followed(link):
    assert parse_next_link(BASE, link) == link


@pytest.mark.parametrize(
    "link",
    [
        "https://graph.microsoft.com.evil.example/x",
        "https://graph.microsoft.com@evil.example/x",
        "https://graph.microsoft.com\\@evil.example/x",
        "http://graph.microsoft.com/x",
        "https://graph.microsoft.com:8443/x",
        "//graph.microsoft.com/x",
        "/v1.0/users",
        "https://[broken",
        7,
        ["x"],
    ],
)
def test_a_link_to_another_origin_is_rejected(link):
    with pytest.raises(NotUnderstood, match="another host"):
        parse_next_link(BASE, link)
