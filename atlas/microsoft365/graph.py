"""Microsoft Graph: which users have a Bookings plan, and the GUID of a mailbox (docs/microsoft-365.md, section 2)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from atlas.domain.mailboxes import NO_GUID, Mailbox, MailboxEvidence, NoMailbox
from atlas.domain.records import MalformedRecord, parse_records, problem_of
from atlas.domain.shared_pages.businesses import BusinessDetails, BusinessList
from atlas.domain.shared_pages.creations import CreationsPage, QueryState
from atlas.domain.shared_pages.directory import Group
from atlas.domain.text import replace_lone_surrogates
from atlas.domain.unknown import Unknown
from atlas.domain.users import BOOKINGS_PLAN_ID, LicensedUser, bookings_plan_states, is_usable_state
from atlas.microsoft365 import graph_audit, graph_businesses, graph_groups
from atlas.microsoft365.batches import or_unknown
from atlas.microsoft365.calls import MEBIBYTE, ClassifyFailure, Request, Response, classify_status, parse_next_link
from atlas.microsoft365.failures import ListingExpired, NotUnderstood, ResponseTooLarge, TenantFailure
from atlas.microsoft365.graph_batch import get_many
from atlas.microsoft365.graph_documents import error_code, records_of
from atlas.microsoft365.signed_calls import SignedApiClient

PAGE_SIZE = 999
MIN_PAGE_SIZE = 50
MAX_PAGE_BYTES = 32 * MEBIBYTE
MAX_PAGE_ITEMS = 2_000_000
MIN_RECORDS_TO_JUDGE = 10
"""If no record of a page can be read, and it has at least this many, the page itself is malformed."""
USER_FIELDS = "id,userPrincipalName,displayName,department,mail,accountEnabled,userType,assignedPlans"
SEARCHED_PROPERTIES = ("displayName", "givenName", "surname", "userPrincipalName", "mail")
ADVANCED_QUERY = {"consistencylevel": "eventual"}
MISSING_PERMISSION = "grant the application permission User.Read.All of Microsoft Graph"
MAILBOX_ID = re.compile(r"MBX:([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})@[0-9a-f-]{36}", re.IGNORECASE)
NO_MAILBOX_CODES = frozenset({"MailboxNotEnabledForRESTAPI", "MailboxNotHostedInExchangeOnline"})
NO_USER_CODES = frozenset({"Request_ResourceNotFound", "ResourceNotFound"})
EXPIRED_CODES = frozenset({"Directory_ExpiredPageToken", "DirectoryPageTokenExpired"})
MAX_STATE_LENGTH = 50


@dataclass(frozen=True, slots=True)
class MalformedUser:
    """A record of the listing that cannot be read."""

    user_id: str | None
    """``None``: not even the ID can be read."""
    upn: str | None
    problem: str
    """Which property is missing or malformed."""


@dataclass(frozen=True, slots=True)
class LicensedUsersPage:
    """One page of the listing of users with a Bookings plan. Users whose plan is not usable are left out."""

    users: tuple[LicensedUser, ...]
    next_link: str | None
    total: int | None
    """How many users the complete listing has, unusable plans included; only the first page reports it."""
    malformed: tuple[MalformedUser, ...] = ()


@dataclass(frozen=True, slots=True)
class Account:
    """A user who exists, licensed or not."""

    user: LicensedUser
    is_licensed: bool
    plan_state: str | None = None
    """The state of the user's Bookings plan, the best one if there are several; ``None``: no such plan."""


class _User(BaseModel):
    model_config = ConfigDict(frozen=True)
    user_id: UUID = Field(alias="id")
    upn: str = Field(alias="userPrincipalName")
    display_name: str | None = Field(None, alias="displayName")
    department: str | None = None
    mail: str | None = None
    account_enabled: bool | None = Field(None, alias="accountEnabled")
    user_type: str | None = Field(None, alias="userType")
    plans: tuple[Any, ...] = Field(alias="assignedPlans")

    def as_account(self) -> Account:
        """Raises ``MalformedRecord`` for an empty UPN, or if the plans do not say whether the user is licensed."""
        if not self.upn:
            raise MalformedRecord("userPrincipalName is malformed")
        states = bookings_plan_states(self.plans)
        return Account(
            LicensedUser(
                user_id=str(self.user_id),
                upn=replace_lone_surrogates(self.upn),
                display_name=self.display_name and replace_lone_surrogates(self.display_name),
                department=self.department and replace_lone_surrogates(self.department),
                mail=self.mail and replace_lone_surrogates(self.mail),
                account_enabled=self.account_enabled,
                user_type=self.user_type and replace_lone_surrogates(self.user_type),
            ),
            is_licensed=any(map(is_usable_state, states)),
            plan_state=replace_lone_surrogates(states[0])[:MAX_STATE_LENGTH] if states else None,
        )


