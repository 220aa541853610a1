from dataclasses import replace

import pytest

from atlas.domain.shared_pages.access import AccessGrant, AccessRight
from atlas.domain.shared_pages.directory import Group, Person
from atlas.domain.shared_pages.holders import (
    HolderKind,
    effective_grants,
    fit_holders,
    holders_of,
    people_with_full_access,
)
from atlas.domain.unknown import Reason, Unknown
from tests.domain.shared_pages.pages import ADELE, ADELE_ID, group, user

FULL, SEND_AS, ON_BEHALF = AccessRight
UPN = "AdeleV@contoso.com"
PERSON = Person(ADELE_ID, UPN, "Adele Vance", enabled=True, licensed=True)
MEMBER = Person("00000000-0000-0000-0000-000000000002", "alex@contoso.com", enabled=True, licensed=False)
TEAM = Group("99999999-0000-0000-0000-000000000000", "Front office", member_count=2, members=(PERSON, MEMBER))
UNREACHABLE = Unknown(Reason.UNREACHABLE, "graph.microsoft.com responded 503")


@pytest.mark.parametrize(
    "grant",
    [
        AccessGrant("NT AUTHORITY\\SELF", FULL),
        AccessGrant("nt authority\\system", FULL),
        AccessGrant("S-1-5-21-1244-5423-1120-3344", FULL),
        AccessGrant("EURPR01A001\\Exchange Servers", FULL),
        AccessGrant("EURPR01A001\\Organization Management", FULL),
        AccessGrant(UPN, FULL, inherited=True),
        AccessGrant(UPN, FULL, denied=True),
        AccessGrant("", FULL),
    ],
)
def test_entries_of_the_system_are_left_out(grant):
    assert effective_grants([grant]) == ()


@pytest.mark.parametrize("trustee", [UPN, "Front office", "S-Bahn Team", "NT Authority Fans"])
def test_explicit_grants_are_kept(trustee):
    assert [grant.trustee for grant in effective_grants([AccessGrant(trustee, FULL)])] == [trustee]


def test_the_rights_of_one_user_are_one_holder():
    """Send-on-behalf names the same person in another way."""
    grants = [AccessGrant("Adele Vance", ON_BEHALF), AccessGrant(UPN, FULL), AccessGrant(UPN, SEND_AS)]

    (holder,) = holders_of(grants, {UPN: PERSON, "Adele Vance": PERSON})

    assert holder.access == (FULL, SEND_AS, ON_BEHALF)
    assert holder.trustees == ("Adele Vance", UPN)


def test_a_group_is_followed_by_its_members():
    holders = holders_of([AccessGrant("Front office", FULL)], {"Front office": TEAM})

    assert [(holder.kind, holder.upn, holder.via_group) for holder in holders] == [
        (HolderKind.GROUP, None, None),
        (HolderKind.USER, UPN, "Front office"),
        (HolderKind.USER, "alex@contoso.com", "Front office"),
    ]
    assert [holder.member_count for holder in holders] == [2, None, None]


def test_a_user_with_access_of_both_kinds_is_two_holders_and_one_person():
    grants = [AccessGrant("Front office", FULL), AccessGrant(UPN, SEND_AS), AccessGrant(UPN, FULL)]

    holders = holders_of(grants, {"Front office": TEAM, UPN: PERSON})

    assert [holder.via_group for holder in holders if holder.upn == UPN] == [None, "Front office"]
    assert people_with_full_access(holders) == 2


@pytest.mark.parametrize("members", [None, UNREACHABLE])
def test_a_group_whose_members_are_not_listed_counts_all_of_them(members):
    large = Group(TEAM.group_id, "Everybody", member_count=700, members=members)

    holders = holders_of([AccessGrant("Everybody", FULL)], {"Everybody": large})

    assert len(holders) == 1
    assert people_with_full_access(holders) == 700


def test_a_name_that_cannot_be_resolved_is_shown():
    (named,) = holders_of([AccessGrant("Old Team", FULL)], {"Old Team": None})
    (addressed,) = holders_of([AccessGrant("left@contoso.com", FULL)], {})

    assert (named.upn, named.display_name) == (None, "Old Team")
    assert (addressed.upn, addressed.display_name) == ("left@contoso.com", None)


def test_a_failed_lookup_keeps_who_was_known():
    holders = holders_of([AccessGrant(UPN.lower(), FULL)], {UPN.lower(): UNREACHABLE}, previous=[ADELE])

    assert [(holder.object_id, holder.enabled) for holder in holders] == [(ADELE_ID, True)]


@pytest.mark.parametrize("outcome", [UNREACHABLE, replace(TEAM, members=UNREACHABLE)])
def test_a_failed_lookup_of_a_group_keeps_its_members(outcome):
    grants = [AccessGrant("Front office", FULL)]
    before = holders_of(grants, {"Front office": TEAM})

    assert holders_of(grants, {"Front office": outcome}, previous=before) == before


def test_members_that_may_no_longer_be_read_are_not_kept():
    """Nothing would ever correct them."""
    grants = [AccessGrant("Front office", FULL)]
    refused = replace(TEAM, members=Unknown(Reason.REFUSED, "grant GroupMember.Read.All"))

    holders = holders_of(grants, {"Front office": refused}, previous=holders_of(grants, {"Front office": TEAM}))

    assert [(holder.kind, holder.lists_members) for holder in holders] == [(HolderKind.GROUP, False)]


def test_the_largest_group_is_listed_alone_when_too_many_hold_access():
    small = [group("Small", lists_members=True), user(1, via_group="Small"), user(2, via_group="Small")]
    large = [group("Large", lists_members=True, member_count=3), *(user(n, via_group="Large") for n in (3, 4, 5))]

    kept = fit_holders([*small, *large], limit=5)

    assert [(holder.display_name, holder.lists_members) for holder in kept if holder.kind is HolderKind.GROUP] == [
        ("Small", True),
        ("Large", False),
    ]
    assert people_with_full_access(kept) == people_with_full_access([*small, *large])
    assert fit_holders([user(1), user(2)], limit=1) == (user(1),)
