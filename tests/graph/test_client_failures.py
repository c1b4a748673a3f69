"""What the real gateway makes of a request that gets no answer: never sent, or perhaps executed."""

import asyncio
import socket
from contextlib import suppress
from types import SimpleNamespace

import aiohttp
import pytest

from activities.contract.activity import StoredActivity
from activities.errors import ErrorCode, TransientError
from activities.execution.decisions import creation
from activities.graph.client import MicrosoftGraph
from activities.graph.network_failures import translate_failure
from activities.graph.sdk import AiohttpTransport, Transport
from tests.support.endpoints import peer, read_request, reply
from tests.support.fakes import activity_request
from tests.support.wire import GRAPH

# A test that waits longer has found that nothing limits the waiting.
HOPELESS_SECONDS = 20
CREATED = b'{"id":"learner:activity"}'

# Raised before a byte of the request is written, and only then.
# Source: https://docs.aiohttp.org/en/stable/client_reference.html#client-exceptions
NOT_SENT = {
    "ClientConnectorError",
    "ClientConnectorDNSError",
    "ClientConnectorSSLError",
    "ClientConnectorCertificateError",
    "ClientProxyConnectionError",
    "ClientSSLError",
    "ConnectionTimeoutError",
    "UnixClientConnectorError",
}
# Everything else. A name that a library adds has to be put into one of the two.
PERHAPS_EXECUTED = {
    "ClientConnectionError",
    "ClientConnectionResetError",
    "ClientHttpProxyError",
    "ClientOSError",
    "ClientPayloadError",
    "ClientResponseError",
    "ContentTypeError",
    "InvalidURL",
    "InvalidUrlClientError",
    "InvalidUrlRedirectClientError",
    "NonHttpUrlClientError",
    "NonHttpUrlRedirectClientError",
    "RedirectClientError",
    "ServerConnectionError",
    "ServerDisconnectedError",
    "ServerFingerprintMismatch",
    "ServerTimeoutError",
    "SocketTimeoutError",
    "TooManyRedirects",
    "UploadAbortedError",
    "WSServerHandshakeError",
}


def descendants(error: type[Exception]) -> set[type[Exception]]:
    """Return every class below, of the same library."""
    below = {
        child for child in error.__subclasses__() if child.__module__.split(".")[0] == error.__module__.split(".")[0]
    }
    return below.union(*(descendants(child) for child in below))


AIOHTTP_ERRORS = sorted(descendants(aiohttp.ClientError), key=lambda error: error.__name__)


def made(error: type[Exception]) -> Exception:
    """Return an instance: the libraries' classes want different arguments, some of which are read by ``str``."""
    peer_key = SimpleNamespace(host="graph.microsoft.com", port=443, is_ssl=True, ssl=True)
    request = SimpleNamespace(real_url=GRAPH)
    cause = OSError(1, "made up")
    for arguments in [
        ("made up",),
        (peer_key, cause),
        ("path", peer_key, cause),
        (request, ()),
        (b"", b"", "host", 443),
    ]:
        with suppress(TypeError, AttributeError):
            instance = error(*arguments)
            str(instance)
            return instance
    raise AssertionError(f"no way is known to make a {error.__name__}")


def test_every_error_that_the_libraries_have_is_known_here() -> None:
    assert {error.__name__ for error in AIOHTTP_ERRORS} == NOT_SENT | PERHAPS_EXECUTED


@pytest.mark.parametrize("error", [*AIOHTTP_ERRORS, TimeoutError, ConnectionResetError, OSError])
def test_only_what_was_never_sent_is_called_not_executed(error: type[Exception]) -> None:
    failure = translate_failure(made(error))
    assert failure.may_have_executed is (error.__name__ not in NOT_SENT)
    assert failure.code is (ErrorCode.OUTCOME_UNKNOWN if failure.may_have_executed else ErrorCode.GRAPH_UNAVAILABLE)


async def failure(url: str, *, seconds: float = 30, transport: Transport | None = None) -> TransientError:
    gateway = MicrosoftGraph(base_url=url, client_id=None, transport=transport)
    try:
        async with asyncio.timeout(HOPELESS_SECONDS):
            (error,) = await gateway.write([creation(activity_request()).write], timeout_seconds=seconds)
    finally:
        await gateway.close()
    assert isinstance(error, TransientError)
    return error


@pytest.mark.usefixtures("identity")
@pytest.mark.parametrize("error", [*AIOHTTP_ERRORS, ConnectionResetError])
async def test_whatever_the_transport_raises_is_an_answer_and_no_bug(error: type[Exception]) -> None:
    class Broken:
        def request(self, *_: object, **__: object) -> object:
            raise made(error)

        async def close(self) -> None:
            """Nothing is open."""

    transport = AiohttpTransport()
    transport._session = Broken()  # type: ignore[assignment]  # noqa: SLF001 (nobody else could raise them all)
    assert (await failure(GRAPH, transport=transport)).may_have_executed is (error.__name__ not in NOT_SENT)


