# shellcheck shell=bash
# What the hooks share; sourced by each. azd gives them the values of its environment as variables.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

ATLAS_API_ACCESS=${ATLAS_API_ACCESS:-key}
ATLAS_SIGN_IN=${ATLAS_SIGN_IN:-managedIdentity}

say() { printf '%s\n' "$@"; }

# What postprovision.sh leaves to grant by hand, for postdeploy.sh.
rights_left() { say ".local/rights-left-$AZURE_ENV_NAME.txt"; }

# A name of a deployment has 64 characters at most.
entra_deployment() { say "entra-${AZURE_ENV_NAME:0:58}"; }

# The registration of the API and the app roles of the identity; prints the client id of the API, if there is one.
deploy_entra() {
  az deployment sub create --name "$(entra_deployment)" --location "$AZURE_LOCATION" \
    --subscription "$AZURE_SUBSCRIPTION_ID" --template-file infra/entra/main.bicep \
    --parameters environmentName="$AZURE_ENV_NAME" apiAccess="$ATLAS_API_ACCESS" signInKind="$ATLAS_SIGN_IN" \
    identityPrincipalId="${IDENTITY_PRINCIPAL_ID:-}" readExchange="${ATLAS_EXCHANGE_EVIDENCE:-true}" \
    readSharedBookings="${ATLAS_READ_SHARED_BOOKINGS:-false}" \
    --query 'properties.outputs.*.value | [0]' --output tsv
}
