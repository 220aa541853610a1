// Bookings Atlas in one resource group: the app, its identity and storage, and what watches it.
// Rights in Entra and Microsoft 365 are not Azure's to give: entra/main.bicep and docs/operate.md do that.
targetScope = 'subscription'

import { ApiAccess, DurableBackend, InstanceMemory, SignIn, StorageSku } from 'modules/types.bicep'

@description('Name of the environment, as azd knows it.')
@minLength(1)
@maxLength(58)
param environmentName string

@description('Azure region of every resource. It has to offer Flex Consumption with Python 3.13.')
param location string

@description('Resource group that is made; empty: named after the environment.')
param resourceGroupName string = ''

@description('Who answers for this deployment; a tag of every resource.')
param owner string = 'not named'

@description('The tenant that is scanned.')
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

@description('Client id of the API\'s app registration, which entra/main.bicep makes; needed where apiAccess is entra.')
param apiClientId string = ''

@description('Client ids of the only applications that may call; none named: every one that has an app role.')
param apiAllowedApplications string[] = []

@description('Where Durable Functions keeps its flows.')
param durableBackend DurableBackend = 'storage'

@description('Memory of an instance, in MB.')
param instanceMemoryMB InstanceMemory = 2048

@description('The most instances there may be. PROBE_CONCURRENCY, not this, limits the calls to Bookings.')
@minValue(1)
@maxValue(1000)
param maximumInstanceCount int = 40

@description('Instances that wait for flows all day; 0: a scan begins with a cold start.')
@minValue(0)
@maxValue(20)
param alwaysReadyDurable int = 0

@description('Redundancy of the storage account. Once it is made, a deployment cannot take it into zones or out of them.')
param storageSku StorageSku = 'Standard_LRS'

@description('SCAN_SCHEDULE: when a scan starts, six fields in UTC.')
param scanSchedule string = '0 0 3 * * *'

@description('PROBE_CONCURRENCY: calls to Bookings in flight at once.')
@minValue(1)
@maxValue(64)
param probeConcurrency int = 4

@description('PROBE_AVAILABILITY: whether a scan asks each page if anything can be booked.')
param probeAvailability bool = true

@description('EXCHANGE_EVIDENCE: whether Exchange is asked.')
param exchangeEvidence bool = true

@description('SHARED_PAGES: whether there is an inventory of shared pages.')
param sharedPages bool = true

@description('NOT_SET_UP_MARKERS, as `atlas doctor --calibrate` prints them; empty: the app\'s own.')
param notSetUpMarkers string = ''

@description('HISTORY_DAYS: how long scans, changes, finished flows and gone rows are kept.')
@minValue(1)
@maxValue(3650)
param historyDays int = 30

@description('Whether storage and vault are reached by private endpoints only. The routes of the app stay public.')
param privateNetworking bool = false

@description('Who gets a mail when an alert fires.')
param alertEmails string[] = []

@description('How long logs are kept.')
@minValue(30)
@maxValue(730)
param logRetentionDays int = 30

@description('How many GB of logs a day are taken in; the rest of the day\'s are lost, and an alert says so.')
@minValue(1)
@maxValue(1000)
param dailyCapGB int = 1

@description('Alert when no scan has finished for this many hours; 0: no such alert, for a schedule that is rarer.')
@minValue(0)
@maxValue(47)
param alertHoursWithoutScan int = 26

@description('Alert when the last scan could not learn about more than this share of users.')
@minValue(0)
@maxValue(100)
param alertUnknownPercent int = 5

@description('Alert when Bookings held up more than this share of the last scan\'s probes.')
@minValue(0)
@maxValue(100)
param alertThrottledPercent int = 10

@description('Alert when more functions and requests than this failed within an hour.')
@minValue(0)
@maxValue(1000)
param alertFailuresPerHour int = 10

@description('Whether the resource group is locked against deletion. A lock stops `azd down` too.')
param deleteLock bool = false

// The same names for the same environment, and others for any other.
var token = uniqueString(subscription().id, environmentName, location)
var tags = {
  'azd-env-name': environmentName
  application: 'bookings-atlas'
  owner: owner
}
var signsInByCertificate = signIn.kind == 'certificateRegistration'
var thresholds = {
  hoursWithoutScan: alertHoursWithoutScan
  unknownPercent: alertUnknownPercent
  throttledPercent: alertThrottledPercent
  failuresPerHour: alertFailuresPerHour
}

