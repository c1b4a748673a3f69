"""Functions that nobody calls over HTTP can be run by hand, as in the real host.

https://learn.microsoft.com/azure/azure-functions/functions-manually-run-non-http
"""

import asyncio
from collections.abc import AsyncIterator, Mapping

import pytest
from aiohttp import web
from aiohttp.test_utils import RawTestServer, TestClient

from local.host.function_keys import FunctionKey
from local.host.manual_runs import ManualRuns


class Stage:
    """A function `clean` that can be run by hand, and takes until it is released."""

    def __init__(self, key: str | None = None) -> None:
        self.inputs: list[str] = []
        self.released = asyncio.Event()
        self.finished = 0
        self.manual = ManualRuns({"clean": self._clean}, key=FunctionKey(key))

    async def _clean(self, text: str) -> None:
        self.inputs.append(text)
        await self.released.wait()
        self.finished += 1

    async def status(
        self,
        path: str = "/admin/functions/clean",
        *,
        content: bytes = b"{}",
        method: str = "POST",
        headers: Mapping[str, str] | None = None,
    ) -> int:
        """Return the status of the answer to a request; its body is always empty."""
        async with (
            TestClient[web.BaseRequest, None](RawTestServer(self.manual.answer)) as client,
            client.request(method, path, data=content, headers=headers) as answer,
        ):
            assert await answer.read() == b""
            return answer.status


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage()
    yield stage
    stage.released.set()
    await stage.manual.stop(5)


async def test_a_function_is_run_after_the_answer(stage: Stage) -> None:
    assert await stage.status(content=b'{"input": "text"}') == 202

    assert (stage.inputs, stage.finished) == (["text"], 0)


async def test_when_asked_to_stop_what_runs_may_finish(stage: Stage) -> None:
    await stage.status()
    stage.released.set()
    await stage.manual.stop(5)

    assert stage.finished == 1


async def test_nobody_waits_for_ever_for_what_runs(stage: Stage) -> None:
    await stage.status()
    await stage.manual.stop(0)

    assert stage.finished == 0


@pytest.mark.parametrize("name", ["clean", "CLEAN", "cle%61n", "clean?a=b"])
async def test_a_function_is_known_by_its_name_in_any_case(stage: Stage, name: str) -> None:
    assert await stage.status(f"/admin/functions/{name}") == 202


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/admin/functions/other"), ("POST", "/admin/functions/"), ("GET", "/admin/functions/clean")],
)
async def test_what_there_is_not_is_404(stage: Stage, method: str, path: str) -> None:
    assert await stage.status(path, method=method) == 404
    assert stage.inputs == []


async def test_without_an_input_it_is_empty(stage: Stage) -> None:
    await stage.status(content=b"{}")

    assert stage.inputs == [""]


@pytest.mark.parametrize("content", [b"", b"text", b"[]", b'"text"', b'{"input": 5}', b'{"input": {}}', b"\xff"])
async def test_what_is_no_json_with_a_text_is_400(stage: Stage, content: bytes) -> None:
    assert await stage.status(content=content) == 400
    assert stage.inputs == []


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("clean", {}, 401),
        ("other", {}, 401),
        ("clean", {"x-functions-key": "wrong"}, 401),
        ("clean", {"x-functions-key": "the-key"}, 202),
        ("clean?code=the-key", {}, 202),
    ],
)
async def test_who_has_a_key_must_show_it(path: str, headers: dict[str, str], status: int) -> None:
    stage = Stage("the-key")
    stage.released.set()

    assert await stage.status(f"/admin/functions/{path}", headers=headers) == status
    assert len(stage.inputs) == (status == 202)
