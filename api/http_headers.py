"""Headers that every response has, problems included."""

from collections.abc import Mapping

RESPONSE_HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",  # responses may name people
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=31536000",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
