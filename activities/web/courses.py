"""``GET`` of a provider's courses: all that can be chosen, or the one with an id of the provider's own."""

from collections.abc import Iterable
from dataclasses import replace
from http import HTTPStatus

from activities.app import App
from activities.contract.providers import parse_provider
from activities.execution import unresolved
from activities.execution.directory import Absence, Content, Name
from activities.web import http

# A designer waits for a list; five thousand courses come on some dozens of pages.
LIST_SECONDS = 60.0
LOOK_UP_SECONDS = 10.0


async def list_learning_contents(app: App, request: http.Request) -> http.Response:
    """Answer with the courses of ``registrationId``: those with ``search`` in the title, or the one of ``externalId``.

    Raises:
        ActivityError: also ``contentNotFound``.
    """
    provider = parse_provider(request.parameter("registrationId"), replace(app.defaults, client_id=request.client_id))
    app.graph.check_open(provider)
    directory = app.graph.names.directory
    if external_id := request.parameter("externalId").strip():
        name = Name.of_content(provider, external_id)
        content = await directory.content_named(name, timeout_seconds=LOOK_UP_SECONDS)
        if isinstance(content, Absence):
            raise unresolved.refused("externalId", name, content)
        return encode([content], truncated=False, request=request)
    listed = await directory.contents_of(provider, timeout_seconds=LIST_SECONDS)
    words = request.parameter("search").casefold().split()
    found = [one for one in listed.contents if one.is_active and all(word in one.title.casefold() for word in words)]
    return encode(found, truncated=listed.truncated, request=request)


def encode(contents: Iterable[Content], *, truncated: bool, request: http.Request) -> http.Response:
    """Answer with courses as a list shows them."""
    courses = [
        {
            "id": one.id,
            "externalId": one.external_id,
            "title": one.title,
            "displayName": f"{one.title} ({one.external_id})" if one.external_id else one.title,
        }
        for one in sorted(contents, key=lambda one: (one.title.casefold(), one.external_id))
    ]
    return http.respond(HTTPStatus.OK, {"value": courses, "truncated": truncated}, request)
