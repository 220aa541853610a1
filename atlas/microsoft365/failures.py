"""What can go wrong when the tenant is asked, sorted by what the caller does next.

TenantFailure
  Throttled         ask again after `wait_seconds`
  Unreachable       ask again: 408, 5xx, no connection
    TimedOut        as above, but not at once: the service was given its time
  Refused           stop asking: 401, 403; the detail names the grant that is missing
    SignInRefused   no token: the detail says which setting to look at
  NotUnderstood     an answer that the contract does not know
  ListingExpired    the link to the next page is too old: begin the listing again
"""

from atlas.domain.unknown import Reason, Unknown


class TenantFailure(Exception):
    """A question to the tenant that was not answered; ``str`` is a sentence for the operator, without secrets."""

    reason: Reason

    def unknown(self) -> Unknown:
        """The failure as evidence."""
        return Unknown(self.reason, str(self))


class Throttled(TenantFailure):
    """The service asks to be left alone for ``wait_seconds``."""

    reason = Reason.THROTTLED

    def __init__(self, detail: str, wait_seconds: float | None = None) -> None:
        super().__init__(detail)
        self.wait_seconds = wait_seconds
        """``None``: the service did not say how long."""


class Unreachable(TenantFailure):
    """The service could not be reached, or broke."""

    reason = Reason.UNREACHABLE


class TimedOut(Unreachable):
    """The service did not answer in the time it was given."""


class Refused(TenantFailure):
    """The service does not let us ask this."""

    reason = Reason.REFUSED


class SignInRefused(Refused):
    """The sign-in service gives no token for these credentials."""


class NotUnderstood(TenantFailure):
    """An answer we do not understand."""

    reason = Reason.NOT_UNDERSTOOD


class ListingExpired(TenantFailure):
    """The link to the next page of a listing is not valid any more."""

    reason = Reason.UNREACHABLE
