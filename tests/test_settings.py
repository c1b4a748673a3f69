"""The settings: an empty environment works, every rule, every problem at once, frozen."""

from datetime import UTC
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from activities.contract.setting_values import GRAPH_BASE_URL
from activities.errors import ErrorCode, SettingsError
from activities.settings import NAMES, Application, Settings, SignIn, Storage, superseded, wants_entra_auth
from tests.support.records import OTHER_PROVIDER, PROVIDER

# What the platform says where App Service Authentication is on.
GUARDED = {"WEBSITE_AUTH_ENABLED": "True"}


def problem_targets(environ: dict[str, str]) -> list[str]:
    """Return the names of the settings that cannot be used."""
    with pytest.raises(SettingsError) as caught:
        Settings.from_environ(environ)
    assert all(problem.message.startswith(f"{problem.target} ") for problem in caught.value.problems)
    assert all(problem.message in caught.value.message for problem in caught.value.problems)
    return [problem.target for problem in caught.value.problems]


def test_an_empty_environment_works() -> None:
    settings = Settings.from_environ({})
    assert settings == Settings(
        azure_client_id=None,
        graph_base_url="https://graph.microsoft.com/v1.0",
        learning_provider_id=None,
        allowed_learning_provider_ids=frozenset(),
        default_time_zone=UTC,
        activity_queue="learning-activities",
        claim_lease_seconds=60,
    )
    assert settings.storage is None


@pytest.mark.parametrize("blank", ["", " ", "\t"])
def test_a_blank_setting_counts_as_not_set(blank: str) -> None:
    assert Settings.from_environ(dict.fromkeys(NAMES, blank)) == Settings()


def test_every_setting_is_read_and_surrounding_space_goes() -> None:
    environ = {
        "AZURE_CLIENT_ID": f" {OTHER_PROVIDER} ",
        "GRAPH_BASE_URL": " https://graph.microsoft.com/beta/ ",
        "GRAPH_CLIENT_ID": f" {PROVIDER} ",
        "GRAPH_TENANT_ID": f" {OTHER_PROVIDER.upper()} ",
        "AZURE_AUTHORITY_HOST": " login.example.org ",
        "PROVIDER_TENANTS": f' {{"{PROVIDER.upper()}": "{OTHER_PROVIDER.upper()}"}} ',
        "LEARNING_PROVIDER_ID": f"{PROVIDER}\n",
        "ALLOWED_LEARNING_PROVIDER_IDS": f" {PROVIDER.upper()} , {OTHER_PROVIDER},",
        "DEFAULT_TIME_ZONE": " Europe/Berlin ",
        "ACTIVITY_QUEUE": " other-activities ",
        "CLAIM_LEASE_SECONDS": " 5 ",
        "RETENTION_DAYS": "90 ",
        "QUEUE_RESULTS": " True",
        "ENTRA_AUTH": " True ",
        "ALLOWED_CLIENT_APPLICATIONS": f"{PROVIDER.upper()} , {OTHER_PROVIDER}",
        "WEBSITE_AUTH_CLIENT_ID": f" {PROVIDER} ",
        "CLIENT_APPLICATION_PROVIDERS": f' {{"{PROVIDER.upper()}": ["{OTHER_PROVIDER.upper()}"]}} ',
        "PUBLIC_BASE_URL": " https://api.contoso.com/learning/ ",
        "AzureWebJobsStorage__accountName": " contoso ",
        "AzureWebJobsStorage__queueServiceUri": " https://queues.example.org/ ",
        "AzureWebJobsStorage__tableServiceUri": " https://tables.example.org ",
        "AzureWebJobsStorage__clientId": f" {PROVIDER} ",
    }
    assert environ.keys() == set(NAMES) - {"AzureWebJobsStorage"}, "it goes before all that begin with its name"
    settings = Settings.from_environ({**environ, **GUARDED})
    expected = {
        "azure_client_id": OTHER_PROVIDER,
        "graph_base_url": "https://graph.microsoft.com/beta",
        "graph_client_id": PROVIDER,
        "graph_tenant_id": OTHER_PROVIDER.upper(),
        "authority_host": "login.example.org",
        "provider_tenants": {PROVIDER: OTHER_PROVIDER},
        "learning_provider_id": PROVIDER,
        "allowed_learning_provider_ids": frozenset({PROVIDER, OTHER_PROVIDER}),
        "default_time_zone": ZoneInfo("Europe/Berlin"),
        "activity_queue": "other-activities",
        "claim_lease_seconds": 5,
        "retention_days": 90,
        "queue_results": True,
        "entra_auth": True,
        "allowed_client_applications": frozenset({PROVIDER, OTHER_PROVIDER}),
        "auth_client_id": PROVIDER,
        "client_application_providers": {PROVIDER: frozenset({OTHER_PROVIDER})},
        "public_base_url": "https://api.contoso.com/learning",
        "storage_account": "contoso",
        "storage_queue_url": "https://queues.example.org",
        "storage_table_url": "https://tables.example.org",
        "storage_client_id": PROVIDER,
    }
    assert settings == Settings.model_validate(expected, context=GUARDED)
    assert settings.application == Application(
        PROVIDER, OTHER_PROVIDER, "login.example.org", {PROVIDER: OTHER_PROVIDER}
    )
    assert settings.storage == Storage(
        None, "https://contoso.queue.core.windows.net", "https://contoso.table.core.windows.net", PROVIDER
    )
    del environ["AzureWebJobsStorage__accountName"]
    assert Settings.from_environ({**environ, **GUARDED}).storage == Storage(
        None, "https://queues.example.org", "https://tables.example.org", PROVIDER
    ), "the Functions host, too, reads addresses only without an account name"
    connection_string = f"AccountName=contoso;AccountKey={'a' * 86}=="
    environ["AzureWebJobsStorage"] = f" {connection_string}\n"
    assert Settings.from_environ({**environ, **GUARDED}).storage == Storage(connection_string)


