"""The main job, start to end: Microsoft's two examples over HTTP, by the queue and in a batch, and one activity's life.

It judges, too: every answer, and what Graph stored, is compared with what is documented, and the exit code is 0 only if
all were alike.
"""

import asyncio
import base64
import json
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
from azure.storage.queue.aio import QueueClient

from local.environment import app_environment, storage_options
from local.lifecycle import ROOT, free_ports
from local.stack.demo_batch import BATCH, show_batch
from local.stack.demo_life import show_life
from local.stack.processes import started

EXAMPLES = ROOT / "tests" / "samples"
PATIENCE_SECONDS = 30
# Given by Graph itself, so different each time.
GIVEN_BY_GRAPH = ("id", "@odata.context")

type Json = dict[str, Any]


@dataclass
class Demo:
    """One run: talks to a host and to the Graph emulator behind it, prints, and counts what was not as documented."""

    session: aiohttp.ClientSession
    queue: QueueClient
    host_url: str
    graph_url: str
    deviations: list[str] = field(default_factory=list)

    async def create_example(self, name: str) -> None:
        """Send one of Microsoft's example requests, under an external id of its own.

        The page gives both examples the same one; within a provider that would be one activity.
        """
        external_id = {"externalCourseActivityId": str(uuid4())}
        request = _example(f"{name}.request.json") | external_id
        documented = _without_given(_example(f"{name}.response.json") | external_id)
        status, answer = await self._post(request)
        stored = await self._stored(external_id["externalCourseActivityId"])
        received = stored.pop("received", None)
        _print_json("What Microsoft Graph stored", stored)
        self._expect(f"{name}: status", status, HTTPStatus.CREATED)
        self._expect(f"{name}: response", _without_given(answer), documented)
        self._expect(f"{name}: what Graph received", received, request)
        self._expect(f"{name}: what Graph stored", stored | answer, stored)

    async def queue_example(self, name: str, *, base64_encoded: bool) -> None:
        """Put one of the examples into the queue, as text or as Power Automate's connector does, and wait for Graph."""
        request = _example(f"{name}.request.json") | {"externalCourseActivityId": str(uuid4())}
        text = json.dumps(request)
        message = base64.b64encode(text.encode()).decode() if base64_encoded else text
        _print_json(f"Into the queue {self.queue.queue_name}, {'as base64' if base64_encoded else 'as text'}", request)
        await self.queue.send_message(message)
        stored: Json = {}
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not stored:
                await asyncio.sleep(0.1)
                stored = await self._stored(request["externalCourseActivityId"])
        received = stored.pop("received")
        _print_json("What Microsoft Graph stored", stored)
        self._expect(f"{name} through the queue: what Graph received", received, request)

    async def send_invalid(self) -> None:
        """Send what a maker might send by mistake; the answer has to name every mistake."""
        mistakes = {"statuss": "notStarted", "completionPercentage": 120, "learnerUserId": "Megan Bowen"}
        request = {name: value for name, value in _example("assignment.request.json").items() if name != "status"}
        status, answer = await self._post(request | mistakes)
        error = answer.get("error", {})
        self._expect("invalid request: status", status, HTTPStatus.BAD_REQUEST)
        self._expect("invalid request: code", error.get("code"), "invalidRequest")
        named = {detail.get("target") for detail in error.get("details", [])}
        self._expect("invalid request: named properties", named, {*mistakes, "status"})

    async def _post(self, request: Json) -> tuple[int, Json]:
        _print_json("POST /api/activities", request)
        async with self.session.post(f"{self.host_url}/api/activities", json=request) as response:
            answer: Json = await response.json()
            _print_json(f"{response.status} {HTTPStatus(response.status).phrase}", answer)
            return response.status, answer

    async def _stored(self, external_id: str) -> Json:
        async with self.session.get(f"{self.graph_url}/_emulator/activities") as response:
            activities: list[Json] = (await response.json())["activities"]
        return next((one for one in activities if one.get("externalCourseActivityId") == external_id), {})

    def _expect(self, what: str, got: object, documented: object) -> None:
        if got != documented:
            self.deviations.append(f"{what}: expected {documented}, got {got}")


def main() -> int:
    """Start storage, Graph and the host, run the demo, stop all; return 0 only if everything was as documented."""
    with ExitStack() as stack:
        logs = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        print("Starting storage (Azurite), Microsoft Graph with managed identity, and the Functions host …", flush=True)
        blob, queue, table = free_ports([0, 0, 0])
        ports = (blob, queue, table)
        stack.enter_context(started("storage", *storage_options(ports), log=logs / "storage.log"))
        graph = stack.enter_context(started("graph", "--port", "0", log=logs / "graph.log"))
        environment = app_environment(graph.url, storage_ports=ports)
        host = stack.enter_context(started("host", "--port", "0", env=environment, log=logs / "host.log"))
        deviations = asyncio.run(_run(host.url, graph.url, environment))
    for deviation in deviations:
        print(f"Not as documented: {deviation}")
    if not deviations:
        print("\nEverything was as documented.")
    return 1 if deviations else 0


async def _run(host_url: str, graph_url: str, environment: Mapping[str, str]) -> list[str]:
    connection_string, queue_name = environment["AzureWebJobsStorage"], environment["ACTIVITY_QUEUE"]
    async with (
        aiohttp.ClientSession() as session,
        QueueClient.from_connection_string(connection_string, queue_name) as queue,
    ):
        demo = Demo(session, queue, host_url, graph_url)
        _headline("1. An assignment: the API page's first example")
        await demo.create_example("assignment")
        _headline("2. A self-initiated course: the API page's second example")
        await demo.create_example("self-initiated")
        _headline("3. Both through the storage queue")
        await demo.queue_example("assignment", base64_encoded=False)
        await demo.queue_example("self-initiated", base64_encoded=True)
        _headline("4. A request with mistakes")
        await demo.send_invalid()
        _headline("5. The life of one activity")
        lived = await show_life(session, host_url, graph_url)
        _headline(f"6. A batch of {BATCH}, some of them wrong, and its report")
        return [*demo.deviations, *lived, *await show_batch(session, host_url, graph_url)]


def _example(name: str) -> Json:
    example: Json = json.loads((EXAMPLES / name).read_text(encoding="utf-8"))
    return example


def _without_given(entity: Json) -> Json:
    return {name: value for name, value in entity.items() if name not in GIVEN_BY_GRAPH}


def _headline(text: str) -> None:
    print(f"\n{text}\n{'=' * len(text)}")


def _print_json(title: str, value: object) -> None:
    print(f"\n{title}\n{json.dumps(value, indent=2, ensure_ascii=False)}")
