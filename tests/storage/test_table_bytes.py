"""Table Storage's transactions as bytes: they say what Microsoft's library would say, and any answer can be read."""

import asyncio
import json
import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, NoReturn

import pytest
from azure.core import MatchConditions
from azure.core.exceptions import ServiceRequestError
from azure.core.pipeline.transport import AsyncHttpTransport
from azure.data.tables import UpdateMode
from azure.data.tables.aio import TableClient
from hypothesis import given, settings
from hypothesis import strategies as st

from activities.storage import table_bytes
from activities.storage.table_bytes import BOUNDARY, Entity, Operation, Transacted, Verb
from local.environment import storage_connection_string

CONNECTION = storage_connection_string(1, 2, 3)
TABLE_URL = "http://127.0.0.1:3/devstoreaccount1/activities"
ETAG = "W/\"datetime'2026-05-01T12%3A00%3A00.1234567Z'\""
ANY = "*"

texts = st.text(st.characters(codec="utf-8"), max_size=40)
keys = texts | st.sampled_from(["it's", "''", "a b", "100%", "%27", "Ü", "\N{GRADUATION CAP}", "a/b\\c#d?e"])
offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(datetime(1601, 1, 2), datetime(9999, 12, 30), timezones=offsets | st.just(UTC))  # noqa: DTZ001 (that is what it takes)
values = texts | st.integers(-(2**31), 2**31 - 1) | st.booleans() | moments | st.binary(max_size=50)
names = st.sampled_from(["State", "Owner", "Answer0", "LeaseUntil", "Größe"])
entities: st.SearchStrategy[Entity] = st.builds(
    lambda row, properties: {"PartitionKey": "it's", "RowKey": row, **properties},
    keys,
    st.dictionaries(names, values),
)
operations = st.builds(Operation, st.just(Verb.CREATE), entities) | st.builds(
    Operation, st.sampled_from([Verb.REPLACE, Verb.DELETE]), entities, st.sampled_from([ANY, ETAG])
)


class Recorder(AsyncHttpTransport[Any, Any]):
    """Keeps the body of what the library would send."""

    def __init__(self) -> None:
        self.body = b""

    async def send(self, request: Any, **_: Any) -> NoReturn:
        """Keep the body, and send nothing."""
        self.body = request.body if isinstance(request.body, bytes) else request.body.encode()
        raise ServiceRequestError("nothing is sent")

    async def open(self) -> None:
        """Nothing is to be opened."""

    async def close(self) -> None:
        """Nothing is open."""

    async def __aexit__(self, *_: object) -> None:
        await self.close()


async def by_the_library(wanted: list[Operation]) -> bytes:
    """Return the body that azure-data-tables makes of operations."""
    recorder = Recorder()

    def told(operation: Operation) -> Any:
        condition: dict[str, Any] = {}
        if operation.etag not in {"", ANY}:
            condition = {"etag": operation.etag, "match_condition": MatchConditions.IfNotModified}
        match operation.verb:
            case Verb.CREATE:
                return "create", operation.entity
            case Verb.REPLACE:
                verb = "update" if operation.etag else "upsert"
                return verb, operation.entity, {"mode": UpdateMode.REPLACE, **condition}
            case Verb.DELETE:
                return "delete", operation.entity, condition

    async with TableClient.from_connection_string(
        CONNECTION, "activities", transport=recorder, retry_total=0
    ) as client:
        with pytest.raises(ServiceRequestError):
            await client.submit_transaction([told(operation) for operation in wanted])
    return recorder.body


_PART = re.compile(
    rb"^(POST|PUT|DELETE) (\S+) HTTP/1.1\r\n(.*?)\r\n\r\n(.*?)(?:\r\n)*--changeset", re.DOTALL | re.MULTILINE
)


def meaning(body: bytes) -> list[tuple[str, str, str, dict[str, Any] | None]]:
    """Return what each operation of a body comes to: verb, address, condition, properties."""
    read = []
    for verb, url, headers, content in _PART.findall(body):
        condition = re.search(rb"^If-Match: *(.*?)\r?$", headers, re.MULTILINE | re.IGNORECASE)
        properties = json.loads(content) if content.strip() else {}
        # A JSON text is a text without being called one.
        said = {name: one for name, one in properties.items() if one != "Edm.String" or "@" not in name}
        read.append((verb.decode(), url.decode(), condition[1].decode() if condition else "", said or None))
    return read


