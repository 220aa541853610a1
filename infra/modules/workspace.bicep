// The Log Analytics workspace. observability.bicep runs this module twice on the first deployment, because the mask needs
// the workspace to exist.
import { Tags } from 'types.bicep'

@description('Name of the workspace.')
param name string

@description('Azure region.')
param location string

@description('Tags of every resource.')
param tags Tags

@description('Number of days for which logs are kept.')
param retentionDays int

@description('Maximum amount of logs ingested in a day, in GB.')
param dailyCapGB int

@description('Resource ID of the data collection rule that masks request URLs; empty: there is none yet.')
param maskRuleId string

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-02-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    sku: {
      name: 'PerGB2018'
    }
    retentionInDays: retentionDays
    workspaceCapping: {
      dailyQuotaGb: dailyCapGB
    }
    features: {
      disableLocalAuth: true
    }
    defaultDataCollectionRuleResourceId: empty(maskRuleId) ? null : maskRuleId
  }
}

@description('Resource ID of the workspace.')
output id string = workspace.id

@description('Name of the workspace.')
output name string = workspace.name
