from dataclasses import replace

from atlas.domain.shared_pages.access import AccessRight
from atlas.domain.shared_pages.access_of_users import UserIdentity, names_on, shared_pages_of
from atlas.domain.shared_pages.filters import SharedPageFilter
from atlas.domain.shared_pages.rows import FoundRisk, PageState, SharedFinding, gone_row
from tests.domain.shared_pages.pages import ADELE, ADELE_ID, HEALTHY, NOW, group, user

ME = UserIdentity(ADELE_ID, frozenset({"adelev@contoso.com"}))
STRANGER = UserIdentity("00000000-0000-0000-0000-00000000000f", frozenset({"stranger@contoso.com"}))


def test_a_user_opens_a_page_by_access_of_her_own():
    (page,) = shared_pages_of(ME, [HEALTHY])

    assert (page.address, page.access, page.via_group) == (HEALTHY.address, (AccessRight.FULL_ACCESS,), None)
    assert page.role == "administrator"


def test_each_group_is_a_way_of_its_own():
    row = replace(HEALTHY, holders=(ADELE, group(), replace(ADELE, via_group="Front office")), staff=())

    assert [(page.via_group, page.role) for page in shared_pages_of(ME, [row])] == [
        (None, None),
        ("Front office", None),
    ]


def test_staff_without_mailbox_access_have_a_role_alone():
    (page,) = shared_pages_of(ME, [replace(HEALTHY, holders=(user(1),))])

    assert (page.access, page.role) == ((), "administrator")


def test_a_page_of_others_is_not_listed():
    assert shared_pages_of(STRANGER, [HEALTHY]) == ()
    assert shared_pages_of(ME, [gone_row(HEALTHY, NOW, None)]) == ()


def test_a_holder_without_an_id_is_found_by_name():
    row = replace(HEALTHY, holders=(replace(ADELE, object_id=None),), staff=None)

    assert names_on(row) == {"adelev@contoso.com"}
    assert len(shared_pages_of(ME, [row])) == 1


def test_everybody_on_a_page_is_indexed_once():
    row = replace(HEALTHY, holders=(ADELE, group(), user(1, via_group="Front office")))

    assert names_on(row) == {ADELE_ID, user(1).object_id, "adelev@contoso.com"}


def test_filters_narrow_the_list():
    risky = replace(HEALTHY, findings=(FoundRisk(SharedFinding.NOBODY_LEFT, "Nobody."),))
    gone = gone_row(HEALTHY, NOW, None)

    assert SharedPageFilter().matches(HEALTHY)
    assert not SharedPageFilter().matches(gone)
    assert SharedPageFilter(state=PageState.GONE).matches(gone)
    assert SharedPageFilter(finding=SharedFinding.NOBODY_LEFT).matches(risky)
    assert not SharedPageFilter(finding=SharedFinding.NOBODY_LEFT).matches(HEALTHY)
    assert not SharedPageFilter(published=False).matches(HEALTHY)
    for search in ("help", "desk", "HELPDESK@contoso.on"):
        assert SharedPageFilter(search=search).matches(HEALTHY)
    assert not SharedPageFilter(search="elp").matches(HEALTHY)
