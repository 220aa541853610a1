"""``atlas doctor --calibrate``: shows what the Bookings service answers, so that NOT_SET_UP_MARKERS can be set."""

from uuid import uuid4

from atlas.cli.output import INVALID_ARGUMENT, print_error, show
from atlas.cli.screens import calibration_screen
from atlas.domain.page_urls import InvalidPageUrl
from atlas.domain.user_references import InvalidUserReference, parse_user_reference
from atlas.health.calibration import calibrate
from atlas.resources import TenantClients
from atlas.settings import Settings


async def calibrate_markers(clients: TenantClients, settings: Settings, users: tuple[str, str]) -> int:
    """Ask for a user with a page and one without; 1 if either is taken for something else."""
    try:
        with_page, without = (parse_user_reference(text) for text in users)
    except (InvalidPageUrl, InvalidUserReference) as wrong:
        print_error(f"--calibrate: {wrong}")
        return INVALID_ARGUMENT
    nobody = uuid4()
    calibration = await calibrate(clients, with_page, without, nobody)
    show(calibration_screen(calibration, settings.not_set_up_markers))
    return 0 if calibration.is_right else 1
