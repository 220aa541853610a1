"""Shows and changes the simulated tenant while it runs, in JSON on a port of its own.

| request | does |
|---|---|
| `GET /control/users?skip=0&top=100` | users in the order of their index, with what a scan must find for each; `exchange=false`, `mailboxPolicy=false`, `availability=false` leave that evidence out; `licensed=true` only those with a row |
| `GET /control/users/{index, object id, UPN or mailbox GUID}` | one of them |
| `POST /control/users/{...}` | `{"action": ...}`: `open_bookings` (a page appears, `after_seconds` later), `delete_page`, `set_page` (`page`), `set_policy` (`policy`), `set_record` (`record`), `lose_licence`, `gain_licence`, `delete`, `recreate_mailbox`, `remove_mailbox`, `remove_capability`, `restore_capability`, `restore` (as at the start) |
| `GET /control/shared-pages` | every shared page with its kind and the finding that it must have |
| `POST /control/shared-pages/{index, address or account ID}` | `{"action": ...}`: `delete`, `restore`, `rename` (`display_name`), `publish`, `unpublish`, `grant` and `revoke` full access (`trustee`) |
| `GET`, `PATCH /control/behaviour` | all options of `Behaviour`; a PATCH names only what changes: `{"bookings": {"latency_ms": 200}, "organization": {"bookings_auth_enabled": true}}` |
| `GET`, `POST`, `DELETE /control/faults` | the faults that wait; add one (the fields of `Fault`); remove all |
| `GET /control/metrics` | requests by service, operation and status, most in flight, `writes` |
| `POST /control/reset-metrics` | count from zero |
| `GET /control/expected-counts` | how many licensed users there must be of each status (same switches as users) |
| `GET /control/settings` | the product's settings for this tenant, for each way to sign in |
"""  # noqa: E501 - a row of a table is one line

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from aiohttp import web

from local.simulator import expected_results
from local.simulator.faults import Fault
from local.simulator.options import UnknownOption
from local.simulator.shared_pages import SharedPageChange
from local.simulator.state import SimulatorState
from local.simulator.tenant import Tenant
from local.simulator.user_kinds import Mailbox, MailboxPolicy, Page, Plan, Record
from local.simulator.users import SimulatedUser

_MAX = 5000


class UnknownUser(LookupError):
    """There is no user or page of this name, ID or index."""


class UnknownAction(ValueError):
    """There is no such action."""


