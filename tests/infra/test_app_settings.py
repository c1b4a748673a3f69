"""The app settings of the infrastructure are those that the code reads and the README lists, and no others."""

import json
import re

import pytest

from activities import settings
from activities.contract import setting_values
from activities.settings import Settings
from local.environment import BODY_LIMIT_BYTES
from tests.infra import bicep

FUNCTION_APP = "infra/modules/function-app.bicep"
# What the code reads and Azure is not given, with the reason.
LEFT_OUT = {
    "AzureWebJobsStorage": "A connection string has a key in it; in Azure the identity takes its place.",
    "AzureWebJobsStorage__queueServiceUri": "Follows from the account's name.",
    "AzureWebJobsStorage__tableServiceUri": "Follows from the account's name.",
}
# What Azure is given and the code does not read, with the reason.
FOR_THE_PLATFORM = {
    "AzureWebJobsStorage__credential": "The Functions host's own connection.",
    "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT": "The host's own limit: a larger body gets an empty 500.",
    "APPLICATIONINSIGHTS_CONNECTION_STRING": "Where the host sends telemetry; an address, because local auth is off.",
    "APPLICATIONINSIGHTS_AUTHENTICATION_STRING": "Whose token the host sends telemetry with.",
    "WEBSITE_AUTH_AAD_ALLOWED_TENANTS": "App Service Authentication: whose tokens are looked at.",
    "OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID": "App Service Authentication: the identity in place of a client secret.",
}
ONLY_WITH_ENTRA_AUTH = {
    "WEBSITE_AUTH_CLIENT_ID",
    "WEBSITE_AUTH_AAD_ALLOWED_TENANTS",
    "OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID",
}
VALUES: dict[str, bicep.Value | str] = {
    "AzureWebJobsStorage__credential": "managedidentity",
    "GRAPH_BASE_URL": setting_values.GRAPH_BASE_URL,
    "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT": str(BODY_LIMIT_BYTES),  # As in local/.
}


def app_settings(files: dict[str, bicep.File]) -> dict[str, bicep.Value]:
    """Return every app setting with its value, also those that only one branch of a condition has."""
    app, main = files[FUNCTION_APP], files["infra/main.bicep"]
    [module] = [one for one in main.modules.values() if one.type.endswith("/function-app.bicep")]
    found: dict[str, bicep.Value] = {}
    for value in bicep.walk(app.variables["appSettings"]):
        if value == bicep.Expression("settings"):
            value = module.params["settings"]  # noqa: PLW2901 (the parameter's name stands for what it is given)
        if isinstance(value, dict):
            found |= value
    return found


def conditional(file: bicep.File, condition: str) -> set[str]:
    """Return the names that stand only in the first branch of ``condition ? { … } : …``."""
    return {
        name
        for value in bicep.walk(file.variables["appSettings"])
        if isinstance(value, bicep.Expression) and re.match(rf"{condition}\s*\?", value.text)
        for name in (value.parts[1] if isinstance(value.parts[1], dict) else {})
    }


@pytest.fixture(scope="module")
def deployed() -> dict[str, bicep.Value]:
    return app_settings(bicep.files())


def test_azure_has_the_settings_that_the_code_reads(deployed: dict[str, bicep.Value]) -> None:
    assert deployed.keys() == (set(settings.NAMES) - LEFT_OUT.keys()) | FOR_THE_PLATFORM.keys()


def test_the_tables_of_exceptions_have_not_grown_old(deployed: dict[str, bicep.Value]) -> None:
    assert LEFT_OUT.keys() <= set(settings.NAMES) - deployed.keys()
    assert FOR_THE_PLATFORM.keys() & set(settings.NAMES) == set()


def test_what_is_set_locally_and_what_is_set_in_azure_differ_only_in_these(deployed: dict[str, bicep.Value]) -> None:
    example = json.loads((bicep.ROOT / "local.settings.example.json").read_text(encoding="utf-8"))["Values"]
    only_local = example.keys() - deployed.keys()
    # The Core Tools need the worker's name, which the plan has in functionAppConfig.
    assert only_local == {*LEFT_OUT, "FUNCTIONS_WORKER_RUNTIME"}
    assert deployed.keys() - example.keys() == FOR_THE_PLATFORM.keys() - {"AzureWebJobsStorage__credential"}


def test_fixed_values(deployed: dict[str, bicep.Value]) -> None:
    assert {name: deployed[name] for name in VALUES} == VALUES


def test_one_identity_is_meant_everywhere(deployed: dict[str, bicep.Value]) -> None:
    for name in ("AzureWebJobsStorage__clientId", "AZURE_CLIENT_ID", "OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID"):
        assert deployed[name] == bicep.Expression("identityClientId"), name
    telemetry = deployed["APPLICATIONINSIGHTS_AUTHENTICATION_STRING"]
    assert isinstance(telemetry, bicep.Expression)
    assert telemetry.text == "'ClientId=${identityClientId};Authorization=AAD'"


def test_defaults_of_the_infrastructure_are_those_of_the_code() -> None:
    params = bicep.files()["infra/main.bicep"].params
    assert params["activityQueue"].default == Settings().activity_queue
    assert params["claimLeaseSeconds"].default == Settings().claim_lease_seconds
    assert params["retentionDays"].default == Settings().retention_days
    assert params["queueResults"].default is False
    assert params["defaultTimeZone"].default == "UTC"


def test_the_longest_queue_name_is_the_same() -> None:
    longest = setting_values.LONGEST_QUEUE_NAME - setting_values.LONGEST_SUFFIX
    assert f"@maxLength({longest})" in bicep.files()["infra/main.bicep"].params["activityQueue"].decorators


def test_the_settings_of_the_sign_in_are_there_only_with_it() -> None:
    assert conditional(bicep.files()[FUNCTION_APP], "entraAuth") == ONLY_WITH_ENTRA_AUTH


def test_a_setting_reaches_azure_in_the_form_of_a_text(deployed: dict[str, bicep.Value]) -> None:
    """App settings are texts; Bicep would refuse a number where the module wants one."""
    main = bicep.files()["infra/main.bicep"]
    for name, value in deployed.items():
        if isinstance(value, bicep.Expression) and value.text in main.params:
            assert main.params[value.text].type == "string", name
        else:
            assert isinstance(value, str | bicep.Expression), name


@pytest.mark.parametrize("name", sorted(FOR_THE_PLATFORM.keys() - {"AzureWebJobsStorage__credential"}))
def test_the_admins_guide_names_the_settings_of_the_platform(name: str) -> None:
    assert f"`{name}`" in (bicep.ROOT / "docs" / "for-admins.md").read_text(encoding="utf-8")


def test_another_setting_is_found() -> None:
    app = bicep.parse("var appSettings = union(\n  settings,\n  { B: 1 },\n  entraAuth ? { C: 'c' } : {}\n)\n")
    main = bicep.parse(
        "module a 'modules/function-app.bicep' = {\n  name: 'a'\n  params: { settings: { A: 'a' } }\n}\n"
    )
    assert app_settings({FUNCTION_APP: app, "infra/main.bicep": main}) == {"A": "a", "B": 1, "C": "c"}
    assert conditional(app, "entraAuth") == {"C"}


def test_settings_are_read_from_one_place() -> None:
    """A second list beside ``appSettings`` would win or lose by an order that nobody sees."""
    app = bicep.files()[FUNCTION_APP]
    assert len(re.findall(r"\bappSettings:", app.text)) == 1
    assert [path for path, file in bicep.files().items() if file.properties("appsettings")] == []
