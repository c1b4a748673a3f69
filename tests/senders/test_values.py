"""Every value of the corpus, by every way in that can carry it: the right value, or a refusal with its true cause."""

import re
from typing import Any

import pytest

from activities.contract.models import Assignment, Json, SelfInitiatedCourse
from tests.senders.values import ABSENT, CASES, IN_SHEETS, STARTED, Case, Refused
from tests.support.records import record
from tests.support.ways_in import OF_JSON, End, Way, in_sheet, json_of, sheet_of

# Whoever follows such advice loses what somebody may have meant.
HARMFUL = re.compile(r"\b(?:remove|delete|drop|clear|omit|skip|leave\b.*\bout)\b", re.IGNORECASE)


def record_of(case: Case) -> Json:
    """Return a record that is valid but for the case's property."""
    kind = SelfInitiatedCourse if case.name == STARTED else Assignment
    return record(kind, **{"type": kind.type_name, "status": case.status, case.name: case.sent})


def assert_ends(end: End, case: Case) -> None:
    """Check what became of a case's record."""
    match case.end:
        case Refused(cause, advice):
            assert isinstance(end, str), f"it was taken: {end}"
            assert cause in end
            assert advice in end
            assert not HARMFUL.search(end), end
        case _ if isinstance(end, str):
            pytest.fail(end)
        case expected if expected is ABSENT:
            assert end.get(case.name) is None or case.name == "externalCourseActivityId"
            assert end.get(case.name) != case.sent
        case expected:
            assert end[case.name] == expected


@pytest.mark.parametrize("way", OF_JSON.values(), ids=OF_JSON.keys())
@pytest.mark.parametrize("case", CASES, ids=str)
async def test_a_value_means_the_same_by_every_way_of_json(case: Case, way: Way) -> None:
    assert_ends(await way(json_of(record_of(case))), case)


@pytest.mark.parametrize("case", IN_SHEETS, ids=str)
async def test_a_cell_means_what_its_sheet_means(case: Case) -> None:
    assert_ends(await in_sheet(sheet_of(record_of(case))), case)


def test_the_corpus_is_large_and_has_no_case_twice() -> None:
    assert len(CASES) >= 150
    seen: list[tuple[str, Any, str]] = []
    for case in CASES:
        assert (case.name, repr(case.sent), case.status) not in seen
        seen.append((case.name, repr(case.sent), case.status))
