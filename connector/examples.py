"""Examples of bodies: Microsoft's own where its page has one, otherwise what the code itself says."""

import json
from datetime import UTC, datetime
from typing import Any

from activities.batches.results import Batch, Progress
from activities.contract.activity import Operation, Outcome, StoredActivity
from activities.contract.advice import ADVICE
from activities.contract.kinds import ODATA_TYPE, TYPE
from activities.contract.models import Assignment, CourseActivity, Defaults, SelfInitiatedCourse
from activities.contract.validation import ALTERNATIVES, parse_activity
from activities.errors import ActivityError, ErrorCode, PermanentError, TransientError
from activities.execution.decisions import Done
from activities.execution.result import Result
from activities.execution.tenant.assumptions import Name
from activities.execution.tenant.checks import Running
from activities.execution.tenant.findings import Checked, Finding, in_order
from activities.health import Report
from activities.queueing.messages import Failure
from activities.queueing.put_back import Record
from activities.web import activities, answers, batch_answers, courses, http
from connector import course_list, publisher, schemas
from connector.activity_schemas import GRAPH_ID

type Examples = dict[str, Any]

SAMPLES = publisher.ROOT / "tests" / "samples"
_NOW = datetime(2026, 11, 22, 17, 2, tzinfo=UTC)
_REQUEST = http.Request(request_id="5a4d0f6e-5f4f-4f7a-9f53-0d1a3f6f2c11")
_URL = f"https://{publisher.PLACEHOLDER_HOST}{publisher.BASE_PATH}"
_ID = "749c8786-99bb-4b3b-8d5d-586428f6aaa3"
_COURSE = "57baf9dc-e020-11ec-9d64-0242ac120002"
_COMPLETED = {
    "externalCourseActivityId": "safety-2026-0042",
    "status": "completed",
    "completionPercentage": 100,
    "completedDateTime": "2024-11-22T17:02:00Z",
    "asOfDateTime": "2024-11-22T17:02:00Z",
}
_FOUND = {Name.BATCH_ACCEPTED: Finding(Name.BATCH_ACCEPTED, "400 notSupported.", holds=False)}
_SAMPLE_NAMES = {"assignment": "An assignment", "self-initiated": "A self-initiated course"}


def of_requests() -> dict[str, Examples]:
    """Return examples of request bodies by component."""
    return {
        "Activity": _samples("request"),
        "Assignment": _one(_record(Assignment)),
        "SelfInitiatedCourse": _one(_record(SelfInitiatedCourse)),
        "ActivityChange": _one({ODATA_TYPE: Assignment.odata_type, **_COMPLETED}),
        "AssignmentChange": {
            "external id": {"summary": "By your own ID", "value": _COMPLETED},
            "id": {"summary": "By the ID of Microsoft Graph", "value": {"id": GRAPH_ID, "status": "inProgress"}},
        },
        "SelfInitiatedCourseChange": _one(_COMPLETED),
        "BatchBody": {
            "operations": {"summary": "What was reported since", "value": changes()},
            "batch": {"summary": "A batch with a name", "value": batch()},
            "list": {"summary": "Only the activities", "value": batch()["activities"]},
        },
        "Selection": {
            "all": {"summary": "All failures", "value": {}},
            "code": {"summary": "Those with an error code", "value": {"code": "contentNotOwnedByProvider"}},
            "ids": {"summary": "Single failures", "value": {"ids": ["5db4f7926ca010edbf92504b390fe31b"]}},
        },
        "TenantCheckOrder": _one(
            {"learnerUserId": "7ba2228a-e020-11ec-9d64-0242ac120002", "learningContentId": _COURSE}
        ),
        "LearnerSelection": {
            "id": {"summary": "By object ID", "value": {"learnerUserId": "7ba2228a-e020-11ec-9d64-0242ac120002"}},
            "address": {"summary": "By address", "value": {"learnerUserId": "ann@contoso.com"}},
        },
    }


def of_answers() -> dict[str, Examples]:
    """Return examples of good answers by component."""
    return {
        "LearningCourseActivity": _samples("response"),
        "CreatedAssignment": _one(created(Assignment)),
        "CreatedSelfInitiatedCourse": _one(created(SelfInitiatedCourse)),
        "BatchReport": _one(report()),
        "BatchStatus": _one(
            _body(batch_answers.encode_status(_progress(), None, _REQUEST, url=_batch_url(), now=_NOW))
        ),
        "DeletedBatch": _one({"batchId": report()["batchId"], "notSentCount": 420}),
        "FailurePage": _one(_body(answers.encode_failures([failure()], "", _REQUEST))),
        "DeletedActivity": _one(
            {
                "outcome": str(Outcome.DELETED),
                "id": "",
                "externalCourseActivityId": "safety-2026-0042",
                "registrationId": _record(Assignment)["registrationId"],
            }
        ),
        "Replayed": _one({"replayedCount": 12, "moreToReplay": False}),
        "LearningContents": _one(_body(courses.encode(course_list.CONTENTS, truncated=False, request=_REQUEST))),
        "ErasedLearner": _one(
            {"batchCount": 3, "failureCount": 1, "queueCount": 1, "ledgerCount": 12, "moreToErase": False}
        ),
        "Discarded": _one({"discardedCount": 12, "moreToDiscard": False}),
        "TenantCheck": _one(Checked(_NOW, in_order(_FOUND, why_not="Not tried.")).to_json()),
        "TenantCheckProgress": _one(Running("4f1c9a7b", _NOW, _NOW, done=7).to_json()),
        "Health": _one(_body(answers.encode_health(Report(_NOW), _REQUEST))),
        "ApiDescription": _one(
            {"openapi": "3.1.0", "info": {"title": publisher.TITLE, "version": publisher.version()}}
        ),
    }


