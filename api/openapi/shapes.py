"""The JSON shapes of docs/api.md as schemas: what each member is called, and what it tells."""

from api.openapi.schemas import (
    Members,
    Schema,
    list_of,
    moment,
    nullable,
    number,
    one_of,
    record,
    ref,
    text,
    truth,
)
from atlas.domain.changes import ChangeKind
from atlas.domain.findings import Finding
from atlas.domain.owa_policies import Benchmark
from atlas.domain.policy import Verdict
from atlas.domain.scans import ScanState
from atlas.domain.statuses import Status
from atlas.health.checks import HealthStatus
from atlas.pages.lookup import Source

OBJECT_ID = text("User ID", "The object id of the user in Microsoft Entra ID.", format="uuid")
UPN = text("User Principal Name", "The name with which the user signs in.")
DISPLAY_NAME = nullable(text("Display Name", "The name of the user as the directory shows it."))
SCAN_ID = nullable(text("Scan ID", "The scan that told this; empty when it was a single look-up."))

MEETING_TYPE: Members = {
    "id": text("Meeting Type ID", "The id of the meeting type on its page."),
    "title": text("Title", "What visitors see."),
    "durationMinutes": nullable(number("Duration In Minutes", "How long a meeting of this type takes.")),
    "isOnline": nullable(truth("Is Online", "Whether it is held online.")),
    "url": text("Meeting Type URL", "Where visitors book a meeting of this type."),
}

USER: Members = {
    "userId": OBJECT_ID,
    "userPrincipalName": UPN,
    "displayName": DISPLAY_NAME,
    "department": nullable(text("Department", "The department of the user.")),
    "accountEnabled": nullable(truth("Account Enabled", "Whether the user may sign in.")),
    "userType": nullable(text("User Type", "Member or Guest.")),
    "recipientType": nullable(text("Recipient Type", "The kind of mailbox, as Exchange names it.")),
    "primarySmtpAddress": nullable(text("Primary SMTP Address", "The main address of the mailbox.")),
    "mailboxGuid": nullable(text("Mailbox GUID", "The id of the mailbox, which the page address holds.")),
    "status": one_of(Status, "Status", "Whether there is a page, and if not, why."),
    "reason": nullable(text("Reason", "Why the status is what it is, in words.")),
    "url": nullable(text("Page URL", "The address of the booking page; empty where there is no page.")),
    "anonymousUrl": nullable(text("Anonymous Page URL", "The same page for visitors who do not sign in.")),
    "meetingTypes": nullable(
        list_of(ref("MeetingType"), "Meeting Types", "The public meeting types; empty where they are not known.")
    ),
    "bookable": nullable(truth("Bookable", "Whether anything can be booked in the next 7 days.")),
    "policyVerdict": nullable(text("Policy Verdict", "Whether policy lets the user have a page.")),
    "policyReason": nullable(text("Policy Reason", "The setting that decides, and what is in doubt.")),
    "findings": list_of(
        one_of(Finding, "Finding", "What is odd about the page."), "Findings", "What is odd about the page."
    ),
    "lastKnownStatus": nullable(one_of(Status, "Last Known Status", "The last status that was known for certain.")),
    "lastKnownAt": nullable(moment("Last Known At", "When that status was known.")),
    "checkedAt": nullable(moment("Checked At", "When the user was asked about last.")),
    "changedAt": nullable(moment("Changed At", "When the status or the address changed last.")),
    "scanId": SCAN_ID,
}

STRETCH: Members = {
    "start": moment("Start", "When it starts, with the offset of the time zone."),
    "end": moment("End", "When it ends, with the offset of the time zone."),
}

AVAILABILITY: Members = {
    "from": moment("From", "The beginning of the time that was asked about."),
    "to": moment("To", "The end of the time that was asked about."),
    "timeZone": text("Time Zone", "The time zone of all these times."),
    "meetingType": nullable(
        record(MEETING_TYPE, "Meeting Type", "The meeting type that the free times are for; empty where there is none.")
    ),
    "items": list_of(ref("AvailabilityItem"), "Items", "All times, as the Bookings service gives them."),
    "free": list_of(ref("FreeTime"), "Free Times", "What can be booked, merged and in order."),
}

