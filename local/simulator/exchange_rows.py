"""What Exchange's cmdlets return, property by property: docs/microsoft-365.md, sections 3.2, 3.3 and 4."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from local.simulator import policy
from local.simulator.options import Organization
from local.simulator.user_kinds import Mailbox, Record
from local.simulator.users import SimulatedUser

EMPTY_GUID = "00000000-0000-0000-0000-000000000000"
CAPABILITY = "BPOS_S_BookingsAddOn"
_ORGANIZATION_KEYS = 336
_FIRST_CREATED = datetime(2020, 1, 21, 8, 7, 47, tzinfo=UTC)
_MAX_AGE_SECONDS = 6 * 365 * 24 * 60 * 60


def mailbox_row(user: SimulatedUser, *, in_listing: bool) -> dict[str, Any]:
    """Get-Mailbox."""
    return {
        "ExchangeGuid": _guid(user, in_listing=in_listing),
        "ExternalDirectoryObjectId": user.object_id or "",
        "UserPrincipalName": user.upn,
        "PrimarySmtpAddress": user.primary_smtp,
        "DisplayName": user.display_name,
        "Alias": user.upn.partition("@")[0],
        "RecipientTypeDetails": user.recipient_type,
        "PersistedCapabilities": _capabilities(user),
        "WhenMailboxCreated": created_at(user).strftime("%Y-%m-%dT%H:%M:%S.0000000+00:00"),
        "WhenCreatedUTC": created_at(user).strftime("%Y-%m-%dT%H:%M:%S.0000000Z"),
        "AccountDisabled": not user.account_enabled,
    }


def created_at(user: SimulatedUser) -> datetime:
    """When the mailbox was created."""
    seconds = int.from_bytes(user.random_bytes[17:21]) % _MAX_AGE_SECONDS
    return _FIRST_CREATED + timedelta(seconds=seconds)


def _guid(user: SimulatedUser, *, in_listing: bool) -> str | None:
    match user.record:
        case Record.NULL_GUID:
            return None
        case Record.NULL_GUID_IN_LISTING if in_listing:
            return None
        case Record.INVALID_GUID:
            return "not a GUID"
        case _:
            return EMPTY_GUID if user.mailbox is Mailbox.EMPTY_GUID else user.mailbox_guid


def _capabilities(user: SimulatedUser) -> list[str] | None:
    """Multi-valued properties arrive as a list, an empty list or null."""
    if user.has_capability:
        return ["GRAPH_CONNECTORS_SEARCH_INDEX", CAPABILITY, "MYANALYTICSP2", "BPOS_S_Standard"]
    return (["BPOS_S_Standard"], [], None, ["GRAPH_CONNECTORS_SEARCH_INDEX", "BPOS_S_Standard"])[
        user.random_bytes[19] % 4
    ]


def cas_row(user: SimulatedUser, *, in_listing: bool) -> dict[str, Any]:
    """Get-CASMailbox."""
    del in_listing
    settings = policy.MAILBOX_SETTINGS[user.policy]
    return {
        "Guid": user.mailbox_guid,
        "ExternalDirectoryObjectId": user.object_id or "",
        "PrimarySmtpAddress": user.primary_smtp,
        "DisplayName": user.display_name,
        "EwsEnabled": settings.enabled,
        "EwsApplicationAccessPolicy": settings.policy,
        "EwsAllowList": _list_or_none(settings.allow_list),
        "EwsBlockList": "not a list" if user.record is Record.INVALID_POLICY else _list_or_none(settings.block_list),
        "EwsAllowOutlook": None,
        "OWAEnabled": True,
        "OwaMailboxPolicy": "OwaMailboxPolicy-Default",
    }


def organization_row(organization: Organization, *, with_app_ids: bool = False) -> dict[str, Any]:
    """Get-OrganizationConfig: one record of 336 keys, few of which matter."""
    known: dict[str, Any] = {
        "Name": "contoso.onmicrosoft.com",
        "DisplayName": "Contoso",
        "EwsEnabled": organization.ews_enabled,
        "EwsApplicationAccessPolicy": organization.ews_policy,
        "EwsAllowList": _list_or_none(organization.ews_allow_list),
        "EwsBlockList": _list_or_none(organization.ews_block_list),
        "EwsAllowOutlook": None,
        "EwsAllowMacOutlook": None,
        "EwsAllowEntourage": None,
        "BookingsEnabled": organization.bookings_enabled,
        "BookingsEnabledLastUpdateTime": "2025-03-04T09:00:00.0000000+00:00",
        "BookingsAuthEnabled": organization.bookings_auth_enabled,
        "BookingsPaymentsEnabled": False,
        "BookingsSocialSharingRestricted": False,
        "BookingsAddressEntryRestricted": False,
        "BookingsCreationOfCustomQuestionsRestricted": False,
        "BookingsExposureOfStaffDetailsRestricted": False,
        "BookingsNotesEntryRestricted": False,
        "BookingsPhoneNumberEntryRestricted": False,
        "BookingsMembershipApprovalRequired": False,
        "BookingsSmsMicrosoftEnabled": True,
        "BookingsSearchEngineIndexDisabled": False,
        "BookingsNamingPolicyEnabled": False,
    }
    if organization.changed_at:
        known["WhenChangedUTC"] = organization.changed_at
    if with_app_ids:
        app_ids = organization.ews_allowed_app_ids
        known["EwsAllowedAppIDs"] = None if app_ids is None else ",".join(app_ids)
    others = _ORGANIZATION_KEYS - len(known)
    return {**known, **{f"OtherSetting{number:03}": number % 3 == 0 for number in range(others)}}


OWA_POLICIES: tuple[dict[str, Any], ...] = (
    {
        "Identity": "OwaMailboxPolicy-Default",
        "Name": "OwaMailboxPolicy-Default",
        "IsDefault": True,
        "BookingsMailboxCreationEnabled": True,
        "BookingsMailboxDomain": None,
    },
    {
        "Identity": "No shared Bookings",
        "Name": "No shared Bookings",
        "IsDefault": False,
        "BookingsMailboxCreationEnabled": False,
        "BookingsMailboxDomain": "contoso.com",
    },
)


def on_the_wire(row: dict[str, Any], select: Iterable[str], *, leaves_nulls_out: bool) -> dict[str, Any]:
    """A row with its type noise and only the selected properties; nulls may be omitted with `$select`."""
    wanted = list(select)
    out: dict[str, Any] = {}
    for name, value in row.items():
        if wanted and (name not in wanted or (value is None and leaves_nulls_out)):
            continue
        out.update(_noise(name, value))
        out[name] = value
    return out


def _noise(name: str, value: Any) -> dict[str, str]:
    if name.endswith("Guid"):
        return {f"{name}@data.type": "System.Guid", f"{name}@odata.type": "#Guid"}
    if isinstance(value, list):
        return {f"{name}@odata.type": "#Collection(String)"}
    return {f"{name}@odata.type": "#DateTimeOffset"} if name.startswith("When") else {}


def _list_or_none(entries: tuple[str, ...] | None) -> list[str] | None:
    return None if entries is None else list(entries)
