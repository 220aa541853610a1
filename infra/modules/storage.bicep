// One account for the host, the flows, the rows and the package, entered by identity alone.
import { DurableBackend, StorageSku, Tags } from 'types.bicep'

@description('Name of the storage account.')
@minLength(3)
@maxLength(24)
param name string

@description('Azure region.')
param location string

@description('Tags of every resource.')
param tags Tags

@description('Redundancy of the account.')
param sku StorageSku

@description('Whether the account is reached by private endpoints only.')
param privateNetworking bool

@description('Where Durable Functions keeps its flows; in the account, the identity needs its queues.')
param durableBackend DurableBackend

@description('Object id of the identity of the app.')
param principalId string

@description('Id of the workspace that takes the logs.')
param workspaceId string

// The host keeps locks and makes containers (owner of blobs), the rows and the flows are tables.
var rolesOfTheHost = {
  blobDataOwner: 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
  tableDataContributor: '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'
}
var rolesOfFlows = durableBackend == 'storage' ? { queueDataContributor: '974c5e8b-45b9-4653-ba55-5f855dd0fb88' } : {}
var daysToRestore = 14

resource account 'Microsoft.Storage/storageAccounts@2025-01-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: {
    name: sku
  }
  properties: {
    accessTier: 'Hot'
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    publicNetworkAccess: privateNetworking ? 'Disabled' : 'Enabled'
    networkAcls: {
      // Without a virtual network the app has no address of its own to let in; identity is the gate.
      defaultAction: privateNetworking ? 'Deny' : 'Allow'
      bypass: 'AzureServices'
    }
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2025-01-01' = {
  parent: account
  name: 'default'
  properties: {
    deleteRetentionPolicy: {
      enabled: true
      days: daysToRestore
    }
    containerDeleteRetentionPolicy: {
      enabled: true
      days: daysToRestore
    }
  }
}

resource packages 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-01-01' = {
  parent: blobs
  name: 'packages'
  properties: {
    publicAccess: 'None'
  }
}

resource queues 'Microsoft.Storage/storageAccounts/queueServices@2025-01-01' = {
  parent: account
  name: 'default'
}

resource tables 'Microsoft.Storage/storageAccounts/tableServices@2025-01-01' = {
  parent: account
  name: 'default'
}

resource grants 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for role in items(union(rolesOfTheHost, rolesOfFlows)): {
    name: guid(account.id, principalId, role.value)
    scope: account
    properties: {
      principalId: principalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role.value)
    }
  }
]

// Of blobs, what was deleted, for that can be taken back. Reads and writes are the host's own, thousands an hour. Tables
// and queues have no log: all their callers are the one identity of the app, and keys of rows hold names of people.
resource blobLogs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-workspace'
  scope: blobs
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        category: 'StorageDelete'
        enabled: true
      }
    ]
  }
}

@description('Id of the account.')
output id string = account.id

@description('Name of the account.')
output name string = account.name

@description('Container of the deployed package.')
output packagesContainerName string = packages.name
