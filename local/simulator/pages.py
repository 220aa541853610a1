"""Responses of pages that do not simply list meeting types: docs/microsoft-365.md, sections 5.3 and 5.6."""

import gzip
from collections.abc import Mapping
from functools import cache

from local.simulator.http_messages import Response
from local.simulator.options import BookingsBehaviour
from local.simulator.user_kinds import Page

MALFORMED_TYPE = {"serviceId": None, "title": 7, "isPrivate": "perhaps"}
_JSON = {"Content-Type": "application/json"}
_HTML = {"Content-Type": "text/html; charset=utf-8"}
_MARKER = "Microsoft.Exchange.BookingsService.MailboxNotProvisionedException: there is no booking mailbox."
_BUSINESS_ERROR = {"responseMessage": None, "errorCode": "ErrorInternalServerError"}


def _sign_in_html(status: int, authority: str) -> Response:
    body = (
        "<!DOCTYPE html><html><head><title>Sign in to your account</title></head><body>"
        f'<a href="{authority}/common/oauth2/v2.0/authorize?client_id=x&amp;response_type=code">Sign in</a>'
        "</body></html>"
    )
    return Response(status, body, _HTML)


def _redirect(location: str) -> Response:
    return Response(302, b"", {"Location": location})


def fixed_response(page: Page, urls: Mapping[str, str], path: str, bookings: BookingsBehaviour) -> Response | None:
    """The response of a page that responds to every request in the same way; None for any other page."""
    if page is Page.REDIRECT_AWAY:
        return _redirect(f"http://localhost:9{path}")
    return _responses(urls["entra"], bookings.page_retry_after).get(page)


@cache
def _responses(authority: str, retry_after: str) -> Mapping[Page, Response]:
    unrecognised = {**_BUSINESS_ERROR, "message": "An internal server error occurred. Try again later."}
    return {
        Page.SIGN_IN_401: Response(401, b"", {"WWW-Authenticate": "Bearer"}),
        Page.SIGN_IN_REDIRECT: _redirect(f"{authority}/common/oauth2/v2.0/authorize?client_id=x"),
        Page.SIGN_IN_REDIRECT_PUBLIC: _redirect("https://login.microsoftonline.com/common/oauth2/v2.0/authorize"),
        Page.SIGN_IN_REDIRECT_CONSUMER: _redirect("https://login.live.com/oauth20_authorize.srf?client_id=x"),
        Page.SIGN_IN_HTML: _sign_in_html(200, "https://login.microsoftonline.com"),
        Page.SIGN_IN_HTML_403: _sign_in_html(403, authority),
        Page.MISSING_404: Response(404, {"code": "ErrorItemNotFound", "message": "The business was not found."}),
        Page.MISSING_400: Response(400, {"message": "The request is not valid for this business."}),
        Page.MISSING_410: Response(410, b""),
        Page.MISSING_500_MARKER: Response(500, {**_BUSINESS_ERROR, "message": _MARKER}),
        Page.REFUSED_403: Response(403, {"message": "Access is denied."}),
        Page.THROTTLED_429: Response(429, {"message": "Too many requests."}, {"Retry-After": retry_after}),
        Page.TIMEOUT_408: Response(408, b""),
        Page.UNRECOGNISED_500: Response(500, unrecognised),
        Page.BAD_GATEWAY_502: Response(502, "<html><body><h2>502 - Bad gateway.</h2></body></html>", _HTML),
        Page.UNAVAILABLE_503: Response(503, b""),
        Page.UNAVAILABLE_503_RETRY_AFTER: Response(503, b"", {"Retry-After": retry_after}),
        Page.DROPPED: Response(0, is_dropped=True),
        Page.OTHER_HTML: Response(200, "<html><body>Something went wrong. :-(</body></html>", _HTML),
        Page.BROKEN_JSON: Response(200, '{"service":[{"serviceId":"c0a1b2c3', _JSON),
        Page.ONLY_MALFORMED: Response(200, {"service": [MALFORMED_TYPE], "count": 1, "nextSkipToken": ""}),
        Page.DEEPLY_NESTED: Response(200, "[" * 3_000 + "]" * 3_000, _JSON),
        Page.STACKED_GZIP: Response(
            200, gzip.compress(gzip.compress(b'{"service": []}')), {**_JSON, "Content-Encoding": "gzip, gzip"}
        ),
        Page.TOO_LARGE: Response(200, '{"service": [' + " " * 3_000_000 + "]}", _JSON),
        Page.OTHER_JSON: Response(200, {"businessInfo": {"displayName": "Contoso"}}),
    }
