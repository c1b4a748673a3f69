"""The schemas of what the app answers beside activities, and the list of all components."""

from activities.contract.activity import Outcome
from activities.contract.kinds import ODATA_TYPE, TYPE
from activities.web.http import LARGEST_PAGE
from connector import (
    activity_schemas,
    app_schemas,
    batch_schemas,
    course_list,
    erasure,
    publisher,
    schemas,
    selections,
    tenant_schemas,
)
from connector.schemas import Schema, flag, listing, number, record, ref, text

_APP = f"https://{publisher.PLACEHOLDER_HOST}{publisher.BASE_PATH}"
_BATCH_ID = "0b7c3b1e5d0f4a2c9e6d8f7a1b2c3d4e"
_MOMENT = "2026-11-22T17:02:00+00:00"
_EMPTY = "Empty if nothing failed."
_NEXT = "The address of the next page; it is missing on the last one."


def by_name() -> dict[str, Schema]:
    """Return every schema by its name."""
    kinds = {schemas.name_of(kind): kind for kind in schemas.KINDS}
    return {
        **{name: schemas.request_of(kind) for name, kind in kinds.items()},
        **{f"{name}Activity": schemas.request_of(kind, ODATA_TYPE) for name, kind in kinds.items()},
        **{f"{name}Record": schemas.request_of(kind, TYPE) for name, kind in kinds.items()},
        **{f"Created{name}": schemas.answer_of(kind) for name, kind in kinds.items()},
        **{f"{name}Change": activity_schemas.change_of(kind) for name, kind in kinds.items()},
        "Activity": schemas.any_activity(),
        "ActivityChange": activity_schemas.any_change(),
        "DeletedActivity": activity_schemas.deleted(),
        "Record": batch_schemas.any_record(),
        "ChangeRecord": batch_schemas.change_record(),
        "LearningCourseActivity": schemas.entity(),
        "Batch": batch_schemas.batch(),
        "BatchBody": {
            "title": "Body of a Batch",
            "description": "A batch, only its list of activities, or a single activity.",
            "anyOf": [
                ref("Batch"),
                listing("Activities", "Only the activities.", ref("Record"), minItems=1),
                ref("Record"),
            ],
        },
        "BatchReport": _report(),
        "BatchStatus": _status(),
        "DeletedBatch": _deleted_batch(),
        "FailurePage": _failure_page(),
        "Selection": selections.selection(),
        "Replayed": selections.replayed(),
        "Discarded": selections.discarded(),
        "LearnerSelection": erasure.selection(),
        "ErasedLearner": erasure.answer(),
        "LearningContents": course_list.answer(),
        "TenantCheckOrder": tenant_schemas.order(),
        "TenantCheck": tenant_schemas.result(),
        "TenantCheckProgress": tenant_schemas.progress(),
        "Health": app_schemas.health(),
        "Error": app_schemas.error(),
        "ApiDescription": app_schemas.description(),
    }


def _report() -> Schema:
    result = record(
        "Result",
        "What became of one activity.",
        {
            "index": number("Index", "The activity's place in the batch, from 0.", 0),
            "outcome": text(
                "Outcome",
                "What became of it: created, updated, unchanged, deleted, superseded by something newer, or failed.",
                "created",
                enum=[str(one) for one in Outcome],
            ),
            "id": text(
                "ID",
                "Microsoft Graph's ID of the activity, without the learner's ID in front; empty if there is none.",
                "749c8786-99bb-4b3b-8d5d-586428f6aaa3",
            ),
            "externalCourseActivityId": text("External ID", "Your own ID of the activity.", "safety-2026-0042"),
            "errorCode": text("Error Code", f"Why it failed, in one word. {_EMPTY}", "learnerNotLicensed"),
            "errorMessage": text(
                "Error Message",
                f"Why it failed, and what to do about it. {_EMPTY}",
                "The learner has no premium licence for Viva Learning.",
            ),
            "errorTarget": text("Error Target", f"The property that is wrong. {_EMPTY}", "status"),
        },
    )
    properties = {
        "batchId": text("Batch ID", "The long random ID of the batch.", _BATCH_ID),
        "name": text("Name", "What the sender calls the batch. It may be empty.", "Safety training, autumn term"),
        "status": text(
            "Status", "Whether the batch is running or completed.", "completed", enum=["running", "completed"]
        ),
        "createdAt": text("Created At", "When the batch was accepted.", _MOMENT, format="date-time"),
        **_counts(),
        "allSucceeded": flag("All Succeeded", "Whether all is done and nothing failed.", example=False),
        "remarks": listing(
            "Remarks",
            "What to know about how a file was read, such as which columns are not used. It may be empty.",
            text("Remark", "One of them, in a sentence.", "The file was read as an export of Moodle."),
        ),
        "results": listing("Results", f"One result for each activity, up to {LARGEST_PAGE:,} on a page.", result),
    }
    own = tuple(properties)
    properties["nextLink"] = text("Next Link", _NEXT, f"{_APP}/batches/{_BATCH_ID}")
    return record(
        "Batch Report", "What became of the batch; always the same keys, never null.", properties, required=own
    )


