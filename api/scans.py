"""The routes of scans: start, list, get and cancel."""

from http import HTTPStatus
from uuid import uuid4

import azure.durable_functions as df
import azure.functions as func

from api.access import AUTH_LEVEL, AppRole, check_access
from api.json_responses import base_url, json_response, next_link
from api.models.parameters import NoQuery
from api.models.scans import Scan, ScanList, ScanPath, ScanQuery, ScansQuery
from api.orchestrations import DurableOrchestrations
from api.problems import Problem, returns_problems
from atlas import wiring
from atlas.domain.cursors import InvalidCursor
from atlas.domain.scans import Scan as StoredScan
from atlas.resources import Resources
from atlas.scans.lifecycle import end_scan_if_lost, refresh_scan, start_scan, stop_scan

RETRY_SECONDS = "10"

blueprint = df.Blueprint()


@blueprint.route("scans", methods=["POST"], auth_level=AUTH_LEVEL)
@blueprint.durable_client_input(client_name="client")
@returns_problems
async def post_scan(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Start a scan, or return the one that is running."""
    check_access(req, AppRole.RUN_SCANS)
    resources = await wiring.resources()
    NoQuery.of(req)
    return _accepted_response(req, await start_scan(resources, DurableOrchestrations(client), "http", uuid4().hex[:8]))


@blueprint.route("scans", methods=["GET"], auth_level=AUTH_LEVEL)
@blueprint.durable_client_input(client_name="client")
@returns_problems
async def get_scans(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Recent scans, newest first. With a cursor: scans that ended after it, in the order in which they ended."""
    check_access(req, AppRole.READ)
    resources, orchestrations = await wiring.resources(), DurableOrchestrations(client)
    query = ScansQuery.of(req)
    if query.ended_after is None:
        return json_response(await _recent_scans(resources, orchestrations, query.limit))
    await end_scan_if_lost(resources, orchestrations)
    try:
        page = await resources.scans.ended_after(query.ended_after, query.limit)
    except InvalidCursor as error:
        raise Problem.of_field("invalidCursor", "endedAfter", str(error)) from None
    continuation = page.cursor if page.has_more else None
    return json_response(
        ScanList(
            value=[*map(Scan.of, page.scans)],
            continuation=continuation,
            next_link=next_link(req, continuation, "endedAfter"),
            cursor=page.cursor,
        )
    )


@blueprint.route("scans/{id}", methods=["GET"], auth_level=AUTH_LEVEL)
@blueprint.durable_client_input(client_name="client")
@returns_problems
async def get_scan(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """One scan; with ``async=true``, 202 while it is running."""
    check_access(req, AppRole.READ)
    resources = await wiring.resources()
    is_asynchronous = ScanQuery.of(req).is_asynchronous
    scan = await refresh_scan(resources, DurableOrchestrations(client), await _stored_scan(resources, req))
    if is_asynchronous and not scan.has_ended:
        return _accepted_response(req, scan)
    return json_response(Scan.of(scan))


@blueprint.route("scans/{id}", methods=["DELETE"], auth_level=AUTH_LEVEL)
@blueprint.durable_client_input(client_name="client")
@returns_problems
async def delete_scan(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Cancel a scan and all its orchestrations."""
    check_access(req, AppRole.RUN_SCANS)
    resources = await wiring.resources()
    NoQuery.of(req)
    scan = await stop_scan(resources, DurableOrchestrations(client), await _stored_scan(resources, req))
    return json_response(Scan.of(scan), HTTPStatus.ACCEPTED)


async def _recent_scans(resources: Resources, orchestrations: DurableOrchestrations, limit: int) -> ScanList:
    """The newest scans. The cursor is read first: a scan that ends meanwhile is returned twice, but never missed."""
    cursor = await resources.scans.end_cursor()
    scans: list[Scan] = []
    async for scan in resources.scans.iterate():
        scans.append(Scan.of(await refresh_scan(resources, orchestrations, scan)))
        if len(scans) == limit:
            break
    return ScanList(value=scans, continuation=None, next_link=None, cursor=cursor)


async def _stored_scan(resources: Resources, req: func.HttpRequest) -> StoredScan:
    scan = await resources.scans.get(ScanPath.of(req).id)
    if scan is None:
        raise Problem("scanNotFound", "there is no scan with this ID, or it has expired")
    return scan


def _accepted_response(req: func.HttpRequest, scan: StoredScan) -> func.HttpResponse:
    location = f"{base_url(req)}/api/scans/{scan.scan_id}?async=true"
    headers = {"Location": location, "Retry-After": RETRY_SECONDS}
    return json_response(Scan.of(scan), HTTPStatus.ACCEPTED, headers)
