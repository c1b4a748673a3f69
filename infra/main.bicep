// Everything that the function app needs, in a resource group of its own or in yours. `azd provision` makes it:
// https://learn.microsoft.com/azure/developer/azure-developer-cli/
//
// The person who deploys gets no role: the package reaches its container through the app's own identity, and shared
// keys, with which an owner could read the queues, are off. Who has to look into a queue is given a role for that.
targetScope = 'subscription'

@minLength(1)
@maxLength(64)
@description('Name of the environment; the names of all resources follow from it.')
param environmentName string

// azd offers these and no others. They are those of Microsoft's own samples; put a newer one, which
// `az functionapp list-flexconsumption-locations` names, among them:
// https://github.com/Azure-Samples/functions-quickstart-python-http-azd/blob/main/infra/main.bicep
@allowed([
  'australiaeast'
  'australiasoutheast'
  'brazilsouth'
  'canadacentral'
  'centralindia'
  'centralus'
  'eastasia'
  'eastus'
  'eastus2'
  'francecentral'
  'germanywestcentral'
  'italynorth'
  'japaneast'
  'koreacentral'
  'northcentralus'
  'northeurope'
  'norwayeast'
  'southafricanorth'
  'southcentralus'
  'southeastasia'
  'southindia'
  'spaincentral'
  'swedencentral'
  'uaenorth'
  'uksouth'
  'ukwest'
  'westcentralus'
  'westeurope'
  'westus'
  'westus2'
  'westus3'
])
@description('Region of all resources; it has to offer Flex Consumption.')
@metadata({ azd: { type: 'location' } })
param location string

@description('Name of a resource group that is there already; without it, one is made.')
param existingResourceGroup string = ''

@description('Tags of your own on every resource: name=value;name=value.')
param resourceTags string = ''

@description('Whether storage is reachable through a virtual network alone.')
param vnetEnabled bool = false

@description('With vnetEnabled: the address range of the network that is made, /22 or larger.')
param vnetAddressPrefix string = '10.0.0.0/16'

@description('With vnetEnabled: resource id of a subnet of yours for the app, in place of a network that is made.')
param appSubnetId string = ''

@description('With appSubnetId: resource id of a subnet of yours for the private endpoints of storage.')
param privateEndpointSubnetId string = ''

@description('With appSubnetId: resource id of the group with your private DNS zones; without it, a policy has to add them.')
param privateDnsZonesResourceGroupId string = ''

@description('Who may reach the app: address ranges and service tags, comma-separated. Without any, the internet.')
param callerNetworks string = ''

@description('Whether instances are spread over availability zones.')
param zoneRedundant bool = false

@allowed(['LRS', 'ZRS', 'GRS', 'GZRS'])
@description('How many copies storage keeps, and where.')
param storageRedundancy string = 'LRS'

@description('Whether the storage account is locked against deletion.')
param deleteLock bool = false

@minValue(0)
@description('Instances for HTTP that never go away; each costs money all the time and saves callers the cold start.')
param alwaysReadyHttpInstances int = 0

@minValue(0)
@description('Instances for each of the two queues that never go away.')
param alwaysReadyQueueInstances int = 0

// https://learn.microsoft.com/azure/azure-functions/event-driven-scaling#limit-scale-out
@minValue(1)
@maxValue(1000)
@description('The most instances for HTTP, and for each queue.')
param maximumInstanceCount int = 5

@allowed([512, 2048, 4096])
@description('Memory of an instance in MB.')
param instanceMemoryMB int = 2048

@minValue(1)
@maxValue(1000)
@description('The most HTTP requests that one instance handles at a time.')
param httpConcurrency int = 16

@description('Whether an update replaces one instance after another, a preview, instead of all at once.')
param rollingUpdate bool = false

@description('Whether callers need a token of Microsoft Entra ID instead of a function key.')
param entraAuth bool = false

@description('With entraAuth: client ids of the applications that may call, comma-separated. Without any, nobody may.')
param allowedClientApplications string = ''

@description('With entraAuth: object ids of further owners of the application that callers ask a token for, comma-separated.')
param apiOwnerPrincipalIds string = ''

