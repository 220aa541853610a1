#!/usr/bin/env bash
# Before Azure: stops at values that cannot work. Where callers bring tokens, the API has to be registered first, for
# Easy Auth is told its client id.
source "$(dirname "$0")/common.sh"

stop() {
  say "$@" >&2
  exit 1
}

# A value that has to be one of those that follow it: its name, itself, the others.
one_of() {
  local name=$1 value=$2 known
  shift 2
  for known in "$@"; do
    if [ "$value" = "$known" ]; then
      return
    fi
  done
  stop "$name is '$value', and may be one of: $*. Run: azd env set $name $1"
}

[ -n "${ATLAS_TENANT_ID:-}" ] || stop 'Which tenant is scanned? Run: azd env set ATLAS_TENANT_ID <tenant id>'
[ -n "${AZURE_SUBSCRIPTION_ID:-}" ] ||
  stop 'Which subscription is deployed to? Run: azd env set AZURE_SUBSCRIPTION_ID <subscription id>'
[ -n "${AZURE_LOCATION:-}" ] || stop 'Which region is deployed to? Run: azd env set AZURE_LOCATION <region>'
one_of ATLAS_API_ACCESS "$ATLAS_API_ACCESS" key entra
one_of ATLAS_SIGN_IN "$ATLAS_SIGN_IN" managedIdentity federatedRegistration certificateRegistration
one_of ATLAS_DURABLE_BACKEND "${ATLAS_DURABLE_BACKEND:-storage}" storage dts
if [ "$ATLAS_SIGN_IN" != managedIdentity ] && [ -z "${ATLAS_SIGN_IN_CLIENT_ID:-}" ]; then
  stop "ATLAS_SIGN_IN is $ATLAS_SIGN_IN. Which registration does the app sign in as?" \
    'Run: azd env set ATLAS_SIGN_IN_CLIENT_ID <client id>'
fi

if [ "$ATLAS_SIGN_IN" = managedIdentity ]; then
  lower() { say "$1" | tr '[:upper:]' '[:lower:]'; }
  home=$(az account show --subscription "$AZURE_SUBSCRIPTION_ID" --query tenantId --output tsv) || home=
  if [ -z "$home" ]; then
    say "Warning: whether the subscription belongs to the tenant $ATLAS_TENANT_ID could not be asked. Run: az login" >&2
  elif [ "$(lower "$home")" != "$(lower "$ATLAS_TENANT_ID")" ]; then
    stop "The subscription belongs to the tenant $home, and ATLAS_TENANT_ID is $ATLAS_TENANT_ID." \
      'A managed identity reads its own tenant only. Either: azd env set ATLAS_TENANT_ID '"$home" \
      'or, with an app registration as docs/operate.md tells in "Scanning another tenant":' \
      '  azd env set ATLAS_SIGN_IN federatedRegistration' \
      '  azd env set ATLAS_SIGN_IN_CLIENT_ID <client id>'
  fi
fi
if [ -z "${ATLAS_ALERT_EMAIL:-}" ]; then
  say 'Warning: nobody will be told when it stops. To be told: azd env set ATLAS_ALERT_EMAIL <address>' >&2
fi

if [ "${ATLAS_PRIVATE_NETWORKING:-false}" = true ]; then
  az provider register --namespace Microsoft.App --subscription "$AZURE_SUBSCRIPTION_ID" --wait ||
    say 'Warning: Microsoft.App could not be registered; see above. If it is not yet, the network will be refused.' \
      "Somebody who may: az provider register --namespace Microsoft.App --subscription $AZURE_SUBSCRIPTION_ID" >&2
fi

if [ "$ATLAS_API_ACCESS" != entra ]; then
  exit 0
fi
if client_id=$(deploy_entra) && [ -n "$client_id" ]; then
  azd env set ATLAS_API_CLIENT_ID "$client_id"
  say "The API is registered in Entra, with the client id $client_id."
elif [ -n "${ATLAS_API_CLIENT_ID:-}" ]; then
  say 'The registration of the API could not be brought up to date; see above.' \
    "The one with the client id $ATLAS_API_CLIENT_ID is taken as it is."
else
  stop '' 'The API could not be registered in Entra; see above. If it says that you may not, ask somebody who is' \
    "Application Administrator in Entra and Contributor of the subscription $AZURE_SUBSCRIPTION_ID, for the registration" \
    'is deployed like a resource. In this folder:' '' \
    "  az deployment sub create --name $(entra_deployment) --location $AZURE_LOCATION --subscription $AZURE_SUBSCRIPTION_ID \\" \
    "    --template-file infra/entra/main.bicep \\" \
    "    --parameters environmentName=$AZURE_ENV_NAME apiAccess=entra --query 'properties.outputs.*.value'" '' \
    'and with the client id that it prints: azd env set ATLAS_API_CLIENT_ID <client id>; then azd up again.'
fi
