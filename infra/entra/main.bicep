// The rights in Entra: the registration of the API, and the app roles of the app's identity.
// Run before ../main.bicep, without the identity: the API's client id comes out. Run again after it, with the identity.
// Whoever runs it needs Application.ReadWrite.All and AppRoleAssignment.ReadWrite.All; being owner in Azure does not help.
targetScope = 'subscription'

extension microsoftGraphV1

@description('Name of the environment, as azd knows it; the registration is found again by it.')
@minLength(1)
@maxLength(58)
param environmentName string

@description('Who may call the routes; the API is registered only where tokens are asked for.')
@allowed([
  'key'
  'entra'
])
param apiAccess string = 'key'

@description('How the app signs in to Microsoft 365; only its identity itself gets app roles here.')
@allowed([
  'managedIdentity'
  'federatedRegistration'
  'certificateRegistration'
])
param signInKind string = 'managedIdentity'

@description('Object id of the identity of the app; empty until there is one.')
param identityPrincipalId string = ''

@description('Whether the identity may read Exchange: mailboxes and policies.')
param readExchange bool = true

@description('Whether the identity may read shared Bookings pages.')
param readSharedBookings bool = false

@description('Whether the identity may ask the audit log who made them.')
param readBookingsAudit bool = false

var byToken = apiAccess == 'entra'
var hasIdentity = !empty(identityPrincipalId)
var identityIsTheSignIn = hasIdentity && signInKind == 'managedIdentity'
var uniqueName = 'bookings-atlas-${environmentName}'

// Fixed ids: a role that changed its id would be another role, and those who hold it would lose it.
var appRoles = [
  {
    id: '3e328357-1a48-466a-ab15-d63294f04214'
    value: 'Bookings.Read'
    displayName: 'Read pages, changes, scans and policy'
    description: 'Reads everything but when a person is free.'
    isEnabled: true
    allowedMemberTypes: ['User', 'Application']
  }
  {
    id: 'aeeca2ee-08de-4496-9e77-82a2109334b2'
    value: 'Bookings.Availability'
    displayName: 'Read when a person is free'
    description: 'Looks a person up with the times that can be booked.'
    isEnabled: true
    allowedMemberTypes: ['User', 'Application']
  }
  {
    id: '0123e67e-7b1e-4387-b299-f4bc47100836'
    value: 'Scans.Run'
    displayName: 'Start and cancel scans'
    description: 'Starts a scan of the tenant, or cancels the one that runs.'
    isEnabled: true
    allowedMemberTypes: ['User', 'Application']
  }
]
var graphRoles = union(identityIsTheSignIn ? ['User.Read.All'] : [], identityIsTheSignIn && readSharedBookings ? ['Bookings.Read.All'] : [], identityIsTheSignIn && readBookingsAudit ? ['AuditLogsQuery-Exchange.Read.All'] : [])
var exchangeRoles = identityIsTheSignIn && readExchange ? ['Exchange.ManageAsApp'] : []

// The address of the API holds its client id, which exists only once the registration does: so it is written twice.
resource registration 'Microsoft.Graph/applications@v1.0' = if (byToken) {
  uniqueName: uniqueName
  displayName: 'Bookings Atlas (${environmentName})'
}

resource api 'Microsoft.Graph/applications@v1.0' = if (byToken) {
  uniqueName: uniqueName
  displayName: 'Bookings Atlas (${environmentName})'
  signInAudience: 'AzureADMyOrg'
  identifierUris: [
    'api://${registration!.appId}'
  ]
  appRoles: appRoles
  api: {
    requestedAccessTokenVersion: 2
    oauth2PermissionScopes: [
      {
        id: '9b092226-e48e-4515-a43f-fff043ed16a5'
        value: 'user_impersonation'
        type: 'User'
        isEnabled: true
        adminConsentDisplayName: 'Call Bookings Atlas for a user'
        adminConsentDescription: 'Calls Bookings Atlas with the app roles of the user who is signed in.'
        userConsentDisplayName: 'Call Bookings Atlas for you'
        userConsentDescription: 'Calls Bookings Atlas with your app roles.'
      }
    ]
  }
}

// Nobody gets a token who was not assigned.
resource servicePrincipal 'Microsoft.Graph/servicePrincipals@v1.0' = if (byToken) {
  appId: registration!.appId
  appRoleAssignmentRequired: true
}

// In place of a client secret: Easy Auth signs in as the API with a token of the identity.
resource credential 'Microsoft.Graph/applications/federatedIdentityCredentials@v1.0' = if (byToken && hasIdentity) {
  name: '${api!.uniqueName}/atlas-identity'
  issuer: '${environment().authentication.loginEndpoint}${tenant().tenantId}/v2.0'
  subject: identityPrincipalId
  audiences: [
    'api://AzureADTokenExchange'
  ]
  description: 'The identity of the function app.'
}

resource graph 'Microsoft.Graph/servicePrincipals@v1.0' existing = {
  appId: '00000003-0000-0000-c000-000000000000'
}

resource exchange 'Microsoft.Graph/servicePrincipals@v1.0' existing = {
  appId: '00000002-0000-0ff1-ce00-000000000000'
}

resource graphGrants 'Microsoft.Graph/appRoleAssignedTo@v1.0' = [
  for name in graphRoles: {
    appRoleId: filter(graph.appRoles, role => role.value == name)[0].id
    principalId: identityPrincipalId
    resourceId: graph.id
  }
]

// It opens nothing alone: ../exchange gives the identity its two view-only roles.
resource exchangeGrants 'Microsoft.Graph/appRoleAssignedTo@v1.0' = [
  for name in exchangeRoles: {
    appRoleId: filter(exchange.appRoles, role => role.value == name)[0].id
    principalId: identityPrincipalId
    resourceId: exchange.id
  }
]

@description('Client id of the API; empty where function keys are asked for.')
output API_CLIENT_ID string = byToken ? registration!.appId : ''
