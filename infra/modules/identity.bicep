// The managed identity of the app: it accesses storage, signs in to Microsoft 365 and sends telemetry.
import { Identity, Tags } from 'types.bicep'

@description('Name of the identity.')
param name string

@description('Azure region.')
param location string

@description('Tags of every resource.')
param tags Tags

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: name
  location: location
  tags: tags
}

@description('Name of the identity.')
output name string = identity.name

@description('The identity, in the form that other modules take.')
output identity Identity = {
  id: identity.id
  clientId: identity.properties.clientId
  principalId: identity.properties.principalId
}
