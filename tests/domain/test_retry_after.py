"""`Retry-After` in all its forms, and which failures are worth another try at once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.microsoft365.calls import MAX_INLINE_WAIT_SECONDS, link_on, wait_before_retry, wait_seconds_of
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
        ("Sat, 21 Nov 99999 08:00:00 GMT", None),
        ("Sat, 21 Nov 2026 08:00:00 +99999999999999", None),
    ],
)
def test_the_seconds_to_wait_are_read_in_every_form(text, seconds):
    assert wait_seconds_of({"retry-after": text, "date": DATE}) == seconds


def test_no_header_is_no_wait():
    assert wait_seconds_of({}) is None


def test_a_date_is_held_against_the_clock_of_the_service():
    headers = {"retry-after": "Wed, 21 Nov 2001 08:00:07 GMT", "date": "Wed, 21 Nov 2001 08:00:00 GMT"}

    assert wait_seconds_of(headers) == 7


@given(st.text(), st.text())
def test_no_header_makes_it_raise(retry_after, date):
    seconds = wait_seconds_of({"retry-after": retry_after, "date": date})

    assert seconds is None or 0 <= seconds < float("inf")


@pytest.mark.parametrize(
    ("failure", "answer"),
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
def test_what_passes_is_tried_again_and_a_long_wait_is_left_to_the_flow(failure, answer):
    waited = wait_before_retry(failure)

    assert (waited, type(waited)) == (answer, type(answer))


def leaves(kind):
    return {kind} | {leaf for child in kind.__subclasses__() for leaf in leaves(child)}


def test_every_failure_has_a_reason():
    assert all(kind("x").unknown().reason for kind in leaves(TenantFailure) - {TenantFailure})


BASE = "https://graph.microsoft.com"


@pytest.mark.parametrize("link", [None, ""])
def test_a_page_without_a_link_is_the_last(link):
    assert link_on(BASE, link) is None


@pytest.mark.parametrize("link", [f"{BASE}/v1.0/users?$skiptoken=a", "https://GRAPH.microsoft.com:443/x"])
def test_a_link_on_the_same_host_is_followed(link):
    assert link_on(BASE, link) == link


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
def test_a_link_that_would_give_our_token_away_is_not_followed(link):
    with pytest.raises(NotUnderstood, match="another host"):
        link_on(BASE, link)
