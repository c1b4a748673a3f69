@description('What makes the names of this environment unique.')
param token string

@description('Region.')
param location string

@description('Tags of every resource.')
param tags object

@description('How many days logs are kept.')
param logRetentionDays int

module workspace 'br/public:avm/res/operational-insights/workspace:0.15.0' = {
  name: 'log-analytics'
  params: {
    name: 'log-viva-learning-${token}'
    location: location
    tags: tags
    dataRetention: logRetentionDays
    // Everything is ingested and read with an identity.
    features: {
      disableLocalAuth: true
      enableLogAccessUsingOnlyResourcePermissions: true
    }
  }
}

module insights 'br/public:avm/res/insights/component:0.7.1' = {
  name: 'application-insights'
  params: {
    name: 'appi-viva-learning-${token}'
    location: location
    tags: tags
    workspaceResourceId: workspace.outputs.resourceId
    // The connection string is then an address, and no credential:
    // https://learn.microsoft.com/azure/azure-monitor/app/azure-ad-authentication
    disableLocalAuth: true
  }
}

output workspaceId string = workspace.outputs.resourceId
output applicationInsightsId string = insights.outputs.resourceId
output applicationInsightsName string = insights.outputs.name
output connectionString string = insights.outputs.connectionString
