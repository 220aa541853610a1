"""The route of the report: a page without data, which is open to everyone and reads the other routes."""

import secrets

import azure.durable_functions as df
import azure.functions as func

from api.access import BY_TOKEN
from api.http_headers import RESPONSE_HEADERS
from api.problems import returns_problems
from atlas.report.page import Access, content_security_policy, render_report

blueprint = df.Blueprint()


@blueprint.route("report", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@returns_problems
async def get_report(req: func.HttpRequest) -> func.HttpResponse:
    """The page. It needs no settings, so that it can show which ones are missing."""
    nonce = secrets.token_urlsafe(16)
    headers = {**RESPONSE_HEADERS, "Content-Security-Policy": content_security_policy(nonce)}
    page = render_report(nonce, access=Access.ENTRA if BY_TOKEN else Access.KEY)
    return func.HttpResponse(page, headers=headers, mimetype="text/html", charset="utf-8")
