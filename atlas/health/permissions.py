"""What the product needs to work: each permission, what is lost without it, and how to grant it.

All permissions are read-only (docs/microsoft-365.md, section 7). Each tier works without the next: users and pages;
then Exchange, which explains why there is no page; then shared pages.
"""

from dataclasses import dataclass
from enum import StrEnum

GRAPH_APP_ID = "00000003-0000-0000-c000-000000000000"
EXCHANGE_APP_ID = "00000002-0000-0ff1-ce00-000000000000"
USER_READ_ALL = "df021288-bdef-4463-88db-98f22de89214"
BOOKINGS_READ_ALL = "6e98f277-b046-4193-a4f2-6bf6a78cd491"
EXCHANGE_MANAGE_AS_APP = "dc50a0fb-09a3-484d-be87-e023b12c6440"


class Permission(StrEnum):
    """A permission, or a service the product has to reach, by the name that is shown."""

    SIGN_IN = "sign in"
    USERS = "User.Read.All"
    EXCHANGE_SETTINGS = "Exchange: View-Only Configuration"
    MAILBOXES = "Exchange: View-Only Recipients"
    BOOKINGS = "Bookings pages"
    TABLES = "tables"
    SHARED_PAGES = "Bookings.Read.All"


@dataclass(frozen=True, slots=True)
class PermissionText:
    """What is lost without a permission, and how to grant it."""

    impact: str
    grant: str
    is_grantable: bool = True
    """Whether an administrator grants it by this name."""
    is_optional: bool = False


def _app_role(app_id: str, role_id: str, name: str, service: str) -> str:
    return (
        "For an app registration: Entra admin centre > App registrations > the app > API permissions > Add a "
        f"permission > {service} > Application permissions > {name}, then Grant admin consent.\n"
        "For a managed identity, in Microsoft Graph PowerShell, with its object (principal) ID in $id:\n"
        f"    $service = (Get-MgServicePrincipal -Filter \"appId eq '{app_id}'\").Id\n"
        "    New-MgServicePrincipalAppRoleAssignment -ServicePrincipalId $id -PrincipalId $id "
        f"-ResourceId $service -AppRoleId {role_id}"
    )


EXCHANGE_ROLES = (
    _app_role(EXCHANGE_APP_ID, EXCHANGE_MANAGE_AS_APP, "Exchange.ManageAsApp", "Office 365 Exchange Online")
    + "\nThen assign both view-only roles in Exchange Online PowerShell. They can take a few hours to take effect:\n"
    "    New-ServicePrincipal -AppId <client ID> -ObjectId <object ID of the enterprise application>\n"
    "    New-RoleGroup 'Bookings Atlas View-Only' -Roles 'View-Only Recipients','View-Only Configuration'\n"
    "    Add-RoleGroupMember 'Bookings Atlas View-Only' -Member <object ID of the enterprise application>\n"
    "infra/exchange/Grant-AtlasExchangeRole.ps1 does the same. The Entra role Global Reader also works."
)

PERMISSIONS: dict[Permission, PermissionText] = {
    Permission.SIGN_IN: PermissionText(
        "Without it, nothing works.",
        "Check the sign-in settings that the error names: secret, certificate or identity.",
        is_grantable=False,
    ),
    Permission.USERS: PermissionText(
        "Without it, nothing works: no scans, and no lookups of users without a row.",
        _app_role(GRAPH_APP_ID, USER_READ_ALL, "User.Read.All", "Microsoft Graph"),
    ),
    Permission.EXCHANGE_SETTINGS: PermissionText(
        "Without it, every policy verdict is unknown, and switchedOff is reported as notSetUp.",
        EXCHANGE_ROLES,
    ),
    Permission.MAILBOXES: PermissionText(
        "Without it, noCapability is reported as notSetUp, and the policies of mailboxes are unknown.",
        EXCHANGE_ROLES,
    ),
    Permission.BOOKINGS: PermissionText(
        "Without it, no page can be checked.",
        "This needs no permission. Check that the app can reach BOOKINGS_URL over the network.",
        is_grantable=False,
    ),
    Permission.TABLES: PermissionText(
        "Without it, there are no scans, and lookups always query Microsoft 365.",
        "Grant the identity the role Storage Table Data Contributor on the storage account, and check that the app can "
        "reach the account over the network.",
        is_grantable=False,
    ),
    Permission.SHARED_PAGES: PermissionText(
        "Without it, nothing is lost yet: this version has no inventory of shared pages.",
        _app_role(GRAPH_APP_ID, BOOKINGS_READ_ALL, "Bookings.Read.All", "Microsoft Graph"),
        is_optional=True,
    ),
}
