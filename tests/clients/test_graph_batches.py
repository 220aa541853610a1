"""Mailbox GUIDs from Microsoft Graph, in batches whose parts fail on their own."""

import json
from uuid import UUID

import pytest
from aiohttp import web

from atlas.domain.mailboxes import Mailbox, NoMailbox
from atlas.domain.unknown import Reason, Unknown
from atlas.microsoft365.batches import MAX_BATCH_ATTEMPTS, parse_batch
from atlas.microsoft365.connections import open_http, trusted_authorities
from atlas.microsoft365.failures import NotUnderstood
from atlas.microsoft365.graph import (
    parse_mailbox,
)
from local.simulator import Fault
from local.simulator.user_mixes import EVERY
from tests.clients.graph_users import BASE, graph_of
from tests.clients.serving import serving


@pytest.fixture(autouse=True)
def batches_without_waiting(monkeypatch):
    monkeypatch.setattr("atlas.microsoft365.batches.DEFAULT_WAIT_SECONDS", 0)


async def test_mailbox_guids_are_requested_in_batches(start):
    clients = await start(users=65, mix=EVERY)
    users = clients.licensed_users()

    mailboxes = await clients.graph.get_mailboxes([user["id"] for user in users])

    for user in users:
        truth = clients.tenant.expected(user["id"], exchange=False)
        mailbox = mailboxes[user["id"]]
        if truth.status == "noMailbox":
            assert mailbox == NoMailbox()
        elif user["mailbox"] == "guidNotInGraph":
            assert isinstance(mailbox, Unknown)
            assert mailbox.reason is Reason.NOT_UNDERSTOOD
        else:
            assert mailbox == Mailbox(UUID(truth.mailbox_guid))


async def test_only_failed_parts_are_retried(start):
    clients = await start(users=20)
    ids = [user["id"] for user in clients.licensed_users()]
    clients.tenant.add_fault(Fault("graph.part.settings", status=429, retry_after="0", times=5))
    clients.tenant.add_fault(Fault("graph.part.settings", status=504, times=4))

    mailboxes = await clients.graph.get_mailboxes(ids)

    assert not [mailbox for mailbox in mailboxes.values() if isinstance(mailbox, Unknown)]
    assert clients.request_count("graph", "batch") <= MAX_BATCH_ATTEMPTS
    assert clients.request_count("graph", "part.settings") == 20 + 9


async def test_each_failed_part_is_unknown_on_its_own(start):
    clients = await start(users=20)
    ids = [user["id"] for user in clients.licensed_users()]
    clients.tenant.add_fault(Fault("graph.part.settings", status=429, retry_after="0", times=None, probability=0.5))

    mailboxes = await clients.graph.get_mailboxes(ids)

    unknown = [mailbox for mailbox in mailboxes.values() if isinstance(mailbox, Unknown)]
    assert list(mailboxes) == ids
    assert {mailbox.reason for mailbox in unknown} <= {Reason.THROTTLED}
    assert len(unknown) < 20


async def test_a_part_with_a_long_wait_is_unknown(start):
    clients = await start(users=3)
    clients.tenant.add_fault(Fault("graph.part.settings", status=429, retry_after="300", times=None))

    mailboxes = await clients.graph.get_mailboxes([user["id"] for user in clients.licensed_users()])

    assert {mailbox.reason for mailbox in mailboxes.values()} == {Reason.THROTTLED}
    assert clients.request_count("graph", "batch") == 1


async def test_refused_parts_name_the_permission(start):
    clients = await start({"sign_in": {"graph_roles": ()}}, users=3)

    mailboxes = await clients.graph.get_mailboxes([user["id"] for user in clients.licensed_users()])

    assert {mailbox.reason for mailbox in mailboxes.values()} == {Reason.REFUSED}
    assert all("User.Read.All" in mailbox.detail for mailbox in mailboxes.values())


async def test_a_nonexistent_user_has_an_unknown_mailbox(start):
    clients = await start(users=1)
    unknown_id = "00000000-1111-4222-8333-444444444444"

    mailboxes = await clients.graph.get_mailboxes([unknown_id])

    assert isinstance(mailboxes[unknown_id], Unknown)


@pytest.mark.parametrize(
    "text",
    [
        "MBX:e0643f21@a7809c93",
        "e0643f21-7a2b-4c1d-9f3e-5b8a1c2d3e4f",
        "",
        None,
        7,
        "MBX:zz643f21-7a2b-4c1d-9f3e-5b8a1c2d3e4f@x",
    ],
)
def test_an_incomplete_mailbox_id_is_not_understood(text):
    with pytest.raises(NotUnderstood):
        parse_mailbox({"primaryMailboxId": text})


def test_an_all_zero_mailbox_guid_means_no_mailbox():
    assert parse_mailbox({"primaryMailboxId": f"MBX:{UUID(int=0)}@{UUID(int=7)}"}) == NoMailbox()


@pytest.mark.parametrize(
    "document",
    [
        {},
        [],
        {"responses": None},
        {"responses": "text"},
    ],
)
def test_a_malformed_batch_is_not_understood(document):
    with pytest.raises(NotUnderstood):
        parse_batch(document, BASE)


MAILBOX_BODY = {"primaryMailboxId": "MBX:e0643f21-7a2b-4c1d-9f3e-5b8a1c2d3e4f@a7809c93-1111-4222-8333-944445555666"}
MALFORMED_PARTS = [
    None,
    {"id": "a"},
    {"status": 200},
    {"id": "a", "status": "soon"},
    {"id": ["a"], "status": 200},
    {"id": "a", "status": 200, "headers": ["x"]},
]


@pytest.mark.parametrize("part", MALFORMED_PARTS)
@pytest.mark.parametrize("alone", [200, 404])
async def test_a_malformed_part_is_requested_alone(part, alone):
    def respond(request):
        if request.path.endswith("$batch"):
            return web.json_response({"responses": [part, {"id": "b", "status": 200, "body": MAILBOX_BODY}]})
        return web.json_response(MAILBOX_BODY if alone == 200 else {}, status=alone)

    async with serving(respond) as served, open_http(trusted_authorities(None)) as http:
        mailboxes = await graph_of(http, served.url).get_mailboxes(["a", "b"])

    assert isinstance(mailboxes["a"], Mailbox if alone == 200 else Unknown)
    assert mailboxes["b"] == Mailbox(UUID("e0643f21-7a2b-4c1d-9f3e-5b8a1c2d3e4f"))
    assert [path.rpartition("/v1.0")[2] for path in served.paths] == ["/$batch", "/users/a/settings/exchange"]


async def test_a_batch_has_at_most_twenty_parts():
    def respond(_):
        parts = [{"id": str(n), "status": 200, "body": MAILBOX_BODY} for n in range(45)]
        return web.json_response({"responses": parts})

    async with serving(respond) as served, open_http(trusted_authorities(None)) as http:
        await graph_of(http, served.url).get_mailboxes([str(n) for n in range(45)])

    assert sorted(len(json.loads(body)["requests"]) for *_, body in served.requests) == [5, 20, 20]
