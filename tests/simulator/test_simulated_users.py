"""The tenant as pure facts: determinism, mapping back, constant memory, and a truth that covers everything."""

import tracemalloc
from collections import Counter
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

import local.simulator
from local.simulator import Evidence, MailboxPolicy, Organization, TenantPlan, expected_results, ids
from local.simulator.policy import AGENT, MAILBOX_SETTINGS, EwsSettings, conflicts, verdict
from local.simulator.tenant import Tenant
from local.simulator.user_kinds import UNDETERMINED
from local.simulator.user_mixes import EVERY, MIXES, shares

STATUSES = {
    "published",
    "noPublicTypes",
    "notSetUp",
    "switchedOff",
    "noCapability",
    "noMailbox",
    "signInRequired",
    "unknown",
}
LARGE = Tenant(TenantPlan(users=50_000))


def licensed_users(tenant):
    return (user for _, user in tenant.in_filter(0) if user.is_licensed)


@given(st.integers(), st.integers(0, (1 << 40) - 1), st.integers(0, 1000))
def test_a_guid_encodes_its_index(seed, index, generation):
    key = ids.key_of(seed, "test")

    guid = ids.guid_of(key, index, generation)

    assert ids.index_of(key, guid) == (index, generation)
    assert ids.index_of(key, guid.replace("-", "").upper()) == (index, generation)


@given(st.uuids(version=4))
def test_a_foreign_guid_has_no_index(guid):
    assert ids.index_of(ids.key_of(1, "test"), str(guid)) is None


@given(st.integers(0, 50_000 - 1))
def test_every_user_is_found_by_each_key(index):
    user = LARGE.user(index)

    assert LARGE.by_object_id(user.object_id) == user
    assert LARGE.by_upn(user.upn.upper()) == user
    assert not user.has_mailbox or LARGE.by_mailbox(user.mailbox_guid.upper()) == user


@given(st.text())
def test_an_invalid_key_finds_no_user(text):
    assert LARGE.by_object_id(text) is None
    assert LARGE.by_upn(text) is None
    assert LARGE.by_mailbox(text) is None


@given(st.integers(0, 3000), st.integers())
def test_a_shuffle_contains_each_position_once(count, seed):
    order = ids.Shuffle(seed, "test", count)

    assert sorted(order[place] for place in range(count)) == list(range(count))


@given(st.integers(0, 5000), st.sampled_from(sorted(MIXES)))
def test_every_kind_has_a_user_if_there_is_room(users, name):
    kinds, ends = shares(MIXES[name], users)
    counts = [end - before for before, end in zip((0, *ends), ends, strict=False)]

    assert ends[-1] == users
    assert min(counts) >= 0
    assert users < 2 * len(kinds) or min(counts) >= 1


def test_the_seed_determines_the_tenant():
    first, again, other = (Tenant(TenantPlan(users=30, seed=seed)) for seed in (1, 1, 2))

    users = [[tenant.user(index) for index in range(30)] for tenant in (first, again, other)]

    assert users[0] == users[1]
    assert users[0] != users[2]
    assert first.tenant_id == again.tenant_id != other.tenant_id


def test_listing_many_users_stores_nothing():
    tenant = Tenant(TenantPlan(users=10_000))
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]

    count = sum(1 for _ in licensed_users(tenant))

    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert count == 10_000
    assert grown < 20_000


def test_names_and_ids_are_unique_in_a_large_tenant():
    users = list(licensed_users(Tenant(TenantPlan(users=3000))))

    for facts in ([p.upn for p in users], [p.object_id for p in users], [p.mailbox_guid for p in users]):
        assert len(set(facts)) == 3000


def test_the_demo_tenant_has_every_status_and_reason():
    found = [expected_results.expected(user, Organization()) for user in licensed_users(Tenant(TenantPlan()))]

    statuses = Counter(one.status for one in found)
    assert sum(statuses.values()) == 200
    assert set(statuses) == STATUSES
    assert {one.reason for one in found} == {None, *UNDETERMINED}
    assert 0.4 < statuses["published"] / 200 < 0.5
    assert 0.3 < statuses["notSetUp"] / 200 < 0.4


def test_without_exchange_no_status_depends_on_it():
    tenant = Tenant(TenantPlan(users=len(EVERY), mix=EVERY))

    found = {
        expected_results.expected(user, Organization(), Evidence(exchange=False)).status
        for user in licensed_users(tenant)
    }

    assert found == STATUSES - {"noCapability", "switchedOff"}