def _counts() -> dict[str, Schema]:
    return {
        "total": number("Total", "How many activities the batch has.", 2),
        "succeededCount": number("Succeeded Count", "How many have come to their end and not failed.", 1),
        "failedCount": number("Failed Count", "How many failed.", 1),
        "createdCount": number("Created Count", "How many were created.", 1),
        "updatedCount": number("Updated Count", "How many were updated.", 0),
        "unchangedCount": number("Unchanged Count", "How many were already as they were sent.", 0),
        "deletedCount": number("Deleted Count", "How many were deleted.", 0),
        "supersededCount": number(
            "Superseded Count", "How many were older than what is known, and changed nothing.", 0
        ),
    }


def _status() -> Schema:
    properties = {
        "id": text("Batch ID", "The long random ID of the batch.", _BATCH_ID),
        "status": text(
            "Status", "Failed only if nothing at all succeeded.", "Succeeded", enum=["Running", "Succeeded", "Failed"]
        ),
        "createdDateTime": text("Created At", "When the batch was accepted.", _MOMENT, format="date-time"),
        "lastActionDateTime": text("Changed At", "When the last result came in.", _MOMENT, format="date-time"),
        "percentComplete": number("Percent Complete", "How much of the batch is done.", 100),
        "resourceLocation": text("Report Address", "Where the report is.", _APP),
        **_counts(),
    }
    own = tuple(properties)
    reason = {
        "code": text("Code", "The first reason, in one word.", "learnerNotLicensed"),
        "message": text("Message", "The first reason, in a sentence.", "No activity succeeded."),
        "target": text("Target", "Where the report is.", _APP),
    }
    properties["error"] = record("Error", "Why nothing succeeded. It is missing otherwise.", reason)
    return record("Batch Status", "How far the batch is.", properties, required=own)


def _deleted_batch() -> Schema:
    properties = {
        "batchId": text("Batch ID", "The long random ID that the batch had.", _BATCH_ID),
        "notSentCount": number(
            "Not Sent Count", "How many activities had come to no end, and are not sent any more.", 420
        ),
    }
    return record("Deleted Batch", "What was stopped.", properties)


def _failure_page() -> Schema:
    failure = record(
        "Failure",
        "What could not be carried out from the queue, and why.",
        {
            "id": text(
                "Failure ID", "The ID of the failure, to replay or discard it.", "5db4f7926ca010edbf92504b390fe31b"
            ),
            "code": text("Error Code", "Why it failed, in one word.", "invalidRequest"),
            "message": text("Error Message", "Why it failed, and what to do about it.", "status is required."),
            "details": listing("Details", "Every single problem. It may be empty.", app_schemas.problem()),
            "attempts": number("Attempts", "How often it was tried.", 1),
            "firstSeenAt": text("First Seen At", "When it came into the queue.", _MOMENT, format="date-time"),
            "failedAt": text("Failed At", "When it was set aside.", _MOMENT, format="date-time"),
            "activity": {
                "title": "Activity",
                "description": "The activity as it stood in the queue; an empty object if it could not be read.",
                "examples": [{"@odata.type": "#microsoft.graph.learningAssignment", "status": "nope"}],
            },
            "bodyBase64": text(
                "Body in Base64", "The message itself, only if no activity could be read from it.", "bm8gSlNPTg=="
            ),
            "bodyText": text(
                "Body Text", "How the message begins, only if no activity could be read from it.", "no JSON"
            ),
        },
    )
    for name in ("bodyBase64", "bodyText"):
        failure["required"].remove(name)
    properties = {
        "failures": listing("Failures", "The failures, newest first.", failure),
        "nextLink": text("Next Link", _NEXT, f"{_APP}/failures?after=at-1"),
    }
    return record("Failures", "One page of failures.", properties, required=("failures",))
