"""azure.yaml and the infrastructure mean the same app.

Source: https://learn.microsoft.com/azure/developer/azure-developer-cli/azd-schema
"""

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.infra import bicep

TAG = "azd-service-name"
KEYS = {"name", "metadata", "services", "infra", "hooks", "pipeline", "requiredVersions"}


def wrong_services(azure: dict[str, Any], tagged: list[bicep.Value], root: Path) -> list[str]:
    services: dict[str, Any] = azure.get("services", {})
    wrong = [f"unknown key {key}" for key in sorted(azure.keys() - KEYS)]
    wrong += [] if sorted(map(str, tagged)) == sorted(services) else [f"tags {tagged}, services {sorted(services)}"]
    for name, service in services.items():
        expected = {"language": "python", "host": "function"}
        wrong += [f"{name}: {key} is {service.get(key)}" for key, one in expected.items() if service.get(key) != one]
        folder = root / str(service.get("project", ""))
        wrong += [] if (folder / "host.json").is_file() else [f"{name}: no function app in {service.get('project')}"]
    return wrong


def tags(files: dict[str, bicep.File]) -> list[bicep.Value]:
    return [value for file in files.values() for value in file.properties(TAG)]


@pytest.fixture(scope="module")
def azure() -> dict[str, Any]:
    read: dict[str, Any] = YAML(typ="safe").load(bicep.ROOT / "azure.yaml")
    return read


def test_azd_finds_the_app_that_the_infrastructure_makes(azure: dict[str, Any]) -> None:
    assert wrong_services(azure, tags(bicep.files()), bicep.ROOT) == []


def test_azd_finds_the_infrastructure(azure: dict[str, Any]) -> None:
    """Without a word about it azd takes infra/main.bicep."""
    infra = {"path": "infra", "module": "main", "provider": "bicep"} | azure.get("infra", {})
    assert infra["provider"] == "bicep"
    assert (bicep.ROOT / infra["path"] / f"{infra['module']}.bicep").is_file()


def test_the_resource_group_is_found_by_its_environment() -> None:
    main = bicep.files()["infra/main.bicep"]
    [group] = [one for one in main.resources.values() if one.type.startswith("Microsoft.Resources/resourceGroups@")]
    resolved = main.resolved(group.body["tags"])
    assert isinstance(resolved, dict)
    assert resolved["azd-env-name"] == bicep.Expression("environmentName")


@pytest.mark.parametrize(
    "azure",
    [
        {"services": {"web": {"project": ".", "language": "python", "host": "function"}}},
        {"services": {"api": {"project": ".", "language": "py", "host": "function"}}},
        {"services": {"api": {"project": ".", "language": "python", "host": "appservice"}}},
        {"services": {"api": {"project": "docs", "language": "python", "host": "function"}}},
        {"services": {"api": {"project": ".", "language": "python", "host": "function"}}, "service": {}},
    ],
)
def test_another_app_is_found(azure: dict[str, Any]) -> None:
    tagged = tags({"main": bicep.parse("var tags = union(common, { 'azd-service-name': 'api' })\n")})
    assert len(wrong_services(azure, tagged, bicep.ROOT)) == 1