// azd writes it into JSON, which the quotes of JSON would break: hence a form of its own.
@description('App setting CLIENT_APPLICATION_PROVIDERS: client id=provider,provider;client id=provider.')
param clientApplicationProviders string = ''

@description('App setting PUBLIC_BASE_URL.')
param publicBaseUrl string = ''

@description('Whether to grant the Microsoft Graph permissions; the deployer then has to be a Privileged Role Administrator.')
param grantGraphPermissions bool = false

@description('With grantGraphPermissions, what else to grant: people, employee-ids, courses, comma-separated.')
param optionalGraphPermissions string = ''

@description('Object ids of who may write to the activity queue, such as an LMS job or a group, comma-separated.')
param queueSenderPrincipalIds string = ''

@description('Object ids of who may take messages of the queues of failures and of results, comma-separated.')
param queueReaderPrincipalIds string = ''

@description('Where alerts are mailed to.')
param alertEmail string = ''

@description('Resource id of an existing action group that gets the alerts.')
param actionGroupId string = ''

@description('Whether Azure calls GET /api/health from outside, and an alert tells when it is not answered.')
param availabilityTest bool = true

@minValue(1)
@description('An alert fires when more messages than these wait in all queues together, on average over six hours.')
param waitingMessagesAlert int = 1000

@description('Whether every access to storage is logged.')
param storageLogs bool = false

@description('App setting LEARNING_PROVIDER_ID.')
param learningProviderId string = ''

@description('App setting ALLOWED_LEARNING_PROVIDER_IDS, comma-separated.')
param allowedLearningProviderIds string = ''

@description('App setting DEFAULT_TIME_ZONE.')
param defaultTimeZone string = 'UTC'

// "-batches-poison" has to fit behind it: https://learn.microsoft.com/rest/api/storageservices/naming-queues-and-metadata
@minLength(3)
@maxLength(48)
@description('App setting ACTIVITY_QUEUE.')
param activityQueue string = 'learning-activities'

@minValue(1)
@maxValue(9999)
@description('App setting CLAIM_LEASE_SECONDS.')
param claimLeaseSeconds int = 60

@minValue(1)
@maxValue(9999)
@description('App setting RETENTION_DAYS.')
param retentionDays int = 30

@description('App setting QUEUE_RESULTS.')
param queueResults bool = false

@minValue(30)
@maxValue(730)
@description('How many days logs are kept.')
param logRetentionDays int = 30

@description('The most gigabytes of logs a day; what comes after them is not kept. -1: no limit.')
param logDailyCapGb string = '-1'

var ownTags = toObject(
  empty(resourceTags) ? [] : split(resourceTags, ';'),
  one => trim(split(one, '=')[0]),
  one => trim(split(one, '=')[1])
)
var tags = union(ownTags, { 'azd-env-name': environmentName })
var groupName = empty(existingResourceGroup) ? 'rg-${environmentName}' : existingResourceGroup
var token = toLower(uniqueString(subscription().id, environmentName, location))
var functionAppName = 'func-viva-learning-${token}'
// Lists are texts here, because azd puts nothing but texts into parameters of main.parameters.json.
var callers = empty(allowedClientApplications) ? [] : map(split(allowedClientApplications, ','), id => trim(id))
var apiOwners = empty(apiOwnerPrincipalIds) ? [] : map(split(apiOwnerPrincipalIds, ','), id => trim(id))
var networks = empty(callerNetworks) ? [] : map(split(callerNetworks, ','), one => trim(one))
// The service tag of those who call GET /api/health.
var testers = availabilityTest && !empty(networks) ? ['ApplicationInsightsAvailability'] : []
var optionalKinds = empty(optionalGraphPermissions) ? [] : map(split(optionalGraphPermissions, ','), kind => trim(kind))
var queueSenders = empty(queueSenderPrincipalIds) ? [] : map(split(queueSenderPrincipalIds, ','), id => trim(id))
var queueReaders = empty(queueReaderPrincipalIds) ? [] : map(split(queueReaderPrincipalIds, ','), id => trim(id))

