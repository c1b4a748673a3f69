"""A provider's learning contents as Graph shows them: one by its external id, all in pages.

https://learn.microsoft.com/graph/api/learningcontent-get
https://learn.microsoft.com/graph/api/learningprovider-list-learningcontents
"""

import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from local.emulators.exchange import GraphError, Request
from local.emulators.learning import NOT_REGISTERED
from local.emulators.tenant import Tenant

READ_CONTENT = "LearningContent.Read.All"

NO_PRIVILEGES = "Insufficient privileges to complete the operation."
NO_CONTENT = "The requested learning content doesn't exist."
PAGE = 100

_PROPERTIES = ("id", "externalId", "title", "isActive", "contentWebUrl", "languageTag")
_KEY = re.compile(r"learningContents\(externalId='((?:[^']|'')*)'\)")


class ContentError(ValueError):
    """A content makes no sense; the message says why."""


class Courses:
    """The contents of every provider.

    `not_found_status` is what Graph answers for an external id that no content has: it is documented nowhere.
    """

    def __init__(self) -> None:
        self.contents: list[dict[str, Any]] = []
        self.not_found_status = 404

    def add(self, content: Any) -> None:
        """Add a content or a list of them, each with its learningProviderId, id, externalId and title.

        Raises:
            ContentError: one of them makes no sense; none is added then.
        """
        contents = content if isinstance(content, list) else [content]
        needed = ("learningProviderId", "id", "externalId", "title")
        for one in contents:
            if not isinstance(one, dict) or not one.keys() <= {"learningProviderId", *_PROPERTIES}:
                raise ContentError(
                    f"A content is an object with some of: learningProviderId, {', '.join(_PROPERTIES)}."
                )
            if not all(isinstance(one.get(name), str) for name in needed):
                raise ContentError(f"A content has {', '.join(needed)}.")
        self.contents += [{**one, "learningProviderId": one["learningProviderId"].lower()} for one in contents]

    def clear(self) -> None:
        """Forget every content."""
        self.contents.clear()
        self.not_found_status = 404

    def answer(
        self, registration_id: str, resource: str, request: Request, *, tenant: Tenant, roles: AbstractSet[str]
    ) -> dict[str, Any]:
        """Answer for a provider's contents, or for one of them, as the last segment of the path says.

        Raises:
            GraphError: they may not be read, or are not there.
        """
        if READ_CONTENT not in roles:
            raise GraphError(403, "Authorization_RequestDenied", NO_PRIVILEGES)
        if registration_id not in tenant.sync_enabled:
            raise GraphError(400, "badRequest", NOT_REGISTERED)
        contents = [content for content in self.contents if content["learningProviderId"] == registration_id]
        if key := _KEY.fullmatch(resource):
            external_id = key[1].replace("''", "'")
            for content in contents:
                if content["externalId"] == external_id:
                    return _shown(content, request.query)
            raise GraphError(self.not_found_status, "notFound", NO_CONTENT)
        return _page(registration_id, contents, request)


def is_about_contents(resource: str) -> bool:
    """Tell whether the last segment of a path, percent-decoded, means a provider's contents or one of them."""
    return resource == "learningContents" or _KEY.fullmatch(resource) is not None


def _page(registration_id: str, contents: Sequence[Mapping[str, Any]], request: Request) -> dict[str, Any]:
    query = request.query
    if {"$filter", "$search"} & query.keys():
        raise GraphError(400, "BadRequest", "This query option isn't supported.")
    skip = int(query.get("skip", "0"))
    page: dict[str, Any] = {
        "@odata.count": len(contents),
        "value": [_shown(content, query) for content in contents[skip : skip + PAGE]],
    }
    if skip + PAGE < len(contents):
        # Without the dollar sign, and without what was selected, as the API page shows it.
        host = request.headers.get("host", "graph.microsoft.com")
        scheme = "https" if host == "graph.microsoft.com" else "http"
        path = f"v1.0/employeeExperience/learningProviders/{registration_id}/learningContents"
        page["@odata.nextLink"] = f"{scheme}://{host}/{path}?skip={skip + PAGE}&top={PAGE}"
    return page


def _shown(content: Mapping[str, Any], query: Mapping[str, str]) -> dict[str, Any]:
    selected = query["$select"].split(",") if "$select" in query else list(_PROPERTIES)
    for name in selected:
        if name not in _PROPERTIES:
            message = f"Could not find a property named '{name}' on type 'microsoft.graph.learningContent'."
            raise GraphError(400, "BadRequest", message)
    defaults = {"isActive": True}
    return {name: content.get(name, defaults.get(name)) for name in selected}
