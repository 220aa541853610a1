"""Addresses of personal pages: one form is built, every form seen in the wild is read."""

from contextlib import suppress
from urllib.parse import quote
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.domain.page_urls import (
    InvalidPageUrl,
    PageAddress,
    anonymous_url,
    domain_of,
    meeting_type_url,
    page_url,
    parse_page_url,
)
from atlas.domain.user_references import InvalidUserReference, parse_user_reference

GUID = UUID("2be92a50-0c6b-4d1e-8a61-3f1f5a0c7e11")
TYPE = "c0a1b2c3-1111-4222-8333-0123456789ab"
BASE = "https://outlook.office.com"
ADDRESS = f"{BASE}/bookwithme/user/{GUID.hex}@contoso.com"


def test_the_address_is_lower_case_with_a_literal_at():
    assert page_url(BASE, GUID, "Contoso.COM") == ADDRESS
    assert anonymous_url(ADDRESS) == f"{ADDRESS}?anonymous"


@given(st.uuids(), st.from_regex(r"[a-z0-9-]{1,20}(\.[a-z0-9-]{1,10}){1,3}", fullmatch=True))
def test_a_built_address_is_read_back(guid, domain):
    assert parse_page_url(page_url(BASE, guid, domain)) == PageAddress(guid, domain)


@given(st.uuids(), st.from_regex(r"[A-Za-z0-9_=.-]{1,60}", fullmatch=True))
def test_the_address_of_a_meeting_type_can_be_parsed(guid, type_id):
    url = meeting_type_url(page_url(BASE, guid, "contoso.com"), type_id)

    assert parse_page_url(url) == PageAddress(guid, "contoso.com", type_id)


@pytest.mark.parametrize(
    ("text", "type_id"),
    [
        (ADDRESS, None),
        (ADDRESS.replace("@", "%40"), None),
        (f"{ADDRESS}/", None),
        (f"{ADDRESS}?anonymous", None),
        (f"{ADDRESS}?anonymous&ep=plink", None),
        (f"{ADDRESS}?anonymous&ismsaljsauthenabled&ep=plink", None),
        (f"{ADDRESS}?isembed=true", None),
        (f"{ADDRESS}#top", None),
        (f"{ADDRESS}/meetingtype/{TYPE}?anonymous&ep=mlink", TYPE),
        (f"{ADDRESS}/meetingtype/{TYPE}?bookingcode=1f2e&anonymous&ep=mcard", TYPE),
        (ADDRESS.replace("outlook.office.com", "outlook.office365.com"), None),
        (ADDRESS.replace("/user/", "/"), None),
        (ADDRESS.replace(GUID.hex, str(GUID)), None),
        (ADDRESS.upper(), None),
        (f"  {ADDRESS}\n", None),
        (f"<{ADDRESS}?anonymous>", None),
        (ADDRESS.removeprefix("https://"), None),
        (quote(ADDRESS, safe=""), None),
        (quote(quote(f"{ADDRESS}/meetingtype/{TYPE}?anonymous", safe=""), safe=""), TYPE),
        (quote(ADDRESS.replace("@", "%40"), safe=""), None),
    ],
)
def test_every_form_in_use_identifies_the_same_user(text, type_id):
    address = parse_page_url(text)

    assert (address.mailbox_guid, address.domain, address.meeting_type_id) == (GUID, "contoso.com", type_id)
    assert parse_user_reference(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "https://book.ms/b/abc",
        "http://book.ms",
        "book.ms/abc",
        "BOOK.MS/abc",
        "www.book.ms/x",
        quote("https://book.ms/b/a"),
    ],
)
def test_a_short_link_is_invalid_with_an_explanation(text):
    with pytest.raises(InvalidPageUrl, match=r"book\.ms"):
        parse_page_url(text)
    with pytest.raises(InvalidPageUrl, match=r"book\.ms"):
        parse_user_reference(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "https://outlook.office.com",
        f"{BASE}/book/Shop@contoso.com/",
        f"{BASE}/bookwithme/me",
        f"{BASE}/bookwithme/user/{GUID.hex[:-1]}@contoso.com",
        f"{BASE}/bookwithme/user/{GUID.hex}",
        f"{BASE}/bookwithme/user/{GUID.hex}@",
    ],
)
def test_any_other_address_is_rejected(text):
    with pytest.raises(InvalidPageUrl, match="/bookwithme/user/"):
        parse_page_url(text)


@given(st.one_of(st.text(), st.text().map(lambda text: f"/bookwithme/user/{text}"), st.text().map(quote)))
def test_parsing_raises_only_its_documented_exceptions(text):
    with suppress(InvalidPageUrl):
        assert isinstance(parse_page_url(text), PageAddress)
    with suppress(InvalidPageUrl, InvalidUserReference):
        assert isinstance(parse_user_reference(text), UUID | PageAddress | str)


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        (str(GUID), GUID),
        (str(GUID).upper(), GUID),
        (GUID.hex, GUID),
        (f" {GUID} ", GUID),
        ("adele@contoso.com", "adele@contoso.com"),
        (" Adele@Contoso.com ", "Adele@Contoso.com"),
        ("jo_partner.example#EXT#@contoso.onmicrosoft.com", "jo_partner.example#EXT#@contoso.onmicrosoft.com"),
        ("o'neil+bookings@contoso.com", "o'neil+bookings@contoso.com"),
        ("bookwithme@contoso.com", "bookwithme@contoso.com"),
        ("book.ms@contoso.com", "book.ms@contoso.com"),
    ],
)
def test_a_subject_is_an_object_id_or_a_upn(text, subject):
    assert parse_user_reference(text) == subject


@pytest.mark.parametrize(
    "text", ["", " ", "adele", "adele@", "@contoso.com", "adele@contoso", "adele vance@contoso.com"]
)
def test_an_invalid_user_reference_is_rejected_with_the_valid_forms(text):
    with pytest.raises(InvalidUserReference, match="UPN"):
        parse_user_reference(text)


@pytest.mark.parametrize(
    ("address", "domain"),
    [("a@B.com", "b.com"), ("a@b@C.com", "c.com"), ("a", None), ("", None), (None, None), ("a@", None)],
)
def test_the_domain_is_what_stands_after_the_last_at(address, domain):
    assert domain_of(address) == domain
