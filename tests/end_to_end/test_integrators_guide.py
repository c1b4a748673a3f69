"""The guide for integrators, followed word by word: its commands and programs, against the app as it runs.

Azurite takes any token that has the form of Entra's; that a role is needed, only Azure shows.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from azure.core.exceptions import ResourceExistsError
from azure.storage.queue import QueueClient

from activities.contract.limits import LARGEST_MESSAGE_BYTES
from activities.errors import ErrorCode
from local.emulators.identity_endpoint import TENANT_ID
from local.emulators.schema import EXTERNAL_ID_SPELLINGS
from local.emulators.tenant import OTHER_LEARNING_PROVIDER_ID
from local.environment import STORAGE_ACCOUNT
from tests.end_to_end.identity_stack import IdentityStack, identity_stack
from tests.end_to_end.public_names import Application, public_names
from tests.end_to_end.queue_stack import wait_until
from tests.end_to_end.stack import Json
from tests.support.integrators_guide import GUIDE, blocks, command, filled, save

SECRET = "~a+secret&with=signs "
EXPORTS = command("export QUEUE_URL")
CERTIFICATE = command("openssl req")
SEND = command("python send.py")
SEND_BY_CURL = command("<QueueMessage>")
FOR_EVER = 9999
SHELL = shutil.which("sh") or "sh"
pytestmark = pytest.mark.skipif(
    not (shutil.which("curl") and shutil.which("openssl")), reason="the reader is told to use curl and openssl"
)


@dataclass
class Reader:
    """Somebody who has saved the files of the guide in a folder, and types what it says."""

    stack: IdentityStack
    folder: Path
    application: Application
    environment: dict[str, str]

    def run(self, *commands: str, **variables: str) -> str:
        """Run commands in one shell, after those that say who and where; return what they printed."""
        values = {
            "<tenant ID of the storage account>": TENANT_ID,
            "<client ID of your application>": self.application.client_id,
            "<storage account>": STORAGE_ACCOUNT,
            "https://<your-app>.azurewebsites.net": self.stack.hosts[-1].url,
        }
        script = filled("\n".join((EXPORTS, *commands)), values)
        environment = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
        done = subprocess.run(
            [SHELL, "-eu", "-c", script],
            cwd=self.folder,
            env={**environment, **self.environment, **variables},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return done.stdout

    def external_ids(self, *names: str) -> set[str]:
        """Return the external IDs in saved messages."""
        texts = [(self.folder / name).read_text(encoding="utf-8") for name in names]
        return {one for text in texts for one in re.findall(r'"externalCourseActivityId": "(.*?)"', text)}

    def created(self) -> list[str]:
        """Return the external IDs of what Graph has created."""
        return [str(one[name]) for one in self.stack.created() for name in EXTERNAL_ID_SPELLINGS if name in one]

    def wait_until_created(self, *names: str) -> None:
        """Wait until everything in saved messages has been created, each once."""
        wanted = self.external_ids(*names)
        assert wanted
        wait_until(lambda: wanted <= set(self.created()), self.stack.tail)
        assert {self.created().count(one) for one in wanted} == {1}

    def change(self, name: str, **properties: object) -> Json:
        """Change a saved message."""
        body: Json = {**json.loads((self.folder / name).read_text(encoding="utf-8")), **properties}
        (self.folder / name).write_text(json.dumps(body), encoding="utf-8")
        return body


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IdentityStack]:
    with identity_stack(tmp_path_factory.mktemp("integrator"), {"QUEUE_RESULTS": "true"}) as stack:
        yield stack


@pytest.fixture
def reader(stack: IdentityStack, tmp_path: Path) -> Iterator[Reader]:
    save(tmp_path, ids=f"lms-{uuid4()}")
    application = Application(str(uuid4()), SECRET)
    port = urlsplit(stack.environment["AzureWebJobsStorage__queueServiceUri"]).port
    assert port
    with public_names(stack.log_file.parent, application, **{STORAGE_ACCOUNT: port}) as environment:
        reader = Reader(stack, tmp_path, application, environment)
        reader.run(CERTIFICATE)
        application.certificates.append((tmp_path / "lms-certificate.pem").read_bytes())
        yield reader


def test_the_libraries_that_the_guide_installs_are_those_that_its_programs_need(reader: Reader) -> None:
    said = reader.run(command("pip install"), PIP_NO_INDEX="1", PIP_DISABLE_PIP_VERSION_CHECK="1")
    assert {"azure-identity", "azure-storage-queue"} <= set(re.findall(r"already satisfied: ([\w-]+)", said))


def test_every_message_of_the_guide_is_sent_with_a_certificate_and_created_once(reader: Reader) -> None:
    names = ("assignment.json", "self-initiated.json", "list.json", "envelope.json")
    said = reader.run(*(SEND.replace("assignment.json", name) for name in names))
    assert re.findall(r"^(\S+) [\w-]{36}$", said, re.MULTILINE) == list(names)
    reader.wait_until_created(*names)
    assert set(reader.application.signed_in_with) == {"certificate"}


def test_curl_sends_with_a_secret_as_other_languages_would(reader: Reader) -> None:
    said = reader.run(SEND_BY_CURL, AZURE_CLIENT_SECRET=SECRET)
    assert "<MessageId>" in said
    reader.wait_until_created("assignment.json")
    assert reader.application.signed_in_with == ["secret"]


def test_who_cannot_sign_in_sends_nothing(reader: Reader) -> None:
    with pytest.raises(AssertionError, match="401"):
        reader.run(SEND_BY_CURL, AZURE_CLIENT_SECRET="wrong")
    reader.run(CERTIFICATE)  # Another one, which was not uploaded.
    token = "from azure.identity import EnvironmentCredential as C; C().get_token('https://storage.azure.com/.default')"
    with pytest.raises(AssertionError, match="AADSTS"):
        reader.run(f'python -c "{token}"')
    assert reader.application.signed_in_with == []


def test_what_is_sent_as_the_guide_says_waits_for_ever(reader: Reader) -> None:
    """In a queue that nobody reads: the app would take the message at once."""
    elsewhere = f"-{uuid4()}"
    with reader.stack.queue(elsewhere) as queue:
        queue.create_queue()
        export = f'export QUEUE_URL="$QUEUE_URL{elsewhere}"'
        reader.run(export, SEND, SEND_BY_CURL, AZURE_CLIENT_SECRET=SECRET)
        waiting = queue.peek_messages(max_messages=9)
    assert [one.expires_on.year for one in waiting if one.expires_on] == [FOR_EVER, FOR_EVER]


def test_a_message_may_be_as_large_as_the_guide_says(reader: Reader) -> None:
    body = reader.change("assignment.json", notes="")
    longest = LARGEST_MESSAGE_BYTES - len(json.dumps(body).encode())
    reader.change("assignment.json", notes="n" * longest)
    assert (reader.folder / "assignment.json").stat().st_size == LARGEST_MESSAGE_BYTES
    assert "64 KiB (65,536 bytes)" in GUIDE
    with reader.stack.queue(f"-{uuid4()}") as queue:
        queue.create_queue()
        reader.run(f'export QUEUE_URL="{_public(queue)}"', SEND)
        reader.change("assignment.json", notes="n" * (longest + 1))
        with pytest.raises(AssertionError, match="RequestBodyTooLarge"):
            reader.run(f'export QUEUE_URL="{_public(queue)}"', SEND)
        assert queue.get_queue_properties().approximate_message_count == 1


def test_what_failed_is_read_listed_and_put_back(reader: Reader) -> None:
    body = reader.change("assignment.json", learningContentId=f"content-{uuid4()}")
    reader.stack.change_tenant(contents={body["learningContentId"]: OTHER_LEARNING_PROVIDER_ID})
    reader.run(SEND)
    wait_until(lambda: reader.stack.count("-failed") == 1, reader.stack.tail)
    (failure,) = map(json.loads, reader.run(command("read.py failed")).splitlines())
    assert failure["code"] == ErrorCode.CONTENT_NOT_OWNED_BY_PROVIDER
    assert failure["activity"] == body
    listing = command("errorCode=").replace("invalidRequest", failure["code"])
    (listed,) = json.loads(reader.run(listing, FUNCTION_KEY="any"))["failures"]
    assert listed["id"] == failure["id"]
    reader.stack.change_tenant(contents={})
    replayed = json.loads(reader.run(command("replay"), FUNCTION_KEY="any"))
    assert replayed["replayedCount"] == 1
    reader.wait_until_created("assignment.json")


def test_the_end_of_a_message_arrives_in_the_words_of_the_guide(reader: Reader) -> None:
    (example,) = (one for one in map(json.loads, blocks("json")) if "messageId" in one)
    with reader.stack.queue("-results") as queue, suppress(ResourceExistsError):
        queue.create_queue()
    message_id = reader.run(SEND).split()[1]
    told: list[Json] = []

    def ended() -> bool:
        """Take what was told meanwhile; other messages may have ended, too."""
        told.extend(map(json.loads, reader.run(command("read.py results")).splitlines()))
        return any(one["messageId"] == message_id for one in told)

    wait_until(ended, reader.stack.tail)
    (result,) = (one for one in told if one["messageId"] == message_id)
    assert list(result) == list(example)
    assert {result["externalCourseActivityId"]} == reader.external_ids("assignment.json")
    assert (result["index"], result["outcome"], result["operation"]) == (0, "created", "create")


def _public(queue: QueueClient) -> str:
    return f"https://{STORAGE_ACCOUNT}.queue.core.windows.net/{queue.queue_name}"