class Graph:
    """The directory, as Microsoft Graph v1.0 knows it. Methods raise ``TenantFailure`` unless they say otherwise."""

    def __init__(self, client: SignedApiClient) -> None:
        self._client = client
        self._page_size = PAGE_SIZE

    async def get_licensed_page(self, link: str | None, page_size: int = PAGE_SIZE) -> LicensedUsersPage:
        """The first page of the listing, or the page of ``link``. A page contains each user once.

        A malformed record is requested once more on its own. A page that is too large is requested in smaller pages.
        Raises ``ListingExpired`` if the listing has to start again. A page may be empty and not be the last.
        """
        page = await self._read_licensed_page(link, min(page_size, self._page_size))
        return await self._with_malformed_users_reread(page) if page.malformed else page

    async def get_account(self, id_or_upn: str) -> Account | None:
        """The user with this object ID or UPN; ``None`` if the directory has none."""
        path = f"/users/{quote(id_or_upn, safe='')}?{urlencode({'$select': USER_FIELDS})}"
        return _parse_account_or_none(await self._get(path, _classify_unless_404))

    async def search_accounts(self, text: str, limit: int) -> tuple[Account, ...]:
        """Users whose name, UPN or mail address begins with this text, at most ``limit``; skips malformed ones."""
        quoted = "'{}'".format(text.replace("'", "''"))
        query = {
            "$filter": " or ".join(f"startswith({name},{quoted})" for name in SEARCHED_PROPERTIES),
            "$top": str(limit),
            "$select": USER_FIELDS,
        }
        response = await self._get(f"/users?{urlencode(query, quote_via=quote)}", _classify)
        return parse_records(records_of(response.json(), "users"), _parse_user).valid

    async def get_accounts(self, ids_or_upns: Sequence[str]) -> Mapping[str, Account | Unknown | None]:
        """As ``get_account`` for many object IDs or UPNs; a request that fails yields an ``Unknown``."""
        select = urlencode({"$select": USER_FIELDS})
        paths = {user_id: f"/users/{quote(user_id, safe='')}?{select}" for user_id in ids_or_upns}
        responses = await get_many(self._client, paths, _classify_unless_404)
        return {user_id: or_unknown(response, _parse_account_or_none) for user_id, response in responses.items()}

    async def get_mailbox(self, user_id: str) -> Mailbox | NoMailbox:
        """The mailbox of one user; only its GUID is known to Graph."""
        return _parse_mailbox_or_none(await self._get(f"/users/{user_id}/settings/exchange", _classify_unless_404))

    async def get_mailboxes(self, user_ids: Sequence[str]) -> Mapping[str, MailboxEvidence]:
        """As ``get_mailbox`` for many users; a request that fails yields an ``Unknown``."""
        paths = {user_id: f"/users/{user_id}/settings/exchange" for user_id in user_ids}
        responses = await get_many(self._client, paths, _classify_unless_404)
        return {user_id: or_unknown(response, _parse_mailbox_or_none) for user_id, response in responses.items()}

    async def get_group_member_ids(self, group_id: str) -> frozenset[str]:
        """The object IDs of all transitive members of a group. Raises if not all of them can be read."""
        return await graph_groups.get_member_ids(self._client, group_id)

    async def prove_shared_pages(self) -> None:
        """List the shared Bookings pages, to prove that they may be listed."""
        await self.get_business_list()

    async def prove_group_members(self) -> None:
        """Prove that the members of groups may be read."""
        await graph_groups.prove_group_members(self._client)

    async def prove_audit_log(self) -> None:
        """Prove that the audit log may be searched, without starting a search."""
        await graph_audit.prove_audit_log(self._client)

    async def get_business_list(self) -> BusinessList:
        """The shared pages, as many as Graph lists."""
        return await graph_businesses.get_business_list(self._client)

    async def get_businesses(self, business_ids: Sequence[str]) -> Mapping[str, BusinessDetails | Unknown | None]:
        """Shared pages with their staff and services; ``None``: there is no such page."""
        return await graph_businesses.get_businesses(self._client, business_ids)

    async def get_groups(self, group_ids: Sequence[str]) -> Mapping[str, Group | Unknown | None]:
        """Groups with their transitive members; ``None``: there is no such group."""
        return await graph_groups.get_groups(self._client, group_ids)

    async def start_creation_query(self, start: datetime, end: datetime) -> str:
        """Start to search the audit log for creations of shared pages; returns the ID of the query."""
        return await graph_audit.start_creation_query(self._client, start, end)

    async def get_creation_query(self, query_id: str) -> QueryState:
        """The progress of a query."""
        return await graph_audit.get_creation_query(self._client, query_id)

    async def get_creations_page(self, query_id: str, link: str | None) -> CreationsPage:
        """The first page of the results of a query, or the page of ``link``."""
        return await graph_audit.get_creations_page(self._client, query_id, link)

    async def _read_licensed_page(self, link: str | None, page_size: int) -> LicensedUsersPage:
        try:
            return parse_users_page((await self._send_listing(link, page_size)).json(), self._client.base_url)
        except ResponseTooLarge:
            if page_size <= MIN_PAGE_SIZE:
                raise
            self._page_size = max(page_size // 2, MIN_PAGE_SIZE)
        if link:  # a link is opaque: it cannot be changed to a smaller page
            raise ListingExpired("a page of users was too large; the listing starts again with smaller pages")
        return await self._read_licensed_page(None, self._page_size)

    async def _send_listing(self, link: str | None, page_size: int) -> Response:
        query = {
            "$filter": f"assignedPlans/any(a:a/servicePlanId eq {BOOKINGS_PLAN_ID})",
            "$count": "true",
            "$top": str(page_size),
            "$select": USER_FIELDS,
        }
        url = link or f"{self._client.base_url}/v1.0/users?{urlencode(query, quote_via=quote)}"
        request = Request("GET", url, ADVANCED_QUERY, max_response_bytes=MAX_PAGE_BYTES, max_items=MAX_PAGE_ITEMS)
        return await self._client.send(request, _classify_listing)

    async def _with_malformed_users_reread(self, page: LicensedUsersPage) -> LicensedUsersPage:
        accounts = await self.get_accounts([user.user_id for user in page.malformed if user.user_id])
        reread = [accounts.get(user.user_id) for user in page.malformed if user.user_id]
        users = {user.user_id: user for user in page.users} | {
            account.user.user_id: account.user
            for account in reread
            if isinstance(account, Account) and account.is_licensed
        }
        malformed = tuple(
            user
            for user in page.malformed
            if user.user_id is None or (isinstance(accounts[user.user_id], Unknown) and user.user_id not in users)
        )
        return replace(page, users=tuple(users.values()), malformed=malformed)

    async def _get(self, path: str, classify_failure: ClassifyFailure) -> Response:
        return await self._client.send(Request("GET", f"{self._client.base_url}/v1.0{path}"), classify_failure)


def parse_users_page(document: Any, base_url: str) -> LicensedUsersPage:
    """One page of ``GET /users``. Raises ``NotUnderstood`` if the page as a whole is malformed."""
    accounts = parse_records(records_of(document, "users"), _parse_user)
    if not accounts.valid and len(accounts.malformed) >= MIN_RECORDS_TO_JUDGE:
        raise NotUnderstood(f"Microsoft Graph sent a page of users of which {accounts.malformed[0].problem}")
    licensed = {account.user.user_id: account.user for account in accounts.valid if account.is_licensed}
    total = document.get("@odata.count")
    return LicensedUsersPage(
        users=tuple(licensed.values()),
        next_link=parse_next_link(base_url, document.get("@odata.nextLink")),
        total=total if isinstance(total, int) else None,
        malformed=tuple(_malformed_user(record.raw, record.problem) for record in accounts.malformed),
    )


def parse_account(document: Any) -> Account:
    """One user. Raises ``NotUnderstood``."""
    try:
        return _parse_user(document)
    except ValidationError as error:
        raise NotUnderstood(f"Microsoft Graph sent a user of whom {problem_of(error)}") from None
    except MalformedRecord as error:
        raise NotUnderstood(f"Microsoft Graph sent a user of whom {error}") from None


def parse_mailbox(document: Any) -> Mailbox | NoMailbox:
    """The response to ``settings/exchange``. Raises ``NotUnderstood`` if it has no complete mailbox ID."""
    text = document.get("primaryMailboxId") if isinstance(document, dict) else None
    matched = MAILBOX_ID.fullmatch(text) if isinstance(text, str) else None
    if not matched:
        raise NotUnderstood("Microsoft Graph sent no mailbox ID of the form MBX:{GUID}@{tenant}")
    guid = UUID(matched[1])
    return NoMailbox() if guid == NO_GUID else Mailbox(guid)


def _parse_user(document: Any) -> Account:
    return _User.model_validate(document).as_account()


def _malformed_user(raw: Any, problem: str) -> MalformedUser:
    record = raw if isinstance(raw, dict) else {}
    try:
        user_id = str(UUID(record["id"]))
    except (KeyError, TypeError, ValueError, AttributeError):
        user_id = None
    upn = record.get("userPrincipalName")
    return MalformedUser(user_id, replace_lone_surrogates(upn) if isinstance(upn, str) and upn else None, problem)


def _parse_account_or_none(response: Response) -> Account | None:
    """The user; ``None`` only if Graph itself says that there is none. Raises ``NotUnderstood``."""
    if response.status != 404:
        return parse_account(response.json())
    code = error_code(response)
    if code in NO_USER_CODES:
        return None
    raise NotUnderstood(f"Microsoft Graph responded with 404 {code} to the request for a user")


def _parse_mailbox_or_none(response: Response) -> Mailbox | NoMailbox:
    if response.status != 404:
        return parse_mailbox(response.json())
    code = error_code(response)
    if code in NO_MAILBOX_CODES:
        return NoMailbox()
    raise NotUnderstood(f"Microsoft Graph responded with 404 {code} to the request for a mailbox")


def _classify(response: Response) -> TenantFailure | None:
    return classify_status(response, MISSING_PERMISSION)


def _classify_unless_404(response: Response) -> TenantFailure | None:
    return None if response.status == 404 else _classify(response)


def _classify_listing(response: Response) -> TenantFailure | None:
    if response.status == 400 and error_code(response) in EXPIRED_CODES:
        return ListingExpired("Microsoft Graph says that the listing of users is too old to continue")
    return _classify(response)
