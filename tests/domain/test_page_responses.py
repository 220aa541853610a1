"""What a response to `services` means: the table of docs/microsoft-365.md, section 5.6, row by row."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.domain.pages import (
    NoPage,
    PageFound,
    PageResponse,
    PageRules,
    Redirected,
    SignInRequired,
    classify,
    sign_in_hosts,
)
from atlas.domain.unknown import Reason, Unknown

URL = "https://outlook.office.com/BookingsService/api/V1/bookingBusinessesc2/mbx:1@2/services"
AUTHORITY = "https://127.0.0.1:8443"
RULES = PageRules(sign_in_hosts(AUTHORITY), ("NotFound", "NotProvisioned", "NonExistent", "NotEnabled"))
PUBLIC = {
    "serviceId": "a1",
    "title": "30 min",
    "defaultDuration": "PT30M",
    "isLocationOnline": True,
    "isPrivate": False,
    "isHiddenFromCustomers": False,
}
SIGN_IN_HTML = '<!DOCTYPE html><a href="{}/common/oauth2/v2.0/authorize?client_id=x">Sign in</a>'
HTML = {"content-type": "text/html; charset=utf-8"}
JSON = {"content-type": "application/json"}


def reply(status=200, body=b"", headers=None):
    return PageResponse(status, headers or {}, body.encode() if isinstance(body, str) else body, URL)


def services(*items, **more):
    return reply(body=json.dumps({"service": list(items), **more}), headers=JSON)


def reason_of(result):
    assert isinstance(result, Unknown)
    return result.reason


def test_a_page_with_one_public_type_is_public():
    result = classify(
        services(
            {**PUBLIC, "isPrivate": True}, {**PUBLIC, "serviceId": "b2"}, {**PUBLIC, "isHiddenFromCustomers": True}
        ),
        RULES,
    )

    assert isinstance(result, PageFound)
    assert [stored.type_id for stored in result.public_types] == ["b2"]


@pytest.mark.parametrize(
    "items",
    [(), ({**PUBLIC, "isPrivate": True},), ({**PUBLIC, "isHiddenFromCustomers": True}, {**PUBLIC, "isPrivate": True})],
)
def test_a_page_without_public_types_exists(items):
    assert classify(services(*items, count=len(items), nextSkipToken=""), RULES) == PageFound(())


@pytest.mark.parametrize(
    "missing", ["title", "defaultDuration", "isLocationOnline", "isPrivate", "isHiddenFromCustomers"]
)
def test_a_meeting_type_needs_only_an_id(missing):
    result = classify(services({name: value for name, value in PUBLIC.items() if name != missing}), RULES)

    assert isinstance(result, PageFound)
    assert len(result.public_types) == 1


@pytest.mark.parametrize("service_id", [None, "", 7, True, ["a1"], {"id": "a1"}])
def test_a_meeting_type_without_an_id_is_not_understood(service_id):
    assert reason_of(classify(services({**PUBLIC, "serviceId": service_id}), RULES)) is Reason.NOT_UNDERSTOOD


def test_lone_surrogates_in_titles_are_replaced():
    result = classify(reply(200, '{"service": [{"serviceId": "a\\ud83d", "title": "Call \\ud83d"}]}', JSON), RULES)

    assert isinstance(result, PageFound)
    assert (result.public_types[0].type_id, result.public_types[0].title) == ("a?", "Call ?")


@pytest.mark.parametrize("name", ["isPrivate", "isHiddenFromCustomers"])
@pytest.mark.parametrize("flag", ["false", "true", 0, 1, "", [], {}])
def test_a_malformed_meeting_type_does_not_hide_a_public_one(name, flag):
    malformed = {**PUBLIC, "serviceId": "b2", name: flag}

    page = classify(services(malformed, PUBLIC), RULES)

    assert isinstance(page, PageFound)
    assert [public_type.type_id for public_type in page.public_types] == ["a1"]
    assert reason_of(classify(services(malformed), RULES)) is Reason.NOT_UNDERSTOOD
    assert reason_of(classify(services(malformed, {**PUBLIC, "isPrivate": True}), RULES)) is Reason.NOT_UNDERSTOOD


@pytest.mark.parametrize("item", [None, 7, "text", [], {}])
def test_a_meeting_type_that_is_not_an_object_affects_only_itself(item):
    assert isinstance(classify(services(item, PUBLIC), RULES), PageFound)


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
@pytest.mark.parametrize("retry_after", ["30", "2.128", "Sat, 21 Nov 2026 08:00:00 GMT", "soon"])
def test_a_retry_after_means_throttling(status, retry_after):
    result = classify(reply(status, headers={"retry-after": retry_after}), RULES)

    assert reason_of(result) is Reason.THROTTLED


@pytest.mark.parametrize("status", [401, 404])
def test_a_retry_after_does_not_hide_a_recognised_status(status):
    assert not isinstance(classify(reply(status, headers={"retry-after": "30"}), RULES), Unknown)


@pytest.mark.parametrize(
    "body", ["[" * 3_000 + "]" * 3_000, '{"service":[' + "[],[]," * 100_000 + "[]]}", "[" * 1_000_000]
)
def test_a_hostile_document_is_not_understood(body):
    assert reason_of(classify(reply(200, body, JSON), RULES)) is Reason.NOT_UNDERSTOOD


@pytest.mark.parametrize("name", ["isPrivate", "isHiddenFromCustomers"])
def test_a_null_flag_hides_nothing(name):
    result = classify(services({**PUBLIC, name: None}), RULES)

    assert isinstance(result, PageFound)
    assert len(result.public_types) == 1


@pytest.mark.parametrize(
    ("duration", "minutes"),
    [
        ("PT30M", 30),
        ("PT1H30M", 90),
        ("P1D", 1440),
        ("P366D", 366 * 1440),
        *((response, None) for response in (None, "half an hour", [], "PT0S", "PT20S", "-PT30M", "P367D", "P999999D")),
    ],
)
def test_durations_are_whole_minutes_or_unknown(duration, minutes):
    result = classify(services({**PUBLIC, "defaultDuration": duration}), RULES)

    assert isinstance(result, PageFound)
    assert result.public_types[0].duration_minutes == minutes


@pytest.mark.parametrize(
    "response",
    [
        reply(401),
        reply(401, "<html>", HTML),
        *(
            reply(status, "", {"location": f"{host}/common/oauth2/authorize"})
            for status in (300, 301, 302, 303, 307, 308)
            for host in (AUTHORITY, "https://login.microsoftonline.com", "https://login.live.com", "//login.live.com")
        ),
        reply(302, "", {"location": "https://LOGIN.microsoftonline.com:443/common"}),
        *(
            reply(status, SIGN_IN_HTML.format(host), HTML)
            for status in (200, 400, 403, 404, 429, 500, 503)
            for host in (AUTHORITY, "https://login.microsoftonline.com", "HTTPS://LOGIN.LIVE.COM")
        ),
        reply(200, SIGN_IN_HTML.format("https://login.live.com"), {}),
        *(
            reply(200, SIGN_IN_HTML.format(written), HTML)
            for written in (
                r"https:\/\/login.microsoftonline.com\/common",
                "https%3A%2F%2Flogin.live.com%2Fx",
                "/signin?to=https%3a%2f%2flogin.microsoftonline.com%2fcommon",
                AUTHORITY.replace(":", "%3A").replace("/", "%2F"),
                AUTHORITY.replace("/", r"\/"),
            )
        ),
        reply(200, b"\xef\xbb\xbf" + SIGN_IN_HTML.format("https://login.live.com").encode(), {}),
    ],
)
def test_links_to_a_sign_in_host_mean_sign_in(response):
    assert classify(response, RULES) == SignInRequired()


def test_another_port_is_another_sign_in_host():
    result = classify(reply(302, "", {"location": "https://127.0.0.1:9443/common"}), RULES)

    assert reason_of(result) is Reason.NOT_UNDERSTOOD


@pytest.mark.parametrize("status", [400, 402, 404, 405, 406, 409, 410, 418, 422, 451, 499])
def test_other_client_errors_mean_no_page(status):
    assert classify(reply(status, "{}", JSON), RULES) == NoPage(status)


@pytest.mark.parametrize("marker", ["MailboxNotFoundException", "mailboxnotprovisioned", "NONEXISTENT", "xNotEnabledx"])
def test_a_500_with_a_marker_means_no_page(marker):
    assert classify(reply(500, json.dumps({"message": marker}), JSON), RULES) == NoPage(500)


def test_a_marker_counts_only_in_a_500():
    assert reason_of(classify(reply(502, "NotFound"), RULES)) is Reason.UNREACHABLE


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (403, Reason.REFUSED),
        (429, Reason.THROTTLED),
        (408, Reason.UNREACHABLE),
        *((status, Reason.UNREACHABLE) for status in (500, 501, 502, 503, 504, 507, 599)),
        *((status, Reason.NOT_UNDERSTOOD) for status in (201, 202, 204, 206, 304)),
    ],
)
def test_undetermined_responses_have_a_reason(status, reason):
    assert reason_of(classify(reply(status, "{}", JSON), RULES)) is reason


@pytest.mark.parametrize(
    "response",
    [
        reply(200, "<html><body>Something went wrong</body></html>", HTML),
        reply(200, '{"service":[{"serviceId":"c0a1', JSON),
        reply(200, "", JSON),
        reply(200, "null", JSON),
        reply(200, "[]", JSON),
        reply(200, '{"businessInfo": {}}', JSON),
        reply(200, '{"service": null}', JSON),
        reply(200, '{"service": {}}', JSON),
        reply(200, '{"service": ["a"]}', JSON),
        reply(200, '{"service": [null]}', JSON),
        reply(200, '{"service": [{"title": "no id"}]}', JSON),
        reply(200, b"\xff\xfe\x00", JSON),
        reply(200, "[" * 100_000, JSON),
        reply(200, '{"service": [{"serviceId": "a", "defaultDuration": ' + "9" * 5000 + "}]}", JSON),
        reply(302, "", {}),
        reply(302, "", {"location": "https://elsewhere.example/x"}),
        reply(302, "", {"location": "http://outlook.office.com/x"}),
        reply(302, "", {"location": "https://outlook.office.com:8443/x"}),
        reply(302, "", {"location": "http://[broken"}),
    ],
)
def test_a_response_outside_the_table_is_not_understood(response):
    assert reason_of(classify(response, RULES)) is Reason.NOT_UNDERSTOOD


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/moved?x=1", "https://outlook.office.com/moved?x=1"),
        ("https://outlook.office.com:443/moved", "https://outlook.office.com:443/moved"),
        ("//outlook.office.com/moved", "https://outlook.office.com/moved"),
    ],
)
def test_a_same_origin_redirect_is_followed(location, target):
    assert classify(reply(302, "", {"location": location}), RULES) == Redirected(target)


@given(
    status=st.integers(100, 999),
    body=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace"))),
    content_type=st.sampled_from(["", "text/html", "application/json", "text/plain"]),
    location=st.one_of(st.text(max_size=50), st.sampled_from(["//", "http://[", "https://a:b", "https://x:99999/"])),
)
def test_every_response_can_be_classified(status, body, content_type, location):
    result = classify(reply(status, body, {"content-type": content_type, "location": location}), RULES)

    assert isinstance(result, PageFound | SignInRequired | NoPage | Unknown | Redirected)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*PUBLIC, "x"]), inner, max_size=6),
    max_leaves=12,
)


@given(st.lists(st.one_of(JSON_VALUES, st.fixed_dictionaries(dict.fromkeys(PUBLIC, JSON_VALUES))), max_size=3))
def test_every_list_of_meeting_types_can_be_classified(items):
    result = classify(services(*items), RULES)

    assert isinstance(result, PageFound | Unknown)
