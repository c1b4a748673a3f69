"""The storage account: the queues, tables and the container that the app expects, and nobody gets in with a key."""

import ast
import re

import pytest

from activities.batches import store
from activities.settings import Settings
from activities.storage import ledger
from tests.infra import bicep

STORAGE = "infra/modules/storage.bicep"
# Source: https://learn.microsoft.com/azure/storage/common/shared-key-authorization-prevent
CLOSED: dict[str, bicep.Value] = {
    "allowSharedKeyAccess": False,
    "allowBlobPublicAccess": False,
    "allowCrossTenantReplication": False,
    "defaultToOAuthAuthentication": True,
    "minimumTlsVersion": "TLS1_2",
    "supportsHttpsTrafficOnly": True,
}


def account(file: bicep.File) -> dict[str, bicep.Value]:
    [module] = [one for one in file.modules.values() if "storage/storage-account:" in one.type]
    return module.params


def names(file: bicep.File, kind: str, **known: str) -> list[str]:
    """Return the names in a list ``kind: [{ name: … }]``, with the parameters filled in."""
    [listed] = file.properties(kind)
    assert isinstance(listed, list)
    found = []
    for one in listed:
        assert isinstance(one, dict)
        name = one["name"]
        text = known.get(name.text, name.text) if isinstance(name, bicep.Expression) else str(name)
        text = str(file.variables.get(text, text)).strip("'")
        for parameter, value in known.items():
            text = text.replace(f"${{{parameter}}}", value)
        found.append(text)
    return found


def open_doors(params: dict[str, bicep.Value]) -> list[str]:
    return [f"{name}: {params.get(name)}" for name, value in CLOSED.items() if params.get(name, ...) != value]


def suffixes_of_the_code() -> set[str]:
    """Return what the code puts behind the name of the activity queue."""
    [loop] = [
        node.generators[0].iter
        for path in (bicep.ROOT / "activities").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.GeneratorExp) and ast.unparse(node.elt).startswith("Queue(")
    ]
    return set(re.findall(r"'(|-\w+)'", ast.unparse(loop)))


def test_the_queues_are_those_of_the_code() -> None:
    found = names(bicep.files()[STORAGE], "queues", activityQueue=Settings().activity_queue)
    assert set(found) == {f"{Settings().activity_queue}{suffix}" for suffix in suffixes_of_the_code()}
    assert len(found) == len(set(found))


def test_the_tables_are_those_of_the_code() -> None:
    assert names(bicep.files()[STORAGE], "tables") == [ledger.TABLE, store.TABLE]


def test_the_package_is_fetched_from_the_container_that_is_made() -> None:
    file = bicep.files()[STORAGE]
    assert names(file, "containers") == ["deployments"]
    assert file.variables["deploymentContainer"] == "deployments"
    [url] = [output.value for output in file.outputs.values() if "deploymentContainer" in str(output.value)]
    assert isinstance(url, bicep.Expression)
    assert url.text.endswith("${deploymentContainer}'")


def test_the_storage_account_takes_neither_keys_nor_the_public_nor_old_encryption() -> None:
    assert open_doors(account(bicep.files()[STORAGE])) == []


def test_every_access_is_logged_where_that_is_wanted_and_nowhere_else() -> None:
    file = bicep.files()[STORAGE]
    params = account(file)
    logged = {kind for kind, one in params.items() if isinstance(one, dict) and "diagnosticSettings" in one}
    assert logged == {"blobServices", "queueServices", "tableServices"}
    assert {str(one) for one in file.properties("diagnosticSettings")} == {str(bicep.Expression("logs"))}
    chosen = file.variables["logs"]
    assert isinstance(chosen, bicep.Expression)
    assert chosen.text == "empty(logWorkspaceId) ? [] : allLogs"
    main = bicep.files()["infra/main.bicep"]
    assert main.params["storageLogs"].default is False
    given = main.modules["storage"].params["logWorkspaceId"]
    assert isinstance(given, bicep.Expression)
    assert given.text == "storageLogs ? monitoring.outputs.workspaceId : ''"


def test_an_endpoint_without_a_zone_of_ours_is_left_to_a_policy() -> None:
    [zones] = bicep.files()[STORAGE].properties("privateDnsZoneGroup")
    assert isinstance(zones, bicep.Expression)
    assert zones.text.startswith("empty(zone.value) ? null : {")


@pytest.mark.parametrize("name", sorted(CLOSED))
def test_an_open_door_is_found(name: str) -> None:
    wrong: bicep.Value = "TLS1_0" if isinstance(CLOSED[name], str) else not CLOSED[name]
    assert len(open_doors({**CLOSED, name: wrong})) == 1
    assert len(open_doors({one: value for one, value in CLOSED.items() if one != name})) == 1


def test_another_queue_is_found() -> None:
    file = bicep.parse("param q string\nvar a = { queues: [{ name: q }, { name: '${q}-x' }, { name: 'y' }] }\n")
    assert names(file, "queues", q="learning") == ["learning", "learning-x", "y"]
