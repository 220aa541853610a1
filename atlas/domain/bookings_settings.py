"""What each ``Bookings*`` setting of the organisation does. None affects the policy verdict.

See docs/microsoft-365.md, section 4.4.
"""

from typing import Any

MEANINGS = {
    "BookingsAddressEntryRestricted": "shared pages may not ask customers for an address",
    "BookingsAuthEnabled": "visitors have to sign in, also on personal pages, so a scan cannot see any page",
    "BookingsCreationOfCustomQuestionsRestricted": "shared pages may not ask custom questions",
    "BookingsEnabled": "shared pages; personal bookings does not depend on it",
    "BookingsEnabledLastUpdateTime": "when BookingsEnabled last changed",
    "BookingsExposureOfStaffDetailsRestricted": "shared pages may not show details of staff",
    "BookingsMembershipApprovalRequired": "staff members have to approve their membership of a shared page",
    "BookingsNamingPolicyEnabled": "names of new shared pages follow a policy",
    "BookingsNotesEntryRestricted": "shared pages may not ask customers for notes",
    "BookingsPaymentsEnabled": "shared pages may take payments",
    "BookingsPhoneNumberEntryRestricted": "shared pages may not ask customers for a phone number",
    "BookingsSearchEngineIndexDisabled": "search engines are asked not to list shared pages",
    "BookingsSmsMicrosoftEnabled": "shared pages may send text messages",
    "BookingsSocialSharingRestricted": "shared pages may not be shared on social networks",
}


def format_setting(value: Any) -> str:
    """A setting's value for people; a setting without a value is neither on nor off."""
    if value is None or value == "":
        return "not set"
    return str(value)