AVAILABILITY_PROBLEM: Members = {
    "code": text("Code", "A word for why the availability is not told."),
    "detail": text("Detail", "A sentence that says why."),
}

LOOK_UP: Members = {
    **USER,
    "fix": nullable(text("Fix", "What would change the status: steps and PowerShell, a line each.")),
    "source": one_of(Source, "Source", "Whether the answer was kept (row) or asked for now (live)."),
    "availability": nullable(record(AVAILABILITY, "Availability", "When the user can be booked.")),
    "availabilityProblem": nullable(
        record(AVAILABILITY_PROBLEM, "Availability Problem", "Why the availability is not told.")
    ),
}

CHANGE: Members = {
    "cursor": text("Cursor", "The place of this change in the order of all changes."),
    "at": moment("At", "When the change was seen."),
    "kind": one_of(ChangeKind, "Kind", "What changed."),
    "userId": OBJECT_ID,
    "userPrincipalName": UPN,
    "displayName": DISPLAY_NAME,
    "fromStatus": nullable(one_of(Status, "From Status", "The status before; empty for a new user.")),
    "toStatus": one_of(Status, "To Status", "The status now."),
    "url": nullable(text("Page URL", "The address of the booking page now; empty where there is none.")),
    "previousUrl": nullable(text("Previous Page URL", "The address before.")),
    "scanId": SCAN_ID,
}

SCAN: Members = {
    "id": text("Scan ID", "The id of the scan."),
    "state": one_of(ScanState, "State", "How far the scan is, or how it ended."),
    "trigger": text("Started By", "What started the scan: timer or http."),
    "startedAt": moment("Started At", "When the scan started."),
    "finishedAt": nullable(moment("Finished At", "When the scan ended; empty while it runs.")),
    "usersListed": nullable(number("Users Listed", "How many licensed users were listed.")),
    "usersProbed": nullable(number("Users Probed", "How many of them were asked about.")),
    "byStatus": nullable(
        {
            "type": "object",
            "x-ms-summary": "By Status",
            "description": "How many users are in which status.",
            "additionalProperties": {"type": "integer"},
        }
    ),
    "throttledWaits": nullable(number("Throttled Waits", "How often a service made the scan wait.")),
    "estimatedEnd": nullable(moment("Estimated End", "When the scan will end, at its pace so far.")),
    "warnings": list_of(
        text("Warning", "A sentence for an administrator."), "Warnings", "What an administrator should know."
    ),
    "error": nullable(text("Error", "Why the scan failed.")),
}

OWA_POLICY: Members = {
    "identity": text("Identity", "The name of the OWA mailbox policy."),
    "isDefault": nullable(truth("Is Default", "Whether it is the policy of new mailboxes.")),
    "bookingsMailboxCreationEnabled": nullable(
        truth("May Create Pages", "Whether users of this policy may make shared Bookings pages.")
    ),
    "bookingsMailboxDomain": nullable(text("Domain", "The domain that addresses of new shared pages are of.")),
}

POLICY: Members = {
    "verdict": one_of(Verdict, "Verdict", "What the settings of the organisation say of personal bookings."),
    "reason": text("Reason", "What decides, in words, and what is in doubt."),
    "setting": nullable(text("Setting", "The setting that decides, as Exchange names it.")),
    "value": nullable({"x-ms-summary": "Value", "description": "Its value, as Exchange gives it."}),
    "fix": text("Fix", "What would change it, in both directions: steps and PowerShell, a line each."),
    "ewsAllowedAppIds": nullable(
        list_of(text("App ID", "An app."), "EWS Allowed App IDs", "EwsAllowedAppIDs; it has no part in the verdict.")
    ),
    "bookings": nullable(
        {
            "type": "object",
            "x-ms-summary": "Bookings Settings",
            "description": "Every setting whose name begins with Bookings, as Exchange gives it.",
            "additionalProperties": True,
        }
    ),
    "owaPolicies": nullable(
        list_of(
            record(OWA_POLICY, "OWA Policy", "One OWA mailbox policy."), "OWA Policies", "Who may make shared pages."
        )
    ),
    "cis139": one_of(Benchmark, "CIS 1.3.9", "Whether shared pages are restricted to selected users."),
    "openQuestions": list_of(
        text("Question", "What the documents leave open."),
        "Open Questions",
        "What Microsoft's documents leave open here.",
    ),
    "checkedAt": moment("Checked At", "When Exchange was asked."),
}

