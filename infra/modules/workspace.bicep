// The workspace that takes the logs. It is declared twice, by one module: what it makes of its logs needs it to be there.
import { Tags } from 'types.bicep'

@description('Name of the workspace.')
param name string

@description('Azure region.')
param location string

@description('Tags of every resource.')
param tags Tags

@description('How long logs are kept, in days.')
param retentionDays int

@description('How many GB of logs a day are taken in.')
param dailyCapGB int

@description('Id of the rule that logs go through before they are kept; empty as long as there is none.')
param transformationId string = ''

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
    defaultDataCollectionRuleResourceId: empty(transformationId) ? null : transformationId
  }
}

@description('Id of the workspace.')
output id string = workspace.id

@description('Name of the workspace.')
output name string = workspace.name
