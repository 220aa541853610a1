"""The sample app's HTTP routes and timer."""

import json
import logging
import os
from datetime import UTC, datetime

import aiohttp
import azure.durable_functions as df
import azure.functions as func

blueprint = df.Blueprint()
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)

ticks: list[dict] = []
sessions: list[aiohttp.ClientSession] = []  # as an app keeps them: for as long as the process lives


def _described(request: func.HttpRequest) -> func.HttpResponse:
    described = {
        "method": request.method,
        "url": request.url,
        "params": dict(request.route_params),
        "query": dict(request.params),
        "header": request.headers.get("X-Sample"),
        "body": request.get_body().decode(),
    }
    return func.HttpResponse(json.dumps(described), mimetype="application/json")


@blueprint.route("users/{user}/bookings", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
async def user_bookings(req: func.HttpRequest) -> func.HttpResponse:
    return _described(req)


@blueprint.route("users/me/bookings", methods=["GET"])
async def my_bookings(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("mine")


@blueprint.route("echo", methods=["POST", "PUT"])
def echo(req: func.HttpRequest) -> func.HttpResponse:
    return _described(req)


@blueprint.route("teapot", methods=["GET"])
async def teapot(req: func.HttpRequest) -> func.HttpResponse:
    headers = {"X-Short": "and stout", "Set-Cookie": "tea=green; Path=/; HttpOnly"}
    return func.HttpResponse("I'm a teapot", status_code=418, headers=headers)


@blueprint.route("open", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def open_to_all(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("open")


@blueprint.route("broken", methods=["GET"])
async def broken(req: func.HttpRequest) -> func.HttpResponse:
    raise RuntimeError("the kettle is empty")


@blueprint.route("setting/{name}", methods=["GET"])
async def setting(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(os.environ.get(req.route_params["name"], ""))


@blueprint.route("rest/{*path}", methods=["GET"])
async def rest(req: func.HttpRequest) -> func.HttpResponse:
    return _described(req)


@blueprint.route("log", methods=["POST"])
def write_log(req: func.HttpRequest) -> func.HttpResponse:
    logging.getLogger("sample").info(req.get_body().decode())
    return func.HttpResponse(status_code=204)


@blueprint.route("keep-open", methods=["POST"])
async def keep_open(req: func.HttpRequest) -> func.HttpResponse:
    sessions.append(aiohttp.ClientSession())
    return func.HttpResponse(status_code=204)


@blueprint.route("ticks", methods=["GET"])
async def list_ticks(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(json.dumps(ticks), mimetype="application/json")


@blueprint.timer_trigger(arg_name="timer", schedule="%SAMPLE_SCHEDULE%", run_on_startup=False)
@blueprint.durable_client_input(client_name="client")
async def tick(timer: func.TimerRequest, client: df.DurableOrchestrationClient) -> None:
    instance_id = await client.start_new("say_hello", None, "the timer")
    ticks.append({"pastDue": timer.past_due, "instance": instance_id})


# The client as an app uses it: each of these is one call of the SDK.


@blueprint.route("start/{name}", methods=["POST"])
@blueprint.durable_client_input(client_name="client")
async def start(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    body = req.get_body()
    instance_id = await client.start_new(
        req.route_params["name"], req.params.get("id"), json.loads(body) if body else None
    )
    return client.create_check_status_response(req, instance_id)


@blueprint.route("status/{id}", methods=["GET"])
@blueprint.durable_client_input(client_name="client")
async def status(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    found = await client.get_status(req.route_params["id"], show_input=True)
    return func.HttpResponse(json.dumps(found.to_json() if found else None), mimetype="application/json")


@blueprint.route("finished", methods=["GET"])
@blueprint.durable_client_input(client_name="client")
async def finished(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    found = await client.get_status_by(
        created_time_from=LONG_AGO, runtime_status=[df.OrchestrationRuntimeStatus.Completed]
    )
    return func.HttpResponse(json.dumps([one.instance_id for one in found]), mimetype="application/json")


@blueprint.route("terminate/{id}", methods=["POST"])
@blueprint.durable_client_input(client_name="client")
async def terminate(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    await client.terminate(req.route_params["id"], "asked to")
    return func.HttpResponse(status_code=202)


@blueprint.route("raise/{id}/{event}", methods=["POST"])
@blueprint.durable_client_input(client_name="client")
async def raise_event(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    await client.raise_event(req.route_params["id"], req.route_params["event"], req.get_json())
    return func.HttpResponse(status_code=202)


@blueprint.route("hold/{id}/{what}", methods=["POST"])
@blueprint.durable_client_input(client_name="client")
async def hold(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    act = client.suspend if req.route_params["what"] == "suspend" else client.resume
    await act(req.route_params["id"], "asked to")
    return func.HttpResponse(status_code=202)


@blueprint.route("purge/{id}", methods=["POST"])
@blueprint.durable_client_input(client_name="client")
async def purge(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    purged = await client.purge_instance_history(req.route_params["id"])
    return func.HttpResponse(str(purged.instances_deleted))


@blueprint.route("purge", methods=["POST"])
@blueprint.durable_client_input(client_name="client")
async def purge_finished(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    purged = await client.purge_instance_history_by(LONG_AGO, None, [df.OrchestrationRuntimeStatus.Failed])
    return func.HttpResponse(str(purged.instances_deleted))
