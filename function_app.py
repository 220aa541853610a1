"""The index of the app: one line per route and per durable function."""

import azure.durable_functions as df

from activities import (
    begin_creator_search,
    close_scan,
    compare_shared_names,
    delete_expired,
    find_creators,
    inspect_shared_pages,
    join_mailboxes,
    list_businesses,
    list_mailbox_policies,
    list_mailboxes,
    list_shared_mailboxes,
    list_users,
    mark_gone,
    mark_shared_pages_gone,
    probe_user,
    read_organization,
)
from api import (
    adoption,
    changes,
    health,
    policy,
    report,
    scans,
    shared_pages,
    swagger,
    timer,
    unknown_routes,
    users,
)
from api.mcp import route as mcp
from orchestrators import scan_page, scan_tenant

app = df.DFApp()

app.register_functions(timer.blueprint)
app.register_functions(scans.blueprint)
app.register_functions(users.blueprint)
app.register_functions(changes.blueprint)
app.register_functions(shared_pages.blueprint)
app.register_functions(adoption.blueprint)
app.register_functions(policy.blueprint)
app.register_functions(report.blueprint)
app.register_functions(health.blueprint)
app.register_functions(mcp.blueprint)
app.register_functions(swagger.blueprint)
app.register_functions(unknown_routes.blueprint)

app.register_functions(scan_tenant.blueprint)
app.register_functions(scan_page.blueprint)

app.register_functions(begin_creator_search.blueprint)
app.register_functions(read_organization.blueprint)
app.register_functions(list_mailboxes.blueprint)
app.register_functions(list_mailbox_policies.blueprint)
app.register_functions(list_users.blueprint)
app.register_functions(join_mailboxes.blueprint)
app.register_functions(probe_user.blueprint)
app.register_functions(mark_gone.blueprint)
app.register_functions(list_businesses.blueprint)
app.register_functions(list_shared_mailboxes.blueprint)
app.register_functions(compare_shared_names.blueprint)
app.register_functions(inspect_shared_pages.blueprint)
app.register_functions(mark_shared_pages_gone.blueprint)
app.register_functions(find_creators.blueprint)
app.register_functions(delete_expired.blueprint)
app.register_functions(close_scan.blueprint)
