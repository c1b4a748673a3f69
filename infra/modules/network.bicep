// Storage without a public address. Callers still reach the app over the internet: Power Automate is outside.
// https://learn.microsoft.com/azure/azure-functions/functions-networking-options

@description('What makes the names of this environment unique.')
param token string

@description('Region.')
param location string

@description('Tags of every resource.')
param tags object

@description('The address range of the network.')
param addressPrefix string

@description('For each service of storage that is reached through it, the name of its private DNS zone.')
param dnsZoneNames object

module network 'br/public:avm/res/network/virtual-network:0.10.1' = {
  name: 'virtual-network'
  params: {
    name: 'vnet-viva-learning-${token}'
    location: location
    tags: tags
    addressPrefixes: [addressPrefix]
    subnets: [
      {
        name: 'private-endpoints'
        addressPrefix: cidrSubnet(addressPrefix, 24, 1)
        privateEndpointNetworkPolicies: 'Disabled'
      }
      {
        // Flex Consumption takes no other delegation, and no underscore in the name.
        name: 'app'
        addressPrefix: cidrSubnet(addressPrefix, 24, 2)
        delegation: 'Microsoft.App/environments'
        // Everything that the app sends goes through here, also what goes to Microsoft Graph and Microsoft Entra ID.
        // Put a NAT gateway or a firewall in its place where the way out has to be your own.
        defaultOutboundAccess: true
      }
    ]
  }
}

module zones 'br/public:avm/res/network/private-dns-zone:0.8.1' = [
  for zone in items(dnsZoneNames): {
    name: 'dns-${zone.key}'
    params: {
      name: zone.value
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
