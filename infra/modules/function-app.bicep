@description('Name of the function app.')
param name string

@description('What makes the names of this environment unique.')
param token string

@description('Region.')
param location string

@description('Tags of every resource.')
param tags object

@description('Resource id of the app\'s identity.')
param identityId string

@description('Client id of the app\'s identity.')
param identityClientId string

@description('Name of the storage account.')
param storageAccountName string

@description('Address of the container that the package goes into.')
param deploymentContainerUrl string

@description('Where telemetry goes.')
param applicationInsightsConnectionString string

@description('The subnet through which the app sends; empty without a virtual network.')
param subnetId string

@description('Who may reach the app: address ranges and service tags; without any, the internet.')
param callerNetworks array

@description('Whether instances are spread over availability zones.')
param zoneRedundant bool

@description('Whether an update replaces one instance after another instead of all at once.')
param rollingUpdate bool

@description('Instances for HTTP that never go away.')
param alwaysReadyHttpInstances int

@description('Instances for each queue that never go away.')
param alwaysReadyQueueInstances int

@description('The most instances for HTTP, and for each queue.')
param maximumInstanceCount int

@description('Memory of an instance in MB.')
param instanceMemoryMB int

@description('The most HTTP requests that one instance handles at a time.')
param httpConcurrency int

@description('Whether callers need a token of Microsoft Entra ID instead of a function key.')
param entraAuth bool

@description('Client id of the application that callers ask a token for.')
param apiClientId string

@description('Audience of the tokens, as callers name it.')
param apiAudience string

@description('Client ids of the applications that may call.')
param allowedClientApplications array

@description('The app settings that main.bicep has parameters for.')
param settings object

var appSettings = union(
  settings,
  {
    AzureWebJobsStorage__accountName: storageAccountName
    AzureWebJobsStorage__credential: 'managedidentity'
    AzureWebJobsStorage__clientId: identityClientId
    AZURE_CLIENT_ID: identityClientId
    // Above it the host answers an empty 500, which flows repeat for an hour; the app itself refuses from 16 MiB on.
    FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: '67108864'
    GRAPH_BASE_URL: 'https://graph.microsoft.com/v1.0'
    ENTRA_AUTH: entraAuth ? 'true' : 'false'
    ALLOWED_CLIENT_APPLICATIONS: join(allowedClientApplications, ',')
    APPLICATIONINSIGHTS_CONNECTION_STRING: applicationInsightsConnectionString
    APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
  },
  entraAuth ? {
    WEBSITE_AUTH_CLIENT_ID: apiClientId
    WEBSITE_AUTH_AAD_ALLOWED_TENANTS: tenant().tenantId
    OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID: identityClientId
  } : {}
)

// https://learn.microsoft.com/azure/app-service/configure-authentication-file-based#configuration-file-reference
var authentication = {
  platform: { enabled: true, runtimeVersion: '~1' }
  globalValidation: {
    // A token that is sent is checked; who sends none is refused by the app itself (401), except at the report of a
    // batch, which flows and browsers open by its id alone: excludedPaths takes no pattern that could say so.
    requireAuthentication: false
    unauthenticatedClientAction: 'AllowAnonymous'
  }
  httpSettings: { requireHttps: true }
  identityProviders: {
    azureActiveDirectory: {
      enabled: true
      registration: {
        openIdIssuer: '${environment().authentication.loginEndpoint}${tenant().tenantId}/v2.0'
        clientId: apiClientId
        clientSecretSettingName: 'OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID'
      }
      validation: {
        // A token of version 2 names the client id; a caller's library may compare with the other.
        allowedAudiences: [apiClientId, apiAudience]
        defaultAuthorizationPolicy: {
          // Never empty: what that means is told both ways. The application itself is in it for those who sign in in a
          // browser; as a client of its own it is refused by the app.
          allowedApplications: union([apiClientId], allowedClientApplications)
        }
      }
    }
  }
  login: { tokenStore: { enabled: false } }
}

