"""The routes of scans: start one, follow it, stop it."""

from http import HTTPStatus
from uuid import uuid4

import azure.durable_functions as df
import azure.functions as func
from pydantic import Field

from api.access import AUTH_LEVEL, AppRole, allow
from api.json_responses import base_of, json_response, list_response
from api.orchestrations import DurableOrchestrations
from api.problems import Problem, returns_problems
from api.queries import Flag, NoQuery, Number, Query
from api.shapes import scan_shape
from atlas import wiring
from atlas.domain.scans import Scan
from atlas.resources import Resources
from atlas.scans.lifecycle import follow_scan, start_scan, stop_scan

RETRY_SECONDS = "10"
MAX_SCANS = 1000

blueprint = df.Blueprint()


class ScansQuery(Query):
    """How many scans to tell of."""

    limit: Number = Field(100, ge=1, le=MAX_SCANS, description=f"a whole number from 1 to {MAX_SCANS}")


class ScanQuery(Query):
    """How to tell of a scan that runs."""

    is_asynchronous: Flag = Field(default=False, alias="async", description="true or false")


@blueprint.route("scans", methods=["POST"], auth_level=AUTH_LEVEL)
@blueprint.durable_client_input(client_name="client")
@returns_problems
async def post_scan(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Start a scan; while one runs, answer with that one."""
    allow(req, AppRole.RUN_SCANS)
    resources = await wiring.resources()
    NoQuery.of(req)
    scan = await start_scan(resources, DurableOrchestrations(client), "http", uuid4().hex[:8])
    return _under_way(req, scan)


@blueprint.route("scans", methods=["GET"], auth_level=AUTH_LEVEL)
@blueprint.durable_client_input(client_name="client")
@returns_problems
async def get_scans(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Recent scans, newest first."""
    allow(req, AppRole.READ)
    resources, orchestrations = await wiring.resources(), DurableOrchestrations(client)
    limit = ScansQuery.of(req).limit
    scans: list[Scan] = []
    async for scan in resources.scans.iterate():
        scans.append(await follow_scan(resources, orchestrations, scan))
        if len(scans) == limit:
            break
    return json_response(list_response(req, [scan_shape(scan) for scan in scans], None))


@blueprint.route("scans/{id}", methods=["GET"], auth_level=AUTH_LEVEL)
@blueprint.durable_client_input(client_name="client")
@returns_problems
async def get_scan(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """One scan; with ``async=true``, 202 while it runs."""
    allow(req, AppRole.READ)
    resources = await wiring.resources()
    is_asynchronous = ScanQuery.of(req).is_asynchronous
    scan = await follow_scan(resources, DurableOrchestrations(client), await _scan(resources, req))
    if is_asynchronous and not scan.has_ended:
        return _under_way(req, scan)
    return json_response(scan_shape(scan))


@blueprint.route("scans/{id}", methods=["DELETE"], auth_level=AUTH_LEVEL)
@blueprint.durable_client_input(client_name="client")
@returns_problems
async def delete_scan(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Stop a scan and all its flows."""
    allow(req, AppRole.RUN_SCANS)
    resources = await wiring.resources()
    NoQuery.of(req)
    scan = await stop_scan(resources, DurableOrchestrations(client), await _scan(resources, req))
    return json_response(scan_shape(scan), HTTPStatus.ACCEPTED)


async def _scan(resources: Resources, req: func.HttpRequest) -> Scan:
    scan = await resources.scans.get(req.route_params["id"])
    if scan is None:
        raise Problem(HTTPStatus.NOT_FOUND, "scanNotFound", "there is no scan of this id, or it was forgotten")
    return scan


def _under_way(req: func.HttpRequest, scan: Scan) -> func.HttpResponse:
    location = f"{base_of(req)}/api/scans/{scan.scan_id}?async=true"
    headers = {"Location": location, "Retry-After": RETRY_SECONDS}
    return json_response(scan_shape(scan), HTTPStatus.ACCEPTED, headers)
