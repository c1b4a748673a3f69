"""How many modules of the product a request runs through: each is a place to look at for whoever follows it."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
# Who may call, what a key stands for, what machines write, who is meant, the four operations and the ledger's rows
# among them.
MOST_MODULES = 38
# The second create with an external id: the first one has imported and opened what is needed. The network and the
# identity are not the product's, and everything else is.
KEYED_CREATE = """
import asyncio, json, os, sys
from pathlib import Path
from aiohttp import web
from aiohttp.test_utils import RawTestServer
from azure.core.credentials import AccessToken
from activities.identity import managed_identity as identity
from activities.web import activities, http
from activities.web.runtime import runtime

EXAMPLE = json.loads(Path("tests/samples/assignment.request.json").read_text())

class Credential:
    def __init__(self, **_): ...
    async def get_token(self, *_, **__): return AccessToken("token", 2**32)
    async def close(self): ...

async def answer(request):
    if "learningProviders" in request.path:
        return web.json_response({"id": "a"}, status=201)
    return web.Response(status=204, headers={"ETag": "1"})

async def create(external_id):
    body = json.dumps(EXAMPLE | {"externalCourseActivityId": external_id, "registrationId": sys.argv[1]})
    response = await runtime.answer(http.Request(body.encode()), activities.create(None))
    assert response.status == 201, response.body

async def files_of(create):
    files = set()
    watching, started = sys.monitoring.PROFILER_ID, sys.monitoring.events.PY_START
    sys.monitoring.use_tool_id(watching, "crossing")
    sys.monitoring.register_callback(watching, started, lambda code, _: files.add(code.co_filename))
    sys.monitoring.set_events(watching, started)
    await create
    sys.monitoring.set_events(watching, 0)
    return files

async def main():
    identity.ManagedIdentityCredential = Credential
    async with RawTestServer(answer) as server:
        url = str(server.make_url("/a"))
        os.environ["GRAPH_BASE_URL"] = url
        os.environ["AzureWebJobsStorage"] = (
            f"DefaultEndpointsProtocol=http;AccountName=a;AccountKey=a2V5;TableEndpoint={url};QueueEndpoint={url}"
        )
        await create("first")
        print(json.dumps(sorted(await files_of(create("second")))))

asyncio.run(main())
"""
PROVIDER = "01e8f81b-3060-4dec-acf0-0389665a0a38"


def test_a_create_with_an_external_id_runs_through_few_modules() -> None:
    command = [sys.executable, "-c", KEYED_CREATE, PROVIDER]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    product = ROOT / "activities"
    crossed = {
        str(path.relative_to(product)) for path in map(Path, json.loads(done.stdout)) if path.is_relative_to(product)
    }
    # Otherwise it has not done what it was watched for.
    assert {"web/runtime.py", "execution/once.py", "graph/client.py", "storage/ledger.py"} <= crossed
    assert len(crossed) <= MOST_MODULES, sorted(crossed)
