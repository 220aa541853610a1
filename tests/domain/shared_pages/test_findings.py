"""For every finding a page that has it, and near misses that do not."""

from dataclasses import replace

import pytest

from atlas.domain.shared_pages.access import AccessRight
from atlas.domain.shared_pages.businesses import StaffMember
from atlas.domain.shared_pages.findings import RULES, finding_details, findings_of, worst_first
from atlas.domain.shared_pages.names import LookAlike
from atlas.domain.shared_pages.rows import FoundRisk, SharedFinding, Source
from tests.domain.shared_pages.pages import ACCOUNT_ID, ADELE, ADELE_ID, HEALTHY, ORDINARY, STAFF, group, user

F = SharedFinding
EXTERNAL = StaffMember("Kai", "kai@fabrikam.com", "externalGuest")
ALEX = LookAlike("00000000-0000-0000-0000-000000000009", "alexw@contoso.com", has_left=False)
LEAVER = replace(ALEX, has_left=True)
SIX = tuple(user(number) for number in range(6))
DISABLED = replace(ADELE, enabled=False)
UNLICENSED = replace(ADELE, licensed=False)


def with_address(address):
    return {"address": address, "addresses": (address.lower(),)}


CASES = [
    (F.SIGN_IN_ENABLED, {"account_enabled": True}, {}),
    (F.RESERVED_ADDRESS, with_address("CEO@contoso.com"), {}),
    (F.RESERVED_ADDRESS, with_address("host-master@contoso.com"), {}),
    (F.RESERVED_ADDRESS, with_address("Adm1n@contoso.com"), {}),
    (F.RESERVED_ADDRESS, with_address("admin2@contoso.com"), {}),
    (F.RESERVED_ADDRESS, {"addresses": ("helpdesk@contoso.com", "postmaster@contoso.com")}, {}),
    (F.LOOK_ALIKE_ADDRESS, {}, {"look_alikes": (ALEX,)}),
    (F.LOOK_ALIKE_ADDRESS, {}, {"look_alikes": (LEAVER,)}),
    (F.LOOK_ALIKE_ADDRESS, {}, {"look_alikes": (replace(LEAVER, user_id=ADELE_ID),)}),
    (F.DUPLICATE_NAME, {}, {"same_name": ("helpdesk7@contoso.com",)}),
    (F.NOBODY_LEFT, {"holders": ()}, {}),
    (F.NOBODY_LEFT, {"holders": (DISABLED,)}, {}),
    (F.NOBODY_LEFT, {"holders": (UNLICENSED,)}, {}),
    (F.NOBODY_LEFT, {"holders": (user(1, AccessRight.SEND_AS),)}, {}),
    (F.NOBODY_LEFT, {"holders": (group(member_count=0, lists_members=True),)}, {}),
    (F.NOBODY_LEFT, {"holders": (group(member_count=1, lists_members=True), replace(DISABLED, via_group="G"))}, {}),
    (F.TOO_MANY_HOLDERS, {"holders": SIX}, {}),
    (F.TOO_MANY_HOLDERS, {"holders": (group(member_count=700),)}, {}),
    (F.EXTERNAL_STAFF, {"staff": (STAFF, EXTERNAL)}, {}),
    (F.PUBLISHED_EMPTY, {"services": ()}, {}),
    (F.PUBLISHED_EMPTY, {"staff": ()}, {}),
    (F.NOT_IN_EXCHANGE, {"known_to": (Source.GRAPH,)}, {}),
    (F.HIDDEN_BUT_PUBLISHED, {"hidden_from_address_lists": True}, {}),
]
NEAR_MISSES = [
    (F.SIGN_IN_ENABLED, {"account_enabled": None}, {}),
    (F.RESERVED_ADDRESS, with_address("Administration@contoso.com"), {}),
    (F.RESERVED_ADDRESS, with_address("ceo-office@contoso.com"), {}),
    (F.RESERVED_ADDRESS, with_address("helpdesk@admin.contoso.com"), {}),
    (F.LOOK_ALIKE_ADDRESS, {}, {"look_alikes": (replace(ALEX, user_id=ADELE_ID),)}),  # her own page
    (F.LOOK_ALIKE_ADDRESS, {}, {"look_alikes": (replace(ALEX, user_id=ACCOUNT_ID),)}),  # the page's own account
    (F.DUPLICATE_NAME, {}, {"same_name": ()}),
    (F.NOBODY_LEFT, {"holders": (DISABLED, user(1))}, {}),
    (F.NOBODY_LEFT, {"holders": (replace(ADELE, licensed=None),)}, {}),
    (F.NOBODY_LEFT, {"holders": (group(member_count=3),)}, {}),
    (F.NOBODY_LEFT, {"holders": (group(member_count=None),)}, {}),
    (F.NOBODY_LEFT, {"holders": None}, {}),
    (F.TOO_MANY_HOLDERS, {"holders": SIX[:5]}, {}),
    (F.TOO_MANY_HOLDERS, {"holders": (*SIX[:5], user(6, AccessRight.SEND_AS))}, {}),
    (F.TOO_MANY_HOLDERS, {"holders": (*SIX[:5], replace(user(1), via_group="Team"))}, {}),
    (F.TOO_MANY_HOLDERS, {"holders": SIX}, {"max_full_access": 6}),
    (F.EXTERNAL_STAFF, {"staff": (replace(EXTERNAL, role="guest"),)}, {}),
    (F.PUBLISHED_EMPTY, {"services": (), "published": False}, {}),
    (F.PUBLISHED_EMPTY, {"services": None, "staff": None}, {}),
    (F.NOT_IN_EXCHANGE, {"known_to": (Source.EXCHANGE,)}, {}),
    (F.NOT_IN_EXCHANGE, {"known_to": (Source.GRAPH,)}, {"exchange_complete": False}),
    (F.HIDDEN_BUT_PUBLISHED, {"hidden_from_address_lists": True, "published": False}, {}),
    (F.HIDDEN_BUT_PUBLISHED, {"hidden_from_address_lists": True, "published": None}, {}),
]


