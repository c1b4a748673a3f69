"""The function that the documentation's SDK snippet leads to: the yardstick, with nothing of the product in it.

The same snippet behind an HTTP trigger and behind a queue trigger, since the product has both.
Source: https://learn.microsoft.com/graph/api/employeeexperienceuser-post-learningcourseactivities#example-1-create-an-assigned-learning-course-activity
(with the property names that the SDK really has).
"""

import json
import os
from datetime import datetime
from typing import Any

import azure.functions as func
from azure.identity.aio import ManagedIdentityCredential
from msgraph import GraphServiceClient  # type: ignore[attr-defined] # The name that the documentation imports.
from msgraph.generated.models.assignment_type import AssignmentType
from msgraph.generated.models.course_status import CourseStatus
from msgraph.generated.models.date_time_time_zone import DateTimeTimeZone
from msgraph.generated.models.item_body import ItemBody
from msgraph.generated.models.learning_assignment import LearningAssignment

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)
graph_client = GraphServiceClient(ManagedIdentityCredential(), scopes=["https://graph.microsoft.com/.default"])
graph_client.request_adapter.base_url = os.environ["GRAPH_BASE_URL"]


@app.route("assignments", methods=["POST"])
async def create_assignment(req: func.HttpRequest) -> func.HttpResponse:
    """Create an assignment from the documented body."""
    activity_id = await _create(req.get_json())
    return func.HttpResponse(json.dumps({"id": activity_id}), status_code=201, mimetype="application/json")


@app.queue_trigger(arg_name="msg", queue_name="%ACTIVITY_QUEUE%", connection="AzureWebJobsStorage")
async def create_from_queue(msg: func.QueueMessage) -> None:
    """Create an assignment from a message with the documented body."""
    await _create(msg.get_json())


async def _create(said: dict[str, Any]) -> str:
    body = LearningAssignment(
        odata_type="#microsoft.graph.learningAssignment",
        assigned_date_time=datetime.fromisoformat(said["assignedDateTime"]),
        assignment_type=AssignmentType(said["assignmentType"]),
        assigner_user_id=said["assignerUserId"],
        completion_percentage=said["completionPercentage"],
        due_date_time=DateTimeTimeZone(
            date_time=said["dueDateTime"]["dateTime"], time_zone=said["dueDateTime"]["timeZone"]
        ),
        externalcourse_activity_id=said["externalCourseActivityId"],
        learning_content_id=said["learningContentId"],
        learning_provider_id=said["learningProviderId"],
        learner_user_id=said["learnerUserId"],
        notes=ItemBody(content=said["notes"]["content"]),
        status=CourseStatus(said["status"]),
    )
    provider = graph_client.employee_experience.learning_providers.by_learning_provider_id(said["learningProviderId"])
    result = await provider.learning_course_activities.post(body)
    return str(result.id)
