"""Microsoft Graph's JSON batches: many GET requests in one, each with a result or a failure of its own.

See docs/microsoft-365.md, section 2.3.
"""

import asyncio
import json
from collections.abc import Mapping
from itertools import batched
from typing import Any

from atlas.domain.records import MalformedRecord, parse_records
from atlas.microsoft365.calls import MEBIBYTE, ClassifyFailure, Request, Response, wait_before_retry
from atlas.microsoft365.failures import NotUnderstood, TenantFailure, Throttled
from atlas.microsoft365.signed_calls import SignedApiClient

BATCH_SIZE = 20
CONCURRENT_BATCHES = 4
MAX_BATCH_ATTEMPTS = 3
"""How often a part that fails is requested; Graph throttles each part separately."""
DEFAULT_WAIT_SECONDS = 1.0
MAX_BATCH_BYTES = 8 * MEBIBYTE
MAX_BATCH_ITEMS = 200_000


async def get_many(
    client: SignedApiClient, paths: Mapping[str, str], classify_failure: ClassifyFailure
) -> Mapping[str, Response | TenantFailure]:
    """The response or failure of each path, by the keys of ``paths``. Paths are relative to ``/v1.0``."""
    free_places = asyncio.Semaphore(CONCURRENT_BATCHES)

    async def get(keys: tuple[str, ...]) -> dict[str, Response | TenantFailure]:
        async with free_places:
            return await _get_batch(client, {key: paths[key] for key in keys}, classify_failure)

    batches = await asyncio.gather(*(get(keys) for keys in batched(paths, BATCH_SIZE, strict=False)))
    return {key: result for batch in batches for key, result in batch.items()}


async def _get_batch(
    client: SignedApiClient, paths: dict[str, str], classify_failure: ClassifyFailure
) -> dict[str, Response | TenantFailure]:
    results = await _get_once(client, paths, classify_failure)
    for _ in range(MAX_BATCH_ATTEMPTS - 1):
        failed = {key: path for key, path in paths.items() if _is_worth_repeating(results[key])}
        if not failed:
            break
        await asyncio.sleep(max(_wait_seconds(results[key]) for key in failed))
        results |= await _get_once(client, failed, classify_failure)
    return results


async def _get_once(
    client: SignedApiClient, paths: Mapping[str, str], classify_failure: ClassifyFailure
) -> dict[str, Response | TenantFailure]:
    body = {"requests": [{"id": key, "method": "GET", "url": path} for key, path in paths.items()]}
    request = Request(
        "POST",
        f"{client.base_url}/v1.0/$batch",
        {"content-type": "application/json"},
        body,
        max_response_bytes=MAX_BATCH_BYTES,
        max_items=MAX_BATCH_ITEMS,
    )
    try:
        response = await client.send(request, _classify_batch(classify_failure))
        parts = parse_batch(response.json(), client.base_url)
    except TenantFailure as failure:
        return dict.fromkeys(paths, failure)
    results: dict[str, Response | TenantFailure] = {}
    for key, path in paths.items():
        if key in parts:
            results[key] = classify_failure(parts[key]) or parts[key]
        else:
            results[key] = await _get_alone(client, path, classify_failure)
    return results


async def _get_alone(client: SignedApiClient, path: str, classify_failure: ClassifyFailure) -> Response | TenantFailure:
    """For a part that is missing or malformed: it affects only itself."""
    try:
        return await client.send(Request("GET", f"{client.base_url}/v1.0{path}"), classify_failure)
    except TenantFailure as failure:
        return failure


def _classify_batch(classify_failure: ClassifyFailure) -> ClassifyFailure:
    """A 404 may be a valid result of a part, but not of the batch."""

    def classify(response: Response) -> TenantFailure | None:
        if response.status == 404:
            return NotUnderstood("Microsoft Graph responded with 404 to a batch")
        return classify_failure(response)

    return classify


def parse_batch(document: Any, base_url: str) -> dict[str, Response]:
    """The readable parts of a ``$batch`` response by their IDs; they come in any order. Raises ``NotUnderstood``."""
    parts = document.get("responses") if isinstance(document, dict) else None
    if not isinstance(parts, list):
        raise NotUnderstood("Microsoft Graph sent a batch without a list `responses`")
    return dict(parse_records(parts, lambda part: _parse_part(part, base_url)).valid)


def _parse_part(part: Any, base_url: str) -> tuple[str, Response]:
    key = part.get("id") if isinstance(part, dict) else None
    if not isinstance(key, str):
        raise MalformedRecord("id is missing")
    status, headers = part.get("status"), part.get("headers") or {}
    if not isinstance(status, int) or not isinstance(headers, dict):
        raise MalformedRecord("status or headers is malformed")
    names = {str(name).lower(): str(value) for name, value in headers.items()}
    body = part.get("body")
    return key, Response(status, names, b"" if body is None else json.dumps(body).encode(), base_url, MAX_BATCH_ITEMS)


def _is_worth_repeating(result: Response | TenantFailure) -> bool:
    return isinstance(result, TenantFailure) and wait_before_retry(result) is not False


def _wait_seconds(result: Response | TenantFailure) -> float:
    wait_seconds = result.wait_seconds if isinstance(result, Throttled) else None
    return DEFAULT_WAIT_SECONDS if wait_seconds is None else wait_seconds
