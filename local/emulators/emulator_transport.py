"""The emulators' core as an httpx transport: unit tests call Graph without a socket.

Time does not pass in here: a response that would come later than the client's read timeout is a read timeout at
once, and a shorter delay is none.
"""

from datetime import UTC, datetime

import httpx

from local.emulators.control import Control
from local.emulators.exchange import Ending, Request
from local.emulators.graph_emulator import Emulator


class EmulatorTransport(httpx.AsyncBaseTransport):
    """Answers every request from an emulator, whatever host it is for."""

    def __init__(self, core: Emulator) -> None:
        self._control = Control(core)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request.

        Raises:
            httpx.RemoteProtocolError: the response ends in a broken connection.
            httpx.ReadTimeout: the response hangs, or comes too late.
        """
        response = self._control.handle(
            Request.from_wire(
                request.method,
                request.url.raw_path.decode("ascii"),
                headers=request.headers.items(),
                body=await request.aread(),
                now=datetime.now(UTC),
            )
        )
        patience = request.extensions.get("timeout", {}).get("read")
        if response.ending is Ending.DISCONNECT:
            raise httpx.RemoteProtocolError("Server disconnected without sending a response.", request=request)
        if response.ending is Ending.HANG or (patience is not None and response.delay_seconds > patience):
            raise httpx.ReadTimeout("", request=request)
        return httpx.Response(response.status, headers=response.headers, content=response.body, request=request)
