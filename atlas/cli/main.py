"""The command line ``atlas``."""

import asyncio
import importlib
import os
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Annotated

import typer

from atlas.cli import doctor as doctor_command
from atlas.cli import policy as policy_command
from atlas.cli import user as user_command
from atlas.cli.output import INVALID_ARGUMENT, print_error
from atlas.settings import InvalidSettings

app = typer.Typer(
    name="atlas",
    help="Who in a Microsoft 365 tenant has a Personal Bookings page, and why somebody has none.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
Users = Annotated[int, typer.Option("--users", min=1, max=200_000, envvar="USERS", help="licensed users")]
Port = Annotated[int, typer.Option("--port", min=0, max=65535, envvar="PORT", help="0 takes a free one")]


@app.command()
def user(
    who: Annotated[str, typer.Argument(metavar="UPN", help="UPN, object id, or the address of a personal page")],
) -> None:
    """Ask now whether one user has a page, and if not, why and what would change it."""
    raise typer.Exit(asyncio.run(user_command.show(who, _environment())))


@app.command()
def policy() -> None:
    """Ask now whether the organisation allows personal bookings, and which setting decides."""
    raise typer.Exit(asyncio.run(policy_command.show(_environment())))


@app.command()
def doctor(
    calibrate: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="UPN UPN", help="show what the service answers for a user with a page and one without"),
    ] = None,
    url: Annotated[str | None, typer.Option("--app", help="ask a deployed app how it is, by its address")] = None,
) -> None:
    """Prove each right of the app by a call that needs it: what is missing, what that costs, and what grants it."""
    if calibrate and url:
        raise typer.BadParameter("either this or --calibrate", param_hint="--app")
    raise typer.Exit(asyncio.run(doctor_command.examine(os.environ if url else _environment(), calibrate, url)))


@app.command()
def demo(
    users: Users = 200,
    once: Annotated[bool, typer.Option("--once", help="end after the scan")] = False,  # noqa: FBT002 - a flag
    port: Port = 7071,
) -> None:
    """Scan a simulated tenant on this machine, and show what was found."""
    raise typer.Exit(_local("local.demo").main(users=users, once=once, port=port))


@app.command()
def host(port: Port = 7071) -> None:
    """Run the app on the local host, with the settings of the environment and of local.settings.json."""
    raise typer.Exit(_local("local.run_host").main(port=port))


@app.command()
def simulate(
    users: Users = 200,
    seed: Annotated[int, typer.Option(help="another seed, another tenant")] = 1,
    latency_ms: Annotated[float, typer.Option(min=0, help="added to every answer")] = 0,
    jitter_ms: Annotated[float, typer.Option(min=0, help="up to so much more")] = 0,
    throttle_above: Annotated[
        int | None, typer.Option(min=1, help="Bookings calls at once above which it answers 429")
    ] = None,
    sign_in: Annotated[str, typer.Option(help="whose settings to print")] = "system_assigned",
) -> None:
    """Run the simulated tenant alone, and print the settings that lead to it."""
    standalone = _local("local.simulator.standalone")
    if sign_in not in standalone.SIGN_INS:
        raise typer.BadParameter(f"should be one of {', '.join(standalone.SIGN_INS)}", param_hint="--sign-in")
    options = standalone.Options(
        users=users,
        seed=seed,
        latency_ms=latency_ms,
        jitter_ms=jitter_ms,
        throttle_above=throttle_above,
        sign_in=sign_in,
    )
    asyncio.run(standalone.main(options, typer.echo))


def main() -> None:
    """Run the command line; the exit code is 2 for wrong arguments or settings."""
    try:
        app()
    except InvalidSettings as wrong:
        print_error(str(wrong))
        raise SystemExit(INVALID_ARGUMENT) from None


def _environment() -> Mapping[str, str]:
    """The settings of the environment, and under them those of a source checkout's local.settings.json."""
    try:
        settings = importlib.import_module("local.host.settings")
    except ModuleNotFoundError:
        return os.environ
    try:
        return dict(settings.given_settings(Path(__file__).parents[1], os.environ))
    except settings.UnusableSettings as fault:
        raise InvalidSettings((str(fault),)) from None


def _local(module: str) -> ModuleType:
    """A part of what stands in for the clouds; it comes with a source checkout only."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as missing:
        if not (missing.name or "").startswith("local"):
            raise
        raise typer.BadParameter("this command needs a source checkout of Bookings Atlas") from None
