// Off unless graphApplication is set: the application as which the app acts in Microsoft Graph. It has no secret; the
// app's identity vouches for it. A person can register a learning provider with it, which then is the application's own.
// https://learn.microsoft.com/graph/templates/bicep/reference/applications
extension microsoftGraphV1

@description('Name of the function app; the application\'s name begins with it.')
param name string

@description('Object id of the app\'s identity.')
param identityPrincipalId string

@description('Object ids of owners beside whoever deploys this first.')
param ownerPrincipalIds array

@description('What those need who name people or courses otherwise than by their ids: people, employee-ids, courses.')
param optionalKinds string[] = []

@description('Whether other tenants can let the application in.')
param inOtherTenants bool

// What another tenant consents to. By name, with the ids of https://learn.microsoft.com/graph/permissions-reference
var permissions = {
  'LearningAssignedCourse.ReadWrite.All': '236c1cbd-1187-427f-b0f5-b1852454973b'
  'LearningSelfInitiatedCourse.ReadWrite.All': '7654ed61-8965-4025-846a-0856ec02b5b0'
  'LearningAssignedCourse.Read.All': '535e6066-2894-49ef-ab33-e2c6d064bb81'
  'LearningSelfInitiatedCourse.Read.All': '467524fc-ed22-4356-a910-af61191e3503'
}
// Only on request, by what they are for.
var optionalPermissions = {
  people: { 'User.ReadBasic.All': '97235f07-e226-4f63-ace3-39588e11d3a1' }
  'employee-ids': { 'User.Read.All': 'df021288-bdef-4463-88db-98f22de89214' }
  courses: { 'LearningContent.Read.All': '8740813e-d8aa-4204-860e-2a0f8f84dbc8' }
}
var optional = map(optionalKinds, kind => items(optionalPermissions[kind])[0])
// For the person who registers a learning provider, and only while they do.
var scopes = {
  'LearningProvider.ReadWrite': '40c2eb57-abaf-49f5-9331-e90fd01f7130'
}

resource application 'Microsoft.Graph/applications@v1.0' = {
  uniqueName: '${name}-graph'
  displayName: 'Viva Learning activities in Microsoft Graph (${name})'
  signInAudience: inOtherTenants ? 'AzureADMultipleOrgs' : 'AzureADMyOrg'
  owners: { relationships: ownerPrincipalIds }
  requiredResourceAccess: [
    {
      resourceAppId: '00000003-0000-0000-c000-000000000000'
      resourceAccess: concat(
        map(concat(items(permissions), optional), permission => { id: permission.value, type: 'Role' }),
        map(items(scopes), scope => { id: scope.value, type: 'Scope' })
      )
    }
  ]
  // A person signs in from their own machine: the scripts with a device code, or in a browser.
  isFallbackPublicClient: true
  publicClient: { redirectUris: ['http://localhost'] }
}

resource servicePrincipal 'Microsoft.Graph/servicePrincipals@v1.0' = {
  appId: application.appId
}

// https://learn.microsoft.com/entra/workload-id/workload-identity-federation-config-app-trust-managed-identity
resource credential 'Microsoft.Graph/applications/federatedIdentityCredentials@v1.0' = {
  name: '${application.uniqueName}/function-app-identity'
  description: 'The function app\'s identity stands for the application.'
  issuer: '${environment().authentication.loginEndpoint}${tenant().tenantId}/v2.0'
  subject: identityPrincipalId
  audiences: ['api://AzureADTokenExchange']
}

output clientId string = application.appId
output principalId string = servicePrincipal.id
