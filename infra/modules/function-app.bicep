// The function app on Flex Consumption: its settings, who may call it, and no way in besides.
import { AtlasSettings, Identity, Scale, Tags } from 'types.bicep'

@description('Name of the function app.')
param name string

@description('Name of its plan.')
param planName string

@description('Azure region.')
param location string

@description('Tags of every resource.')
param tags Tags

@description('The identity that the app runs as.')
param identity Identity

@description('Name of the storage account.')
param storageAccountName string

@description('Container of the deployed package.')
param packagesContainerName string

@description('Name of the Application Insights component.')
param applicationInsightsName string

@description('Id of the workspace that takes the logs.')
param workspaceId string

@description('Subnet that the app goes out through; empty where there is none.')
param subnetId string

@description('Key vault of the certificate; empty where there is none.')
param vaultName string

@description('Address of the Durable Task Scheduler; empty where flows are kept in the storage account.')
param schedulerEndpoint string

@description('Task hub of that scheduler.')
param schedulerHubName string

@description('Client id of the API\'s app registration.')
param apiClientId string

@description('Client ids of the only applications that may call; none named: every one that has an app role.')
param apiAllowedApplications string[]

@description('How many instances of which size.')
param scale Scale

@description('What the app is told in its settings.')
param settings AtlasSettings

// Easy Auth takes the identity in place of a client secret when the secret's setting has this name.
var credentialSetting = 'OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID'
var certificateName = 'bookings-atlas'
var byToken = settings.apiAccess == 'entra'

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
var accessSettings = byToken ? { OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID: identity.clientId } : {}
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
  NOT_SET_UP_MARKERS: settings.notSetUpMarkers
  HISTORY_DAYS: string(settings.historyDays)
  API_ACCESS: settings.apiAccess
}
var platformSettings = {
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identity.clientId
  AzureWebJobsStorage__blobServiceUri: storage.properties.primaryEndpoints.blob
  AzureWebJobsStorage__queueServiceUri: storage.properties.primaryEndpoints.queue
  AzureWebJobsStorage__tableServiceUri: storage.properties.primaryEndpoints.table
  // The worker joins its traces to those of the host, which then forwards no log of it: the app sends its own.
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

resource app 'Microsoft.Web/sites@2024-11-01' = {
  name: name
  location: location
  // azd finds the app to deploy to by this tag.
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
    }
    // Flex Consumption refuses most of siteConfig, ftpsState too (error 51021). It offers no FTP; the policies below
    // close the credentials that FTP and web deployment would take.
    siteConfig: {
      http20Enabled: true
      minTlsVersion: '1.2'
      scmMinTlsVersion: '1.2'
    }
  }
}

resource noBasicSignIn 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-11-01' = [
  for way in ['ftp', 'scm']: {
    parent: app
    name: way
    properties: {
      allow: false
    }
  }
]

resource appSettings 'Microsoft.Web/sites/config@2024-11-01' = {
  parent: app
  name: 'appsettings'
  properties: union(platformSettings, atlasSettings, signInSettings[settings.signIn.kind], accessSettings, durableSettings)
}

// Written for function keys as well, switched off: so that a change back from tokens takes effect.
resource easyAuth 'Microsoft.Web/sites/config@2024-11-01' = {
  parent: app
  name: 'authsettingsV2'
  properties: {
    platform: {
      enabled: byToken
    }
    globalValidation: {
      requireAuthentication: byToken
      unauthenticatedClientAction: 'Return401'
      excludedPaths: [
        '/api/health'
      ]
    }
    httpSettings: {
      requireHttps: true
    }
    login: {
      tokenStore: {
        enabled: false
      }
    }
    identityProviders: {
      azureActiveDirectory: {
        enabled: byToken
        registration: {
          openIdIssuer: '${environment().authentication.loginEndpoint}${tenant().tenantId}/v2.0'
          clientId: apiClientId
          clientSecretSettingName: credentialSetting
        }
        validation: {
          allowedAudiences: [
            'api://${apiClientId}'
          ]
          defaultAuthorizationPolicy: {
            allowedApplications: apiAllowedApplications
          }
        }
      }
    }
  }
  dependsOn: [
    appSettings
  ]
}

// Who was refused a token's way in. What the host says is in Application Insights, and Azure keeps the platform's figures.
resource logs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = if (byToken) {
  name: 'to-workspace'
  scope: app
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        category: 'AppServiceAuthenticationLogs'
        enabled: true
      }
    ]
  }
}

@description('Name of the function app.')
output name string = app.name

@description('Its host name.')
output hostname string = app.properties.defaultHostName
