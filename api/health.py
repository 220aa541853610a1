"""The route of health: open to everybody, so it tells no secret and no person, and asks the tenant once a minute."""

import asyncio
from datetime import timedelta
from http import HTTPStatus

import azure.durable_functions as df
import azure.functions as func

from api.json_responses import json_response
from api.problems import returns_problems
from api.shapes import health_shape
from atlas import wiring
from atlas.health.checks import Health, HealthStatus, check_health

KEPT_FOR = timedelta(seconds=60)

blueprint = df.Blueprint()
_asking = asyncio.Lock()
_last: list[Health] = []


@blueprint.route("health", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@returns_problems
async def get_health(req: func.HttpRequest) -> func.HttpResponse:
    """Whether the app can do its work; 503 if it cannot."""
    opened = await wiring.opened()
    now = opened.resources.clock()
    async with _asking:
        if not _last or now - _last[0].at > KEPT_FOR:
            _last[:] = [await check_health(opened.resources, opened.sign_in)]
    health = _last[0]
    status = HTTPStatus.SERVICE_UNAVAILABLE if health.status is HealthStatus.UNHEALTHY else HTTPStatus.OK
    return json_response(health_shape(health, now), status)
