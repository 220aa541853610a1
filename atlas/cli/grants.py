"""How to grant missing permissions, as ``atlas doctor`` shows it for this environment and for a deployed app."""

from collections.abc import Iterable
from itertools import groupby

from atlas.cli.screen import Screen, section
from atlas.health.permissions import PERMISSIONS, Permission


def grant_instructions(title: str, missing: Iterable[Permission]) -> Screen:
    """What is lost without these permissions and how to grant them; shared instructions appear once."""
    screen: Screen = []
    for grant, group in groupby(missing, lambda name: PERMISSIONS[name].grant):
        names = list(group)
        screen += section(f"{title}: {', '.join(names)}", *(PERMISSIONS[name].impact for name in names), grant)
    return screen