def test_without_mailbox_policies_the_organisation_decides():
    tenant = Tenant(TenantPlan(users=len(EVERY), mix=EVERY))
    evidence = Evidence(mailbox_policy=False)
    blocking = Organization(ews_policy="EnforceBlockList", ews_block_list=(AGENT,))

    open_org = {expected_results.expected(user, Organization(), evidence).status for user in licensed_users(tenant)}
    closed_org = {expected_results.expected(user, blocking, evidence).status for user in licensed_users(tenant)}

    assert "switchedOff" not in open_org
    assert "switchedOff" in closed_org
    assert "notSetUp" not in closed_org


def test_every_finding_can_be_expected():
    tenant = Tenant(TenantPlan(users=len(EVERY), mix=EVERY))
    blocking = Organization(ews_policy="EnforceBlockList", ews_block_list=(AGENT,))

    found = {
        finding
        for organization in (Organization(), blocking)
        for user in licensed_users(tenant)
        for finding in expected_results.expected(user, organization).findings
    }

    assert found == {"policyContradictsPage", "policyConflict", "capabilityContradictsPage", "nothingBookable"}


def test_verdicts_follow_the_documented_truth_table():
    agent = (AGENT,)
    table = [
        (EwsSettings(), EwsSettings(enabled=True), "on"),
        (EwsSettings(block_list=agent), EwsSettings(enabled=True), "on"),
        (EwsSettings(policy="EnforceBlockList", block_list=agent), EwsSettings(enabled=True), "off"),
        (EwsSettings(True, "EnforceBlockList", block_list=("other",)), EwsSettings(enabled=True), "on"),
        (EwsSettings(True, "EnforceAllowList"), EwsSettings(enabled=True), "off"),
        (EwsSettings(True, "EnforceAllowList", ("MicrosoftOWS*",)), EwsSettings(enabled=True), "on"),
        (
            EwsSettings(True, "EnforceAllowList", (AGENT.lower(),)),
            EwsSettings(True, "EnforceBlockList", block_list=agent),
            "off",
        ),
        (EwsSettings(True, "EnforceBlockList", None, agent), EwsSettings(True, "EnforceAllowList", agent), "off"),
        (EwsSettings(enabled=False), EwsSettings(enabled=True), "ewsDisabled"),
        (EwsSettings(True), EwsSettings(False, "EnforceBlockList", block_list=agent), "ewsDisabled"),
    ]

    assert [verdict(ours, theirs) for ours, theirs, _ in table] == [expected for *_, expected in table]
    assert [conflicts(ours, theirs) for ours, theirs, _ in table].index(True) == 7


def test_every_mailbox_policy_has_settings():
    assert set(MAILBOX_SETTINGS) == set(MailboxPolicy)


def test_the_simulator_imports_nothing_of_the_product():
    sources = Path(local.simulator.__file__).parent.glob("*.py")

    assert not [path.name for path in sources if "import atlas" in path.read_text() or "from atlas" in path.read_text()]


def test_a_tenant_may_be_empty():
    tenant = Tenant(TenantPlan(users=0, stale=0, unlicensed=0, exchange_only=0))

    assert list(tenant.in_filter(0)) == list(tenant.in_exchange(0)) == []
    assert tenant.count_in_graph() == 0


def test_the_domain_of_a_url_depends_on_the_evidence():
    tenant = Tenant(TenantPlan(users=2000))
    users = [user for user in licensed_users(tenant) if user.has_mailbox and user.mail is None]

    found = [expected_results.expected(user, Organization(), Evidence(exchange=False)).domain for user in users]

    assert users
    assert found == [user.upn.rpartition("@")[2] for user in users]


def test_forced_sign_in_gives_missing_pages_no_url():
    tenant = Tenant(TenantPlan(users=len(EVERY), mix=EVERY))
    forced = Organization(bookings_auth_enabled=True)

    found = [expected_results.expected(user, forced) for user in licensed_users(tenant)]
    hidden = [expected_results.expected(user, forced, hides_pages=True) for user in licensed_users(tenant)]

    assert {one.status for one in found} == STATUSES - {"published", "noPublicTypes", "notSetUp"}
    assert {one.url_path is None for one in found if one.status == "signInRequired"} == {True, False}
    assert sum(one.url_path is not None for one in hidden) < sum(one.url_path is not None for one in found)


def test_a_url_is_in_lower_case():
    for user in licensed_users(Tenant(TenantPlan(users=100))):
        found = expected_results.expected(user, Organization())
        if found.url_path:
            assert found.url_path == found.url_path.lower()
            assert found.url_path.startswith(f"/bookwithme/user/{user.mailbox_guid.replace('-', '')}@contoso")
            assert found.status in {"published", "noPublicTypes", "signInRequired"}
