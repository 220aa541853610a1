"""What the product has to be allowed to do: what each right is for, what is lost without it, and how it is granted.

Every permission only reads (docs/microsoft-365.md, section 7). Each tier works alone: users and pages; then Exchange,
which gives the reasons; then shared pages.
"""

from dataclasses import dataclass
from enum import StrEnum

GRAPH_APP_ID = "00000003-0000-0000-c000-000000000000"
EXCHANGE_APP_ID = "00000002-0000-0ff1-ce00-000000000000"
USER_READ_ALL = "df021288-bdef-4463-88db-98f22de89214"
BOOKINGS_READ_ALL = "6e98f277-b046-4193-a4f2-6bf6a78cd491"
EXCHANGE_MANAGE_AS_APP = "dc50a0fb-09a3-484d-be87-e023b12c6440"


class Permission(StrEnum):
    """A need, by the name that people read."""

    SIGN_IN = "sign in"
    USERS = "User.Read.All"
    EXCHANGE_SETTINGS = "Exchange: View-Only Configuration"
    MAILBOXES = "Exchange: View-Only Recipients"
    BOOKINGS = "Bookings pages"
    TABLES = "tables"
    SHARED_PAGES = "Bookings.Read.All"


@dataclass(frozen=True, slots=True)
class PermissionText:
    """What a need is about."""

    serves: str
    lost: str
    grant: str
    is_right: bool = True
    """Whether it is a right that somebody grants by its name."""
    is_optional: bool = False


def _app_role(app_id: str, role_id: str, name: str, service: str) -> str:
    return (
        "App registration: Entra admin centre, App registrations, the app, API permissions, Add a permission, "
        f"{service}, Application permissions, {name}; then Grant admin consent.\n"
        "Managed identity, in Microsoft Graph PowerShell, with $id the object (principal) id of the identity:\n"
        f"    $service = (Get-MgServicePrincipal -Filter \"appId eq '{app_id}'\").Id\n"
        "    New-MgServicePrincipalAppRoleAssignment -ServicePrincipalId $id -PrincipalId $id "
        f"-ResourceId $service -AppRoleId {role_id}"
    )


EXCHANGE_ROLES = (
    _app_role(EXCHANGE_APP_ID, EXCHANGE_MANAGE_AS_APP, "Exchange.ManageAsApp", "Office 365 Exchange Online")
    + "\nAnd both view-only roles, in Exchange Online PowerShell; they take up to some hours to work:\n"
    "    New-ServicePrincipal -AppId <client id> -ObjectId <object id of the enterprise application>\n"
    "    New-RoleGroup 'Bookings Atlas View-Only' -Roles 'View-Only Recipients','View-Only Configuration'\n"
    "    Add-RoleGroupMember 'Bookings Atlas View-Only' -Member <object id of the enterprise application>\n"
    "infra/exchange/Grant-AtlasExchangeRights.ps1 does these steps. Or, wider: the Entra role Global Reader."
)

PERMISSIONS: dict[Permission, PermissionText] = {
    Permission.SIGN_IN: PermissionText(
        "gets tokens from Microsoft Entra",
        "nothing works",
        "Look at the settings of the sign-in that the sentence names: secret, certificate or identity.",
        is_right=False,
    ),
    Permission.USERS: PermissionText(
        "lists licensed users, and gives the GUIDs of their mailboxes",
        "nothing works: no scan, and no look-up of anybody new",
        _app_role(GRAPH_APP_ID, USER_READ_ALL, "User.Read.All", "Microsoft Graph"),
    ),
    Permission.EXCHANGE_SETTINGS: PermissionText(
        "reads the organisation's policy and BookingsAuthEnabled",
        "every policy verdict is unknown, and switchedOff is told as notSetUp",
        EXCHANGE_ROLES,
    ),
    Permission.MAILBOXES: PermissionText(
        "lists mailboxes with capability, address and policy of their own",
        "noCapability is told as notSetUp, and policies of mailboxes are unknown",
        EXCHANGE_ROLES,
    ),
    Permission.BOOKINGS: PermissionText(
        "asks the pages as a visitor would",
        "nothing can be told of any page",
        "No right is needed: let the app reach BOOKINGS_URL over the network.",
        is_right=False,
    ),
    Permission.TABLES: PermissionText(
        "keeps the rows",
        "no scan, and no answer from the row",
        "Give the identity the role Storage Table Data Contributor on the storage account, and let the app reach it.",
        is_right=False,
    ),
    Permission.SHARED_PAGES: PermissionText(
        "lists shared Bookings pages",
        "nothing in this version, which keeps no inventory of shared pages yet",
        _app_role(GRAPH_APP_ID, BOOKINGS_READ_ALL, "Bookings.Read.All", "Microsoft Graph"),
        is_optional=True,
    ),
}
