"""``atlas forget``: removes every trace of one person from the tables."""

from collections.abc import Mapping

from atlas import wiring
from atlas.cli.screen import INVALID_ARGUMENT, Screen, facts, print_error, section, show
from atlas.domain.page_urls import InvalidPageUrl
from atlas.domain.user_references import InvalidUserReference, parse_user_reference
from atlas.pages.forgetting import Forgotten, forget
from atlas.settings import Settings
from atlas.tables.store import StorageFailure

NOT_EXCLUDED = (
    "EXCLUDE_USERS does not name this user. While the user is licensed, the next scan stores the user again: add the "
    "object ID to EXCLUDE_USERS of the app that scans the tenant."
)


async def run(who: str, environment: Mapping[str, str]) -> int:
    """Remove the user and show how much was removed; returns 1 if a scan is running or the storage fails."""
    settings = Settings.load(environment)
    try:
        subject = parse_user_reference(who)
    except (InvalidPageUrl, InvalidUserReference) as invalid:
        print_error(f"{who!r} does not identify a user: {invalid}")
        return INVALID_ARGUMENT
    async with wiring.open_resources(settings) as opened:
        resources = opened.resources
        try:
            if lock := await resources.scans.get_lock():
                print_error(
                    f"{lock.scan_id} is running and may store the user again. Wait until it ends, or cancel it."
                )
                return 1
            forgotten = await forget(resources, subject)
        except StorageFailure as failure:
            print_error(f"The tables could not be changed: {failure}. Run this again; it continues where it stopped.")
            return 1
        is_excluded = resources.exclusions.is_named(who.strip())
    show(forgotten_screen(forgotten, is_excluded=is_excluded))
    return 0


def forgotten_screen(forgotten: Forgotten, *, is_excluded: bool) -> Screen:
    """How much was removed and, unless the user is excluded, how to keep scans from storing the user again."""
    removed = {
        "rows": forgotten.rows,
        "changes": forgotten.changes,
        "index entries": forgotten.index_entries,
        "census rows": forgotten.census_rows,
        "shared pages": forgotten.shared_pages,
    }
    screen: Screen = [facts({name: str(count) for name, count in removed.items()})]
    if not any(removed.values()):
        screen += section("Nothing was found", "The tables contain nothing about this user.")
    return screen if is_excluded else screen + section("To prevent scans from storing the user again", NOT_EXCLUDED)
