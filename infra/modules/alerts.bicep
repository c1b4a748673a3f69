// The rules are always there: they show in the portal, also where nobody is mailed. Most read what the app and the host
// log. A host that cannot start, or cannot reach its storage, logs nothing, so two look from outside: whether health is
// answered, and how many messages storage counts. https://github.com/Azure/azure-functions-host/issues/10970
// https://learn.microsoft.com/azure/azure-monitor/alerts/alerts-create-log-alert-rule

@description('Region.')
param location string

@description('Tags of every resource.')
param tags object

@description('Resource id of the Log Analytics workspace.')
param workspaceId string

@description('Resource id of Application Insights.')
param applicationInsightsId string

@description('Name of the storage account.')
param storageAccountName string

@description('Address that says whether the app is well; empty if nobody is to ask.')
param healthUrl string

@description('How many messages may wait in all queues together, on average over six hours.')
param waitingMessagesAlert int

@description('Where alerts are mailed to; empty for nowhere.')
param alertEmail string

@description('Resource id of an existing action group; empty for none.')
param actionGroupId string

var events = loadTextContent('queries/events.kql')
var requests = loadTextContent('queries/requests.kql')
var throttled = loadTextContent('queries/throttled.kql')
var mailGroups = empty(alertEmail) ? [] : [group!.outputs.resourceId]
var actionGroupIds = concat(mailGroups, empty(actionGroupId) ? [] : [actionGroupId])

var rules = [
  {
    name: 'records-set-aside'
    title: 'Viva Learning: records were set aside'
    description: 'Records from the queue cannot be carried out, or messages went to a poison queue. See GET /api/failures.'
    severity: 2
    query: '${events}\n${loadTextContent('queries/alert-set-aside.kql')}'
    // The mail then says which code.
    dimensions: [{ name: 'Code', operator: 'Include', values: ['*'] }]
    threshold: 0
    periods: 1
    // What was set aside waits until somebody acts, also when nothing follows it. An alert that ends by itself would
    // say that all is well after two quiet periods, and one that has not ended would not say what is set aside next.
    // https://learn.microsoft.com/azure/azure-monitor/alerts/alerts-overview#alerts-and-state
    endsByItself: false
  }
  {
    name: 'server-errors'
    title: 'Viva Learning: server errors'
    description: 'Requests were answered with 5xx, or jobs failed, more often than a restart explains.'
    severity: 1
    query: '${events}\n${requests}\n${loadTextContent('queries/alert-server-errors.kql')}'
    dimensions: [{ name: 'Function', operator: 'Include', values: ['*'] }]
    threshold: 5
    periods: 1
    endsByItself: true
  }
  {
    name: 'throttling'
    title: 'Viva Learning: Microsoft Graph keeps throttling'
    description: 'Microsoft Graph has throttled for an hour without a pause. Nothing is lost, but everything takes longer.'
    severity: 3
    query: '${events}\n${throttled}\n${loadTextContent('queries/alert-throttling.kql')}'
    dimensions: []
    threshold: 0
    periods: 4
    endsByItself: true
  }
]

resource account 'Microsoft.Storage/storageAccounts@2024-01-01' existing = {
  name: storageAccountName
}

module group 'br/public:avm/res/insights/action-group:0.8.0' = if (!empty(alertEmail)) {
  name: 'action-group'
  params: {
    name: 'ag-viva-learning'
    groupShortName: 'vivalearning'
    location: 'global'
    tags: tags
    emailReceivers: [
      { name: 'admins', emailAddress: alertEmail, useCommonAlertSchema: true }
    ]
  }
}

module alerts 'br/public:avm/res/insights/scheduled-query-rule:0.6.0' = [
  for rule in rules: {
    name: 'alert-${rule.name}'
    params: {
      name: 'alert-viva-learning-${rule.name}'
      location: location
      tags: tags
      alertDisplayName: rule.title
      alertDescription: rule.description
      severity: rule.severity
      scopes: [workspaceId]
      evaluationFrequency: 'PT15M'
      windowSize: 'PT15M'
      autoMitigate: rule.endsByItself
      // A new workspace has no rows yet, and the check refuses columns that it has not seen.
      skipQueryValidation: true
      criterias: {
        allOf: [
          {
            query: rule.query
            metricMeasureColumn: 'Occurrences'
            timeAggregation: 'Total'
            operator: 'GreaterThan'
            threshold: rule.threshold
            dimensions: rule.dimensions
            failingPeriods: { numberOfEvaluationPeriods: rule.periods, minFailingPeriodsToAlert: rule.periods }
          }
        ]
      }
      actions: { actionGroupResourceIds: actionGroupIds }
    }
  }
]

// From three places, because one of them may be what fails; by the names of
// https://learn.microsoft.com/azure/azure-monitor/app/availability#location-population-tags
module availability 'br/public:avm/res/insights/webtest:0.3.2' = if (!empty(healthUrl)) {
  name: 'availability-test'
  params: {
    name: 'test-viva-learning-health'
    webTestName: 'Viva Learning: health'
    location: location
    tags: tags
    appInsightResourceId: applicationInsightsId
    request: { RequestUrl: healthUrl, HttpVerb: 'GET' }
    validationRules: { ExpectedHttpStatusCode: 200 }
    locations: [{ Id: 'emea-nl-ams-azr' }, { Id: 'us-va-ash-azr' }, { Id: 'apac-sg-sin-azr' }]
    // Each call costs a little, and starts the app where nobody else has called for a while.
    frequency: 900
    timeout: 60
  }
}

module unavailable 'br/public:avm/res/insights/metric-alert:0.4.1' = if (!empty(healthUrl)) {
  name: 'alert-unavailable'
  params: {
    name: 'alert-viva-learning-unavailable'
    tags: tags
    alertDescription: 'Viva Learning: the app is not available. GET /api/health says why, or the app does not answer at all.'
    severity: 1
    scopes: [availability!.outputs.resourceId, applicationInsightsId]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.WebtestLocationAvailabilityCriteria'
      componentResourceId: applicationInsightsId
      webTestResourceId: availability!.outputs.resourceId
      failedLocationCount: 2
    }
    actions: actionGroupIds
  }
}

// Storage counts once an hour, all queues together, and what nobody takes of failures and results counts, too. The average
// of six hours is not disturbed by a list that was just handed in.
// https://learn.microsoft.com/azure/storage/queues/monitor-queue-storage-reference
module waiting 'br/public:avm/res/insights/metric-alert:0.4.1' = {
  name: 'alert-waiting-messages'
  params: {
    name: 'alert-viva-learning-waiting-messages'
    tags: tags
    alertDescription: 'Viva Learning: messages wait for hours. The app does not take them, or Microsoft Graph takes too few.'
    severity: 2
    scopes: ['${account.id}/queueServices/default']
    evaluationFrequency: 'PT1H'
    windowSize: 'PT6H'
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allof: [
        {
          criterionType: 'StaticThresholdCriterion'
          name: 'waiting'
          metricNamespace: 'Microsoft.Storage/storageAccounts/queueServices'
          metricName: 'QueueMessageCount'
          timeAggregation: 'Average'
          operator: 'GreaterThan'
          threshold: waitingMessagesAlert
        }
      ]
    }
    actions: actionGroupIds
  }
}
