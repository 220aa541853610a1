"""The recipes of docs/power-automate.md that email colleagues: those without a page, and those to meet."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from local.azurite import Azurite
from local.simulator import SimulatedTenant
from tests.connector.recipes import Document, recipe, twice
from tests.connector.sharepoint import SharePointList
from tests.connector.test_simulated_platform import connect
from tests.connector.workflow_expressions import Run, evaluate, render
from tests.e2e.deployment import Deployment, deployed, tenant_of
from tests.e2e.scanned import only_reads

MAIL = recipe("Email everyone without a page")
FREE_TIMES = recipe("Offer free times in an email")
HTTP_LIST = recipe("Everyone without a page")
PREAUTHORIZED = recipe("By HTTP with Microsoft Entra ID (preauthorized)")


def who_should_be_mailed(tenant: SimulatedTenant) -> set[str]:
    """Enabled members without a page whose policy allows one, by their email address."""
    people = [(tenant.user(user["index"]), user["expected"]) for user in tenant.users(top=1000)]
    return {
        person.primary_smtp
        for person, truth in people
        if truth["status"] == "notSetUp"
        and truth["policy_verdict"] == "on"
        and person.account_enabled
        and person.user_type == "Member"
    }


def mails(users: list[Document], reminded: SharePointList | None = None) -> Iterator[tuple[str, str]]:
    """Filters, address and text of the recipe: whom it emails, and what. Each is added to the list before the email."""
    condition, title, is_new, address = MAIL.expressions
    reminded = reminded or SharePointList()
    already = [evaluate(title, Run(item=item)) for item in reminded.items.values()]
    for user in users:
        run = Run(item=user, outputs={"Already": {"body": already}})
        if evaluate(condition, run) and evaluate(is_new, run):
            reminded.create({"Title": render("@{items('Apply_to_each')?['userId']}", run)})
            yield evaluate(address, run), render(MAIL.texts[0], run)


async def test_no_user_is_emailed_twice(tmp_path: Path, azurite: Azurite) -> None:
    async with tenant_of(tmp_path, users=60, mix="default") as tenant, deployed(tenant, azurite) as product:
        platform, reminded = connect(product, tmp_path), SharePointList()

        async def users() -> list[Document]:
            pages = await platform.pages("ListPages", status="notSetUp", enabled=True, userType="Member")
            return [user for page in pages for user in page["value"]]

        before_any_scan = list(mails(await users(), reminded))
        empty_file = await platform.call("ExportPages", status="published")
        await product.scan()
        one_month = mails(await users(), reminded)
        first_address, _ = next(one_month)  # the run fails after its first email
        rest = list(mails(await users(), reminded))
        withdrawn = next(user["id"] for user in tenant.users() if user["expected"]["status"] == "published")
        tenant.change_user(withdrawn, "delete_page")
        await product.scan()
        next_month = list(mails(await users(), reminded))
        wanted = who_should_be_mailed(tenant)

    assert before_any_scan == []
    assert list(csv.DictReader(io.StringIO(empty_file.content.decode("utf-8-sig")))) == []
    assert len(rest) > 1
    assert [address for address, _ in next_month] == [tenant_address(tenant, withdrawn)]
    emailed = [first_address, *(address for address, _ in (*rest, *next_month))]
    assert sorted(emailed) == sorted(wanted)


def tenant_address(tenant: SimulatedTenant, user_id: str) -> str:
    """The address of one user's mailbox."""
    return tenant.user(user_id).primary_smtp


def test_a_user_without_address_and_name_is_emailed_by_principal_name() -> None:
    unknown = {"primarySmtpAddress": None, "displayName": None, "userPrincipalName": "a@contoso.com", "userId": "u"}
    ((address, text),) = mails([{**unknown, "policyVerdict": "on"}, {**unknown, "policyVerdict": "unknown"}])

    assert address == "a@contoso.com"
    assert "Hello there" in text


