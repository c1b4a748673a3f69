// A plain resource: the Azure Verified Modules have none for workbooks.
// https://learn.microsoft.com/azure/azure-monitor/visualize/workbooks-automate

@description('Region.')
param location string

@description('Tags of every resource.')
param tags object

@description('Resource id of the Log Analytics workspace.')
param workspaceId string

@description('Resource id of Application Insights, which shows the workbook.')
param applicationInsightsId string

@description('Name of the storage account.')
param storageAccountName string

// What the queries of both kinds stand on.
var basis = '${loadTextContent('queries/events.kql')}\n${loadTextContent('queries/outcomes.kql')}\n${loadTextContent('queries/throttled.kql')}\n'

var requests = loadTextContent('queries/requests.kql')

// By the name of the item in workbook.json.
var queries = {
  'outcomes-over-time': '${basis}${loadTextContent('queries/outcomes-over-time.kql')}'
  'outcomes-by-source': '${basis}${loadTextContent('queries/outcomes-by-source.kql')}'
  'failures-by-reason': '${basis}${loadTextContent('queries/failures-by-reason.kql')}'
  'throttle-time': '${basis}${loadTextContent('queries/throttle-time.kql')}'
  'queue-age': '${basis}${loadTextContent('queries/queue-age.kql')}'
  latency: '${requests}\n${loadTextContent('queries/latency.kql')}'
  'latency-over-time': '${requests}\n${loadTextContent('queries/latency-over-time.kql')}'
}

resource account 'Microsoft.Storage/storageAccounts@2024-01-01' existing = {
  name: storageAccountName
}

// As any: the compiler would take each item for a type of its own.
var layout = any(loadJsonContent('workbook.json'))
var sources = {
  query: { crossComponentResources: [workspaceId] }
  metric: { resourceIds: [account.id] }
  text: {}
}
var kinds = { '1': 'text', '3': 'query', '9': 'text', '10': 'metric' }
var pointed = map(layout.items, item => union(item, { content: sources[kinds[string(item.type)]] }))
var filled = map(pointed, item => item.type == 3 ? union(item, { content: { query: queries[item.name] } }) : item)

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  // Its name has to be a GUID.
  name: guid(resourceGroup().id, 'viva-learning-activities')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: 'Viva Learning activities'
    category: 'workbook'
    sourceId: applicationInsightsId
    serializedData: string(union(layout, { items: filled, fallbackResourceIds: [applicationInsightsId] }))
  }
}
