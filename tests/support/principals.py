"""What App Service Authentication tells the app of a caller, as its page shows it.

Source: https://learn.microsoft.com/azure/app-service/configure-authentication-user-identities
"""

import base64
import json

APPLICATION = "3f2c7a34-9a0e-4f0a-8f6e-2f4c1b7d9e10"


def principal(application: str = APPLICATION, *, claim: str = "azp") -> str:
    """Return the header's value for a caller that came by an application."""
    claims = [{"typ": "aud", "val": "api://tenant/app"}, {"typ": claim, "val": application}]
    return base64.b64encode(json.dumps({"auth_typ": "aad", "claims": claims}).encode()).decode()
