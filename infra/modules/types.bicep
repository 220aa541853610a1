// The types that the modules share.

@export()
@description('How the app signs in to Microsoft 365: as the managed identity itself, or as an app registration whose credential is that identity, or a certificate in the key vault.')
type SignInKind = 'managedIdentity' | 'federatedRegistration' | 'certificateRegistration'

@export()
@description('The sign-in to Microsoft 365.')
type SignIn = {
  kind: SignInKind
  // client id of the app registration; empty for the managed identity
  clientId: string
}

@export()
@description('Who may call the routes: who has a function key, or who has a token with an app role.')
type ApiAccess = 'key' | 'entra'

@export()
@description('Where Durable Functions keeps its flows: in the storage account, or in a Durable Task Scheduler.')
type DurableBackend = 'storage' | 'dts'

@export()
@description('Kinds of storage accounts that Flex Consumption takes.')
type StorageSku = 'Standard_LRS' | 'Standard_ZRS' | 'Standard_GRS' | 'Standard_GZRS'

@export()
@description('Memory of an instance, in MB.')
type InstanceMemory = 512 | 2048 | 4096

@export()
@description('Tags of every resource. azd finds the environment by the first.')
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
@description('How many instances there may be, of which size, and how many of them wait for flows all day.')
type Scale = {
  instanceMemoryMB: InstanceMemory
  maximumInstanceCount: int
  alwaysReadyDurable: int
}

@export()
@description('What the app is told in its settings. docs/settings.md says what each means.')
type AtlasSettings = {
  tenantId: string
  signIn: SignIn
  apiAccess: ApiAccess
  scanSchedule: string
  probeConcurrency: int
  probeAvailability: bool
  exchangeEvidence: bool
  sharedPages: bool
  notSetUpMarkers: string
  historyDays: int
}

@export()
@description('From where on an alert fires.')
type AlertThresholds = {
  hoursWithoutScan: int
  unknownPercent: int
  throttledPercent: int
  failuresPerHour: int
}
