#!/usr/bin/env bash
# After Azure: gives the identity its app roles, or prints what an administrator has to run. Never stops azd.
source "$(dirname "$0")/common.sh"

left='api entra exchange'
if [ "$ATLAS_SIGN_IN" = managedIdentity ] || [ "$ATLAS_API_ACCESS" = entra ]; then
  if deploy_entra >/dev/null; then
    say 'What could be granted in Entra is granted. Left is what follows, if anything:'
    left=exchange
    if [ "$ATLAS_SIGN_IN" != managedIdentity ]; then
      left='entra exchange'
    fi
  else
    say '' 'This did not work; see above.' \
      'If it says that you may not (Authorization_RequestDenied, Insufficient privileges): an administrator runs, once,' \
      'what follows. Anything else: mend it, and run azd provision again.'
  fi
fi
mkdir -p .local
say "$left" >"$(rights_left)"
# shellcheck disable=SC2086 # several words
bash infra/hooks/permissions.sh $left
