"""Many requests in one, each with a result or a failure of its own; Microsoft Graph and Exchange use the same format.

See docs/microsoft-365.md, sections 2.3 and 3.5.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from itertools import batched
from typing import Any

from atlas.concurrency import map_concurrently
from atlas.domain.records import MalformedRecord, parse_records
from atlas.domain.unknown import Unknown
from atlas.microsoft365.calls import Response, wait_before_retry
from atlas.microsoft365.failures import NotUnderstood, TenantFailure, Throttled

MAX_BATCH_ATTEMPTS = 3
"""How many times a part that fails is requested; each part is throttled separately."""
DEFAULT_WAIT_SECONDS = 1.0
MAX_PART_ITEMS = 200_000

type Result = Response | TenantFailure
type SendBatch[Part] = Callable[[Mapping[str, Part]], Awaitable[dict[str, Result]]]


async def send_in_batches[Part](
    parts: Mapping[str, Part], size: int, concurrency: int, send_batch: SendBatch[Part]
) -> Mapping[str, Result]:
    """The result of each part. Parts that fail briefly are repeated, without the others."""

    async def send(keys: tuple[str, ...]) -> dict[str, Result]:
        return await _send_repeatedly({key: parts[key] for key in keys}, send_batch)

    batches = await map_concurrently(send, batched(parts, size, strict=False), concurrency)
    return {key: result for batch in batches for key, result in batch.items()}


async def _send_repeatedly[Part](parts: Mapping[str, Part], send_batch: SendBatch[Part]) -> dict[str, Result]:
    results = await send_batch(parts)
    for _ in range(MAX_BATCH_ATTEMPTS - 1):
        failed = {key: part for key, part in parts.items() if _is_worth_repeating(results[key])}
        if not failed:
            break
        await asyncio.sleep(max(_wait_seconds(results[key]) for key in failed))
        results |= await send_batch(failed)
    return results


def parse_batch(document: Any, base_url: str) -> dict[str, Response]:
    """The readable parts of a batch by their IDs; they come in any order. Raises ``NotUnderstood``."""
    parts = document.get("responses") if isinstance(document, dict) else None
    if not isinstance(parts, list):
        raise NotUnderstood("the response to a batch has no list `responses`")
    return dict(parse_records(parts, lambda part: _parse_part(part, base_url)).valid)


def or_unknown[Value](result: Result, parse: Callable[[Response], Value]) -> Value | Unknown:
    """The parsed response; a failure, or a response that is not understood, as an ``Unknown``."""
    if isinstance(result, TenantFailure):
        return result.unknown()
    try:
        return parse(result)
    except TenantFailure as failure:
        return failure.unknown()


def _parse_part(part: Any, base_url: str) -> tuple[str, Response]:
    key = part.get("id") if isinstance(part, dict) else None
    if not isinstance(key, str):
        raise MalformedRecord("id is missing")
    status, headers = part.get("status"), part.get("headers") or {}
    if not isinstance(status, int) or not isinstance(headers, dict):
        raise MalformedRecord("status or headers is malformed")
    names = {str(name).lower(): str(value) for name, value in headers.items()}
    body = part.get("body")
    return key, Response(status, names, b"" if body is None else json.dumps(body).encode(), base_url, MAX_PART_ITEMS)


def _is_worth_repeating(result: Result) -> bool:
    return isinstance(result, TenantFailure) and wait_before_retry(result) is not False


def _wait_seconds(result: Result) -> float:
    wait_seconds = result.wait_seconds if isinstance(result, Throttled) else None
    return DEFAULT_WAIT_SECONDS if wait_seconds is None else wait_seconds
