"""Why a user whom a command names cannot be shown."""

from atlas.cli.screen import INVALID_ARGUMENT, print_error
from atlas.domain.page_urls import InvalidPageUrl
from atlas.domain.user_references import InvalidUserReference
from atlas.microsoft365.failures import TenantFailure
from atlas.pages.observation import NoSuchUser, UserExcluded

USER_PROBLEMS = (InvalidPageUrl, InvalidUserReference, NoSuchUser, UserExcluded, TenantFailure)


def report_user_problem(who: str, problem: Exception) -> int:
    """Print the problem; returns the exit code of the command."""
    match problem:
        case InvalidPageUrl() | InvalidUserReference():
            print_error(f"{who!r} does not identify a user: {problem}")
            return INVALID_ARGUMENT
        case TenantFailure():
            print_error(f"{who} could not be looked up ({problem.reason}): {problem}.")
        case _:
            print_error(f"{who}: {problem}.")
    return 1
