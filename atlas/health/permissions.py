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
GROUP_MEMBER_READ_ALL = "98830695-27a2-44f7-8c18-0c3ebc9698f6"
AUDIT_LOGS_QUERY_EXCHANGE = "6b0d2622-d34e-4470-935b-b96550e5ca8d"
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
    PAGE_ACCESS = "Exchange: access to shared pages"
    GROUP_MEMBERS = "GroupMember.Read.All"
    AUDIT_LOG = "AuditLogsQuery-Exchange.Read.All"


@dataclass(frozen=True, slots=True)
class AppRole:
    """A permission of an API, for an app, or for a person through an app."""

    name: str
    role_id: str
    """The ID of the application permission."""
    api: str
    app_id: str
    scope: str
    scope_id: str
    """The ID of the delegated permission."""

    def for_app_registration(self) -> str:
        """How to grant it to an app registration."""
        return (
            "Entra admin centre > App registrations > the app > API permissions > Add a permission > "
            f"{self.api} > Application permissions > {self.name}, then Grant admin consent."
        )

    def for_managed_identity(self) -> str:
        """How to grant it to a managed identity."""
        return (
            f"Grant {self.name} of {self.api} in Microsoft Graph PowerShell, with the object (principal) ID of the "
            "managed identity in $id:\n"
            f"    $service = (Get-MgServicePrincipal -Filter \"appId eq '{self.app_id}'\").Id\n"
            "    New-MgServicePrincipalAppRoleAssignment -ServicePrincipalId $id -PrincipalId $id "
            f"-ResourceId $service -AppRoleId {self.role_id}"
        )

    def for_person(self, client_id: str) -> str:
        """How to grant it to an app through which a person signs in."""
        return (
            f"The app registration needs the delegated permission {self.scope} of {self.api}:\n"
            f"    az ad app permission add --id {client_id} --api {self.app_id} "
            f"--api-permissions {self.scope_id}=Scope\n"
            f"    az ad app permission admin-consent --id {client_id}"
        )


def _of_graph(name: str, role_id: str, scope_id: str) -> AppRole:
    return AppRole(name, role_id, "Microsoft Graph", GRAPH_APP_ID, scope=name, scope_id=scope_id)


USER_READ = _of_graph("User.Read.All", USER_READ_ALL, "a154be20-db9c-4678-8ab7-66f6cc099a59")
BOOKINGS_READ = _of_graph("Bookings.Read.All", BOOKINGS_READ_ALL, "33b1df99-4b29-4548-9339-7a7b83eaeebc")
GROUP_MEMBERS_READ = _of_graph("GroupMember.Read.All", GROUP_MEMBER_READ_ALL, "bc024368-1153-4739-b217-4326f2e966d0")
AUDIT_LOG_READ = _of_graph(
    "AuditLogsQuery-Exchange.Read.All", AUDIT_LOGS_QUERY_EXCHANGE, "6c8c71d2-c7e1-45b0-ac6d-1d2724fba6ae"
)
EXCHANGE_MANAGE = AppRole(
    name="Exchange.ManageAsApp",
    role_id=EXCHANGE_MANAGE_AS_APP,
    api="Office 365 Exchange Online",
    app_id=EXCHANGE_APP_ID,
    scope="Exchange.Manage",
    scope_id="ab4f2b77-0b06-4fc1-a9de-02113fc2ab7c",
)
EXCHANGE_ROLES = (
    "Then assign both view-only roles in Exchange Online PowerShell. They can take a few hours to take effect:\n"
    "    New-ServicePrincipal -AppId <client ID> -ObjectId <object ID of the enterprise application>\n"
    "    New-RoleGroup 'Bookings Atlas View-Only' -Roles 'View-Only Recipients','View-Only Configuration'\n"
    "    Add-RoleGroupMember 'Bookings Atlas View-Only' -Member <object ID of the enterprise application>\n"
    "infra/exchange/Grant-AtlasExchangeRole.ps1 does the same. The Entra role Global Reader also works."
)


@dataclass(frozen=True, slots=True)
class PermissionText:
    """What is lost without a permission, and how to get it."""

    impact: str
    grant: str = ""
    """What to do in any case; after granting ``role``, if there is one."""
    role: AppRole | None = None
    is_grantable: bool = True
    """Whether an administrator grants it by this name."""
    is_optional: bool = False


PERMISSIONS: dict[Permission, PermissionText] = {
    Permission.SIGN_IN: PermissionText(
        "Without it, nothing works.",
        "Check the sign-in settings that the error names: secret, certificate or identity.",
        is_grantable=False,
    ),
    Permission.USERS: PermissionText(
        "Without it, nothing works: no scans, and no lookups of users without a row.",
        role=USER_READ,
    ),
    Permission.EXCHANGE_SETTINGS: PermissionText(
        "Without it, every policy verdict is unknown, and switchedOff is reported as notSetUp.",
        EXCHANGE_ROLES,
        EXCHANGE_MANAGE,
    ),
    Permission.MAILBOXES: PermissionText(
        "Without it, noCapability is reported as notSetUp, and the policies of mailboxes are unknown.",
        EXCHANGE_ROLES,
        EXCHANGE_MANAGE,
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
        "Without it, shared pages are known from Exchange only: without public URL, staff and services, and without "
        "whether they are published.",
        role=BOOKINGS_READ,
        is_optional=True,
    ),
    Permission.PAGE_ACCESS: PermissionText(
        "Without it, it is not known who can open a shared page, and only pages that Microsoft Graph lists are found.",
        EXCHANGE_ROLES,
        EXCHANGE_MANAGE,
    ),
    Permission.GROUP_MEMBERS: PermissionText(
        "Without it, a group with access to a shared page is listed without its members, and EXCLUDE_USERS cannot name "
        "a group.",
        role=GROUP_MEMBERS_READ,
        is_optional=True,
    ),
    Permission.AUDIT_LOG: PermissionText(
        "Without it, it is not known who created a shared page, unless the app has the Exchange role View-Only Audit "
        "Logs.",
        role=AUDIT_LOG_READ,
        is_optional=True,
    ),
}
