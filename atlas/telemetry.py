"""Tells events and traces to Azure Monitor, through OpenTelemetry; without it, events go to the log.

No event and no step names a person, and no library is instrumented, for addresses hold UPNs and mailbox GUIDs. What is
logged of a failure is sent too: there only a library's own words could name somebody.
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
"""Keeps the library from telling Microsoft about itself, at addresses that no setting names."""
OURS = ("activities", "api", "atlas")
"""Loggers whose warnings are sent too: a host that knows of our sending forwards them no more."""
FLUSH_TIMEOUT_MILLISECONDS = 5000

log = logging.getLogger(LOGGER)
log.setLevel(logging.INFO)
failures = logging.getLogger(__name__)
tracer = trace.get_tracer(LOGGER)


def configure(telemetry: Telemetry) -> None:
    """Send events and traces to Azure Monitor from now on. Asking again changes nothing."""
    if not log.propagate:  # as the end of this leaves it
        return
    for name, value in NO_OTHER_HOSTS.items():
        os.environ.setdefault(name, value)
    # Imported late: it takes long, and an app that is not watched does not need it.
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
    for name in OURS:
        for handler in log.handlers:
            logging.getLogger(name).addHandler(handler)
    log.propagate = False  # else the host would send each event a second time, as a line of the log


def emit(event: Event) -> None:
    """One event; its facts stand beside it for Azure Monitor, and in the line for a log."""
    facts = dict(event.facts)
    log.info("%s %s", event.name, json.dumps(facts), extra={EVENT_NAME: event.name, **facts})


@contextmanager
def span(name: str, scan_id: str, *, logs_failure: bool = True) -> Iterator[None]:
    """A step of a scan. All steps of a scan are one trace, on whatever instance they run and however often.

    The trace of the host's own invocation is linked to it. A step that fails is logged here, for a host that knows of
    our sending logs no failure of a function.
    """
    invocation = trace.get_current_span().get_span_context()
    links = [Link(invocation)] if invocation.is_valid else []
    context = trace.set_span_in_context(NonRecordingSpan(_trace_of(scan_id)))
    with tracer.start_as_current_span(
        name,
        context,
        attributes={"scanId": scan_id},
        links=links,
        record_exception=False,  # its text might name a person
        set_status_on_exception=False,
    ) as step:
        try:
            yield
        except BaseException as error:
            step.set_status(StatusCode.ERROR, type(error).__name__)
            if logs_failure and isinstance(error, Exception):
                failures.exception("%s of scan %s failed", name, scan_id)
            raise


def flush() -> None:
    """Send what is not sent yet, before the process ends."""
    for provider in (get_logger_provider(), trace.get_tracer_provider()):
        if force_flush := getattr(provider, "force_flush", None):
            force_flush(FLUSH_TIMEOUT_MILLISECONDS)


def _trace_of(scan_id: str) -> SpanContext:
    digest = hashlib.sha256(scan_id.encode()).digest()
    trace_id, span_id = int.from_bytes(digest[:16]), int.from_bytes(digest[16:24])
    return SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))
