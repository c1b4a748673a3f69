"""The demo's last step: a batch of 200 activities, some of them wrong, followed as a flow does until its report.

It prints what a person wants to know of it, and returns what was not as documented.
"""

import asyncio
import json
from collections import defaultdict
from collections.abc import Mapping
from http import HTTPStatus
from textwrap import shorten
from typing import Any
from uuid import uuid4

import aiohttp

from local.emulators.tenant import LEARNING_CONTENT_ID, OTHER_LEARNING_PROVIDER_ID
from local.environment import LEARNING_PROVIDER_ID
from local.lifecycle import ROOT

BATCH = 200
PATIENCE_SECONDS = 60
_WIDTH = 500  # Of what was not as documented: 200 records would tell nobody anything.
EXAMPLES = ROOT / "tests" / "samples"
_UNLICENSED = "0d5a0f6e-4c1b-4a3e-9b0c-6f2f6c1d7e11"
_FOREIGN_CONTENT = "8e6f2c54-9d1f-4b7a-8f57-1f3c1a2b3c4d"
# Why a record is wrong, and which records are.
_TOO_MUCH = ("invalidRequest", {"completionPercentage": 120})
_NO_LICENCE = ("learnerNotLicensed", {"learnerUserId": _UNLICENSED})
_NOT_OURS = ("contentNotOwnedByProvider", {"learningContentId": _FOREIGN_CONTENT})
_WRONG: Mapping[int, tuple[str, Mapping[str, Any]]] = {
    **dict.fromkeys((7, 64, 121), _TOO_MUCH),
    **dict.fromkeys((23, 98, 199), _NO_LICENCE),
    **dict.fromkeys((45, 150), _NOT_OURS),
}
_COUNTS = ("status", "total", "succeededCount", "failedCount", "allSucceeded")
_FOLLOWED = ("Location", "Operation-Location", "Retry-After")

type Json = dict[str, Any]


async def show_batch(session: aiohttp.ClientSession, host_url: str, graph_url: str) -> list[str]:
    """Send the batch, follow it to its end and print the report; return each deviation from what is documented."""
    tenant = {
        "unlicensedLearners": [_UNLICENSED],
        "contents": {LEARNING_CONTENT_ID: LEARNING_PROVIDER_ID, _FOREIGN_CONTENT: OTHER_LEARNING_PROVIDER_ID},
    }
    async with session.patch(f"{graph_url}/_emulator/tenant", json=tenant) as changed:
        changed.raise_for_status()
    records = _records()
    print(f"\nPOST /api/batches with {BATCH} activities: both examples in turn, each under an external id of its own")
    report, url = await _report(session, f"{host_url}/api/batches", {"name": "Demo", "activities": records})
    results: list[Json] = report.pop("results", [])
    print(json.dumps(report, indent=2))
    _print_failures(results)
    print(f"\nFor people, {url} is a page with its progress and these rows, which also come as CSV to be corrected.")
    failed = {number: code for number, (code, _) in _WRONG.items()}
    created = await _stored(session, graph_url, {one["externalCourseActivityId"] for one in records})
    valid = [record for number, record in enumerate(records) if number not in failed]
    expected = ("completed", BATCH, len(valid), len(failed), False)
    deviations = [
        _deviation("counts", tuple(report.get(name) for name in _COUNTS), expected),
        _deviation("indexes", [one["index"] for one in results], list(range(BATCH))),
        _deviation("failures", {one["index"]: one["errorCode"] for one in results if one["errorCode"]}, failed),
        _deviation("what Graph has, in any order", _sorted(created), _sorted(valid)),
    ]
    return [one for one in deviations if one]


def _records() -> list[Json]:
    kinds = [
        json.loads((EXAMPLES / f"{name}.request.json").read_text(encoding="utf-8"))
        for name in ("assignment", "self-initiated")
    ]
    return [
        {**kinds[number % len(kinds)], "externalCourseActivityId": str(uuid4()), **_WRONG.get(number, ("", {}))[1]}
        for number in range(BATCH)
    ]


async def _report(session: aiohttp.ClientSession, url: str, batch: Json) -> tuple[Json, str]:
    """Send a batch and ask at the Location as often as the answers say, as a flow does; return report and address."""
    answer = await session.post(url, json=batch)
    said = await _print_answer(answer)
    print(json.dumps(said, indent=2))
    async with asyncio.timeout(PATIENCE_SECONDS):
        while answer.status == HTTPStatus.ACCEPTED:
            url = answer.headers["Location"]
            await asyncio.sleep(int(answer.headers["Retry-After"]))
            print(f"\nGET {url}")
            answer = await session.get(url)
            said = await _print_answer(answer)
            print(f"{said.get('succeededCount', 0) + said.get('failedCount', 0)} of {said.get('total')} are done")
    return said, url


async def _print_answer(answer: aiohttp.ClientResponse) -> Json:
    print(f"\n{answer.status} {HTTPStatus(answer.status).phrase}")
    for name in _FOLLOWED:
        if name in answer.headers:
            print(f"{name}: {answer.headers[name]}")
    said: Json = await answer.json()
    return said


def _print_failures(results: list[Json]) -> None:
    reasons: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for one in results:
        if one["outcome"] == "failed":
            reasons[one["errorCode"], one["errorMessage"]].append(str(one["index"]))
    print("\nWhat failed, by reason:")
    for (code, message), indexes in reasons.items():
        print(f"- {code}, records {', '.join(indexes)}: {message}")


async def _stored(session: aiohttp.ClientSession, graph_url: str, external_ids: set[str]) -> list[Json]:
    async with session.get(f"{graph_url}/_emulator/activities") as response:
        activities: list[Json] = (await response.json())["activities"]
    return [one["received"] for one in activities if one.get("externalCourseActivityId") in external_ids]


def _sorted(activities: list[Json]) -> list[Json]:
    return sorted(activities, key=lambda one: str(one["externalCourseActivityId"]))


def _deviation(what: str, got: object, documented: object) -> str:
    if got == documented:
        return ""
    return f"batch: {what}: expected {shorten(str(documented), _WIDTH)}, got {shorten(str(got), _WIDTH)}"
