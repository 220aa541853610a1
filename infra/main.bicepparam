// The parameters come from the azd environment: set them with `azd env set`. docs/operate.md describes each.
using 'main.bicep'

param environmentName = readEnvironmentVariable('AZURE_ENV_NAME')
param location = readEnvironmentVariable('AZURE_LOCATION')
param resourceGroupName = readEnvironmentVariable('AZURE_RESOURCE_GROUP', '')
param owner = readEnvironmentVariable('ATLAS_OWNER', 'not named')
param size = readEnvironmentVariable('ATLAS_SIZE', 'small')

param tenantId = readEnvironmentVariable('ATLAS_TENANT_ID')
param signIn = {
  kind: readEnvironmentVariable('ATLAS_SIGN_IN', 'managedIdentity')
  clientId: readEnvironmentVariable('ATLAS_SIGN_IN_CLIENT_ID', '')
}

param apiAccess = readEnvironmentVariable('ATLAS_API_ACCESS', 'key')
param apiClientId = readEnvironmentVariable('ATLAS_API_CLIENT_ID', '')
param apiAllowedApplications = filter(map(split(readEnvironmentVariable('ATLAS_API_ALLOWED_APPLICATIONS', ''), ','), id => trim(id)), id => !empty(id))

param scanSchedule = readEnvironmentVariable('ATLAS_SCAN_SCHEDULE', '0 0 3 * * *')
param probeConcurrency = int(readEnvironmentVariable('ATLAS_PROBE_CONCURRENCY', '0'))
param probeAvailability = bool(readEnvironmentVariable('ATLAS_PROBE_AVAILABILITY', 'true'))
param exchangeEvidence = bool(readEnvironmentVariable('ATLAS_EXCHANGE_EVIDENCE', 'true'))
param sharedPages = bool(readEnvironmentVariable('ATLAS_SHARED_PAGES', 'true'))
param maxFullAccess = int(readEnvironmentVariable('ATLAS_MAX_FULL_ACCESS', '5'))
param excludeUsers = readEnvironmentVariable('ATLAS_EXCLUDE_USERS', '')
param liveLookupsPerMinute = int(readEnvironmentVariable('ATLAS_LIVE_LOOKUPS_PER_MINUTE', '120'))
param liveReuseSeconds = int(readEnvironmentVariable('ATLAS_LIVE_REUSE_SECONDS', '60'))
param notSetUpMarkers = readEnvironmentVariable('ATLAS_NOT_SET_UP_MARKERS', '')
param notSetUpRecheckDays = int(readEnvironmentVariable('ATLAS_NOT_SET_UP_RECHECK_DAYS', '0'))
param historyDays = int(readEnvironmentVariable('ATLAS_HISTORY_DAYS', '30'))

param alwaysReadyDurable = int(readEnvironmentVariable('ATLAS_ALWAYS_READY', '1'))
param durableBackend = readEnvironmentVariable('ATLAS_DURABLE_BACKEND', 'storage')
param storageSku = readEnvironmentVariable('ATLAS_STORAGE_SKU', 'Standard_LRS')
param privateNetworking = bool(readEnvironmentVariable('ATLAS_PRIVATE_NETWORKING', 'false'))

param alertEmails = filter(map(split(readEnvironmentVariable('ATLAS_ALERT_EMAIL', ''), ','), address => trim(address)), address => !empty(address))
param alertHoursWithoutScan = int(readEnvironmentVariable('ATLAS_ALERT_HOURS_WITHOUT_SCAN', '26'))
param alertUnknownPercent = int(readEnvironmentVariable('ATLAS_ALERT_UNKNOWN_PERCENT', '5'))
param alertThrottledPercent = int(readEnvironmentVariable('ATLAS_ALERT_THROTTLED_PERCENT', '10'))
param alertFailuresPerHour = int(readEnvironmentVariable('ATLAS_ALERT_FAILURES_PER_HOUR', '10'))
param logRetentionDays = int(readEnvironmentVariable('ATLAS_LOG_RETENTION_DAYS', '0'))
param dailyCapGB = int(readEnvironmentVariable('ATLAS_DAILY_CAP_GB', '0'))
param knownMaskRuleId = readEnvironmentVariable('MASK_RULE_ID', '')
