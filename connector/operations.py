"""The table of operations: what each is for, in words for makers, what it takes, and how it can end.

Where each is served stands in the function app alone, and which status a code has in ``wire`` alone.
"""

from activities.errors import ErrorCode
from activities.web import repeating
from connector import course_list, file_operation, parameters
from connector.activity_operations import ACTIVITY_OPERATIONS, REPEATABLE
from connector.operation import ADVANCED, CSV, HTML, IMPORTANT, INTERNAL, XLSX, Answer, Operation
from connector.refusals import OF_A_BODY, OF_A_CALLER, OF_A_LOOK_UP, OF_STORAGE, OF_THE_APP

TAGS = {
    "Activities": "Creates, changes, finds and deletes one activity.",
    "Courses": "The courses that activities can be about.",
    "Batches": "Creates or changes many activities in one call, and reports on them.",
    "Failures": "What could not be carried out from the queue: put back, or thrown away.",
    "Learners": "What the app keeps about people.",
    "App": "The app itself.",
}
_FAILED = "The failed rows, to be corrected."
_RUNNING = Answer(
    "The batch is still running; a flow asks again by itself.",
    "BatchReport",
    headers=("Location", "Operation-Location", "Retry-After", repeating.RESULT),
)


_ACCEPTED = {
    200: Answer("The batch is finished; the results say what failed.", "BatchReport", headers=(repeating.RESULT,)),
    202: _RUNNING,
}


