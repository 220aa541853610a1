"""Microsoft Graph's JSON batches of GET requests (docs/microsoft-365.md, section 2.3)."""

from collections.abc import Mapping

from atlas.microsoft365.batches import Result, parse_batch, send_in_batches
from atlas.microsoft365.calls import MEBIBYTE, ClassifyFailure, Request, Response
from atlas.microsoft365.failures import NotUnderstood, TenantFailure
from atlas.microsoft365.signed_calls import SignedApiClient

BATCH_SIZE = 20
CONCURRENT_BATCHES = 4
MAX_BATCH_BYTES = 8 * MEBIBYTE
MAX_BATCH_ITEMS = 200_000

type Headers = Mapping[str, str]


async def get_many(
    client: SignedApiClient,
    paths: Mapping[str, str],
    classify_failure: ClassifyFailure,
    headers: Headers | None = None,
) -> Mapping[str, Result]:
    """The response or failure of each path, by the keys of ``paths``. Paths are relative to ``/v1.0``.

    Every part gets ``headers``: parts do not inherit those of the batch.
    """

    async def send(parts: Mapping[str, str]) -> dict[str, Result]:
        return await _send_batch(client, parts, classify_failure, headers or {})

    return await send_in_batches(paths, BATCH_SIZE, CONCURRENT_BATCHES, send)


async def _send_batch(
    client: SignedApiClient, paths: Mapping[str, str], classify_failure: ClassifyFailure, headers: Headers
) -> dict[str, Result]:
    more = {"headers": dict(headers)} if headers else {}
    request = Request(
        "POST",
        f"{client.base_url}/v1.0/$batch",
        {"content-type": "application/json"},
        {"requests": [{"id": key, "method": "GET", "url": path, **more} for key, path in paths.items()]},
        max_response_bytes=MAX_BATCH_BYTES,
        max_items=MAX_BATCH_ITEMS,
    )
    try:
        response = await client.send(request, _classify_batch(classify_failure))
        parts = parse_batch(response.json(), client.base_url)
    except TenantFailure as failure:
        return dict.fromkeys(paths, failure)
    results: dict[str, Result] = {}
    for key, path in paths.items():
        if key in parts:
            results[key] = classify_failure(parts[key]) or parts[key]
        else:  # a part that is missing or malformed affects only itself
            results[key] = await _get_alone(client, path, classify_failure, headers)
    return results


async def _get_alone(client: SignedApiClient, path: str, classify_failure: ClassifyFailure, headers: Headers) -> Result:
    try:
        return await client.send(Request("GET", f"{client.base_url}/v1.0{path}", headers), classify_failure)
    except TenantFailure as failure:
        return failure


def _classify_batch(classify_failure: ClassifyFailure) -> ClassifyFailure:
    """A 404 may be a valid result of a part, but not of the batch."""

    def classify(response: Response) -> TenantFailure | None:
        if response.status == 404:
            return NotUnderstood("Microsoft Graph responded with 404 to a batch")
        return classify_failure(response)

    return classify
