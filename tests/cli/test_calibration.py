"""``atlas doctor --calibrate``: three responses side by side, and whether NOT_SET_UP_MARKERS tells them apart."""

import json

import pytest

from local.simulator import Fault
from local.simulator.user_kinds import Mailbox, MailboxPolicy, Page
from local.simulator.user_mixes import EVERY


@pytest.fixture
async def commands(start):
    return await start(users=len(EVERY), mix=EVERY)


def upn(commands, page, mailbox=Mailbox.NORMAL):
    return commands.find_user(page=page, mailbox=mailbox, policy=MailboxPolicy.INHERIT)["upn"]


@pytest.mark.parametrize("page", [Page.MISSING_404, Page.MISSING_500_MARKER])
async def test_distinct_responses_leave_the_markers_unchanged(commands, page):
    shown = await commands.doctor((upn(commands, Page.PUBLIC_ONE), upn(commands, page)))

    assert shown.code == 0
    assert "read as a page" in shown.text
    assert shown.text.count("read as no page") == 2
    assert "Leave NOT_SET_UP_MARKERS as it is: NotFound,NotProvisioned,NonExistent,NotEnabled" in shown.text
    assert commands.tenant.metrics()["writes"] == []


@pytest.mark.parametrize(
    ("with_page", "without"),
    [
        (Page.MISSING_404, Page.PUBLIC_ONE),
        (Page.MISSING_404, Page.MISSING_410),
        (Page.PUBLIC_ONE, Page.PUBLIC_SEVERAL),
        (Page.PUBLIC_ONE, Page.UNAVAILABLE_503),
        (Page.THROTTLED_429, Page.MISSING_404),
    ],
)
async def test_wrong_users_or_a_busy_service_suggest_no_marker(commands, with_page, without):
    shown = await commands.doctor((upn(commands, with_page), upn(commands, without)))

    assert shown.code == 1
    assert "cannot be distinguished" in shown.text
    assert "NOT_SET_UP_MARKERS=" not in shown.text


async def test_a_500_without_a_marker_suggests_words(commands):
    body = json.dumps({"error": {"code": "ErrorCalendarUnheardOf", "serviceId": "x", "message": "\x1b[2J ab"}})
    fault = Fault("bookings.services", status=500, skip=1, times=1, body=body)
    commands.tenant.add_fault(fault)

    shown = await commands.doctor(
        (upn(commands, Page.PUBLIC_ONE), upn(commands, Page.MISSING_404)), NOT_SET_UP_MARKERS="NotHere"
    )

    assert shown.code == 1
    assert "NOT_SET_UP_MARKERS=NotHere,<word>" in shown.text
    assert shown.text.splitlines()[-1] == "Words that only this response contains: ErrorCalendarUnheardOf"
    assert {sign for sign in shown.text if not sign.isprintable()} == {"\n"}


async def test_an_added_marker_makes_calibration_succeed(commands):
    fault = Fault("bookings.services", status=500, skip=1, times=1, body="ErrorCalendarUnheardOf")
    commands.tenant.add_fault(fault)

    shown = await commands.doctor(
        (upn(commands, Page.PUBLIC_ONE), upn(commands, Page.MISSING_404)),
        NOT_SET_UP_MARKERS="NotFound,ErrorCalendarUnheardOf",
    )

    assert shown.code == 0


@pytest.mark.parametrize(
    ("who", "text"),
    [("nobody@contoso.com", "Microsoft Entra has no such user"), (None, "no mailbox in Exchange Online")],
)
async def test_a_user_without_a_mailbox_is_reported_beside_the_others(commands, who, text):
    who = who or upn(commands, Page.MISSING_404, Mailbox.ON_PREMISES)

    shown = await commands.doctor((who, upn(commands, Page.MISSING_404)))

    assert shown.code == 1
    assert f"not requested: {text}" in shown.words or f"not requested: the user has {text}" in shown.words
    assert shown.text.count("read as no page") == 2


async def test_it_works_without_exchange(commands):
    commands.tenant.behave(exchange={"role": None})
    users = (upn(commands, Page.PUBLIC_ONE), upn(commands, Page.MISSING_404))

    assert (await commands.doctor(users, EXCHANGE_EVIDENCE="false")).code == 0


@pytest.mark.parametrize("users", [("nonsense", "adele@contoso.com"), ("adele@contoso.com", "https://book.ms/x")])
async def test_an_invalid_user_exits_with_2_before_any_request(commands, users):
    shown = await commands.doctor(users)

    assert (shown.code, shown.text) == (2, "")
    assert shown.errors.startswith("--calibrate: ")
    assert commands.tenant.metrics()["services"] == {}
