// Bookings Atlas in one resource group: the app, its identity, its storage and its monitoring.
// Permissions in Entra and Microsoft 365 are granted by hooks and scripts: see docs/identity.md.
targetScope = 'subscription'

import { ApiAccess, DurableBackend, SignIn, Size, StorageSku } from 'modules/types.bicep'

@description('Name of the azd environment.')
@minLength(1)
@maxLength(58)
param environmentName string

@description('Azure region of every resource. It must offer Flex Consumption with Python 3.13.')
param location string

@description('Name of the resource group that is created; empty: rg- and the name of the environment.')
param resourceGroupName string = ''

@description('Who is responsible for this deployment; a tag of every resource.')
param owner string = 'not named'

@description('Tenant to scan.')
@minLength(36)
@maxLength(36)
param tenantId string

@description('How the app signs in to that tenant.')
param signIn SignIn = {
  kind: 'managedIdentity'
  clientId: ''
}

@description('Who may call the routes.')
param apiAccess ApiAccess = 'key'

@description('Client ID of the API, which entra/main.bicep registers; required if apiAccess is entra.')
param apiClientId string = ''

@description('Client IDs of the only applications that may call; empty: every application with an app role.')
param apiAllowedApplications string[] = []

@description('Where Durable Functions stores its orchestrations.')
param durableBackend DurableBackend = 'storage'

@description('Size of the tenant. It sets the defaults of probeConcurrency, logRetentionDays and dailyCapGB, and the instances.')
param size Size = 'small'

@description('Number of instances always ready for orchestrations. Microsoft advises one; it costs about 21 USD a month with 2 GB. 0: a scan starts with a cold start, which Azure limits to 30 seconds.')
@minValue(0)
@maxValue(20)
param alwaysReadyDurable int = 1

@description('Redundancy of the storage account. A later deployment cannot move the account into zones or out of them.')
param storageSku StorageSku = 'Standard_LRS'

@description('SCAN_SCHEDULE: when a scan starts, six fields in UTC.')
param scanSchedule string = '0 0 3 * * *'

@description('PROBE_CONCURRENCY: number of concurrent calls to Bookings; 0: by size.')
@minValue(0)
@maxValue(64)
param probeConcurrency int = 0

@description('PROBE_AVAILABILITY: whether a scan checks that each page has something to book.')
param probeAvailability bool = true

@description('EXCHANGE_EVIDENCE: whether Exchange is called.')
param exchangeEvidence bool = true

@description('SHARED_PAGES: whether there is an inventory of shared pages.')
param sharedPages bool = true

@description('MAX_FULL_ACCESS: a shared page with more holders of full access than this is a finding.')
@minValue(1)
@maxValue(500)
param maxFullAccess int = 5

@description('EXCLUDE_USERS: UPNs, object IDs or group:{object ID}, separated by commas, of users who are never queried.')
param excludeUsers string = ''

@description('LIVE_LOOKUPS_PER_MINUTE: number of live lookups allowed per caller.')
@minValue(1)
param liveLookupsPerMinute int = 120

@description('LIVE_REUSE_SECONDS: how long a live answer may be reused; 0: never.')
@minValue(0)
param liveReuseSeconds int = 60

@description('NOT_SET_UP_MARKERS, as printed by `atlas doctor --calibrate`; empty: the default of the app.')
param notSetUpMarkers string = ''

@description('NOT_SET_UP_RECHECK_DAYS: how old the row of a page that has been notSetUp for 14 days may become before the page is requested again; 0: every scan requests it.')
@minValue(0)
@maxValue(365)
param notSetUpRecheckDays int = 0

@description('HISTORY_DAYS: how long scans, changes, finished orchestrations and gone rows are kept.')
@minValue(1)
@maxValue(3650)
param historyDays int = 30

@description('Whether storage, vault and scheduler are reachable through private endpoints only. The routes of the app stay public.')
param privateNetworking bool = false

@description('Email addresses that receive the alerts.')
param alertEmails string[] = []

@description('Number of days for which logs are kept; 0: by size.')
@minValue(0)
@maxValue(730)
param logRetentionDays int = 0

@description('Maximum amount of logs ingested in a day, in GB. The rest of the day is lost, and an alert reports it. 0: by size.')
@minValue(0)
@maxValue(1000)
param dailyCapGB int = 0

@description('Resource ID of the rule that masks request URLs, which an earlier deployment returned; empty: the first deployment.')
param knownMaskRuleId string = ''

@description('Alert when no scan has finished for this many hours; 0: no such alert, for a schedule with longer gaps.')
@minValue(0)
@maxValue(47)
param alertHoursWithoutScan int = 26