class Control:
    """Everything that can be done to a running tenant; the routes below and Python callers share it."""

    def __init__(self, state: SimulatorState, settings: Callable[[], Mapping[str, Mapping[str, str]]]) -> None:
        self._state = state
        self._settings = settings

    def expected(
        self, user: SimulatedUser, evidence: expected_results.Evidence = expected_results.EVERYTHING
    ) -> expected_results.Expected:
        """What a scan that starts now must find for one user."""
        now = self._state.tenant.user(user.index, self._state.clock()) or user
        behaviour = self._state.behaviour
        return expected_results.expected(
            now, behaviour.organization, evidence, hides_pages=behaviour.bookings.auth_hides_pages
        )

    def users(
        self,
        skip: int = 0,
        top: int = 100,
        evidence: expected_results.Evidence = expected_results.EVERYTHING,
        *,
        licensed: bool = False,
    ) -> list[dict[str, Any]]:
        """Users by index, each with the expected result; deleted users are left out."""
        end = min(skip + top, self._state.tenant.population.in_graph)
        users = (self._state.tenant.user(index) for index in range(skip, end))
        return [self.shown(user, evidence) for user in users if user and (user.is_licensed or not licensed)]

    def user(self, key: str, evidence: expected_results.Evidence = expected_results.EVERYTHING) -> dict[str, Any]:
        """One user with the expected result."""
        return self.shown(self.found(key), evidence)

    def found(self, key: str) -> SimulatedUser:
        """One user by index, object id, UPN or mailbox GUID."""
        user = self._state.tenant.find(key)
        if user is None:
            raise UnknownUser(f"{key}: no such user")
        return user

    def shown(
        self, user: SimulatedUser, evidence: expected_results.Evidence = expected_results.EVERYTHING
    ) -> dict[str, Any]:
        """A user as plain values."""
        expected = self.expected(user, evidence)
        return {
            "index": user.index,
            "id": user.object_id,
            "upn": user.upn,
            "display_name": user.display_name,
            "page": user.page,
            "mailbox": user.mailbox,
            "policy": user.policy,
            "plan": user.plan,
            "record": user.record,
            "expected": {**asdict(expected), "findings": list(expected.findings)},
        }

    def expected_counts(self, evidence: expected_results.Evidence = expected_results.EVERYTHING) -> dict[str, int]:
        """Licensed users by the status that a scan must find."""
        tenant = self._state.tenant
        licensed = (user for _, user in tenant.in_filter(0) if user.is_licensed)
        return dict(Counter(self.expected(user, evidence).status for user in licensed))

    def change_user(self, key: str, action: str, **more: Any) -> dict[str, Any]:
        """Do something to a user; `restore` also finds the deleted, by index or object id."""
        tenant = self._state.tenant
        if action == "restore":
            index = int(key) if key.isdecimal() else tenant.population.index_of_object(key)
            tenant.changes.pop(self.found(key).index if index is None else index, None)
            return self.user(key)
        user = self.found(key)
        self._act(tenant, user, action, more)
        now = tenant.user(user.index)
        return {"index": user.index, "deleted": True} if now is None else self.shown(now)

    def _act(self, tenant: Tenant, user: SimulatedUser, action: str, more: Mapping[str, Any]) -> None:
        if action == "open_bookings":
            after_seconds = more.get("after_seconds", self._state.behaviour.bookings.page_appears_after_seconds)
            page = Page(more.get("page", Page.PUBLIC_SEVERAL))
            tenant.change(user.index, page=page, page_appears_at=self._state.clock() + float(after_seconds))
        elif action == "recreate_mailbox":
            generation = tenant.changes[user.index].mailbox_generation if user.index in tenant.changes else 0
            tenant.change(user.index, mailbox_generation=generation + 1)
        elif action in _SETTERS:
            field, kind = _SETTERS[action]
            tenant.change(user.index, **{field: kind(more[field])}, **_AT_ONCE.get(field, {}))
        elif action in _ACTIONS:
            tenant.change(user.index, **_ACTIONS[action])
        else:
            raise UnknownAction(f"{action}: not one of {', '.join(sorted(ACTIONS))}")

    def shared_pages(self) -> list[dict[str, Any]]:
        """Every shared page as plain values, with the finding that it must have."""
        return [
            {**asdict(page), "created_at": page.created_at.isoformat(), "finding": page.finding}
            for page in self._state.shared_pages.all()
        ]

    def change_shared_page(self, key: str, action: str, **more: Any) -> None:
        """Do something to a shared page; deleted pages are found by their index only."""
        pages = self._state.shared_pages
        page = None if key.isdecimal() else pages.find(key)
        if not key.isdecimal() and page is None:
            raise UnknownUser(f"{key}: no such page")
        index = page.index if page else int(key)
        change = pages.changes.get(index, SharedPageChange())
        match action:
            case "delete":
                pages.change(index, is_deleted=True)
            case "restore":
                pages.changes.pop(index, None)
            case "rename":
                pages.change(index, display_name=str(more["display_name"]))
            case "publish" | "unpublish":
                pages.change(index, published=action == "publish")
            case "grant":
                revoked = tuple(trustee for trustee in change.revoked if trustee != more["trustee"])
                pages.change(index, granted=(*change.granted, str(more["trustee"])), revoked=revoked)
            case "revoke":
                pages.change(index, revoked=(*change.revoked, str(more["trustee"])))
            case _:
                raise UnknownAction(f"{action}: not one of {', '.join(sorted(SHARED_PAGE_ACTIONS))}")

    def add_fault(self, fault: Fault) -> None:
        """Let requests fail."""
        self._state.faults.add(fault)

    def routes(self) -> web.Application:
        """The same over HTTP."""
        app = web.Application(middlewares=[_problems])
        app.add_routes(
            [
                web.get("/control/users", self._get_users),
                web.get("/control/users/{key}", self._get_user),
                web.post("/control/users/{key}", self._post_user),
                web.get("/control/shared-pages", self._get_shared_pages),
                web.post("/control/shared-pages/{key}", self._post_shared_page),
                web.get("/control/behaviour", self._get_behaviour),
                web.patch("/control/behaviour", self._patch_behaviour),
                web.get("/control/faults", self._get_faults),
                web.post("/control/faults", self._post_fault),
                web.delete("/control/faults", self._delete_faults),
                web.get("/control/metrics", self._get_metrics),
                web.post("/control/reset-metrics", self._reset_metrics),
                web.get("/control/expected-counts", self._get_counts),
                web.get("/control/settings", self._get_settings),
            ]
        )
        return app

    async def _get_users(self, request: web.Request) -> web.Response:
        skip, top = int(request.query.get("skip", "0")), min(int(request.query.get("top", "100")), _MAX)
        is_licensed = request.query.get("licensed") == "true"
        found = self.users(skip, top, _evidence(request), licensed=is_licensed)
        total = self._state.tenant.population.in_graph
        return web.json_response({"value": found, "next_skip": skip + top if skip + top < total else None})

    async def _get_user(self, request: web.Request) -> web.Response:
        return web.json_response(self.user(request.match_info["key"], _evidence(request)))

    async def _post_user(self, request: web.Request) -> web.Response:
        requested = await request.json()
        return web.json_response(self.change_user(request.match_info["key"], requested.pop("action", ""), **requested))

    async def _get_shared_pages(self, _: web.Request) -> web.Response:
        return web.json_response({"value": self.shared_pages()})

    async def _post_shared_page(self, request: web.Request) -> web.Response:
        requested = await request.json()
        self.change_shared_page(request.match_info["key"], requested.pop("action", ""), **requested)
        return await self._get_shared_pages(request)

    async def _get_behaviour(self, _: web.Request) -> web.Response:
        return web.json_response(asdict(self._state.behaviour))

    async def _patch_behaviour(self, request: web.Request) -> web.Response:
        return web.json_response(asdict(self._state.behave(await request.json())))

    async def _get_faults(self, _: web.Request) -> web.Response:
        return web.json_response({"value": self._state.faults.waiting()})

    async def _post_fault(self, request: web.Request) -> web.Response:
        self.add_fault(Fault(**await request.json()))
        return await self._get_faults(request)

    async def _delete_faults(self, request: web.Request) -> web.Response:
        self._state.faults.clear()
        return await self._get_faults(request)

    async def _get_metrics(self, _: web.Request) -> web.Response:
        return web.json_response(self._state.metrics.to_dict())

    async def _reset_metrics(self, _: web.Request) -> web.Response:
        self._state.metrics.reset()
        return web.json_response(self._state.metrics.to_dict())

    async def _get_counts(self, request: web.Request) -> web.Response:
        return web.json_response(self.expected_counts(_evidence(request)))

    async def _get_settings(self, _: web.Request) -> web.Response:
        return web.json_response(self._settings())


