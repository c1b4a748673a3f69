@description('What makes the names of this environment unique.')
param token string

@description('Region.')
param location string

@description('Tags of every resource.')
param tags object

@description('How many days logs are kept.')
param logRetentionDays int

@description('The most gigabytes of logs a day, or -1.')
param logDailyCapGb string

// What Application Insights writes into. Each keeps 90 days, whatever the workspace says, until it is told otherwise:
// https://learn.microsoft.com/azure/azure-monitor/logs/data-retention-configure
var tables = [
  'AppAvailabilityResults'
  'AppBrowserTimings'
  'AppDependencies'
  'AppEvents'
  'AppExceptions'
  'AppMetrics'
  'AppPageViews'
  'AppPerformanceCounters'
  'AppRequests'
  'AppSystemEvents'
  'AppTraces'
]

module workspace 'br/public:avm/res/operational-insights/workspace:0.16.1' = {
  name: 'log-analytics'
  params: {
    name: 'log-viva-learning-${token}'
    location: location
    tags: tags
    dataRetention: logRetentionDays
    tables: [
      for table in tables: {
        name: table
        retentionInDays: logRetentionDays
        totalRetentionInDays: logRetentionDays
      }
    ]
    dailyQuotaGb: logDailyCapGb
    // The module's default would keep saved queries in a storage account of one's own, which has to be linked first.
    forceCmkForQuery: false
    // Everything is ingested and read with an identity.
    features: {
      disableLocalAuth: true
      enableLogAccessUsingOnlyResourcePermissions: true
      // Else they stay for another day, and with a shorter retention than before for another 30.
      immediatePurgeDataOn30Days: logRetentionDays == 30
    }
  }
}

module insights 'br/public:avm/res/insights/component:0.8.0' = {
  name: 'application-insights'
  params: {
    name: 'appi-viva-learning-${token}'
    location: location
    tags: tags
    kind: 'web'
    workspaceResourceId: workspace.outputs.resourceId
    // The module's default would keep the addresses of callers.
    disableIpMasking: false
    // The connection string is then an address, and no credential:
    // https://learn.microsoft.com/azure/azure-monitor/app/azure-ad-authentication
    disableLocalAuth: true
  }
}

output workspaceId string = workspace.outputs.resourceId
output applicationInsightsId string = insights.outputs.resourceId
output applicationInsightsName string = insights.outputs.name
output connectionString string = insights.outputs.connectionString
