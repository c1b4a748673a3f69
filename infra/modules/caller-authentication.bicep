// The application that callers ask a token for. It has no secret and nobody signs in to it: tokens are all it takes.
// https://learn.microsoft.com/graph/templates/bicep/reference/applications
extension microsoftGraphV1

@description('Name of the function app; the application is called the same.')
param name string

@description('Object id of the app\'s identity.')
param identityPrincipalId string

// A tenant may refuse every other form than one with its own id:
// https://learn.microsoft.com/entra/identity-platform/identifier-uri-restrictions
var identifierUri = 'api://${tenant().tenantId}/${name}'
var scopeName = 'user_impersonation'
var scopeId = guid(identifierUri, scopeName)

resource application 'Microsoft.Graph/applications@v1.0' = {
  uniqueName: name
  displayName: 'Viva Learning activities (${name})'
  signInAudience: 'AzureADMyOrg'
  identifierUris: [identifierUri]
  api: {
    requestedAccessTokenVersion: 2
    oauth2PermissionScopes: [
      {
        id: scopeId
        value: scopeName
        type: 'User'
        isEnabled: true
        adminConsentDisplayName: 'Create Viva Learning activities'
        adminConsentDescription: 'Lets the application call the Viva Learning activities API for the signed-in user.'
        userConsentDisplayName: 'Create Viva Learning activities'
        userConsentDescription: 'Lets the application call the Viva Learning activities API for you.'
      }
    ]
    // No preAuthorizedApplications: Microsoft Entra ID does not take a managed identity's client id there, and whoever
    // calls as itself needs none. Who may call is one parameter, for App Service Authentication and for the app itself
    // (function-app.bicep).
  }
}

resource servicePrincipal 'Microsoft.Graph/servicePrincipals@v1.0' = {
  appId: application.appId
}

// In place of a client secret, App Service Authentication shows a token of the app's identity:
// https://learn.microsoft.com/azure/app-service/configure-authentication-provider-aad#use-a-managed-identity-instead-of-a-secret-preview
resource credential 'Microsoft.Graph/applications/federatedIdentityCredentials@v1.0' = {
  name: '${application.uniqueName}/function-app-identity'
  description: 'The function app\'s identity stands for the application.'
  issuer: '${environment().authentication.loginEndpoint}${tenant().tenantId}/v2.0'
  subject: identityPrincipalId
  audiences: ['api://AzureADTokenExchange']
}

output clientId string = application.appId
output audience string = identifierUri
output scope string = '${identifierUri}/${scopeName}'
