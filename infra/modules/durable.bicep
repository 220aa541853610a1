// The Durable Task Scheduler, which stores orchestrations instead of the storage account.
import { Tags } from 'types.bicep'

@description('Name of the scheduler.')
@minLength(3)
@maxLength(64)
param name string

@description('Azure region.')
param location string

@description('Tags of every resource.')
param tags Tags

@description('Whether the scheduler is reachable through a private endpoint only.')
param privateNetworking bool

@description('Object ID of the app\'s identity.')
param principalId string

var durableTaskDataContributor = '0ad04412-c4d5-4796-b79c-f76d14c8d402'
var hubName = loadJsonContent('../../host.dts.json').extensions.durableTask.hubName

// Private endpoints exist from API version 2026-02-01 on.
resource scheduler 'Microsoft.DurableTask/schedulers@2026-02-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    publicNetworkAccess: privateNetworking ? 'Disabled' : 'Enabled'
    // Required; an empty list admits no address. A Flex Consumption app without a network has no fixed address, so there
    // the identity alone controls access.
    ipAllowlist: privateNetworking ? [] : ['0.0.0.0/0']
    sku: {
      name: 'Consumption'
    }
  }
}

resource hub 'Microsoft.DurableTask/schedulers/taskHubs@2026-02-01' = {
  parent: scheduler
  name: hubName
}

resource roleAssignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(hub.id, principalId, durableTaskDataContributor)
  scope: hub
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', durableTaskDataContributor)
  }
}

@description('Resource ID of the scheduler.')
output id string = scheduler.id

@description('Endpoint of the scheduler.')
output endpoint string = scheduler.properties.endpoint

@description('Name of the task hub.')
output hubName string = hub.name