@pytest.mark.parametrize("name", Settings.model_fields)
def test_settings_are_frozen(name: str) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        setattr(Settings(), name, None)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AZURE_CLIENT_ID", "my-identity"),
        ("LEARNING_PROVIDER_ID", "LinkedIn"),
        ("LEARNING_PROVIDER_ID", f"{{{PROVIDER}}}"),
        ("ALLOWED_LEARNING_PROVIDER_IDS", "LinkedIn"),
        ("ALLOWED_LEARNING_PROVIDER_IDS", f"{PROVIDER};{OTHER_PROVIDER}"),
        ("DEFAULT_TIME_ZONE", "Mars/Olympus"),
        ("DEFAULT_TIME_ZONE", "localtime"),
        *(("ACTIVITY_QUEUE", name) for name in ("ab", "Activities", "-a-b", "a--b", "a_b", "aktivitäten", "a" * 49)),
        *(
            (name, text)
            for name in ("RETENTION_DAYS", "BATCH_RETENTION_DAYS")
            for text in ("0", "-1", "30.5", "a month", "10000", "٣")
        ),
        *(("QUEUE_RESULTS", text) for text in ("yes", "1", "truefalse")),
        *(("CLAIM_LEASE_SECONDS", text) for text in ("0", "-1", "1.5", "1e3", "a minute", "10000", "٣")),
        *(
            ("AzureWebJobsStorage", text)
            for text in ("contoso", "AccountName=contoso", "AccountName=a;AccountKey=", "SharedAccessSignature=s")
        ),
        ("AzureWebJobsStorage__accountName", "contoso.table.core.windows.net"),
        ("AzureWebJobsStorage__accountName", "Contoso"),
        ("AzureWebJobsStorage__queueServiceUri", "http://contoso.queue.core.windows.net"),
        ("AzureWebJobsStorage__tableServiceUri", "https://contoso.table.core.windows.net/activityledger"),
        ("AzureWebJobsStorage__tableServiceUri", "https://127.0.0.1:10002/devstoreaccount1/activityledger"),
        ("AzureWebJobsStorage__tableServiceUri", "https://127.0.0.1:10002/dev-store"),
        ("AzureWebJobsStorage__tableServiceUri", "https://contoso.table.core.windows.net?sv=2024"),
        ("AzureWebJobsStorage__clientId", "my-identity"),
        ("WEBSITE_AUTH_CLIENT_ID", "my-application"),
        ("GRAPH_CLIENT_ID", "my-application"),
        ("GRAPH_TENANT_ID", "contoso.com"),
        *(("AZURE_AUTHORITY_HOST", text) for text in ("http://login.example.org", "https://login.example.org/contoso")),
        *(
            ("PROVIDER_TENANTS", text)
            for text in (
                PROVIDER,
                "{}",
                "[]",
                f'{{"{PROVIDER}": ["{OTHER_PROVIDER}"]}}',
                f'{{"{PROVIDER}": "contoso.com"}}',
                f'{{"LinkedIn": "{PROVIDER}"}}',
            )
        ),
        *(
            ("CLIENT_APPLICATION_PROVIDERS", text)
            for text in (
                PROVIDER,
                "{}",
                "[]",
                f'{{"{PROVIDER}": []}}',
                f'{{"{PROVIDER}": "{OTHER_PROVIDER}"}}',
                f'{{"{PROVIDER}": [1]}}',
                f'{{"{PROVIDER}": ["LinkedIn"]}}',
                f'{{"LMS": ["{PROVIDER}"]}}',
                f'{{"{PROVIDER}": ["{PROVIDER}"], "{PROVIDER}": ["{OTHER_PROVIDER}"]}}',
            )
        ),
        *(
            ("PUBLIC_BASE_URL", url)
            for url in (
                "api.contoso.com",
                "http://api.contoso.com",
                "https://api.contoso.com/api",
                "https://api.contoso.com/learning/api/",
                "https://api.contoso.com/?key=1",
                "https://user:secret@api.contoso.com",
            )
        ),
        ("GRAPH_BASE_URL", "graph.microsoft.com/v1.0"),
        ("GRAPH_BASE_URL", "http://graph.microsoft.com/v1.0"),
        ("GRAPH_BASE_URL", "http://localhost.example.com/v1.0"),
        ("GRAPH_BASE_URL", "http://10.0.0.1/v1.0"),
        ("GRAPH_BASE_URL", "ftp://127.0.0.1/v1.0"),
        ("GRAPH_BASE_URL", "https://"),
        ("GRAPH_BASE_URL", "https://[::1/v1.0"),
        ("GRAPH_BASE_URL", "https://graph.microsoft.com:port/v1.0"),
        ("GRAPH_BASE_URL", "https://user:secret@graph.microsoft.com/v1.0"),
        ("GRAPH_BASE_URL", "https://graph.microsoft.com/v1.0?a=b"),
        ("GRAPH_BASE_URL", "https://graph.microsoft.com/v1.0#a"),
        ("GRAPH_BASE_URL", "https://graph.microsoft.us/v1.0"),
        ("GRAPH_BASE_URL", "https://DOD-graph.microsoft.us/v1.0"),
        ("GRAPH_BASE_URL", "https://microsoftgraph.chinacloudapi.cn/v1.0"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(name: str, value: str) -> None:
    assert problem_targets({name: value}) == [name]


@pytest.mark.parametrize("host", ["127.0.0.1:10001", "10.0.0.7", "localhost", "azurite:10001"])
def test_where_no_host_is_named_after_the_account_it_stands_in_the_path(host: str) -> None:
    urls = {f"AzureWebJobsStorage__{service}ServiceUri": f"https://{host}/contoso/" for service in ("queue", "table")}
    storage = Settings.from_environ(urls).storage
    assert storage == Storage(None, f"https://{host}/contoso", f"https://{host}/contoso")


@pytest.mark.parametrize("value", [",", " , ,"])
def test_a_list_of_allowed_providers_without_one_does_not_mean_any(value: str) -> None:
    assert problem_targets({"ALLOWED_LEARNING_PROVIDER_IDS": value}) == ["ALLOWED_LEARNING_PROVIDER_IDS"]


@pytest.mark.parametrize("host", ["localhost:8085", "127.0.0.1:8085", "[::1]:8085"])
def test_plain_http_is_for_this_machine_alone(host: str) -> None:
    assert Settings.from_environ({"GRAPH_BASE_URL": f"http://{host}/v1.0"}).graph_base_url == f"http://{host}/v1.0"


@pytest.mark.parametrize("name", ["abc", "a" * 48, "1-2-3"])
def test_the_longest_name_leaves_room_for_those_of_the_queues_that_belong_to_it(name: str) -> None:
    queue = Settings.from_environ({"ACTIVITY_QUEUE": name}).activity_queue
    assert queue == name
    assert len(f"{queue}-batches-poison") <= 63


@pytest.mark.parametrize("text", ["UseDevelopmentStorage=true", "AccountName=a;AccountKey=b;"])
def test_a_connection_string_is_storage(text: str) -> None:
    assert Settings.from_environ({"AzureWebJobsStorage": text}).storage == Storage(connection_string=text)


def test_an_account_name_is_enough_for_storage_with_an_identity() -> None:
    assert Settings.from_environ({"AzureWebJobsStorage__accountName": "contoso"}).storage == Storage(
        None, "https://contoso.queue.core.windows.net", "https://contoso.table.core.windows.net"
    )


def test_the_default_provider_must_be_an_allowed_one() -> None:
    environ = {"LEARNING_PROVIDER_ID": PROVIDER, "ALLOWED_LEARNING_PROVIDER_IDS": OTHER_PROVIDER}
    assert problem_targets(environ) == ["LEARNING_PROVIDER_ID"]
    environ["ALLOWED_LEARNING_PROVIDER_IDS"] += f",{PROVIDER}"
    for spelling in (PROVIDER, PROVIDER.upper()):
        environ["LEARNING_PROVIDER_ID"] = spelling
        assert Settings.from_environ(environ).learning_provider_id == spelling


@pytest.mark.parametrize("said", ["", "false", "False", "yes", "1"])
def test_only_true_does_without_the_function_key(said: str) -> None:
    assert not wants_entra_auth({"ENTRA_AUTH": said})


SIGNING_IN = {"ENTRA_AUTH": "true", "ALLOWED_CLIENT_APPLICATIONS": PROVIDER.upper()}


@pytest.mark.parametrize("said", [None, "", " ", "False", "1", "yes", "true false"])
@pytest.mark.parametrize("platform", [{}, {"WEBSITE_SITE_NAME": "contoso"}])
def test_the_key_is_not_given_up_unless_the_platform_says_that_it_checks_who_signs_in(
    platform: dict[str, str], said: str | None
) -> None:
    """With App Service Authentication switched off, its header would come from whoever writes it."""
    environ = {**SIGNING_IN, **platform, **({} if said is None else {"WEBSITE_AUTH_ENABLED": said})}
    with pytest.raises(SettingsError, match=r"ENTRA_AUTH .* WEBSITE_AUTH_ENABLED"):
        Settings.from_environ(environ)
    assert Settings.from_environ({**environ, **GUARDED}).entra_auth
    assert Settings.from_environ({**environ, "ENTRA_AUTH": "false"}).sign_in is None


def test_signing_in_without_a_single_application_that_may_call_is_a_mistake() -> None:
    assert problem_targets({"ENTRA_AUTH": "true", **GUARDED}) == ["ALLOWED_CLIENT_APPLICATIONS"]


def test_who_may_sign_in_is_known_in_small_letters() -> None:
    settings = Settings.from_environ({**SIGNING_IN, **GUARDED, "WEBSITE_AUTH_CLIENT_ID": OTHER_PROVIDER.upper()})
    assert settings.sign_in == SignIn(frozenset({PROVIDER}), OTHER_PROVIDER)
    assert Settings.from_environ({**SIGNING_IN, **GUARDED}).sign_in == SignIn(frozenset({PROVIDER}), "")


@pytest.mark.parametrize("url", ["https://api.contoso.com", "http://localhost:8080", "https://api.contoso.com/apis"])
def test_a_gateway_has_any_plain_address(url: str) -> None:
    assert Settings.from_environ({"PUBLIC_BASE_URL": f"{url}/"}).public_base_url == url


def test_providers_in_other_tenants_need_an_application() -> None:
    environ = {"PROVIDER_TENANTS": f'{{"{PROVIDER}": "{OTHER_PROVIDER}"}}'}
    with pytest.raises(SettingsError, match=r"PROVIDER_TENANTS .* GRAPH_CLIENT_ID"):
        Settings.from_environ(environ)
    application = Settings.from_environ({**environ, "GRAPH_CLIENT_ID": PROVIDER}).application
    assert application == Application(PROVIDER, None, "https://login.microsoftonline.com", {PROVIDER: OTHER_PROVIDER})


def test_without_an_application_the_app_is_its_managed_identity() -> None:
    assert Settings.from_environ({"GRAPH_TENANT_ID": PROVIDER}).application is None


def test_all_problems_are_told_at_once() -> None:
    assert sorted(problem_targets(dict.fromkeys(NAMES, "not usable"))) == sorted(NAMES)


def test_settings_that_cannot_be_used_are_transient_because_the_same_request_works_once_they_are_corrected() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environ({"AZURE_CLIENT_ID": "my-identity"})
    assert caught.value.code is ErrorCode.INTERNAL_ERROR
    assert caught.value.retry_after_seconds >= 60
    assert not caught.value.may_have_executed
    assert "my-identity" not in caught.value.message, "a setting may be a secret that stands in the wrong place"


def test_graph_is_the_global_cloud_by_default() -> None:
    assert Settings().graph_base_url == GRAPH_BASE_URL == "https://graph.microsoft.com/v1.0"


class TestFormerNames:
    def test_a_former_name_counts_and_is_told(self) -> None:
        environ = {"BATCH_RETENTION_DAYS": " 7 "}
        assert Settings.from_environ(environ).retention_days == 7
        assert superseded(environ) == {"BATCH_RETENTION_DAYS": "RETENTION_DAYS"}

    def test_where_both_are_set_the_present_name_counts(self) -> None:
        environ = {"BATCH_RETENTION_DAYS": "nonsense", "RETENTION_DAYS": "90"}
        assert Settings.from_environ(environ).retention_days == 90
        assert superseded(environ) == {}

    @pytest.mark.parametrize("environ", [{}, {"BATCH_RETENTION_DAYS": " "}, {"RETENTION_DAYS": "7"}])
    def test_without_a_former_name_nothing_is_told(self, environ: dict[str, str]) -> None:
        assert superseded(environ) == {}
