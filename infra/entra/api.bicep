// The registration of the API: its app roles, its delegated scope and the clients that may use the scope without consent.
targetScope = 'subscription'

extension microsoftGraphV1

@description('Name by which the registration is found again.')
param uniqueName string

@description('Name that administrators see.')
param displayName string

@description('Identifier URIs; empty on the first deployment, when the client ID is not known yet.')
param identifierUris string[]

@description('Client IDs of the clients that are pre-authorised for the delegated scope: the connector first.')
param preauthorizedClients string[]

// Fixed IDs: a role with a new ID would be a new role, and everyone would lose the old one.
var appRoles = [
  {
    id: '3e328357-1a48-466a-ab15-d63294f04214'
    value: 'Bookings.Read'
    displayName: 'Read pages, changes, scans and policy'
    description: 'Reads everything except availability.'
    isEnabled: true
    allowedMemberTypes: ['User', 'Application']
  }
  {
    id: 'aeeca2ee-08de-4496-9e77-82a2109334b2'
    value: 'Bookings.Availability'
    displayName: 'Read availability'
    description: 'Looks up a user together with the times that can be booked.'
    isEnabled: true
    allowedMemberTypes: ['User', 'Application']
  }
  {
    id: '0123e67e-7b1e-4387-b299-f4bc47100836'
    value: 'Scans.Run'
    displayName: 'Start and cancel scans'
    description: 'Starts a scan of the tenant, or cancels the running one.'
    isEnabled: true
    allowedMemberTypes: ['User', 'Application']
  }
]
var userImpersonationId = '9b092226-e48e-4515-a43f-fff043ed16a5'

resource api 'Microsoft.Graph/applications@v1.0' = {
  uniqueName: uniqueName
  displayName: displayName
  signInAudience: 'AzureADMyOrg'
  identifierUris: identifierUris
  appRoles: appRoles
  api: {
    requestedAccessTokenVersion: 2
    oauth2PermissionScopes: [
      {
        id: userImpersonationId
        value: 'user_impersonation'
        type: 'User'
        isEnabled: true
        adminConsentDisplayName: 'Call Bookings Atlas as the signed-in user'
        adminConsentDescription: 'Calls Bookings Atlas with the app roles of the signed-in user.'
        userConsentDisplayName: 'Call Bookings Atlas as you'
        userConsentDescription: 'Calls Bookings Atlas with your app roles.'
      }
    ]
    preAuthorizedApplications: [
      for client in preauthorizedClients: {
        appId: client
        delegatedPermissionIds: [
          userImpersonationId
        ]
      }
    ]
  }
}

// Only callers to whom a role was assigned get a token.
resource servicePrincipal 'Microsoft.Graph/servicePrincipals@v1.0' = {
  appId: api.appId
  appRoleAssignmentRequired: true
}

@description('Client ID of the API.')
output clientId string = api.appId
