"""``atlas doctor --calibrate``: shows what Bookings returns with and without a page, to set NOT_SET_UP_MARKERS."""

from collections.abc import Iterable
from uuid import uuid4

from atlas.cli.screen import INVALID_ARGUMENT, Screen, print_error, section, show
from atlas.domain.page_urls import InvalidPageUrl
from atlas.domain.pages import NoPage, PageFound, Redirected, SignInRequired
from atlas.domain.user_references import InvalidUserReference, parse_user_reference
from atlas.health.calibration import Calibration, Sample, calibrate
from atlas.resources import TenantClients
from atlas.settings import Settings

MAX_BODY_LENGTH = 600


async def calibrate_markers(clients: TenantClients, settings: Settings, users: tuple[str, str]) -> int:
    """Compare a user with a page to a user without one; returns 1 if the responses cannot be distinguished."""
    try:
        with_page, without_page = (parse_user_reference(text) for text in users)
    except (InvalidPageUrl, InvalidUserReference) as invalid:
        print_error(f"--calibrate: {invalid}")
        return INVALID_ARGUMENT
    calibration = await calibrate(clients, with_page, without_page, nonexistent_mailbox=uuid4())
    show(calibration_screen(calibration, settings.not_set_up_markers))
    return 0 if calibration.succeeded else 1


def calibration_screen(calibration: Calibration, markers: Iterable[str]) -> Screen:
    """The three responses and what to do about NOT_SET_UP_MARKERS."""
    screen: Screen = []
    for sample in (calibration.with_page, calibration.without_page, calibration.nonexistent):
        screen += section(f"Response for {sample.subject}", *_sample_lines(sample))
    return screen + section("Conclusion", _conclusion(calibration, ",".join(markers)))


def _sample_lines(sample: Sample) -> list[str]:
    if sample.response is None:
        return [f"not requested: {sample.problem}"] if sample.problem else []
    body = sample.response.body[:MAX_BODY_LENGTH].decode("utf-8", "replace")
    content_type = sample.response.headers.get("content-type", "no content type")
    return [f"{sample.response.status}, {content_type}", f"read as {_meaning(sample)}", body or "(no body)"]


def _meaning(sample: Sample) -> str:
    match sample.meaning:
        case PageFound(public_types=types):
            return f"a page with {len(types)} public meeting type{'s' if len(types) != 1 else ''}"
        case SignInRequired():
            return "a page that requires sign-in"
        case NoPage():
            return "no page"
        case Redirected(url=url):
            return f"a redirect to {url}, which a scan would follow"
        case other:
            return f"undetermined ({other})"


def _conclusion(calibration: Calibration, markers: str) -> str:
    if calibration.succeeded:
        return f"The responses can be distinguished. Leave NOT_SET_UP_MARKERS as it is: {markers}"
    if calibration.candidates:
        return (
            "The response for the user without a page is a 500 that contains none of NOT_SET_UP_MARKERS. Add the word "
            f'that means "no page", and none that could mean a temporary failure:\n'
            f"    NOT_SET_UP_MARKERS={markers},<word>\n"
            f"Words that only this response contains: {', '.join(calibration.candidates)}"
        )
    return (
        "The responses cannot be distinguished. Check that the first user's page opens in a browser without signing in "
        "and that the second user has no page, then run this again: the service may only have been busy."
    )
