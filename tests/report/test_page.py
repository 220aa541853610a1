"""The report as a file: its data is inside, in the shapes of the API, and nothing in it can leave its block."""

import json
import re
from dataclasses import replace

import pytest

from api.models.policy import Policy
from api.models.scans import Scan
from api.models.users import User
from atlas.domain.shared_pages.findings import Severity
from atlas.domain.shared_pages.rows import SharedFinding
from atlas.report.documents import policy_document, scan_document, user_document
from atlas.report.page import Access, ReportData, content_security_policy, render_report
from tests.docs.complete_examples import POLICY, ROW, SCAN

TENANT_ID = "72f988bf-86f1-41af-91ab-2d7cd011db47"
URL = "https://outlook.office.com"
NONCE = "0123456789abcdef"
HOSTILE = "</script><script>alert(1)</script><!--\u2028&"


def file_of(*rows):
    return render_report(
        NONCE, ReportData(tenant_id=TENANT_ID, scans=[SCAN], users=rows, bookings_url=URL, policy=POLICY)
    )


def data_of(page):
    (text,) = re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', page, re.DOTALL)
    return json.loads(text)


def as_json(model):
    return json.loads(model.model_dump_json(by_alias=True))


@pytest.mark.parametrize("row", [ROW, replace(ROW, meeting_types=None, policy=None, url=None)])
def test_a_user_in_a_file_has_the_shape_of_the_api(row):
    assert user_document(row) == as_json(User.of(row))


def test_a_scan_in_a_file_has_the_shape_of_the_api():
    assert scan_document(SCAN) == as_json(Scan.of(SCAN))


def test_a_policy_in_a_file_has_the_shape_of_the_api():
    assert policy_document(POLICY) == as_json(Policy.of(POLICY))


def test_no_text_ends_the_block_of_the_data():
    row = replace(ROW, user=replace(ROW.user, display_name=HOSTILE))

    page = file_of(row)

    assert data_of(page)["users"][0]["displayName"] == HOSTILE
    assert "alert(1)</script>" not in page
    assert "<!--" not in page


def test_the_page_that_the_app_serves_holds_no_data():
    page = render_report(NONCE)

    assert 'type="application/json"' not in page
    assert 'data-access="key"' in page
    assert 'data-access="entra"' in render_report(NONCE, access=Access.ENTRA)


def test_a_file_sends_no_requests():
    policy = content_security_policy(NONCE, is_file=True)

    assert "connect-src" not in policy
    assert "default-src 'none'" in policy
    assert policy in file_of().replace("&#39;", "'")


@pytest.mark.parametrize("finding", SharedFinding)
def test_the_page_names_and_ranks_every_finding(finding):
    """The list of the API has no severities, so the page contains them."""
    page = render_report(NONCE)
    (severities,) = re.findall(r"data-severities='([^']*)'", page)

    assert json.loads(severities)[finding] in Severity
    assert re.search(rf'^  {finding}: "[A-Z]', page, re.MULTILINE)


def test_every_script_and_style_has_the_nonce_and_nothing_is_inline():
    page = file_of(ROW)
    markup = re.sub(r"(<(script|style)[^>]*>).*?</\2>", r"\1", page, flags=re.DOTALL)

    assert re.findall(r"<(?:script|style)(?![^>]*nonce=\"0123456789abcdef\")", markup) == []
    assert re.findall(r"\s(?:on\w+|style)=", markup) == []
    assert re.findall(r"(?:https?:)?//[\w.]", markup) == []
