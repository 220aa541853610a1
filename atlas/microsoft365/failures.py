"""The failures of a request to Microsoft 365, grouped by what the caller does next.

TenantFailure
  Throttled           send it again after `wait_seconds`
  Unreachable         send it again: 408, 5xx, no connection
    TimedOut          as above, but not immediately: the request has already taken long
  Refused             do not send it again: 401, 403; the message names the permission that is missing
    SignInRefused     no token: the message names the setting to check
  NotUnderstood       a response that docs/microsoft-365.md does not describe
    ResponseTooLarge  request fewer records
  ListingExpired      the link to the next page is too old: start the listing again

The message of a failure is a sentence of our own for the operator. It never quotes Exchange, whose texts name people.
"""

from atlas.domain.unknown import Reason, Unknown


class TenantFailure(Exception):
    """A request to Microsoft 365 failed. ``str`` is a sentence for the operator, without secrets or personal data."""

    reason: Reason

    def unknown(self) -> Unknown:
        """The failure as evidence."""
        return Unknown(self.reason, str(self))


class Throttled(TenantFailure):
    """The service limits our requests."""

    reason = Reason.THROTTLED

    def __init__(self, detail: str, wait_seconds: float | None = None) -> None:
        super().__init__(detail)
        self.wait_seconds = wait_seconds
        """How long to wait; ``None``: the service did not say."""


class Unreachable(TenantFailure):
    """The service could not be reached, or had an error of its own."""

    reason = Reason.UNREACHABLE


class TimedOut(Unreachable):
    """The service did not respond in time."""


class Refused(TenantFailure):
    """The service refuses the request."""

    reason = Reason.REFUSED


class SignInRefused(Refused):
    """The sign-in service issues no token for these credentials."""


class NotUnderstood(TenantFailure):
    """The response could not be interpreted."""

    reason = Reason.NOT_UNDERSTOOD


class ResponseTooLarge(NotUnderstood):
    """The response exceeds the limit of its request."""


class ListingExpired(TenantFailure):
    """The link to the next page of a listing is no longer valid."""

    reason = Reason.UNREACHABLE
