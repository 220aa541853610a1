"""The command line ``atlas``: its commands and their arguments.

A command's module is imported when the command runs, so that ``--help`` is quick.
"""

import asyncio
import os
from importlib.metadata import entry_points, version
from typing import Annotated

import typer

from atlas.cli.screen import invalid_settings_reported

MORE_COMMANDS = "bookings_atlas.commands"
"""The entry point group that adds commands: name and function. A source checkout adds demo, host and simulate."""

app = typer.Typer(
    name="atlas",
    help="Find the Personal Bookings page of every user in a Microsoft 365 tenant, or why there is none.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(value: bool) -> None:  # noqa: FBT001 - typer passes the flag by position
    if value:
        typer.echo(f"bookings-atlas {version('bookings-atlas')}")
        raise typer.Exit


@app.callback()
def options(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Take the options that belong to no command."""


@app.command()
def user(
    who: Annotated[
        str, typer.Argument(metavar="USER", help="UPN, object ID, URL of a personal page, or part of a name")
    ],
) -> None:
    """Check one user: is there a page and, if not, why not?

    Shows what would change it. Exits with 1 if there is no page or no such user.
    """
    with invalid_settings_reported():
        from atlas.cli import user as command
        from atlas.cli.environment import read_environment

        raise typer.Exit(asyncio.run(command.run(who, read_environment())))


@app.command()
def policy() -> None:
    """Check whether the organisation allows personal bookings.

    Shows the setting that determines this and how to change it. Exits with 1 unless the verdict is "on".
    """
    with invalid_settings_reported():
        from atlas.cli import policy as command
        from atlas.cli.environment import read_environment

        raise typer.Exit(asyncio.run(command.run(read_environment())))


@app.command()
def doctor(
    calibrate: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="USER USER", help="show what Bookings returns for a user with a page and for one without"),
    ] = None,
    url: Annotated[
        str | None, typer.Option("--app", metavar="URL", help="query the health of a deployed app instead")
    ] = None,
) -> None:
    """Check the app's permissions, or a deployed app.

    Shows what is lost without each missing permission and how to grant it. Exits with 1 if something is missing.
    """
    if calibrate and url:
        raise typer.BadParameter("use either --app or --calibrate, not both", param_hint="--app")
    with invalid_settings_reported():
        from atlas.cli import doctor as command
        from atlas.cli.environment import read_environment

        raise typer.Exit(asyncio.run(command.run(os.environ if url else read_environment(), calibrate, url)))


@app.command()
def forget(
    who: Annotated[str, typer.Argument(metavar="USER", help="UPN, object ID or URL of a personal page")],
) -> None:
    """Remove every trace of a person from the tables.

    Needs the settings of the storage, and works for users who were deleted. Run it while no scan is running.
    """
    with invalid_settings_reported():
        from atlas.cli import forget as command
        from atlas.cli.environment import read_environment

        raise typer.Exit(asyncio.run(command.run(who, read_environment())))


for more in sorted(entry_points(group=MORE_COMMANDS)):
    app.command(more.name)(more.load())


def main() -> None:
    """Run the command line."""
    app()
