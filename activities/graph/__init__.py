"""The only door to Microsoft Graph."""
