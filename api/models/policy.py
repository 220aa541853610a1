"""The organisation's policy: what callers receive."""

from typing import Any, Self

from pydantic import ConfigDict, Field

from api.models.responses import ADVANCED, IMPORTANT, Moment, Response, enum_labels, labels_of
from atlas.domain.owa_policies import Benchmark
from atlas.domain.policy import Verdict
from atlas.pages.organization_policy import OrganizationPolicy
from atlas.report.documents import policy_document


class OwaPolicy(Response):
    """One OWA mailbox policy."""

    model_config = ConfigDict(title="OWA Policy")

    identity: str = Field(description="The name of the OWA mailbox policy.")
    is_default: bool | None = Field(description="Whether new mailboxes get this policy.")
    bookings_mailbox_creation_enabled: bool | None = Field(
        title="Can Create Pages", description="Whether users with this policy can create shared Bookings pages."
    )
    bookings_mailbox_domain: str | None = Field(title="Domain", description="The email domain of new shared pages.")


class Policy(Response):
    """What the organisation's settings mean for personal bookings."""

    verdict: Verdict = Field(
        description="Whether the organisation's settings allow personal bookings.",
        json_schema_extra={**IMPORTANT, **enum_labels({**labels_of(Verdict), Verdict.EWS_DISABLED: "EWS disabled"})},
    )
    reason: str = Field(description="The reason for the verdict, as a sentence, and what is uncertain about it.")
    setting: str | None = Field(
        description="The setting that determines the verdict, by its name in Exchange; empty if it is not known."
    )
    value: Any = Field(
        description="The value of that setting, as Exchange returns it.", json_schema_extra={"x-nullable": True}
    )
    fix: str = Field(
        description="How to turn personal bookings on and off: steps and PowerShell commands, one per line."
    )
    ews_allowed_app_ids: list[str] = Field(
        description="EwsAllowedAppIDs. It restricts EWS, but does not affect the verdict; empty if it is not set.",
        json_schema_extra={**ADVANCED},
    )
    bookings: dict[str, Any] | None = Field(
        title="Bookings Settings",
        description="Every setting whose name begins with Bookings, as Exchange returns it. None affects the verdict.",
    )
    owa_policies: list[OwaPolicy] = Field(
        description="The OWA mailbox policies, which state who can create shared pages; empty if they are not known."
    )
    cis139: Benchmark = Field(
        title="CIS 1.3.9",
        description="Whether the creation of shared pages is restricted to selected users: pass, fail or unknown.",
    )
    open_questions: list[str] = Field(
        description="What Microsoft's documentation leaves open about these settings.", json_schema_extra={**ADVANCED}
    )
    checked_at: Moment = Field(description="When Exchange was queried.")

    @classmethod
    def of(cls, policy: OrganizationPolicy) -> Self:
        """The organisation's policy, with the commands that change it."""
        return cls.model_validate(policy_document(policy))
