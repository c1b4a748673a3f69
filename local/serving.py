"""An HTTP server on a loopback socket, from its ready line to its last answer.

It knows nothing of what it serves.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable

from aiohttp import web

from local.lifecycle import announce, call_on_stop, url_of

SHUTDOWN_SECONDS = 5

type Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


async def serve(
    handler: Handler,
    *listeners: tuple[socket.socket, ssl.SSLContext | None],
    lifeline: bool,
    cancel_when_client_leaves: bool = False,
    on_stop: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """Answer requests until asked to stop, then let those that are running finish, for 5 seconds at most.

    Args:
        handler: answers one request. It is called without aiohttp's router, which costs more than a dictionary.
        listeners: where to accept connections, and whether over TLS; the first one is announced.
        lifeline: also stop when standard input closes.
        cancel_when_client_leaves: cancel the handler when its client closes the connection.
        on_stop: called at the moment of being asked to stop; it is waited for together with the requests.
    """
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    def stop_soon() -> None:
        loop.call_soon_threadsafe(stop.set)

    call_on_stop(stop_soon, lifeline=lifeline)
    server = web.Server(
        handler,
        handler_cancellation=cancel_when_client_leaves,
        access_log=None,
        auto_decompress=False,  # A handler sees the bytes that were sent.
    )
    runner = web.ServerRunner(server, shutdown_timeout=SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        for listener, tls in listeners:
            await web.SockSite(runner, listener, ssl_context=tls).start()
        announce(url_of(listeners[0][0].getsockname()[1]))
        await stop.wait()
    finally:
        await asyncio.gather(runner.cleanup(), *([on_stop()] if on_stop else []))


async def read_body(request: web.BaseRequest) -> bytes:
    """Return a request's whole body, after telling a client that waits for it to go on."""
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # aiohttp takes anything written for the start of the answer.
    return await request.content.read()
