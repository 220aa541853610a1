"""The flows of the Durable extension, as the use cases start, follow and stop them."""

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
    """The extension does not answer; ``str`` is a sentence for the operator."""


class DurableOrchestrations:
    """Asks the extension over the client that a door is given. Every method raises ``OrchestrationsUnavailable``."""

    def __init__(self, client: df.DurableOrchestrationClient) -> None:
        self._client = client

    async def start_scan(self, order: ScanRequest) -> None:
        """Start the flow of a scan under the scan's id."""
        await _asked(self._client.start_new(SCAN_TENANT, order.scan_id, order.to_dict()))

    async def get(self, instance_id: str) -> OrchestrationStatus | None:
        """The flow of this id; ``None`` where the extension knows none."""
        status = await _asked(self._client.get_status(instance_id))
        if not isinstance(status.runtime_status, Runtime):
            found = await self._listed(instance_id)
            if found is None:
                return None
            status = found
        shown = status.custom_status
        return OrchestrationStatus(
            is_active=status.runtime_status in ACTIVE,
            was_terminated=status.runtime_status is Runtime.Terminated,
            custom_status=shown if isinstance(shown, dict) else None,
        )

    async def terminate(self, instance_id: str, reason: str) -> None:
        """Stop a flow that runs; the extension answers 404 with an exception for one that it does not know."""
        status = await self.get(instance_id)
        if status and status.is_active:
            await _asked(self._client.terminate(instance_id, reason))

    async def delete_before(self, moment: datetime) -> None:
        """Remove the histories of flows that ended and were created before ``moment``."""
        await _asked(self._client.purge_instance_history_by(EARLIEST, moment, ENDED))

    async def _listed(self, instance_id: str) -> DurableOrchestrationStatus | None:
        """The flow from the list of all: ``get_status`` gives the same empty status for 404 and for 500."""
        found = await _asked(self._client.get_status_by(EARLIEST, None, None, instance_id))
        return next((status for status in found if status.instance_id == instance_id), None)


async def _asked[Answer](question: Awaitable[Answer]) -> Answer:
    try:
        return await question
    except Exception as error:  # the client raises this very class for every status that it does not expect
        raise OrchestrationsUnavailable(f"the Durable extension does not answer ({type(error).__name__})") from error