var clientProviders = toObject(
  empty(clientApplicationProviders) ? [] : split(clientApplicationProviders, ';'),
  one => trim(split(one, '=')[0]),
  one => map(split(split(one, '=')[1], ','), id => trim(id))
)

var makesNetwork = vnetEnabled && empty(appSubnetId)
var usesEndpointSubnet = vnetEnabled && !makesNetwork && !empty(privateEndpointSubnetId)
var dnsZoneNames = toObject(
  ['blob', 'queue', 'table'],
  service => service,
  service => 'privatelink.${service}.${environment().suffixes.storage}'
)
var dnsZonesPath = '${privateDnsZonesResourceGroupId}/providers/Microsoft.Network/privateDnsZones'
// Without a group of zones there are none, because a policy enters each private endpoint into its own.
var existingDnsZoneIds = mapValues(
  dnsZoneNames,
  zone => empty(privateDnsZonesResourceGroupId) ? '' : '${dnsZonesPath}/${zone}'
)
var usedSubnetId = usesEndpointSubnet ? privateEndpointSubnetId : ''
var usedDnsZoneIds = usesEndpointSubnet ? existingDnsZoneIds : {}

resource group 'Microsoft.Resources/resourceGroups@2024-03-01' = if (empty(existingResourceGroup)) {
  name: groupName
  location: location
  tags: tags
}

module identity 'br/public:avm/res/managed-identity/user-assigned-identity:0.6.0' = {
  name: 'identity'
  scope: resourceGroup(groupName)
  params: {
    name: 'id-viva-learning-${token}'
    location: location
    tags: tags
  }
  dependsOn: [group]
}

module monitoring 'modules/monitoring.bicep' = {
  name: 'monitoring'
  scope: resourceGroup(groupName)
  params: {
    token: token
    location: location
    tags: tags
    logRetentionDays: logRetentionDays
    logDailyCapGb: logDailyCapGb
  }
  dependsOn: [group]
}

module network 'modules/network.bicep' = if (makesNetwork) {
  name: 'network'
  scope: resourceGroup(groupName)
  params: {
    token: token
    location: location
    tags: tags
    addressPrefix: vnetAddressPrefix
    dnsZoneNames: dnsZoneNames
  }
  dependsOn: [group]
}

module storage 'modules/storage.bicep' = {
  name: 'storage'
  scope: resourceGroup(groupName)
  params: {
    name: 'st${token}'
    location: location
    tags: tags
    activityQueue: activityQueue
    redundancy: storageRedundancy
    deleteLock: deleteLock
    logWorkspaceId: storageLogs ? monitoring.outputs.workspaceId : ''
    privateEndpointSubnetId: makesNetwork ? network!.outputs.privateEndpointSubnetId : usedSubnetId
    privateDnsZoneIds: makesNetwork ? network!.outputs.privateDnsZoneIds : usedDnsZoneIds
  }
  dependsOn: [group]
}

module roles 'modules/roles.bicep' = {
  name: 'roles'
  scope: resourceGroup(groupName)
  params: {
    storageAccountName: storage.outputs.name
    applicationInsightsName: monitoring.outputs.applicationInsightsName
    activityQueue: activityQueue
    identityPrincipalId: identity.outputs.principalId
    queueSenderPrincipalIds: queueSenders
    queueReaderPrincipalIds: queueReaders
  }
}

module callerAuthentication 'modules/caller-authentication.bicep' = if (entraAuth) {
  name: 'caller-authentication'
  scope: resourceGroup(groupName)
  params: {
    name: functionAppName
    identityPrincipalId: identity.outputs.principalId
    ownerPrincipalIds: apiOwners
  }
}

