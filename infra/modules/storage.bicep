@description('Name of the storage account.')
param name string

@description('Region.')
param location string

@description('Tags of every resource.')
param tags object

@description('Name of the activity queue; the others are named after it.')
param activityQueue string

@description('How many copies are kept, and where: LRS, ZRS, GRS or GZRS.')
param redundancy string

@description('Whether the account is locked against deletion.')
param deleteLock bool

@description('Resource id of the workspace that every access is logged in; empty for no logs.')
param logWorkspaceId string

@description('Where the private endpoints go; without one, storage has a public address.')
param privateEndpointSubnetId string

@description('For each service with a private endpoint, the resource id of its private DNS zone, or nothing.')
param privateDnsZoneIds object

var deploymentContainer = 'deployments'
var isPrivate = !empty(privateEndpointSubnetId)
var allLogs = [{ workspaceResourceId: logWorkspaceId, logCategoriesAndGroups: [{ categoryGroup: 'allLogs' }] }]
var logs = empty(logWorkspaceId) ? [] : allLogs

module account 'br/public:avm/res/storage/storage-account:0.33.0' = {
  name: 'storage-account'
  params: {
    name: name
    location: location
    tags: tags
    kind: 'StorageV2'
    skuName: 'Standard_${redundancy}'
    lock: deleteLock ? { kind: 'CanNotDelete' } : null
    allowSharedKeyAccess: false
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    publicNetworkAccess: isPrivate ? 'Disabled' : 'Enabled'
    // The app has no fixed address to allow without a virtual network; nobody gets in without a role either way.
    networkAcls: {
      defaultAction: isPrivate ? 'Deny' : 'Allow'
      bypass: isPrivate ? 'None' : 'AzureServices'
    }
    privateEndpoints: [
      for zone in items(privateDnsZoneIds): {
        service: zone.key
        subnetResourceId: privateEndpointSubnetId
        privateDnsZoneGroup: empty(zone.value) ? null : {
          privateDnsZoneGroupConfigs: [
            { privateDnsZoneResourceId: zone.value }
          ]
        }
      }
    ]
    blobServices: {
      diagnosticSettings: logs
      containers: [
        { name: deploymentContainer }
      ]
    }
    // The host makes the two queues "-poison" by itself when it needs them.
    queueServices: {
      diagnosticSettings: logs
      queues: [
        { name: activityQueue }
        { name: '${activityQueue}-batches' }
        { name: '${activityQueue}-failed' }
        { name: '${activityQueue}-results' }
      ]
    }
    tableServices: {
      diagnosticSettings: logs
      tables: [
        { name: 'activityledger' }
        { name: 'activitybatches' }
      ]
    }
  }
}

output name string = account.outputs.name
output deploymentContainerUrl string = '${account.outputs.primaryBlobEndpoint}${deploymentContainer}'
output queueEndpoint string = 'https://${name}.queue.${environment().suffixes.storage}'
