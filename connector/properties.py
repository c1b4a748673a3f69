"""What a connection asks for, and where its requests go: ``apiProperties.json``, and ``settings.json`` for paconn.

Sources: https://learn.microsoft.com/connectors/custom-connectors/connection-parameters,
https://learn.microsoft.com/connectors/custom-connectors/multi-auth,
https://learn.microsoft.com/connectors/custom-connectors/policy-templates
"""

from typing import Any

from connector import publisher

type Json = dict[str, Any]

# Whoever offers the sign-in registers an application and writes its IDs into the file. The tenant is not "common":
# with a registration for one tenant that is AADSTS50194.
_CLIENT_ID, _TENANT_ID = "CLIENT_ID", "TENANT_ID"
_RESOURCE = "API_AUDIENCE"  # An output of the deployment: api://<tenant>/<function app>.
# What the policy replaces is the host alone or the host and the base path, depending on whom one reads. Both are the
# same here: the base path is "/", and the paths of the operations are whole ones.
# https://github.com/MicrosoftDocs/BusinessApplicationPlatform-Connectors-public/issues/294
_URL = "https://@connectionParameters('hostName')"


def build(*, sign_in: bool) -> Json:
    """Return ``apiProperties.json``, with a choice between key and sign-in if there is one.

    The parameters of the key stand outside of the sets, too, as published connectors have it. There is no
    ``stackOwner``: paconn cannot update a connector that has one, and only a certified connector needs it.
    """
    by_key = {"hostName": _host(), "api_key": _key(required=True)}
    return {
        "properties": {
            "iconBrandColor": publisher.BRAND_COLOUR,
            "capabilities": [],
            "publisher": publisher.PUBLISHER,
            "connectionParameters": by_key,
            **({"connectionParameterSets": _sets(by_key)} if sign_in else {}),
            "policyTemplateInstances": [
                {
                    "templateId": "dynamichosturl",
                    "title": "Send each request to the function app of the connection",
                    "parameters": {"x-ms-apimTemplateParameter.urlTemplate": _URL},
                },
                {
                    "templateId": "setheader",
                    "title": "Send the function key",
                    "parameters": {
                        "x-ms-apimTemplateParameter.name": publisher.KEY_HEADER,
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


def _sets(by_key: Json) -> Json:
    signed_in = {
        "hostName": _host(),
        "token": _sign_in(),
        "token:TenantId": _tenant(),
        "api_key": _key(required=False),
    }
    return {
        "uiDefinition": {
            "displayName": "Authentication Type",
            "description": "How the connection proves that it may use the function app.",
        },
        "values": [
            # A shared key lets others work; a shared sign-in would let them act as another person.
            _set("key", "Function key", "With a key of the function app.", by_key, shared=True),
            _set(
                "entra-id",
                "Microsoft Entra ID",
                "With your work account, where the admin has put a sign-in in front of the function app.",
                signed_in,
                shared=False,
            ),
        ],
    }


def _set(name: str, title: str, description: str, parameters: Json, *, shared: bool) -> Json:
    return {
        "name": name,
        "uiDefinition": {"displayName": title, "description": description},
        "metadata": {"allowSharing": shared},
        "parameters": parameters,
    }


def _host() -> Json:
    words = "The host name of your function app, without https:// and without anything behind it; its admin has it."
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
                "tenantId": {"value": _TENANT_ID},
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
