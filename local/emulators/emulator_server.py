"""The Graph and identity emulators on a socket.

It makes real what the core only describes: waiting, hanging, breaking a connection.
"""

import argparse
import asyncio
import os
import ssl
from datetime import UTC, datetime
from pathlib import Path

from aiohttp import web

from local.emulators.control import Control
from local.emulators.exchange import Ending, Request
from local.emulators.graph_emulator import Emulator
from local.environment import IDENTITY_HEADER
from local.lifecycle import listen
from local.serving import read_body, serve


def run(arguments: argparse.Namespace) -> int:
    """Serve the emulators until asked to stop; arguments `port`, `https_port`, `https`, `latency_seconds`, `lifeline`.

    Raises:
        StartError: a port is taken.
    """
    plain = (listen(arguments.port), None)
    secure = [(listen(arguments.https_port), _tls(*arguments.https))] if arguments.https else []
    core = Emulator(
        identity_header=os.environ.get("IDENTITY_HEADER", IDENTITY_HEADER), latency_seconds=arguments.latency_seconds
    )
    server = EmulatorServer(core)
    asyncio.run(serve(server.answer, plain, *secure, lifeline=arguments.lifeline, cancel_when_client_leaves=True))
    return 0


def _tls(certificate: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


class EmulatorServer:
    """Carries the core's requests and responses over HTTP."""

    def __init__(self, core: Emulator) -> None:
        self._control = Control(core)
        self._hanging: set[asyncio.Event] = set()
        core.faults.on_clear = self._let_go

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        response = self._control.handle(
            Request.from_wire(
                request.method,
                request.raw_path,
                headers=request.headers.items(),
                body=await read_body(request),
                now=datetime.now(UTC),
            )
        )
        if response.delay_seconds:
            await asyncio.sleep(response.delay_seconds)
        if response.ending is Ending.HANG:
            await self._hang()
        if response.ending is not Ending.ANSWER and request.transport:
            request.transport.abort()
        return web.Response(status=response.status, headers=response.headers, body=response.body)

    async def _hang(self) -> None:
        released = asyncio.Event()
        self._hanging.add(released)
        try:
            await released.wait()
        finally:
            self._hanging.discard(released)

    def _let_go(self) -> None:
        for released in self._hanging:
            released.set()
