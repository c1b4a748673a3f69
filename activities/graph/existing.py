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

from activities.contract.models import StoredActivity
from activities.errors import ActivityError, ErrorCode, TransientError
from activities.execution.gateway import ActivityAddress, ActivityUpdate, ExternalKey
from activities.graph import permissions, translation
from activities.graph.sdk import Adapter, Answer, JsonBody

type Configuration = RequestConfiguration[QueryParameters]


def updating(activities: Any, url: str, update: ActivityUpdate, configuration: Configuration) -> RequestInformation:
    """Return the update of an activity; given are the SDK's builder for its provider's activities, and their URL."""
    activity = _activity(activities, url, update.graph_id)
    information: RequestInformation = activity.to_patch_request_information(JsonBody(update.state), configuration)
    return information


def deleting(activities: Any, url: str, address: ActivityAddress, configuration: Configuration) -> RequestInformation:
    """Return the deletion of an activity; given is what ``updating`` is given."""
    activity = _activity(activities, url, address.graph_id)
    information: RequestInformation = activity.to_delete_request_information(configuration)
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


def _activity(activities: Any, url: str, graph_id: str) -> Any:
    """Return the SDK's builder for one activity: updates and deletions are documented below a provider only."""
    return activities.by_learning_course_activity_id(graph_id).with_url(f"{url}/{quote(graph_id, safe='')}")


def updated(answer: Answer | ActivityError, update: ActivityUpdate) -> ActivityError | None:
    """Return None for an update that Graph has taken, or why it has not."""
    if isinstance(answer, ActivityError):
        return answer
    if answer.succeeded:
        return None  # A body is neither documented nor needed: what was asked for is what there is.
    if translation.says_absent(answer.status, answer.body):
        return translation.absent()
    return failure(answer, permissions.to_update(update.state))


def deleted(answer: Answer | ActivityError) -> bool | ActivityError:
    """Return whether an activity was there until Graph deleted it, or why nobody knows."""
    if isinstance(answer, ActivityError):
        return answer
    if answer.succeeded:
        return True
    if translation.says_absent(answer.status, answer.body):
        return False
    return failure(answer, permissions.TO_DELETE)


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
