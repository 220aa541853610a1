# shellcheck shell=bash
# The app roles that the app needs in Microsoft Graph and Exchange; sourced by postprovision.sh and permissions.sh.

GRAPH=00000003-0000-0000-c000-000000000000
EXCHANGE=00000002-0000-0ff1-ce00-000000000000

# One line for each role: application ID of the service, ID of the role, its name.
app_roles() {
  say "$GRAPH df021288-bdef-4463-88db-98f22de89214 User.Read.All"
  if [ "${ATLAS_EXCHANGE_EVIDENCE:-true}" = true ]; then
    say "$EXCHANGE dc50a0fb-09a3-484d-be87-e023b12c6440 Exchange.ManageAsApp"
  fi
  if [ "${ATLAS_SHARED_PAGES:-true}" = true ]; then
    say "$GRAPH 6e98f277-b046-4193-a4f2-6bf6a78cd491 Bookings.Read.All"
    say "$GRAPH 6b0d2622-d34e-4470-935b-b96550e5ca8d AuditLogsQuery-Exchange.Read.All"
  fi
  if [[ "${ATLAS_SHARED_PAGES:-true}" = true || "${ATLAS_EXCLUDE_USERS:-}" = *group:* ]]; then
    say "$GRAPH 98830695-27a2-44f7-8c18-0c3ebc9698f6 GroupMember.Read.All"
  fi
}

# What a role is for, by its name.
purpose_of() {
  case $1 in
    User.Read.All) say 'lists the licensed users; without it, every scan fails' ;;
    Exchange.ManageAsApp) say 'reads mailboxes and policies, together with the role group below; without it, no reasons' ;;
    Bookings.Read.All) say 'reads shared pages: whether they are published, staff and services' ;;
    AuditLogsQuery-Exchange.Read.All) say 'finds out who created shared pages' ;;
    GroupMember.Read.All) say 'lists the members of groups: excluded ones, and those with access to shared pages' ;;
  esac
}

# The URL of the app roles of a service principal, by its object ID.
role_assignments_url() { say "https://graph.microsoft.com/v1.0/servicePrincipals/$1/appRoleAssignments"; }

# Grants the identity the roles that it lacks. Fails if one cannot be granted.
grant_app_roles() {
  local url granted service role name resource
  url=$(role_assignments_url "$IDENTITY_PRINCIPAL_ID")
  granted=$(az rest --url "$url" --query 'value[].appRoleId' --output tsv) || return
  while read -r service role name; do
    case $granted in
      *"$role"*)
        say "$name is already granted."
        continue
        ;;
    esac
    resource=$(az ad sp show --id "$service" --query id --output tsv) || return
    az rest --method POST --url "$url" --output none --body \
      "{\"principalId\": \"$IDENTITY_PRINCIPAL_ID\", \"appRoleId\": \"$role\", \"resourceId\": \"$resource\"}" || return
    say "Granted $name."
  done < <(app_roles)
}
