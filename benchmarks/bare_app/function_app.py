"""The least that a route can do with a row: one point read on the same host, for comparison with a lookup."""

import os

import aiohttp
import azure.functions as func
from pydantic import SecretStr

from atlas.settings import StorageByConnectionString
from atlas.tables.store import AzureTableStore, open_tables

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
_opened: list[AzureTableStore] = []


@app.route("rows/{partition}/{row}", methods=["GET"])
async def row(req: func.HttpRequest) -> func.HttpResponse:
    """One row of PersonalBookings, as text."""
    if not _opened:
        name = "AzureWebJobsStorage"
        storage = StorageByConnectionString(SecretStr(os.environ[name]))
        _opened.append(open_tables(storage, aiohttp.ClientSession(auto_decompress=False)))
    entity = await _opened[0].get("PersonalBookings", req.route_params["partition"], req.route_params["row"])
    return func.HttpResponse(str(dict(entity or {})))
