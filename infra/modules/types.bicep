// Types that the modules share.

@export()
@description('How the app signs in to Microsoft 365: as its managed identity, or as an app registration that trusts the identity or has a certificate in the key vault.')
type SignInKind = 'managedIdentity' | 'federatedRegistration' | 'certificateRegistration'

@export()
@description('The sign-in to Microsoft 365.')
type SignIn = {
  kind: SignInKind
  // client ID of the app registration; empty for the managed identity
  clientId: string
}

@export()
@description('Who may call the routes: callers with a function key, or callers with a token and an app role.')
type ApiAccess = 'key' | 'entra'

@export()
@description('Where Durable Functions stores its orchestrations: in the storage account, or in a Durable Task Scheduler.')
type DurableBackend = 'storage' | 'dts'

@export()
@description('Redundancies of a storage account that Flex Consumption supports.')
type StorageSku = 'Standard_LRS' | 'Standard_ZRS' | 'Standard_GRS' | 'Standard_GZRS'

@export()
@description('Memory of an instance, in MB.')
type InstanceMemory = 512 | 2048 | 4096

@export()
@description('Size of the tenant: up to 1,000, 10,000 or 100,000 licensed users.')
type Size = 'small' | 'medium' | 'large'

@export()
@description('Tags of every resource. azd finds its environment by the first one.')
type Tags = {
  'azd-env-name': string
  application: string
  owner: string
}

@export()
@description('The user-assigned identity of the function app.')
type Identity = {
  id: string
  clientId: string
  principalId: string
}

@export()
@description('Memory and number of the instances, and how many are always ready for orchestrations.')
type Scale = {
  instanceMemoryMB: InstanceMemory
  maximumInstanceCount: int
  alwaysReadyDurable: int
}

@export()
@description('Settings of the app, as described in docs/settings.md.')
type AtlasSettings = {
  tenantId: string
  signIn: SignIn
  apiAccess: ApiAccess
  scanSchedule: string
  probeConcurrency: int
  probeAvailability: bool
  exchangeEvidence: bool
  sharedPages: bool
  maxFullAccess: int
  excludeUsers: string
  liveLookupsPerMinute: int
  liveReuseSeconds: int
  notSetUpMarkers: string
  notSetUpRecheckDays: int
  historyDays: int
}

@export()
@description('Limits above which the alerts fire.')
type AlertThresholds = {
  hoursWithoutScan: int
  unknownPercent: int
  throttledPercent: int
  failuresPerHour: int
}
