"""EXCLUDE_USERS: who is excluded is never queried, and a group that cannot be read clears nobody."""

from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from atlas.domain.excluded_users import ExcludedUsers
from atlas.domain.users import LicensedUser
from atlas.microsoft365.calls import ApiClient
from atlas.microsoft365.connections import open_http, trusted_authorities
from atlas.microsoft365.exclusions import Exclusions
from atlas.microsoft365.failures import NotUnderstood, Refused, TenantFailure
from atlas.microsoft365.graph import Graph
from atlas.microsoft365.signed_calls import SignedApiClient
from tests.clients.serving import serving

GROUP = "0b1c2d3e-0000-4000-8000-000000000001"
ADELE = LicensedUser("6ea91a8d-e32e-41a1-b7bd-d2d185eed0e0", "AdeleV@contoso.com")
BOB = LicensedUser("7ea91a8d-e32e-41a1-b7bd-d2d185eed0e0", "bob@contoso.com")


class TokenSource:
    """Returns a token without any request."""

    async def token(self, scope):
        return "a-token"

    def discard(self, scope, rejected):
        raise AssertionError("nothing was rejected")


@asynccontextmanager
async def exclusions(respond, *entries):
    async with serving(respond) as served, open_http(trusted_authorities(None)) as http:
        graph = Graph(SignedApiClient(ApiClient(http), TokenSource(), "scope", served.url))
        yield Exclusions(ExcludedUsers.parse(entries), graph), served


def members(*user_ids, link=None):
    document = {"value": [{"@odata.type": "#microsoft.graph.user", "id": one} for one in user_ids]}
    return web.json_response({**document, "@odata.nextLink": link} if link else document)


@pytest.mark.parametrize("entry", ["ADELEV@Contoso.com", ADELE.user_id.upper()])
async def test_users_are_excluded_by_upn_and_object_id(entry):
    async with exclusions(lambda _: members(), entry, "somebody@else.com") as (excluded, served):
        assert await excluded.contains(ADELE)
        assert not await excluded.contains(BOB)

    assert served.requests == []


async def test_members_of_all_pages_are_excluded_and_reused():
    def respond(request):
        is_second = "skip" in request.query_string
        link = f"http://{request.host}{request.path}?skip=1"
        return members(BOB.user_id) if is_second else members(ADELE.user_id.upper(), link=link)

    async with exclusions(respond, f"group:{GROUP}") as (excluded, served):
        assert await excluded.contains(ADELE)
        assert await excluded.contains(BOB)

    assert len(served.requests) == 2
    assert served.paths[0].startswith(f"/v1.0/groups/{GROUP}/transitiveMembers")


@pytest.mark.parametrize(
    ("respond", "failure", "words"),
    [
        (lambda _: web.json_response({"error": {"code": "x"}}, status=403), Refused, "GroupMember.Read.All"),
        (lambda _: web.json_response({"error": {"code": "x"}}, status=404), NotUnderstood, "EXCLUDE_USERS"),
        (lambda _: web.json_response({"value": [{"id": 7}]}), NotUnderstood, "malformed"),
        (lambda _: members(BOB.user_id, link="https://evil.example/next"), TenantFailure, "another host"),
    ],
)
async def test_a_group_that_cannot_be_read_is_a_failure(respond, failure, words):
    async with exclusions(respond, f"group:{GROUP}") as (excluded, _):
        for _ in range(2):
            with pytest.raises(failure, match=words):
                await excluded.contains(BOB)


async def test_a_user_who_is_named_is_excluded_even_if_the_group_cannot_be_read():
    failing = web.json_response
    async with exclusions(lambda _: failing({}, status=403), f"group:{GROUP}", ADELE.upn) as (excluded, served):
        assert excluded.is_named(ADELE.upn)
        assert await excluded.contains(ADELE)

    assert served.requests == []
