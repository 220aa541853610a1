"""The commands that a source checkout adds to ``atlas``: demo, host and simulate (entry points in pyproject.toml here).

A command's module is imported when the command runs, so that ``atlas --help`` is quick.
"""

import asyncio
from typing import Annotated, Literal

import typer

from atlas.cli.screen import invalid_settings_reported

SignIn = Literal["system_assigned", "user_assigned", "secret", "certificate", "federated"]
Users = Annotated[int, typer.Option("--users", min=1, max=200_000, envvar="USERS", help="number of licensed users")]
Port = Annotated[int, typer.Option("--port", min=0, max=65535, envvar="PORT", help="0 takes a free port")]


def demo(
    *,
    users: Users = 200,
    once: Annotated[bool, typer.Option("--once", help="exit after the scan")] = False,
    show_all: Annotated[bool, typer.Option("--all", help="show every user, not a few of each status")] = False,
    port: Port = 7071,
) -> None:
    """Scan a simulated tenant on this machine and show the result.

    Exits with 1 if the scan fails.
    """
    from local.demo import main

    raise typer.Exit(main(users=users, once=once, port=port, show_all=show_all))


def host(port: Port = 7071) -> None:
    """Run the app on the local host.

    Settings come from the environment and from local.settings.json. Exits with 2 if they are invalid.
    """
    with invalid_settings_reported():
        from local.run_host import main

        raise typer.Exit(main(port=port))


def simulate(
    users: Users = 200,
    seed: Annotated[int, typer.Option(help="another seed gives another tenant")] = 1,
    latency_ms: Annotated[float, typer.Option(min=0, help="added to every response")] = 0,
    jitter_ms: Annotated[float, typer.Option(min=0, help="random extra latency, up to this")] = 0,
    throttle_above: Annotated[
        int | None, typer.Option(min=1, help="concurrent Bookings calls above which it returns 429")
    ] = None,
    sign_in: Annotated[SignIn, typer.Option(help="the kind of sign-in whose settings are printed")] = "system_assigned",
) -> None:
    """Run only the simulated tenant, and print its settings."""
    from local.simulator.standalone import Options, main

    options = Options(
        users=users,
        seed=seed,
        latency_ms=latency_ms,
        jitter_ms=jitter_ms,
        throttle_above=throttle_above,
        sign_in=sign_in,
    )
    asyncio.run(main(options, typer.echo))
