"""The route of health, which is open to everyone: the tenant is queried at most once per minute."""

import asyncio
import logging
import os
from dataclasses import fields
from datetime import timedelta
from http import HTTPStatus

import azure.durable_functions as df
import azure.functions as func

from api.access import is_in_azure
from api.json_responses import json_response
from api.models.health import Health
from api.problems import Problem, returns_problems
from atlas import wiring
from atlas.health.checks import Check, HealthStatus, check_health
from atlas.health.checks import Health as HealthResult
from atlas.settings import InvalidSettings

log = logging.getLogger(__name__)

CACHED_FOR = timedelta(seconds=60)

blueprint = df.Blueprint()
_checking = asyncio.Lock()
_last: list[HealthResult] = []


@blueprint.route("health", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@returns_problems
async def get_health(req: func.HttpRequest) -> func.HttpResponse:
    """Whether the app is healthy; 503 if it is unhealthy.

    In Azure, anyone may call this, and Easy Auth does not authenticate the caller. So failures are described without
    details, which go to the log.
    """
    is_public = is_in_azure(os.environ)
    try:
        opened = await wiring.opened()
    except InvalidSettings as error:
        if not is_public:
            raise
        log.error("%s", error)  # noqa: TRY400 - the message names the settings; a stack adds nothing
        raise Problem("notConfigured", f"missing or invalid settings: {error.names}") from None
    now = opened.resources.clock()
    async with _checking:
        if not _last or now - _last[0].at > CACHED_FOR:
            _last[:] = [await check_health(opened.resources, opened.sign_in)]
            _log_failures(_last[0])
    health = _last[0]
    status = HTTPStatus.SERVICE_UNAVAILABLE if health.status is HealthStatus.UNHEALTHY else HTTPStatus.OK
    return json_response(Health.of(health, now, is_public=is_public), status)


def _log_failures(health: HealthResult) -> None:
    for field in fields(health):
        check = getattr(health, field.name)
        if isinstance(check, Check) and check.ok is False:
            log.warning("the health check %s failed: %s", field.name, check.detail)
