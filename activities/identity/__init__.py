"""Who the app is: the only owner of azure-identity, which knows nothing of Graph or of storage."""
