"""The app registration and the managed identities that may sign in to the simulated tenant."""

from collections.abc import Mapping
from dataclasses import dataclass

from local.simulator import ids
from local.simulator.options import SignIn

GRAPH = frozenset({"https://graph.microsoft.com", "00000003-0000-0000-c000-000000000000"})
EXCHANGE = frozenset({"https://outlook.office365.com", "00000002-0000-0ff1-ce00-000000000000"})
MANAGEMENT = frozenset({"https://manage.office.com", "c5393580-f805-4401-95e8-94b7a6ef2fc2"})
TOKEN_EXCHANGE = "api://AzureADTokenExchange"  # noqa: S105  # an audience, no secret


@dataclass(frozen=True, slots=True)
class Principal:
    """An identity that can get tokens."""

    client_id: str
    object_id: str


@dataclass(frozen=True, slots=True)
class Principals:
    """Every identity that can get tokens."""

    app: Principal
    app_secret: str
    user_assigned: Principal
    system_assigned: Principal


def principals_of(seed: int) -> Principals:
    """The principals of a tenant; the same seed gives the same ones."""
    key = ids.key_of(seed, "principals")
    pairs = [Principal(ids.guid_of(key, number), ids.guid_of(key, number + 1)) for number in (0, 2, 4)]
    return Principals(pairs[0], f"sim~{key.hex()}", pairs[1], pairs[2])


def roles_for(audience: str, sign_in: SignIn) -> tuple[str, ...] | None:
    """App roles granted on a resource; None for a resource that the tenant does not know."""
    granted: Mapping[frozenset[str], tuple[str, ...]] = {
        GRAPH: sign_in.graph_roles,
        EXCHANGE: sign_in.exchange_roles,
        MANAGEMENT: (),
    }
    return next((roles for names, roles in granted.items() if audience in names), None)
