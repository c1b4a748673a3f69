@description('Name of the storage account.')
param name string

@description('Region.')
param location string

@description('Tags of every resource.')
param tags object

@description('Name of the activity queue; the others are named after it.')
param activityQueue string

@description('Where the private endpoints go; without one, storage has a public address.')
param privateEndpointSubnetId string

@description('For each service with a private endpoint, the resource id of its private DNS zone.')
param privateDnsZoneIds object

var deploymentContainer = 'deployments'
var isPrivate = !empty(privateEndpointSubnetId)

module account 'br/public:avm/res/storage/storage-account:0.32.0' = {
  name: 'storage-account'
  params: {
    name: name
    location: location
    tags: tags
    kind: 'StorageV2'
    // What stands in here is on its way or can be sent again; the ledger is asked again in Microsoft Graph.
    skuName: 'Standard_LRS'
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
        privateDnsZoneGroup: {
          privateDnsZoneGroupConfigs: [
            { privateDnsZoneResourceId: zone.value }
          ]
        }
      }
    ]
    blobServices: {
      containers: [
        { name: deploymentContainer }
      ]
    }
    // The host makes the two queues "-poison" by itself when it needs them.
    queueServices: {
      queues: [
        { name: activityQueue }
        { name: '${activityQueue}-batches' }
        { name: '${activityQueue}-failed' }
        { name: '${activityQueue}-results' }
      ]
    }
    tableServices: {
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
