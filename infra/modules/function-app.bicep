// The function app on Flex Consumption: its settings, and who may call it.
import { AtlasSettings, Identity, Scale, Tags } from 'types.bicep'

@description('Name of the function app.')
param name string

@description('Name of its plan.')
param planName string

@description('Azure region.')
param location string

@description('Tags of every resource.')
param tags Tags

@description('Identity of the app.')
param identity Identity

@description('Name of the storage account.')
param storageAccountName string

@description('Blob container of the deployed package.')
param packagesContainerName string

@description('Name of the Application Insights component.')
param applicationInsightsName string

@description('Resource ID of the subnet for outgoing connections; empty: there is none.')
param subnetId string

@description('Name of the key vault with the certificate; empty: there is none.')
param vaultName string

@description('Endpoint of the Durable Task Scheduler; empty: orchestrations are stored in the storage account.')
param schedulerEndpoint string

@description('Name of the scheduler\'s task hub.')
param schedulerHubName string

@description('Client ID of the API; empty: callers use function keys.')
param apiClientId string

@description('Client IDs of the only applications that may call; empty: every application with an app role.')
param apiAllowedApplications string[]

@description('Memory and number of the instances.')
param scale Scale

@description('Settings of the app.')
param settings AtlasSettings

var certificateName = 'bookings-atlas'
var usesTokens = settings.apiAccess == 'entra'

// The default strategy ends running functions; this one, a preview, lets them finish. It takes effect with the second
// deployment.
var rollingUpdate = {
  siteUpdateStrategy: {
    type: 'RollingUpdate'
  }
}

var signInSettings = {
  managedIdentity: {
    MANAGED_IDENTITY_CLIENT_ID: identity.clientId
  }
  federatedRegistration: {
    AZURE_CLIENT_ID: settings.signIn.clientId
    FEDERATED_IDENTITY_CLIENT_ID: identity.clientId
  }
  certificateRegistration: {
    AZURE_CLIENT_ID: settings.signIn.clientId
    AZURE_CLIENT_CERTIFICATE: '@Microsoft.KeyVault(VaultName=${vaultName};SecretName=${certificateName})'
  }
}

// Routes that Easy Auth leaves open: they answer anonymous callers with nothing about the tenant or its users.
var openPaths = ['/api/health', '/api/report']
var tokenValidation = {
  azureActiveDirectory: {
    enabled: true
    registration: {
      openIdIssuer: '${environment().authentication.loginEndpoint}${tenant().tenantId}/v2.0'
      clientId: apiClientId
    }
    validation: {
      allowedAudiences: [
        apiClientId
        'api://${apiClientId}'
      ]
      defaultAuthorizationPolicy: {
        allowedApplications: apiAllowedApplications
      }
    }
  }
}
var durableSettings = empty(schedulerEndpoint) ? {} : {
  DURABLE_TASK_SCHEDULER_CONNECTION_STRING: 'Endpoint=${schedulerEndpoint};Authentication=ManagedIdentity;ClientID=${identity.clientId};TaskHub=${schedulerHubName}'
}
var atlasSettings = {
  TENANT_ID: settings.tenantId
  SCAN_SCHEDULE: settings.scanSchedule
  PROBE_CONCURRENCY: string(settings.probeConcurrency)
  PROBE_AVAILABILITY: toLower(string(settings.probeAvailability))
  EXCHANGE_EVIDENCE: toLower(string(settings.exchangeEvidence))
  SHARED_PAGES: toLower(string(settings.sharedPages))
  MAX_FULL_ACCESS: string(settings.maxFullAccess)
  EXCLUDE_USERS: settings.excludeUsers
  LIVE_LOOKUPS_PER_MINUTE: string(settings.liveLookupsPerMinute)
  LIVE_REUSE_SECONDS: string(settings.liveReuseSeconds)
  NOT_SET_UP_MARKERS: settings.notSetUpMarkers
  NOT_SET_UP_RECHECK_DAYS: string(settings.notSetUpRecheckDays)
  HISTORY_DAYS: string(settings.historyDays)
  API_ACCESS: settings.apiAccess
}
var platformSettings = {
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identity.clientId
  AzureWebJobsStorage__blobServiceUri: storage.properties.primaryEndpoints.blob
  AzureWebJobsStorage__queueServiceUri: storage.properties.primaryEndpoints.queue
  AzureWebJobsStorage__tableServiceUri: storage.properties.primaryEndpoints.table
  // The worker continues the host's traces. The host then no longer forwards the worker's logs: the app sends them itself.
  PYTHON_ENABLE_OPENTELEMETRY: 'true'
  APPLICATIONINSIGHTS_CONNECTION_STRING: applicationInsights.properties.ConnectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identity.clientId};Authorization=AAD'
}

resource storage 'Microsoft.Storage/storageAccounts@2025-01-01' existing = {
  name: storageAccountName
}

resource applicationInsights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: applicationInsightsName
}

resource plan 'Microsoft.Web/serverfarms@2024-11-01' = {
  name: planName
  location: location
  tags: tags
  kind: 'functionapp'
  sku: {
    name: 'FC1'
    tier: 'FlexConsumption'
  }
  properties: {
    reserved: true
  }
}

resource app 'Microsoft.Web/sites@2025-05-01' = {
  name: name
  location: location
  // azd finds the app by this tag.
  tags: union(tags, { 'azd-service-name': 'atlas' })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identity.id}': {}
    }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    publicNetworkAccess: 'Enabled'
    keyVaultReferenceIdentity: identity.id
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${storage.properties.primaryEndpoints.blob}${packagesContainerName}'
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identity.id
          }
        }
      }
      runtime: {
        name: 'python'
        version: '3.13'
      }
      scaleAndConcurrency: {
        instanceMemoryMB: scale.instanceMemoryMB
        maximumInstanceCount: scale.maximumInstanceCount
        alwaysReady: [
          {
            name: 'durable'
            instanceCount: scale.alwaysReadyDurable
          }
        ]
      }
      ...rollingUpdate
    }
    // Flex Consumption rejects most properties of siteConfig, ftpsState among them (error 51021). It offers no FTP.
    siteConfig: {
      http20Enabled: true
      minTlsVersion: '1.2'
      scmMinTlsVersion: '1.2'
    }
  }
}

// Deployments use tokens of Entra. Azure requires the location, which its published type lacks (bicep-types-az issue 1504).
resource noBasicPublishing 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-11-01' = {
  parent: app
  name: 'scm'
  #disable-next-line BCP187
  location: location
  properties: {
    allow: false
  }
}

resource appSettings 'Microsoft.Web/sites/config@2024-11-01' = {
  parent: app
  name: 'appsettings'
  properties: union(platformSettings, atlasSettings, signInSettings[settings.signIn.kind], durableSettings)
}

// Written with function keys as well, switched off, so that a change from tokens back to keys takes effect.
// Easy Auth only validates tokens that callers send, so it needs no client secret.
resource easyAuth 'Microsoft.Web/sites/config@2024-11-01' = {
  parent: app
  name: 'authsettingsV2'
  properties: {
    platform: {
      enabled: usesTokens
    }
    globalValidation: {
      requireAuthentication: usesTokens
      unauthenticatedClientAction: 'Return401'
      excludedPaths: openPaths
    }
    httpSettings: {
      requireHttps: true
    }
    login: {
      tokenStore: {
        enabled: false
      }
    }
    identityProviders: usesTokens ? tokenValidation : {}
  }
  dependsOn: [
    appSettings
  ]
}

@description('Name of the function app.')
output name string = app.name

@description('Its host name.')
output hostname string = app.properties.defaultHostName
