// Registers the API in Microsoft Entra ID, and the client with which the Power Automate connector signs users in.
// Needed only with apiAccess = 'entra'. Deploy it before ../main.bicep, which takes the client ID of the API.
// The deployer needs the Entra role Application Administrator; being Owner in Azure does not help.
targetScope = 'subscription'

extension microsoftGraphV1

@description('Name of the azd environment. The registrations are found again by it.')
@minLength(1)
@maxLength(58)
param environmentName string

@description('Client ID of the API, from the second deployment on; empty: the API is not registered yet.')
param apiClientId string = ''

@description('Redirect URIs of the connector. Power Automate shows each after the connector has been imported.')
param connectorRedirectUris string[] = []

@description('Client IDs of other clients that get tokens for a signed-in user without consent.')
param preauthorizedClients string[] = []

var uniqueName = 'bookings-atlas-${environmentName}'

resource connector 'Microsoft.Graph/applications@v1.0' = {
  uniqueName: '${uniqueName}-connector'
  displayName: 'Bookings Atlas connector (${environmentName})'
  signInAudience: 'AzureADMyOrg'
  web: {
    redirectUris: connectorRedirectUris
  }
}

resource connectorServicePrincipal 'Microsoft.Graph/servicePrincipals@v1.0' = {
  appId: connector.appId
}

// The identifier URI contains the client ID, which exists only after the registration. So the first deployment runs the
// module twice; later ones know the client ID and run it once.
module api 'api.bicep' = {
  params: {
    uniqueName: uniqueName
    displayName: 'Bookings Atlas (${environmentName})'
    identifierUris: empty(apiClientId) ? [] : ['api://${apiClientId}']
    preauthorizedClients: concat([connector.appId], preauthorizedClients)
  }
}

module apiWithIdentifierUri 'api.bicep' = if (empty(apiClientId)) {
  params: {
    uniqueName: uniqueName
    displayName: 'Bookings Atlas (${environmentName})'
    identifierUris: ['api://${api.outputs.clientId}']
    preauthorizedClients: concat([connector.appId], preauthorizedClients)
  }
}

@description('Client ID of the API.')
output apiClientId string = api.outputs.clientId

@description('Client ID with which the connector signs users in.')
output connectorClientId string = connector.appId