def of_codes(codes: list[ErrorCode]) -> Examples:
    """Return an example of an error for each code."""
    return {code: {"value": _body(answers.encode_error(_error(code), _REQUEST))} for code in codes}


def running() -> Examples:
    """Return the report of a batch that has just been accepted."""
    return _one(Progress(_progress().batch).to_json([]))


def unhealthy() -> Examples:
    """Return what the app says when it cannot work."""
    return _one(_body(answers.encode_health(Report(_NOW, _error(ErrorCode.IDENTITY_UNAVAILABLE)), _REQUEST)))


def batch() -> Any:
    """Return a batch of one activity of each kind."""
    registration_id = _record(Assignment)["registrationId"]
    activities = []
    for index, kind in enumerate(schemas.KINDS):
        properties = {**_record(kind), "externalCourseActivityId": f"safety-2026-{42 + index:04}"}
        del properties["registrationId"]
        activities.append({TYPE: kind.type_name, **properties})
    return {"name": "Safety training, autumn term", "registrationId": registration_id, "activities": activities}


def changes() -> Any:
    """Return a batch of an activity that changes, and one that goes."""
    gone = {"operation": str(Operation.DELETE), "externalCourseActivityId": "safety-2026-0043"}
    return {"operation": str(Operation.UPDATE), "activities": [_COMPLETED, gone]}


def created(kind: type[CourseActivity]) -> Any:
    """Return what a flat operation answers."""
    wanted = parse_activity(_record(kind), kind=kind, defaults=Defaults())
    learner = wanted.activity.learner_user_id
    told = {"id": f"{learner}:{_ID}", "learningProviderId": wanted.registration_id}
    stored = StoredActivity({**wanted.activity.to_graph(), **told})
    return _body(activities.encode_flat(Done(Outcome.CREATED, wanted, stored), _REQUEST))


def report() -> Any:
    """Return the report of a batch in which one of two failed."""
    code = ErrorCode.LEARNER_NOT_LICENSED
    done = Result(0, Outcome.CREATED, _ID, "safety-2026-0042")
    failed = Result(1, Outcome.FAILED, "", "safety-2026-0043", code, ADVICE[code].meaning)
    return _progress().to_json([done, failed])


def failure() -> Any:
    """Return what was set aside because a property is wrong."""
    content = {ODATA_TYPE: Assignment.odata_type, "status": "nope"}
    record = Record(content, "origin", _NOW, _NOW, attempts=1)
    return Failure.of_record(record, _error(ErrorCode.INVALID_REQUEST), now=_NOW).to_json()


def _record(kind: type[CourseActivity]) -> dict[str, Any]:
    """Return a body of the models' own examples: of a course that is not completed, with one name for the provider."""
    properties = schemas.properties_of(kind)
    left_out = {"learningProviderId", "completedDateTime", *ALTERNATIVES.values()}
    return {name: said["examples"][0] for name, said in properties.items() if name not in left_out}


def _error(code: ErrorCode) -> ActivityError:
    if code is ErrorCode.INVALID_REQUEST:
        try:
            parse_activity({**_record(Assignment), "status": "nope"}, kind=Assignment, defaults=Defaults())
        except PermanentError as error:
            return error
    if answers.HTTP_STATUS[code] in {429, 503}:
        return TransientError(code, ADVICE[code].meaning, retry_after_seconds=60)
    return ActivityError(code, ADVICE[code].meaning)


def _progress() -> Progress:
    batch = Batch("0b7c3b1e5d0f4a2c9e6d8f7a1b2c3d4e", 2, _NOW, "Safety training, autumn term")
    return Progress(batch, succeeded=1, failed=1, changed_at=_NOW)


def _batch_url() -> str:
    return f"{_URL}/batches/{_progress().batch.id}"


def _samples(end: str) -> Examples:
    return {
        name: {"summary": summary, "value": json.loads((SAMPLES / f"{name}.{end}.json").read_text(encoding="utf-8"))}
        for name, summary in _SAMPLE_NAMES.items()
    }


def _one(value: object) -> Examples:
    return {"example": {"value": value}}


def _body(response: http.Response) -> Any:
    return json.loads(response.body)
