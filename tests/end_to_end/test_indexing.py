"""What Azure sees of the app before the first request: found by the real worker, without environment or network."""

import json
import os
import subprocess
import sys

from local.lifecycle import ROOT
from tests.end_to_end.hosts import AppUnderTest

# Runs in a process of its own: indexing needs a fresh interpreter, an empty environment, and no way to open a socket.
INDEX = """
import asyncio, json, pathlib, socket, sys

def refuse(*arguments, **options):
    raise OSError("indexing must not use the network")

async def index():
    socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
    from local.host.worker_library import load_app
    return await load_app(pathlib.Path(sys.argv[1]))

functions = asyncio.run(index())
print(json.dumps({function.name: function.trigger for function in functions}))
"""


def test_the_worker_finds_exactly_the_functions_of_the_contract() -> None:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    # Windows cannot start Python's sockets without it.
    environment |= {name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ}
    finished = subprocess.run(
        [sys.executable, "-c", INDEX, str(AppUnderTest.folder)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    triggers = json.loads(finished.stdout.splitlines()[-1])
    for name, queue_name in (
        ("create_from_queue", "%ACTIVITY_QUEUE%"),
        ("create_from_batches", "%ACTIVITY_QUEUE%-batches"),
    ):
        queue = triggers.pop(name)
        found = (queue["type"], queue["queueName"], queue["connection"])
        assert found == ("queueTrigger", queue_name, "AzureWebJobsStorage")
    timer = triggers.pop("delete_expired")
    assert (timer["type"], timer["schedule"]) == ("timerTrigger", "0 30 3 * * *")
    routes = {
        name: (trigger["type"], trigger["route"], trigger["methods"], trigger["authLevel"])
        for name, trigger in triggers.items()
    }
    assert routes == {
        "send_file": ("httpTrigger", "batches/file", ["POST"], "FUNCTION"),
        "create_batch": ("httpTrigger", "batches", ["POST"], "FUNCTION"),
        "get_batch": ("httpTrigger", "batches/{batchId}", ["GET", "HEAD"], "ANONYMOUS"),
        "get_batch_status": ("httpTrigger", "batches/{batchId}/status", ["GET"], "ANONYMOUS"),
        "create_activity": ("httpTrigger", "activities", ["POST"], "FUNCTION"),
        "create_assignment": ("httpTrigger", "assignments", ["POST"], "FUNCTION"),
        "create_self_initiated_course": ("httpTrigger", "self-initiated-courses", ["POST"], "FUNCTION"),
        "get_openapi": ("httpTrigger", "openapi.json", ["GET", "HEAD"], "FUNCTION"),
        "upsert_activity": ("httpTrigger", "activities", ["PUT"], "FUNCTION"),
        "upsert_assignment": ("httpTrigger", "assignments", ["PUT"], "FUNCTION"),
        "upsert_self_initiated_course": ("httpTrigger", "self-initiated-courses", ["PUT"], "FUNCTION"),
        "update_activity": ("httpTrigger", "activities", ["PATCH"], "FUNCTION"),
        "update_assignment": ("httpTrigger", "assignments", ["PATCH"], "FUNCTION"),
        "update_self_initiated_course": ("httpTrigger", "self-initiated-courses", ["PATCH"], "FUNCTION"),
        "find_activity": ("httpTrigger", "activities", ["GET"], "FUNCTION"),
        "find_assignment": ("httpTrigger", "assignments", ["GET"], "FUNCTION"),
        "find_self_initiated_course": ("httpTrigger", "self-initiated-courses", ["GET"], "FUNCTION"),
        "delete_activity": ("httpTrigger", "activities", ["DELETE"], "FUNCTION"),
        "list_failures": ("httpTrigger", "failures", ["GET"], "FUNCTION"),
        "replay_failures": ("httpTrigger", "failures/replay", ["POST"], "FUNCTION"),
        "list_learning_contents": ("httpTrigger", "learning-contents", ["GET"], "FUNCTION"),
        "erase_learner": ("httpTrigger", "learners/erase", ["POST"], "FUNCTION"),
        "discard_failures": ("httpTrigger", "failures/discard", ["POST"], "FUNCTION"),
        "delete_batch": ("httpTrigger", "batches/{batchId}", ["DELETE"], "FUNCTION"),
        "check_tenant": ("httpTrigger", "tenant-check", ["POST"], "FUNCTION"),
        "open_tenant_check": ("httpTrigger", "tenant-check", ["GET"], "ANONYMOUS"),
        "get_tenant_check": ("httpTrigger", "tenant-check/last", ["GET"], "FUNCTION"),
        "get_health": ("httpTrigger", "health", ["GET", "HEAD"], "ANONYMOUS"),
    }
