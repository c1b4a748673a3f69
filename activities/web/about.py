"""What the app says of itself: whether it can work, and its API's document."""

from functools import cache
from http import HTTPStatus
from importlib.resources import files

from activities.app import App
from activities.web import answers, http


async def get_health(app: App, request: http.Request) -> http.Response:
    """Say whether the app can work."""
    return answers.encode_health(await app.health.report(), request)


async def get_openapi(_: App, request: http.Request) -> http.Response:
    """Describe the API in OpenAPI 3.1; the file is written from the code, and deployed with it."""
    return http.respond_with(HTTPStatus.OK, _openapi(), request, {"Content-Type": "application/json"})


@cache
def _openapi() -> bytes:
    return files("activities.web").joinpath("openapi.json").read_bytes()
