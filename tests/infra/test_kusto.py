"""The queries of alerts and workbook know only what the app logs: its events, their fields, its codes and functions."""

import ast
import json
import re
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

from activities import telemetry
from activities.contract.activity import Outcome
from activities.errors import ErrorCode
from connector import served_routes
from tests.infra import bicep

ACTIVITIES = bicep.ROOT / "activities"
# What the queries themselves call things, and the words of others.
WORDS = {
    "HTTP",
    "queue",
    "batch",
    "failed",
    "to be repeated",
    "poison",
    "create_from_",  # How the names of the queues' functions begin.
    "Message has reached MaxDequeueCount",  # The Functions host.
}
COMMENT = re.compile(r"(?<!:)//[^\n]*")  # Not the two strokes of an address.
LITERAL = re.compile(r"(@?)'([^']*)'")  # With @ it is a regular expression.
EVENTS_ASKED = re.compile(r"\bEvent (?:==|!=|in|!in)\s*(?:'([^']*)'|\(([^)]*)\))")
EXPANDED = re.compile(r"mv-expand (\w+) = dynamic\(\[([^\]]*)\]\).*?Fields\[\1\]", re.DOTALL)
FIELDS_ASKED = re.compile(r"\bFields\.(\w+)(?:\.(\w+))?")


