#!/usr/bin/env bash
# After Azure: gives the identity its app roles, or prints what an administrator has to run. Never stops azd.
source "$(dirname "$0")/common.sh"

if [ "$ATLAS_SIGN_IN" != managedIdentity ] && [ "$ATLAS_API_ACCESS" != entra ]; then
  bash infra/hooks/rights.sh
elif ! deploy_entra >/dev/null; then
  say '' 'You may not grant rights in Entra. An administrator gives them, once:'
  bash infra/hooks/rights.sh
elif [ "$ATLAS_SIGN_IN" != managedIdentity ]; then
  bash infra/hooks/rights.sh
else
  say 'The identity has its permissions in Entra. Exchange is left:'
  bash infra/hooks/rights.sh exchange
fi
