"""The check of a tenant: whether everything that the app takes for granted about Microsoft Graph is so there."""
