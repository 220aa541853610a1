"""How to grant missing permissions, for the identity that signs in, as ``atlas doctor`` and ``atlas scan`` show it."""

from collections.abc import Iterable
from itertools import groupby

from atlas.cli.screen import Screen, section
from atlas.health.permissions import PERMISSIONS, AppRole, Permission
from atlas.settings import DeviceCode, ManagedIdentity, OwnLogin, SignInKind

NO_IDENTITY_HERE = (
    "On your own machine, there is no managed identity. Sign in as an app registration: set AZURE_CLIENT_ID and "
    "AZURE_CLIENT_SECRET (docs/register-the-app.md). Or log in with `az login --allow-no-subscriptions`."
)
ROLE = (
    "Your account must be allowed to read all users and the settings of Exchange: the Entra role Global Reader is "
    "enough (Entra admin centre > Roles & admins), or in Microsoft Graph PowerShell:\n"
    "    New-MgRoleManagementDirectoryRoleAssignment -PrincipalId <object ID of your account> -DirectoryScopeId '/' "
    "-RoleDefinitionId f2ef992c-3afb-46b9-b7cf-a126ee74c451"
)
NO_SCOPE = (
    "`{tool}` signs in through a Microsoft app whose permissions cannot be extended; it gets no token for {api}. "
    "To have the delegated permission {scope}, sign in through an app registration of your own "
    "(docs/command-line.md), with `atlas scan --client-id` or with AZURE_CLIENT_ID and a secret."
)


def grant_instructions(title: str, missing: Iterable[Permission], sign_in: SignInKind | None = None) -> Screen:
    """What is lost without these permissions and how to grant them; shared instructions appear once."""
    screen: Screen = []
    for grant, group in groupby(missing, lambda name: how_to_grant(name, sign_in)):
        names = list(group)
        screen += section(f"{title}: {', '.join(names)}", *(PERMISSIONS[name].impact for name in names), grant)
    return screen


def how_to_grant(name: Permission, sign_in: SignInKind | None = None) -> str:
    """How to grant a permission to this identity. ``None``: a deployed app, whose kind of identity is unknown."""
    text = PERMISSIONS[name]
    match sign_in:
        case OwnLogin(tool=tool) if text.role:
            return ROLE if name is Permission.USERS else _not_for(tool, text.role)
        case DeviceCode(client_id=client_id) if text.role:
            return f"{text.role.for_person(client_id)}\n{ROLE}"
        case ManagedIdentity() if text.role:
            return _join_lines(text.role.for_managed_identity(), text.grant)
        case None if text.role:
            registration, identity = text.role.for_app_registration(), text.role.for_managed_identity()
            return _join_lines(
                f"For an app registration: {registration}", f"For a managed identity: {identity}", text.grant
            )
        case _:
            return _join_lines(text.role.for_app_registration() if text.role else "", text.grant)


def _not_for(tool: str, role: AppRole) -> str:
    return NO_SCOPE.format(tool=tool, api=role.api, scope=role.scope)


def _join_lines(*texts: str) -> str:
    return "\n".join(text for text in texts if text)
