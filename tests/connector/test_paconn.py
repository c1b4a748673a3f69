"""What stands in the readme about paconn works: the real one, against a stand-in of its service."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from connector.__main__ import FOLDER
from tests.connector.paconn_service import CONNECTOR_ID, Service, running_service
from tests.connector.paconn_tool import SECRET, Maker, printed_blocks

KEYS, ENTRA_ID = "access-key", "access-key-or-entra-id"
FOLDERS = pytest.mark.parametrize("folder", [KEYS, ENTRA_ID])
SETTINGS = ("--settings", "settings.json")
ASKS_FOR_THE_SECRET = "Please provide OAuth2 client secret using the --secret argument."
"""paconn/operations/upsert.py:95 and :106."""


@pytest.fixture
def service() -> Iterator[Service]:
    with running_service() as service:
        yield service


@pytest.fixture
def maker(service: Service, tmp_path: Path) -> Maker:
    maker = Maker(service, tmp_path)
    login = maker.paconn("login")
    assert login.stderr.endswith("Login successful.\n"), login
    return maker


def secret_of(folder: str) -> tuple[str, ...]:
    return ("--secret", SECRET) if folder == ENTRA_ID else ()


def created(maker: Maker, folder: str) -> dict[str, Any]:
    done = maker.paconn("create", *SETTINGS, *secret_of(folder), folder=folder)
    assert done.stderr.endswith(f"{CONNECTOR_ID} created successfully.\n"), done
    properties: dict[str, Any] = maker.service.connectors[CONNECTOR_ID]["properties"]
    return properties


@FOLDERS
def test_create_uploads_what_stands_in_the_folder(maker: Maker, service: Service, folder: str) -> None:
    properties = created(maker, folder)
    icon = urlsplit(properties["iconUri"]).path
    assert service.files == {icon: (FOLDER / folder / "icon.png").read_bytes()}
    assert properties["openApiDefinition"]["info"]["title"] == properties["displayName"]
    assert properties["policyTemplateInstances"]
    sets = properties.get("connectionParameterSets", {"values": [{"parameters": properties["connectionParameters"]}]})
    tokens = [one["parameters"]["token"] for one in sets["values"] if "token" in one["parameters"]]
    assert [one["oAuthSettings"]["clientSecret"] for one in tokens] == list(secret_of(folder)[1:])


@FOLDERS
def test_the_backend_address_is_a_root_so_that_the_host_policy_can_replace_all_of_it(maker: Maker, folder: str) -> None:
    """It is made of scheme, host and base path: operations/upsert.py:47-65."""
    address = urlsplit(created(maker, folder)["backendService"]["serviceUrl"])
    assert (address.scheme, address.path) == ("https", "/")


@FOLDERS
def test_update_finds_the_connector_that_create_wrote_into_the_settings(
    maker: Maker, service: Service, folder: str
) -> None:
    """Without the secret, too: paconn asks for it only to create (operations/upsert.py:94 and :105)."""
    created(maker, folder)
    service.connectors.clear()
    done = maker.paconn("update", *SETTINGS, folder=folder)
    assert done.stderr.endswith(f"{CONNECTOR_ID} updated successfully.\n"), done
    assert service.connectors[CONNECTOR_ID]["properties"]["openApiDefinition"]["paths"]


def test_the_folder_with_sign_in_is_not_created_without_the_secret(maker: Maker, service: Service) -> None:
    done = maker.paconn("create", *SETTINGS, folder=ENTRA_ID)
    assert ASKS_FOR_THE_SECRET in done.stderr
    assert done.returncode != 0
    assert service.connectors == {}


def test_nothing_is_created_before_the_login(service: Service, tmp_path: Path) -> None:
    """Otherwise the stand-in would let through what the platform does not."""
    done = Maker(service, tmp_path).paconn("create", *SETTINGS, folder=KEYS)
    assert "Please login again." in done.stderr
    assert service.calls == []


def test_the_commands_in_the_readme_run_as_they_are_printed(service: Service, tmp_path: Path) -> None:
    """Every block with paconn in its order, for both folders; the three words of the registration are filled in."""
    maker = Maker(service, tmp_path)
    blocks = printed_blocks((FOLDER / "readme.md").read_text(encoding="utf-8"))
    assert {folder for folder in (KEYS, ENTRA_ID) for block in blocks if f"connector/{folder}\n" in block} == {
        KEYS,
        ENTRA_ID,
    }
    registration = {"CLIENT_ID": "id-of-the-client", "TENANT_ID": "id-of-the-tenant", "API_AUDIENCE": "api://the-app"}
    for block in blocks:
        done = maker.shell(block, CLIENT_SECRET=SECRET, **registration)
        assert done.stderr.endswith(("successful.\n", "successfully.\n")), done
    uploaded = json.dumps(service.connectors[CONNECTOR_ID])
    assert [value for value in (*registration.values(), SECRET) if value not in uploaded] == []
    assert [word for word in registration if f'"{word}"' in uploaded] == []
