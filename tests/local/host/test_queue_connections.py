"""The local host reads queues with an identity as the real one does, and its storage takes tokens over https."""

import ssl
import sys
from pathlib import Path

import pytest

from local.host.queue_connections import QueueConnection, open_service, resolve
from local.lifecycle import StartError
from local.stack.certificates import write_certificate

URL = "https://account.queue.core.windows.net"


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        ({"X__accountName": "account"}, URL),
        ({"X__queueServiceUri": "https://127.0.0.1:10001/account"}, "https://127.0.0.1:10001/account"),
        ({"X__serviceUri": "https://queues.example.org"}, "https://queues.example.org"),
        ({"X__serviceUri": "https://other.example.org", "X__queueServiceUri": URL}, URL),
        ({"X__queueServiceUri": "https://other.example.org", "X__accountName": "account"}, URL),
        ({"X": "", "X__accountName": "account"}, URL),
    ],
)
def test_the_address_is_found_where_and_in_the_order_in_which_the_real_host_looks(
    environ: dict[str, str], url: str
) -> None:
    assert resolve("work", "X", environ) == QueueConnection("X", url=url)


def test_the_exact_setting_goes_before_all_that_begin_with_its_name() -> None:
    assert resolve("work", "X", {"X": "connection", "X__accountName": "account"}) == QueueConnection("X", "connection")


@pytest.mark.parametrize("credential", ["managedidentity", "ManagedIdentity", ""])
def test_the_identity_is_the_one_that_is_named(credential: str) -> None:
    environ = {"X__accountName": "account", "X__credential": credential, "X__clientId": "mine"}
    assert resolve("work", "X", environ).client_id == "mine"


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({}, "set X to a connection string, or X__accountName and X__credential=managedidentity"),
        ({"Y__accountName": "account"}, "set X to a connection string"),
        ({"X__credential": "managedidentity"}, "X__accountName, X__queueServiceUri, X__serviceUri"),
        ({"X__accountName": "account", "X__credential": "workloadidentity"}, "workloadidentity, which the local host"),
    ],
)
def test_what_cannot_be_resolved_is_told_with_what_helps(environ: dict[str, str], words: str) -> None:
    with pytest.raises(StartError, match=words):
        resolve("work", "X", environ)


@pytest.mark.parametrize(
    "connection",
    [
        QueueConnection("X", url="http://127.0.0.1:10001/account"),
        QueueConnection("X", connection_string="no connection string"),
    ],
)
async def test_an_address_that_would_send_a_token_in_the_clear_is_refused_like_any_other(
    connection: QueueConnection,
) -> None:
    with pytest.raises(StartError, match="The connection X cannot be used"):
        open_service(connection)


def test_a_certificate_is_trusted_by_python_for_this_machine_alone_and_its_key_is_private(tmp_path: Path) -> None:
    certificate, key = write_certificate(tmp_path / "tls")
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context(cafile=str(certificate))
    server.load_cert_chain(certificate, key)

    assert shaken_hands(client, server, "127.0.0.1")
    for context, name in ((client, "localhost"), (ssl.create_default_context(), "127.0.0.1")):
        with pytest.raises(ssl.SSLCertVerificationError):
            shaken_hands(context, server, name)
    assert sys.platform == "win32" or key.stat().st_mode & 0o077 == 0


def shaken_hands(client: ssl.SSLContext, server: ssl.SSLContext, name: str) -> bool:
    """Carry out a handshake in memory."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(to_client, to_server, server_hostname=name),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    waiting = list(ends)
    for _ in range(10):
        for end in tuple(waiting):
            try:
                end.do_handshake()
                waiting.remove(end)
            except ssl.SSLWantReadError:
                continue
        if not waiting:
            return True
    return False
