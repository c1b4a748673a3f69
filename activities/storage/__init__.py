"""The only door to the storage account: tables, queues, and the ledger's rows."""
