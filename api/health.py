"""The route of health, which is open to everyone: it queries the tenant at most once a minute."""

import asyncio
from datetime import timedelta
from http import HTTPStatus

import azure.durable_functions as df
import azure.functions as func

from api.json_responses import json_response
from api.models.health import Health
from api.problems import returns_problems
from atlas import wiring
from atlas.health.checks import Health as HealthResult
from atlas.health.checks import HealthStatus, check_health

CACHED_FOR = timedelta(seconds=60)

blueprint = df.Blueprint()
_checking = asyncio.Lock()
_last: list[HealthResult] = []


@blueprint.route("health", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@returns_problems
async def get_health(req: func.HttpRequest) -> func.HttpResponse:
    """Whether the app can do its work; 503 if it cannot."""
    opened = await wiring.opened()
    now = opened.resources.clock()
    async with _checking:
        if not _last or now - _last[0].at > CACHED_FOR:
            _last[:] = [await check_health(opened.resources, opened.sign_in)]
    health = _last[0]
    status = HTTPStatus.SERVICE_UNAVAILABLE if health.status is HealthStatus.UNHEALTHY else HTTPStatus.OK
    return json_response(Health.of(health, now), status)
