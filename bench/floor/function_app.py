"""The least that can create an activity: one aiohttp session, a token fetched by hand, the body handed on unread.

It checks nothing, translates nothing and remembers nothing: no product could be like that, and none can be faster.
https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference
"""

import os
import time

import aiohttp
import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)

_URL = (
    f"{os.environ['GRAPH_BASE_URL']}/employeeExperience/learningProviders/{os.environ['LEARNING_PROVIDER_ID']}"
    "/learningCourseActivities"
)
_TOKEN_PARAMETERS = {"api-version": "2019-08-01", "resource": "https://graph.microsoft.com"}
_JSON = {"Content-Type": "application/json"}


class _Graph:
    """One session and one token for the process."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None
        self._authorization = ""
        self._expires_on = 0.0

    async def create(self, body: bytes) -> tuple[int, bytes]:
        """Send one create and return the answer's status and body."""
        if self._session is None:
            self._session = aiohttp.ClientSession()
        if self._expires_on < time.time() + 300:
            await self._fetch_token(self._session)
        headers = {**_JSON, "Authorization": self._authorization}
        async with self._session.post(_URL, data=body, headers=headers) as answer:
            return answer.status, await answer.read()

    async def _fetch_token(self, session: aiohttp.ClientSession) -> None:
        headers = {"X-IDENTITY-HEADER": os.environ["IDENTITY_HEADER"]}
        async with session.get(os.environ["IDENTITY_ENDPOINT"], params=_TOKEN_PARAMETERS, headers=headers) as answer:
            token = await answer.json()
        self._authorization = f"Bearer {token['access_token']}"
        self._expires_on = float(token["expires_on"])


_graph = _Graph()


@app.route("assignments", methods=["POST"])
async def create_assignment(req: func.HttpRequest) -> func.HttpResponse:
    """Create an activity from Graph's own body."""
    status, body = await _graph.create(req.get_body())
    return func.HttpResponse(body, status_code=status, mimetype="application/json")


@app.queue_trigger(
    arg_name="msg", queue_name="%ACTIVITY_QUEUE%", connection="AzureWebJobsStorage", data_type=func.DataType.BINARY
)
async def create_from_queue(msg: func.QueueMessage) -> None:
    """Create an activity from a message with Graph's own body."""
    status, body = await _graph.create(msg.get_body())
    if status != 201:  # noqa: PLR2004 (created)
        raise RuntimeError(f"Graph answered {status}: {body.decode(errors='replace')}")
