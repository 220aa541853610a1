"""The shared pages of a simulated tenant: every finding and its near miss, and what can be done to a page."""

from collections import Counter

import pytest

from local.simulator import SharedPageKind, TenantPlan
from local.simulator.control_api import SHARED_PAGE_ACTIONS
from local.simulator.shared_pages import FINDINGS, SharedPages
from local.simulator.tenant import Tenant

ROLES = {"sign_in": {"graph_roles": ("User.Read.All", "Bookings.Read.All")}}
PRODUCT_FINDINGS = {
    "signInEnabled",
    "reservedAddress",
    "lookAlikeAddress",
    "duplicateName",
    "nobodyLeft",
    "tooManyHolders",
    "externalStaff",
    "publishedEmpty",
    "notInExchange",
    "hiddenButPublished",
}


def pages_of(**plan):
    whole = TenantPlan(**plan)
    return SharedPages(whole, Tenant(whole).population)


def test_every_finding_has_a_page():
    assert set(FINDINGS.values()) == PRODUCT_FINDINGS
    assert {page.kind for page in pages_of(users=20, shared_pages=len(SharedPageKind)).all()} == set(SharedPageKind)


def test_pages_differ_in_address_and_account():
    pages = list(pages_of(users=20, shared_pages=1_200).all())

    assert len({page.address.lower() for page in pages}) == len({page.account_id for page in pages}) == 1_200


def test_only_the_duplicates_share_a_name():
    names = Counter(page.display_name for page in pages_of(users=20, shared_pages=1_200).all())

    assert [name for name, count in names.items() if count > 1] == ["Appointments"]


def test_near_misses_are_just_below_their_limits():
    pages = {page.kind: page for page in pages_of(users=20, shared_pages=len(SharedPageKind)).all()}

    assert len(set(pages[SharedPageKind.TOO_MANY_HOLDERS].full_access)) == 6
    assert len(set(pages[SharedPageKind.ENOUGH_HOLDERS].full_access)) == 5
    assert pages[SharedPageKind.UNPUBLISHED_EMPTY].staff == pages[SharedPageKind.PUBLISHED_EMPTY].staff == ()
    assert not pages[SharedPageKind.HIDDEN_AND_UNPUBLISHED].published
    assert pages[SharedPageKind.HIDDEN_BUT_PUBLISHED].hidden


def test_the_same_seed_gives_the_same_pages():
    assert list(pages_of(users=9, seed=3).all()) == list(pages_of(users=9, seed=3).all())
    assert list(pages_of(users=9, seed=3).all()) != list(pages_of(users=9, seed=4).all())


async def test_pages_can_be_changed_and_restored(start):
    client = await start(ROLES, users=6, shared_pages=3)
    before = client.tenant.shared_pages()[0]
    url = f"{client.tenant.control_url}/control/shared-pages"

    async def post(key, **body):
        return await client.http.post(f"{url}/{key}", json=body)

    await post(0, action="rename", display_name="New name")
    await post(before.address, action="unpublish")
    await post(before.account_id, action="grant", trustee="new@contoso.com")
    await post(0, action="revoke", trustee=before.full_access[0])

    changed = client.tenant.shared_pages()[0]
    assert (changed.display_name, changed.published) == ("New name", False)
    assert "new@contoso.com" in changed.full_access
    assert before.full_access[0] not in changed.full_access
    business = (await client.graph(f"/solutions/bookingBusinesses/{before.address}")).json()
    assert (business["displayName"], business["isPublished"]) == ("New name", False)

    await post(0, action="delete")
    assert (await client.graph(f"/solutions/bookingBusinesses/{before.address}")).status_code == 404
    assert len(client.tenant.shared_pages()) == 2

    await post(0, action="restore")
    assert client.tenant.shared_pages()[0] == before


async def test_the_control_api_reports_findings(start):
    client = await start(users=6, shared_pages=len(SharedPageKind))

    listed = (await client.http.get(f"{client.tenant.control_url}/control/shared-pages")).json()["value"]

    assert {page["finding"] for page in listed} == {None, *PRODUCT_FINDINGS}


@pytest.mark.parametrize("key", ["0", "nobody@contoso.com"])
async def test_invalid_actions_are_rejected(start, key):
    client = await start(users=2, shared_pages=2)

    reply = await client.http.post(f"{client.tenant.control_url}/control/shared-pages/{key}", json={"action": "dance"})

    assert reply.status_code == (400 if key == "0" else 404)
    assert key != "0" or all(action in reply.json()["problem"] for action in SHARED_PAGE_ACTIONS)


async def test_a_batch_of_exchange_has_at_most_ten_parts(start):
    client = await start(users=2, shared_pages=3)
    url = f"{client.settings['EXCHANGE_URL']}/adminapi/beta/{client.tenant.tenant_id}/$batch"
    bearer = {"Authorization": f"Bearer {await client.token('https://outlook.office365.com')}"}

    def part(number, cmdlet):
        body = {"CmdletInput": {"CmdletName": cmdlet, "Parameters": {"Identity": "x"}}}
        address = url.replace("$batch", "InvokeCommand")
        return {"id": str(number), "method": "POST", "url": address, "headers": {}, "body": body}

    parts = [part(number, "Get-MailboxPermission") for number in range(11)]
    too_many = await client.http.post(url, json={"requests": parts}, headers=bearer)
    ten = await client.http.post(url, json={"requests": parts[:10]}, headers=bearer)
    writing = await client.http.post(url, json={"requests": [part(0, "Set-Mailbox")]}, headers=bearer)

    assert too_many.status_code == 400
    assert sorted(int(one["id"]) for one in ten.json()["responses"]) == list(range(10))
    assert {one["status"] for one in ten.json()["responses"]} == {400}
    assert writing.status_code == 403
    assert client.tenant.metrics()["writes"]
