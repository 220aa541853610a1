// The app's virtual network: one subnet for its outgoing connections, one for the private endpoints.
import { Tags } from 'types.bicep'

@description('Name of the virtual network.')
param name string

@description('Azure region.')
param location string

@description('Tags of every resource.')
param tags Tags

resource rules 'Microsoft.Network/networkSecurityGroups@2024-07-01' = {
  name: 'nsg-${name}'
  location: location
  tags: tags
  properties: {
    // Only the private endpoints listen on these subnets, for callers inside the network.
    securityRules: [
      {
        name: 'deny-internet-inbound'
        properties: {
          priority: 100
          direction: 'Inbound'
          access: 'Deny'
          protocol: '*'
          sourceAddressPrefix: 'Internet'
          sourcePortRange: '*'
          destinationAddressPrefix: '*'
          destinationPortRange: '*'
        }
      }
    ]
  }
}

resource network 'Microsoft.Network/virtualNetworks@2024-07-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    addressSpace: {
      addressPrefixes: [
        '10.71.0.0/24'
      ]
    }
    subnets: [
      {
        name: 'app'
        properties: {
          addressPrefix: '10.71.0.0/25'
          networkSecurityGroup: {
            id: rules.id
          }
          delegations: [
            {
              // Required by Flex Consumption.
              name: 'flex'
              properties: {
                serviceName: 'Microsoft.App/environments'
              }
            }
          ]
        }
      }
      {
        name: 'endpoints'
        properties: {
          addressPrefix: '10.71.0.128/27'
          networkSecurityGroup: {
            id: rules.id
          }
        }
      }
    ]
  }

  resource appSubnet 'subnets' existing = {
    name: 'app'
  }

  resource endpointsSubnet 'subnets' existing = {
    name: 'endpoints'
  }
}

@description('Resource ID of the network.')
output id string = network.id

@description('Resource ID of the subnet for the app\'s outgoing connections.')
output appSubnetId string = network::appSubnet.id

@description('Resource ID of the subnet of the private endpoints.')
output endpointsSubnetId string = network::endpointsSubnet.id
