"""Load: so many callers, each sending its next request when it has the answer to the last; or one batch."""

import asyncio
import json
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from uuid import uuid4

import aiohttp


async def creates_per_second(
    url: str, example: Mapping[str, Any], *, with_external_id: bool, callers: int, seconds: float
) -> float:
    """Return how many creates per second a host answers with 201.

    A request's external id is its own, so that nothing is a repetition.

    Raises:
        RuntimeError: an answer was not 201.
    """
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=callers)) as session:
        begun = time.perf_counter()

        async def call() -> int:
            answered = 0
            while time.perf_counter() - begun < seconds:
                body = json.dumps({**example, "externalCourseActivityId": str(uuid4()) if with_external_id else None})
                async with session.post(url, data=body, headers={"Content-Type": "application/json"}) as response:
                    if response.status != HTTPStatus.CREATED:
                        raise RuntimeError(f"{url} answered {response.status}: {await response.text()}")
                    await response.read()
                answered += 1
            return answered

        answered = sum(await asyncio.gather(*(call() for _ in range(callers))))
        return answered / (time.perf_counter() - begun)


async def batch_activities_per_second(url: str, example: Mapping[str, Any], *, activities: int) -> float:
    """Return how many activities of one batch a host creates per second, from the POST to the finished report.

    Raises:
        RuntimeError: not all of them were created.
    """
    batch = [{**example, "externalCourseActivityId": str(uuid4())} for _ in range(activities)]
    async with aiohttp.ClientSession() as session:
        begun = time.perf_counter()
        async with session.post(url, json={"activities": batch}) as accepted:
            status_url = accepted.headers["Operation-Location"]
        while True:
            async with session.get(status_url) as response:
                status = await response.json()
            if status["status"] != "Running":
                break
            await asyncio.sleep(0.1)
        seconds = time.perf_counter() - begun
        async with session.get(status["resourceLocation"]) as response:
            report = await response.json()
    if report["succeededCount"] != activities:
        raise RuntimeError(f"{report['failedCount']} of {activities} failed")
    return activities / seconds
