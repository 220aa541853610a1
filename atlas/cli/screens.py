"""One screen about a user, the policy, the rights of the product, a deployed app, or a calibration.

A screen is a list of parts; a text among them is printed without wrapping, so that a command can be copied whole.
"""

from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from atlas.cli.terminal import MEANINGS, plain
from atlas.domain.advice import advice_for_organization, advice_for_user, commands_for_mailbox
from atlas.domain.bookings_settings import MEANINGS as BOOKINGS_SETTINGS
from atlas.domain.bookings_settings import format_setting
from atlas.domain.findings import Finding
from atlas.domain.mailboxes import Mailbox
from atlas.domain.owa_policies import Benchmark, OwaPolicy
from atlas.domain.pages import NoPage, PageFound, Redirected, SignInRequired
from atlas.domain.policy import OpenQuestion, PolicyVerdict, Verdict
from atlas.domain.unknown import Reason
from atlas.domain.user_rows import UserRow
from atlas.health.calibration import Calibration, Sample
from atlas.health.checks import Check
from atlas.health.permissions import PERMISSIONS, Permission
from atlas.pages.observation import Inspection
from atlas.pages.organization_policy import OrganizationPolicy

MAX_BODY_LENGTH = 600
END_OF_EWS = OpenQuestion.END_OF_EWS
type Screen = list[Table | Text]
FINDINGS = {
    Finding.POLICY_CONTRADICTS_PAGE: "a policy forbids it, and the page is there all the same",
    Finding.POLICY_CONFLICT: "the organisation's policy blocks, and the mailbox's own allows",
    Finding.CAPABILITY_CONTRADICTS_PAGE: "the page answers, though the licence has not reached the mailbox",
    Finding.NOTHING_BOOKABLE: "there are public types, and nothing can be booked in the next 7 days",
}
BENCHMARKS = {
    Benchmark.PASS: "shared pages are restricted to selected users",
    Benchmark.FAIL: "everybody may make shared pages",
    Benchmark.UNKNOWN: "a setting it needs has no value, or was not told",
}
BOOKABLE = {True: "yes, within 7 days", False: "nothing within 7 days", None: None}
OF_HEALTH = {True: ("works", "green"), False: ("fails", "red"), None: ("not asked", "dim")}
PERMISSIONS_OF_CHECKS = {
    "signIn": (Permission.SIGN_IN,),
    "graph": (Permission.USERS,),
    "exchange": (Permission.EXCHANGE_SETTINGS, Permission.MAILBOXES),
    "bookings": (Permission.BOOKINGS,),
    "tables": (Permission.TABLES,),
}


def user_screen(inspection: Inspection, bookings_url: str) -> Screen:
    """One user: whether there is a page, if not why not, and what would change it."""
    row, policy = inspection.row, inspection.evidence.policy if inspection.evidence else None
    facts = {
        "user": f"{row.user.display_name or ''} <{row.user.upn}>".strip(),
        "status": f"{row.status}: {MEANINGS[row.status]}",
        "why": row.reason,
        "meeting types": ", ".join(meeting_type.title for meeting_type in row.meeting_types or ()) or None,
        "bookable": BOOKABLE[row.bookable],
        "policy": _told_policy(policy, row) if policy else None,
        "findings": "; ".join(f"{finding}: {FINDINGS[finding]}" for finding in row.findings) or None,
    }
    screen: Screen = [_facts(facts)]
    if row.url:  # not in the table, which would break it in two
        screen += _titled("The page", row.url)
    fix = advice_for_user(row, bookings_url)
    if fix:
        screen += _titled("What would change it", fix)
    if switch := _switch(inspection):
        screen += _titled("Turning it on and off", switch, "For the whole organisation: atlas policy")
    questions = policy.questions if policy else ()
    untold = [question for question in questions if question not in (fix or "")]
    bearing = [question for question in untold if question is not END_OF_EWS or _is_without_ews(policy)]
    return screen + _titled("What Microsoft's documents leave open", *bearing)


def _switch(inspection: Inspection) -> str | None:
    """How the user alone is switched, where that was learned and no fix says it already."""
    mailbox = inspection.evidence and inspection.evidence.mailbox
    if not isinstance(mailbox, Mailbox) or mailbox.ews is None or inspection.row.policy_verdict is not Verdict.ON:
        return None
    return commands_for_mailbox(inspection.row.user.upn, mailbox.ews)


def _told_policy(policy: PolicyVerdict, row: UserRow) -> str:
    return str(policy.verdict) if policy.reason == row.reason else f"{policy.verdict}: {policy.reason}"


def _is_without_ews(policy: PolicyVerdict | None) -> bool:
    return policy is not None and policy.verdict is Verdict.EWS_DISABLED


def policy_screen(policy: OrganizationPolicy) -> Screen:
    """The organisation: its verdict, the settings beside it, and what would change it."""
    verdict, organization = policy.verdict, policy.organization
    app_ids = policy.ews_allowed_app_ids
    facts = {
        "verdict": f"{verdict.verdict}: {verdict.reason}",
        "setting": verdict.setting and f"{verdict.setting} is {format_setting(verdict.value)}",
        "EwsAllowedAppIDs": "not told" if app_ids is None else ", ".join(app_ids) or "empty; no part in the verdict",
        "CIS 1.3.9": f"{policy.cis_1_3_9}: {BENCHMARKS[policy.cis_1_3_9]}",
    }
    screen: Screen = [_facts(facts)]
    if organization:
        screen.append(_settings_table(organization.bookings))
    if policy.owa_policies is not None:
        screen.append(_owa_table(policy.owa_policies))
    screen += _titled("What would change it", advice_for_organization(verdict))
    return screen + _titled("What Microsoft's documents leave open", *verdict.questions)


