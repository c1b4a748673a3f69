"""Run a timer or queue function by hand: `POST /admin/functions/{name}` with `{"input": "…"}`.

As in the real host, the answer is 202 before the function ran, and how it went stands in the log only. The real one
wants the master key; this host has one key for everything. HTTP functions are called at their routes.
https://learn.microsoft.com/azure/azure-functions/functions-manually-run-non-http
"""

import asyncio
import json
from collections.abc import Callable, Coroutine, Mapping
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from local.host.function_keys import FunctionKey
from local.host.http_functions import parse_query
from local.serving import read_body

PREFIX = "/admin/functions/"


class ManualRuns:
    """Functions that can be run with a text, by their names.

    Args:
        runs: runs each of them; none raises.
        key: what callers must show.
    """

    def __init__(self, runs: Mapping[str, Callable[[str], Coroutine[Any, Any, None]]], *, key: FunctionKey) -> None:
        self._runs = {name.lower(): run for name, run in runs.items()}
        self._key = key
        self._running: set[asyncio.Task[None]] = set()

    async def answer(self, request: web.BaseRequest) -> web.Response:
        """Answer a request whose path begins with the prefix."""
        path, _, query = request.raw_path.partition("?")
        run = self._runs.get(unquote(path.removeprefix(PREFIX)).lower())
        if not self._key.is_shown(request, parse_query(query)):
            return web.Response(status=401)
        if run is None or request.method != "POST":
            return web.Response(status=404)
        try:
            match json.loads(await read_body(request)):
                case {"input": str(text)}:
                    pass
                case {**others} if "input" not in others:
                    text = ""
                case _:
                    return web.Response(status=400)
        except ValueError:
            return web.Response(status=400)
        task = asyncio.create_task(run(text))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return web.Response(status=202)

    async def stop(self, timeout_seconds: float) -> None:
        """Let what is running finish for a while."""
        if self._running:
            await asyncio.wait(self._running, timeout=timeout_seconds)
