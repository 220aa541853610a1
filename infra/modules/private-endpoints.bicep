// Private endpoints and DNS zones, so that the app reaches storage, vault and scheduler under their usual names.
import { Tags } from 'types.bicep'

@description('Azure region.')
param location string

@description('Tags of every resource.')
param tags Tags

@description('Resource ID of the network that resolves the names.')
param networkId string

@description('Resource ID of the subnet of the endpoints.')
param subnetId string

@description('Resource ID of the storage account.')
param storageAccountId string

@description('Resource ID of the key vault; empty: there is none.')
param vaultId string

@description('Resource ID of the Durable Task Scheduler; empty: there is none.')
param schedulerId string

var storageTargets = [
  for service in ['blob', 'queue', 'table']: {
    resourceId: storageAccountId
    service: service
    zone: 'privatelink.${service}.${environment().suffixes.storage}'
  }
]
var otherTargets = [
  {
    resourceId: vaultId
    service: 'vault'
    zone: 'privatelink.vaultcore.azure.net'
  }
  {
    resourceId: schedulerId
    service: 'scheduler'
    zone: 'privatelink.durabletask.io'
  }
]
var targets = concat(storageTargets, filter(otherTargets, target => !empty(target.resourceId)))

resource zones 'Microsoft.Network/privateDnsZones@2024-06-01' = [
  for target in targets: {
    name: target.zone
    location: 'global'
    tags: tags
  }
]

resource links 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = [
  for (target, i) in targets: {
    parent: zones[i]
    name: 'atlas'
    location: 'global'
    tags: tags
    properties: {
      registrationEnabled: false
      virtualNetwork: {
        id: networkId
      }
    }
  }
]

resource endpoints 'Microsoft.Network/privateEndpoints@2024-07-01' = [
  for target in targets: {
    name: 'pe-${last(split(target.resourceId, '/'))}-${target.service}'
    location: location
    tags: tags
    properties: {
      subnet: {
        id: subnetId
      }
      privateLinkServiceConnections: [
        {
          name: target.service
          properties: {
            privateLinkServiceId: target.resourceId
            groupIds: [
              target.service
            ]
          }
        }
      ]
    }
  }
]

resource records 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2024-07-01' = [
  for (target, i) in targets: {
    parent: endpoints[i]
    name: 'default'
    properties: {
      privateDnsZoneConfigs: [
        {
          name: target.service
          properties: {
            privateDnsZoneId: zones[i].id
          }
        }
      ]
    }
  }
]