def names_of(page, around):
    row = replace(HEALTHY, **page)
    return [found.name for found in findings_of(row, replace(ORDINARY, **around))]


@pytest.mark.parametrize(("finding", "page", "around"), CASES)
def test_a_page_has_the_finding(finding, page, around):
    assert names_of(page, around) == [finding]


@pytest.mark.parametrize(("finding", "page", "around"), NEAR_MISSES)
def test_a_near_miss_does_not_have_the_finding(finding, page, around):
    assert finding not in names_of(page, around)


def test_a_healthy_page_has_no_finding():
    assert names_of({}, {}) == []


def test_every_finding_has_a_rule_a_case_and_a_near_miss():
    assert [rule.name for rule in RULES] == list(F)
    assert {case[0] for case in CASES} == {case[0] for case in NEAR_MISSES} == set(F)


def test_the_details_of_a_finding_name_the_page():
    row = replace(HEALTHY, account_enabled=True)
    row = replace(row, findings=findings_of(row, ORDINARY))

    (detail,) = finding_details(row)

    assert (detail.name, detail.severity) == (F.SIGN_IN_ENABLED, "medium")
    assert ACCOUNT_ID in detail.fix


GROUPS = (
    *(user(number, via_group="Small") for number in range(3)),
    group("Small", lists_members=True, member_count=3),
    *(user(number, via_group="Large") for number in range(3, 8)),
    group("Large", lists_members=True, member_count=5),
)


@pytest.mark.parametrize(
    ("holders", "evidence"),
    [
        (SIX, "6 people have full access; MAX_FULL_ACCESS is 5."),
        (GROUPS, "8 people have full access, 5 of them through the group Large; MAX_FULL_ACCESS is 5."),
        (
            (group("Everyone", member_count=700), *SIX),
            "706 people have full access, 700 of them through the group Everyone; MAX_FULL_ACCESS is 5.",
        ),
        ((group("Empty", member_count=0), *SIX), "6 people have full access; MAX_FULL_ACCESS is 5."),
    ],
)
def test_too_many_holders_name_the_group_that_most_of_them_are_in(holders, evidence):
    (found,) = findings_of(replace(HEALTHY, holders=holders), ORDINARY)

    assert found == FoundRisk(F.TOO_MANY_HOLDERS, evidence)


def test_pages_are_ordered_by_severity_then_number_then_name():
    def page(name, *findings):
        return replace(HEALTHY, key=name, display_name=name, findings=tuple(FoundRisk(one, "") for one in findings))

    ordered = [
        page("high", F.RESERVED_ADDRESS),
        page("two medium", F.SIGN_IN_ENABLED, F.NOBODY_LEFT),
        page("Medium a", F.SIGN_IN_ENABLED),
        page("medium b", F.EXTERNAL_STAFF),
        page("three low", F.DUPLICATE_NAME, F.PUBLISHED_EMPTY, F.HIDDEN_BUT_PUBLISHED),
        page("a healthy one"),
        page("healthy"),
    ]

    assert worst_first(reversed(ordered)) == ordered


def test_an_address_is_a_literal_in_every_command():
    """Whoever creates a page chooses its address, which may contain what PowerShell would run."""
    findings = tuple(FoundRisk(rule.name, "") for rule in RULES)
    row = replace(HEALTHY, address="help$(calc)'\u2019;|x@contoso.com", account_id=None, findings=findings)

    fixes = [detail.fix for detail in finding_details(row) if "@contoso.com" in detail.fix]

    assert len(fixes) > 3
    for fix in fixes:
        assert fix.count("'help$(calc)''\u2019\u2019;|x@contoso.com'") == fix.count("@contoso.com")


def test_every_fix_is_a_complete_sentence_about_the_page():
    for rule in RULES:
        fix = rule.fix.format(address="helpdesk@contoso.com", account=ACCOUNT_ID)
        assert "{" not in fix
        assert fix[0].isupper()


def test_a_page_may_have_many_findings():
    row = replace(HEALTHY, account_enabled=True, holders=(), services=())

    assert [found.name for found in findings_of(row, ORDINARY)] == [F.SIGN_IN_ENABLED, F.NOBODY_LEFT, F.PUBLISHED_EMPTY]
