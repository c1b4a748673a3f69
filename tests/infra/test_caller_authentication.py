"""Who may call: with ``entraAuth`` the platform and the app are told the same thing, by the same parameter.

The platform lets calls without a token through, because the report of a batch is opened by its id alone; the app
refuses every other. Were only one of the two set, nobody would ask for a token at all.
"""

import pytest

from activities.web.callers import Role
from tests.infra import bicep
from tests.infra.test_app_settings import FUNCTION_APP, app_settings

ISSUER = "'${environment().authentication.loginEndpoint}${tenant().tenantId}/v2.0'"


def sign_in(file: bicep.File) -> tuple[str, dict[str, bicep.Value]]:
    """Return on which condition callers need a token, and the configuration of the platform."""
    [site] = [one for one in file.modules.values() if "/web/site:" in one.type]
    configs = site.params["configs"]
    assert isinstance(configs, list)
    [config] = [one for one in configs if isinstance(one, dict) and one["name"] == "authsettingsV2"]
    chosen = config["properties"]
    assert isinstance(chosen, bicep.Expression), "Callers could not choose function keys."
    condition, on, off = chosen.parts
    assert off == {"platform": {"enabled": False}}
    properties = file.resolved(on)
    assert isinstance(properties, dict)
    return text(condition), properties


def at(value: bicep.Value, path: str) -> bicep.Value:
    for name in path.split("."):
        assert isinstance(value, dict)
        value = value[name]
    return value


def text(value: bicep.Value) -> str:
    return value.text if isinstance(value, bicep.Expression) else str(value)


def problems(files: dict[str, bicep.File]) -> list[str]:
    condition, properties = sign_in(files[FUNCTION_APP])
    directory = "identityProviders.azureActiveDirectory"
    allowed = text(at(properties, f"{directory}.validation.defaultAuthorizationPolicy.allowedApplications"))
    audiences = at(properties, f"{directory}.validation.allowedAudiences")
    rules = {
        "one parameter": condition == "entraAuth",
        "the app's own check": text(app_settings(files)["ENTRA_AUTH"]) == f"{condition} ? 'true' : 'false'",
        "on": at(properties, "platform.enabled") is True,
        "no token passes": (
            at(properties, "globalValidation.requireAuthentication"),
            at(properties, "globalValidation.unauthenticatedClientAction"),
        )
        == (False, "AllowAnonymous"),
        "https": at(properties, "httpSettings.requireHttps") is True,
        "directory": at(properties, f"{directory}.enabled") is True,
        "issuer": text(at(properties, f"{directory}.registration.openIdIssuer")) == ISSUER,
        "client": text(at(properties, f"{directory}.registration.clientId")) == "apiClientId",
        # The setting has the identity's client id in it, which the platform then uses in place of a secret.
        "no secret": at(properties, f"{directory}.registration.clientSecretSettingName")
        == "OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID",
        "audiences": isinstance(audiences, list) and [text(one) for one in audiences] == ["apiClientId", "apiAudience"],
        # Never an empty list, and the application itself for browsers.
        "applications": allowed == "union([apiClientId], allowedClientApplications)",
        "browsers": text(app_settings(files)["WEBSITE_AUTH_CLIENT_ID"]) == "apiClientId",
        "tenant": text(app_settings(files)["WEBSITE_AUTH_AAD_ALLOWED_TENANTS"]) == "tenant().tenantId",
    }
    return [name for name, kept in rules.items() if not kept]


def test_the_platform_and_the_app_are_told_the_same() -> None:
    assert problems(bicep.files()) == []


def test_keys_are_the_default() -> None:
    assert bicep.files()["infra/main.bicep"].params["entraAuth"].default is False


def test_the_application_has_no_secret_but_the_identitys_word() -> None:
    file = bicep.files()["infra/modules/caller-authentication.bicep"]
    [application] = [one for one in file.resources.values() if one.type.startswith("Microsoft.Graph/applications@")]
    assert {"passwordCredentials", "keyCredentials"} & application.body.keys() == set()
    assert application.body["signInAudience"] == "AzureADMyOrg"
    [federated] = [one for one in file.resources.values() if "/federatedIdentityCredentials@" in one.type]
    assert text(federated.body["issuer"]) == ISSUER
    assert text(federated.body["subject"]) == "identityPrincipalId"
    assert federated.body["audiences"] == ["api://AzureADTokenExchange"]


def test_the_roles_are_those_of_the_code_for_applications_and_for_people() -> None:
    file = bicep.files()["infra/modules/caller-authentication.bicep"]
    [application] = [one for one in file.resources.values() if one.type.startswith("Microsoft.Graph/applications@")]
    declared = file.variables["roles"]
    assert isinstance(declared, list)
    assert {str(one["value"]) for one in declared if isinstance(one, dict)} == set(Role)
    said = text(application.body["appRoles"])
    assert said.startswith("map(roles, role =>")
    for part in ("value: role.value", "['User', 'Application']", "guid(identifierUri, role.value)", "isEnabled: true"):
        assert part in said


def test_people_can_sign_in_in_a_browser() -> None:
    file = bicep.files()["infra/modules/caller-authentication.bicep"]
    [application] = [one for one in file.resources.values() if one.type.startswith("Microsoft.Graph/applications@")]
    redirects = at(application.body, "web.redirectUris")
    assert isinstance(redirects, list)
    assert [text(one) for one in redirects] == ["'https://${name}.azurewebsites.net/.auth/login/aad/callback'"]
    assert at(application.body, "web.implicitGrantSettings.enableIdTokenIssuance") is True


def test_main_hands_over_what_was_chosen() -> None:
    main = bicep.files()["infra/main.bicep"]
    app, authentication = main.modules["functionApp"], main.modules["callerAuthentication"]
    assert text(app.params["entraAuth"]) == "entraAuth"
    assert text(authentication.around).startswith("if (entraAuth)")
    given = text(app.params["allowedClientApplications"])
    assert "allowedClientApplications" in text(main.variables[given])


def test_a_managed_identity_can_be_among_the_callers() -> None:
    """Microsoft Entra ID refuses its client id as a pre-authorized application, and with it the whole deployment.

    Source: https://github.com/MicrosoftDocs/azure-docs/issues/60292
    """
    assert [path for path, file in bicep.files().items() if file.properties("preAuthorizedApplications")] == []


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("ENTRA_AUTH: entraAuth ?", "ENTRA_AUTH: true ?", "the app's own check"),
        ("properties: entraAuth ?", "properties: httpReady ?", "one parameter"),
        ("'AllowAnonymous'", "'RedirectToLoginPage'", "no token passes"),
        ("tenant().tenantId}/v2.0", "'common'}/v2.0", "issuer"),
        ("[apiClientId, apiAudience]", "[]", "audiences"),
        ("union([apiClientId], allowedClientApplications)", "allowedClientApplications", "applications"),
        ("WEBSITE_AUTH_CLIENT_ID: apiClientId", "WEBSITE_AUTH_CLIENT_ID: ''", "browsers"),
        ("clientSecretSettingName: 'OVERRIDE", "clientSecretSettingName: 'SECRET", "no secret"),
    ],
)
def test_a_door_left_open_is_found(old: str, new: str, problem: str) -> None:
    files = bicep.files()
    assert old in files[FUNCTION_APP].text
    changed = bicep.parse(files[FUNCTION_APP].text.replace(old, new))
    assert problem in problems({**files, FUNCTION_APP: changed})
