"""Sends events and traces to Azure Monitor through OpenTelemetry; without it, events go to the log.

Events and spans contain no personal data, and no library is instrumented, because URLs contain UPNs and mailbox GUIDs.
Logged failures are sent too; only a library's own message in them could name a person.
"""

import hashlib
import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry._logs import get_logger_provider
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, StatusCode, TraceFlags

from atlas.domain.events import Event
from atlas.settings import Telemetry

LOGGER = "bookings_atlas"
EVENT_NAME = "microsoft.custom_event.name"
NOT_INSTRUMENTED = ("azure_sdk", "django", "fastapi", "flask", "httpx", "psycopg2", "requests", "urllib", "urllib3")
NO_OTHER_HOSTS = {
    "APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL": "true",
    "APPLICATIONINSIGHTS_CONTROLPLANE_DISABLED": "true",
    "APPLICATIONINSIGHTS_SDKSTATS_DISABLED": "true",
    "OTEL_METRICS_EXPORTER": "none",
    "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS": "azure_app_service",
}
"""Keeps the library from sending data about itself to Microsoft, to hosts that no setting names."""
FORWARDED = ("activities", "api", "atlas")
"""Loggers whose warnings are sent too: the host stops forwarding them once the app sends telemetry itself."""
FLUSH_TIMEOUT_MILLISECONDS = 5000

log = logging.getLogger(LOGGER)
log.setLevel(logging.INFO)
failures = logging.getLogger(__name__)
tracer = trace.get_tracer(LOGGER)


def configure(telemetry: Telemetry) -> None:
    """Send events and traces to Azure Monitor from now on. Calling it again changes nothing."""
    if not log.propagate:  # already configured: the last line of this function sets it
        return
    for name, value in NO_OTHER_HOSTS.items():
        os.environ.setdefault(name, value)
    # Imported late: the import is slow, and an app without monitoring does not need it.
    from azure.identity import ManagedIdentityCredential
    from azure.monitor.opentelemetry import configure_azure_monitor

    credential = ManagedIdentityCredential(client_id=telemetry.client_id) if telemetry.by_identity else None
    configure_azure_monitor(
        connection_string=telemetry.connection_string,
        credential=credential,
        logger_name=LOGGER,
        sampling_ratio=1.0,
        enable_live_metrics=False,
        enable_performance_counters=False,
        disable_offline_storage=True,
        instrumentation_options={name: {"enabled": False} for name in NOT_INSTRUMENTED},
    )
    for name in FORWARDED:
        for handler in log.handlers:
            logging.getLogger(name).addHandler(handler)
    log.propagate = False  # otherwise the host would send each event again, as a log line


def emit(event: Event) -> None:
    """Emit an event; its facts are attributes for Azure Monitor, and part of the line in a log."""
    facts = dict(event.facts)
    log.info("%s %s", event.name, json.dumps(facts), extra={EVENT_NAME: event.name, **facts})


@contextmanager
def span(name: str, scan_id: str, *, logs_failure: bool = True) -> Iterator[None]:
    """A span for one step of a scan. All steps of a scan form one trace, on any instance, however often they run.

    It links to the host's own trace of the invocation. A failed step is logged here, because a host that knows that the
    app sends telemetry itself does not log it.
    """
    invocation = trace.get_current_span().get_span_context()
    links = [Link(invocation)] if invocation.is_valid else []
    context = trace.set_span_in_context(NonRecordingSpan(_trace_of(scan_id)))
    with tracer.start_as_current_span(
        name,
        context,
        attributes={"scanId": scan_id},
        links=links,
        record_exception=False,  # its message might name a person
        set_status_on_exception=False,
    ) as step:
        try:
            yield
        except BaseException as error:  # raised again below; cancelled steps are marked too
            step.set_status(StatusCode.ERROR, type(error).__name__)
            if logs_failure and isinstance(error, Exception):
                failures.exception("%s of scan %s failed", name, scan_id)
            raise


def flush() -> None:
    """Send what has not been sent yet, before the process ends."""
    for provider in (get_logger_provider(), trace.get_tracer_provider()):
        if force_flush := getattr(provider, "force_flush", None):
            force_flush(FLUSH_TIMEOUT_MILLISECONDS)


def _trace_of(scan_id: str) -> SpanContext:
    digest = hashlib.sha256(scan_id.encode()).digest()
    trace_id, span_id = int.from_bytes(digest[:16]), int.from_bytes(digest[16:24])
    return SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))
