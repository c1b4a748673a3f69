"""Whoever names a learner by an address finds it nowhere afterwards but in the record that waits or has failed."""

import json
from collections.abc import Iterator
from uuid import uuid4

import pytest
from azure.data.tables import TableClient

from activities.storage.table_bytes import unpacked
from local.emulators.course_catalogue import READ_CONTENT
from local.emulators.people_emulator import READ_ALL
from local.emulators.tenant import Tenant
from tests.end_to_end import batch_stack
from tests.end_to_end.batch_stack import ended
from tests.end_to_end.queue_stack import PROVIDER, TABLES, QueueStack, assignment, queue_stack, wait_until
from tests.end_to_end.stack import Json
from tests.support import plain_http

# Nothing else that is logged or stored has these words.
KNOWN, UNKNOWN = "zoe.known@contoso.com", "yves.unknown@contoso.com"
EMPLOYEE = "employee-4711"
ZOE = {"id": str(uuid4()), "userPrincipalName": KNOWN, "mail": KNOWN, "employeeId": EMPLOYEE}
COURSE = {"learningProviderId": PROVIDER, "id": "content-by-name", "externalId": "LP4471", "title": "Safety"}
NAMES = ("zoe.known", "yves.unknown", EMPLOYEE)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QueueStack]:
    with queue_stack(tmp_path_factory.mktemp("by-name")) as stack:
        # Before the first token, which holds the roles of its moment.
        stack.change_tenant(roles=[*Tenant().roles, READ_ALL, READ_CONTENT])
        for resource, one in (("people", ZOE), ("contents", COURSE)):
            plain_http.post(f"{stack.graph_url}/_emulator/{resource}", json=one).raise_for_status()
        with stack.host(QUEUE_RESULTS="true"):
            yield stack
    stack.assert_discreet(*NAMES)


def by_address(address: str = KNOWN, **properties: object) -> Json:
    course = {"learningContentId": None, "learningContentExternalId": "LP4471"}
    return assignment(learnerUserId=address, externalCourseActivityId=f"e-{uuid4()}", **course, **properties)


def by_employee_id() -> Json:
    return {**by_address(), "learnerUserId": None, "learnerEmployeeId": EMPLOYEE}


def post(stack: QueueStack, body: Json) -> tuple[int, str]:
    answer = plain_http.post(f"{stack.hosts[-1].url}/api/activities", json=body, timeout=60)
    return answer.status_code, answer.text


def names_in(text: str) -> list[str]:
    return [name for name in NAMES if name in text.casefold()]


def rows_of(stack: QueueStack, table_name: str) -> list[tuple[str, str]]:
    """Return every row's key, and everything that it holds."""
    found = []
    with TableClient.from_connection_string(stack.connection, table_name) as table:
        for row in table.list_entities():
            packs = {name.rstrip("0123456789") for name, value in row.items() if isinstance(value, bytes)}
            held = [unpacked(name, row) for name in packs - {"Key", "Secret"}]
            found.append((row["RowKey"], json.dumps([dict(row), held], default=str)))
    return found


def texts_of(stack: QueueStack, suffix: str) -> list[str]:
    with stack.queue(suffix) as queue:
        return [message.content for message in queue.peek_messages(max_messages=32)]


def test_a_learners_name_is_nowhere_but_in_the_senders_own_record_that_waits_or_failed(stack: QueueStack) -> None:
    # Over HTTP, with and without anything to remember.
    for body in (by_address(), by_employee_id(), {**by_address(), "externalCourseActivityId": None}):
        status, said = post(stack, body)
        assert (status, names_in(said)) == (201, []), said
    status, said = post(stack, by_address(UNKNOWN))
    assert (status, names_in(said)) == (422, []), said
    # In batches: at once, by the queue, from a sheet.
    report = ended(stack, batch_stack.post(stack, [by_address(), by_address(UNKNOWN)]))
    assert [one["errorCode"] for one in report["results"]] == ["", "learnerNotFound"]
    many = ended(stack, batch_stack.post(stack, [by_address() if one % 2 else by_employee_id() for one in range(25)]))
    assert many["succeededCount"] == 25, many
    headings = "type,learnerUserId,learningContentExternalId,assignmentType,status"
    sheet = f"{headings}\nassignment,{KNOWN},LP4471,required,notStarted\n"
    by_sheet = ended(stack, batch_stack.post(stack, sheet.encode(), {"Content-Type": "text/csv"}))
    assert by_sheet["succeededCount"] == 1, by_sheet
    assert names_in(json.dumps([report, many, by_sheet])) == []
    # By the queue.
    stack.send(json.dumps([by_address(), by_employee_id(), by_address(UNKNOWN)]))
    wait_until(lambda: stack.count("-failed") == 1 and stack.count("-results") == 3, stack.tail)

    assert {one["learnerUserId"] for one in stack.created()} == {ZOE["id"]}
    assert {one["learningContentId"] for one in stack.created()} == {COURSE["id"]}
    assert names_in("".join(texts_of(stack, "-results"))) == []
    (failed,) = texts_of(stack, "-failed")
    assert names_in(failed) == ["yves.unknown"]
    told = json.loads(failed)
    assert names_in(json.dumps({name: one for name, one in told.items() if name != "activity"})) == []
    for name in TABLES:
        found = {key: names_in(held) for key, held in rows_of(stack, name) if names_in(held)}
        # What a batch was sent with is kept as it was, from which failed rows are filled in again.
        allowed = {key for key in found if key.startswith("page-") or found[key] == ["yves.unknown"]}
        assert found.keys() == allowed, name
        assert found, "the search finds nothing where something is"
    assert names_in(stack.log_file.read_text(encoding="utf-8")) == []


def test_the_same_person_under_another_name_is_the_same_request(stack: QueueStack) -> None:
    body = by_address()
    assert post(stack, body)[0] == 201
    for name in ({"learnerUserId": None, "learnerEmployeeId": EMPLOYEE}, {"learnerUserId": ZOE["id"]}):
        assert post(stack, {**body, **name})[0] == 200
    assert post(stack, {**body, "learningContentExternalId": None, "learningContentId": COURSE["id"]})[0] == 200
