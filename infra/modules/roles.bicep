// Plain resources: each assignment stands beside its reason and at its own scope, which no one module of the Azure
// Verified Modules offers.

@description('Name of the storage account.')
param storageAccountName string

@description('Name of the Application Insights resource.')
param applicationInsightsName string

@description('Name of the activity queue.')
param activityQueue string

@description('Object id of the app\'s identity.')
param identityPrincipalId string

@description('Object ids of applications, people and groups that may write to the activity queue.')
param queueSenderPrincipalIds array

@description('Object ids of applications, people and groups that may take what the app tells: failures and results.')
param queueReaderPrincipalIds array

// https://learn.microsoft.com/azure/role-based-access-control/built-in-roles
var storageBlobDataOwner = 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
var storageQueueDataContributor = '974c5e8b-45b9-4653-ba55-5f855dd0fb88'
var storageTableDataContributor = '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'
var storageQueueDataMessageSender = 'c6a89b2d-59bc-44d0-9896-0f6e12d7b80a'
var storageQueueDataMessageProcessor = '8a0f0c08-91a1-4084-bc3d-661d67233fed'
var monitoringMetricsPublisher = '3913510d-42f4-4e42-8a64-420c390055eb'

resource account 'Microsoft.Storage/storageAccounts@2024-01-01' existing = {
  name: storageAccountName

  resource queueService 'queueServices' existing = {
    name: 'default'

    resource queue 'queues' existing = {
      name: activityQueue
    }

    resource failed 'queues' existing = {
      name: '${activityQueue}-failed'
    }

    resource results 'queues' existing = {
      name: '${activityQueue}-results'
    }
  }
}

resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: applicationInsightsName
}

// The host keeps its keys and its leases in blobs, and the platform reads the package from its container.
// Host storage asks for Owner, not Contributor:
// https://learn.microsoft.com/azure/azure-functions/functions-reference#connecting-to-host-storage-with-an-identity
resource blobs 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(account.id, identityPrincipalId, storageBlobDataOwner)
  scope: account
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', storageBlobDataOwner)
    principalId: identityPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// The host takes, renews and deletes messages and makes the poison queues; the app puts messages back and tells
// failures. Reader, Processor and Sender together could not make a queue.
resource queues 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(account.id, identityPrincipalId, storageQueueDataContributor)
  scope: account
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', storageQueueDataContributor)
    principalId: identityPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// The ledger, the failures and the reports of batches are entities in tables.
resource tables 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(account.id, identityPrincipalId, storageTableDataContributor)
  scope: account
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', storageTableDataContributor)
    principalId: identityPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// Telemetry without a key: https://learn.microsoft.com/azure/azure-functions/configure-monitoring
resource telemetry 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(insights.id, identityPrincipalId, monitoringMetricsPublisher)
  scope: insights
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', monitoringMetricsPublisher)
    principalId: identityPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// Senders may put messages into this one queue, and read nothing. No principalType, here and for readers: with one, only
// that kind would be taken, and people and groups send, too. Azure then looks the id up, and may not find an application
// that is minutes old; the next `azd provision` does:
// https://learn.microsoft.com/azure/role-based-access-control/troubleshooting#symptom---assigning-a-role-to-a-new-principal-sometimes-fails
resource senders 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for principalId in queueSenderPrincipalIds: {
    name: guid(account::queueService::queue.id, principalId, storageQueueDataMessageSender)
    scope: account::queueService::queue
    properties: {
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', storageQueueDataMessageSender)
      principalId: principalId
    }
  }
]

// Readers take a failure from its queue once it is theirs to deal with. They see nothing of what waits to be created.
resource readersOfFailures 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for principalId in queueReaderPrincipalIds: {
    name: guid(account::queueService::failed.id, principalId, storageQueueDataMessageProcessor)
    scope: account::queueService::failed
    properties: {
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', storageQueueDataMessageProcessor)
      principalId: principalId
    }
  }
]

// Likewise the result of each record, where QUEUE_RESULTS is on.
resource readersOfResults 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for principalId in queueReaderPrincipalIds: {
    name: guid(account::queueService::results.id, principalId, storageQueueDataMessageProcessor)
    scope: account::queueService::results
    properties: {
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', storageQueueDataMessageProcessor)
      principalId: principalId
    }
  }
]
