#!/usr/bin/env bash
# Before azd deploys: builds the package (`azd deploy` alone runs no prepackage hook), then waits until the role
# assignments of the identity are old enough to be effective.
source "$(dirname "$0")/environment.sh"

bash infra/hooks/package.sh

# Azure takes a few minutes to apply a new role assignment. Until then, a deployment fails with 403 (azure-dev issue 8026).
MINUTES=5
account="/subscriptions/$AZURE_SUBSCRIPTION_ID/resourceGroups/$RESOURCE_GROUP/providers/Microsoft.Storage/storageAccounts/$STORAGE_ACCOUNT_NAME"
for waited in $(seq 0 "$MINUTES"); do
  # createdOn and %Y-%m-%dT%H:%M sort as text; `date -d` works with GNU, `date -v` with macOS.
  limit=$(date -u -d "-$MINUTES minutes" +%Y-%m-%dT%H:%M 2>/dev/null || date -u -v "-${MINUTES}M" +%Y-%m-%dT%H:%M)
  created=$(az role assignment list --scope "$account" --fill-principal-name false --subscription "$AZURE_SUBSCRIPTION_ID" \
    --query "max([?principalId=='$IDENTITY_PRINCIPAL_ID'].createdOn)" --output tsv) || created=
  if [ -z "$created" ] || [[ "$created" < "$limit" ]] || [ "$waited" = "$MINUTES" ]; then
    break
  fi
  [ "$waited" != 0 ] || say "Waiting up to $MINUTES minutes, until Azure has applied the new role assignments…"
  sleep 60
done
