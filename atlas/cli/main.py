"""The command line ``atlas``: its commands and their arguments.

A command's module is imported when the command runs, so that ``--help`` is quick.
"""

import asyncio
import os
from importlib.metadata import entry_points, version
from pathlib import Path
from typing import Annotated

import typer

from atlas.cli.screen import invalid_settings_reported

MORE_COMMANDS = "bookings_atlas.commands"
"""The entry point group that adds commands: name and function. A source checkout adds demo, host and simulate."""

AsJson = Annotated[bool, typer.Option("--json", help="print JSON, in the shape of the API, for other programs")]

app = typer.Typer(
    name="atlas",
    help="Find the Personal Bookings page of every user in a Microsoft 365 tenant, or why there is none.",
    no_args_is_help=True,
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
def scan(
    *,
    tenant: Annotated[str | None, typer.Option(metavar="GUID", help="the tenant, instead of TENANT_ID")] = None,
    client_id: Annotated[
        str | None, typer.Option(metavar="GUID", help="sign in with a device code, through this app registration")
    ] = None,
    users: Annotated[
        Path | None, typer.Option(metavar="FILE", help="scan only these users: a UPN per line, or a CSV")
    ] = None,
    shared: Annotated[
        bool | None, typer.Option("--shared/--no-shared", help="whether to read shared pages too")
    ] = None,
    csv: Annotated[Path | None, typer.Option(metavar="FILE", help="write the users as CSV")] = None,
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="write the users as JSON")] = None,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="write the report, a page for a browser")] = None,
    signatures: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="write the links for email signatures")
    ] = None,
    state: Annotated[Path | None, typer.Option(metavar="FILE", help="where the rows are stored between scans")] = None,
    new: Annotated[bool, typer.Option("--new", help="do not continue a scan that was interrupted")] = False,
    last: Annotated[bool, typer.Option("--last", help="write the result of the last scan; do not scan")] = False,
) -> None:
    """Scan the tenant from this machine, without Azure.

    Signs in as the settings say, or with your own login of az or azd. Ctrl-C stops it; the same command continues.
    Rows are stored in a file that only you may read. Exits with 1 if the scan failed or is incomplete.

    \b
    Examples:
      atlas scan
      atlas scan --html report.html --csv users.csv
      atlas scan --users pilot.txt --json -
      atlas scan --last --signatures ./signatures
    """
    with invalid_settings_reported():
        from atlas.cli import scan as command
        from atlas.cli.environment import read_environment
        from atlas.cli.output_files import Outputs

        outputs = Outputs(csv=csv, json=json, html=html, signatures=signatures)
        options = command.ScanOptions(
            tenant=tenant,
            client_id=client_id,
            users=users,
            shared=shared,
            outputs=outputs,
            state=state,
            fresh=new,
            last=last,
        )
        raise typer.Exit(asyncio.run(command.run(read_environment(), options)))


@app.command()
def user(
    who: Annotated[
        str, typer.Argument(metavar="USER", help="UPN, object ID, URL of a personal page, or how a name begins")
    ],
    *,
    json: AsJson = False,
) -> None:
    """Check one user: is there a page and, if not, why not?

    Shows what would change it. Exits with 1 if there is no page or no such user.

    \b
    Examples:
      atlas user adele@contoso.com
      atlas user "Adele V"
      atlas user adele@contoso.com --json
    """
    with invalid_settings_reported():
        from atlas.cli import user as command
        from atlas.cli.environment import read_environment

        raise typer.Exit(asyncio.run(command.run(who, read_environment(), as_json=json)))


@app.command()
def policy(*, json: AsJson = False) -> None:
    """Check whether the organisation allows personal bookings.

    Shows the setting that determines this and how to change it. Exits with 1 unless the verdict is "on".

    \b
    Examples:
      atlas policy
      atlas policy --json
    """
    with invalid_settings_reported():
        from atlas.cli import policy as command
        from atlas.cli.environment import read_environment

        raise typer.Exit(asyncio.run(command.run(read_environment(), as_json=json)))


@app.command()
def shared(
    *,
    user: Annotated[
        str | None, typer.Option(metavar="USER", help="only the pages that this user can open, and how")
    ] = None,
    findings: Annotated[bool, typer.Option("--findings", help="only pages with a finding, each with its fix")] = False,
    json: AsJson = False,
    csv: Annotated[Path | None, typer.Option(metavar="FILE", help="also write the pages to this CSV file")] = None,
) -> None:
    """Show the shared Bookings pages as the last scan found them, and who can open them.

    Reads the storage that the settings name or, without one, the result of "atlas scan". Exits with 1 if there is a
    finding, or no scan yet.

    \b
    Examples:
      atlas shared
      atlas shared --findings
      atlas shared --user adele@contoso.com
      atlas shared --csv shared-pages.csv
    """
    if user and (findings or csv):
        raise typer.BadParameter("cannot be combined with --findings or --csv", param_hint="--user")
    with invalid_settings_reported():
        from atlas.cli import shared as command
        from atlas.cli.environment import read_environment

        options = command.SharedOptions(user=user, findings=findings, json=json, csv=csv)
        raise typer.Exit(asyncio.run(command.run(read_environment(), options)))


@app.command()
def doctor(
    *,
    calibrate: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="USER USER", help="show what Bookings returns for a user with a page and for one without"),
    ] = None,
    url: Annotated[
        str | None, typer.Option("--app", metavar="URL", help="query the health of a deployed app instead")
    ] = None,
    json: AsJson = False,
) -> None:
    """Check the app's permissions, or a deployed app.

    Shows what is lost without each missing permission and how to grant it. Exits with 1 if something is missing.

    \b
    Examples:
      atlas doctor
      atlas doctor --calibrate adele@contoso.com alex@contoso.com
      atlas doctor --app https://my-app.azurewebsites.net
    """
    if calibrate and url:
        raise typer.BadParameter("use either --app or --calibrate, not both", param_hint="--app")
    if calibrate and json:
        raise typer.BadParameter("--calibrate has no JSON", param_hint="--json")
    with invalid_settings_reported():
        from atlas.cli import doctor as command
        from atlas.cli.environment import read_environment

        raise typer.Exit(
            asyncio.run(command.run(os.environ if url else read_environment(), calibrate, url, as_json=json))
        )


@app.command()
def forget(
    who: Annotated[str, typer.Argument(metavar="USER", help="UPN, object ID or URL of a personal page")],
) -> None:
    """Remove every trace of a person from the tables.

    Needs the settings of the storage, and works for users who were deleted. Run it while no scan is running.

    \b
    Examples:
      atlas forget adele@contoso.com
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