@settings(max_examples=60)
@given(st.lists(operations, min_size=1, max_size=3, unique_by=lambda one: str(one.entity["RowKey"])))
def test_a_transaction_says_what_the_library_would_say(wanted: list[Operation]) -> None:
    body = table_bytes.encode(wanted, table_url=TABLE_URL).encode()
    assert len(meaning(body)) == len(wanted)
    assert meaning(body) == meaning(asyncio.run(by_the_library(wanted)))


def test_an_entity_is_replaced_whether_it_is_there_or_not_unless_an_etag_says_otherwise() -> None:
    wanted = [Operation(Verb.REPLACE, {"PartitionKey": "p", "RowKey": "r", "State": "new"})]
    read = meaning(table_bytes.encode(wanted, table_url=TABLE_URL).encode())
    assert [condition for _, _, condition, _ in read] == [""]
    assert read == meaning(asyncio.run(by_the_library(wanted)))


@given(st.lists(operations, min_size=1, max_size=3))
def test_nothing_in_an_entity_can_end_its_part(wanted: list[Operation]) -> None:
    """Every line is one of the format's own or a whole entity."""
    body = table_bytes.encode(wanted, table_url=TABLE_URL).encode()
    assert body.isascii()
    lines = body.decode().split("\r\n")
    assert sum(line.startswith("--") for line in lines) == len(wanted) + 3
    assert sum(line.startswith("{") for line in lines) == sum(one.verb is not Verb.DELETE for one in wanted)
    assert lines[0] == f"--{BOUNDARY}"


def part(status: int, *headers: str, body: str = "") -> str:
    lines = ["--changesetresponse_1", "Content-Type: application/http", "", f"HTTP/1.1 {status} Some words", *headers]
    return "\r\n".join([*lines, "", body, ""])


def answer(*parts: str) -> bytes:
    head = "--batchresponse_1\r\nContent-Type: multipart/mixed; boundary=changesetresponse_1\r\n\r\n"
    return f"{head}{''.join(parts)}--changesetresponse_1--\r\n--batchresponse_1--\r\n".encode()


class TestAnswer:
    def test_it_tells_the_etags_in_order_and_none_for_what_was_deleted(self) -> None:
        said = answer(
            part(204, "ETag: first"), part(204, "Cache-Control: no-cache"), part(204, "DataServiceId: x", "etag:third")
        )
        assert table_bytes.decode(said) == Transacted(["first", "", "third"])

    @pytest.mark.parametrize("status", [400, 404, 409, 412, 413, 500, 503])
    def test_it_tells_what_failed(self, status: int) -> None:
        said = answer(part(status, "Content-ID: 2", body='{"odata.error":{"code":"X"}}'))
        assert table_bytes.decode(said) == Transacted(failed_status=status)

    def test_of_several_failures_the_first_counts(self) -> None:
        said = answer(part(204, "ETag: e"), part(412), part(500))
        assert table_bytes.decode(said) == Transacted(failed_status=412)

    @pytest.mark.parametrize(
        "message", ["ETag: not one", "\\r\\nETag: not one", "HTTP/1.1 204 No Content", "\\nHTTP/1.1 204 No Content"]
    )
    def test_what_an_error_says_is_not_taken_for_headers(self, message: str) -> None:
        body = json.dumps({"odata.error": {"message": {"value": message}}})
        assert table_bytes.decode(answer(part(409, body=body))) == Transacted(failed_status=409)

    @given(st.binary(max_size=200) | st.binary(max_size=50).map(answer(part(204, "ETag: e")).__add__))
    def test_any_bytes_can_be_read(self, body: bytes) -> None:
        read = table_bytes.decode(body)
        assert all(isinstance(etag, str) for etag in read.etags)
        assert not (read.failed_status and read.etags)

    @pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"odata.error":{"code":"ServerBusy"}}'])
    def test_what_is_no_answer_to_a_transaction_says_that_nothing_was_done(self, body: bytes) -> None:
        assert table_bytes.decode(body) == Transacted([])

    def test_an_etag_of_any_bytes_is_a_text(self) -> None:
        body = answer(part(204, "ETag: ?")).replace(b"?", b"\xff")
        assert table_bytes.decode(body) == Transacted(["\N{REPLACEMENT CHARACTER}"])
