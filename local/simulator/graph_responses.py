"""Microsoft Graph's error bodies and headers: docs/microsoft-365.md, section 2."""

from datetime import UTC, datetime
from typing import Any

from local.simulator.http_messages import Response
from local.simulator.state import SimulatorState

_CODES = {
    429: ("TooManyRequests", "Please retry again later."),
    500: ("InternalServerError", "An error occurred."),
    502: ("BadGateway", "The upstream service failed."),
    503: ("serviceNotAvailable", "The service is temporarily unavailable."),
    504: ("UnknownError", "The gateway timed out."),
}


def problem(state: SimulatorState, status: int, code: str = "", message: str = "") -> Response:
    """An error in Graph's format."""
    usual_code, usual_message = _CODES.get(status, ("UnknownError", "An error occurred."))
    request_id = state.request_id()
    inner = {
        "date": datetime.fromtimestamp(state.clock(), UTC).strftime("%Y-%m-%dT%H:%M:%S"),
        "request-id": request_id,
        "client-request-id": request_id,
    }
    error: dict[str, Any] = {"code": code or usual_code, "message": message or usual_message, "innerError": inner}
    headers = {"WWW-Authenticate": 'Bearer realm="", authorization_uri=""'} if status == 401 else {}
    return Response(status, {"error": error}, headers)


def unknown_resource(state: SimulatorState, name: str) -> Response:
    """404 for an object that does not exist."""
    message = f"Resource '{name}' does not exist or one of its queried reference-property objects are not present."
    return problem(state, 404, "Request_ResourceNotFound", message)
