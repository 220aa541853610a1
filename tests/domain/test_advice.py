"""What would change it, for every reason there is: short, in words that fit, and nothing for a page that works."""

from dataclasses import replace
from datetime import UTC, datetime
from itertools import product

import pytest

from atlas.domain.advice import ADVICE, advice_for_user
from atlas.domain.ews_settings import AGENT
from atlas.domain.policy import Cause, Obstacle, PolicyVerdict, Scope, Verdict
from atlas.domain.statuses import Status
from atlas.domain.unknown import Reason
from atlas.domain.user_rows import UserRow
from atlas.domain.users import DELETED, LicensedUser, is_usable_state, why_not_licensed

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
BASE = "https://outlook.office.com"
UPN = "o'hara@contoso.com"
GUID = "036edc1e-3e33-4859-847f-903aecc0f7b2"
PAGE_TO_TRY = f"{BASE}/bookwithme/user/036edc1e3e334859847f903aecc0f7b2@contoso.com"
ORGANIZATION, MAILBOX = Scope.ORGANIZATION, Scope.MAILBOX


def row(status, verdict=None, cause=None, scope=None, *, policy=None, **more):
    user = LicensedUser("6ea91a8d-e32e-41a1-b7bd-d2d185eed0e0", UPN)
    judged = PolicyVerdict(verdict, cause, scope, "a reason", **(policy or {})) if verdict else None
    return UserRow(user, Status(status), NOW, policy=judged, **more)


def off(cause, scope, *entries, status="switchedOff", policy=None, **more):
    return row(status, Verdict.OFF, cause, scope, policy={"entries": entries, **(policy or {})}, **more)


BLOCK, ALLOW, EWS = Cause.BLOCK_LIST, Cause.ALLOW_LIST, Cause.EWS_DISABLED
ON = (Verdict.ON, Cause.NOTHING, ORGANIZATION)
DISABLED = (Verdict.EWS_DISABLED, EWS, ORGANIZATION)
NOT_ASKED = (Verdict.UNKNOWN, Cause.NOT_KNOWN, ORGANIZATION)
QUOTED = "'o''hara@contoso.com'"


