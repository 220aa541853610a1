"""The organisation's policy for personal bookings, read now: the verdict, and the settings it is based on."""

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime

from atlas.domain.owa_policies import Benchmark, OwaPolicy, judge_cis_1_3_9
from atlas.domain.policy import PolicyVerdict, judge_organization, with_last_change
from atlas.domain.unknown import Unknown
from atlas.microsoft365.deadlines import deadline_after, within_or_unknown
from atlas.microsoft365.exchange_settings import Organization
from atlas.resources import TenantClients

TIMEOUT_SECONDS = 25
"""Callers get a response within 30 s."""


@dataclass(frozen=True, slots=True)
class OrganizationPolicy:
    """The verdict for a mailbox without settings of its own, and the settings beside it; ``None``: not known."""

    verdict: PolicyVerdict
    organization: Organization | None
    ews_allowed_app_ids: tuple[str, ...] | None
    owa_policies: tuple[OwaPolicy, ...] | None
    cis_1_3_9: Benchmark
    at: datetime


async def get_organization_policy(clients: TenantClients) -> OrganizationPolicy:
    """Read the settings from Exchange. A failure is not raised, but returned as an unknown verdict with a reason."""
    now = clients.clock()
    if clients.mailboxes is None:
        return _not_known("Exchange is not called, because EXCHANGE_EVIDENCE is false", None, now)
    deadline = deadline_after(TIMEOUT_SECONDS)
    organization, app_ids, owa_policies = await asyncio.gather(
        within_or_unknown(deadline, clients.mailboxes.get_organization()),
        within_or_unknown(deadline, clients.mailboxes.get_allowed_app_ids()),
        within_or_unknown(deadline, clients.mailboxes.get_owa_policies()),
    )
    policies = None if isinstance(owa_policies, Unknown) else owa_policies
    if isinstance(organization, Unknown):
        return _not_known(str(organization), policies, now)
    return OrganizationPolicy(
        verdict=with_last_change(judge_organization(organization.ews, now), organization.ews.changed_at, now),
        organization=organization,
        ews_allowed_app_ids=None if isinstance(app_ids, Unknown) else app_ids,
        owa_policies=policies,
        cis_1_3_9=judge_cis_1_3_9(organization.bookings_enabled, policies),
        at=now,
    )


def _not_known(why: str, policies: tuple[OwaPolicy, ...] | None, at: datetime) -> OrganizationPolicy:
    verdict = judge_organization(None)
    verdict = replace(verdict, reason=f"{verdict.reason}: {why}")
    return OrganizationPolicy(verdict, None, None, policies, judge_cis_1_3_9(None, policies), at)
