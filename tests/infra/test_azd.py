"""azure.yaml and the infrastructure mean the same app.

Source: https://learn.microsoft.com/azure/developer/azure-developer-cli/azd-schema
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pathspec import GitIgnoreSpec
from ruamel.yaml import YAML

from tests.infra import bicep

TAG = "azd-service-name"
SH = shutil.which("sh") or ""
API = {"project": ".", "language": "python", "host": "function", "remoteBuild": False}
KEYS = {"name", "metadata", "services", "infra", "hooks", "pipeline", "requiredVersions"}


def wrong_services(azure: dict[str, Any], tagged: list[bicep.Value], root: Path) -> list[str]:
    services: dict[str, Any] = azure.get("services", {})
    wrong = [f"unknown key {key}" for key in sorted(azure.keys() - KEYS)]
    wrong += [] if sorted(map(str, tagged)) == sorted(services) else [f"tags {tagged}, services {sorted(services)}"]
    for name, service in services.items():
        expected = {"language": "python", "host": "function"}
        wrong += [f"{name}: {key} is {service.get(key)}" for key, one in expected.items() if service.get(key) != one]
        # True would have Azure build the package again, and so would nothing at all with Python:
        # https://github.com/Azure/azure-dev/blob/main/cli/azd/pkg/project/service_target_functionapp.go
        wrong += [] if service.get("remoteBuild") is False else [f"{name}: builds in Azure"]
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
    named = [one for one in bicep.walk(main.resolved(group.body["tags"])) if isinstance(one, dict)]
    assert named == [{"azd-env-name": bicep.Expression("environmentName")}]  # Tags of one's own cannot take its place.


def test_what_azd_learns_of_a_group_that_it_made_does_not_make_it_one_that_was_there() -> None:
    """Azd keeps outputs under their names in its environment, where the parameters come from the next time."""
    parameters = (bicep.INFRA / "main.parameters.json").read_text(encoding="utf-8")
    outputs = set(bicep.files()["infra/main.bicep"].outputs)
    assert set(re.findall(r"\$\{(\w+)", parameters)) & outputs == {"AZURE_LOCATION", "ACTIVITY_QUEUE"}


@pytest.mark.parametrize(
    "azure",
    [
        {"services": {"web": API}},
        {"services": {"api": {**API, "language": "py"}}},
        {"services": {"api": {**API, "host": "appservice"}}},
        {"services": {"api": {**API, "project": "docs"}}},
        {"services": {"api": {**API, "remoteBuild": True}}},
        {"services": {"api": {name: value for name, value in API.items() if name != "remoteBuild"}}},
        {"services": {"api": API}, "service": {}},
    ],
)
def test_another_app_is_found(azure: dict[str, Any]) -> None:
    tagged = tags({"main": bicep.parse("var tags = union(common, { 'azd-service-name': 'api' })\n")})
    assert len(wrong_services(azure, tagged, bicep.ROOT)) == 1


def scripts(hook: dict[str, Any]) -> dict[str, str]:
    """Return what runs on each kind of system."""
    assert {kind: hook[kind]["shell"] for kind in hook} == {"posix": "sh", "windows": "pwsh"}
    return {kind: hook[kind]["run"] for kind in hook}


@pytest.mark.skipif(sys.platform == "win32" or not SH, reason="Windows has the other script")
@pytest.mark.parametrize(("builds", "exit_code"), [("false", 1), ("true", 0)])
def test_this_folder_is_not_deployed_without_what_it_requires(
    azure: dict[str, Any], tmp_path: Path, builds: str, exit_code: int
) -> None:
    """The hook runs before azd packs, thus for `azd up` and a bare `azd deploy`, and not with `--from-package`."""
    text = (bicep.ROOT / "azure.yaml").read_text(encoding="utf-8")
    (tmp_path / "azure.yaml").write_text(
        re.sub(r"remoteBuild: false$", f"remoteBuild: {builds}", text, flags=re.MULTILINE)
    )
    script = scripts(azure["services"]["api"]["hooks"]["prepackage"])["posix"]
    ran = subprocess.run([SH, "-c", script], cwd=tmp_path, check=False, capture_output=True, text=True)
    assert ran.returncode == exit_code
    assert ("azd deploy api --from-package dist/app.zip" in ran.stderr) is bool(exit_code)


def test_both_kinds_of_systems_are_told_the_same(azure: dict[str, Any]) -> None:
    refusing = azure["services"]["api"]["hooks"]["prepackage"]
    for hook in (refusing, *azure["hooks"].values()):
        told = {
            tuple(re.findall(r'"([^"]*)"', text.replace("$env:", "$").replace(".ps1", ".sh")))
            for text in scripts(hook).values()
        }
        assert len(told) == 1
    assert len({tuple(re.findall(r"'(\^[^']+)'", text)) for text in scripts(refusing).values()}) == 1


def test_azd_says_to_grant_before_anything_is_deployed(azure: dict[str, Any]) -> None:
    assert azure["hooks"].keys() == {"postprovision", "postdeploy"}
    for text in scripts(azure["hooks"]["postprovision"]).values():
        assert text.index("grant-graph-permissions") < text.index("azd deploy api --from-package dist/app.zip")
    for text in scripts(azure["hooks"]["postdeploy"]).values():
        assert "grant-graph-permissions" not in text
        assert text.index("enable-course-activity-sync") < text.index("/health")


@pytest.mark.parametrize(
    "name",
    [
        *("venv/pyvenv.cfg", ".venv/pyvenv.cfg", "activities/venv/pyvenv.cfg"),
        *("learners.csv", "learners.xlsx", "learners.xls", "learners.ods", "activities/learners.csv"),
        *("azure.pem", "azure.key", "azure.pfx", "azure.p12", ".env", ".env.production", "local.settings.json"),
        *("app.zip", "dist/app.zip"),
    ],
)
def test_what_lies_in_a_clone_is_not_deployed(name: str) -> None:
    """With a .funcignore, azd leaves out what it names, and nothing by itself.

    Source: https://github.com/Azure/azure-dev/blob/main/cli/azd/pkg/project/project_utils.go
    """
    ignored = GitIgnoreSpec.from_lines((bicep.ROOT / ".funcignore").read_text(encoding="utf-8").splitlines())
    assert ignored.match_file(name)
