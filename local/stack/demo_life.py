"""The life of one activity, as an LMS tells it: created, 40 %, completed, a message that comes too late, deleted.

It prints what was told and what Graph shows after each, and returns what was not as documented.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from uuid import uuid4

import aiohttp

from local.lifecycle import ROOT

type Json = dict[str, Any]


@dataclass(frozen=True)
class Step:
    """One thing that happens in the LMS: when, what the app is told, what it answers, and what Graph shows then."""

    title: str
    as_of: str
    operation: str
    properties: Json
    outcome: str
    shown: Json = field(default_factory=dict)


_EXAMPLE: Json = json.loads((ROOT / "tests" / "samples" / "assignment.request.json").read_text(encoding="utf-8"))
_BEGUN: Json = {"status": "notStarted", "completionPercentage": 0}
_AT_40: Json = {"status": "inProgress", "completionPercentage": 40}
_COMPLETED: Json = {"status": "completed", "completionPercentage": 100, "completedDateTime": "2026-11-24T15:30:00Z"}
_LIFE: Sequence[Step] = (
    Step("Assigned on Sunday", "2026-11-22T09:00:00Z", "upsert", _EXAMPLE | _BEGUN, "created", _BEGUN),
    Step("40 % on Monday", "2026-11-23T09:00:00Z", "upsert", _EXAMPLE | _AT_40, "updated", _AT_40),
    Step("Completed on Tuesday", "2026-11-24T15:30:00Z", "update", _COMPLETED, "updated", _COMPLETED),
    Step("Monday's, late", "2026-11-23T09:00:00Z", "upsert", _EXAMPLE | _AT_40, "superseded", _COMPLETED),
    Step("Withdrawn on Wednesday", "2026-11-25T09:00:00Z", "delete", {}, "deleted"),
    Step("Sunday's, late", "2026-11-22T09:00:00Z", "upsert", _EXAMPLE | _BEGUN, "superseded"),
)


async def show_life(session: aiohttp.ClientSession, host_url: str, graph_url: str) -> list[str]:
    """Live through it, step by step; return each deviation from what is documented."""
    external_id = {"externalCourseActivityId": str(uuid4())}
    deviations: list[str] = []
    for step in _LIFE:
        record = {**step.properties, **external_id, "operation": step.operation, "asOfDateTime": step.as_of}
        result = await _told(session, host_url, record)
        shown = await _shown(session, graph_url, external_id["externalCourseActivityId"], step.shown)
        print(f"\n{step.title}: {step.operation}, asOfDateTime {step.as_of}")
        print(f"  {result['outcome']}; Microsoft Graph shows {json.dumps(shown) if shown else 'no such activity'}")
        if (result["outcome"], shown) != (step.outcome, step.shown):
            expected = f"{step.outcome}, {step.shown}"
            deviations.append(f"{step.title}: expected {expected}, got {result['outcome']}, {shown}, {result}")
    return deviations


async def _told(session: aiohttp.ClientSession, host_url: str, record: Json) -> Json:
    """Tell the app one thing, and return what it answers."""
    async with session.post(f"{host_url}/api/batches", json={"activities": [record]}) as response:
        answer: Json = await response.json()
        if response.status != HTTPStatus.OK:
            return {"outcome": f"status {response.status}", "answer": answer}
        result: Json = answer["results"][0]
        return result


async def _shown(session: aiohttp.ClientSession, graph_url: str, external_id: str, names: Json) -> Json:
    """Return what Graph shows of how far the activity is, nothing if there is none."""
    async with session.get(f"{graph_url}/_emulator/activities") as response:
        activities: list[Json] = (await response.json())["activities"]
    found = [one for one in activities if one.get("externalCourseActivityId") == external_id]
    if not found:
        return {}
    return {name: found[0].get(name) for name in names or _BEGUN}
