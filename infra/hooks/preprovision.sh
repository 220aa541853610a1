#!/usr/bin/env bash
# Before Azure: where callers bring tokens, the API has to be registered first, for Easy Auth is told its client id.
source "$(dirname "$0")/common.sh"

if [ -z "${ATLAS_TENANT_ID:-}" ]; then
  say 'Which tenant is scanned? Run: azd env set ATLAS_TENANT_ID <tenant id>' >&2
  exit 1
fi
if [ "$ATLAS_API_ACCESS" != entra ]; then
  exit 0
fi

if client_id=$(deploy_entra) && [ -n "$client_id" ]; then
  azd env set ATLAS_API_CLIENT_ID "$client_id"
  say "The API is registered in Entra, with the client id $client_id."
elif [ -n "${ATLAS_API_CLIENT_ID:-}" ]; then
  say "You may not change the registration of the API; the one with the client id $ATLAS_API_CLIENT_ID is taken as it is."
else
  say 'You may not register the API in Entra. Ask an Application Administrator to run, in this folder:' '' \
    "  az deployment sub create --location $AZURE_LOCATION --template-file infra/entra/main.bicep \\" \
    "    --parameters environmentName=$AZURE_ENV_NAME apiAccess=entra --query 'properties.outputs.*.value'" '' \
    'and with the client id that it prints: azd env set ATLAS_API_CLIENT_ID <client id>; then azd up again.' >&2
  exit 1
fi