@pytest.mark.parametrize(
    ("row", "included", "excluded"),
    [
        (row("noPublicTypes", *ON), ["/bookwithme/", "meeting type public"], ["Set-"]),
        (row("notSetUp", *ON), [f"opens {BASE}/bookwithme/ once", "signed in"], ["Set-", "policy"]),
        (row("notSetUp", *DISABLED), ["/bookwithme/", "-EwsEnabled $true", "articles disagree"], ["BlockList"]),
        (
            row("notSetUp", Verdict.EWS_DISABLED, EWS, MAILBOX),
            [f"Set-CASMailbox -Identity {QUOTED} -EwsEnabled $true"],
            ["Set-OrganizationConfig"],
        ),
        (row("notSetUp", *NOT_ASKED), ["/bookwithme/", "not known", "Exchange.ManageAsApp"], ["Set-"]),
        (row("notSetUp"), ["/bookwithme/"], ["Set-"]),
        (row("notSetUp", Verdict.UNKNOWN, Cause.NOT_KNOWN, MAILBOX), ["Exchange.ManageAsApp"], ["Set-"]),
        (
            row("notSetUp", Verdict.UNKNOWN, Cause.UNRECOGNIZED, MAILBOX),
            [f"Get-CASMailbox -Identity {QUOTED}", "before you change it"],
            ["Set-", "Exchange.ManageAsApp"],
        ),
        (
            off(BLOCK, ORGANIZATION, AGENT),
            [
                f"Set-OrganizationConfig -EwsBlockList @{{Remove='{AGENT}'}}",
                f"@{{Add='{AGENT}'}}",
                "whole organisation",
            ],
            ["CASMailbox", "EwsAllowList"],
        ),
        (
            off(BLOCK, MAILBOX, "MicrosoftOWS*"),
            [
                f"Set-CASMailbox -Identity {QUOTED} -EwsBlockList @{{Remove='MicrosoftOWS*'}}",
                "other apps too",
                "this user",
            ],
            ["OrganizationConfig", f"'{AGENT}'"],
        ),
        (
            off(ALLOW, MAILBOX),
            [f"Set-CASMailbox -Identity {QUOTED} -EwsAllowList @{{Add='{AGENT}'}}"],
            ["OrganizationConfig", "EwsBlockList"],
        ),
        (off(ALLOW, ORGANIZATION), [f"-EwsAllowList @{{Add='{AGENT}'}}", "about 4 hours"], ["EwsBlockList"]),
        (
            off(BLOCK, ORGANIZATION, AGENT, status="published"),
            ["although a policy forbids it", "Remove="],
            ["/bookwithme/"],
        ),
        (
            off(ALLOW, MAILBOX, status="noPublicTypes", url=f"{BASE}/x"),
            ["meeting type public", "a policy forbids it", "@{Add="],
            [],
        ),
        (
            off(BLOCK, ORGANIZATION, AGENT, policy={"further": (Obstacle(MAILBOX, EWS), Obstacle(MAILBOX, ALLOW))}),
            [
                "Set-OrganizationConfig -EwsBlockList",
                "EwsEnabled may be why; Microsoft's articles disagree",
                "That alone is not enough. Then:\nIn Exchange",
                f"Set-CASMailbox -Identity {QUOTED} -EwsEnabled $true",
                f"Set-CASMailbox -Identity {QUOTED} -EwsAllowList @{{Add='{AGENT}'}}",
            ],
            ["not known"],
        ),
        (
            off(ALLOW, ORGANIZATION, status="published", policy={"further": (Obstacle(ORGANIZATION, EWS),)}),
            ["a policy forbids it", "EwsAllowList"],
            ["EwsEnabled"],
        ),
        (
            off(BLOCK, ORGANIZATION, AGENT, policy={"further": (Obstacle(MAILBOX, Cause.NOT_KNOWN),)}),
            ["It is not known whether the mailbox allows it"],
            ["CASMailbox"],
        ),
        (
            off(BLOCK, ORGANIZATION, AGENT, policy={"is_conflict": True}),
            ["No document says whether a mailbox"],
            [],
        ),
        (row("noCapability", *ON), ["remove Microsoft Bookings", "wait"], ["Set-"]),
        (row("noMailbox", *NOT_ASKED), ["mailbox in Exchange Online", "on premises"], ["Set-", "ManageAsApp"]),
        (
            row("signInRequired", *ON, url=f"{BASE}/x"),
            ["change nothing", "`atlas policy` shows", "BookingsAuthEnabled $false"],
            ["ask the owner"],
        ),
        (row("signInRequired", *ON), ["ask the owner", "BookingsAuthEnabled $false"], ["change nothing"]),
        (row("unknown", reason="throttled: 429"), ["later", "PROBE_CONCURRENCY"], ["network"]),
        (row("unknown", reason="unreachable: 503"), ["later", "network"], ["PROBE_CONCURRENCY"]),
        (row("unknown", reason="refused: 403"), ["atlas doctor"], ["later"]),
        (row("unknown", reason="notUnderstood"), ["browser", "atlas doctor --calibrate"], ["later"]),
        (
            row("unknown", reason="notUnderstood", mailbox_guid=GUID),
            [f"Open {PAGE_TO_TRY} in a browser"],
            ["the page in"],
        ),
        (row("unknown", reason="refused: 403", mailbox_guid=GUID), [f"Open {PAGE_TO_TRY} in a browser"], []),
        (
            row("unknown", reason="notUnderstood", mailbox_guid=GUID, url=f"{BASE}/x"),
            [f"Open {BASE}/x in"],
            [PAGE_TO_TRY],
        ),
        (row("unknown", reason="notUnderstood", mailbox_guid="not a GUID"), ["Open the page in a browser"], []),
        (row("notLicensed", reason=why_not_licensed("Suspended")), ["licence", "Suspended", "paid"], ["Set-"]),
        (row("gone", reason=DELETED), ["restored for 30 days"], ["licence", "Set-"]),
        (row("gone", reason=why_not_licensed(None)), ["licence", "Licenses and apps"], ["Set-"]),
    ],
)
def test_advice_fits_the_reason(row, included, excluded):
    fix = advice_for_user(row, BASE) or ""

    assert [words for words in included if words not in fix] == []
    assert [words for words in excluded if words in fix] == []


@pytest.mark.parametrize("verdict", [ON, DISABLED, NOT_ASKED, (None, None, None)])
def test_a_working_page_needs_no_advice(verdict):
    assert advice_for_user(row("published", *verdict), BASE) is None


REASONS = (None, *(f"{reason}: because" for reason in Reason))
POLICIES = (None, *product(Verdict, Cause, Scope))


@pytest.mark.parametrize("status", Status)
def test_advice_is_short_for_any_row(status):
    for reason, policy, url in product(REASONS, POLICIES, (None, f"{BASE}/x")):
        one = row(status, *(policy or ()), reason=reason, url=url)
        if one.policy:
            one = replace(one, policy=replace(one.policy, entries=(AGENT, "MicrosoftOWS*")))
        fix = advice_for_user(one, BASE)

        assert fix is None or (fix.strip() == fix and len(fix.splitlines()) <= 12), one
        is_off = one.policy is not None and one.policy.verdict is Verdict.OFF
        assert (fix is None) == (status is Status.PUBLISHED and not is_off), one


def test_every_status_has_advice():
    assert set(ADVICE) == set(Status)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (None, "never assigned"),
        ("", "never assigned"),
        ("Suspended", "Suspended: its subscription has expired"),
        ("suspended", "Suspended"),
        ("Deleted", "Deleted: it was removed"),
        ("LockedOut", "is LockedOut"),
        ("SomethingNew", "is SomethingNew"),
    ],
)
def test_the_state_of_an_unusable_plan_is_stated(state, expected):
    assert expected in why_not_licensed(state)
    assert not is_usable_state(state or "")
