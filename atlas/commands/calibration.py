"""``atlas doctor --calibrate``: shows what the Bookings service answers, so that NOT_SET_UP_MARKERS can be set."""

from uuid import uuid4

from atlas.commands.printing import WRONG_ARGUMENT, complain, show
from atlas.domain.page_urls import NotAPageUrl
from atlas.domain.subjects import NotASubject, parse_subject
from atlas.report.screens import calibration_screen
from atlas.scan.calibrating import calibrate
from atlas.scan.ports import Services
from atlas.settings import Settings


async def calibrate_markers(services: Services, settings: Settings, users: tuple[str, str]) -> int:
    """Ask for a user with a page and one without; 1 if either is taken for something else."""
    try:
        with_page, without = (parse_subject(text) for text in users)
    except (NotAPageUrl, NotASubject) as wrong:
        complain(f"--calibrate: {wrong}")
        return WRONG_ARGUMENT
    nobody = uuid4()
    calibration = await calibrate(services, with_page, without, nobody)
    show(calibration_screen(calibration, settings.not_set_up_markers))
    return 0 if calibration.is_right else 1