@description('Alert when more than this percentage of users is unknown after the last scan.')
@minValue(0)
@maxValue(100)
param alertUnknownPercent int = 5

@description('Alert when Bookings throttled more than this percentage of the last scan\'s probes.')
@minValue(0)
@maxValue(100)
param alertThrottledPercent int = 10

@description('Alert when more functions and requests than this failed within an hour.')
@minValue(0)
@maxValue(1000)
param alertFailuresPerHour int = 10

// The same environment in the same region always has the same names.
var token = uniqueString(subscription().id, environmentName, location)
var tags = {
  'azd-env-name': environmentName
  application: 'bookings-atlas'
  owner: owner
}
var sizes = {
  small: {
    instanceMemoryMB: 2048
    maximumInstanceCount: 40
    probeConcurrency: 4
    logRetentionDays: 30
    dailyCapGB: 1
  }
  medium: {
    instanceMemoryMB: 2048
    maximumInstanceCount: 40
    probeConcurrency: 8
    logRetentionDays: 90
    dailyCapGB: 5
  }
  large: {
    instanceMemoryMB: 4096
    maximumInstanceCount: 100
    probeConcurrency: 16
    logRetentionDays: 90
    dailyCapGB: 20
  }
}
var usesCertificate = signIn.kind == 'certificateRegistration'
var usesScheduler = durableBackend == 'dts'
var thresholds = {
  hoursWithoutScan: alertHoursWithoutScan
  unknownPercent: alertUnknownPercent
  throttledPercent: alertThrottledPercent
  failuresPerHour: alertFailuresPerHour
}

var identityCannotReadTenant = signIn.kind == 'managedIdentity' && toLower(tenantId) != toLower(tenant().tenantId)
var registrationIsMissing = signIn.kind != 'managedIdentity' && empty(signIn.clientId)
var apiIsMissing = apiAccess == 'entra' && empty(apiClientId)
var retentionIsTooShort = logRetentionDays > 0 && logRetentionDays < 30
var faults = concat(
  identityCannotReadTenant ? ['A managed identity can read only its own tenant. To scan another one, sign in as an app registration (ATLAS_SIGN_IN).'] : [],
  registrationIsMissing ? ['Set the client ID of the app registration that the app signs in as (ATLAS_SIGN_IN_CLIENT_ID).'] : [],
  apiIsMissing ? ['Set the client ID of the API (ATLAS_API_CLIENT_ID).'] : [],
  retentionIsTooShort ? ['Logs are kept for 30 days at least (ATLAS_LOG_RETENTION_DAYS).'] : []
)

// Every resource is in this group, so an invalid combination of parameters fails before anything is created.
resource group 'Microsoft.Resources/resourceGroups@2025-04-01' = {
  name: empty(resourceGroupName) ? 'rg-${environmentName}' : resourceGroupName
  location: location
  tags: empty(faults) ? tags : fail(join(faults, ' '))
}

module identity 'modules/identity.bicep' = {
  scope: group
  params: {
    name: 'id-atlas-${token}'
    location: location
    tags: tags
  }
}

module observability 'modules/observability.bicep' = {
  scope: group
  params: {
    workspaceName: 'log-atlas-${token}'
    applicationInsightsName: 'appi-atlas-${token}'
    maskRuleName: 'dcr-atlas-${token}'
    knownMaskRuleId: knownMaskRuleId
    location: location
    tags: tags
    retentionDays: logRetentionDays > 0 ? logRetentionDays : sizes[size].logRetentionDays
    dailyCapGB: dailyCapGB > 0 ? dailyCapGB : sizes[size].dailyCapGB
    principalId: identity.outputs.identity.principalId
  }
}

module network 'modules/network.bicep' = if (privateNetworking) {
  scope: group
  params: {
    name: 'vnet-atlas-${token}'
    location: location
    tags: tags
  }
}

module storage 'modules/storage.bicep' = {
  scope: group
  params: {
    name: 'statlas${token}'
    location: location
    tags: tags
    sku: storageSku
    privateNetworking: privateNetworking
    durableBackend: durableBackend
    principalId: identity.outputs.identity.principalId
    workspaceId: observability.outputs.workspaceId
  }
}

module vault 'modules/vault.bicep' = if (usesCertificate) {
  scope: group
  params: {
    name: 'kv-atlas-${token}'
    location: location
    tags: tags
    privateNetworking: privateNetworking
    principalId: identity.outputs.identity.principalId
    workspaceId: observability.outputs.workspaceId
  }
}

