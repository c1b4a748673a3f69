"""Batches as callers see them: what they send, how they follow the answer, and what the report has to say."""

import time
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

import httpx

from tests.end_to_end.queue_stack import LIMIT_SECONDS, QueueStack, assignment, learner, wait_until
from tests.end_to_end.stack import Json
from tests.support import plain_http

RESULT = {"index", "outcome", "id", "externalCourseActivityId", "errorCode", "errorMessage", "errorTarget"}


def self_initiated(**properties: Any) -> Json:
    """Return a self-initiated course with content of its own and no external id."""
    return {
        "@odata.type": "#microsoft.graph.learningSelfInitiatedCourse",
        "learnerUserId": learner(),
        "learningContentId": f"content-{uuid4()}",
        "startedDateTime": "2021-05-21T22:57:17+00:00",
        "status": "inProgress",
        **properties,
    }


def activities(count: int, **properties: Any) -> list[Json]:
    """Return valid activities of both kinds, every second one with an external id of its caller's."""
    kinds = (assignment, self_initiated)
    return [
        kinds[number // 2 % 2](**({"externalCourseActivityId": f"xid-{uuid4()}"} if number % 2 else {}), **properties)
        for number in range(count)
    ]


def post(
    stack: QueueStack, body: object, headers: Mapping[str, str] | None = None, *, query: str = ""
) -> httpx.Response:
    """Send a batch to the latest host: JSON, or bytes as they are."""
    url = f"{stack.hosts[-1].url}/api/batches{query}"
    if isinstance(body, bytes):
        return plain_http.post(url, content=body, headers=headers, timeout=100)
    return plain_http.post(url, json=body, headers=headers, timeout=100)


def get(stack: QueueStack, batch_id: str, query: str = "", headers: Mapping[str, str] | None = None) -> httpx.Response:
    """Read something of a batch from the latest host."""
    return plain_http.get(f"{stack.hosts[-1].url}/api/batches/{batch_id}{query}", headers=headers, timeout=60)


def status(stack: QueueStack, batch_id: str) -> Json:
    """Return the job of a batch, as Azure-style clients see it; cheaper than the report."""
    said: Json = get(stack, batch_id, "/status").raise_for_status().json()
    return said


def wait_until_done(
    stack: QueueStack,
    batch_id: str,
    *,
    percent: int = 100,
    limit_seconds: float = LIMIT_SECONDS,
    pause_seconds: float = 0.1,
) -> None:
    """Wait until so much of a batch has come to its end."""
    wait_until(
        lambda: status(stack, batch_id)["percentComplete"] >= percent,
        lambda: f"{status(stack, batch_id)}\n{stack.tail()}",
        limit_seconds=limit_seconds,
        pause_seconds=pause_seconds,
    )


def ended(stack: QueueStack, answer: httpx.Response) -> Json:
    """Return the report of a batch that was accepted, when it has come to its end."""
    batch_id = answer.json()["batchId"]
    wait_until_done(stack, batch_id)
    report = get(stack, batch_id)
    assert report.status_code == 200
    said: Json = report.json()
    return said


def follow(answer: httpx.Response) -> tuple[httpx.Response, int]:
    """Follow an answer as a flow does; return the one that the flow goes on with, and how often it asked.

    Source: https://learn.microsoft.com/azure/logic-apps/logic-apps-create-api-app#async-pattern
    """
    asked = 0
    while answer.status_code == 202:
        assert asked < LIMIT_SECONDS, answer.text
        location = answer.headers["Location"]
        time.sleep(int(answer.headers["Retry-After"]))  # It is told when to ask again.
        answer = plain_http.get(location, timeout=30)
        asked += 1
    return answer, asked


def all_results(stack: QueueStack, batch_id: str, query: str = "") -> tuple[list[Json], int]:
    """Return every result of a report, page by page, and how many pages there were."""
    results: list[Json] = []
    pages, url = 0, f"{stack.hosts[-1].url}/api/batches/{batch_id}{query}"
    while url:
        page = plain_http.get(url, timeout=60).raise_for_status().json()
        results += page["results"]
        pages += 1
        url = page.get("nextLink", "")
    return results, pages


def assert_report(report: Json, total: int, failed: Mapping[int, str] | None = None) -> None:
    """Check what a report of at most one page says at the end: every record once, these failed for these reasons."""
    failed = failed or {}
    counts = {name: report[name] for name in ("status", "total", "succeededCount", "failedCount", "allSucceeded")}
    assert counts == {
        "status": "completed",
        "total": total,
        "succeededCount": total - len(failed),
        "failedCount": len(failed),
        "allSucceeded": not failed,
    }
    assert [one["index"] for one in report["results"]] == list(range(total))
    assert_results(report["results"], failed)


def assert_results(results: Sequence[Json], failed: Mapping[int, str]) -> None:
    """Check each result: always the same keys, an id if and only if it exists, a reason if and only if it failed."""
    for one in results:
        assert one.keys() == RESULT
        assert None not in one.values()
        assert (one["outcome"] == "failed") == bool(one["errorCode"]) == bool(one["errorMessage"]) == (not one["id"]), (
            one
        )
    assert {one["index"]: one["errorCode"] for one in results if one["outcome"] == "failed"} == failed
