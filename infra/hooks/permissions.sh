#!/usr/bin/env bash
# Prints the commands that grant the app its permissions in Microsoft 365; changes nothing.
# Arguments: the parts to print, of entra and exchange; both by default.
source "$(dirname "$0")/environment.sh"
source infra/hooks/app-roles.sh

tenant=${ATLAS_TENANT_ID:-<tenant ID>}
if [ "$ATLAS_SIGN_IN" = managedIdentity ]; then
  client=${IDENTITY_CLIENT_ID:-<client ID of the identity>}
  object=${IDENTITY_PRINCIPAL_ID:-<object ID of the identity>}
else
  client=${ATLAS_SIGN_IN_CLIENT_ID:-<client ID of the app registration>}
  object="<object ID of the enterprise application in the tenant $tenant>"
fi

# The command that grants the identity an app role.
assign() {
  local resource="\$(az ad sp show --id $1 --query id --output tsv)"
  say "  az rest --method POST --url $(role_assignments_url "$object") --body \\" \
    "    \"{\\\"principalId\\\": \\\"$object\\\", \\\"appRoleId\\\": \\\"$2\\\", \\\"resourceId\\\": \\\"$resource\\\"}\""
}

# The command that adds an app role to the permissions that the app registration requests.
request() {
  say "  az ad app permission add --id $client --api $1 --api-permissions $2=Role"
}

# The command with which the app registration trusts the identity.
trust_identity() {
  local issuer="https://login.microsoftonline.com/\$(az account show --query tenantId --output tsv)/v2.0"
  local subject=${IDENTITY_PRINCIPAL_ID:-<object ID of the identity>}
  say "  az ad app federated-credential create --id $client --parameters \\" \
    "    \"{\\\"name\\\": \\\"bookings-atlas\\\", \\\"issuer\\\": \\\"$issuer\\\", \\\"subject\\\": \\\"$subject\\\", \\\"audiences\\\": [\\\"api://AzureADTokenExchange\\\"]}\""
}

entra() {
  local command=$1 service role name
  while read -r service role name; do
    say '' "$name: $(purpose_of "$name")."
    "$command" "$service" "$role"
  done < <(app_roles)
}

exchange() {
  say '' 'A member of Organization Management in Exchange Online runs this in PowerShell:' \
    '  Connect-ExchangeOnline' \
    "  infra/exchange/Grant-AtlasExchangeRole.ps1 -AppId $client -ObjectId $object -WhatIf" \
    "  infra/exchange/Grant-AtlasExchangeRole.ps1 -AppId $client -ObjectId $object"
}

parts=" ${*:-entra exchange} "
includes() { [ "${parts/ $1 /}" != "$parts" ]; }

if includes entra && [ "$ATLAS_SIGN_IN" = managedIdentity ]; then
  say '' "A Privileged Role Administrator runs this in bash, after: az login --tenant $tenant --allow-no-subscriptions"
  entra assign
elif includes entra; then
  say '' 'The owner of the app registration runs this in bash:'
  entra request
  if [ "$ATLAS_SIGN_IN" = federatedRegistration ]; then
    say '' 'To let the app registration trust the identity of the app, signed in to the tenant of the subscription:'
    trust_identity
  fi
  say '' "Then a Privileged Role Administrator of the tenant $tenant opens this page in a browser and consents:" \
    "  https://login.microsoftonline.com/$tenant/adminconsent?client_id=$client"
fi
if includes exchange && [ "${ATLAS_EXCHANGE_EVIDENCE:-true}" = true ]; then
  exchange
fi
say '' 'docs/identity.md describes what each permission is for, what is lost without it, and how to revoke it.'