OPERATIONS = (
    *ACTIVITY_OPERATIONS,
    Operation(
        function="list_learning_contents",
        id=course_list.OPERATION,
        visibility=ADVANCED,
        tag="Courses",
        summary="List the courses of a learning provider",
        description="Lists the active courses of a learning provider in Viva Learning by their titles, for a list to "
        "choose from, or the one with an ID of the provider's own.",
        more="Up to 5,000 are read; truncated says whether there are more. Needs the permission "
        "LearningContent.Read.All.",
        parameters=(parameters.PROVIDER_OF_COURSES, parameters.SEARCH, parameters.EXTERNAL_ID_OF_COURSE),
        answers={200: Answer("The courses.", "LearningContents")},
        codes=OF_A_LOOK_UP,
    ),
    Operation(
        function="create_batch",
        id="CreateBatch",
        visibility=IMPORTANT,
        tag="Batches",
        summary="Send many activities",
        description="Creates, updates or deletes up to 10,000 assignments and self-initiated courses in one action and "
        "answers with a report, which has one result for each. A flow waits until the batch is finished. Power Apps "
        "and Copilot Studio do not wait: there, use Get the report of a batch until Status is completed.",
        more="Up to 20 valid activities are answered at once with 200, more with 202 and the address of the report. "
        "An activity that is wrong does not stop the others. Its kind is said in type or in @odata.type. In "
        "place of JSON, a CSV file or a workbook can be the body.",
        parameters=(
            *(*REPEATABLE, parameters.PREFER, parameters.NAME, parameters.PROVIDER),
            *file_operation.not_in_connector((*file_operation.ABOUT_ROWS, *file_operation.ABOUT_FILE)),
        ),
        body="BatchBody",
        connector_body="Batch",
        answers=_ACCEPTED,
        codes=(
            *OF_A_BODY,
            ErrorCode.INVALID_FILE,
            *OF_A_CALLER,
            *OF_THE_APP,
            *OF_STORAGE,
            ErrorCode.NOT_FOUND,
            ErrorCode.FIRST_SENT_TOO_OLD,
            ErrorCode.CREATE_IN_PROGRESS,
        ),
    ),
    file_operation.send_file(REPEATABLE, _ACCEPTED),
    Operation(
        function="get_batch",
        id="GetBatch",
        visibility=IMPORTANT,
        tag="Batches",
        summary="Get the report of a batch",
        description="Answers with what became of each activity of a batch. A flow waits until the batch is finished. "
        "Power Apps and Copilot Studio do not wait: there, use it again until Status is completed.",
        more="Needs no key: the long random ID is the permission. A browser gets a page.",
        parameters=(parameters.BATCH_ID, parameters.FAILED_ONLY, parameters.AFTER_INDEX, parameters.FORMAT),
        answers={
            200: Answer(
                "The batch is finished, whatever has failed.",
                "BatchReport",
                {HTML: "A page with the progress and the failed rows.", CSV: _FAILED, XLSX: _FAILED},
            ),
            202: _RUNNING,
        },
        codes=(ErrorCode.INVALID_REQUEST, ErrorCode.NOT_FOUND, *OF_THE_APP, *OF_STORAGE),
        pages={404: "A page that says so."},
    ),
    Operation(
        function="get_batch_status",
        id="GetBatchStatus",
        visibility=INTERNAL,
        tag="Batches",
        summary="Get the status of a batch",
        description="Says how far a batch is: running, succeeded or failed.",
        more="For clients that know long-running operations of Azure. Needs no key: the long random ID is the "
        "permission.",
        parameters=(parameters.BATCH_ID,),
        answers={200: Answer("How far the batch is.", "BatchStatus")},
        codes=(ErrorCode.NOT_FOUND, *OF_THE_APP, *OF_STORAGE),
    ),
    Operation(
        function="delete_batch",
        id="DeleteBatch",
        visibility=ADVANCED,
        tag="Batches",
        summary="Delete a batch",
        description="Stops what has not been sent of a batch, and deletes its activities and its report from the app. "
        "What was created in Viva Learning stays there.",
        more="After that, the address of the report answers 404, and so does deleting the batch again.",
        parameters=(parameters.BATCH_ID,),
        answers={200: Answer("How many activities of the batch had come to no end.", "DeletedBatch")},
        codes=(ErrorCode.NOT_FOUND, *OF_A_CALLER, *OF_THE_APP, *OF_STORAGE),
    ),
    Operation(
        function="list_failures",
        id="ListFailures",
        visibility=ADVANCED,
        tag="Failures",
        summary="List the failures of the queue",
        description="Lists the activities that could not be created from the storage queue, newest first, each with "
        "the reason.",
        parameters=(parameters.ERROR_CODE, parameters.TOP, parameters.AFTER_FAILURE),
        answers={200: Answer("One page of failures.", "FailurePage")},
        codes=(ErrorCode.INVALID_REQUEST, *OF_A_CALLER, *OF_THE_APP, *OF_STORAGE),
    ),
    Operation(
        function="replay_failures",
        id="ReplayFailures",
        visibility=ADVANCED,
        tag="Failures",
        summary="Replay failures of the queue",
        description="Puts failures back into the queue after their cause is repaired: all of them, those with an error "
        "code, or those with the IDs that you give.",
        body="Selection",
        answers={200: Answer("How many failures were put back.", "Replayed")},
        codes=(*OF_A_BODY, *OF_A_CALLER, *OF_THE_APP, *OF_STORAGE),
    ),
    Operation(
        function="discard_failures",
        id="DiscardFailures",
        visibility=ADVANCED,
        tag="Failures",
        summary="Discard failures of the queue",
        description="Throws failures away that nobody needs any more: all of them, those with an error code, or those "
        "with the IDs that you give. They cannot be replayed after that.",
        body="Selection",
        answers={200: Answer("How many failures were thrown away.", "Discarded")},
        codes=(*OF_A_BODY, *OF_A_CALLER, *OF_THE_APP, *OF_STORAGE),
    ),
    Operation(
        function="erase_learner",
        id="EraseLearner",
        visibility=None,
        tag="Learners",
        summary="Erase a learner",
        description="Erases what the app keeps about one learner: states in its ledger, failures, messages on the "
        "queue of failures, records of batches. What is in Viva Learning stays.",
        more="It can be repeated at any time: what is gone is not counted again.",
        body="LearnerSelection",
        answers={200: Answer("How much was erased, and whether there is more.", "ErasedLearner")},
        codes=(*OF_A_BODY, *OF_A_CALLER, *OF_THE_APP, *OF_STORAGE),
    ),
    Operation(
        function="check_tenant",
        id="CheckTenant",
        visibility=None,
        tag="App",
        summary="Check the tenant",
        description="Tries everything that the app takes for granted about Microsoft Graph, on activities that it "
        "makes for a test person and takes away again, and says what holds.",
        more="It goes on in the background, and its result is where Location says; with wait=true the answer is the "
        "result. One check is made at a time: whoever asks meanwhile is told how far that one is.",
        parameters=(parameters.WAIT,),
        body="TenantCheckOrder",
        answers={
            200: Answer("The result.", "TenantCheck"),
            202: Answer("The check is under way.", "TenantCheckProgress", headers=("Location", "Retry-After")),
        },
        codes=(*OF_A_BODY, *OF_A_CALLER, *OF_THE_APP, *OF_STORAGE, ErrorCode.CREATE_IN_PROGRESS),
    ),
    Operation(
        function="open_tenant_check",
        id="OpenTenantCheck",
        visibility=None,
        tag="App",
        summary="Open the page of the tenant check",
        description="Answers with a page on which a person checks the tenant. It needs no key; what it does needs it.",
        answers={200: Answer("The page.", "", {HTML: "A page with the fields, the progress and the result."})},
        codes=OF_THE_APP,
    ),
    Operation(
        function="get_tenant_check",
        id="GetTenantCheck",
        visibility=None,
        tag="App",
        summary="Get the last tenant check",
        description="Says how far the tenant check is that is under way, or what the last one found. It is kept for "
        "30 days.",
        answers={
            200: Answer("The result.", "TenantCheck"),
            202: Answer("The check is under way.", "TenantCheckProgress", headers=("Location", "Retry-After")),
        },
        codes=(ErrorCode.NOT_FOUND, *OF_A_CALLER, *OF_THE_APP, *OF_STORAGE),
    ),
    Operation(
        function="get_health",
        id="GetHealth",
        visibility=None,
        tag="App",
        summary="Get the health of the app",
        description="Says whether the app gets a token and reaches its storage, and which permissions its identity "
        "lacks. Needs no key.",
        answers={200: Answer("The app can do its work.", "Health"), 503: Answer("It cannot; why is told.", "Health")},
        codes=OF_THE_APP,
    ),
    Operation(
        function="get_openapi",
        id="GetOpenApi",
        connector_id="TestConnection",
        visibility=INTERNAL,
        tag="App",
        summary="Get the description of the app",
        description="Answers with the description of all operations, and by that says whether the function key is "
        "right.",
        answers={200: Answer("The description of all operations.", "ApiDescription")},
        codes=(*OF_A_CALLER, *OF_THE_APP),
    ),
)
