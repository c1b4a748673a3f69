"""As whom the app acts in Microsoft Graph: with ``graphApplication`` as an application that has no secret."""

import re

from local.lifecycle import ROOT
from tests.infra import bicep
from tests.infra.test_app_settings import app_settings
from tests.infra.test_caller_authentication import ISSUER, text

MODULE = "infra/modules/graph-application.bicep"


def application() -> dict[str, bicep.Value]:
    resources = bicep.files()[MODULE].resources.values()
    [found] = [one for one in resources if one.type.startswith("Microsoft.Graph/applications@")]
    return found.body


def test_the_managed_identity_is_the_default() -> None:
    main = bicep.files()["infra/main.bicep"]
    assert main.params["graphApplication"].default is False
    [module] = [one for one in main.modules.values() if one.type.endswith("/graph-application.bicep")]
    assert text(module.around).startswith("if (graphApplication)")
    settings = app_settings(bicep.files())
    for name in ("GRAPH_CLIENT_ID", "GRAPH_TENANT_ID", "PROVIDER_TENANTS"):
        assert re.fullmatch(r"graphApplication .*\?.* : ''", text(settings[name])), name


def test_it_has_no_secret_but_the_identitys_word() -> None:
    assert {"passwordCredentials", "keyCredentials"} & application().keys() == set()
    [federated] = [
        one for one in bicep.files()[MODULE].resources.values() if "/federatedIdentityCredentials@" in one.type
    ]
    assert text(federated.body["issuer"]) == ISSUER
    assert text(federated.body["subject"]) == "identityPrincipalId"
    assert federated.body["audiences"] == ["api://AzureADTokenExchange"]


def test_a_person_can_register_a_provider_as_the_application() -> None:
    """The scripts sign in with a device code, and in a browser on the same machine."""
    assert application()["isFallbackPublicClient"] is True
    assert application()["publicClient"] == {"redirectUris": ["http://localhost"]}
    scopes = bicep.files()[MODULE].variables["scopes"]
    assert isinstance(scopes, dict)
    [scope] = scopes
    assert scope in (ROOT / "infra" / "enable-course-activity-sync.sh").read_text(encoding="utf-8")


def test_other_tenants_can_let_it_in_only_where_there_are_any() -> None:
    assert text(application()["signInAudience"]) == "inOtherTenants ? 'AzureADMultipleOrgs' : 'AzureADMyOrg'"
    [module] = [
        one
        for one in bicep.files()["infra/main.bicep"].modules.values()
        if one.type == "modules/graph-application.bicep"
    ]
    assert text(module.params["inOtherTenants"]) == "!empty(tenantsOfProviders)"
