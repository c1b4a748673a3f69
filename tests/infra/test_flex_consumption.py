"""All that the site says, held against what its plan, Flex Consumption, takes and what it refuses.

Azure refuses the whole deployment for one property too many (error 51021), and nothing but Azure would tell. So a
property that stands in neither table fails, too, until somebody has looked it up.
"""

import pytest

from tests.infra import bicep
from tests.infra.test_app_settings import FUNCTION_APP, app_settings

SAMPLE = "https://github.com/Azure-Samples/functions-quickstart-python-http-azd/blob/main/infra/app/api.bicep"
AZURERM = (
    "https://registry.terraform.io/providers/hashicorp/azurerm/latest/docs/resources/function_app_flex_consumption"
)
PIPELINES = "https://github.com/microsoft/azure-pipelines-tasks/issues/21032"
TERRAFORM_MODULE = "https://github.com/Azure/terraform-azurerm-avm-res-web-site/issues/345"
DEPRECATIONS = (
    "https://learn.microsoft.com/azure/azure-functions/functions-app-settings#flex-consumption-plan-deprecations"
)
AUTOMATION = "https://learn.microsoft.com/azure/azure-functions/functions-infrastructure-as-code"
SIGN_IN = "https://learn.microsoft.com/azure/app-service/configure-authentication-file-based"
NETWORKING = (
    "https://learn.microsoft.com/azure/azure-functions/functions-networking-options#matrix-of-networking-features"
)
CREDENTIALS = "https://learn.microsoft.com/azure/app-service/configure-basic-auth-disable"

# What the site module is given, each with a place where a Flex Consumption app has it.
SITE = {
    "name": SAMPLE,
    "location": SAMPLE,
    "tags": SAMPLE,
    "kind": SAMPLE,
    "serverFarmResourceId": SAMPLE,
    "managedIdentities": SAMPLE,
    "functionAppConfig": SAMPLE,
    "siteConfig": SAMPLE,
    "virtualNetworkSubnetResourceId": SAMPLE,  # In the sample's version of the module: virtualNetworkSubnetId.
    "publicNetworkAccess": AZURERM,
    "httpsOnly": AZURERM,
    "clientAffinityEnabled": AUTOMATION,
    "basicPublishingCredentialsPolicies": CREDENTIALS,
    "configs": SIGN_IN,
}
SITE_CONFIG = {
    "alwaysOn": SAMPLE,
    "minTlsVersion": AZURERM,
    "ipSecurityRestrictions": NETWORKING,
    "ipSecurityRestrictionsDefaultAction": NETWORKING,
    "appSettings": AUTOMATION,
}
CONFIGS = {"authsettingsV2": SIGN_IN}
# What other plans have in these places.
REFUSED = {
    "ftpsState": PIPELINES,
    "linuxFxVersion": TERRAFORM_MODULE,
    "netFrameworkVersion": TERRAFORM_MODULE,
    "javaVersion": DEPRECATIONS,
    "powerShellVersion": DEPRECATIONS,
    "use32BitWorkerProcess": DEPRECATIONS,
    "preWarmedInstanceCount": DEPRECATIONS,
    "functionAppScaleLimit": DEPRECATIONS,
    "vnetRouteAllEnabled": DEPRECATIONS,
    "containerSize": DEPRECATIONS,
}
# The plan has them in functionAppConfig, or has no such thing; what is set to run from a package is never replaced.
REFUSED_SETTINGS = {
    "ENABLE_ORYX_BUILD": DEPRECATIONS,
    "FUNCTIONS_EXTENSION_VERSION": DEPRECATIONS,
    "FUNCTIONS_WORKER_PROCESS_COUNT": DEPRECATIONS,
    "FUNCTIONS_WORKER_RUNTIME": DEPRECATIONS,
    "FUNCTIONS_WORKER_RUNTIME_VERSION": DEPRECATIONS,
    "SCM_DO_BUILD_DURING_DEPLOYMENT": DEPRECATIONS,
    "WEBSITE_DNS_SERVER": DEPRECATIONS,
    "WEBSITE_NODE_DEFAULT_VERSION": DEPRECATIONS,
    "WEBSITE_RUN_FROM_PACKAGE": DEPRECATIONS,
    "WEBSITE_TIME_ZONE": DEPRECATIONS,
    "WEBSITE_VNET_ROUTE_ALL": DEPRECATIONS,
}


