"""The names under which orchestrators, activities and routes know each other."""

SCAN_TENANT = "scan_tenant"
SCAN_PAGE = "scan_page"

READ_ORGANIZATION = "read_organization"
LIST_MAILBOXES = "list_mailboxes"
LIST_MAILBOX_POLICIES = "list_mailbox_policies"
LIST_USERS = "list_users"
PROBE_USER = "probe_user"
MARK_GONE = "mark_gone"
DELETE_EXPIRED = "delete_expired"
CLOSE_SCAN = "close_scan"
