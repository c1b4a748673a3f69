"""What a process imports before its first answer: every module is time that somebody waits for."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# The whole of a first create without a key, but for the network and the identity endpoint.
FIRST_CREATE = """
import asyncio, json, sys
import function_app
from azure.core.credentials import AccessToken
from activities import identity
from activities.graph import sdk
from activities.graph.sdk import Answer
from activities.web import activities, http
from activities.web.runtime import runtime

class Credential:
    def __init__(self, **_): ...
    async def get_token(self, *_, **__): return AccessToken("token", 2**32)
    async def close(self): ...

async def send(self, method, url, headers, body):
    return Answer(201, {}, b'{"id": "a"}')

async def main():
    identity.ManagedIdentityCredential = Credential
    sdk.AiohttpTransport.send = send
    with open("tests/samples/assignment.request.json", "rb") as sample:
        body = json.load(sample) | {"externalCourseActivityId": None, "registrationId": sys.argv[1]}
    answer = await runtime.answer(http.Request(json.dumps(body).encode()), activities.create(None))
    assert answer.status == 201, answer.body

asyncio.run(main())
print(json.dumps(sorted(sys.modules)))
"""
PROVIDER = "01e8f81b-3060-4dec-acf0-0389665a0a38"


@pytest.fixture(scope="module")
def modules() -> set[str]:
    command = [sys.executable, "-c", FIRST_CREATE, PROVIDER]
    # The storage is set, as in Azure: it must not be opened.
    environment = {"AzureWebJobsStorage": "UseDevelopmentStorage=true", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, env=environment)
    return set(json.loads(done.stdout))


@pytest.mark.parametrize(
    "package",
    [
        "azure.data.tables",
        "azure.storage.queue",
        "httpx",
        "kiota_http",
        "msgraph_core",
        "activities.batches",
        "activities.execution.names",
        "activities.graph.contents",
        "activities.graph.lookups",
        "activities.graph.people",
        "msgraph.generated.users",
        "activities.storage.tables",
        "activities.web.batches",
        "activities.web.page",
    ],
)
def test_a_create_without_a_key_does_without(modules: set[str], package: str) -> None:
    assert [name for name in modules if name == package or name.startswith(f"{package}.")] == []


def test_of_the_sdk_only_what_builds_the_request_is_imported(modules: set[str]) -> None:
    """The SDK's typed reading of an answer alone imports 1,300 modules."""
    assert 1 < sum(name.split(".")[0] == "msgraph" for name in modules) < 30


def test_all_in_all_fewer_than_a_thousand_modules_are_imported(modules: set[str]) -> None:
    """The function that the documentation's snippet leads to imports 2,475, one without any SDK 779."""
    assert len(modules) < 1000
