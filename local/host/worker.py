"""The seam to Microsoft's worker library: index a function app and invoke its functions, as the worker in Azure does.

Only names that `azure_functions_runtime` exports are used, the ones Azure's own proxy worker calls.
"""

import json
import logging
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import azure_functions_runtime as runtime

from local.host.records import InputData, Messages, Record, TypedData

log = logging.getLogger("local.host")

_NOT_THE_APPS = (
    "azure_functions_runtime",
    "/azure/functions/",
    "/azure/durable_functions/",
    "/concurrent/futures/",
    "<frozen importlib",
    "/importlib/__init__",
)

_running: dict[str, str] = {}  # invocation id -> function name, for the log lines of functions in worker threads
_function_name: ContextVar[str] = ContextVar("function_name", default="")


class BrokenApp(Exception):
    """The function app cannot be loaded; the message is for its developer."""


class InvocationFailed(Exception):
    """A function raised: `message` is "Type: message" as the Functions host reports it, `stack` its traceback."""

    def __init__(self, message: str, stack: str) -> None:
        super().__init__(message)
        self.message = message
        self.stack = stack


@dataclass(frozen=True, slots=True)
class Function:
    """One function of the app, with its bindings as the Functions host reads them."""

    name: str
    function_id: str
    trigger: Mapping[str, Any]
    client_parameters: tuple[str, ...]

    @property
    def kind(self) -> str:
        """The type of its trigger, `httpTrigger` for one."""
        return str(self.trigger["type"])


def running_function() -> str:
    """Name the function that is running here, or nothing outside of one."""
    return _function_name.get() or _running.get(runtime.invocation_id_cv.get() or "", "")


class Worker:
    """One function app in this process.

    The library keeps what it indexed in module globals, so a process can hold one app at a time.
    """

    def __init__(self, app_folder: Path) -> None:
        self.app_folder = app_folder
        self.client_json = "{}"  # what a durable client binding receives; the host sets it when it knows its port

    async def index(self) -> list[Function]:
        """Import the app's function_app.py and list its functions, or raise BrokenApp."""
        if not (self.app_folder / "function_app.py").exists():
            raise BrokenApp(f"there is no function_app.py in {self.app_folder}")
        sys.path.insert(0, str(self.app_folder))
        runtime.start_threadpool_executor()
        init_request = Record(capabilities={}, function_app_directory=str(self.app_folder))
        request = Record(
            properties={"host": "127.0.0.1", "protos": Messages}, request=Record(worker_init_request=init_request)
        )
        with _silenced("azure.functions"):  # it would log what it answers, with the whole sys.path
            answer = await runtime.worker_init_request(request)
        if answer.result.status != Messages.StatusResult.Success:
            raise BrokenApp(_why_it_is_broken(answer.result.exception))
        metadata = await runtime.functions_metadata_request(None)
        return [_function(found) for found in metadata.function_metadata_results or []]

    async def invoke(self, function: Function, argument: TypedData) -> TypedData | None:
        """Run a function with its trigger's argument; its return value, or InvocationFailed."""
        arguments = [InputData(name=function.trigger["name"], data=argument)]
        arguments += [
            InputData(name=name, data=TypedData(string=self.client_json)) for name in function.client_parameters
        ]
        with _marked_as_running(function.name) as invocation_id:
            invocation = Record(
                invocation_id=invocation_id,
                function_id=function.function_id,
                input_data=arguments,
                trigger_metadata={},
                trace_context=Record(trace_parent="", trace_state="", attributes={}),
                retry_context=Record(retry_count=0, max_retry_count=0),
            )
            answer = await runtime.invocation_request(Record(request=Record(invocation_request=invocation)))
        if answer.result.status != Messages.StatusResult.Success:
            raise InvocationFailed(answer.result.exception.message, answer.result.exception.stack_trace)
        returned: TypedData | None = answer.return_value
        return returned

    def stop(self) -> None:
        """Let go of the worker's threads without waiting for what runs in them."""
        if threads := runtime.get_threadpool_executor():
            threads.shutdown(wait=False, cancel_futures=True)


@contextmanager
def _marked_as_running(name: str) -> Iterator[str]:
    invocation_id = str(uuid.uuid4())
    _running[invocation_id] = name
    token = _function_name.set(name)
    try:
        yield invocation_id
    finally:
        _function_name.reset(token)
        del _running[invocation_id]


@contextmanager
def _silenced(name: str) -> Iterator[None]:
    logger = logging.getLogger(name)
    logger.disabled = True
    try:
        yield
    finally:
        logger.disabled = False


def _function(found: Any) -> Function:
    bindings = [json.loads(raw) for raw in found.raw_bindings]
    triggers = [binding for binding in bindings if binding["type"].lower().endswith("trigger")]
    clients = [binding["name"] for binding in bindings if binding["type"] == "durableClient"]
    return Function(found.name, found.function_id, triggers[0], tuple(clients))


def _why_it_is_broken(exception: Any) -> str:
    # The library appends its own troubleshooting text and the whole sys.path to an import error.
    message = str(exception.message).split(" Cannot find module.", 1)[0].rstrip(".")
    return f"{message}\n{own_frames(exception.stack_trace)}".rstrip()


def report(who: str, failure: Exception) -> None:
    """Show a developer once that something failed, and where in the app."""
    stack = own_frames(failure.stack) if isinstance(failure, InvocationFailed) else ""
    log.error("%s failed: %s", who, f"{failure}\n{stack}".rstrip())


def own_frames(stack: str) -> str:
    """Leave only the frames that an app's developer can do something about, if there is one."""
    kept: list[str] = []
    skipping = False
    for line in stack.splitlines():
        if line.startswith('  File "'):
            skipping = any(part in line for part in _NOT_THE_APPS)
        elif not line.startswith("    "):
            skipping = True
        if not skipping:
            kept.append(line)
    return "\n".join(kept)