CHECK: Members = {
    "ok": nullable(truth("OK", "Whether this need is met; empty when it was not asked.")),
    "detail": text("Detail", "What was found."),
}

CHECKS: Members = {
    "signIn": record(CHECK, "Sign In", "Whether the app can sign in."),
    "graph": record(CHECK, "Graph", "Whether Microsoft Graph answers."),
    "exchange": record(CHECK, "Exchange", "Whether Exchange Online answers."),
    "bookings": record(CHECK, "Bookings", "Whether the Bookings service answers."),
    "tables": record(CHECK, "Tables", "Whether the storage answers."),
}

LAST_SCAN: Members = {
    "id": text("Scan ID", "The id of the scan."),
    "state": one_of(ScanState, "State", "How the scan ended."),
    "finishedAt": nullable(moment("Finished At", "When the scan ended.")),
    "ageSeconds": nullable(number("Age In Seconds", "How long ago that was.")),
}

HEALTH: Members = {
    "status": one_of(HealthStatus, "Status", "Whether the app can do its work."),
    "checks": record(CHECKS, "Checks", "Each need of the app."),
    "lastScan": nullable(record(LAST_SCAN, "Last Scan", "The last scan that finished.")),
}

PROBLEM: Members = {
    "type": text("Type", "The kind of problem, as an address."),
    "title": text("Title", "The name of the HTTP status."),
    "status": number("HTTP Status", "The HTTP status."),
    "detail": text("Detail", "A sentence that says what is wrong."),
    "instance": text("Instance", "The path that was asked for."),
    "code": text("Code", "A word for what is wrong."),
    "errors": list_of(
        record(
            {
                "field": text("Field", "The name of the parameter."),
                "detail": text("Detail", "What would be right."),
            },
            "Error",
            "One wrong parameter.",
        ),
        "Errors",
        "The parameters that are wrong.",
    ),
}


def page_of(shape: str, what: str, **more: Schema) -> Members:
    """One page of a list."""
    return {
        "value": list_of(ref(shape), what, "The items of this page of the list."),
        "continuation": nullable(text("Continuation", "What asks for the next page; empty at the end.")),
        "nextLink": nullable(text("Next Link", "The address of the next page; empty at the end.")),
        **more,
    }


SHAPES: dict[str, Schema] = {
    "User": record(USER, "User", "What is known about the booking page of one user."),
    "MeetingType": record(MEETING_TYPE, "Meeting Type", "One kind of meeting that a page offers."),
    "LookUp": record(LOOK_UP, "Booking Page", "What is known about the booking page of one user."),
    "AvailabilityItem": record(
        {"status": text("Status", "The status of the time, as the Bookings service names it."), **STRETCH},
        "Availability Item",
        "One stretch of time, as the Bookings service gives it.",
    ),
    "FreeTime": record(STRETCH, "Free Time", "One stretch of time that can be booked."),
    "UserList": record(page_of("User", "Users"), "Users", "One page of users."),
    "Change": record(CHANGE, "Change", "One change of the booking page of one user."),
    "ChangeList": record(
        page_of("Change", "Changes", cursor=text("Cursor", "What asks for the changes after these.")),
        "Changes",
        "What changed, oldest first.",
    ),
    "Scan": record(SCAN, "Scan", "One scan of the tenant."),
    "ScanList": record(page_of("Scan", "Scans"), "Scans", "Recent scans, newest first."),
    "Policy": record(POLICY, "Policy", "What the organisation's settings say of personal bookings."),
    "Health": record(HEALTH, "Health", "Whether the app can do its work."),
    "Problem": record(PROBLEM, "Problem", "What is wrong (RFC 9457).", optional=("errors",)),
}
