"""What real senders put around a record, each by every way in that it can take: a new case is one line.

``taken`` means that ``RECORD`` arrives as it is; ``refused`` says the cause and the advice that may be given.
"""

import base64
import codecs
import gzip
import json
from dataclasses import dataclass
from typing import Any

from activities.contract.models import Assignment
from tests.senders.values import Refused
from tests.support.records import LEARNER, record
from tests.support.ways_in import (
    Way,
    by_queue,
    in_base64,
    in_batch,
    in_sheet,
    json_of,
    over_http,
    sheet_of,
)

RECORD = record(Assignment, type="assignment", externalCourseActivityId="S-1", notes="Prüfung, bitte")
JSON, SHEET = json_of(RECORD), sheet_of(RECORD)
TEXT = SHEET.decode()
HEADINGS, VALUES = list(RECORD), list(RECORD.values())
ANY, SHEETS, MANY, QUEUE = (over_http, by_queue, in_base64, in_batch), (in_sheet,), (by_queue, in_batch), (by_queue,)

FILE_BROKEN = Refused("is a file as a flow holds it", "send the file as it came")
BYTES = Refused("bytes as Python writes them", "send the bytes themselves")
GZIP = Refused("compressed (gzip)", "send it without compression")
EVENT_GRID = Refused("an event of Event Grid", 'put what stands in its "data" in its place')
CLOUD_EVENT = Refused("an event (CloudEvents)", 'put what stands in its "data" in its place')
OUTPUT = Refused("all that an action of a flow put out", "put its body in its place")
ODATA = Refused("a list as an action answers it", 'send what stands in its "value"')
NO_JSON = Refused("is not valid JSON at line 1, column 1", "build the body with Compose")
NESTED = Refused("is a list", "in one list without lists inside")
ZONE = Refused("in which time zone", "write the offset behind those times")
UNKNOWN = Refused("its values would not be sent", "Give it the name of what it holds: registrationId, learnerUserId")
MEANT = Refused("is not known", "did you mean")
OTHER_KIND = Refused("an assignment has no such property, so it could not be sent", "is it the right type")
UNNAMED = Refused("but no name in row 1", "write its property's name there")
SURPLUS = Refused("not in quotes", "otherwise write the name of its property into row 1")
TWICE = Refused('both hold "status"', "put what they hold into one of them")
CONTRADICTION = Refused("contradicts its timeZone", "correct one of the two")


@dataclass(frozen=True)
class Body:
    """A body, the ways in that it can take, and what becomes of the record in it."""

    name: str
    sent: bytes
    ways: tuple[Way, ...]
    end: Any = None

    def __str__(self) -> str:
        return self.name


def taken(name: str, sent: bytes | str, ways: tuple[Way, ...] = ANY) -> Body:
    return Body(name, sent.encode() if isinstance(sent, str) else sent, ways)


def refused(name: str, sent: object, why: Refused, ways: tuple[Way, ...] = ANY) -> Body:
    body = sent if isinstance(sent, bytes) else sent.encode() if isinstance(sent, str) else json_of(sent)
    return Body(name, body, ways, why)


def b64(body: bytes) -> bytes:
    return base64.b64encode(body)


def file(body: bytes, content_type: str) -> bytes:
    return json_of({"$content-type": content_type, "$content": b64(body).decode()})


def sheet(delimiter: str, line_end: str = "\r\n", quote: str = '"', space: str = "") -> str:
    """Return the record's file, each value in quotes."""
    rows = (f"{delimiter}{space}".join(f"{quote}{value}{quote}" for value in row) for row in (HEADINGS, VALUES))
    return line_end.join([*rows, ""])


def with_column(heading: str, value: str) -> str:
    return f"{','.join(HEADINGS)},{heading}\n{','.join(VALUES[:-1])},x,{value}\n"


def titled(**titles: str) -> str:
    return ";".join(titles.get(name, name) for name in HEADINGS) + "\n" + ";".join(VALUES) + "\n"


def event(**more: object) -> dict[str, object]:
    return {"id": "1", "eventType": "Assigned", "subject": "x", "data": RECORD, "dataVersion": "1", **more}


