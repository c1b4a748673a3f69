"""What could not be carried out from the queues: kept in a table, told on a queue, put back or thrown away.

Two entities for a failure: one under its id, so that a message that is delivered twice fails once, and one under its
time, newest first, so that pages can be read. Storage Queues can show only their first 32 messages.
"""

import base64
import re
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from activities.errors import PermanentError, Problem
from activities.queueing.messages import Delivery, Failure, decode, encode_failure
from activities.queueing.put_back import Record, encode, split
from activities.queueing.signing_key import SigningKey
from activities.storage.queues import Queue, Receipt
from activities.storage.table_bytes import ANY_VERSION, Entity, Operation, Verb, packed, unpacked
from activities.storage.tables import LARGEST_PAGE, EntityExistsError, EntityMissingError, Table

PARTITION = "failures"
_ID = re.compile(r"[0-9a-f]{32}")
# What a queue message cannot hold, because it travels in XML: https://www.w3.org/TR/xml/#charsets
_NO_XML = re.compile(r"[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Failures:
    """The failures of one activity queue.

    Args:
        table: Where they are kept.
        queue: The activity queue, into which a replay puts them back.
        failed_queue: Where each is told to people and flows.
        patience: How long a record that is put back may be tried.
        signing_key: What a record is signed with that is put back.
    """

    def __init__(
        self, table: Table, *, queue: Queue, failed_queue: Queue, patience: timedelta, signing_key: SigningKey
    ) -> None:
        self._table = table
        self._queue = queue
        self._failed_queue = failed_queue
        self._patience = patience
        self._signing_key = signing_key

    async def add(self, failure: Failure) -> None:
        """Keep a failure and tell it; the same failure added again is neither kept nor told twice.

        If the process dies in the middle, the message is delivered again and the rest is done then: only the message on
        the failed queue could stand there twice, with the same id.
        """
        by_id = _key(f"id-{failure.id}")
        known = {**by_id, "At": _row(failure), "MessageId": "", "PopReceipt": ""}
        try:
            await self._table.do(Operation(Verb.CREATE, known))
        except EntityExistsError:
            known = dict(await self._table.get(PARTITION, by_id["RowKey"]))
        if known["MessageId"]:
            return
        await self._table.do(Operation(Verb.REPLACE, _entity(failure, known["At"])))
        sent = await self._failed_queue.put(encode_failure(failure))
        told = {**by_id, "At": known["At"], "MessageId": sent.message_id, "PopReceipt": sent.pop_receipt}
        await self._table.do(Operation(Verb.REPLACE, told, ANY_VERSION))

    async def page(self, *, code: str | None, size: int, after: str) -> tuple[list[Failure], str]:
        """Return failures, newest first, and where the next page begins ("" after the last)."""
        found: list[Entity] = []
        condition = f"PartitionKey eq '{PARTITION}' and RowKey gt @after and RowKey lt 'at.'"
        if code:
            condition += " and Code eq @code"
        said = {"after": after or "at-", "code": code or ""}
        async for entity in self._table.query(condition, parameters=said, page_size=min(size + 1, LARGEST_PAGE)):
            if len(found) == size:
                return [_failure(one) for one in found], str(found[-1]["RowKey"])
            found.append(entity)
        return [_failure(one) for one in found], ""

    async def get(self, failure_id: str) -> Failure | None:
        """Return one failure, or None when there is none with this id."""
        if not _ID.fullmatch(failure_id):
            return None
        try:
            known = await self._table.get(PARTITION, f"id-{failure_id}")
            return _failure(await self._table.get(PARTITION, known["At"]))
        except EntityMissingError:
            return None

    async def replay(self, failure: Failure) -> None:
        """Put what failed back into the activity queue, with a new deadline, and forget the failure.

        It is put back before it is forgotten: if the process dies in between it is put back again, and the ledger
        knows it then. Nothing happens if somebody else has put it back since it was read.

        Raises:
            PermanentError: ``requestTooLarge``: it fits into no message.
            TransientError: ``storageUnavailable``.
        """
        known = await self._known(failure)
        if known is None:
            return
        for message in await self._again(failure):
            await self._queue.put(message)
        await self._forget(known)

    async def discard(self, failure: Failure) -> bool:
        """Forget a failure for good, also on the failed queue; return whether it was still there.

        Raises:
            TransientError: ``storageUnavailable``; to be discarded again then.
        """
        known = await self._known(failure)
        if known is None:
            return False
        await self._forget(known)
        return True

    async def _known(self, failure: Failure) -> Entity | None:
        try:
            return await self._table.get(PARTITION, f"id-{failure.id}")
        except EntityMissingError:
            return None

    async def _again(self, failure: Failure) -> list[str]:
        """Return the messages that put a failure back; what it came as, and when it came first, stays as it was."""
        deadline, key = datetime.now(UTC) + self._patience, await self._signing_key.get()
        if failure.record is not None:
            again = replace(failure.record, attempts=0, replays=failure.record.replays + 1, deadline=deadline)
            return [encode(again, key=key)]
        body = failure.body or b""
        try:
            # A later version may be able to read it.
            delivery = Delivery(body, failure.id, failure.first_seen)
            patience = deadline - failure.first_seen
            first, messages = split(decode(delivery, now=failure.first_seen, patience=patience), key=key)
            return [encode(one, key=key) for one in first] + messages
        except PermanentError:
            return [text_of(body)]

    async def _forget(self, known: Entity) -> None:
        if known["MessageId"]:
            await self._failed_queue.take_back(Receipt(known["MessageId"], known["PopReceipt"]))
        # Its id goes last: with it, the rest is found again.
        for row in (known["At"], known["RowKey"]):
            with suppress(EntityMissingError):
                await self._table.do(Operation(Verb.DELETE, _key(row), ANY_VERSION))


def text_of(body: bytes) -> str:
    """Return a message that is read as this body: the body itself, or in base64 if a message cannot hold it."""
    text = body.decode("utf-8", errors="replace")
    return text if text.encode() == body and not _NO_XML.search(text) else base64.b64encode(body).decode()


def _key(row: str) -> Entity:
    return {"PartitionKey": PARTITION, "RowKey": row}


def row_of(moment: datetime) -> str:
    """Return what the row keys of that time begin with; they sort the newest first."""
    return f"at-{10**14 - int(moment.timestamp() * 1000):015}"


def _row(failure: Failure) -> str:
    return f"{row_of(failure.failed_at)}-{failure.id}"


def _entity(failure: Failure, row: str) -> Entity:
    said = failure.to_json()
    if failure.record is not None:
        said |= {
            "origin": failure.record.origin,
            "deadline": failure.record.deadline.isoformat(),
            "replays": failure.record.replays,
        }
    return {**_key(row), "Code": failure.code, **packed("Content", said)}


def _failure(entity: Entity) -> Failure:
    said = unpacked("Content", entity)
    first_seen = datetime.fromisoformat(said["firstSeenAt"])
    record = None
    if "origin" in said:
        record = Record(
            said["activity"],
            said["origin"],
            first_seen,
            datetime.fromisoformat(said["deadline"]),
            said["attempts"],
            said["replays"],
        )
    return Failure(
        said["id"],
        said["code"],
        said["message"],
        tuple(Problem(one["code"], one["message"], one["target"]) for one in said["details"]),
        said["attempts"],
        first_seen,
        datetime.fromisoformat(said["failedAt"]),
        record=record,
        body=base64.b64decode(said["bodyBase64"]) if "bodyBase64" in said else None,
    )
