// Keeps the resource group from being deleted.
resource lock 'Microsoft.Authorization/locks@2020-05-01' = {
  name: 'keep'
  properties: {
    level: 'CanNotDelete'
    notes: 'Bookings Atlas. Set ATLAS_DELETE_LOCK to false, or remove this lock, before azd down.'
  }
}