module functionApp 'modules/function-app.bicep' = {
  name: 'function-app'
  scope: resourceGroup(groupName)
  params: {
    name: functionAppName
    token: token
    location: location
    tags: tags
    identityId: identity.outputs.resourceId
    identityClientId: identity.outputs.clientId
    storageAccountName: storage.outputs.name
    deploymentContainerUrl: storage.outputs.deploymentContainerUrl
    applicationInsightsConnectionString: monitoring.outputs.connectionString
    subnetId: makesNetwork ? network!.outputs.appSubnetId : vnetEnabled ? appSubnetId : ''
    callerNetworks: concat(networks, testers)
    zoneRedundant: zoneRedundant
    rollingUpdate: rollingUpdate
    alwaysReadyHttpInstances: alwaysReadyHttpInstances
    alwaysReadyQueueInstances: alwaysReadyQueueInstances
    maximumInstanceCount: maximumInstanceCount
    instanceMemoryMB: instanceMemoryMB
    httpConcurrency: httpConcurrency
    entraAuth: entraAuth
    apiClientId: entraAuth ? callerAuthentication!.outputs.clientId : ''
    apiAudience: entraAuth ? callerAuthentication!.outputs.audience : ''
    allowedClientApplications: callers
    settings: {
      CLIENT_APPLICATION_PROVIDERS: empty(clientProviders) ? '' : string(clientProviders)
      PUBLIC_BASE_URL: publicBaseUrl
      LEARNING_PROVIDER_ID: learningProviderId
      ALLOWED_LEARNING_PROVIDER_IDS: allowedLearningProviderIds
      DEFAULT_TIME_ZONE: defaultTimeZone
      ACTIVITY_QUEUE: activityQueue
      CLAIM_LEASE_SECONDS: string(claimLeaseSeconds)
      RETENTION_DAYS: string(retentionDays)
      QUEUE_RESULTS: queueResults ? 'true' : 'false'
    }
  }
  // The host asks for its storage when it starts, and has nothing to ask with before.
  dependsOn: [roles]
}

module graphPermissions 'modules/graph-permissions.bicep' = if (grantGraphPermissions) {
  name: 'graph-permissions'
  scope: resourceGroup(groupName)
  params: {
    identityPrincipalId: identity.outputs.principalId
    optionalKinds: optionalKinds
  }
}

module alerts 'modules/alerts.bicep' = {
  name: 'alerts'
  scope: resourceGroup(groupName)
  params: {
    location: location
    tags: tags
    workspaceId: monitoring.outputs.workspaceId
    applicationInsightsId: monitoring.outputs.applicationInsightsId
    storageAccountName: storage.outputs.name
    healthUrl: availabilityTest ? 'https://${functionApp.outputs.hostName}/api/health' : ''
    waitingMessagesAlert: waitingMessagesAlert
    alertEmail: alertEmail
    actionGroupId: actionGroupId
  }
}

module workbook 'modules/workbook.bicep' = {
  name: 'workbook'
  scope: resourceGroup(groupName)
  params: {
    location: location
    tags: tags
    workspaceId: monitoring.outputs.workspaceId
    applicationInsightsId: monitoring.outputs.applicationInsightsId
    storageAccountName: storage.outputs.name
  }
}

output AZURE_LOCATION string = location
output AZURE_TENANT_ID string = tenant().tenantId
output AZURE_RESOURCE_GROUP string = groupName
output FUNCTION_APP_NAME string = functionApp.outputs.name
// The host name that the connector asks for when a connection is made.
output FUNCTION_APP_HOST_NAME string = functionApp.outputs.hostName
output API_BASE_URL string = 'https://${functionApp.outputs.hostName}/api'
output IDENTITY_NAME string = identity.outputs.name
output IDENTITY_CLIENT_ID string = identity.outputs.clientId
output IDENTITY_PRINCIPAL_ID string = identity.outputs.principalId
// Empty without entraAuth.
output API_CLIENT_ID string = entraAuth ? callerAuthentication!.outputs.clientId : ''
output API_AUDIENCE string = entraAuth ? callerAuthentication!.outputs.audience : ''
output API_SCOPE string = entraAuth ? callerAuthentication!.outputs.scope : ''
output STORAGE_ACCOUNT_NAME string = storage.outputs.name
output QUEUE_ENDPOINT string = storage.outputs.queueEndpoint
output ACTIVITY_QUEUE string = activityQueue
output APPLICATION_INSIGHTS_NAME string = monitoring.outputs.applicationInsightsName
