// Up to 100,000 users: larger instances, more calls at once, and room for the logs.
// Values that differ from one deployment to another come from the environment, where `azd env set` puts them.
using 'main.bicep'

param environmentName = readEnvironmentVariable('AZURE_ENV_NAME')
param location = readEnvironmentVariable('AZURE_LOCATION')
param resourceGroupName = readEnvironmentVariable('AZURE_RESOURCE_GROUP', '')
param owner = readEnvironmentVariable('ATLAS_OWNER', 'not named')

param tenantId = readEnvironmentVariable('ATLAS_TENANT_ID')
param signIn = {
  kind: readEnvironmentVariable('ATLAS_SIGN_IN', 'managedIdentity')
  clientId: readEnvironmentVariable('ATLAS_SIGN_IN_CLIENT_ID', '')
}

param apiAccess = readEnvironmentVariable('ATLAS_API_ACCESS', 'key')
param apiClientId = readEnvironmentVariable('ATLAS_API_CLIENT_ID', '')
param apiAllowedApplications = filter(map(split(readEnvironmentVariable('ATLAS_API_ALLOWED_APPLICATIONS', ''), ','), id => trim(id)), id => !empty(id))

param scanSchedule = readEnvironmentVariable('ATLAS_SCAN_SCHEDULE', '0 0 3 * * *')
param probeAvailability = bool(readEnvironmentVariable('ATLAS_PROBE_AVAILABILITY', 'true'))
param exchangeEvidence = bool(readEnvironmentVariable('ATLAS_EXCHANGE_EVIDENCE', 'true'))
param sharedPages = bool(readEnvironmentVariable('ATLAS_SHARED_PAGES', 'true'))
param notSetUpMarkers = readEnvironmentVariable('ATLAS_NOT_SET_UP_MARKERS', '')
param historyDays = int(readEnvironmentVariable('ATLAS_HISTORY_DAYS', '30'))

param privateNetworking = bool(readEnvironmentVariable('ATLAS_PRIVATE_NETWORKING', 'false'))
param deleteLock = bool(readEnvironmentVariable('ATLAS_DELETE_LOCK', 'false'))

param alertEmails = filter(map(split(readEnvironmentVariable('ATLAS_ALERT_EMAIL', ''), ','), address => trim(address)), address => !empty(address))
param alertHoursWithoutScan = int(readEnvironmentVariable('ATLAS_ALERT_HOURS_WITHOUT_SCAN', '26'))
param alertUnknownPercent = int(readEnvironmentVariable('ATLAS_ALERT_UNKNOWN_PERCENT', '5'))
param alertThrottledPercent = int(readEnvironmentVariable('ATLAS_ALERT_THROTTLED_PERCENT', '10'))
param alertFailuresPerHour = int(readEnvironmentVariable('ATLAS_ALERT_FAILURES_PER_HOUR', '10'))

param storageSku = readEnvironmentVariable('ATLAS_STORAGE_SKU', 'Standard_LRS')
param alwaysReadyDurable = int(readEnvironmentVariable('ATLAS_ALWAYS_READY', '0'))
param durableBackend = readEnvironmentVariable('ATLAS_DURABLE_BACKEND', 'storage')
param probeConcurrency = int(readEnvironmentVariable('ATLAS_PROBE_CONCURRENCY', '16'))

// The size.
param instanceMemoryMB = 4096
param maximumInstanceCount = 100
param logRetentionDays = int(readEnvironmentVariable('ATLAS_LOG_RETENTION_DAYS', '90'))
param dailyCapGB = int(readEnvironmentVariable('ATLAS_DAILY_CAP_GB', '20'))
