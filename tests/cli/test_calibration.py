"""``atlas doctor --calibrate``: three answers side by side, and whether they are told apart by NOT_SET_UP_MARKERS."""

import json

import pytest

from local.simulator import Fault
from local.simulator.user_kinds import Mailbox, MailboxPolicy, Page
from local.simulator.user_mixes import EVERY


@pytest.fixture
async def commands(start):
    return await start(users=len(EVERY), mix=EVERY)


def upn(commands, page, mailbox=Mailbox.NORMAL):
    return commands.somebody(page=page, mailbox=mailbox, policy=MailboxPolicy.INHERIT)["upn"]


@pytest.mark.parametrize("page", [Page.MISSING_404, Page.MISSING_500_MARKER])
async def test_answers_that_are_told_apart_leave_the_markers_as_they_are(commands, page):
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
async def test_wrong_users_and_a_busy_service_are_no_reason_to_change_the_markers(commands, with_page, without):
    shown = await commands.doctor((upn(commands, with_page), upn(commands, without)))

    assert shown.code == 1
    assert "not told apart" in shown.text
    assert "NOT_SET_UP_MARKERS=" not in shown.text


async def test_a_500_without_a_known_marker_shows_its_words_that_the_page_does_not_hold(commands):
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


async def test_the_word_that_was_added_tells_the_answers_apart(commands):
    fault = Fault("bookings.services", status=500, skip=1, times=1, body="ErrorCalendarUnheardOf")
    commands.tenant.add_fault(fault)

    shown = await commands.doctor(
        (upn(commands, Page.PUBLIC_ONE), upn(commands, Page.MISSING_404)),
        NOT_SET_UP_MARKERS="NotFound,ErrorCalendarUnheardOf",
    )

    assert shown.code == 0


@pytest.mark.parametrize(
    ("who", "told"),
    [("nobody@contoso.com", "Microsoft Entra has no such user"), (None, "no mailbox in Exchange Online")],
)
async def test_who_cannot_be_asked_about_is_told_with_the_others(commands, who, told):
    who = who or upn(commands, Page.MISSING_404, Mailbox.ON_PREMISES)

    shown = await commands.doctor((who, upn(commands, Page.MISSING_404)))

    assert shown.code == 1
    assert f"not requested: {told}" in shown.words or f"not requested: the user has {told}" in shown.words
    assert shown.text.count("read as no page") == 2


async def test_it_works_without_exchange(commands):
    commands.tenant.behave(exchange={"role": None})
    users = (upn(commands, Page.PUBLIC_ONE), upn(commands, Page.MISSING_404))

    assert (await commands.doctor(users, EXCHANGE_EVIDENCE="false")).code == 0


@pytest.mark.parametrize("users", [("nonsense", "adele@contoso.com"), ("adele@contoso.com", "https://book.ms/x")])
async def test_nonsense_exits_with_2_before_anybody_is_asked(commands, users):
    shown = await commands.doctor(users)

    assert (shown.code, shown.text) == (2, "")
    assert shown.errors.startswith("--calibrate: ")
    assert commands.tenant.metrics()["services"] == {}
