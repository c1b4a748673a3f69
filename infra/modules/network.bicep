// Storage without a public address. Callers still reach the app over the internet: Power Automate is outside.
// https://learn.microsoft.com/azure/azure-functions/functions-networking-options

@description('What makes the names of this environment unique.')
param token string

@description('Region.')
param location string

@description('Tags of every resource.')
param tags object

// The host needs blobs and queues, the app queues and tables.
var services = ['blob', 'queue', 'table']

module network 'br/public:avm/res/network/virtual-network:0.7.2' = {
  name: 'virtual-network'
  params: {
    name: 'vnet-viva-learning-${token}'
    location: location
    tags: tags
    addressPrefixes: ['10.0.0.0/16']
    subnets: [
      {
        name: 'private-endpoints'
        addressPrefix: '10.0.1.0/24'
        privateEndpointNetworkPolicies: 'Disabled'
      }
      {
        // Flex Consumption takes no other delegation, and no underscore in the name.
        name: 'app'
        addressPrefix: '10.0.2.0/24'
        delegation: 'Microsoft.App/environments'
        // Everything that the app sends goes through here, also what goes to Microsoft Graph and Microsoft Entra ID.
        // Put a NAT gateway or a firewall in its place where the way out has to be your own.
        defaultOutboundAccess: true
      }
    ]
  }
}

module zones 'br/public:avm/res/network/private-dns-zone:0.8.1' = [
  for service in services: {
    name: 'dns-${service}'
    params: {
      name: 'privatelink.${service}.${environment().suffixes.storage}'
      tags: tags
      virtualNetworkLinks: [
        {
          virtualNetworkResourceId: network.outputs.resourceId
          registrationEnabled: false
        }
      ]
    }
  }
]

output privateEndpointSubnetId string = network.outputs.subnetResourceIds[0]
output appSubnetId string = network.outputs.subnetResourceIds[1]
output privateDnsZoneIds object = {
  blob: zones[0].outputs.resourceId
  queue: zones[1].outputs.resourceId
  table: zones[2].outputs.resourceId
}