@cache
def logged() -> dict[str, set[str]]:
    """Return every event of the app with the names of its fields, read from the calls in the code."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in ACTIVITIES.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and (event := event_of(node)):
                found[event] |= fields_of(node, path)
    return found


def event_of(call: ast.Call) -> str:
    """Return the event that a call logs, or "" for any other call; ``quietly("name", …)`` logs with a code."""
    function = ast.unparse(call.func)
    name = call.args[0] if call.args else None
    logs = function in {"telemetry.event", "telemetry.failure"} or function.rpartition(".")[2] == "quietly"
    return name.value if logs and isinstance(name, ast.Constant) and isinstance(name.value, str) else ""


def fields_of(call: ast.Call, path: Path) -> set[str]:
    named = {str(keyword.arg) for keyword in call.keywords if keyword.arg}
    for keyword in call.keywords:
        if keyword.arg is None:  # **fields: every name that the module spells out in a dictionary, which is no fewer.
            tree = ast.parse(path.read_text(encoding="utf-8"))
            keys = (key for node in ast.walk(tree) if isinstance(node, ast.Dict) for key in node.keys)
            named |= {str(key.value) for key in keys if isinstance(key, ast.Constant)}
    return named | ({"code"} if ast.unparse(call.func).endswith("quietly") else set())


@cache
def functions() -> set[str]:
    return {str(function.get_function_name()) for function in served_routes.functions()}


def queries() -> dict[str, str]:
    found = {path.relative_to(bicep.ROOT).as_posix(): path for path in sorted(bicep.INFRA.rglob("*.kql"))}
    return {name: COMMENT.sub("", path.read_text(encoding="utf-8")) for name, path in found.items()}


def unknown(query: str) -> list[str]:
    """Return the events, fields and words of a query that nothing writes."""
    events = {
        one
        for single, several in EVENTS_ASKED.findall(query)
        for one in ([single] if single else re.findall(r"'([^']*)'", several))
    }
    fields = {field for names in logged().values() for field in names} | {"invocationId"}
    codes = {str(one) for one in (*ErrorCode, *Outcome)}
    words = WORDS | set(logged()) | codes | functions()
    return [
        *(f"event {one}" for one in sorted(events - logged().keys())),
        *(f"field {one}" for one in sorted({name for name, _ in FIELDS_ASKED.findall(query)} - fields)),
        *(f"word {one}" for one in sorted({one for at, one in LITERAL.findall(query) if one and not at} - words)),
    ]


def alone_asked(query: str) -> list[str]:
    """Return the fields that a query asks of events none of which has it, one pipeline at a time.

    A field that is asked by a list of names, ``Fields[Name]``, is asked of every event.
    """
    wrong: list[str] = []
    named: dict[str, set[str]] = {}  # By the name of a ``let``: the events that it leaves.
    for pipeline in re.split(r"[;(]\s*(?=(?:let \w+ = )?\w+\s*\|)", query):
        begun = re.match(r"(?:let (?P<name>\w+) = )?(?P<source>\w+)\s*\|", pipeline.strip())
        conditions = re.findall(r"Event (?:==|in)[^|]*", pipeline)
        events = {one for text in conditions for one in re.findall(r"'([^']*)'", text) if one in logged()}
        events |= named.get(begun["source"], set()) if begun else set()
        if begun and begun["name"]:
            named[begun["name"]] = events
        fields = set().union(*(logged()[one] for one in events))
        wrong += [name for name, _ in FIELDS_ASKED.findall(pipeline) if events and name not in fields]
        listed = [name for _, names in EXPANDED.findall(pipeline) for name in re.findall(r"'([^']*)'", names)]
        wrong += [f"{event}.{name}" for event in sorted(events) for name in listed if name not in logged()[event]]
    return wrong


@pytest.mark.parametrize("name", queries())
def test_a_query_knows_only_what_the_app_logs(name: str) -> None:
    assert unknown(queries()[name]) == []
    assert alone_asked(queries()[name]) == []


def test_queries_stand_in_files_of_their_own() -> None:
    """Otherwise the rule above would not see them."""
    inline = [
        (path, one) for path, file in bicep.files().items() for one in file.strings if re.search(r"\|\s*where", one)
    ]
    assert inline == []
    assert queries()


def test_every_query_is_used() -> None:
    loaded = {Path(one).name for file in bicep.files().values() for one in file.loads}
    assert {Path(name).name for name in queries()} - loaded == set()


def test_the_first_query_reads_the_lines_as_the_app_writes_them(caplog: pytest.LogCaptureFixture) -> None:
    [query] = [text for name, text in queries().items() if name.endswith("/events.kql")]
    line, event, fields = re.findall(r"@'([^']*)'", query)
    with caplog.at_level("INFO"), telemetry.invocation("id", {}):
        telemetry.event("setAside", code="throttled")
        telemetry.failure("internalError", ValueError("x"))
    for record, name in zip(caplog.records, ("setAside", "internalError"), strict=True):
        message = record.getMessage()
        assert re.search(line, message)
        assert re.findall(event, message) == [name]
        assert json.loads(re.findall(fields, message)[0])["invocationId"] == "id"


def test_every_query_of_the_workbook_has_its_item() -> None:
    layout = json.loads((bicep.INFRA / "modules" / "workbook.json").read_text(encoding="utf-8"))
    items = [item["name"] for item in layout["items"] if item["type"] == 3]
    named = bicep.files()["infra/modules/workbook.bicep"].variables["queries"]
    assert isinstance(named, dict)
    assert sorted(items) == sorted(named)


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ("events | where Event == 'setAsied'", ["event setAsied", "word setAsied"]),
        ("events | where Event in ('setAside', 'gone')", ["event gone", "word gone"]),
        ("events | where Event == 'setAside' | project Fields.reason", ["field reason"]),
        ("events | where tostring(Fields.code) == 'throtled'", ["word throtled"]),
        ("events | where OperationName == 'create_from_bus'", ["word create_from_bus"]),
    ],
)
def test_an_unknown_name_is_found(query: str, wrong: list[str]) -> None:
    assert unknown(query) == wrong


def test_a_field_of_another_event_is_found() -> None:
    asked = "| project Fields.delaySeconds"
    other = f"union (events | where Event == 'setAside' {asked}), (events | where Event == 'putBack' {asked})"
    assert alone_asked(other) == ["delaySeconds"]
    assert alone_asked(f"let some = events | where Event == 'setAside';\nsome {asked}") == ["delaySeconds"]
    assert alone_asked(f"let some = events | where Event == 'putBack';\nsome {asked}") == []
    listed = "mv-expand What = dynamic(['code', 'delaySeconds']) | project Fields[What]"
    assert alone_asked(f"events | where Event in ('putBack', 'setAside') | {listed}") == ["setAside.delaySeconds"]
