"""``atlas user``: one user's page, asked now; nothing is written."""

from collections.abc import Mapping

from atlas import wiring
from atlas.cli import output
from atlas.cli.screens import user_screen
from atlas.domain.page_urls import InvalidPageUrl
from atlas.domain.statuses import Status
from atlas.domain.user_references import InvalidUserReference, parse_user_reference
from atlas.microsoft365.failures import TenantFailure
from atlas.pages.observation import NoSuchUser, inspect
from atlas.settings import Settings

HAS_A_PAGE = frozenset({Status.PUBLISHED, Status.NO_PUBLIC_TYPES})


async def show(who: str, environment: Mapping[str, str]) -> int:
    """Show one screen about this user; 1 if there is no page that answers, or no such user."""
    settings = Settings.load(environment, needs_storage=False)
    async with wiring.open_clients(settings) as (clients, _):
        try:
            inspection = await inspect(clients, parse_user_reference(who))
        except (InvalidPageUrl, InvalidUserReference) as wrong:
            output.print_error(f"{who!r} names nobody: {wrong}")
            return output.INVALID_ARGUMENT
        except NoSuchUser as nobody:
            output.print_error(f"{who}: {nobody}.")
            return 1
        except TenantFailure as failure:
            output.print_error(f"The directory could not be asked for {who}: {failure.unknown()}")
            return 1
    output.show(user_screen(inspection, settings.bookings_url))
    return 0 if inspection.row.status in HAS_A_PAGE or inspection.row.url else 1
