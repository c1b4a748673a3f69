"""No secret anywhere: not in the files, not in an app setting, not in an output; and no door that a secret opens."""

import re

import pytest

from tests.infra import bicep
from tests.infra.test_app_settings import FUNCTION_APP, app_settings
from tests.test_repository import repository_files

LISTS_SECRETS = re.compile(r"\blist(?:Keys|Secrets|AccountSas|ServiceSas|ConnectionStrings|\w*Keys)\s*\(")
SECRETS = {
    "a storage key": re.compile(r"AccountKey\s*=\s*[^;'\"\s]|\b[A-Za-z0-9+/]{86}=="),
    "a shared access key": re.compile(r"SharedAccessKey\s*="),
    "a shared access signature": re.compile(r"[?&;]sig=|SharedAccessSignature\s*="),
    "a token": re.compile(r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "a client secret of Microsoft Entra ID": re.compile(r"(?<![\w~.-])[\w~.-]{3}[78]Q~[\w~.-]{31,34}(?![\w~.-])"),
    "a token of GitHub": re.compile(r"\b(?:gh[pousr]_\w{36}|github_pat_\w{22,})"),
    "a function key": re.compile(r"\b[\w-]{44}AzFu[\w-]{6}==?"),
    "a key of Application Insights": re.compile(r"InstrumentationKey\s*=\s*[0-9a-f]"),
    "a password in an address": re.compile(r"://[^/\s:@'\"$]+:[^/\s@'\"$]+@"),
}
# Made in Azure, and put together by people: both are what nobody may be able to read here.
SOUNDS_SECRET = re.compile(r"key|secret|password|credential|sas\b|connection_?string", re.IGNORECASE)
HARMLESS = {
    # The connection string of Application Insights is an address: with local auth off, nothing can be sent with it.
    "APPLICATIONINSIGHTS_CONNECTION_STRING",
    "connectionString",
    # The kind of credential, in a word, and no credential.
    "AzureWebJobsStorage__credential",
}


def listed_secrets(file: bicep.File) -> list[str]:
    return LISTS_SECRETS.findall(file.text)


def secret_outputs(file: bicep.File) -> list[str]:
    return [
        name
        for name, output in file.outputs.items()
        if output.decorators or (SOUNDS_SECRET.search(f"{name} {text(output.value)}") and name not in HARMLESS)
    ]


def secret_settings(settings: dict[str, bicep.Value]) -> list[str]:
    return [
        name
        for name, value in settings.items()
        if SOUNDS_SECRET.search(f"{name} {text(value)}") and name not in HARMLESS
    ]


def text(value: bicep.Value) -> str:
    return value.text if isinstance(value, bicep.Expression) else str(value)


def secrets_in(content: str) -> list[str]:
    return [what for what, pattern in SECRETS.items() if pattern.search(content)]


def committed() -> list[str]:
    """List the files with text, but not the tests and stand-ins, which have made-up keys, and no lists of hashes."""
    return [
        one.as_posix()
        for one in repository_files()
        if one.parts[0] not in {"tests", "local"}
        and one.name != "package-lock.json"
        and b"\0" not in (bicep.ROOT / one).read_bytes()
    ]


@pytest.mark.parametrize("path", bicep.files())
def test_nothing_asks_azure_for_a_secret(path: str) -> None:
    file = bicep.files()[path]
    assert listed_secrets(file) == []
    assert [name for name, param in file.params.items() if "@secure()" in param.decorators] == []


@pytest.mark.parametrize("path", bicep.files())
def test_no_output_is_a_secret(path: str) -> None:
    assert secret_outputs(bicep.files()[path]) == []


def test_no_app_setting_is_a_secret() -> None:
    assert secret_settings(app_settings(bicep.files())) == []


def test_no_file_has_a_secret_in_it() -> None:
    paths = committed()
    assert {"azure.yaml", "host.json", "local.settings.example.json", "function_app.py", "infra/main.bicep"} <= {*paths}
    found = {path: secrets_in((bicep.ROOT / path).read_text(encoding="utf-8")) for path in paths}
    assert {path: what for path, what in found.items() if what} == {}


def test_telemetry_takes_no_key() -> None:
    monitoring = bicep.files()["infra/modules/monitoring.bicep"]
    [component] = [one for one in monitoring.modules.values() if "/insights/component:" in one.type]
    assert component.params["disableLocalAuth"] is True
    [workspace] = [one for one in monitoring.modules.values() if "/operational-insights/workspace:" in one.type]
    features = workspace.params["features"]
    assert isinstance(features, dict)
    assert features["disableLocalAuth"] is True


def test_the_app_takes_neither_publishing_passwords_nor_plain_http_nor_old_encryption() -> None:
    [site] = [one for one in bicep.files()[FUNCTION_APP].modules.values() if "/web/site:" in one.type]
    assert site.params["httpsOnly"] is True
    assert site.params["basicPublishingCredentialsPolicies"] == [
        {"name": "ftp", "allow": False},
        {"name": "scm", "allow": False},
    ]
    config = site.params["siteConfig"]
    assert isinstance(config, dict)
    assert config["minTlsVersion"] == "1.2"


def test_the_package_is_fetched_with_the_identity() -> None:
    [authentication] = [one for one in bicep.files()[FUNCTION_APP].properties("authentication") if one]
    assert isinstance(authentication, dict)
    assert authentication["type"] == "UserAssignedIdentity"
    assert "storageAccountConnectionStringName" not in authentication


# Put together here, so that this file itself has nothing in it that looks like a secret.
@pytest.mark.parametrize(
    ("what", "content"),
    [
        ("a storage key", "AccountName=a;Account" + "Key=abc="),
        ("a storage key", "a" * 86 + "=="),
        ("a shared access key", "Endpoint=sb://a/;SharedAccess" + "Key=abc"),
        ("a shared access signature", "https://a.blob.core.windows.net/b?sv=2024&s" + "ig=abc"),
        ("a token", "ey" + "J0eXAiOiJKV1Qi.ey" + "JhdWQiOiJhYmMi"),
        ("a private key", "-----BEGIN RSA PRIVATE" + " KEY-----"),
        ("a client secret of Microsoft Entra ID", "abc8" + "Q~" + "x" * 34),
        ("a token of GitHub", "gh" + "p_" + "a" * 36),
        ("a function key", "a" * 44 + "Az" + "Fu" + "abcdef=="),
        ("a key of Application Insights", "Instrumentation" + "Key=0000"),
        ("a password in an address", "https://me:" + "hunter2@example.com"),
    ],
)
def test_a_secret_is_found(what: str, content: str) -> None:
    assert secrets_in(f'  "value": "{content}",\n') == [what]


@pytest.mark.parametrize(
    "line",
    [
        "output key string = account.listKeys().keys[0].value",
        "@secure()\noutput name string = a",
        "output storagePassword string = a",
        "output url string = account.outputs.primaryAccessKey",
    ],
)
def test_a_secret_output_is_found(line: str) -> None:
    assert len(secret_outputs(bicep.parse(f"{line}\n"))) == 1


def test_a_secret_setting_is_found() -> None:
    file = bicep.parse("var a = { A: account.listKeys().keys[0].value, CLIENT_SECRET: x, B: b }\n")
    settings = file.variables["a"]
    assert isinstance(settings, dict)
    assert secret_settings(settings) == ["A", "CLIENT_SECRET"]
    assert listed_secrets(file)
