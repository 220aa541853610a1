"""``atlas user``: one user's page, asked now; nothing is written."""

from collections.abc import Mapping

from atlas import wiring
from atlas.commands import printing
from atlas.domain.page_urls import NotAPageUrl
from atlas.domain.statuses import Status
from atlas.domain.subjects import NotASubject, parse_subject
from atlas.microsoft365.failures import TenantFailure
from atlas.report.screens import user_screen
from atlas.scan.observing import NoSuchUser, see
from atlas.settings import Settings

HAS_A_PAGE = frozenset({Status.PUBLISHED, Status.NO_PUBLIC_TYPES})


async def show(who: str, environment: Mapping[str, str]) -> int:
    """Show one screen about this user; 1 if there is no page that answers, or no such user."""
    settings = Settings.load(environment, needs_storage=False)
    async with wiring.open_services(settings) as (services, _):
        try:
            seen = await see(services, parse_subject(who))
        except (NotAPageUrl, NotASubject) as wrong:
            printing.complain(f"{who!r} names nobody: {wrong}")
            return printing.WRONG_ARGUMENT
        except NoSuchUser as nobody:
            printing.complain(f"{who}: {nobody}.")
            return 1
        except TenantFailure as failure:
            printing.complain(f"The directory could not be asked for {who}: {failure.unknown()}")
            return 1
    printing.show(user_screen(seen, settings.bookings_url))
    return 0 if seen.row.status in HAS_A_PAGE or seen.row.url else 1
