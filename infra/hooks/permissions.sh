#!/usr/bin/env bash
# Prints the commands that give the app its rights in Microsoft 365; changes nothing. Arguments: only these of
# api, entra, exchange.
source "$(dirname "$0")/common.sh"

GRAPH=00000003-0000-0000-c000-000000000000
EXCHANGE=00000002-0000-0ff1-ce00-000000000000
USER_READ_ALL=df021288-bdef-4463-88db-98f22de89214
BOOKINGS_READ_ALL=6e98f277-b046-4193-a4f2-6bf6a78cd491
EXCHANGE_MANAGE_AS_APP=dc50a0fb-09a3-484d-be87-e023b12c6440

tenant=${ATLAS_TENANT_ID:-<tenant id>}
if [ "$ATLAS_SIGN_IN" = managedIdentity ]; then
  client=${IDENTITY_CLIENT_ID:-<client id of the identity>}
  object=${IDENTITY_PRINCIPAL_ID:-<object id of the identity>}
else
  client=${ATLAS_SIGN_IN_CLIENT_ID:-<client id of the registration>}
  object="<object id of the enterprise application in the tenant $tenant>"
fi

# An app role for the identity: which service, which role.
assign() {
  local resource="\$(az ad sp show --id $1 --query id --output tsv)"
  say "  az rest --method POST --url https://graph.microsoft.com/v1.0/servicePrincipals/$object/appRoleAssignments --body \\" \
    "    \"{\\\"principalId\\\": \\\"$object\\\", \\\"appRoleId\\\": \\\"$2\\\", \\\"resourceId\\\": \\\"$resource\\\"}\""
}

# A permission that the registration asks for: which service, which role.
ask_for() {
  say "  az ad app permission add --id $client --api $1 --api-permissions $2=Role"
}

# The identity as credential of a registration: its client id, the name of the credential.
trust_identity() {
  local issuer="https://login.microsoftonline.com/\$(az account show --query tenantId --output tsv)/v2.0"
  local subject=${IDENTITY_PRINCIPAL_ID:-<object id of the identity>}
  say "  az ad app federated-credential create --id $1 --parameters \\" \
    "    \"{\\\"name\\\": \\\"$2\\\", \\\"issuer\\\": \\\"$issuer\\\", \\\"subject\\\": \\\"$subject\\\", \\\"audiences\\\": [\\\"api://AzureADTokenExchange\\\"]}\""
}

entra() {
  local grant=$1
  say '' "User.Read.All of Microsoft Graph: lists who is licensed. Without it nothing works."
  "$grant" "$GRAPH" "$USER_READ_ALL"
  if [ "${ATLAS_EXCHANGE_EVIDENCE:-true}" = true ]; then
    say '' 'Exchange.ManageAsApp: mailboxes and policies, together with the role group below. Without it: no reasons.'
    "$grant" "$EXCHANGE" "$EXCHANGE_MANAGE_AS_APP"
  fi
  if [ "${ATLAS_READ_SHARED_BOOKINGS:-false}" = true ]; then
    say '' 'Bookings.Read.All of Microsoft Graph: shared pages.'
    "$grant" "$GRAPH" "$BOOKINGS_READ_ALL"
  fi
}

exchange() {
  say '' 'Somebody from Organization Management in Exchange Online runs this in PowerShell:' \
    '  Connect-ExchangeOnline' \
    "  infra/exchange/Grant-AtlasExchangeRights.ps1 -AppId $client -ObjectId $object -WhatIf" \
    "  infra/exchange/Grant-AtlasExchangeRights.ps1 -AppId $client -ObjectId $object"
}

parts=" ${*:-api entra exchange} "
wanted() { [ "${parts/ $1 /}" != "$parts" ]; }

if wanted api && [ "$ATLAS_API_ACCESS" = entra ]; then
  say '' 'So that callers with tokens are let in, an Application Administrator lets the registration of the API trust the' \
    'identity of the app, signed in to the tenant of the subscription. One of that name that is there already is as' \
    'good, unless the identity was made anew: then az ad app federated-credential delete takes the old one away first.'
  trust_identity "${ATLAS_API_CLIENT_ID:-<client id of the API>}" atlas-identity
fi
if wanted entra && [ "$ATLAS_SIGN_IN" = managedIdentity ]; then
  say '' "A Privileged Role Administrator runs this in bash, after: az login --tenant $tenant --allow-no-subscriptions"
  entra assign
elif wanted entra; then
  say '' 'The owner of the app registration runs this in bash:'
  entra ask_for
  if [ "$ATLAS_SIGN_IN" = federatedRegistration ]; then
    say '' 'So that it trusts the identity of the app, signed in to its own tenant, which is that of the subscription:'
    trust_identity "$client" bookings-atlas
  fi
  say '' "Then a Privileged Role Administrator of the tenant $tenant consents, in a browser:" \
    "  https://login.microsoftonline.com/$tenant/adminconsent?client_id=$client"
fi
if wanted exchange && [ "${ATLAS_EXCHANGE_EVIDENCE:-true}" = true ]; then
  exchange
fi
say '' 'docs/operate.md tells what each right is for, what is lost without it, and how to take it back.'