@pytest.mark.parametrize("page_size", [None, 7])
@only_reads
async def test_only_users_whom_one_step_helps_are_emailed(
    tmp_path: Path, scanned: Deployment, page_size: int | None
) -> None:
    first, following = MAIL.requests
    platform = connect(scanned, tmp_path)
    size = {"limit": page_size} if page_size else {}
    pages = await platform.pages("ListPages", status="notSetUp", enabled=True, userType="Member", **size)
    wanted = who_should_be_mailed(scanned.tenant)

    sized = {"limit=1000": f"limit={page_size or 1000}"}
    first.changed(sized).assert_is(platform.sent[0], platform.address)
    for request, page in zip(platform.sent[1:], pages, strict=False):
        following.changed(sized).assert_is(request, platform.address, continuation=page["continuation"])
    assert (len(pages) > 1) == (page_size is not None)
    first.response.assert_is_like(platform.responses[0])
    sent = list(mails([user for page in pages for user in page["value"]]))
    assert sorted(address for address, _ in sent) == sorted(wanted)
    assert 0 < len(wanted) < len([user for page in pages for user in page["value"]])
    assert all("<b>Go to my booking page</b>" in text and "@{" not in text for _, text in sent)


@only_reads
async def test_the_http_action_emails_the_same_users(scanned: Deployment) -> None:
    is_at_end, next_one = HTTP_LIST.expressions
    first, following = HTTP_LIST.requests
    app = scanned.host.url
    address = str(first.filled(app).url)
    assert PREAUTHORIZED.requests[1].address == first.address
    found: list[Document] = []
    while not evaluate(is_at_end, Run(variables={"Next": address})):
        response = await scanned.http.get(address, headers=first.filled(app).headers)
        found += response.json()["value"]
        address = evaluate(next_one, Run(outputs={"Users": {"body": response.json()}}))
    narrow = (await scanned.http.get(f"{first.filled(app).url}".replace("limit=1000", "limit=3"))).json()
    wanted = who_should_be_mailed(scanned.tenant)

    assert sorted(address for address, _ in mails(found)) == sorted(wanted)
    link = httpx.Request("GET", narrow["nextLink"].replace("limit=3", "limit=1000"), headers=following.headers)
    following.assert_is(link, app, continuation=narrow["continuation"])


def evaluate_offer(body: Document) -> tuple[list[str], str, str]:
    """The times, and what is sent if there are some, or else if there are none."""
    free, start, is_empty, why = FREE_TIMES.expressions
    looked_up = {"Get_availability": {"body": body}}
    slots = evaluate(free, Run(outputs=looked_up))
    times = [evaluate(start, Run(item=slot)) for slot in slots]
    run = Run(outputs={**looked_up, "Times": {"body": times}})
    return (times, "", evaluate(why, run)) if evaluate(is_empty, run) else (times, render(FREE_TIMES.texts[0], run), "")


@only_reads
async def test_free_times_are_offered_or_their_absence_is_explained(tmp_path: Path, scanned: Deployment) -> None:
    (documented,) = FREE_TIMES.requests
    platform = connect(scanned, tmp_path)
    people = {truth["status"]: user_id for user_id, truth in scanned.expected().items()}
    people["published"] = scanned.user_with("published")["id"]
    responses = {}
    for status, user in {**people, "notFound": "nobody@contoso.com"}.items():
        given = {"user": user, "timeZone": "Europe/Zurich", "ifNotFound": "status"}
        responses[status] = await platform.call("GetAvailability", **given)
        documented.assert_is(platform.sent[-1], platform.address, userEncodedTwice=twice(user))

    documented.response.assert_is_like(responses["published"])
    outcomes = {status: evaluate_offer(response.json()) for status, response in responses.items()}
    times, email, _ = outcomes["published"]
    body = responses["published"].json()
    assert times == [slot["start"][:16].replace("T", " ") for slot in body["availability"]["free"][:5]]
    assert times
    assert all(time in email for time in times)
    assert body["url"] in email
    for status in ("notSetUp", "noMailbox", "signInRequired", "noPublicTypes", "notFound"):
        times, email, why = outcomes[status]
        assert (times, email) == ([], "")
        assert why
    assert outcomes["notFound"][2].startswith("no time is free")
    assert "signed in" in outcomes["signInRequired"][2]