module privateEndpoints 'modules/private-endpoints.bicep' = if (privateNetworking) {
  scope: group
  params: {
    location: location
    tags: tags
    networkId: network!.outputs.id
    subnetId: network!.outputs.endpointsSubnetId
    storageAccountId: storage.outputs.id
    vaultId: usesCertificate ? vault!.outputs.id : ''
    schedulerId: usesScheduler ? durable!.outputs.id : ''
  }
}

module durable 'modules/durable.bicep' = if (usesScheduler) {
  scope: group
  params: {
    name: 'dts-atlas-${token}'
    location: location
    tags: tags
    privateNetworking: privateNetworking
    principalId: identity.outputs.identity.principalId
  }
}

module app 'modules/function-app.bicep' = {
  scope: group
  params: {
    name: 'func-atlas-${token}'
    planName: 'plan-atlas-${token}'
    location: location
    tags: tags
    identity: identity.outputs.identity
    storageAccountName: storage.outputs.name
    packagesContainerName: storage.outputs.packagesContainerName
    applicationInsightsName: observability.outputs.applicationInsightsName
    subnetId: privateNetworking ? network!.outputs.appSubnetId : ''
    vaultName: usesCertificate ? vault!.outputs.name : ''
    schedulerEndpoint: usesScheduler ? durable!.outputs.endpoint : ''
    schedulerHubName: usesScheduler ? durable!.outputs.hubName : ''
    apiClientId: apiClientId
    apiAllowedApplications: apiAllowedApplications
    scale: {
      instanceMemoryMB: sizes[size].instanceMemoryMB
      maximumInstanceCount: sizes[size].maximumInstanceCount
      alwaysReadyDurable: alwaysReadyDurable
    }
    settings: {
      tenantId: tenantId
      signIn: signIn
      apiAccess: apiAccess
      scanSchedule: scanSchedule
      probeConcurrency: probeConcurrency > 0 ? probeConcurrency : sizes[size].probeConcurrency
      probeAvailability: probeAvailability
      exchangeEvidence: exchangeEvidence
      sharedPages: sharedPages
      maxFullAccess: maxFullAccess
      excludeUsers: excludeUsers
      liveLookupsPerMinute: liveLookupsPerMinute
      liveReuseSeconds: liveReuseSeconds
      notSetUpMarkers: notSetUpMarkers
      notSetUpRecheckDays: notSetUpRecheckDays
      historyDays: historyDays
    }
  }
  // A host that starts before it can reach its storage does not restart by itself.
  dependsOn: [
    privateEndpoints
  ]
}

module alerts 'modules/alerts.bicep' = {
  scope: group
  params: {
    token: token
    location: location
    tags: tags
    workspaceId: observability.outputs.workspaceId
    applicationInsightsId: observability.outputs.applicationInsightsId
    emails: alertEmails
    healthUrl: 'https://${app.outputs.hostname}/api/health'
    thresholds: thresholds
  }
}

module workbook 'modules/workbook.bicep' = {
  scope: group
  params: {
    location: location
    tags: tags
    workspaceId: observability.outputs.workspaceId
  }
}

@description('Name of the resource group.')
output RESOURCE_GROUP string = group.name

@description('Name of the function app.')
output FUNCTION_APP_NAME string = app.outputs.name

@description('Host name of the function app.')
output FUNCTION_APP_HOSTNAME string = app.outputs.hostname

@description('URL of the function app.')
output FUNCTION_APP_URL string = 'https://${app.outputs.hostname}'

@description('Name of the identity of the app.')
output IDENTITY_NAME string = identity.outputs.name

@description('Client ID of that identity.')
output IDENTITY_CLIENT_ID string = identity.outputs.identity.clientId

@description('Object ID of that identity.')
output IDENTITY_PRINCIPAL_ID string = identity.outputs.identity.principalId

@description('Name of the storage account.')
output STORAGE_ACCOUNT_NAME string = storage.outputs.name

@description('Name of the Log Analytics workspace.')
output LOG_ANALYTICS_WORKSPACE_NAME string = observability.outputs.workspaceName

@description('Resource ID of the rule that masks request URLs. Later deployments take it as knownMaskRuleId.')
output MASK_RULE_ID string = observability.outputs.maskRuleId

@description('Name of the Application Insights component.')
output APPLICATION_INSIGHTS_NAME string = observability.outputs.applicationInsightsName

@description('Name of the key vault; empty: there is none.')
output KEY_VAULT_NAME string = usesCertificate ? vault!.outputs.name : ''

@description('Where Durable Functions stores its orchestrations. `make package BACKEND=…` takes the same value.')
output DURABLE_BACKEND string = durableBackend