@pytest.mark.usefixtures("identity")
class TestSockets:
    """The real transport against peers that misbehave."""

    async def test_a_refused_connection_executed_nothing(self) -> None:
        with socket.socket() as nobody_listens:
            nobody_listens.bind(("127.0.0.1", 0))
            error = await failure(f"http://127.0.0.1:{nobody_listens.getsockname()[1]}/v1.0")
        assert (error.code, error.may_have_executed) == (ErrorCode.GRAPH_UNAVAILABLE, False)

    async def test_a_name_that_does_not_resolve_executed_nothing(self) -> None:
        error = await failure("https://graph.invalid/v1.0")  # RFC 2606: this top level will never exist.
        assert (error.code, error.may_have_executed) == (ErrorCode.GRAPH_UNAVAILABLE, False)

    async def test_a_failed_handshake_executed_nothing(self) -> None:
        async def no_tls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1)
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        async with peer(no_tls) as url:
            error = await failure(url.replace("http:", "https:"))
        assert (error.code, error.may_have_executed) == (ErrorCode.GRAPH_UNAVAILABLE, False)

    async def test_a_connection_that_closes_after_the_request_may_have_executed_it(self) -> None:
        bodies: list[bytes] = []

        async def read_and_close(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
            bodies.append((await read_request(reader))[1])

        async with peer(read_and_close) as url:
            error = await failure(url)
        assert (error.code, error.may_have_executed) == (ErrorCode.OUTCOME_UNKNOWN, True)
        assert len(bodies) == 1

    async def test_a_reset_connection_may_have_executed_it(self) -> None:
        async def read_and_reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await read_request(reader)
            writer.transport.abort()

        async with peer(read_and_reset) as url:
            error = await failure(url)
        assert (error.code, error.may_have_executed) == (ErrorCode.OUTCOME_UNKNOWN, True)

    async def test_a_kept_connection_that_breaks_does_not_make_the_library_send_again(self) -> None:
        """On a connection kept open aiohttp repeats by itself what it takes for harmless: a create must not be."""
        received: list[str] = []

        async def answer_the_first(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            received.append((await read_request(reader))[0])
            writer.write(reply("201 Created", CREATED, "Content-Type: application/json"))
            received.append((await read_request(reader))[0])

        async with peer(answer_the_first) as url:
            gateway = MicrosoftGraph(base_url=url, client_id=None)
            (first,), (second,) = [
                await gateway.write([creation(activity_request()).write], timeout_seconds=30) for _ in range(2)
            ]
            await gateway.close()
        assert isinstance(first, StoredActivity)
        assert isinstance(second, TransientError)
        assert second.may_have_executed
        assert [line.split()[0] for line in received] == ["POST", "POST"]

    async def test_closing_closes_the_connection_that_was_kept(self) -> None:
        gone = asyncio.Event()

        async def answer_and_wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await read_request(reader)
            writer.write(reply("201 Created", CREATED))
            assert await reader.read() == b""
            gone.set()

        async with peer(answer_and_wait) as url, asyncio.timeout(HOPELESS_SECONDS):
            gateway = MicrosoftGraph(base_url=url, client_id=None)
            await gateway.write([creation(activity_request()).write], timeout_seconds=30)
            assert not gone.is_set()
            await gateway.close()
            await gone.wait()

    @pytest.mark.parametrize(
        "answer",
        [
            b"HTTP/1.1 201 Crea",
            b"HTTP/1.1 201 Created\r\nContent-Length: 50\r\n\r\n" + CREATED,
            b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
            b"not HTTP at all\r\n\r\n",
            reply("201 Created", b"no gzip", "Content-Encoding: gzip"),
            reply("201 Created", b"no brotli", "Content-Encoding: br"),
            reply(
                "201 Created", CREATED, "Content-Type: application/json; charset=nonsense", "Content-Encoding: deflate"
            ),
        ],
    )
    async def test_an_answer_that_cannot_be_read_may_have_executed_it(self, answer: bytes) -> None:
        async def garble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await read_request(reader)
            writer.write(answer)
            await writer.drain()

        async with peer(garble) as url:
            assert (await failure(url)).may_have_executed

    @pytest.mark.parametrize("begin", [b"", b"HTTP/1.1 201 Created\r\nContent-Length: 50\r\n\r\n{"])
    async def test_an_answer_that_does_not_come_in_time_may_have_executed_it(self, begin: bytes) -> None:
        async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await read_request(reader)
            writer.write(begin)
            await asyncio.Event().wait()

        async with peer(hang) as url:
            error = await failure(url, seconds=0.2)
        assert (error.code, error.may_have_executed) == (ErrorCode.OUTCOME_UNKNOWN, True)
