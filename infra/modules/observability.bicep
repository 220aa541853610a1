// Where logs go, how long they stay, how many are taken in a day, and that they name nobody.
import { Tags } from 'types.bicep'

@description('Name of the Log Analytics workspace.')
param workspaceName string

@description('Name of the Application Insights component.')
param applicationInsightsName string

@description('Name of the rule that masks who was looked up.')
param transformationName string

@description('Azure region.')
param location string

@description('Tags of every resource.')
param tags Tags

@description('How long logs are kept, in days.')
param retentionDays int

@description('How many GB of logs a day are taken in.')
param dailyCapGB int

@description('Object id of the identity that sends telemetry.')
param principalId string

var monitoringMetricsPublisher = '3913510d-42f4-4e42-8a64-420c390055eb'

module workspace 'workspace.bicep' = {
  params: {
    name: workspaceName
    location: location
    tags: tags
    retentionDays: retentionDays
    dailyCapGB: dailyCapGB
  }
}

// The host tells the address of each request, and an address may name the user who was looked up. What comes after
// `/users/` is masked before it is kept, and what comes after `?` is dropped.
resource transformation 'Microsoft.Insights/dataCollectionRules@2023-03-11' = {
  name: transformationName
  location: location
  tags: tags
  kind: 'WorkspaceTransforms'
  properties: {
    destinations: {
      logAnalytics: [
        {
          name: 'workspace'
          workspaceResourceId: workspace.outputs.id
        }
      ]
    }
    dataFlows: [
      {
        streams: [
          'Microsoft-Table-AppRequests'
        ]
        destinations: [
          'workspace'
        ]
        // Azure Monitor takes it on one line.
        transformKql: replace(loadTextContent('without-people.kql'), '\n', ' ')
      }
    ]
  }
}

module workspaceOfTransformed 'workspace.bicep' = {
  params: {
    name: workspace.outputs.name
    location: location
    tags: tags
    retentionDays: retentionDays
    dailyCapGB: dailyCapGB
    transformationId: transformation.id
  }
}

resource applicationInsights 'Microsoft.Insights/components@2020-02-02' = {
  name: applicationInsightsName
  location: location
  tags: tags
  kind: 'web'
  properties: {
    Application_Type: 'web'
    WorkspaceResourceId: workspaceOfTransformed.outputs.id
    // Telemetry comes from an identity, so the connection string opens nothing.
    DisableLocalAuth: true
  }
}

resource grant 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(applicationInsights.id, principalId, monitoringMetricsPublisher)
  scope: applicationInsights
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', monitoringMetricsPublisher)
  }
}

@description('Id of the workspace.')
output workspaceId string = workspaceOfTransformed.outputs.id

@description('Name of the workspace.')
output workspaceName string = workspaceOfTransformed.outputs.name

@description('Id of the component.')
output applicationInsightsId string = applicationInsights.id

@description('Name of the component.')
output applicationInsightsName string = applicationInsights.name
