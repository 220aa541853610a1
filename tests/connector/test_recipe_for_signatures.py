"""The recipe of docs/power-automate.md for signatures: links to bookable pages only, and during an outage too."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from local.azurite import Azurite
from tests.connector.recipes import Document, Request, once, recipe, twice
from tests.connector.simulated_platform import Platform
from tests.connector.test_simulated_platform import connect
from tests.connector.workflow_expressions import Run, evaluate, render
from tests.e2e.deployment import Deployment, deployed, tenant_of
from tests.e2e.scanned import only_reads

SIGNATURE = recipe("A booking page in a signature")
HTTP_PAGE = recipe("The URL of a page")
PREAUTHORIZED = recipe("By HTTP with Microsoft Entra ID (preauthorized)")
WRITTEN_HOST = "https://atlas-contoso.azurewebsites.net"


async def link_by_connector(platform: Platform, colleague: str) -> str:
    """The recipe with the connector: a lookup, and the expression of the step ``Link``."""
    response = await platform.call("GetBookingPage", user=colleague, ifNotFound="status")
    (documented,) = SIGNATURE.requests
    documented.assert_is(platform.sent[-1], platform.address, userEncodedTwice=twice(colleague))
    documented.response.assert_is_like(response)
    return str(evaluate(SIGNATURE.expressions[0], Run(outputs={"Get_booking_page": {"body": response.json()}})))


async def link_by_http(product: Deployment, colleague: str) -> str:
    """The recipe with the action ``HTTP``."""
    address, link = HTTP_PAGE.expressions
    body = await sent_as_written(product, address, HTTP_PAGE.requests[0], colleague, userEncodedOnce=once(colleague))
    return str(evaluate(link, Run(outputs={"Page": {"body": body}})))


async def link_by_preauthorized(product: Deployment, colleague: str) -> str:
    """The recipe with ``HTTP with Microsoft Entra ID``."""
    request = PREAUTHORIZED.requests[0]
    (address,) = PREAUTHORIZED.expressions
    body = await sent_as_written(product, address, request, colleague, userEncodedTwice=twice(colleague))
    return str(evaluate(HTTP_PAGE.expressions[1], Run(outputs={"Page": {"body": body}})))


async def sent_as_written(
    product: Deployment, address: str, request: Request, colleague: str, **blanks: str
) -> Document:
    """The response to the URL that a maker writes, which is that of the documented request."""
    written = evaluate(address, Run(variables={"Colleague": colleague})).replace(WRITTEN_HOST, product.host.url)
    request.assert_is(httpx.Request(request.method, written, headers=request.headers), product.host.url, **blanks)
    response = await product.http.send(request.filled(product.host.url, **blanks))
    SIGNATURE.requests[0].response.assert_is_like(response)
    return dict(response.json())


@only_reads
async def test_signatures_have_links_to_bookable_pages_only(tmp_path: Path, scanned: Deployment) -> None:
    platform = connect(scanned, tmp_path)
    people = {user["upn"]: user["expected"] for user in scanned.tenant.control.users(0, 60, licensed=True)}
    links = {upn: await link_by_connector(platform, upn) for upn in people}
    special = [upn for upn in people if re.search(r"['+#]", upn)] + [next(iter(people))]
    otherwise = {upn: (await link_by_http(scanned, upn), await link_by_preauthorized(scanned, upn)) for upn in special}

    bookable = {upn for upn, truth in people.items() if truth["status"] == "published"}
    assert bookable
    assert {upn for upn, link in links.items() if link} == bookable
    for upn in bookable:
        address = urlsplit(re.findall(r'href="(.+)"', links[upn])[0])
        assert (address.path, address.query) == (people[upn]["url_path"], "anonymous")
        assert links[upn] in render(SIGNATURE.texts[0], Run(outputs={"Link": links[upn]}))
    assert otherwise == {upn: (links[upn], links[upn]) for upn in special}


async def test_a_signature_keeps_its_link_during_an_outage(tmp_path: Path, azurite: Azurite) -> None:
    async with tenant_of(tmp_path, users=10) as tenant, deployed(tenant, azurite) as product:
        platform = connect(product, tmp_path)
        await product.scan()
        upn = next(user["upn"] for user in tenant.users() if user["expected"]["status"] == "published")
        before = await link_by_connector(platform, upn)
        tenant.change_user(upn, "set_page", page="refused403")
        status = (await product.lookup(once(upn), fresh="true", availability="false")).json()["status"]
        after = await link_by_connector(platform, upn)

    assert status == "unknown"
    assert after == before != ""
