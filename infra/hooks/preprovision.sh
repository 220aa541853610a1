#!/usr/bin/env bash
# Before Azure: stops at settings that are empty, malformed or inconsistent, and with ATLAS_API_ACCESS=entra registers the
# API, because Easy Auth needs its client ID.
source "$(dirname "$0")/environment.sh"
source infra/hooks/registrations.sh

stop() {
  say "$@" >&2
  exit 1
}

# The variables that have a default in main.bicepparam, only those of one type if one is given (int or bool).
variables() {
  grep -oE "$1\(?readEnvironmentVariable\('[A-Z_]+', '[^']+'" infra/main.bicepparam | cut -d "'" -f 2
}

# Stops if a variable does not match a pattern: the names of the variables, the pattern, a description of valid values.
require() {
  local name
  for name in $1; do
    if [ -n "${!name+set}" ] && ! [[ "${!name}" =~ ^($2)$ ]]; then
      stop "$name is '${!name}'. It must be $3. Run: azd env set $name <value>"
    fi
  done
}

# Stops if a variable is not one of the given values.
require_one_of() {
  local name=$1 valid
  shift
  valid="$*"
  require "$name" "${valid// /|}" "one of: $valid"
}

[ -n "${ATLAS_TENANT_ID:-}" ] || stop 'Which tenant is to be scanned? Run: azd env set ATLAS_TENANT_ID <tenant ID>'
[ -n "${AZURE_SUBSCRIPTION_ID:-}" ] ||
  stop 'Which subscription is the target? Run: azd env set AZURE_SUBSCRIPTION_ID <subscription ID>'
[ -n "${AZURE_LOCATION:-}" ] || stop 'Which region is the target? Run: azd env set AZURE_LOCATION <region>'
require "$(variables '')" '.+' 'something, not empty'
require "$(variables bool)" 'true|false' 'true or false'
require "$(variables int)" '[0-9]+' 'a whole number'
require_one_of ATLAS_API_ACCESS key entra
require_one_of ATLAS_SIGN_IN managedIdentity federatedRegistration certificateRegistration
require_one_of ATLAS_DURABLE_BACKEND storage dts
require_one_of ATLAS_SIZE small medium large
if [ "$ATLAS_SIGN_IN" != managedIdentity ] && [ -z "${ATLAS_SIGN_IN_CLIENT_ID:-}" ]; then
  stop "ATLAS_SIGN_IN is $ATLAS_SIGN_IN. Which app registration does the app sign in as?" \
    'Run: azd env set ATLAS_SIGN_IN_CLIENT_ID <client ID>'
fi

if [ "$ATLAS_SIGN_IN" = managedIdentity ]; then
  lower() { say "$1" | tr '[:upper:]' '[:lower:]'; }
  home=$(az account show --subscription "$AZURE_SUBSCRIPTION_ID" --query tenantId --output tsv) || home=
  if [ -z "$home" ]; then
    say "Warning: it could not be determined whether the subscription belongs to the tenant $ATLAS_TENANT_ID. Run: az login" >&2
  elif [ "$(lower "$home")" != "$(lower "$ATLAS_TENANT_ID")" ]; then
    stop "The subscription belongs to the tenant $home, but ATLAS_TENANT_ID is $ATLAS_TENANT_ID." \
      "A managed identity can read only its own tenant. Either run: azd env set ATLAS_TENANT_ID $home" \
      'or use an app registration, as "Scanning another tenant" in docs/identity.md describes:' \
      '  azd env set ATLAS_SIGN_IN federatedRegistration' \
      '  azd env set ATLAS_SIGN_IN_CLIENT_ID <client ID>'
  fi
fi
if [ -z "${ATLAS_ALERT_EMAIL:-}" ]; then
  say 'Warning: no one receives the alerts. To receive them, run: azd env set ATLAS_ALERT_EMAIL <address>' >&2
fi

# Flex Consumption needs it in every deployment, and Azure Resource Manager does not register it by itself.
az provider register --namespace Microsoft.App --subscription "$AZURE_SUBSCRIPTION_ID" --wait ||
  say 'Warning: the resource provider Microsoft.App could not be registered; see above. Unless it already is, the deployment' \
    "will fail. An Owner or Contributor runs: az provider register --namespace Microsoft.App --subscription $AZURE_SUBSCRIPTION_ID" >&2

if [ "$ATLAS_API_ACCESS" != entra ]; then
  exit 0
fi
if client_ids=$(deploy_registrations) && [ -n "$client_ids" ]; then
  # shellcheck disable=SC2086 # two IDs
  set -- $client_ids
  azd env set ATLAS_API_CLIENT_ID "$1"
  azd env set ATLAS_CONNECTOR_CLIENT_ID "$2"
  say "The API is registered in Entra with the client ID $1, the connector with $2."
elif [ -n "${ATLAS_API_CLIENT_ID:-}" ]; then
  say 'The registration of the API could not be updated; see above.' \
    "The deployment continues with the existing registration $ATLAS_API_CLIENT_ID. If you changed the redirect URIs or the" \
    'pre-authorised clients, an Application Administrator runs this in a checkout:' '' "$(registrations_command)" ''
else
  stop '' 'The API could not be registered in Entra; see above. If you lack the permission, ask someone who is Application' \
    "Administrator in Entra and Contributor of the subscription $AZURE_SUBSCRIPTION_ID to run this in a checkout:" '' \
    "$(registrations_command)" '' \
    'Then, with the client IDs that it prints:' '' \
    '  azd env set ATLAS_API_CLIENT_ID <client ID of the API>' \
    '  azd env set ATLAS_CONNECTOR_CLIENT_ID <client ID of the connector>' \
    '  azd up'
fi