BODIES = [
    # Byte order marks, ends of files, encodings.
    taken("a byte order mark", codecs.BOM_UTF8 + JSON),
    taken("two byte order marks", codecs.BOM_UTF8 * 2 + JSON),
    taken("a zero-width space before JSON", "\u200b".encode() + JSON),
    taken("the end of a file of DOS behind JSON", JSON + b"\x1a"),
    taken("JSON in UTF-16", JSON.decode().encode("utf-16")),
    taken("JSON with a null behind it", JSON + b"\0"),
    taken("a sheet with two byte order marks", codecs.BOM_UTF8 * 2 + SHEET, SHEETS),
    taken("a sheet in UTF-16 with two byte order marks", ("\ufeff" + TEXT).encode("utf-16"), SHEETS),
    taken("a sheet with the end of a file of DOS", SHEET + b"\x1a", SHEETS),
    # Texts and base64.
    taken("JSON in a text", json.dumps(JSON.decode())),
    taken("JSON in a text in a text", json.dumps(json.dumps(JSON.decode()))),
    taken("base64", b64(JSON)),
    taken("base64 twice", b64(b64(JSON))),
    taken("base64 in a text", json.dumps(b64(JSON).decode())),
    taken("base64 in lines", base64.encodebytes(JSON)),
    taken("Python's bytes around base64", f"b'{b64(JSON).decode()}'"),
    taken("Python's bytes in base64", b64(f"b'{b64(JSON).decode()}'".encode())),
    refused("Python's bytes with escapes", r"""b'{"notes": "Pr\xc3\xbcfung"}'""", BYTES),
    *(
        refused(f"the text {text}, which is base64 by accident", text, NO_JSON, QUEUE)
        for text in ["test", "Hello123", "done"]
    ),
    # Files as flows hold them.
    taken("a flow's file of JSON", file(JSON, "application/json")),
    taken("a flow's file of an unnamed kind", file(JSON, "application/octet-stream")),
    taken("a flow's file in base64", b64(file(JSON, "application/json"))),
    taken("a flow's file without a kind", json_of({"$content": b64(JSON).decode()})),
    taken("a flow's file in a flow's file", file(file(JSON, "application/json"), "application/octet-stream")),
    taken("a flow's file of CSV", file(SHEET, "text/csv"), (by_queue, in_base64, in_batch, in_sheet)),
    taken("a flow's file of CSV of an unnamed kind", file(SHEET, "application/octet-stream"), MANY),
    taken("a flow's file of CSV with a charset", file(TEXT.encode("cp1252"), "text/csv; charset=windows-1252"), MANY),
    refused("a flow's file that is no base64", {"$content-type": "text/csv", "$content": "a;b"}, FILE_BROKEN, ANY),
    taken("a sheet in base64", b64(SHEET), SHEETS),
    # Envelopes and packing.
    refused("gzip", gzip.compress(JSON), GZIP),
    refused("gzip of a sheet", gzip.compress(SHEET), GZIP, SHEETS),
    refused("an event of Event Grid", event(topic="/x"), EVENT_GRID),
    refused("events of Event Grid", [event(eventTime="2026-11-22T10:00:00Z")], EVENT_GRID),
    refused(
        "an event in the schema of CloudEvents",
        {"specversion": "1.0", "type": "x", "source": "/x", "id": "1", "data": RECORD},
        CLOUD_EVENT,
    ),
    refused("all that an HTTP action put out", {"statusCode": 200, "headers": {}, "body": RECORD}, OUTPUT),
    refused("a list of OData", {"value": [RECORD]}, ODATA, MANY),
    refused("a page of OData", {"@odata.context": "x", "value": [RECORD], "@odata.nextLink": "y"}, ODATA, MANY),
    # Lists.
    refused("a list in a list", [[RECORD], [RECORD]], NESTED, MANY),
    refused("a list for one", [RECORD], NESTED, (over_http,)),
    # Sheets.
    *(taken(f"a sheet with {delimiter!r}", sheet(delimiter), SHEETS) for delimiter in [",", ";", "\t", "|"]),
    *(
        taken(f"a sheet with sep={delimiter}", f"sep={delimiter}\r\n{sheet(delimiter)}", SHEETS)
        for delimiter in [",", ";", "|"]
    ),
    taken("a sheet with SEP=; behind a byte order mark", codecs.BOM_UTF8 + f"SEP=;\n{sheet(';')}".encode(), SHEETS),
    taken("a space before each quote", sheet(",", space=" "), SHEETS),
    taken("two spaces before each quote", sheet(";", "\n", space="  "), SHEETS),
    taken("what cannot be seen around a heading", TEXT.replace("status", "\u200bstatus\u00a0", 1), SHEETS),
    taken(
        "the connector's captions", titled(externalCourseActivityId="External ID", learnerUserId="Learner ID"), SHEETS
    ),
    taken("the connector's captions in small letters", titled(assignmentType="assignment type", notes="NOTES"), SHEETS),
    taken("what cannot be seen inside of a heading", TEXT.replace("status", "sta\u200btus", 1), SHEETS),
    taken("the type of a history", TEXT.replace("type", "ActivityType", 1), SHEETS),
    refused("the time zone of a history", with_column("DueDateTimeZone", "Pacific Standard Time"), ZONE, SHEETS),
    refused("a column that nobody knows", with_column("Department", "Sales"), UNKNOWN, SHEETS),
    refused("a column with a mistake in its name", with_column("dueDatTime", "2026-12-18"), MEANT, SHEETS),
    refused("a column without a name", f",{','.join(HEADINGS)}\nx,{','.join(VALUES[:-1])},x\n", UNNAMED, SHEETS),
    refused("a cell too many", f"{','.join(HEADINGS)}\n{','.join(VALUES)}\n", SURPLUS, SHEETS),
    refused("a column twice", with_column("Status", "completed"), TWICE, SHEETS),
    # Properties.
    refused("a property of the other kind", {**RECORD, "startedDateTime": "2026-11-22"}, OTHER_KIND),
    refused(
        "an offset against a zone",
        {**RECORD, "dueDateTime": {"dateTime": "2026-11-22T10:00:00Z", "timeZone": "Europe/Berlin"}},
        CONTRADICTION,
    ),
    taken("a formula that makes a text", TEXT.replace(LEARNER, f'="{LEARNER}"'), SHEETS),
]
