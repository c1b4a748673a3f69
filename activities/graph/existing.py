"""Activities that exist already: the requests to change, delete and look them up, and what Graph's answers to them say.

The SDK's builders for these are imported by the first request that needs them: a process that only creates does
without. What a create is, and how anything is sent, is ``client``'s.
"""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from kiota_abstractions.base_request_configuration import RequestConfiguration
from kiota_abstractions.default_query_parameters import QueryParameters
from kiota_abstractions.request_information import RequestInformation

from activities.contract.activity import Operation, StoredActivity
from activities.errors import ActivityError, ErrorCode, TransientError
from activities.execution.gateway import ExternalKey, Write
from activities.graph import permissions, translation
from activities.graph.sdk import Adapter, Answer, JsonBody

type Configuration = RequestConfiguration[QueryParameters]


def writing(activities: Any, url: str, write: Write, configuration: Configuration) -> RequestInformation:
    """Return the update or the deletion of an activity: both are documented below a provider only.

    Args:
        activities: The SDK's builder for its provider's activities.
        url: Their URL, expanded.
        write: Which one, and what it is to become.
        configuration: What every request has.
    """
    activity = activities.by_learning_course_activity_id(write.graph_id)
    activity = activity.with_url(f"{url}/{quote(write.graph_id, safe='')}")
    information: RequestInformation = (
        activity.to_delete_request_information(configuration)
        if write.operation is Operation.DELETE
        else activity.to_patch_request_information(JsonBody(write.body), configuration)
    )
    return information


def finding(providers: Any, key: ExternalKey, configuration: Configuration) -> RequestInformation:
    """Return the look-up of an activity by its alternate key; ``providers`` is the SDK's builder for all of them."""
    # OData doubles a quote inside a quoted key; the SDK only percent-encodes it.
    doubled = key.external_id.replace("'", "''")
    provider = providers.by_learning_provider_id(key.registration_id)
    activity = provider.learning_course_activities_with_externalcourse_activity_id(doubled)
    information: RequestInformation = activity.to_get_request_information(configuration)
    return information


def getting(adapter: Adapter, graph_id: str, configuration: Configuration) -> RequestInformation:
    """Return the look-up of an activity by Graph's id: it is documented at the root only, below no provider.

    Source: https://learn.microsoft.com/graph/api/learningcourseactivity-get
    """
    from msgraph.generated.employee_experience.learning_course_activities.item import (
        learning_course_activity_item_request_builder as builders,
    )

    carrier: Any = adapter  # As much of the SDK's adapter as its builders need.
    activity = builders.LearningCourseActivityItemRequestBuilder(carrier, {"learningCourseActivity%2Did": graph_id})
    information: RequestInformation = activity.to_get_request_information(configuration)
    return information


def written(answer: Answer, write: Write) -> StoredActivity | ActivityError:
    """Return that Graph has done an update or a deletion, or why it has not."""
    if answer.succeeded:
        # A body is neither documented nor needed: what was asked for is what there is.
        return StoredActivity({}, answer.headers.get("request-id", ""))
    if translation.says_absent(answer.status, answer.body):
        return translation.absent()
    return failure(answer, permissions.to_write(write.body))


def found(answer: Answer | ActivityError, permission: tuple[str, ...]) -> StoredActivity | ActivityError | None:
    """Return what a look-up found, None if Graph says that there is nothing, or why Graph could not tell."""
    if isinstance(answer, ActivityError):
        return answer
    if (entity := answer.entity) is not None:
        return StoredActivity(entity, answer.headers.get("request-id", ""))
    if translation.says_absent(answer.status, answer.body):
        return None
    return failure(answer, permission)


def failure(answer: Answer, permission: tuple[str, ...]) -> ActivityError:
    """Return the error for an answer without what was asked for; any one of ``permission`` would have been enough."""
    error = translation.translate(
        answer.status, answer.headers, answer.body, now=datetime.now(UTC), permission=permission
    )
    if isinstance(error, TransientError) and error.code is ErrorCode.THROTTLED:
        # Graph has been seen to execute what it throttles inside a batch.
        # Source: https://learn.microsoft.com/answers/questions/5529013
        error.may_have_executed = answer.in_batch
    return error
