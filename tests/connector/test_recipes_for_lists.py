"""The recipes of docs/power-automate.md that keep links in a SharePoint list or a file."""

import csv
import io
from pathlib import Path

from local.azurite import Azurite
from tests.connector.recipes import Document, recipe
from tests.connector.sharepoint import Item, SharePointList
from tests.connector.simulated_platform import runs_until
from tests.connector.test_simulated_platform import connect
from tests.connector.workflow_expressions import Run, evaluate
from tests.e2e.deployment import Deployment, deployed, tenant_of
from tests.e2e.scanned import only_reads

FILE = recipe("As a file")
LIST = recipe("As a list")


def item_of(page: Document) -> Item:
    """The columns of steps 4 and 1."""
    _, _, name, department, link = LIST.expressions
    run = Run(trigger=page)
    columns = {"Name": name, "Department": department, "Link": link}
    return {"Title": page["userId"], **{column: evaluate(text, run) for column, text in columns.items()}}


def follow(links: SharePointList, change: Document) -> None:
    """One run of the flow."""
    belongs, is_new, *_ = LIST.expressions
    run = Run(trigger=change, outputs=links.get(change["userId"]))
    if not evaluate(belongs, run):
        for item in run.outputs["Get_items"]["body"]["value"]:
            del links.items[evaluate("@items('Apply_to_each')?['Title']", Run(item=item))]
    elif evaluate(is_new, run):
        links.create(item_of(change))
    else:
        found = evaluate("@first(outputs('Get_items')?['body/value'])?['ID']", run)
        assert found == links.items[change["userId"]]["ID"]
        links.items[change["userId"]] |= item_of(change)


async def test_a_list_of_links_follows_the_pages(tmp_path: Path, azurite: Azurite) -> None:
    fill, poll = LIST.requests
    async with tenant_of(tmp_path, users=45, mix="default") as tenant, deployed(tenant, azurite) as product:
        platform, links = connect(product, tmp_path), SharePointList()
        await product.scan()
        flow = platform.trigger("WhenPageChanges")
        await flow.poll()
        pages = await platform.pages("ListPages", status="published")
        fill.assert_is(platform.sent[-1], platform.address)
        for user in (user for page in pages for user in page["value"]):
            links.create(item_of(user))
        cursor = flow.state["since"] if flow.state else ""
        await flow.poll()
        poll.assert_is(platform.sent[-1], platform.address, {"triggerstate"}, cursor=cursor)
        filled = dict(links.items)

        published = [user["id"] for user in tenant.users() if user["expected"]["status"] == "published"]
        new = next(user["id"] for user in tenant.users() if user["expected"]["status"] == "notSetUp")
        withdrawn, troubled, at_last, *_ = published
        tenant.change_user(withdrawn, "delete_page")
        tenant.change_user(troubled, "set_page", page="refused403")
        tenant.change_user(new, "open_bookings")
        await product.scan()
        tenant.change_user(at_last, "delete_page")
        await product.scan()
        for change in await runs_until(flow, at_last):
            follow(links, change)
        rows = await product.rows()

    assert filled.keys() == set(published)
    expected = {user_id: row["AnonymousUrl"] for user_id, row in rows.items() if row["Status"] == "published"}
    assert {title: item["Link"] for title, item in links.items.items() if title != troubled} == expected
    assert troubled in links.items
    assert new in links.items


def test_changes_without_a_name_or_a_department_fit_into_the_list() -> None:
    links, nothing = SharePointList(), {"displayName": None, "department": None, "url": None, "anonymousUrl": None}
    page = {
        **nothing,
        "userId": "u",
        "userPrincipalName": "a@contoso.com",
        "toStatus": "published",
        "anonymousUrl": "x",
    }
    follow(links, {**nothing, "userId": "u", "toStatus": "gone"})
    follow(links, page)
    follow(links, {**page, "anonymousUrl": "y"})

    assert links.items == {"u": {"Title": "u", "ID": "id of u", "Name": "a@contoso.com", "Department": "", "Link": "y"}}
    follow(links, {**nothing, "userId": "u", "toStatus": "notSetUp"})
    assert links.items == {}


@only_reads
async def test_the_file_has_a_line_for_each_published_page(tmp_path: Path, scanned: Deployment) -> None:
    (documented,), (content,) = FILE.requests, FILE.expressions
    platform = connect(scanned, tmp_path)
    response = await platform.call("ExportPages", status="published")
    rows = await scanned.rows()

    documented.assert_is(platform.sent[-1], platform.address)
    text = evaluate(content, Run(outputs={"Export_pages": {"body": response.content.decode("utf-8-sig")}}))
    lines = {line["UserId"]: line["AnonymousUrl"] for line in csv.DictReader(io.StringIO(text))}
    assert lines == {user_id: row["AnonymousUrl"] for user_id, row in rows.items() if row["Status"] == "published"}
    assert lines