var readsAnotherTenant = signIn.kind == 'managedIdentity' && toLower(tenantId) != toLower(tenant().tenantId)
var signsInAsNobody = signIn.kind != 'managedIdentity' && empty(signIn.clientId)
var lacksTheApi = apiAccess == 'entra' && empty(apiClientId)
var faults = concat(
  readsAnotherTenant ? ['A managed identity gets tokens of its own tenant alone: to scan another, sign in as a registration (ATLAS_SIGN_IN).'] : [],
  signsInAsNobody ? ['Which registration does the app sign in as (ATLAS_SIGN_IN_CLIENT_ID)?'] : [],
  lacksTheApi ? ['Which registration has the API (ATLAS_API_CLIENT_ID)?'] : []
)

// Everything is in this group, so what could not work ends here, before anything is made.
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
    transformationName: 'dcr-atlas-${token}'
    location: location
    tags: tags
    retentionDays: logRetentionDays
    dailyCapGB: dailyCapGB
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

module vault 'modules/vault.bicep' = if (signsInByCertificate) {
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
    vaultId: signsInByCertificate ? vault!.outputs.id : ''
  }
}

module durable 'modules/durable.bicep' = if (durableBackend == 'dts') {
  scope: group
  params: {
    name: 'dts-atlas-${token}'
    location: location
    tags: tags
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
    workspaceId: observability.outputs.workspaceId
    subnetId: privateNetworking ? network!.outputs.appSubnetId : ''
    vaultName: signsInByCertificate ? vault!.outputs.name : ''
    schedulerEndpoint: durableBackend == 'dts' ? durable!.outputs.endpoint : ''
    schedulerHubName: durableBackend == 'dts' ? durable!.outputs.hubName : ''
    apiClientId: apiClientId
    apiAllowedApplications: apiAllowedApplications
    scale: {
      instanceMemoryMB: instanceMemoryMB
      maximumInstanceCount: maximumInstanceCount
      alwaysReadyDurable: alwaysReadyDurable
    }
    settings: {
      tenantId: tenantId
      signIn: signIn
      apiAccess: apiAccess
      scanSchedule: scanSchedule
      probeConcurrency: probeConcurrency
      probeAvailability: probeAvailability
      exchangeEvidence: exchangeEvidence
      sharedPages: sharedPages
      notSetUpMarkers: notSetUpMarkers
      historyDays: historyDays
    }
  }
  // A host that starts before it can reach its storage does not start again by itself.
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

module lock 'modules/lock.bicep' = if (deleteLock) {
  scope: group
}

@description('Resource group of everything.')
output RESOURCE_GROUP string = group.name

@description('Name of the function app.')
output FUNCTION_APP_NAME string = app.outputs.name

@description('Host name of the function app.')
output FUNCTION_APP_HOSTNAME string = app.outputs.hostname

@description('Address of the function app.')
output FUNCTION_APP_URL string = 'https://${app.outputs.hostname}'

@description('Name of the identity that the app runs as.')
output IDENTITY_NAME string = identity.outputs.name

@description('Client id of that identity.')
output IDENTITY_CLIENT_ID string = identity.outputs.identity.clientId

@description('Object id of that identity\'s service principal.')
output IDENTITY_PRINCIPAL_ID string = identity.outputs.identity.principalId

@description('Name of the storage account.')
output STORAGE_ACCOUNT_NAME string = storage.outputs.name

@description('Name of the Log Analytics workspace.')
output LOG_ANALYTICS_WORKSPACE_NAME string = observability.outputs.workspaceName

@description('Name of the Application Insights component.')
output APPLICATION_INSIGHTS_NAME string = observability.outputs.applicationInsightsName

@description('Name of the key vault; empty where none is needed.')
output KEY_VAULT_NAME string = signsInByCertificate ? vault!.outputs.name : ''

@description('Where Durable Functions keeps its flows: the package needs the host file that goes with it.')
output DURABLE_BACKEND string = durableBackend
