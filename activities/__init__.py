"""The product: Viva Learning course activities, created in Microsoft Graph as the function app's managed identity."""