def permissions_screen(checks: Mapping[Permission, Check], tenant_id: str, identity: str) -> Screen:
    """Each need of the product: met or not, and for those that are not, what is lost and what grants it."""
    table = _table("need", "state", "it", "what was found")
    for need, check in checks.items():
        state, colour = _state(need, check)
        table.add_row(plain(need), Text(state, style=colour), plain(PERMISSIONS[need].serves), plain(check.detail))
    screen: Screen = [_facts({"tenant": tenant_id, "signs in as": identity}), table]
    failing = [need for need, check in checks.items() if check.ok is False]
    refused = [need for need in failing if checks[need].reason is Reason.REFUSED]
    # Whoever cannot sign in is refused everywhere, and learns nothing of the other rights.
    screen += _grants("Without", refused[:1] if Permission.SIGN_IN in refused else refused)
    unproved = [need for need in failing if need not in refused]
    return screen + _titled("Ask again later", *(f"Not proved: {need}. {checks[need].detail}." for need in unproved))


def _grants(title: str, needs: Iterable[Permission]) -> Screen:
    """What is lost without these needs, and what grants them, each way to grant once."""
    screen: Screen = []
    for grant, same in groupby(needs, lambda need: PERMISSIONS[need].grant):
        without = list(same)
        screen += _titled(
            f"{title} {', '.join(without)}", *(f"Lost: {PERMISSIONS[need].lost}." for need in without), grant
        )
    return screen


def health_screen(health: Mapping[str, Any]) -> Screen:
    """What a deployed app says of itself, in the shape of docs/api.md."""
    table = _table("need", "state", "what was found")
    for name, check in health["checks"].items():
        state, colour = OF_HEALTH[check["ok"]]
        table.add_row(plain(name), Text(state, style=colour), plain(check["detail"]))
    last = health["lastScan"]
    scan = f"{last['state']}, finished {last['finishedAt']}" if last else "none has finished yet"
    screen: Screen = [_facts({"app": str(health["status"]), "last scan": scan}), table]
    failing = [name for name, check in health["checks"].items() if check["ok"] is False]
    # The app tells what it found in words alone: a service that throttles looks as one that refuses.
    return screen + _grants("If it lacks", (need for name in failing for need in PERMISSIONS_OF_CHECKS.get(name, ())))


def calibration_screen(calibration: Calibration, markers: Iterable[str]) -> Screen:
    """What the service answered for a page, for none and for nobody, and what should be done about it."""
    screen: Screen = []
    for sample in (calibration.known_page, calibration.known_without, calibration.nobody):
        screen += _titled(f"For {sample.of}", *_sample_lines(sample))
    return screen + _titled("So", _advice(calibration, markers))


def _sample_lines(sample: Sample) -> list[str]:
    if sample.response is None:
        return [f"not asked: {sample.problem}"] if sample.problem else []
    body = sample.response.body[:MAX_BODY_LENGTH].decode("utf-8", "replace")
    kind = sample.response.headers.get("content-type", "no type")
    return [f"answered {sample.response.status}, {kind}", f"taken for {_meaning(sample)}", body or "(no body)"]


def _meaning(sample: Sample) -> str:
    match sample.meaning:
        case PageFound(public_types=types):
            return f"a page; public meeting types: {len(types)}"
        case SignInRequired():
            return "a page that asks for sign-in"
        case NoPage():
            return "no page"
        case Redirected(url=url):
            return f"a page that moved to {url}, which a scan would ask next"
        case other:
            return f"something not learned ({other})"


def _advice(calibration: Calibration, markers: Iterable[str]) -> str:
    present = ",".join(markers)
    if calibration.is_right:
        return f"The answers are told apart. Leave NOT_SET_UP_MARKERS as it is: {present}"
    if calibration.candidates:
        words = ", ".join(calibration.candidates)
        return (
            "The answer for the user without a page is a 500 that holds none of NOT_SET_UP_MARKERS. Add the word that "
            f"says so, and none that would pass:\n    NOT_SET_UP_MARKERS={present},<word>\n"
            f"It holds, and the answer of the page does not: {words}"
        )
    return (
        "The answers are not told apart. Check that the first user has a page that answers in a browser without "
        "signing in, and that the second has none; then ask again, for the service may only be busy."
    )


def _state(need: Permission, check: Check) -> tuple[str, str]:
    match check.ok, check.reason:
        case True, _:
            return "granted" if PERMISSIONS[need].is_right else "works", "green"
        case None, _:
            return "not asked", "dim"
        case False, Reason.REFUSED if PERMISSIONS[need].is_optional:
            return "not granted", "yellow"
        case False, Reason.REFUSED:
            return "missing" if PERMISSIONS[need].is_right else "refused", "red"
        case _:
            return "not proved", "yellow"


def _facts(facts: Mapping[str, str | None]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, fact in facts.items():
        if fact:
            table.add_row(name, plain(fact.replace("\n", " ")))  # a name makes no line of its own
    return table


def _settings_table(settings: Mapping[str, Any]) -> Table:
    table = _table("setting", "value", "what it does")
    for name, value in settings.items():
        table.add_row(plain(name), plain(format_setting(value)), BOOKINGS_SETTINGS.get(name, ""))
    return table


def _owa_table(policies: Iterable[OwaPolicy]) -> Table:
    table = _table("OWA policy", "default", "its users may make shared pages", "in the domain")
    for policy in policies:
        default = format_setting(policy.is_default)
        creation = format_setting(policy.allows_creation)
        table.add_row(plain(policy.identity), default, creation, plain(policy.domain or ""))
    return table


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _titled(title: str, *texts: str) -> Screen:
    """A title with texts below it; nothing without a text."""
    return [Text(f"\n{title}", style="bold"), *(plain(text) for text in texts)] if texts else []
