"""Microsoft Graph: who is licensed for Bookings, and the GUID of a mailbox (docs/microsoft-365.md, section 2)."""

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import batched
from typing import Any, Self
from urllib.parse import quote, urlencode
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from atlas.domain.mailboxes import NO_GUID, Mailbox, MailboxEvidence, NoMailbox
from atlas.domain.text import replace_lone_surrogates
from atlas.domain.unknown import Unknown
from atlas.domain.users import BOOKINGS_PLAN_ID, LicensedUser, is_usable_state
from atlas.microsoft365.calls import ClassifyFailure, Request, Response, failure_of_status, link_on, wait_before_retry
from atlas.microsoft365.failures import ListingExpired, NotUnderstood, TenantFailure, Throttled
from atlas.microsoft365.signed_calls import SignedApiClient

PAGE_SIZE = 999
BATCH_SIZE = 20
CONCURRENT_BATCHES = 4
DEFAULT_BATCH_WAIT_SECONDS = 1.0
BATCH_ROUNDS = 3
"""How often the parts of a batch that failed are asked for; Graph throttles each part on its own."""
USER_FIELDS = "id,userPrincipalName,displayName,department,mail,accountEnabled,userType,assignedPlans"
ADVANCED_QUERY = {"consistencylevel": "eventual"}
MISSING_GRANT = "grant the application permission User.Read.All of Microsoft Graph"
MISSING_BOOKINGS_GRANT = "grant the application permission Bookings.Read.All of Microsoft Graph"
MAILBOX_ID = re.compile(r"MBX:([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})@[0-9a-f-]{36}", re.IGNORECASE)
NO_MAILBOX_CODES = frozenset({"MailboxNotEnabledForRESTAPI", "MailboxNotHostedInExchangeOnline"})
NO_USER_CODES = frozenset({"Request_ResourceNotFound", "ResourceNotFound"})
MAX_STATE_LENGTH = 50
STATES_BY_USE = ("enabled", "warning", "suspended", "lockedout", "deleted")
EXPIRED_CODES = frozenset({"Directory_ExpiredPageToken", "DirectoryPageTokenExpired"})


@dataclass(frozen=True, slots=True)
class UsersPage:
    """One page of the listing of users with a Bookings plan; those whose plan does not work are left out."""

    users: tuple[LicensedUser, ...]
    next_link: str | None
    total: int | None
    """How many users the whole listing holds, plans that do not work included; told by the first page alone."""


class _Plan(BaseModel):
    """An assigned plan. Only the Bookings plan is read strictly: an odd other one is nobody's business here."""

    model_config = ConfigDict(frozen=True)
    plan_id: Any = Field(None, alias="servicePlanId")
    status: Any = Field(None, alias="capabilityStatus")

    @model_validator(mode="after")
    def _bookings_plan_has_a_state(self) -> Self:
        if self.is_of_bookings() and not isinstance(self.status, str):
            raise ValueError("the Bookings plan has no capabilityStatus")
        return self

    def is_of_bookings(self) -> bool:
        return str(self.plan_id).lower() == str(BOOKINGS_PLAN_ID)

    def is_usable(self) -> bool:
        return self.is_of_bookings() and is_usable_state(self.status)


class _User(BaseModel):
    model_config = ConfigDict(frozen=True)
    user_id: UUID = Field(alias="id")
    upn: str = Field(alias="userPrincipalName")
    display_name: str | None = Field(None, alias="displayName")
    department: str | None = None
    mail: str | None = None
    account_enabled: bool | None = Field(None, alias="accountEnabled")
    user_type: str | None = Field(None, alias="userType")
    plans: tuple[_Plan, ...] = Field(alias="assignedPlans")

    def is_licensed(self) -> bool:
        return any(plan.is_usable() for plan in self.plans)

    def plan_state(self) -> str | None:
        states = sorted((str(plan.status) for plan in self.plans if plan.is_of_bookings()), key=_usefulness)
        return replace_lone_surrogates(states[0])[:MAX_STATE_LENGTH] if states else None

    def as_user(self) -> LicensedUser:
        return LicensedUser(
            user_id=str(self.user_id),
            upn=replace_lone_surrogates(self.upn),
            display_name=self.display_name and replace_lone_surrogates(self.display_name),
            department=self.department and replace_lone_surrogates(self.department),
            mail=self.mail and replace_lone_surrogates(self.mail),
            account_enabled=self.account_enabled,
            user_type=self.user_type and replace_lone_surrogates(self.user_type),
        )


@dataclass(frozen=True, slots=True)
class Account:
    """A user who exists, licensed or not."""

    user: LicensedUser
    is_licensed: bool
    plan_state: str | None = None
    """The state of the user's Bookings plan, the best where there are several; ``None``: none in any state."""


