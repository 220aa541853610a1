"""Groups in Microsoft Graph, with their transitive members (docs/microsoft-365.md, section 2.6)."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from atlas.domain.records import MalformedRecord, parse_records
from atlas.domain.shared_pages.directory import MAX_MEMBERS, Group, Person
from atlas.domain.text import sanitize_json
from atlas.domain.unknown import Unknown
from atlas.domain.users import bookings_plan_states, is_usable_state
from atlas.microsoft365.batches import or_unknown
from atlas.microsoft365.calls import Request, Response, classify_status, parse_next_link
from atlas.microsoft365.failures import NotUnderstood, TenantFailure
from atlas.microsoft365.graph_batch import get_many
from atlas.microsoft365.graph_documents import NO_CODE, error_code, records_of
from atlas.microsoft365.signed_calls import SignedApiClient

MISSING_PERMISSION = "grant the application permission GroupMember.Read.All of Microsoft Graph"
ADVANCED_QUERY = {"ConsistencyLevel": "eventual"}
PAGE_SIZE = 999
NONEXISTENT_GROUP = "00000000-0000-4000-8000-000000000000"
MEMBER_FIELDS = "id,userPrincipalName,displayName,accountEnabled,assignedPlans"


class _MemberId(BaseModel):
    model_config = ConfigDict(frozen=True)
    member_id: UUID = Field(alias="id")


async def get_groups(client: SignedApiClient, group_ids: Sequence[str]) -> Mapping[str, Group | Unknown | None]:
    """Groups with their transitive members."""
    groups = await get_many(client, {group_id: group_path(group_id) for group_id in group_ids}, _classify)
    existing = [group_id for group_id in group_ids if isinstance(groups[group_id], Response)]
    paths = {group_id: members_path(group_id) for group_id in existing}
    members = await get_many(client, paths, _classify, ADVANCED_QUERY)
    return {group_id: _group(groups[group_id], members.get(group_id)) for group_id in group_ids}


async def get_member_ids(client: SignedApiClient, group_id: str) -> frozenset[str]:
    """The object IDs of all transitive members of a group. Raises ``TenantFailure`` if not all of them can be read."""
    members: set[str] = set()
    query = urlencode({"$select": "id", "$top": str(PAGE_SIZE)})
    url: str | None = f"{client.base_url}/v1.0/groups/{group_id}/transitiveMembers?{query}"
    while url:
        document = (await client.send(Request("GET", url), _classify_members)).json()
        records = parse_records(records_of(document, "members of a group"), _MemberId.model_validate)
        if records.malformed:
            raise NotUnderstood(f"Microsoft Graph sent a member of a group of which {records.malformed[0].problem}")
        members.update(str(record.member_id) for record in records.valid)
        url = parse_next_link(client.base_url, document.get("@odata.nextLink"))
    return frozenset(members)


async def prove_group_members(client: SignedApiClient) -> None:
    """Request the members of a group that does not exist: without the permission, Graph refuses instead."""
    url = f"{client.base_url}/v1.0/groups/{NONEXISTENT_GROUP}/transitiveMembers?$select=id&$top=1"
    await client.send(Request("GET", url), _classify_unless_missing)


def _classify_unless_missing(response: Response) -> TenantFailure | None:
    return None if response.status == 404 else classify_status(response, MISSING_PERMISSION)


def _classify_members(response: Response) -> TenantFailure | None:
    if response.status == 404:
        return NotUnderstood("EXCLUDE_USERS names a group that the directory does not have")
    return classify_status(response, MISSING_PERMISSION)


def _group(response: Response | TenantFailure, members: Response | TenantFailure | None) -> Group | Unknown | None:
    def parse(response: Response) -> Group | None:
        if response.status != 404:
            return parse_group(response.json(), _members_document(members))
        if error_code(response) == NO_CODE:
            raise NotUnderstood("Microsoft Graph responded with 404 without a code to the request for a group")
        return None

    return or_unknown(response, parse)


def _members_document(members: Response | TenantFailure | None) -> Any | Unknown:
    if members is None:
        return NotUnderstood("Microsoft Graph sent no members of a group").unknown()

    def parse(response: Response) -> Any:
        if response.status == 404:
            raise NotUnderstood("Microsoft Graph responded with 404 to the request for the members of a group")
        return response.json()

    return or_unknown(members, parse)


def _classify(response: Response) -> TenantFailure | None:
    """A 404 says that there is no such group."""
    return None if response.status == 404 else classify_status(response, MISSING_PERMISSION)


def group_path(group_id: str) -> str:
    """The path of one group."""
    return f"/groups/{quote(group_id, safe='')}?{urlencode({'$select': 'id,displayName,mail'})}"


def members_path(group_id: str) -> str:
    """The path of the users among its transitive members: one more than are listed, and their number."""
    query = urlencode({"$count": "true", "$top": MAX_MEMBERS + 1, "$select": MEMBER_FIELDS})
    return f"/groups/{quote(group_id, safe='')}/transitiveMembers/microsoft.graph.user?{query}"


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True)
    group_id: UUID = Field(alias="id")
    display_name: str | None = Field(None, alias="displayName")
    address: str | None = Field(None, alias="mail")


class _Member(BaseModel):
    model_config = ConfigDict(frozen=True)
    user_id: UUID = Field(alias="id")
    upn: str | None = Field(None, alias="userPrincipalName")
    display_name: str | None = Field(None, alias="displayName")
    enabled: bool | None = Field(None, alias="accountEnabled")
    plans: tuple[Any, ...] | None = Field(None, alias="assignedPlans")

    def as_person(self) -> Person:
        return Person(str(self.user_id), self.upn, self.display_name, self.enabled, self._is_licensed())

    def _is_licensed(self) -> bool | None:
        try:
            return None if self.plans is None else any(map(is_usable_state, bookings_plan_states(self.plans)))
        except MalformedRecord:
            return None


def parse_group(document: Any, members: Any | Unknown) -> Group:
    """One group; ``members`` is the document of its members, or why there is none. Raises ``NotUnderstood``."""
    parsed = parse_records([sanitize_json(document)], _Group.model_validate)
    if parsed.malformed:
        raise NotUnderstood(f"Microsoft Graph sent a group of which {parsed.malformed[0].problem}")
    group = parsed.valid[0]
    count, people = (None, members) if isinstance(members, Unknown) else _parse_members(members)
    return Group(str(group.group_id), group.display_name, group.address, count, people)


def _parse_members(document: Any) -> tuple[int | None, tuple[Person, ...] | None]:
    """How many there are, and who, unless there are too many to list. Raises ``NotUnderstood``."""
    members = parse_records(sanitize_json(records_of(document, "members of a group")), _Member.model_validate)
    if members.malformed:
        raise NotUnderstood(f"Microsoft Graph sent members of a group of whom {members.malformed[0].problem}")
    reported, listed = document.get("@odata.count"), len(members.valid)
    is_complete = not document.get("@odata.nextLink")
    count = reported if isinstance(reported, int) else listed if is_complete else None
    if listed > MAX_MEMBERS or not is_complete:
        return count, None
    return count, tuple(member.as_person() for member in members.valid)
