#!/usr/bin/env bash
# Before everything in Azure goes: stops at a lock, and notes what will be left elsewhere while the ids are known.
source "$(dirname "$0")/common.sh"

if [ "${ATLAS_DELETE_LOCK:-false}" = true ]; then
  say 'The resource group is locked. Remove the lock first:' \
    "  az lock delete --name keep --resource-group ${RESOURCE_GROUP:-<resource group>}" \
    '  azd env set ATLAS_DELETE_LOCK false' >&2
  exit 1
fi

client=${IDENTITY_CLIENT_ID:-<client id>}
object=${IDENTITY_PRINCIPAL_ID:-<object id>}
if [ "$ATLAS_SIGN_IN" != managedIdentity ]; then
  client=${ATLAS_SIGN_IN_CLIENT_ID:-<client id>}
  object='<object id of the enterprise application>'
fi
if [ -n "${ATLAS_API_CLIENT_ID:-}" ]; then
  api_object=$(az ad app show --id "$ATLAS_API_CLIENT_ID" --query id --output tsv) || api_object=
  api_object=${api_object:-<its object id, which az ad app show --id $ATLAS_API_CLIENT_ID --query id tells before>}
fi
mkdir -p .local
{
  say 'What is not in Azure is still there. To remove it as well:' '' \
    'In Exchange Online, in PowerShell, if the script was run there:' \
    '  Connect-ExchangeOnline' \
    "  infra/exchange/Grant-AtlasExchangeRights.ps1 -AppId $client -ObjectId $object -Remove"
  if [ -n "${ATLAS_API_CLIENT_ID:-}" ]; then
    say '' 'In Entra, the registration of the API. Entra keeps it and its unique name for 30 days: until the second command' \
      'has run, the same environment cannot register it again:' \
      "  az ad app delete --id $ATLAS_API_CLIENT_ID" \
      "  az rest --method DELETE --url https://graph.microsoft.com/v1.0/directory/deletedItems/$api_object" \
      "  azd env set ATLAS_API_CLIENT_ID ''"
  fi
  if [ "$ATLAS_SIGN_IN" != managedIdentity ]; then
    say '' 'In Entra, the registration that the app signed in as, if nothing else does:' "  az ad app delete --id $client"
  fi
  if [ "$ATLAS_SIGN_IN" = certificateRegistration ]; then
    say '' 'The key vault is protected from purging: Azure removes it by itself after 90 days. To deploy again before, see' \
      'docs/operate.md, "Taking it away".'
  fi
  say '' 'The permissions of the managed identity went with it.'
} >".local/left-$AZURE_ENV_NAME.txt"
say 'Deletes the resource group with all rows and logs. With --purge nothing of it is kept for a while.'