# Each setting that begins so: the plan has no share of files.
REFUSED_PREFIX = "WEBSITE_CONTENT"


def refused_settings(settings: dict[str, bicep.Value]) -> list[str]:
    return [name for name in settings if name in REFUSED_SETTINGS or name.startswith(REFUSED_PREFIX)]


def site(file: bicep.File) -> dict[str, bicep.Value]:
    [module] = [one for one in file.modules.values() if "/web/site:" in one.type]
    return module.params


def unlisted(params: dict[str, bicep.Value]) -> list[str]:
    """Return what the site says that no source of the tables has a Flex Consumption app say."""
    config, configs = params["siteConfig"], params["configs"]
    assert isinstance(config, dict)
    assert isinstance(configs, list)
    assert all(isinstance(one, dict) for one in configs)
    named = {str(one["name"]) for one in configs if isinstance(one, dict)}
    wrong = [*(params.keys() - SITE.keys()), *(config.keys() - SITE_CONFIG.keys()), *(named - CONFIGS.keys())]
    return sorted(f"{name}: {REFUSED.get(name, 'look it up')}" for name in wrong)


@pytest.fixture(scope="module")
def file() -> bicep.File:
    return bicep.files()[FUNCTION_APP]


def test_the_site_says_nothing_that_the_plan_refuses(file: bicep.File) -> None:
    assert unlisted(site(file)) == []


def test_the_tables_say_nothing_of_what_nobody_says(file: bicep.File) -> None:
    params = site(file)
    config = params["siteConfig"]
    assert isinstance(config, dict)
    assert SITE.keys() == params.keys()
    assert SITE_CONFIG.keys() == config.keys()
    assert REFUSED.keys() & (SITE.keys() | SITE_CONFIG.keys()) == set()


def test_nothing_is_always_on(file: bicep.File) -> None:
    """Microsoft's sample says false: the module would say true, which the plan refuses."""
    config = site(file)["siteConfig"]
    assert isinstance(config, dict)
    assert config["alwaysOn"] is False


def test_azure_has_no_setting_that_the_plan_refuses() -> None:
    assert refused_settings(app_settings(bicep.files())) == []
    assert refused_settings({"FUNCTIONS_WORKER_RUNTIME": "python", "WEBSITE_CONTENTSHARE": "a", "A": "b"}) == [
        "FUNCTIONS_WORKER_RUNTIME",
        "WEBSITE_CONTENTSHARE",
    ]


def test_every_row_has_its_source() -> None:
    rows = [*SITE.values(), *SITE_CONFIG.values(), *CONFIGS.values(), *REFUSED.values(), *REFUSED_SETTINGS.values()]
    assert [one for one in rows if not one.startswith("https://")] == []


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("siteConfig: { ftpsState: 'Disabled' }\n configs: []", f"ftpsState: {PIPELINES}"),
        ("siteConfig: {}\n configs: []\n containerSize: 2048", f"containerSize: {DEPRECATIONS}"),
        ("siteConfig: { webSocketsEnabled: true }\n configs: []", "webSocketsEnabled: look it up"),
        ("siteConfig: {}\n configs: [{ name: 'web' }]", "web: look it up"),
    ],
)
def test_a_property_too_many_is_found(text: str, wrong: str) -> None:
    file = bicep.parse(f"module a 'br/public:avm/res/web/site:0.24.0' = {{\n  params: {{\n {text}\n }}\n}}\n")
    assert unlisted(site(file)) == [wrong]
