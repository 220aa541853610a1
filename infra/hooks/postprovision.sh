#!/usr/bin/env bash
# After Azure: grants the identity its app roles, or prints the commands for an administrator. Never stops azd.
source "$(dirname "$0")/environment.sh"
source infra/hooks/app-roles.sh

missing='entra exchange'
if [ "$ATLAS_SIGN_IN" = managedIdentity ]; then
  if grant_app_roles; then
    missing=exchange
  else
    say '' 'The app roles could not be granted; see above. If you lack the permission (Authorization_RequestDenied,' \
      'Insufficient privileges), an administrator runs the commands below, once. Otherwise, fix the cause and run:' \
      '  azd provision'
  fi
fi
mkdir -p .local
say "$missing" >"$(missing_permissions)"
# shellcheck disable=SC2086 # several words
bash infra/hooks/permissions.sh $missing