class Graph:
    """Asks Microsoft Graph v1.0. Every method raises ``TenantFailure`` where it says nothing else."""

    def __init__(self, calls: SignedApiClient, base_url: str) -> None:
        self._calls = calls
        self._base_url = base_url

    async def get_licensed_page(self, link: str | None, page_size: int = PAGE_SIZE) -> UsersPage:
        """One page of the listing: the first, or the one that ``link`` leads to. Users stand in it once.

        Raises ``ListingExpired`` where the link is too old. A page may be empty and still have a next one.
        """
        response = await self._get(link or self._first_link(page_size), _failure_of_listing, ADVANCED_QUERY)
        return parse_users_page(response.json(), self._base_url)

    async def get_account(self, id_or_upn: str) -> Account | None:
        """The user with this object id or UPN; ``None`` where the directory has none."""
        url = f"{self._base_url}/v1.0/users/{quote(id_or_upn, safe='')}?{urlencode({'$select': USER_FIELDS})}"
        response = await self._get(url, _failure_unless_404)
        return _account_or_none(response)

    async def get_accounts(self, user_ids: Sequence[str]) -> Mapping[str, Account | Unknown | None]:
        """As ``get_account`` for many object ids; a question that fails is an ``Unknown`` of its own."""
        select = urlencode({"$select": USER_FIELDS})
        replies = await self._get_many({user_id: f"/users/{user_id}?{select}" for user_id in user_ids})
        return {user_id: _account_of(response) for user_id, response in replies.items()}

    async def get_mailbox(self, user_id: str) -> MailboxEvidence:
        """The mailbox of one user, as far as Graph knows it: its GUID. Raises where that was not learned."""
        url = f"{self._base_url}/v1.0/users/{user_id}/settings/exchange"
        return _mailbox_of(await self._get(url, _failure_unless_404))

    async def get_mailboxes(self, user_ids: Sequence[str]) -> Mapping[str, MailboxEvidence]:
        """As ``get_mailbox`` for many users; a question that fails is an ``Unknown`` of its own."""
        replies = await self._get_many({user_id: f"/users/{user_id}/settings/exchange" for user_id in user_ids})
        return {user_id: _learned_mailbox(response) for user_id, response in replies.items()}

    async def prove_shared_pages(self) -> None:
        """Ask for shared Bookings pages, with or without any: that they may be listed."""
        url = f"{self._base_url}/v1.0/solutions/bookingBusinesses"
        response = await self._get(url, lambda response: failure_of_status(response, MISSING_BOOKINGS_GRANT))
        try:
            _items(response.json())
        except (KeyError, TypeError) as error:
            raise NotUnderstood(f"Microsoft Graph answered shared pages without {_what(error)}") from None

    def _first_link(self, page_size: int) -> str:
        query = {
            "$filter": f"assignedPlans/any(a:a/servicePlanId eq {BOOKINGS_PLAN_ID})",
            "$count": "true",
            "$top": str(page_size),
            "$select": USER_FIELDS,
        }
        return f"{self._base_url}/v1.0/users?{urlencode(query, quote_via=quote)}"

    async def _get(self, url: str, failure_of: ClassifyFailure, headers: Mapping[str, str] | None = None) -> Response:
        return await self._calls.send(Request("GET", url, headers or {}), failure_of)

    async def _get_many(self, urls: Mapping[str, str]) -> Mapping[str, Response | TenantFailure]:
        """One answer or failure for each key, by ``$batch`` of 20 with a few batches under way at a time."""
        gate = asyncio.Semaphore(CONCURRENT_BATCHES)

        async def send(part: tuple[str, ...]) -> dict[str, Response | TenantFailure]:
            async with gate:
                return await self._batch({key: urls[key] for key in part})

        answers = await asyncio.gather(*(send(part) for part in batched(urls, BATCH_SIZE, strict=False)))
        return {key: answer for part in answers for key, answer in part.items()}

    async def _batch(self, urls: dict[str, str]) -> dict[str, Response | TenantFailure]:
        answers = await self._batch_once(urls)
        for _ in range(BATCH_ROUNDS - 1):
            again = {key: url for key, url in urls.items() if _is_worth_repeating(answers[key])}
            if not again:
                break
            await asyncio.sleep(max(_wait_seconds(answers[key]) for key in again))
            answers |= await self._batch_once(again)
        return answers

    async def _batch_once(self, urls: Mapping[str, str]) -> dict[str, Response | TenantFailure]:
        body = {"requests": [{"id": key, "method": "GET", "url": url} for key, url in urls.items()]}
        request = Request("POST", f"{self._base_url}/v1.0/$batch", {"content-type": "application/json"}, body)
        try:
            response = await self._calls.send(request, _failure_of)
            parts = parse_batch(response.json(), self._base_url)
        except TenantFailure as failure:
            return dict.fromkeys(urls, failure)
        missing = NotUnderstood("Microsoft Graph left a part of a batch unanswered")
        return {key: _part_or_failure(parts[key]) if key in parts else missing for key in urls}


