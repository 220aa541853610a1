"""The organisation's settings travel through Durable history as JSON."""

import json
from datetime import UTC, datetime

import pytest
from pydantic import TypeAdapter

from atlas.domain.ews_settings import Access, EwsScope
from atlas.domain.organization import OrganizationSettings


@pytest.mark.parametrize(
    "settings",
    [
        OrganizationSettings(),
        OrganizationSettings(sign_in_forced=True, exchange_incomplete=True),
        OrganizationSettings(
            EwsScope(Access.BLOCK, "EnforceBlockList", None, ("*Bookings",), datetime(2026, 11, 1, tzinfo=UTC)),
            sign_in_forced=False,
        ),
    ],
)
def test_settings_survive_json(settings: OrganizationSettings) -> None:
    codec = TypeAdapter(OrganizationSettings)

    text = json.dumps(codec.dump_python(settings, mode="json"))

    assert codec.validate_python(json.loads(text)) == settings
