"""The orchestrations of the Durable extension, as the use cases start, read and terminate them."""

from collections.abc import Awaitable
from datetime import UTC, datetime

import azure.durable_functions as df
from azure.durable_functions.models.DurableOrchestrationStatus import DurableOrchestrationStatus
from azure.durable_functions.models.OrchestrationRuntimeStatus import OrchestrationRuntimeStatus as Runtime

from atlas.scans.lifecycle import OrchestrationStatus
from atlas.scans.messages import ScanRequest
from orchestrators.names import SCAN_TENANT

ACTIVE = frozenset({Runtime.Pending, Runtime.Running, Runtime.ContinuedAsNew, Runtime.Suspended})
ENDED = [Runtime.Completed, Runtime.Failed, Runtime.Terminated, Runtime.Canceled]
EARLIEST = datetime(2020, 1, 1, tzinfo=UTC)


class OrchestrationsUnavailable(Exception):
    """The extension does not respond; ``str`` is a sentence for the operator."""


class PurgeNotSupported(Exception):
    """The storage provider does not purge histories by a filter; ``str`` is a sentence for the operator."""


class DurableOrchestrations:
    """Calls the extension with the client of a function. Every method raises ``OrchestrationsUnavailable``."""

    def __init__(self, client: df.DurableOrchestrationClient) -> None:
        self._client = client

    async def start_scan(self, request: ScanRequest) -> None:
        """Start the orchestration of a scan; its instance ID is the scan's ID."""
        await _call(self._client.start_new(SCAN_TENANT, request.scan_id, request.to_dict()))

    async def get(self, instance_id: str) -> OrchestrationStatus | None:
        """The orchestration with this ID; ``None`` if the extension knows none."""
        status = await _call(self._client.get_status(instance_id))
        if not isinstance(status.runtime_status, Runtime):
            listed = await self._find(instance_id)
            if listed is None:
                return None
            status = listed
        shown = status.custom_status
        return OrchestrationStatus(
            is_active=status.runtime_status in ACTIVE,
            was_terminated=status.runtime_status is Runtime.Terminated,
            custom_status=shown if isinstance(shown, dict) else None,
        )

    async def terminate(self, instance_id: str, reason: str) -> None:
        """Terminate an orchestration. If it is unknown, the extension responds with 404 and an exception."""
        status = await self.get(instance_id)
        if status and status.is_active:
            await _call(self._client.terminate(instance_id, reason))

    async def delete_before(self, moment: datetime) -> None:
        """Delete the histories of orchestrations that have ended and were created before ``moment``.

        Raises ``PurgeNotSupported``: the Durable Task Scheduler responds 400 (azure-functions-durable-python#563).
        """
        try:
            await _call(self._client.purge_instance_history_by(EARLIEST, moment, ENDED))
        except OrchestrationsUnavailable as failure:
            if "status code 400" not in str(failure.__cause__):
                raise
            raise PurgeNotSupported(
                "the storage provider of Durable Functions does not purge histories for Python apps: set a retention "
                "policy on the Durable Task Scheduler"
            ) from None

    async def _find(self, instance_id: str) -> DurableOrchestrationStatus | None:
        """The orchestration from the list of all: ``get_status`` returns the same empty status for 404 and 500."""
        listed = await _call(self._client.get_status_by(EARLIEST, None, None, instance_id))
        return next((status for status in listed if status.instance_id == instance_id), None)


async def _call[Result](request: Awaitable[Result]) -> Result:
    try:
        return await request
    except Exception as error:  # the client raises this very class for every unexpected status
        raise OrchestrationsUnavailable(f"the Durable extension does not respond ({type(error).__name__})") from error
