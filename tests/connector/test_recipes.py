"""The recipes of docs/power-automate.md as a document: the roles that each needs, and the steps that it names."""

import base64
import json
import re
from collections.abc import Iterator

import httpx
import pytest

from api.access import EASY_AUTH_IS_ON, PRINCIPAL_HEADER, AppRole
from connector.steps import STEPS
from tests.connector.recipes import BLANK, DOCUMENT, Request, requests_by_chapter, roles
from tests.e2e.deployment import ROOT, UNSET
from tests.forked import forked_host


@pytest.fixture(scope="module")
def with_easy_auth() -> Iterator[str]:
    """The app with Easy Auth and without settings: callers with the role get 503."""
    settings = {**UNSET, "API_ACCESS": "entra", EASY_AUTH_IS_ON: "True"}
    with forked_host(ROOT, settings=settings) as host:
        yield host.url


def status_with(url: str, request: Request, granted: set[str]) -> int:
    """The status for a caller with these app roles."""
    blanks = dict.fromkeys([name for name in BLANK.findall(request.address) if name != "app"] + ["gateway"], "adele")
    principal = {"role_typ": "roles", "claims": [{"typ": "roles", "val": role} for role in granted]}
    header = {PRINCIPAL_HEADER: base64.b64encode(json.dumps(principal).encode()).decode()}
    filled = request.filled(url, **blanks)
    return httpx.request(filled.method, filled.url, headers=header, timeout=30).status_code


@pytest.mark.servers
@pytest.mark.parametrize("title", requests_by_chapter())
def test_a_recipe_needs_exactly_the_roles_it_names(with_easy_auth: str, title: str) -> None:
    requests, granted = requests_by_chapter()[title], roles()[title]

    assert {status_with(with_easy_auth, request, granted) for request in requests} == {503}
    for role in granted:
        others = {str(other) for other in AppRole} - {role}
        assert 403 in {status_with(with_easy_auth, request, others) for request in requests}


def test_the_table_lists_every_recipe() -> None:
    assert list(roles()) == list(requests_by_chapter())


def test_recipes_name_existing_steps() -> None:
    named = set(re.findall(r"\*([^*]+)\* \(Bookings Atlas\)", DOCUMENT.read_text(encoding="utf-8")))

    assert named <= {step.summary for step in STEPS}
    assert len(named) == 7
