from dataclasses import replace
from uuid import UUID

from atlas.domain.shared_pages.businesses import ListedBusiness
from atlas.domain.shared_pages.join import join_by_address, new_key, only_in_graph
from tests.domain.shared_pages.pages import ACCOUNT_ID, MAILBOX

ORPHAN = ListedBusiness("Orphan@contoso.onmicrosoft.com", "Orphan")


def business(address):
    return ListedBusiness(address, "Help Desk")


def test_any_proxy_address_in_any_case_joins_a_page():
    for address in ("helpdesk@contoso.com", "HELPDESK@Contoso.OnMicrosoft.com"):
        joined = join_by_address([MAILBOX], [business(address), ORPHAN])

        assert [page.business for page in joined.pages] == [business(address)]
        assert joined.unmatched == (ORPHAN,)


def test_a_similar_address_does_not_join():
    joined = join_by_address([MAILBOX], [business("helpdesk1@contoso.com")])

    assert joined.pages[0].business is None
    assert joined.unmatched == (business("helpdesk1@contoso.com"),)


def test_pages_that_one_side_knows_are_kept():
    joined = join_by_address([MAILBOX], [ORPHAN])

    assert [page.address for page in joined.pages] == ["HelpDesk@contoso.com"]
    assert [page.address for page in only_in_graph(joined.unmatched)] == ["Orphan@contoso.onmicrosoft.com"]


def test_two_businesses_of_one_mailbox_are_one_page():
    """Both addresses are the mailbox's own, so neither is a page that Exchange does not know."""
    both = [business("helpdesk@contoso.com"), business("helpdesk@contoso.onmicrosoft.com")]

    joined = join_by_address([MAILBOX], both)

    assert (len(joined.pages), joined.unmatched) == (1, ())


def test_the_address_that_graph_uses_is_tried_first():
    (page,) = join_by_address([MAILBOX], [business("helpdesk@contoso.onmicrosoft.com")]).pages

    assert page.addresses == ("helpdesk@contoso.onmicrosoft.com", "helpdesk@contoso.com")


def test_a_key_is_the_account_id_or_made_of_the_address():
    (page,) = join_by_address([MAILBOX], []).pages
    (orphan,) = only_in_graph([ORPHAN])
    (shouted,) = only_in_graph([replace(ORPHAN, business_id=ORPHAN.business_id.upper())])

    assert new_key(page) == ACCOUNT_ID
    assert UUID(new_key(orphan)) == UUID(new_key(shouted))
    assert new_key(orphan) != new_key(page)
