#!/usr/bin/env bash
# Before everything in Azure is deleted: writes down what remains elsewhere, while the IDs are known, for postdown.sh.
source "$(dirname "$0")/environment.sh"

client=${IDENTITY_CLIENT_ID:-<client ID>}
object=${IDENTITY_PRINCIPAL_ID:-<object ID>}
if [ "$ATLAS_SIGN_IN" != managedIdentity ]; then
  client=${ATLAS_SIGN_IN_CLIENT_ID:-<client ID>}
  object='<object ID of the enterprise application>'
fi

# The commands that delete a registration for good: its client ID.
delete_registration() {
  local object_id
  object_id=$(az ad app show --id "$1" --query id --output tsv) || object_id=
  say "  az ad app delete --id $1" \
    "  az rest --method DELETE --url https://graph.microsoft.com/v1.0/directory/deletedItems/${object_id:-<object ID of the registration $1>}"
}

mkdir -p .local
{
  say 'Some things outside Azure remain. To remove them as well:' '' \
    'In Exchange Online, in PowerShell, if the script was run there:' \
    '  Connect-ExchangeOnline' \
    "  infra/exchange/Grant-AtlasExchangeRole.ps1 -AppId $client -ObjectId $object -Remove"
  if [ -n "${ATLAS_API_CLIENT_ID:-}" ]; then
    say '' 'In Entra, the registrations of the API and the connector. Entra keeps a deleted registration and its unique name' \
      'for 30 days; until it is deleted there too, this environment cannot be registered again:'
    delete_registration "$ATLAS_API_CLIENT_ID"
    if [ -n "${ATLAS_CONNECTOR_CLIENT_ID:-}" ]; then
      delete_registration "$ATLAS_CONNECTOR_CLIENT_ID"
    fi
    say "  azd env set ATLAS_API_CLIENT_ID ''" "  azd env set ATLAS_CONNECTOR_CLIENT_ID ''"
  fi
  if [ "$ATLAS_SIGN_IN" != managedIdentity ]; then
    say '' 'In Entra, the app registration that the app signed in as, unless something else uses it:' "  az ad app delete --id $client"
  fi
  if [ "$ATLAS_SIGN_IN" = certificateRegistration ]; then
    say '' 'The key vault has purge protection: Azure removes it after 90 days. To deploy again before then, see' \
      '"Remove" in docs/operate.md.'
  fi
  say '' 'The permissions of the managed identity were deleted with it.'
} >".local/remaining-$AZURE_ENV_NAME.txt"
say 'This deletes the resource group with all rows and logs. With --purge, Azure keeps no copies for recovery.'
