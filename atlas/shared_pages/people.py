"""Resolves a user reference to a user, with all names that identify the user in permissions and staff lists."""

from atlas.domain.page_urls import PageAddress
from atlas.domain.shared_pages.access_of_users import UserIdentity
from atlas.domain.user_references import UserReference
from atlas.pages.lookup import find_row
from atlas.pages.observation import NoSuchUser, UserExcluded, find_account
from atlas.resources import Resources


async def identify(resources: Resources, reference: UserReference) -> UserIdentity:
    """Find the user with this object ID, UPN or page address: in the stored rows first, then in Microsoft Entra.

    Raises ``NoSuchUser``, ``UserExcluded``, ``TenantFailure`` or ``StorageFailure``.
    """
    if stored := await find_row(resources, reference):
        row = stored.row
        if await resources.exclusions.contains(row.user):
            raise UserExcluded
        names = (row.user.upn, row.user.mail, row.primary_smtp_address)
        return UserIdentity(row.user.user_id, frozenset(name.lower() for name in names if name))
    if isinstance(reference, PageAddress):
        raise NoSuchUser("no user is known to own this page")
    account = await find_account(resources, reference)
    if account is None:
        raise NoSuchUser("Microsoft Entra has no such user")
    user = account.user
    return UserIdentity(user.user_id, frozenset(name.lower() for name in (user.upn, user.mail) if name))
