"""The webhooks that the durable client calls, with the responses that the real ones give."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from local.host.durable.engine import AlreadyRunning, BadInstanceId, Engine
from local.host.durable.instances import Instance
from local.host.durable.payloads import PayloadRefused
from local.host.durable.tasks import UnknownFunction

PREFIX = "/runtime/webhooks/durabletask"
_DEFAULT_PAGE = 100


def client_json(base_url: str, hub_name: str, code: str) -> str:
    """The value of a durable client binding: the URLs of the webhooks, and of the same webhooks for the SDK alone."""
    instance = f"{base_url}{PREFIX}/instances/INSTANCEID"
    start = f"{base_url}{PREFIX}/orchestrators/{{functionName}}[/{{instanceId}}]?code={code}"
    return json.dumps(
        {
            "taskHubName": hub_name,
            "creationUrls": {"createNewInstancePostUri": start, "createAndWaitOnNewInstancePostUri": start},
            "managementUrls": _links(instance, code) | {"id": "INSTANCEID"},
            "baseUrl": f"{base_url}{PREFIX}",
            "requiredQueryStringParameters": f"code={code}",
            "rpcBaseUrl": f"{base_url}{rpc_prefix(code)}/",
        }
    )


def rpc_prefix(code: str) -> str:
    """The path under which the SDK calls the webhooks. It sends no code in its requests, so the path holds it."""
    return f"/rpc/{code}/durabletask"


class Management:
    """The webhooks of one task hub."""

    def __init__(self, engine: Engine, base_url: Callable[[], str], code: str) -> None:
        self._engine = engine
        self._base_url = base_url
        self._code = code

    def routes(self) -> list[web.RouteDef]:
        """List the webhooks for an aiohttp application."""
        return [route for prefix in (PREFIX, rpc_prefix(self._code)) for route in self._routes_under(prefix)]

    def _routes_under(self, prefix: str) -> list[web.RouteDef]:
        instance = prefix + "/instances/{id}"
        return [
            web.post(prefix + "/orchestrators/{name}", self.start),
            web.post(prefix + "/orchestrators/{name}/{id}", self.start),
            web.get(prefix + "/instances", self.query),
            web.get(prefix + "/instances/", self.query),
            web.delete(prefix + "/instances", self.purge_many),
            web.delete(prefix + "/instances/", self.purge_many),
            web.get(instance, self.status),
            web.delete(instance, self.purge),
            web.post(instance + "/raiseEvent/{event}", self.raise_event),
            web.post(instance + "/{operation}", self.operate),
        ]

    async def start(self, request: web.Request) -> web.Response:
        """Start an orchestration."""
        body = await request.text()
        try:
            json.loads(body or "null")
            instance = self._engine.start(request.match_info["name"], request.match_info.get("id"), body or None)
        except (UnknownFunction, BadInstanceId, PayloadRefused, ValueError) as refusal:
            return _refusal(400, str(refusal))
        except AlreadyRunning as refusal:
            return _refusal(409, str(refusal))
        url = f"{self._base_url()}{PREFIX}/instances/{instance.instance_id}"
        links = _links(url, self._code)
        headers = {"Location": links["statusQueryGetUri"], "Retry-After": "10"}
        return web.json_response({"id": instance.instance_id} | links, status=202, headers=headers)

    async def status(self, request: web.Request) -> web.Response:
        """Return the status of an orchestration: 202 while it runs, 200 when it has ended."""
        instance = self._engine.instances.get(request.match_info["id"])
        if instance is None:
            return web.Response(status=404)
        described = instance.to_dict(
            show_input=_flag(request, "showInput", default=True),
            show_history=_flag(request, "showHistory"),
            show_history_output=_flag(request, "showHistoryOutput"),
        )
        if instance.has_ended:
            fails = instance.status == "Failed" and _flag(request, "returnInternalServerErrorOnFailure")
            return web.json_response(described, status=500 if fails else 200)
        headers = {"Location": str(request.url), "Retry-After": "5"}
        return web.json_response(described, status=202, headers=headers)

    async def query(self, request: web.Request) -> web.Response:
        """List orchestrations, a page at a time; the next page's token is in a header, empty at the end."""
        show_input = _flag(request, "showInput")
        found = self._matching_instances(request)
        begin = int(request.headers.get("x-ms-continuation-token") or 0)
        end = begin + _page_size(request)
        page = [instance.to_dict(show_input=show_input) for instance in found[begin:end]]
        token = str(end) if end < len(found) else ""
        return web.json_response(page, headers={"x-ms-continuation-token": token})

    async def purge(self, request: web.Request) -> web.Response:
        """Delete one orchestration that has ended."""
        instance = self._engine.instances.get(request.match_info["id"])
        if instance is None:
            return web.Response(status=404)
        if not instance.has_ended:
            return web.json_response("Only orchestrations in a terminal state can be purged", status=412)
        self._engine.purge(instance)
        return web.json_response({"instancesDeleted": 1})

    async def purge_many(self, request: web.Request) -> web.Response:
        """Delete the orchestrations that have ended and match."""
        if "createdTimeFrom" not in request.query:
            return web.json_response("Please provide value for 'createdTimeFrom' parameter.", status=400)
        ended = [instance for instance in self._matching_instances(request) if instance.has_ended]
        for instance in ended:
            self._engine.purge(instance)
        return web.json_response({"instancesDeleted": len(ended)}) if ended else web.Response(status=404)

    async def raise_event(self, request: web.Request) -> web.Response:
        """Raise an event for an orchestration."""
        body = await request.text()
        try:
            json.loads(body or "null")
        except ValueError:
            return _refusal(400, "Only application/json request content is supported")
        event = request.match_info["event"]
        return self._on_running(request, lambda instance: self._engine.raise_event(instance, event, body or "null"))

    async def operate(self, request: web.Request) -> web.Response:
        """Terminate, suspend or resume an orchestration."""
        reason = request.query.get("reason", "")
        operations: dict[str, Callable[[Instance], None]] = {
            "terminate": lambda instance: self._engine.terminate(instance, reason),
            "suspend": self._engine.suspend,
            "resume": self._engine.resume,
        }
        operation = operations.get(request.match_info["operation"].lower())
        if operation is None:
            return _refusal(501, f"the local host does not simulate {request.match_info['operation']}")
        return self._on_running(request, operation)

    def _on_running(self, request: web.Request, act: Callable[[Instance], None]) -> web.Response:
        instance = self._engine.instances.get(request.match_info["id"])
        if instance is None:
            return web.Response(status=404)
        if instance.has_ended:
            return web.Response(status=410)
        try:
            act(instance)
        except PayloadRefused as refusal:
            return _refusal(400, str(refusal))
        return web.Response(status=202)

    def _matching_instances(self, request: web.Request) -> list[Instance]:
        begin, end = _time(request, "createdTimeFrom"), _time(request, "createdTimeTo")
        statuses = {part.lower() for part in request.query.get("runtimeStatus", "").split(",") if part}
        prefix = request.query.get("instanceIdPrefix", "")
        return [
            instance
            for instance in self._engine.instances.values()
            if (begin is None or instance.created_at >= begin)
            and (end is None or instance.created_at <= end)
            and (not statuses or instance.runtime_status.lower() in statuses)
            and instance.instance_id.startswith(prefix)
        ]


def _links(instance: str, code: str) -> dict[str, str]:
    return {
        "statusQueryGetUri": f"{instance}?code={code}",
        "sendEventPostUri": f"{instance}/raiseEvent/{{eventName}}?code={code}",
        "terminatePostUri": f"{instance}/terminate?reason={{text}}&code={code}",
        "purgeHistoryDeleteUri": f"{instance}?code={code}",
        "suspendPostUri": f"{instance}/suspend?reason={{text}}&code={code}",
        "resumePostUri": f"{instance}/resume?reason={{text}}&code={code}",
    }


def _page_size(request: web.Request) -> int:
    top = request.query.get("top", "")
    return int(top) if top.isdecimal() and int(top) else _DEFAULT_PAGE


def _flag(request: web.Request, name: str, *, default: bool = False) -> bool:
    value = request.query.get(name, "").lower()
    return value == "true" if value in {"true", "false"} else default


def _time(request: web.Request, name: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(request.query.get(name, ""))
    except ValueError:
        return None  # as the real webhooks do, which ignore what they cannot parse
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _refusal(status: int, message: str) -> web.Response:
    problem: dict[str, Any] = {"Message": message, "ExceptionMessage": message}
    return web.json_response(problem, status=status)
