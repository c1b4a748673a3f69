// Off unless grantGraphPermissions is set: whoever deploys it has to be a Privileged Role Administrator.
// infra/grant-graph-permissions.sh and .ps1 do the same later, for an admin who deploys nothing.
// https://learn.microsoft.com/graph/templates/bicep/reference/approleassignedto
extension microsoftGraphV1

@description('Object id of the app\'s identity.')
param identityPrincipalId string

@description('What those need who name people or courses otherwise than by their ids: people, employee-ids, courses.')
param optionalKinds string[] = []

// By name, with the ids of https://learn.microsoft.com/graph/permissions-reference
var permissions = {
  // To create assignments.
  'LearningAssignedCourse.ReadWrite.All': '236c1cbd-1187-427f-b0f5-b1852454973b'
  // To create self-initiated courses.
  'LearningSelfInitiatedCourse.ReadWrite.All': '7654ed61-8965-4025-846a-0856ec02b5b0'
  // To look up what became of a create whose answer was lost.
  'LearningAssignedCourse.Read.All': '535e6066-2894-49ef-ab33-e2c6d064bb81'
  'LearningSelfInitiatedCourse.Read.All': '467524fc-ed22-4356-a910-af61191e3503'
}

// Only on request, by what they are for.
var optionalPermissions = {
  // To find people by their e-mail address.
  people: { 'User.ReadBasic.All': '97235f07-e226-4f63-ace3-39588e11d3a1' }
  // To find people by an employee id or a secondary e-mail address.
  'employee-ids': { 'User.Read.All': 'df021288-bdef-4463-88db-98f22de89214' }
  // To find courses by the id that they have in the LMS.
  courses: { 'LearningContent.Read.All': '8740813e-d8aa-4204-860e-2a0f8f84dbc8' }
}
var optional = map(optionalKinds, kind => items(optionalPermissions[kind])[0])

resource graph 'Microsoft.Graph/servicePrincipals@v1.0' existing = {
  appId: '00000003-0000-0000-c000-000000000000'
}

resource grants 'Microsoft.Graph/appRoleAssignedTo@v1.0' = [
  for permission in concat(items(permissions), optional): {
    appRoleId: permission.value
    principalId: identityPrincipalId
    resourceId: graph.id
  }
]
