# shellcheck shell=bash
# The deployment of infra/entra, which registers the API and the connector; sourced by preprovision.sh.

# Azure rejects one deployment name in two regions, and names of more than 64 characters.
registrations_deployment() {
  local name="entra-$AZURE_LOCATION-$AZURE_ENV_NAME"
  say "${name:0:64}"
}

# A comma-separated list as JSON.
json_list() {
  local item list=
  for item in ${1//,/ }; do
    list="$list${list:+, }\"$item\""
  done
  say "[$list]"
}

# The values of the template's parameters, one on each line.
registrations_parameters() {
  say "environmentName=$AZURE_ENV_NAME" "apiClientId=${ATLAS_API_CLIENT_ID:-}" \
    "connectorRedirectUris=$(json_list "${ATLAS_CONNECTOR_REDIRECT_URIS:-}")" \
    "preauthorizedClients=$(json_list "${ATLAS_PREAUTHORIZED_CLIENTS:-}")"
}

# The command for someone who may register, to run in a checkout.
registrations_command() {
  local parameter
  say "  az deployment sub create --name $(registrations_deployment) --location $AZURE_LOCATION --subscription $AZURE_SUBSCRIPTION_ID \\" \
    "    --template-file infra/entra/main.bicep --parameters \\"
  while read -r parameter; do say "    '$parameter' \\"; done < <(registrations_parameters)
  say '    --query properties.outputs'
}

# Prints the client IDs of the API and of the connector.
deploy_registrations() {
  local parameters=() parameter
  while read -r parameter; do parameters+=("$parameter"); done < <(registrations_parameters)
  az deployment sub create --name "$(registrations_deployment)" --location "$AZURE_LOCATION" \
    --subscription "$AZURE_SUBSCRIPTION_ID" --template-file infra/entra/main.bicep \
    --parameters "${parameters[@]}" \
    --query 'properties.outputs.[apiClientId.value, connectorClientId.value]' --output tsv
}