_AT_ONCE: dict[str, dict[str, Any]] = {"page": {"page_appears_at": 0}}
_SETTERS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "set_page": ("page", Page),
    "set_policy": ("policy", MailboxPolicy),
    "set_mailbox": ("mailbox", Mailbox),
    "set_plan": ("plan", Plan),
    "set_record": ("record", Record),
}
_ACTIONS: dict[str, dict[str, Any]] = {
    "delete_page": {"page": Page.MISSING_404, "page_appears_at": 0},
    "lose_licence": {"plan": Plan.DELETED},
    "gain_licence": {"plan": Plan.ENABLED, "mailbox": Mailbox.NORMAL},
    "delete": {"is_deleted": True},
    "remove_mailbox": {"mailbox": Mailbox.NONE},
    "remove_capability": {"mailbox": Mailbox.WITHOUT_CAPABILITY},
    "restore_capability": {"mailbox": Mailbox.NORMAL},
}
SHARED_PAGE_ACTIONS = frozenset({"delete", "restore", "rename", "publish", "unpublish", "grant", "revoke"})
ACTIONS = frozenset({*_ACTIONS, *_SETTERS, "open_bookings", "recreate_mailbox", "restore"})


def _evidence(request: web.Request) -> expected_results.Evidence:
    names = {"exchange": "exchange", "mailboxPolicy": "mailbox_policy", "availability": "availability"}
    return expected_results.Evidence(**{field: request.query.get(name) != "false" for name, field in names.items()})


@web.middleware
async def _problems(request: web.Request, handler: Callable[[web.Request], Any]) -> web.StreamResponse:
    try:
        response: web.StreamResponse = await handler(request)
    except UnknownUser as error:
        return web.json_response({"problem": str(error)}, status=404)
    except (UnknownOption, UnknownAction, KeyError, TypeError, ValueError) as error:
        return web.json_response({"problem": str(error)}, status=400)
    return response
