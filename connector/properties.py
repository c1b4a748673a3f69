"""What a connection asks for, and where its requests go: ``apiProperties.json``, and ``settings.json`` for paconn.

Sources: https://learn.microsoft.com/connectors/custom-connectors/connection-parameters,
https://learn.microsoft.com/connectors/custom-connectors/multi-auth,
https://learn.microsoft.com/connectors/custom-connectors/policy-templates
"""

from typing import Any

from connector import about

type Json = dict[str, Any]

# Whoever offers the sign-in registers an application and writes its IDs here.
_CLIENT_ID = "00000000-0000-0000-0000-000000000000"
# The output API_AUDIENCE of the deployment: api://<tenant>/<function app>.
_RESOURCE = f"api://{_CLIENT_ID}/viva-learning-activities"


def build() -> Json:
    """Return ``apiProperties.json``.

    It has no ``stackOwner``: paconn cannot update a connector that has one, and only a certified connector needs it.
    """
    sets = [
        _set("key", "Function key", "With a key of the function app.", {"api_key": _key(required=True)}),
        _set(
            "entra-id",
            "Microsoft Entra ID",
            "With your work account, where the admin has put a sign-in in front of the function app.",
            {"token": _sign_in(), "token:TenantId": _tenant(), "api_key": _key(required=False)},
        ),
    ]
    return {
        "properties": {
            "iconBrandColor": about.BRAND_COLOUR,
            "capabilities": [],
            "publisher": about.PUBLISHER,
            "connectionParameterSets": {
                "uiDefinition": {
                    "displayName": "Authentication Type",
                    "description": "How the connection proves that it may use the function app.",
                },
                "values": sets,
            },
            "policyTemplateInstances": [
                {
                    "templateId": "dynamichosturl",
                    "title": "Send each request to the function app of the connection",
                    "parameters": {
                        "x-ms-apimTemplateParameter.urlTemplate": "https://@connectionParameters('hostName')"
                    },
                },
                {
                    "templateId": "setheader",
                    "title": "Send the function key beside the sign-in",
                    "parameters": {
                        "x-ms-apimTemplateParameter.name": about.KEY_HEADER,
                        "x-ms-apimTemplateParameter.value": "@connectionParameters('api_key','')",
                        "x-ms-apimTemplateParameter.existsAction": "skip",
                        "x-ms-apimTemplate-policySection": "Request",
                    },
                },
            ],
        }
    }


def settings() -> Json:
    """Return ``settings.json``: which files paconn takes; it asks for the environment and the connector."""
    return {
        "apiDefinition": "apiDefinition.swagger.json",
        "apiProperties": "apiProperties.json",
        "icon": "icon.png",
        "powerAppsApiVersion": "2016-11-01",
        "powerAppsUrl": "https://api.powerapps.com",
    }


def _set(name: str, title: str, description: str, parameters: Json) -> Json:
    return {
        "name": name,
        "uiDefinition": {"displayName": title, "description": description},
        "parameters": {"hostName": _host(), **parameters},
    }


def _host() -> Json:
    words = (
        f"The host name of your function app, such as {about.PLACEHOLDER_HOST}, without https:// and without a path."
    )
    return _parameter("string", "Host Name", words, {"required": "true", "tabIndex": 1})


def _key(*, required: bool) -> Json:
    words = "A key of the function app; its admin has it."
    if not required:
        words += " Leave it empty if the admin says that the sign-in is enough."
    constraints = {"required": "true" if required else "false", "clearText": False, "tabIndex": 2}
    return _parameter("securestring", "Function Key", words, constraints)


def _parameter(kind: str, title: str, words: str, constraints: Json) -> Json:
    return {
        "type": kind,
        "uiDefinition": {
            "displayName": title,
            "description": words,
            "tooltip": words,
            "schema": {"type": kind, "description": words},
            "constraints": constraints,
        },
    }


def _sign_in() -> Json:
    return {
        "type": "oauthSetting",
        "oAuthSettings": {
            "identityProvider": "aad",
            "clientId": _CLIENT_ID,
            "scopes": [],
            "redirectMode": "GlobalPerConnector",
            "redirectUrl": "https://global.consent.azure-apim.net/redirect",
            "properties": {"IsFirstParty": "False", "AzureActiveDirectoryResourceId": _RESOURCE},
            "customParameters": {
                "loginUri": {"value": "https://login.microsoftonline.com"},
                "tenantId": {"value": "common"},
                "resourceUri": {"value": _RESOURCE},
            },
        },
        "uiDefinition": {
            "displayName": "Sign In",
            "description": "Sign in with your work account.",
            "tooltip": "Sign in with your work account.",
            "constraints": {"required": "true"},
        },
    }


def _tenant() -> Json:
    return {
        "type": "string",
        "metadata": {"sourceType": "AzureActiveDirectoryTenant"},
        "uiDefinition": {"constraints": {"required": "false", "hidden": "true"}},
    }
