// Where logs are stored and for how long, and the mask that removes names and keys from request URLs first.
import { Tags } from 'types.bicep'

@description('Name of the Log Analytics workspace.')
param workspaceName string

@description('Name of the Application Insights component.')
param applicationInsightsName string

@description('Name of the data collection rule that masks request URLs.')
param maskRuleName string

@description('Resource ID of that rule, from the second deployment on; empty: it does not exist yet.')
param knownMaskRuleId string

@description('Azure region.')
param location string

@description('Tags of every resource.')
param tags Tags

@description('Number of days for which logs are kept.')
param retentionDays int

@description('Maximum amount of logs ingested in a day, in GB.')
param dailyCapGB int

@description('Object ID of the identity that sends telemetry.')
param principalId string

var monitoringMetricsPublisher = '3913510d-42f4-4e42-8a64-420c390055eb'

// The rule refers to the workspace and the workspace to the rule. On the first deployment the workspace is therefore
// written twice. A workspace written without its rule loses it, so later deployments pass the ID of the rule at once.
module workspace 'workspace.bicep' = {
  params: {
    name: workspaceName
    location: location
    tags: tags
    retentionDays: retentionDays
    dailyCapGB: dailyCapGB
    maskRuleId: knownMaskRuleId
  }
}

resource maskRule 'Microsoft.Insights/dataCollectionRules@2023-03-11' = {
  name: maskRuleName
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
        // Azure Monitor accepts the query on one line only.
        transformKql: replace(loadTextContent('mask-requests.kql'), '\n', ' ')
      }
    ]
  }
}

module workspaceWithMask 'workspace.bicep' = if (empty(knownMaskRuleId)) {
  params: {
    name: workspace.outputs.name
    location: location
    tags: tags
    retentionDays: retentionDays
    dailyCapGB: dailyCapGB
    maskRuleId: maskRule.id
  }
}

resource applicationInsights 'Microsoft.Insights/components@2020-02-02' = {
  name: applicationInsightsName
  location: location
  tags: tags
  kind: 'web'
  properties: {
    Application_Type: 'web'
    WorkspaceResourceId: workspace.outputs.id
    // Only identities send telemetry, so the connection string is not a secret.
    DisableLocalAuth: true
  }
  dependsOn: [
    workspaceWithMask
  ]
}

resource roleAssignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(applicationInsights.id, principalId, monitoringMetricsPublisher)
  scope: applicationInsights
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', monitoringMetricsPublisher)
  }
}

@description('Resource ID of the workspace.')
output workspaceId string = workspace.outputs.id

@description('Name of the workspace.')
output workspaceName string = workspace.outputs.name

@description('Resource ID of the rule that masks request URLs.')
output maskRuleId string = maskRule.id

@description('Resource ID of the Application Insights component.')
output applicationInsightsId string = applicationInsights.id

@description('Name of the Application Insights component.')
output applicationInsightsName string = applicationInsights.name
