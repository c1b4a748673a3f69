// The rules are always there: they show in the portal, also where nobody is mailed. Storage's own queue metrics count
// all queues together, once an hour, so the rules read what the app and the host log instead.
// https://learn.microsoft.com/azure/azure-monitor/alerts/alerts-create-log-alert-rule

@description('Region.')
param location string

@description('Tags of every resource.')
param tags object

@description('Resource id of the Log Analytics workspace.')
param workspaceId string

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
    description: 'Records from the queue cannot be created, or messages went to a poison queue. See GET /api/failures.'
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