// https://learn.microsoft.com/azure/app-service/app-service-ip-restrictions
var allowed = [
  for (network, index) in callerNetworks: {
    name: take(replace(network, '/', '-'), 32)
    action: 'Allow'
    priority: 100 + index
    tag: contains(network, '/') ? 'Default' : 'ServiceTag'
    ipAddress: network
  }
]

var httpReady = alwaysReadyHttpInstances > 0 ? [{ name: 'http', instanceCount: alwaysReadyHttpInstances }] : []
var queuesReady = alwaysReadyQueueInstances > 0 ? [
  { name: 'function:create_from_queue', instanceCount: alwaysReadyQueueInstances }
  { name: 'function:create_from_batches', instanceCount: alwaysReadyQueueInstances }
] : []

module plan 'br/public:avm/res/web/serverfarm:0.7.0' = {
  name: 'plan'
  params: {
    name: 'plan-viva-learning-${token}'
    location: location
    tags: tags
    skuName: 'FC1'
    reserved: true
    zoneRedundant: zoneRedundant
  }
}

module site 'br/public:avm/res/web/site:0.24.0' = {
  name: 'site'
  params: {
    name: name
    location: location
    // azd finds the app by it: the name of the service in azure.yaml.
    tags: union(tags, { 'azd-service-name': 'api' })
    kind: 'functionapp,linux'
    serverFarmResourceId: plan.outputs.resourceId
    managedIdentities: { userAssignedResourceIds: [identityId] }
    virtualNetworkSubnetResourceId: empty(subnetId) ? null : subnetId
    // Flows call from the internet.
    publicNetworkAccess: 'Enabled'
    httpsOnly: true
    clientAffinityEnabled: false
    basicPublishingCredentialsPolicies: [
      { name: 'ftp', allow: false }
      { name: 'scm', allow: false }
    ]
    siteConfig: {
      // What else the module or Azure knows here, such as ftpsState, the plan refuses or does not need; it takes no FTP.
      // It has no alwaysOn either, but the module's default is true.
      alwaysOn: false
      minTlsVersion: '1.2'
      // Deployments come in through another door, the SCM site, which asks for a token of Microsoft Entra ID.
      ipSecurityRestrictions: allowed
      ipSecurityRestrictionsDefaultAction: empty(allowed) ? 'Allow' : 'Deny'
      // Part of the site, and not a resource of their own, so that they are there when the host starts first.
      appSettings: map(items(appSettings), setting => { name: setting.key, value: setting.value })
    }
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: deploymentContainerUrl
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      runtime: { name: 'python', version: '3.13' }
      siteUpdateStrategy: { type: rollingUpdate ? 'RollingUpdate' : 'Recreate' }
      // HTTP and each queue have instances of their own. A queue gets one for every 32 waiting messages: host.json's
      // batchSize 16 + newBatchThreshold 16 is what an instance handles at a time, so at most maximumInstanceCount × 32
      // messages of a queue are handled in parallel. One instance was measured to carry out more than 100 activities a
      // second (docs/performance.md), so that five work off a list of 10,000 in 20 seconds, as far as Microsoft Graph
      // lets them: it throttles, and more instances would only have more messages put back.
      // https://learn.microsoft.com/azure/azure-functions/event-driven-scaling#per-function-scaling
      scaleAndConcurrency: {
        maximumInstanceCount: maximumInstanceCount
        instanceMemoryMB: instanceMemoryMB
        alwaysReady: concat(httpReady, queuesReady)
        // The platform takes 1 for Python if nothing is said; the app waits for Microsoft Graph most of the time.
        triggers: { http: { perInstanceConcurrency: httpConcurrency } }
      }
    }
    configs: [
      {
        name: 'authsettingsV2'
        // Always said: what is left out would stay as an earlier deployment left it.
        properties: entraAuth ? authentication : { platform: { enabled: false } }
      }
    ]
  }
}

output name string = site.outputs.name
output hostName string = site.outputs.defaultHostname
