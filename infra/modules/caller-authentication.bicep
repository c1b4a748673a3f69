// The application that callers ask a token for, and that people sign in to in a browser. It has no secret.
// https://learn.microsoft.com/graph/templates/bicep/reference/applications
extension microsoftGraphV1

@description('Name of the function app; the application is called the same.')
param name string

@description('Object id of the app\'s identity.')
param identityPrincipalId string

@description('Object ids of owners beside whoever deploys this first.')
param ownerPrincipalIds array

// A tenant may refuse every other form than one with its own id:
// https://learn.microsoft.com/entra/identity-platform/identifier-uri-restrictions
var identifierUri = 'api://${tenant().tenantId}/${name}'
// Who may do what: the app reads them in the token. To take one out of here: first isEnabled: false, next time out.
var roles = [
  { value: 'Activities.Write', name: 'Create activities', may: 'create activities and batches in Viva Learning' }
  { value: 'Failures.Manage', name: 'Manage failures', may: 'see, replay and discard what was set aside' }
]
var scopeName = 'user_impersonation'
var scopeId = guid(identifierUri, scopeName)

resource application 'Microsoft.Graph/applications@v1.0' = {
  uniqueName: name
  displayName: 'Viva Learning activities (${name})'
  signInAudience: 'AzureADMyOrg'
  identifierUris: [identifierUri]
  // An application that deploys this, as a pipeline does, is made no owner by itself, and another admin is none either;
  // what nobody takes out again stays. https://github.com/microsoftgraph/msgraph-bicep-types/issues/134
  owners: { relationships: ownerPrincipalIds }
  // In a user's token there are the person's roles, so that those for applications alone would lock out the connector.
  appRoles: map(roles, role => {
    id: guid(identifierUri, role.value)
    value: role.value
    displayName: role.name
    description: 'May ${role.may}.'
    allowedMemberTypes: ['User', 'Application']
    isEnabled: true
  })
  // App Service Authentication signs people in with an id token:
  // https://learn.microsoft.com/azure/app-service/configure-authentication-provider-aad
  web: {
    redirectUris: ['https://${name}.azurewebsites.net/.auth/login/aad/callback']
    implicitGrantSettings: { enableIdTokenIssuance: true }
  }
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
