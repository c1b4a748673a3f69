"""The product: Viva Learning course activities, created in Microsoft Graph by the function app's own identity."""
