"""What each ``Bookings*`` setting of the organisation does. None decides personal bookings.

See docs/microsoft-365.md, section 4.4.
"""

from typing import Any

MEANINGS = {
    "BookingsAddressEntryRestricted": "shared pages may not ask customers for an address",
    "BookingsAuthEnabled": "visitors have to sign in, on personal pages too, so that the scan sees no page",
    "BookingsCreationOfCustomQuestionsRestricted": "shared pages may not ask questions of their own",
    "BookingsEnabled": "shared pages; personal bookings works without",
    "BookingsEnabledLastUpdateTime": "when BookingsEnabled was changed last",
    "BookingsExposureOfStaffDetailsRestricted": "shared pages may not show details of staff",
    "BookingsMembershipApprovalRequired": "staff of a shared page have to agree",
    "BookingsNamingPolicyEnabled": "names of new shared pages follow a policy",
    "BookingsNotesEntryRestricted": "shared pages may not ask customers for notes",
    "BookingsPaymentsEnabled": "shared pages may take payments",
    "BookingsPhoneNumberEntryRestricted": "shared pages may not ask customers for a phone number",
    "BookingsSearchEngineIndexDisabled": "search engines are told not to list shared pages",
    "BookingsSmsMicrosoftEnabled": "shared pages may send text messages",
    "BookingsSocialSharingRestricted": "shared pages may not be shared on social networks",
}


def format_setting(value: Any) -> str:
    """A setting's value as a person reads it; a setting without one is neither on nor off."""
    if value is None or value == "":
        return "not set"
    return str(value)