def parse_users_page(json: Any, base_url: str) -> UsersPage:
    """One page of ``GET /users``. Raises ``NotUnderstood`` for a page or a user that lacks what the contract gives."""
    try:
        users = [_User.model_validate(item) for item in _items(json)]
        total = json.get("@odata.count")
        link = json.get("@odata.nextLink")
    except (KeyError, TypeError, AttributeError, ValidationError) as error:
        raise NotUnderstood(f"Microsoft Graph answered a page of users without {_what(error)}") from None
    licensed = {user.user_id: user.as_user() for user in users if user.is_licensed()}
    return UsersPage(
        users=tuple(licensed.values()),
        next_link=link_on(base_url, link),
        total=total if isinstance(total, int) else None,
    )


def _items(json: Any) -> list[Any]:
    items = json["value"]
    if not isinstance(items, list):
        raise TypeError("a list `value`")
    return items


def parse_account(json: Any) -> Account:
    """One user. Raises ``NotUnderstood``."""
    try:
        user = _User.model_validate(json)
    except ValidationError as error:
        raise NotUnderstood(f"Microsoft Graph answered a user without {_what(error)}") from None
    return Account(user.as_user(), user.is_licensed(), user.plan_state())


def parse_mailbox(json: Any) -> Mailbox | NoMailbox:
    """The answer to ``settings/exchange``. Raises ``NotUnderstood`` where it holds no whole mailbox id."""
    text = json.get("primaryMailboxId") if isinstance(json, dict) else None
    found = MAILBOX_ID.fullmatch(text) if isinstance(text, str) else None
    if not found:
        raise NotUnderstood("Microsoft Graph answered no mailbox id of the form MBX:{GUID}@{tenant}")
    guid = UUID(found[1])
    return NoMailbox() if guid == NO_GUID else Mailbox(guid)


def parse_batch(json: Any, base_url: str) -> dict[str, Response]:
    """The parts of a ``$batch`` answer by their ids; they come in any order."""
    try:
        return {part["id"]: _reply_of(part, base_url) for part in json["responses"]}
    except (KeyError, TypeError, AttributeError) as error:
        raise NotUnderstood(f"Microsoft Graph answered a batch without {_what(error)}") from None


def _reply_of(part: dict[str, Any], base_url: str) -> Response:
    headers = {name.lower(): str(value) for name, value in (part.get("headers") or {}).items()}
    status = part["status"]
    if not isinstance(status, int):
        raise TypeError("a number `status`")
    return Response(status, headers, _json_bytes(part.get("body")), base_url)


def _json_bytes(value: Any) -> bytes:
    return b"" if value is None else json.dumps(value).encode()


def _account_of(response: Response | TenantFailure) -> Account | Unknown | None:
    if isinstance(response, TenantFailure):
        return response.unknown()
    try:
        return _account_or_none(response)
    except TenantFailure as failure:
        return failure.unknown()


def _account_or_none(response: Response) -> Account | None:
    """The user; ``None`` only where Graph itself says that there is none. Raises ``NotUnderstood``."""
    if response.status != 404:
        return parse_account(response.json())
    code = _error_code(response)
    if code in NO_USER_CODES:
        return None
    raise NotUnderstood(f"Microsoft Graph answered 404 {code} to the question for a user")


def _learned_mailbox(response: Response | TenantFailure) -> MailboxEvidence:
    if isinstance(response, TenantFailure):
        return response.unknown()
    try:
        return _mailbox_of(response)
    except TenantFailure as failure:
        return failure.unknown()


def _mailbox_of(response: Response) -> MailboxEvidence:
    if response.status != 404:
        return parse_mailbox(response.json())
    code = _error_code(response)
    if code in NO_MAILBOX_CODES:
        return NoMailbox()
    raise NotUnderstood(f"Microsoft Graph answered 404 {code} to the question for a mailbox")


def _part_or_failure(part: Response) -> Response | TenantFailure:
    return _failure_unless_404(part) or part


def _failure_of(response: Response) -> TenantFailure | None:
    return failure_of_status(response, MISSING_GRANT)


def _failure_unless_404(response: Response) -> TenantFailure | None:
    return None if response.status == 404 else _failure_of(response)


def _failure_of_listing(response: Response) -> TenantFailure | None:
    if response.status == 400 and _error_code(response) in EXPIRED_CODES:
        return ListingExpired("Microsoft Graph says that the listing of users is too old to go on with")
    return _failure_of(response)


def _error_code(response: Response) -> str:
    try:
        return str(response.json()["error"]["code"])
    except (NotUnderstood, KeyError, TypeError):
        return "without a code"


def _is_worth_repeating(answer: Response | TenantFailure) -> bool:
    return isinstance(answer, TenantFailure) and wait_before_retry(answer) is not False


def _wait_seconds(answer: Response | TenantFailure) -> float:
    wait_seconds = answer.wait_seconds if isinstance(answer, Throttled) else None
    return DEFAULT_BATCH_WAIT_SECONDS if wait_seconds is None else wait_seconds


def _usefulness(state: str) -> int:
    return STATES_BY_USE.index(state.lower()) if state.lower() in STATES_BY_USE else len(STATES_BY_USE)


def _what(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return ", ".join(sorted({".".join(map(str, detail["loc"])) for detail in error.errors()}))
    return str(error)
